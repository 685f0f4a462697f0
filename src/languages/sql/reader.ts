// Reads a text of SQL with PostgreSQL's own parser and says what it would do. Knows nothing of a catalog: what a view,
// a trigger or an operator class runs cannot be seen from a text, and is left to the server's own guards.

import { loadModule, parseSync } from "libpg-query";
import type { Slot } from "../../model/command.ts";
import { ADMIN, bitsOf, effectsOf, HARMLESS, READ, UNKNOWN } from "./effects.ts";
import { isNestedTooDeep } from "./nesting.ts";
import type { Reading, SqlReader, SqlSession, Statement } from "./reading.ts";
import { StatementWalk } from "./statements.ts";
import { TakenSession } from "./taken-session.ts";
import { type Token, tokensOf } from "./tokens.ts";
import { type Body, EMPTY, isBody, isList, number, type Value } from "./tree.ts";
import { type Columns, paramSlots, TooDeep, type Walk } from "./walk.ts";

/** A text of this size takes the parser about 0.2 s, during which nothing else moves. */
export const TEXT_LENGTH_MAX = 1024 * 1024;

/** Each generation of the cache: an application has some hundred texts; longer ones are dearer to keep than to read. */
const CACHED_TEXTS_MAX = 1_000;
const CACHED_LENGTH_MAX = 2 * 1024 * 1024;
const CACHED_TEXT_LENGTH_MAX = 64 * 1024;

/** Longer lists of names are not likely to come again. */
const LIST_LENGTH_MAX = 1_024;

/** Loads the parser (about 30 ms) and gives back a reader with a cache of its own. */
export async function openSqlReader(): Promise<SqlReader> {
  await loadModule();
  const lists = new ObjectLists();
  const trusted = new ReadingCache();
  const untrusted = new ReadingCache();
  return {
    read(text: string, session: SqlSession): Reading {
      const cache = session.pathTrusted ? trusted : untrusted;
      const known = cache.get(text);
      if (known !== undefined) return known;
      const reading = readAnew(text, session, lists);
      if (isOfTextAlone(reading)) cache.set(text, reading);
      return reading;
    },
  };
}

/** A reading that leans on what the connection remembers is another one on another connection. */
function isOfTextAlone(reading: Reading): boolean {
  return reading.statements.every((statement) =>
    statement.deeds.every(({ kind }) => kind !== "execute" && kind !== "fetch"),
  );
}

/** Keeps what was asked for of late: two generations, the older of which is dropped whole when the younger is full. */
class ReadingCache {
  #young = new Map<string, Reading>();
  #old = new Map<string, Reading>();
  #length = 0;

  get(text: string): Reading | undefined {
    const known = this.#young.get(text);
    if (known !== undefined) return known;
    const older = this.#old.get(text);
    if (older !== undefined) this.set(text, older);
    return older;
  }

  set(text: string, reading: Reading): void {
    if (text.length > CACHED_TEXT_LENGTH_MAX) return;
    if (this.#young.size >= CACHED_TEXTS_MAX || this.#length + text.length > CACHED_LENGTH_MAX) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#length = 0;
    }
    this.#young.set(text, reading);
    this.#length += text.length;
  }
}

/** Names that come again and again give the same list, by which policy knows a command that it has judged before. */
class ObjectLists {
  readonly #lists = new Map<string, readonly string[]>();

  of(names: ReadonlySet<string>): readonly string[] {
    if (names.size === 0) return EMPTY;
    const key = [...names].join("\0");
    const known = this.#lists.get(key);
    if (known !== undefined) return known;
    // Made anew from time to time, so that a job that makes up names cannot fill the memory.
    if (this.#lists.size >= CACHED_TEXTS_MAX) this.#lists.clear();
    const list = Object.freeze([...names]);
    if (key.length <= LIST_LENGTH_MAX) this.#lists.set(key, list);
    return list;
  }
}

/** Reads without a cache. The parser must have been loaded by `openSqlReader`. */
export function readAnew(text: string, session: SqlSession, lists = new ObjectLists()): Reading {
  if (text.length > TEXT_LENGTH_MAX) return unreadable(`is longer than ${TEXT_LENGTH_MAX} characters`);
  const plain = !BEYOND_ASCII.test(text);
  if (!plain && UNSENDABLE.test(text)) return unreadable("holds a character that PostgreSQL's UTF-8 text cannot hold");
  // The parser takes no empty text, which the server answers without doing anything.
  if (text === "") return NOTHING;
  if (isNestedTooDeep(text)) return unreadable(TOO_DEEP);
  try {
    return readTree(parseSync(text), new Source(text, plain), { session, lists });
  } catch (error) {
    if (error instanceof TooDeep || error instanceof RangeError) return unreadable(TOO_DEEP);
    if (error instanceof Error) return unreadable("does not parse as PostgreSQL's SQL");
    throw error;
  }
}

// NUL ends the parser's string early, so what is behind it would not be read.
// oxlint-disable-next-line no-control-regex -- NUL is the point
const BEYOND_ASCII = /[^\u0001-\u007f]/;
const UNSENDABLE = /\0|\p{Surrogate}/u;

const TOO_DEEP = "is nested deeper than this reader goes";

const NOTHING: Reading = Object.freeze<Reading>({
  effects: effectsOf(READ),
  objects: EMPTY,
  bounded: true,
  why: EMPTY,
  slots: EMPTY,
  statements: EMPTY,
});

/** Nobody can judge what cannot be read, so it counts as what only an administrator may do. */
function unreadable(why: string): Reading {
  return {
    effects: effectsOf(UNKNOWN | ADMIN),
    objects: EMPTY,
    bounded: false,
    why: [`the text ${why}, so it may do anything`],
    slots: EMPTY,
    statements: EMPTY,
  };
}

interface Surroundings {
  readonly session: SqlSession;
  readonly lists: ObjectLists;
}

function readTree(tree: unknown, source: Source, around: Surroundings): Reading {
  const stmts = isBody(tree) ? tree["stmts"] : undefined;
  if (!isList(stmts)) return unreadable("was not understood by the parser");
  if (stmts.length === 0) return NOTHING;
  if (stmts.length === 1) {
    const { statement, walk } = readStatement(stmts[0], source, around);
    return readingOf([statement], walk.unnamed);
  }
  const within = new TakenSession(around.session);
  const read = stmts.map((each) => {
    const one = readStatement(each, source, { session: within, lists: around.lists });
    within.take([one.statement]);
    return one;
  });
  return readingOf(
    read.map((each) => each.statement),
    read.some((each) => each.walk.unnamed),
  );
}

function readStatement(
  raw: Value,
  source: Source,
  { session, lists }: Surroundings,
): { statement: Statement; walk: Walk } {
  const walk = new StatementWalk(session, (inner) => {
    const statement = statementOf(inner, paramSlots(inner.params), lists);
    return readingOf([statement], inner.unnamed);
  });
  const body: Body = isBody(raw) ? raw : {};
  walk.visit(body["stmt"]);
  walk.finish();
  const from = number(body, "stmt_location");
  const length = number(body, "stmt_len");
  const literals = source.literalSlots(from, length === 0 ? Number.POSITIVE_INFINITY : from + length, walk.literals);
  const slots = walk.params.size === 0 ? literals : [...literals, ...paramSlots(walk.params)];
  return { statement: statementOf(walk, slots, lists), walk };
}

function statementOf(walk: Walk, slots: readonly Slot[], lists: ObjectLists): Statement {
  // An incomplete list of objects would pass for a complete one.
  const complete = !walk.unnamed || (walk.effects & ~HARMLESS) === 0;
  return {
    effects: effectsOf(walk.effects === 0 ? UNKNOWN : walk.effects),
    objects: complete ? lists.of(walk.objects) : EMPTY,
    bounded: walk.bounded,
    why: walk.why,
    slots,
    deeds: walk.deeds,
  };
}

/** All statements of a text together: what one would do, the text would do. */
function readingOf(statements: readonly Statement[], unnamed: boolean): Reading {
  const [only] = statements;
  if (only !== undefined && statements.length === 1) {
    const { effects, objects, bounded, why, slots } = only;
    return { effects, objects, bounded, why, slots, statements };
  }
  const effects = statements.reduce((bits, each) => bits | bitsOf(each.effects), 0);
  // One statement that touches what it cannot name makes the whole list incomplete.
  const nameless = statements.some((each) => each.objects.length === 0 && (bitsOf(each.effects) & ~HARMLESS) !== 0);
  const complete = (!unnamed && !nameless) || (effects & ~HARMLESS) === 0;
  return {
    effects: effectsOf(effects),
    objects: complete ? [...new Set(statements.flatMap((each) => each.objects))] : EMPTY,
    bounded: statements.every((each) => each.bounded),
    why: [...new Set(statements.flatMap((each) => each.why))],
    slots: mergeSlots(statements),
    statements,
  };
}

/** A parameter that several statements use has one slot. */
function mergeSlots(statements: readonly Statement[]): Slot[] {
  const params = new Map<number, Columns>();
  const literals: Slot[] = [];
  for (const { slots } of statements) {
    for (const slot of slots) {
      if ("param" in slot.at) {
        const position = slot.at.param + 1;
        params.set(position, [...new Set([...(params.get(position) ?? EMPTY), ...slot.columns])]);
      } else {
        literals.push(slot);
      }
    }
  }
  return params.size === 0 ? literals : [...literals, ...paramSlots(params)];
}

/** The text that is read, its literals, and how the parser's byte offsets become offsets in it. */
class Source {
  readonly #text: string;
  readonly #plain: boolean;
  #literals: readonly Token[] | undefined;
  #next = 0;
  #index = 0;
  #bytes = 0;

  /** `plain` is true for a text of ASCII alone, where both kinds of offset are one. */
  constructor(text: string, plain: boolean) {
    this.#text = text;
    this.#plain = plain;
  }

  /** A slot for each literal between two byte offsets. Statements are asked for in order. */
  literalSlots(from: number, to: number, columns: ReadonlyMap<number, Columns>): Slot[] {
    this.#literals ??= tokensOf(this.#text).filter((token) => token.kind === "literal");
    const slots: Slot[] = [];
    const traced = this.#signed(columns);
    for (let token = this.#literals[this.#next]; token !== undefined; token = this.#literals[this.#next]) {
      const at = this.#byteOffset(token.from);
      if (at >= to) break;
      this.#next += 1;
      if (at < from) continue;
      slots.push({ at: { from: token.from, to: token.to }, columns: traced.get(at) ?? EMPTY });
    }
    return slots;
  }

  /** The parser places a negative number at its sign; the literal itself begins behind it. */
  #signed(columns: ReadonlyMap<number, Columns>): ReadonlyMap<number, Columns> {
    if (!this.#plain) return columns;
    let moved: Map<number, Columns> | undefined;
    for (const [at, names] of columns) {
      if (this.#text.charCodeAt(at) !== 45) continue;
      SIGN.lastIndex = at;
      SIGN.test(this.#text);
      moved ??= new Map(columns);
      moved.set(SIGN.lastIndex, names);
    }
    return moved ?? columns;
  }

  /** UTF-8 bytes before that index. Asked for in rising order, so the text is gone through once. */
  #byteOffset(index: number): number {
    if (this.#plain) return index;
    for (; this.#index < index; this.#index += 1) {
      const code = this.#text.charCodeAt(this.#index);
      // Each half of a surrogate pair stands for two of its four bytes.
      this.#bytes += code < 0x80 ? 1 : code < 0x800 || (code >= 0xd800 && code < 0xe000) ? 2 : 3;
    }
    return this.#bytes;
  }
}

const SIGN = /[-+\s(]*/y;
