/**
 * What a check run or a comment says of the requests that wait, in GitHub's Markdown.
 *
 * Headings and sentences are constants and numbers. Whatever a job, a policy or a target could have written stands in
 * blocks that nothing leaves, one line to a fact. Nothing is left out without saying so, and what does not fit whole has no
 * button and no code that approves it: nobody approves what they were not shown.
 */
import type { Surface } from "../model/decision.ts";
import { number, type RequestView, type Span, viewRequest } from "./display.ts";
import type { ApprovalRequest, PlanStatement } from "./ports.ts";
import { buttonOf } from "./words.ts";

/** How GitHub's Markdown is made harmless: text in a fenced block, or in a code span on one line. */
export interface Markup {
  readonly block: (text: string) => string;
  readonly span: (text: string) => string;
}

/** A request that waits, and what a check has to say with it. */
export interface Asked {
  readonly request: ApprovalRequest;
  /** What a comment answers it with. */
  readonly code: string;
  /** How many requests of this session held the same text before. */
  readonly repeats: number;
}

/** At most 20 characters in the label and the identifier, 40 in the description: GitHub's bounds. */
interface Button {
  readonly label: string;
  readonly description: string;
  readonly identifier: string;
}

/** All that GitHub is given of a check: at most 60,000 bytes of UTF-8 in its three texts together. */
export interface CheckText {
  readonly title: string;
  readonly summary: string;
  readonly text: string;
  /** For the first of the requests only: there is no button for all. */
  readonly buttons: readonly Button[];
  /** Ids of the requests that are shown whole. `Listed` needs it: nobody approves any other. */
  readonly shownWhole: readonly string[];
}

// GitHub takes 65,535 characters. In bytes, because nobody promised which it counts.
const TEXT_BYTES_MAX = 60_000;
// For title, summary and the sentences of ours; a test holds that they need less.
const OWN_BYTES = 3000;
// Enough for 200 tables of usual names. Who needs more is told so, and cannot approve it by a button.
const FACTS_BYTES_MAX = 12_000;
const SAID_BYTES_MAX = 6000;
const VALUES_BYTES_MAX = 8000;
// A-120: more do not wait for one session.
const LISTED_MAX = 20;

/** The text of a check for the requests of one job that wait, the oldest first. Throws RangeError for none. */
export function checkText(waiting: readonly Asked[], markup: Markup): CheckText {
  const [first, ...others] = waiting;
  if (first === undefined) {
    throw new RangeError("a check asks for at least one request");
  }
  const view = viewRequest(first.request);
  const behind = others.slice(0, LISTED_MAX - 1);
  const list = listOf(behind, others.length - behind.length, markup);
  const main = wholeRequest(first, view, TEXT_BYTES_MAX - OWN_BYTES - bytesOf(list), markup);
  let text = main.markdown + list;
  const shownWhole = main.isWhole ? [first.request.id] : [];
  for (const each of behind) {
    const more = wholeRequest(each, viewRequest(each.request), TEXT_BYTES_MAX - OWN_BYTES - bytesOf(text), markup);
    // A part of it would be no use without its code; it comes when it is the first.
    if (more.isWhole) {
      text += more.markdown;
      shownWhole.push(each.request.id);
    }
  }
  const rest = others.length === 0 ? "" : ` ${number(others.length)} more wait behind it.`;
  return {
    title: others.length === 0 ? `Approval needed: ${what(view)}` : `${number(waiting.length)} commands need approval`,
    summary: `${opening("One command", view, first.request)}${rest}\n`,
    text,
    buttons: buttonsFor(first.request, main.isWhole),
    shownWhole,
  };
}

/**
 * The text of a check for a plan. `asked.request` stands for the whole: its digest covers all statements in their order.
 * Throws RangeError for a plan of nothing.
 */
export function planText(asked: Asked, statements: readonly PlanStatement[], markup: Markup): CheckText {
  if (statements.length === 0) {
    throw new RangeError("a plan has at least one statement");
  }
  const view = viewRequest(asked.request);
  const common = identityOf(view, markup) + saidByJob(view, markup) + saidByPolicy(view, markup);
  const room = TEXT_BYTES_MAX - OWN_BYTES - bytesOf(common);
  const { markdown, isWhole } = statementsWithin(asked.request, statements, room, markup);
  return {
    title: `Approval needed: a plan of ${number(statements.length)} statements`,
    summary: `${opening(`A plan of ${number(statements.length)} statements`, view, asked.request)} Each is used once, in this order, in one session; any other command is asked about anew.\n`,
    text: `${common}${markdown}${howTo(asked, isWhole, markup)}`,
    buttons: buttonsFor(asked.request, isWhole),
    shownWhole: isWhole ? [asked.request.id] : [],
  };
}

/** Markdown, and whether it shows all that it is of. */
interface Part {
  readonly markdown: string;
  readonly isWhole: boolean;
}

function wholeRequest(asked: Asked, view: RequestView, bytesMax: number, markup: Markup): Part {
  const identity = identityOf(view, markup);
  const facts = headed("What it would do", fitted(factsOf(asked, view).join("\n"), FACTS_BYTES_MAX, markup));
  const rest = valuesOf(view, markup) + saidByJob(view, markup) + saidByPolicy(view, markup);
  const room = bytesMax - bytesOf(identity + facts.markdown + rest);
  const text = headed("The command", fitted(joined(view.text), room, markup));
  const isWhole = facts.isWhole && text.isWhole && view.objectsHidden === 0;
  return {
    markdown: `${identity}${facts.markdown}${text.markdown}${rest}${howTo(asked, isWhole, markup)}`,
    isWhole,
  };
}

function identityOf(view: RequestView, markup: Markup): string {
  const name = (text: string): string => spanOf(text, markup);
  return `### Request ${name(view.id)}\n\nDigest ${name(view.digest)} over ${number(view.bytes)} bytes. It waits until ${name(view.expiresAt)}.\n\n`;
}

function factsOf({ repeats }: Pick<Asked, "repeats">, view: RequestView): readonly string[] {
  const again = repeats === 0 ? [] : [`! The same text was asked ${number(repeats)} times before in this session.`];
  // A job may read the codes of its other requests.
  const imitated = /\/countersign/iu.test(
    [...view.params.flatMap(({ value }) => value ?? []), ...view.text].map(({ text }) => text).join(" "),
  )
    ? ["! The command holds what looks like an answer. Only the line at this request's end answers it."]
    : [];
  return [
    oneLine(`${view.headline}, at ${view.target}`),
    `Effects: ${view.chips.map(({ effect }) => effect).join(", ")}`,
    ...view.facts.filter((each) => each.group === "first").map(factLine),
    ...view.warnings.map((warning) => oneLine(`! ${warning}`)),
    ...again,
    ...imitated,
  ];
}

// What is missing of values, of the job's own words and of the rule's is said; all that it does is told without them.
function valuesOf({ params, paramsHidden }: RequestView, markup: Markup): string {
  const lines = params.map(({ position, value }) =>
    value === null ? `$${position} is null` : `$${position} = ${oneLine(joined(value))}`,
  );
  const hidden = paramsHidden === 0 ? "" : `${number(paramsHidden)} more values are not listed here.\n\n`;
  return headed("Its values", fitted(lines.join("\n"), VALUES_BYTES_MAX, markup)).markdown + hidden;
}

function saidByJob(view: RequestView, markup: Markup): string {
  return factsBlock(view, "job", "Said by the job of itself, which proves nothing", markup);
}

function saidByPolicy(view: RequestView, markup: Markup): string {
  return factsBlock(view, "more", "Why it was held", markup);
}

function factsBlock(view: RequestView, group: "job" | "more", heading: string, markup: Markup): string {
  const lines = view.facts.filter((each) => each.group === group).map(factLine);
  return headed(heading, fitted(lines.join("\n"), SAID_BYTES_MAX, markup)).markdown;
}

// Without line breaks, or a name could write the next fact.
function factLine({ label, value }: { readonly label: string; readonly value: string }): string {
  return `${label}: ${oneLine(value)}`;
}

function howTo({ request, code }: Asked, isWhole: boolean, markup: Markup): string {
  const { via } = request.terms;
  if (!isWhole) {
    return "**It cannot be approved here, because not all of it fits here.** Ask for it in smaller parts.\n\n";
  }
  const comment = `a comment whose whole first line is this, or the same with \`deny\`:\n\n${markup.block(`/countersign approve ${code}`)}`;
  const ways: Readonly<Record<Surface, string>> = {
    check: "the buttons of this check, when it is the first that waits",
    review: "a review of the pull request that approves, submitted from now on",
    comment,
  };
  // The comment last: its block ends the list.
  const allowed = (["check", "review", "comment"] as const).filter((each) => via.includes(each));
  if (allowed.length === 0) {
    return "";
  }
  return `Answer it by ${allowed.map((each) => ways[each]).join("; by ")}${via.includes("comment") ? "" : "."}\n\n`;
}

function listOf(others: readonly Asked[], unlisted: number, markup: Markup): string {
  if (others.length === 0) {
    return "";
  }
  const lines = others.map(({ request }, at) => {
    const view = viewRequest(request);
    return oneLine(
      `${at + 2}. ${view.id} until ${view.expiresAt}: ${view.headline}; ${what(view)}; ${number(view.bytes)} bytes, digest ${view.digest}`,
    );
  });
  const more = unlisted === 0 ? "" : `${number(unlisted)} more wait, which are not listed here.\n\n`;
  return `### Behind it\n\nThose that fit whole follow with their codes; the others come when they are the first.\n\n${markup.block(lines.join("\n"))}\n${more}`;
}

function statementsWithin(
  request: ApprovalRequest,
  statements: readonly PlanStatement[],
  bytesMax: number,
  markup: Markup,
): Part {
  const known = new Set(viewRequest(request).warnings);
  const parts: string[] = [];
  let room = bytesMax;
  for (const [at, statement] of statements.entries()) {
    const view = viewRequest({ ...request, ...statement, params: [] });
    const facts = [
      oneLine(view.headline),
      `Effects: ${view.chips.map(({ effect }) => effect).join(", ")}`,
      ...view.facts.filter((each) => each.group === "first" && each.label !== "Rule").map(factLine),
      ...view.warnings.filter((warning) => !known.has(warning)).map((warning) => oneLine(`! ${warning}`)),
    ];
    const heading = `### Statement ${number(at + 1)} of ${number(statements.length)}\n\nDigest ${spanOf(view.digest, markup)} over ${number(view.bytes)} bytes.\n\n`;
    const whole = `${heading}${markup.block(facts.join("\n"))}\n${markup.block(joined(view.text))}\n`;
    if (bytesOf(whole) > room || view.objectsHidden > 0) {
      const left = `**${number(statements.length - at)} of the ${number(statements.length)} statements are left out here.**\n\n`;
      return { markdown: parts.join("") + left, isWhole: false };
    }
    parts.push(whole);
    room -= bytesOf(whole);
  }
  return { markdown: parts.join(""), isWhole: true };
}

function buttonsFor({ id, terms }: ApprovalRequest, isWhole: boolean): readonly Button[] {
  if (!terms.via.includes("check")) {
    return [];
  }
  const deny = { label: "Deny", description: "Refuse this one request", identifier: buttonOf("refuse", id) };
  const approve = { label: "Approve once", description: "Release it, this once", identifier: buttonOf("approve", id) };
  return isWhole ? [approve, deny] : [deny];
}

function opening(subject: string, view: RequestView, { terms }: ApprovalRequest): string {
  const need = view.need === 1 ? "one person" : `${number(view.need)} different people`;
  const where = terms.via.length === 0 ? " The policy takes no answer on GitHub." : "";
  return `${subject} waits for ${need} to approve: ${what(view)}.${where}`;
}

// From constants alone.
function what({ chips, facts }: RequestView): string {
  const reach = facts.some(({ label, tone }) => label === "Reach" && tone === "danger");
  return `${chips.map(({ effect }) => effect).join(", ")}${reach ? ", limited by no condition" : ""}`;
}

function headed(heading: string, { markdown, isWhole }: Part): Part {
  return { markdown: markdown === "" ? "" : `#### ${heading}\n\n${markdown}\n`, isWhole };
}

/** `text` in a block of at most `bytesMax` bytes; of a longer one head and tail, and between them how much is missing. */
function fitted(text: string, bytesMax: number, markup: Markup): Part {
  if (text === "") {
    return { markdown: "", isWhole: true };
  }
  const whole = markup.block(text);
  if (bytesOf(whole) <= bytesMax) {
    return { markdown: whole, isWhole: true };
  }
  // Tried, not computed, because a fence grows with the back-ticks in its text.
  for (let kept = Math.min(text.length, Math.max(0, bytesMax)); kept >= 2; kept = Math.floor((kept * 7) / 8)) {
    const head = text.slice(0, Math.ceil((kept * 2) / 3)).replace(BROKEN_END, "");
    const tail = text.slice(text.length - Math.floor(kept / 3)).replace(BROKEN_START, "");
    const cut = `${markup.block(head)}\n${leftOut(text.length - head.length - tail.length)}${markup.block(tail)}`;
    if (bytesOf(cut) <= bytesMax) {
      return { markdown: cut, isWhole: false };
    }
  }
  return { markdown: leftOut(text.length), isWhole: false };
}

// Half a pair, or half of an escape of ours, which would read as something else.
const BROKEN_END = /(?:[\uD800-\uDBFF]|\\(?:u(?:\{[0-9A-F]{0,6})?)?)$/;
const BROKEN_START = /^(?:[\uDC00-\uDFFF]|u?\{?[0-9A-F]{0,6}\})/;

function leftOut(characters: number): string {
  return `**${number(characters)} characters are left out here.**\n\n`;
}

function spanOf(text: string, markup: Markup): string {
  return markup.span(text).replaceAll("@", "\\u{40}");
}

function oneLine(text: string): string {
  return text.replaceAll("\n", "\\u{A}");
}

function joined(all: readonly Span[]): string {
  return all.map(({ text }) => text).join("");
}

function bytesOf(text: string): number {
  return new TextEncoder().encode(text).length;
}
