// The literals in a text of SQL that nobody told us of: read with nothing but the rules for quotes and comments, for
// texts (or parts of them) that the parser could not read. In doubt the rest is a literal.

export interface Span {
  readonly from: number;
  readonly to: number;
}

/** Half a pair of surrogates counts as a letter, so that a letter beyond the first plane does too. */
const WORD = /[\p{L}\p{N}\p{Cs}_$]/u;
const NUMBER = /[\p{L}\p{N}_.]/u;

/**
 * Spans of the literals between two offsets, in order. Strings and dollar quotes always; with `all`, also numbers and
 * what stands in double quotes, for a text of which nothing was understood.
 */
export function literalsIn(text: string, within: Span, options: { readonly all: boolean }): readonly Span[] {
  const spans: Span[] = [];
  let at = within.from;
  while (at < within.to) {
    const end = Math.min(tokenEnd(text, at, within.to), within.to);
    if (isLiteral(text, at, options.all)) spans.push({ from: at, to: end });
    at = end;
  }
  return spans;
}

function isLiteral(text: string, at: number, all: boolean): boolean {
  const char = text.charAt(at);
  if (char === "'" || /^[eE]'/.test(text.slice(at, at + 2))) return true;
  if (dollarTag(text, at) !== undefined) return true;
  return all && (char === '"' || /\d/.test(char));
}

/** The end of the token that starts here; always after it. */
function tokenEnd(text: string, at: number, limit: number): number {
  const two = text.slice(at, at + 2);
  if (two === "--") return after(text.indexOf("\n", at), 1, limit);
  if (two === "/*") return commentEnd(text, at, limit);
  if (/^[eE]'/.test(two)) return stringEnd(text, at + 1, limit, { escapes: true });
  if (two.startsWith("'")) return stringEnd(text, at, limit, { escapes: false });
  if (two.startsWith('"')) return after(text.indexOf('"', at + 1), 1, limit);
  const tag = dollarTag(text, at);
  if (tag !== undefined) return after(text.indexOf(tag, at + tag.length), tag.length, limit);
  // A number or a parameter ends where a dollar begins; a name does not.
  if (/^\$?\d/.test(two)) return runEnd(text, at + 1, limit, NUMBER);
  return two.startsWith("$") || !WORD.test(two.charAt(0)) ? at + 1 : runEnd(text, at + 1, limit, WORD);
}

function runEnd(text: string, start: number, limit: number, kind: RegExp): number {
  let end = start;
  while (end < limit && kind.test(text.charAt(end))) end += 1;
  return end;
}

function after(found: number, length: number, limit: number): number {
  return found === -1 ? limit : found + length;
}

function commentEnd(text: string, start: number, limit: number): number {
  let depth = 0;
  for (let at = start; at < limit; at += 1) {
    const two = text.slice(at, at + 2);
    if (two === "/*" || two === "*/") {
      depth += two === "/*" ? 1 : -1;
      at += 1;
      if (depth === 0) return at + 1;
    }
  }
  return limit;
}

function stringEnd(text: string, quote: number, limit: number, options: { readonly escapes: boolean }): number {
  for (let at = quote + 1; at < limit; at += 1) {
    const char = text.charAt(at);
    if (char === "\\") {
      // Without E, servers differ on whether this hides the quote; where it could matter, the rest is the literal.
      if (!options.escapes && text.charAt(at + 1) === "'") return limit;
      if (options.escapes) at += 1;
    } else if (char === "'") {
      if (text.charAt(at + 1) !== "'") return at + 1;
      at += 1;
    }
  }
  return limit;
}

/** `$$` or `$tag$` at this place. `$1` is a parameter, and none starts within a word: those are taken whole. */
function dollarTag(text: string, at: number): string | undefined {
  if (text.charAt(at) !== "$") return undefined;
  return /^\$(?:[\p{L}_][\p{L}\p{N}_]{0,62})?\$/u.exec(text.slice(at, at + 65))?.[0];
}
