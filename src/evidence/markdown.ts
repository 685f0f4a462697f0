// The few shapes that our pages are made of. Whoever calls these hands in our own words, or text that `visible.ts` has
// made harmless.

import { codeSpan } from "./visible.ts";

/** A table; cells hold no line breaks. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |\n`;
  return `${line(head)}${line(head.map(() => ":--"))}${rows.map(line).join("")}\n`;
}

/** Names and what they are. Markdown has no table without a head, so the first is the head. */
export function facts(rows: readonly (readonly [string, string])[]): string {
  const [head = ["", ""], ...rest] = rows;
  return table(head, rest);
}

/** A time of events, for people: `2026-11-23 05:00:01.000`; a code span of what is none. */
export function timeOf(at: string): string {
  return TIME.test(at) ? `${at.slice(0, 10)} ${at.slice(11, 23)}` : codeSpan(at);
}

const TIME = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$/;

/** Markdown that is folded away under our own words. */
export function folded(summary: string, markdown: string): string {
  return `<details><summary>${summary}</summary>\n\n${markdown}</details>\n\n`;
}

/** A time of day in words that a table has room for: how long it took. */
export function duration(milliseconds: number): string {
  if (!Number.isFinite(milliseconds) || milliseconds < 0) return "unknown";
  if (milliseconds < 1000) return `${milliseconds} ms`;
  if (milliseconds < 60_000) return `${(milliseconds / 1000).toFixed(1)} s`;
  return `${Math.floor(milliseconds / 60_000)} min ${Math.round((milliseconds % 60_000) / 1000)} s`;
}

/** `1 command`, `2 commands`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

const REPOSITORY = /^[A-Za-z0-9][A-Za-z0-9-]{0,38}\/(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}$/;
const WORKFLOW = /^(\.github\/workflows\/[A-Za-z0-9._-]{1,100}\.ya?ml)@/;
const COMMIT = /^[0-9a-f]{40}$/;
const NUMBER = /^[1-9][0-9]{0,19}$/;

/** What a session says of where it ran, as links to GitHub; what does not look like it is no link. */
export interface Origin {
  readonly repository: string;
  readonly workflow: string;
  readonly run: string;
  readonly commit: string;
}

/** Each name as a code span, linked where every part of the address is of the form that GitHub gives such names. */
export function githubLinks(said: {
  readonly repository: string;
  readonly workflowRef: string;
  readonly run: string;
  readonly attempt: string;
  readonly commit: string;
}): Origin {
  const { repository, workflowRef, run, attempt, commit } = said;
  const home = REPOSITORY.test(repository) ? `https://github.com/${repository}` : undefined;
  const link = (text: string, path: string | undefined): string =>
    home === undefined || path === undefined ? codeSpan(text) : `[${codeSpan(text)}](${home}${path})`;
  const file = workflowRef.startsWith(`${repository}/`)
    ? WORKFLOW.exec(workflowRef.slice(repository.length + 1))?.[1]
    : undefined;
  const isCommit = COMMIT.test(commit);
  return {
    repository: link(repository, ""),
    workflow: link(workflowRef, isCommit && file !== undefined ? `/blob/${commit}/${file}` : undefined),
    run: link(
      run,
      NUMBER.test(run) ? `/actions/runs/${run}${NUMBER.test(attempt) ? `/attempts/${attempt}` : ""}` : undefined,
    ),
    commit: link(commit, isCommit ? `/commit/${commit}` : undefined),
  };
}
