// Takes out what must not be recorded. The only maker of `Masked`: whatever is written, signed or shown went through
// here. Chance is an argument, so that the same session masks the same value in the same way.
import { createHmac } from "node:crypto";
import type { Command, Slot } from "../model/command.ts";
import type { Masked } from "../model/masked.ts";
import {
  type As,
  type ColumnCatalog,
  type ColumnRule,
  type CompiledColumns,
  compileColumns,
  maskOfSlot,
  touchesMasked,
} from "./columns.ts";
import { visibleLine } from "./display.ts";
import { literalsIn, type Span } from "./literals.ts";

/** Says nothing of the value, not even its length. */
const REDACTED = "[redacted]";

/** Tokens kept per session, about 10 MB; what comes after is hashed, which shows as much. */
const TOKENS_MAX = 100_000;

/** Shorter keys than this could be searched. */
const KEY_BYTES_MIN = 16;

interface MaskedText {
  readonly text: Masked;
  /** How many values were taken out. */
  readonly spans: number;
}

/** One session's masking. Remembers which values it gave tokens for, by their keyed hash. */
export interface Masker {
  readonly columns: CompiledColumns;
  /** A command's text with the values taken out that go to masked columns. */
  maskText(text: string, slots: readonly Slot[], objects: readonly string[], catalog?: ColumnCatalog): MaskedText;
  /** How the first `count` values beside a command's text must be masked, traced by its slots. */
  paramMasks(
    command: Pick<Command, "slots" | "objects">,
    count: number,
    catalog?: ColumnCatalog,
  ): readonly (As | undefined)[];
  /** A value of a result, or beside a text; `as` is what `resultMasks` or `paramMasks` says. Null is nobody's secret. */
  maskCell(value: string | null, as: As | undefined): Masked | null;
}

/** Text that holds no values: names, effects, messages that we made of names. On one line, unseen characters shown. */
export function structure(text: string): Masked {
  return branded(visibleLine(text));
}

/**
 * Opens a session's masking. `key` is at least 16 unguessable bytes that are kept nowhere: whoever has it can try
 * values against hashes. Throws RangeError for a shorter one.
 */
export function openMasker(rules: readonly ColumnRule[], key: Uint8Array): Masker {
  if (key.length < KEY_BYTES_MIN) throw new RangeError(`the masking key has ${key.length} bytes, not ${KEY_BYTES_MIN}`);
  const columns = compileColumns(rules);
  const tokens = new Map<string, number>();
  const mask = (value: string, as: As): string => maskValue(value, as, { key, tokens });
  return {
    columns,
    maskText(text, slots, objects, catalog) {
      if (columns.patterns.length === 0) return { text: branded(text), spans: 0 };
      const literals = slots.flatMap(({ at, columns: to }) => ("param" in at ? [] : [{ span: at, to }]));
      // Offsets that cannot be are no reason to show anything.
      if (!literals.every(({ span }) => isWithin(span, text))) return { text: branded(REDACTED), spans: 1 };
      const traced = literals.flatMap(({ span, to }) => {
        const as = maskOfSlot(columns, to, objects, catalog);
        return as === undefined ? [] : [{ ...span, as }];
      });
      const untold = touchesMasked(columns, objects, catalog) ? untoldLiterals(text, slots, objects) : [];
      return replaceSpans(text, [...traced, ...untold.map((span) => ({ ...span, as: "redact" as const }))], mask);
    },
    paramMasks({ slots, objects }, count, catalog) {
      return Array.from({ length: count }, (_, index) => {
        const found = slots.filter(({ at }) => "param" in at && at.param === index);
        // Used in several places, it is masked for each of them; one untraced place is enough.
        const places = found.length === 0 ? [[]] : found.map((slot) => slot.columns);
        const each = places.map((to) => maskOfSlot(columns, to, objects, catalog));
        return each.includes("redact") ? "redact" : strictestOf(each);
      });
    },
    maskCell(value, as) {
      if (value === null) return null;
      return branded(as === undefined ? value : mask(value, as));
    },
  };
}

function strictestOf(each: readonly (As | undefined)[]): As | undefined {
  return (["redact", "hash", "tokenise", "partial"] as const).find((as) => each.includes(as));
}

function isWithin({ from, to }: Span, text: string): boolean {
  return Number.isInteger(from) && Number.isInteger(to) && from >= 0 && from < to && to <= text.length;
}

/** Literals that stand in no slot: in statements the reader has no slots for, and in texts that it could not read. */
function untoldLiterals(text: string, slots: readonly Slot[], objects: readonly string[]): readonly Span[] {
  const told = slots.flatMap(({ at }) => ("param" in at ? [] : [at])).toSorted((a, b) => a.from - b.from);
  const all = slots.length === 0 && objects.length === 0;
  const spans: Span[] = [];
  let from = 0;
  for (const slot of told) {
    if (slot.from > from) spans.push(...literalsIn(text, { from, to: slot.from }, { all }));
    from = Math.max(from, slot.to);
  }
  spans.push(...literalsIn(text, { from, to: text.length }, { all }));
  return spans;
}

function replaceSpans(
  text: string,
  spans: readonly (Span & { readonly as: As })[],
  mask: (value: string, as: As) => string,
): MaskedText {
  const pieces: string[] = [];
  let end = 0;
  let count = 0;
  for (const span of spans.toSorted((a, b) => a.from - b.from || b.to - a.to)) {
    if (span.to <= end) continue;
    // What reaches over the end of the one before is part of the same confusion, and is redacted with it.
    const overlaps = span.from < end;
    pieces.push(text.slice(end, Math.max(end, span.from)));
    pieces.push(overlaps ? REDACTED : maskLiteral(text.slice(span.from, span.to), span.as, mask));
    end = span.to;
    count += 1;
  }
  pieces.push(text.slice(end));
  return { text: branded(pieces.join("")), spans: count };
}

/** Masks a literal as it is written, so that the text still reads as SQL. */
function maskLiteral(written: string, as: As, mask: (value: string, as: As) => string): string {
  const value = valueOf(written);
  const isNumber = /^[\d.+-]/.test(written);
  const masked = value === undefined ? REDACTED : mask(value, as);
  return isNumber ? masked : `'${masked.replaceAll("'", "''")}'`;
}

/** The value of a plain string or number; undefined for the other ways to write one, which are only ever redacted. */
function valueOf(written: string): string | undefined {
  const inner = /^'((?:[^'\\]|'')*)'$/s.exec(written)?.[1];
  if (inner !== undefined) return inner.replaceAll("''", "'");
  return /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(written) ? written : undefined;
}

interface Session {
  readonly key: Uint8Array;
  readonly tokens: Map<string, number>;
}

function maskValue(value: string, as: As, session: Session): string {
  switch (as) {
    case "redact":
      return REDACTED;
    case "partial":
      return partial(value);
    case "hash":
      return `h:${keyedHash(value, session.key)}`;
    case "tokenise": {
      const hash = keyedHash(value, session.key);
      const known = session.tokens.get(hash);
      if (known !== undefined) return `t:${known}`;
      if (session.tokens.size >= TOKENS_MAX) return `h:${hash}`;
      session.tokens.set(hash, session.tokens.size + 1);
      return `t:${session.tokens.size}`;
    }
  }
}

/** 22 characters of base64url hold 132 bits: no two values of one session meet. */
function keyedHash(value: string, key: Uint8Array): string {
  return createHmac("sha256", key).update(value, "utf8").digest("base64url").slice(0, 22);
}

const EMAIL = /^([^\s@]+)@([A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,8}\.[A-Za-z]{2,63})$/;

/** At most a third of the value, first and last character; of an e-mail address the domain and that much of the name. */
function partial(value: string): string {
  const [, name, domain] = EMAIL.exec(value) ?? [];
  if (name !== undefined && domain !== undefined) return `${hint(name, { last: false })}@${domain}`;
  const characters = Array.from(value);
  if (characters.length < 6) return REDACTED;
  return hint(value, { last: characters.length >= 9 });
}

function hint(value: string, show: { readonly last: boolean }): string {
  const characters = Array.from(value);
  const first = characters.length >= 3 ? characters[0] : "";
  return `${first ?? ""}***${show.last ? (characters.at(-1) ?? "") : ""}`;
}

// oxlint-disable-next-line no-control-regex -- all of ASCII, most texts hold nothing else
const BEYOND_ASCII = /[^\0-\x7f]/;

/** Half of a pair of surrogates is no character and has no UTF-8; everything else is kept as it is. */
function branded(text: string): Masked {
  const wellFormed = BEYOND_ASCII.test(text) && /\p{Cs}/u.test(text) ? text.replaceAll(/\p{Cs}/gu, visibleLine) : text;
  // The one brand, see `src/model/masked.ts`: nothing else in the product asserts a type.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return wellFormed as Masked;
}
