/** What GitHub's surfaces should show of a session's requests now. Says it, and shows nothing itself. */

import { type Asked, checkText, type Markup, planText } from "../../src/approval/check-text.ts";
import { isPlanRequest } from "../../src/approval/shape.ts";
import { codeBlock, codeSpan, cut, visibleLine } from "../../src/evidence/visible.ts";
import type { Shown } from "../../src/github/checks.ts";
import { answeredOf, askedOf, type RequestRow } from "./requests.ts";

const MARKUP: Markup = { block: codeBlock, span: codeSpan };

/** The name of the check on every commit: one that a ruleset can require. */
export const CHECK_NAME = "countersign";

/** A check with its history is read for the newest of it. */
const ENDED_SHOWN_MAX = 50;
const REASON_CHARACTERS_MAX = 300;
const NAME_CHARACTERS_MAX = 100;

export interface Showing {
  readonly check: Shown;
  /** Ids of the requests that the check shows whole. */
  readonly whole: readonly string[];
  readonly waiting: readonly RequestRow[];
}

/** `isDisclosed`: the repository was made public since, and what people said stays out. */
export function showingOf(
  requests: readonly RequestRow[],
  { isDisclosed }: { readonly isDisclosed: boolean },
): Showing {
  const waiting = requests.filter(({ state }) => state === "pending");
  const [first] = waiting;
  if (first === undefined || isDisclosed) {
    return { check: endedCheck(requests, isDisclosed), whole: [], waiting };
  }
  const asked = waiting.map((row) => askedWith(row, requests));
  const request = askedOf(first);
  // A plan stands alone: its statements are what is approved, and they are shown nowhere else.
  const isPlan = isPlanRequest(request);
  const plan = waiting.findIndex((row) => isPlanRequest(askedOf(row)));
  const shown = isPlan ? asked.slice(0, 1) : asked.slice(0, plan < 0 ? asked.length : plan);
  const text = isPlan
    ? planText({ ...(asked[0] ?? askedWith(first, requests)), request }, request.statements, MARKUP)
    : checkText(shown, MARKUP);
  const behind = waiting.length - shown.length;
  const { title, summary, buttons, shownWhole } = text;
  return {
    check: {
      conclusion: "action_required",
      title,
      summary:
        behind === 0
          ? summary
          : `${summary}\n${behind} more wait that are not shown yet; they come when this is answered.\n`,
      text: text.text,
      buttons,
    },
    whole: shownWhole,
    waiting,
  };
}

function askedWith(row: RequestRow, all: readonly RequestRow[]): Asked {
  const request = askedOf(row);
  const before = all.slice(0, all.indexOf(row)).map(askedOf);
  const repeats = before.filter(({ text, target }) => text === request.text && target === request.target).length;
  return { request, code: row.code, repeats };
}

const CONCLUSIONS = [
  ["refused", "failure"],
  ["expired", "timed_out"],
  ["withdrawn", "cancelled"],
  ["void", "cancelled"],
] as const;

function endedCheck(requests: readonly RequestRow[], isDisclosed: boolean): Shown {
  const ended = requests.filter(({ state }) => state !== "pending");
  const states = new Set(ended.map(({ state }) => state));
  const worst = CONCLUSIONS.find(([state]) => states.has(state));
  const newest = ended.toSorted((one, other) => endOf(other) - endOf(one)).slice(0, ENDED_SHOWN_MAX);
  const left = ended.length - newest.length;
  const lines = newest.flatMap((row) => endedLines(row, isDisclosed));
  return {
    conclusion: worst?.[1] ?? (ended.length === 0 ? "neutral" : "success"),
    title: `Nothing waits${ended.length === 0 ? "" : `: ${countsOf(ended)}`}`,
    summary: isDisclosed
      ? "The repository was made public while requests waited, which ended them. What was said is not repeated here.\n"
      : `Nothing waits for an answer${ended.length === 0 ? "" : `. Of ${ended.length} requests ${countsOf(ended)}`}.\n`,
    text: `${codeBlock(lines.join("\n"))}${left === 0 ? "" : `\n${left} earlier ones are not listed here. The evidence has all of them.\n`}`,
    buttons: [],
  };
}

/** `2 approved, 1 refused`. */
export function countsOf(ended: readonly RequestRow[]): string {
  const counts = new Map<string, number>();
  for (const row of ended) counts.set(wordOf(row), (counts.get(wordOf(row)) ?? 0) + 1);
  return [...counts].map(([word, count]) => `${count} ${word}`).join(", ");
}

function wordOf({ state }: RequestRow): string {
  return state === "used" || state === "approved" ? "approved" : state === "void" ? "approved too long ago" : state;
}

function endOf(row: RequestRow): number {
  return row.answered_at;
}

function endedLines(row: RequestRow, isDisclosed: boolean): readonly string[] {
  const { target, rule, digest } = askedOf(row);
  const answered = answeredOf(row);
  const people = answered.by.map(({ login, via }) => `${name(login)} (${via})`).join(", ");
  const who = people === "" ? "" : ` by ${people}`;
  const line = `${row.id} ${wordOf(row)}${who} at ${new Date(row.answered_at).toISOString()}; rule ${name(rule)}, target ${name(target)}, digest ${digest}`;
  const reason = visibleLine(answered.reason);
  if (reason === "" || isDisclosed) return [line];
  return [line, `  why: ${cut(reason, REASON_CHARACTERS_MAX)}`];
}

function name(text: string): string {
  return visibleLine(cut(text, NAME_CHARACTERS_MAX));
}

/** What names the App's comment or issue of a session to the App itself. */
export function markerOf({ sid, nonce }: { readonly sid: string; readonly nonce: string }): string {
  return `<!-- countersign ${sid} ${nonce} -->`;
}

/** At most this many are called by name. */
const CALLED_MAX = 10;

/**
 * The comment or issue: that something waits, and where it is read. The command is in the check, which nobody but the App
 * can write; a comment can be edited by whoever may write to the repository, this job's own token included.
 */
export function pointerText(
  showing: Showing,
  requests: readonly RequestRow[],
  place: { readonly marker: string; readonly url: string; readonly owner: string; readonly isPersonal: boolean },
): { readonly title: string; readonly body: string } {
  const { waiting } = showing;
  const link = /^https?:\/\/[\w.:/?=&%-]+$/.test(place.url) ? `[the check](${place.url})` : "the check of this commit";
  if (waiting.length === 0) {
    const ended = requests.filter(({ state }) => state !== "pending");
    return {
      title: "Countersign: nothing waits",
      body: `${place.marker}\n**Countersign:** nothing waits for an answer: ${countsOf(ended)}. Who, when and why is in ${link}.\n`,
    };
  }
  const what = waiting.length === 1 ? "one command waits" : `${waiting.length} commands wait`;
  const called = calledBy(waiting, place);
  return {
    title: "Countersign: approval needed",
    body: `${place.marker}\n**Countersign:** ${what} for an answer. Read it in ${link}, which says how to answer; nothing written here stands for it.\n${called === "" ? "" : `\nAsked: ${called}\n`}`,
  };
}

function calledBy(
  waiting: readonly RequestRow[],
  { owner, isPersonal }: { readonly owner: string; readonly isPersonal: boolean },
): string {
  const names = new Set<string>();
  for (const row of waiting) {
    const { teams, users } = askedOf(row).terms;
    for (const team of isPersonal ? [] : teams) if (/^[\w.-]{1,100}$/.test(team)) names.add(`@${owner}/${team}`);
    for (const user of users) if (/^[A-Za-z0-9-]{1,39}$/.test(user)) names.add(`@${user}`);
  }
  return [...names].toSorted().slice(0, CALLED_MAX).join(", ");
}
