/**
 * What a person sees of an approval request: the facts first, then the command, and nothing cut without saying so.
 *
 * It makes words and spans, never markup: each surface (page, terminal, GitHub) sets them in its own way. Headline and
 * labels are built from constants; whatever a job could have written is escaped, and labelled as the job's own.
 */
import type { Effect } from "../model/command.ts";
import type { ApprovalRequest, Impact } from "./ports.ts";

export type Tone = "calm" | "warn" | "danger";

/** A run of characters: the command's own text, an escape standing for a character that hides, or a note of ours. */
export interface Span {
  readonly kind: "text" | "escape" | "note";
  readonly text: string;
}

/**
 * One line of the summary. `first` decides most answers and stands before the text; `more` stands behind it; `job` is
 * what the job wrote of itself, no proof of anything.
 */
interface Fact {
  readonly group: "first" | "more" | "job";
  readonly label: string;
  readonly value: string;
  readonly tone: Tone;
}

interface Chip {
  readonly effect: Effect;
  readonly tone: Tone;
}

interface Param {
  /** From 1, as SQL counts them: `$1`. */
  readonly position: number;
  /** Null is the target's null. */
  readonly value: readonly Span[] | null;
}

/** A request as people read it, in the order in which they should. */
export interface RequestView {
  readonly id: string;
  /** The whole digest that an answer is bound to, and its first 12 characters for the eye. */
  readonly digest: string;
  readonly digestHead: string;
  readonly target: string;
  readonly headline: string;
  readonly chips: readonly Chip[];
  /** What should give a reader pause, each one a sentence. */
  readonly warnings: readonly string[];
  readonly facts: readonly Fact[];
  /** Objects beyond those that the facts list. */
  readonly objectsHidden: number;
  readonly text: readonly Span[];
  /** Bytes that a release sends, characters of the text shown, and its lines before blank ones were folded. */
  readonly bytes: number;
  readonly characters: number;
  readonly lines: number;
  readonly params: readonly Param[];
  /** Parameters beyond those shown; the digest covers them too. */
  readonly paramsHidden: number;
  readonly requestedAt: string;
  readonly expiresAt: string;
  readonly need: number;
}

// A page with more rows than this is not read. What is beyond is counted and said.
const PARAMS_SHOWN_MAX = 500;
const OBJECTS_SHOWN_MAX = 200;
// A branch or a step name longer than this is no name but a message to the approver.
const NAME_CHARACTERS_MAX = 200;
// Four blank lines are layout; five push something out of sight.
const BLANK_LINES_MAX = 4;
// 64 blanks in a row are an indent; more pushes something out of sight.
const BLANKS_MAX = 64;
const DIGEST_HEAD_CHARACTERS = 12;
const UNREADABLE = ["unknown", "Unreadable command that names", "Unreadable command"] as const;

const DANGER: ReadonlySet<Effect> = new Set(["delete", "schema", "grant", "admin", "unknown"]);
const WARN: ReadonlySet<Effect> = new Set(["write", "execute"]);

// The gravest first: the headline speaks of what matters most. Before an object, and where none is known.
const VERBS: readonly (readonly [Effect, string, string])[] = [
  UNREADABLE,
  ["grant", "Change privileges on", "Change privileges"],
  ["admin", "Administer", "Administer the server"],
  ["schema", "Change the schema of", "Change the schema"],
  ["delete", "Delete from", "Delete"],
  ["execute", "Run code on", "Run code"],
  ["write", "Write to", "Write"],
  ["session", "Change settings of", "Change session settings"],
  ["read", "Read", "Read"],
];

/** Everything a person is shown of `request`. */
export function viewRequest(request: ApprovalRequest): RequestView {
  const text = spans(request.text);
  return {
    id: request.id,
    digest: request.digest,
    digestHead: request.digest.slice(0, DIGEST_HEAD_CHARACTERS),
    target: visible(request.target),
    headline: headline(request),
    chips: request.effects.map((effect) => ({ effect, tone: toneOf(effect) })),
    warnings: warnings(request, text),
    facts: facts(request),
    objectsHidden: Math.max(0, request.objects.length - OBJECTS_SHOWN_MAX),
    text,
    bytes: request.bytes,
    characters: request.text.length,
    lines: request.text.split("\n").length,
    params: request.params.slice(0, PARAMS_SHOWN_MAX).map((value, at) => ({ position: at + 1, value: spans(value) })),
    paramsHidden: Math.max(0, request.params.length - PARAMS_SHOWN_MAX),
    requestedAt: request.requestedAt,
    expiresAt: request.expiresAt,
    need: Math.max(1, request.terms.count),
  };
}

/** How dangerous an effect looks: `danger` for what cannot be undone or not be read. */
function toneOf(effect: Effect): Tone {
  return DANGER.has(effect) ? "danger" : WARN.has(effect) ? "warn" : "calm";
}

/** How many rows it would touch, in words that do not promise more than is known. */
export function impactWords(impact: Impact): string {
  if (impact.counted >= 0) {
    const plan =
      impact.estimated >= 0 && impact.estimated !== impact.counted
        ? `; the plan estimates ${number(impact.estimated)}`
        : "";
    return `Would touch ${rows(impact.counted)} (counted before it ran${plan})`;
  }
  const note = impact.note === "" ? "" : ` (${visible(impact.note)})`;
  if (impact.estimated >= 0) {
    return `The plan estimates ${rows(impact.estimated)}${note === "" ? " (not counted)" : note}`;
  }
  return `Not known${note === "" ? ": the target gave no number" : note}`;
}

/** Whether a condition limits it, in plain words; empty where the question makes no sense. */
export function reachWords(request: Pick<ApprovalRequest, "effects" | "objects" | "bounded">): string {
  const changesRows = request.effects.some((each) => each === "write" || each === "delete");
  if (request.bounded) {
    return changesRows ? "Limited by a condition" : "";
  }
  if (!changesRows) {
    return "No condition limits it";
  }
  return request.objects.length === 0
    ? "Reaches every row of whatever it touches"
    : `Reaches every row of ${listed(request.objects)}`;
}

/**
 * Text with every character that hides, reorders or imitates a blank shown as `\u{...}`: controls (but for a line
 * feed), format and bidi controls, private use, unassigned, lone surrogates, odd spaces, and what draws nothing.
 */
export function visible(text: string): string {
  return text.replace(HIDING, escapeOf);
}

/** The same, cut into spans, with long runs of blank lines and of blanks folded into a note that counts them. */
export function spans(text: string): readonly Span[] {
  const found: Span[] = [];
  let from = 0;
  for (const match of text.matchAll(FOLDED_OR_HIDING)) {
    if (match.index > from) {
      found.push({ kind: "text", text: text.slice(from, match.index) });
    }
    found.push(standIn(match[0]));
    from = match.index + match[0].length;
  }
  if (from < text.length) {
    found.push({ kind: "text", text: text.slice(from) });
  }
  return found;
}

const HIDING_CLASS = String.raw`[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Cn}\p{Zl}\p{Zp}\p{DI}\u{00A0}\u{1680}\u{2000}-\u{200A}\u{202F}\u{205F}\u{3000}\u{2800}]`;
const HIDING = new RegExp(`(?!\\n)${HIDING_CLASS}`, "gu");
const FOLDED_OR_HIDING = new RegExp(
  `\\\\u\\{[0-9A-F]{1,6}\\}|\\n(?:[ \\t\\r]*\\n){${BLANK_LINES_MAX + 1},}|[ \\t]{${BLANKS_MAX + 1},}|\\t|(?!\\n)${HIDING_CLASS}`,
  "gu",
);

function standIn(found: string): Span {
  if (found.startsWith("\n")) {
    const blank = found.split("\n").length - 2;
    return { kind: "note", text: `\n[${number(blank)} blank lines]\n` };
  }
  if (found.length > BLANKS_MAX) {
    return { kind: "note", text: `[${number(found.length)} blanks]` };
  }
  if (found === "\t") {
    // A single tab is layout, and as harmless as the blanks it is shown as.
    return { kind: "text", text: "    " };
  }
  // Masked text comes with its escapes made already, and with a backslash that imitates one escaped itself.
  return { kind: "escape", text: found.startsWith("\\u{") ? found : escapeOf(found) };
}

function escapeOf(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return `\\u{${code.toString(16).toUpperCase()}}`;
}

function headline(request: ApprovalRequest): string {
  const [, before, alone] = VERBS.find(([effect]) => request.effects.includes(effect)) ?? UNREADABLE;
  const [first, ...rest] = request.objects;
  if (first === undefined) {
    return alone;
  }
  const more = rest.length === 0 ? "" : ` and ${number(rest.length)} more`;
  return `${before} ${shortened(first)}${more}`;
}

function warnings(request: ApprovalRequest, text: readonly Span[]): readonly string[] {
  const found: string[] = [];
  if (request.effects.includes("unknown")) {
    found.push("This command could not be read. What it does is not known; only its text is.");
  }
  if (request.inTransaction) {
    found.push("It waits inside an open transaction: locks at the target are held until you answer.");
  }
  if (request.objects.length === 0) {
    found.push("What it would touch could not be told. Read the text as if it could touch anything.");
  }
  if (text.some((each) => each.kind === "escape")) {
    found.push("The text holds characters that hide or reorder others. They are shown as \\u{…}.");
  }
  const lookalike =
    mixedScriptWord(request.text) ?? request.objects.map(mixedScriptWord).find((each) => each !== undefined);
  if (lookalike !== undefined) {
    found.push(`Letters of several alphabets in one word, which may imitate another name: ${lookalike}`);
  }
  if (COMMENT.test(request.text)) {
    found.push("The text may hold comments. They were written by the job and prove nothing.");
  }
  if (request.terms.count > 1) {
    found.push(`${request.terms.count} different people must approve.`);
  }
  return found;
}

// Said without reading the SQL: wherever a comment could begin. A false alarm here costs a sentence.
const COMMENT = /--|\/\*|(?:^|\s)#/u;
const WORD = /[\p{L}\p{M}\p{N}_]+/gu;
// The alphabets whose letters are drawn as Latin ones are, and full-width Latin itself.
const IMITATING =
  /[\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Armenian}\p{Script=Cherokee}\p{Script=Coptic}\u{FF21}-\u{FF5A}]/u;

function mixedScriptWord(text: string): string | undefined {
  for (const [word] of text.matchAll(WORD)) {
    if (/[A-Za-z]/.test(word) && IMITATING.test(word)) {
      const shown = word.replace(/[^\x20-\x7E]/gu, (character) => escapeOf(character));
      return shortened(shown);
    }
  }
  return undefined;
}

function facts(request: ApprovalRequest): readonly Fact[] {
  const { identity, impact, maskedSpans } = request;
  const isUncounted = impact.counted < 0 && impact.estimated < 0;
  const all: readonly Fact[] = [
    fact("first", "Reach", reachWords(request), request.bounded ? "calm" : "danger"),
    fact("first", "Rows", impactWords(impact), isUncounted ? "warn" : "calm"),
    request.objects.length === 0
      ? fact("first", "Touches", "Could not be told", "warn")
      : fact("first", "Touches", listed(request.objects)),
    fact("first", "Rule", `${request.rule}: ${request.message}`),
    fact("first", "Masked", maskedWords(maskedSpans)),
    fact("more", "Because", request.matched.join(", ")),
    fact("more", "Reading", request.why.join("; ")),
    fact("more", "Policy", request.policy),
    said("Asked by", people(identity.actor, identity.triggeringActor)),
    said("Workflow", identity.workflowRef),
    said("Job", [identity.job, identity.run === "" ? "" : `run ${identity.run}`].filter(isSaid).join(", ")),
    said("Repository", identity.repository),
    said("Commit", identity.commit),
    said("Branch", identity.ref),
    said("Environment", identity.environment),
  ];
  return all.filter((each) => isSaid(each.value));
}

function fact(group: "first" | "more", label: string, value: string, tone: Tone = "calm"): Fact {
  return { group, label, value: visible(value), tone };
}

function said(label: string, value: string): Fact {
  return { group: "job", label, value: shortened(value), tone: "calm" };
}

function isSaid(value: string): boolean {
  return value !== "";
}

function maskedWords(count: number): string {
  if (count === 0) {
    return "";
  }
  return count === 1
    ? "1 value is hidden here; an answer covers the real one"
    : `${number(count)} values are hidden here; an answer covers the real ones`;
}

function people(actor: string, triggering: string): string {
  return triggering === "" || triggering === actor ? actor : `${actor}, started again by ${triggering}`;
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, OBJECTS_SHOWN_MAX).map(visible).join(", ");
  const hidden = names.length - OBJECTS_SHOWN_MAX;
  return hidden > 0 ? `${shown} and ${number(hidden)} more that are not listed here` : shown;
}

function shortened(name: string): string {
  const shown = visible(name).replaceAll("\n", "\\n");
  const hidden = shown.length - NAME_CHARACTERS_MAX;
  return hidden > 0 ? `${shown.slice(0, NAME_CHARACTERS_MAX)}… (${number(hidden)} more characters)` : shown;
}

function rows(count: number): string {
  return count === 1 ? "1 row" : `${number(count)} rows`;
}

/** A count as people read it: `10,000`. */
export function number(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}
