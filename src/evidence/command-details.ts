// What a page says of one command: its text and parameters, why it was decided so, people's words, the answer folded away.

import type { Redacted } from "../model/event.ts";
import { valueText } from "./answer-text.ts";
import { counted, folded, timeOf } from "./markdown.ts";
import type { Story, Told, Values } from "./story.ts";
import { codeBlock, codeSpan, codeSpans } from "./visible.ts";

/** Of one text or answer so much is shown; the whole is in the disclosures. */
const TEXT_CHARS_MAX = 4000;

/** Of a parameter less, for there may be many. */
const PARAM_CHARS_MAX = 400;
const PARAMS_SHOWN_MAX = 16;

/** Names in one cell of a table: with more, the columns behind it are out of sight. */
export const NAMES_SHOWN_MAX = 3;

/** Of reasons there is more room. */
const REASONS_SHOWN_MAX = 8;

/** Lines that are named one by one. */
const LINES_SHOWN_MAX = 20;

/** Opens disclosed values, and says of one that is not there whether it was erased. */
export class Show {
  readonly #values: Values;
  readonly #erased: ReadonlySet<string>;

  constructor(values: Values, erased: ReadonlySet<string>) {
    this.#values = values;
    this.#erased = erased;
  }

  /** The value as text with nothing unseen in it; undefined where it is not there. */
  text(redacted: Redacted, charsMax = TEXT_CHARS_MAX): string | undefined {
    const value = this.#values(redacted);
    return value === undefined ? undefined : valueText(value, charsMax);
  }

  missing(redacted: Redacted): string {
    return this.#erased.has(redacted["..."]) ? "*erased*, see [Erased](#erased)" : "*withheld, and no erasure says so*";
  }

  /** A fenced block of the value, behind this label. */
  block(label: string, redacted: Redacted, charsMax = TEXT_CHARS_MAX): string {
    const text = this.text(redacted, charsMax);
    return text === undefined ? `${label}${this.missing(redacted)}\n\n` : `${label}${codeBlock(text)}\n`;
  }
}

/** Details as far as there is room: of those that were held, denied or failed before all others. And what is left out. */
export function detailsWithin(
  story: Story,
  told: readonly Told[],
  show: Show,
  bytesMax: number,
): readonly [shown: string, rest: string] {
  const chosen = new Map<number, string>();
  let room = bytesMax;
  for (const each of [...told.filter(isNotable), ...told.filter((one) => !isNotable(one))]) {
    const text = details(story, each, show);
    const bytes = Buffer.byteLength(text);
    if (bytes > room) continue;
    room -= bytes;
    chosen.set(each.seq, text);
  }
  const left = told.filter(({ seq }) => !chosen.has(seq));
  const lines = left.slice(0, LINES_SHOWN_MAX).map(({ seq }) => seq + 1);
  const more = left.length > lines.length ? " and others" : "";
  const rest =
    left.length === 0
      ? ""
      : `The details of ${counted(left.length, "command")} above are left out, for there is no room: they begin in line ${lines.join(", ")}${more} of \`events.jsonl\`.\n\n`;
  return [told.flatMap(({ seq }) => chosen.get(seq) ?? []).join(""), rest];
}

function isNotable({ decided, settled, returned }: Told): boolean {
  return (
    decided?.decision !== "allow" ||
    settled?.ruling !== "release" ||
    returned.some(({ outcome }) => outcome === "error" || outcome === "unknown")
  );
}

function details(story: Story, told: Told, show: Show): string {
  const { seen, decided, settled } = told;
  const words = [
    seen.effects.join(", "),
    ...(decided === undefined ? ["not decided"] : [DECIDED[decided.decision]]),
    ...told.answered.map(({ answer }) => answer),
    ...(settled?.ruling === "refuse" ? ["refused"] : []),
    ...told.returned.map(({ outcome, rows }) => `${outcome}${rows < 0 ? "" : `, ${counted(rows, "row")}`}`),
  ];
  const heading = `${seen.cmd}: ${words.join(", ")}`;
  const marks = `${seen.tx ? ", in a transaction" : ""}${seen.bounded ? "" : ", **no condition limits what it changes**"}`;
  const message = decided === undefined || decided.message === "" ? "" : `: ${codeSpan(decided.message)}`;
  const params = seen.params.slice(0, PARAMS_SHOWN_MAX);
  const more = seen.params.length - params.length;
  const read = [
    `Seen ${timeOf(told.at)} on connection ${told.conn}, ${seen.bytes} bytes${marks}`,
    ...(seen.why.length === 0 ? [] : [`Because ${codeSpans(seen.why, REASONS_SHOWN_MAX)}`]),
    ...(decided === undefined
      ? []
      : [`${capital(DECIDED[decided.decision])} by rule ${codeSpan(decided.rule)}${message}`]),
  ];
  const body = [
    `${read.map((each) => `- ${each}\n`).join("")}\n`,
    ...story.textOf(told).map((each) => show.block("", each)),
    ...params.map((each, at) => show.block(`Parameter ${at + 1}:\n\n`, each, PARAM_CHARS_MAX)),
    more > 0 ? `${counted(more, "more parameter")} in line ${told.seq + 1} of \`events.jsonl\`.\n\n` : "",
    ...told.answered.flatMap(({ answer, by, reason }) =>
      reason.map((each) =>
        show.block(`${capital(answer)}${by.length === 0 ? "" : ` by ${people(by)}`}, because:\n\n`, each),
      ),
    ),
    ...told.returned.map((each) => execution(each, show)),
  ].join("");
  return isNotable(told) && !told.own ? `### ${heading}\n\n${body}` : folded(heading, body);
}

const DECIDED = { allow: "allowed", deny: "denied", hold: "held" } as const;

function execution(each: Told["returned"][number], show: Show): string {
  const said = `Execution ${each.execution}: ${each.outcome}, ${each.rows < 0 ? "unknown rows" : counted(each.rows, "row")}, ${each.bytes} bytes, ${each.masked} spans masked${each.truncated ? ", **recorded in part**" : ""}.\n\n`;
  return `${said}${each.response.map((one) => (show.text(one) === undefined ? show.block("", one) : folded("Answer", show.block("", one)))).join("")}`;
}

/** Who answered, and by which way. */
export function people(by: readonly { readonly login: string; readonly via: string }[]): string {
  const shown = by.slice(0, NAMES_SHOWN_MAX).map(({ login, via }) => `${codeSpan(login)} (${codeSpan(via)})`);
  return `${shown.join(", ")}${by.length > shown.length ? ` and ${by.length - shown.length} more` : ""}`;
}

function capital(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
}
