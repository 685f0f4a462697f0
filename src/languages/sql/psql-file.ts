// Cuts a file of SQL into the texts that `psql -f` sends for it, byte for byte. PostgreSQL's own parser says where a
// statement ends; how psql writes what it sends was seen with psql 15: up to and with the semicolon, without white space,
// `--` comments and byte order mark before the statement, and without empty lines in it, but in strings and comments.
//
// The parser must have been loaded by `openSqlReader`. A text that psql would not send in this way is only not recognised.

import { parseSync } from "libpg-query";
import { isNestedTooDeep } from "./nesting.ts";
import { isBody, isList, number } from "./tree.ts";

/** What a file is, statement by statement; or why it cannot be cut, in a sentence. */
export type Cut =
  | { readonly kind: "texts"; readonly texts: readonly string[] }
  | { readonly kind: "unreadable"; readonly why: string };

/** The file, after its byte order mark if it has one. */
export function psqlTexts(file: string): Cut {
  const text = file.startsWith("\ufeff") ? file.slice(1) : file;
  if (text.trim() === "") return { kind: "texts", texts: [] };
  // oxlint-disable-next-line no-control-regex -- NUL is the point: the parser would stop there
  if (/\0|\p{Surrogate}/u.test(text)) return unreadable("it holds a character that PostgreSQL's text cannot hold");
  if (isNestedTooDeep(text)) return unreadable("it is nested deeper than can be read");
  const ends = endsOf(text);
  if (ends === undefined) {
    return unreadable(
      "PostgreSQL's parser does not take it; what psql itself reads, as \\i or :name, cannot be in a plan",
    );
  }
  const bytes = Buffer.from(text);
  const texts: string[] = [];
  let start = 0;
  for (const end of ends) {
    // The parser's end is before the semicolon; the last statement may have none.
    const to = end < bytes.length ? end + 1 : end;
    texts.push(asSent(bytes.toString("utf8", start, to)));
    start = to;
  }
  return { kind: "texts", texts };
}

/** Byte offsets behind the statements, without their semicolons; undefined for what does not parse. */
function endsOf(text: string): readonly number[] | undefined {
  let tree: unknown;
  try {
    tree = parseSync(text);
  } catch (error) {
    if (error instanceof Error) return undefined;
    throw error;
  }
  const stmts = isBody(tree) ? tree["stmts"] : undefined;
  if (!isList(stmts)) return undefined;
  const length = Buffer.byteLength(text);
  return stmts.map((each) => {
    const statement = isBody(each) ? each : {};
    const size = number(statement, "stmt_len");
    return size === 0 ? length : number(statement, "stmt_location") + size;
  });
}

const BEFORE = /(?:[ \t\n\r\f\v]+|--[^\n\r]*)+/y;

/** One statement as psql sends it. `piece` begins behind the one before, and ends with its own semicolon. */
function asSent(piece: string): string {
  let at = 0;
  for (;;) {
    at = past(BEFORE, piece, at);
    // An empty statement before it is sent by itself, with the comments that stand before its semicolon.
    const next = past(BEFORE, piece, pastComments(piece, at));
    if (piece.charAt(next) !== ";" || next === piece.length - 1) break;
    at = next + 1;
  }
  return withoutEmptyLines(piece.slice(at)).replace(/\n+$/, "");
}

/** Behind the comments that begin at that place, and what white space is between them. */
function pastComments(text: string, from: number): number {
  let at = from;
  while (text.startsWith("/*", at)) at = past(BEFORE, text, pastComment(text, at));
  return at;
}

// What an empty line is kept in: strings of all kinds, quoted names, comments of several lines.
const STRING = /'(?:[^']|'')*'/y;
const ESCAPED = /[eE]'(?:[^'\\]|\\[^]|'')*'/y;
const QUOTED = /"(?:[^"]|"")*"/y;
const DOLLAR = /\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/y;
const LINE = /--[^\n\r]*/y;
const WORD = /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/y;

function withoutEmptyLines(text: string): string {
  let sent = "";
  for (let at = 0; at < text.length; ) {
    const to = pastWhole(text, at);
    if (to > at) {
      sent += text.slice(at, to);
      at = to;
    } else {
      const char = text.charAt(at);
      if (char !== "\n" || !sent.endsWith("\n")) sent += char;
      at += 1;
    }
  }
  return sent;
}

/** Behind what begins at that place and is never looked into; the place itself where nothing does. */
function pastWhole(text: string, at: number): number {
  const plain = [ESCAPED, STRING, QUOTED, LINE, WORD].map((each) => past(each, text, at)).find((to) => to > at);
  if (plain !== undefined) return plain;
  if (text.startsWith("/*", at)) return pastComment(text, at);
  const tag = text.slice(at, past(DOLLAR, text, at));
  if (tag === "") return at;
  const close = text.indexOf(tag, at + tag.length);
  return close === -1 ? text.length : close + tag.length;
}

/** Comments of this kind nest. */
function pastComment(text: string, from: number): number {
  let depth = 0;
  for (let at = from; at < text.length; ) {
    const pair = text.slice(at, at + 2);
    at += pair === "/*" || pair === "*/" ? 2 : 1;
    if (pair === "/*") depth += 1;
    else if (pair === "*/") depth -= 1;
    if (depth === 0) return at;
  }
  return text.length;
}

function past(expression: RegExp, text: string, at: number): number {
  expression.lastIndex = at;
  return expression.test(text) ? expression.lastIndex : at;
}

function unreadable(why: string): Cut {
  return { kind: "unreadable", why };
}
