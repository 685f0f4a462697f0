// PostgreSQL's lexical rules, as far as they say where a literal, a word or a bracket begins and ends. It is used only
// on texts that the real parser accepted with standard_conforming_strings on, to cut them at the right places; it
// decides nothing about what a text does.
//
// https://www.postgresql.org/docs/17/sql-syntax-lexical.html

export interface Token {
  /** `literal`: a string or number; `word`: a keyword or unquoted name; `other`: everything else but white space. */
  readonly kind: "literal" | "word" | "other";
  /** UTF-16 offsets in the text. */
  readonly from: number;
  readonly to: number;
}

const SPACE = /[ \t\n\r\f\v]+/y;
const WORD = /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/y;
const NUMBER =
  /0[xX](?:_?[0-9a-fA-F])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+|(?:\d(?:_?\d)*(?:\.(?!\.)(?:\d(?:_?\d)*)?)?|\.\d(?:_?\d)*)(?:[eE][+-]?\d(?:_?\d)*)?/y;
const PARAM = /\$\d+/y;
const DOLLAR = /\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/y;
const PLAIN_REST = /[^']*'/y;
const ESCAPE_REST = /(?:[^'\\]|\\[^])*'/y;
// A string goes on after white space with a line break in it, and comments between, 4.1.2.1.
const CONTINUED = /[ \t\f\v]*(?:--[^\n\r]*)?[\n\r](?:[ \t\n\r\f\v]|--[^\n\r]*[\n\r])*'/y;

/** The tokens of a text, in order, without white space and comments. Never fails; a token left open ends with the text. */
export function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  const end = text.length;
  let at = 0;
  while (at < end) {
    const code = text.charCodeAt(at);
    const from = at;
    if (code === 32 || (code >= 9 && code <= 13)) {
      at = past(SPACE, text, at);
    } else if (code === 45 && text.charCodeAt(at + 1) === 45) {
      at = pastLine(text, at);
    } else if (code === 47 && text.charCodeAt(at + 1) === 42) {
      at = pastComment(text, at);
    } else if (code === 39) {
      at = pastString(text, at + 1, PLAIN_REST);
      tokens.push({ kind: "literal", from, to: at });
    } else if (code === 34) {
      at = pastQuoted(text, at + 1);
      tokens.push({ kind: "other", from, to: at });
    } else if ((code >= 48 && code <= 57) || (code === 46 && isDigit(text.charCodeAt(at + 1)))) {
      at = past(NUMBER, text, at);
      tokens.push({ kind: "literal", from, to: at });
    } else if (code === 36) {
      const tag = match(DOLLAR, text, at);
      if (tag === "") {
        at = Math.max(at + 1, past(PARAM, text, at));
        tokens.push({ kind: "other", from, to: at });
      } else {
        const close = text.indexOf(tag, at + tag.length);
        at = close === -1 ? end : close + tag.length;
        tokens.push({ kind: "literal", from, to: at });
      }
    } else {
      const word = past(WORD, text, at);
      if (word === at) {
        at += 1;
        tokens.push({ kind: "other", from, to: at });
      } else {
        at = pastPrefixed(text, from, word, tokens);
      }
    }
  }
  return tokens;
}

/** A word, or the string that begins with it: E'', B'', X'', U&'' and U&"". */
function pastPrefixed(text: string, from: number, word: number, tokens: Token[]): number {
  const next = text.charCodeAt(word);
  const prefix = word - from === 1 ? text.charCodeAt(from) | 32 : 0;
  let to = word;
  let kind: Token["kind"] = "word";
  if (next === 39 && (prefix === 101 || prefix === 98 || prefix === 120)) {
    to = pastString(text, word + 1, prefix === 101 ? ESCAPE_REST : PLAIN_REST);
    kind = "literal";
  } else if (prefix === 117 && next === 38 && text.charCodeAt(word + 1) === 39) {
    to = pastString(text, word + 2, PLAIN_REST);
    kind = "literal";
  } else if (prefix === 117 && next === 38 && text.charCodeAt(word + 1) === 34) {
    to = pastQuoted(text, word + 2);
    kind = "other";
  }
  tokens.push({ kind, from, to });
  return to;
}

/** Behind the end of a string whose content starts at `at`, with its doubled quotes and its continuations. */
function pastString(text: string, at: number, rest: RegExp): number {
  let to = at;
  for (;;) {
    const closed = past(rest, text, to);
    if (closed === to) return text.length;
    to = closed;
    if (text.charCodeAt(to) === 39) {
      to += 1;
      continue;
    }
    const continued = past(CONTINUED, text, to);
    if (continued === to) return to;
    to = continued;
  }
}

function pastQuoted(text: string, at: number): number {
  for (let to = at; ; ) {
    const quote = text.indexOf('"', to);
    if (quote === -1) return text.length;
    if (text.charCodeAt(quote + 1) !== 34) return quote + 1;
    to = quote + 2;
  }
}

function pastLine(text: string, at: number): number {
  for (let to = at; to < text.length; to += 1) {
    const code = text.charCodeAt(to);
    if (code === 10 || code === 13) return to;
  }
  return text.length;
}

/** Comments of this kind nest. */
function pastComment(text: string, at: number): number {
  let depth = 0;
  for (let to = at; to < text.length; ) {
    const pair = text.substr(to, 2);
    if (pair === "/*") {
      depth += 1;
      to += 2;
    } else if (pair === "*/") {
      depth -= 1;
      to += 2;
      if (depth === 0) return to;
    } else {
      to += 1;
    }
  }
  return text.length;
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

/** Behind the match of a sticky expression at that place, or the place itself. */
function past(expression: RegExp, text: string, at: number): number {
  expression.lastIndex = at;
  return expression.test(text) ? expression.lastIndex : at;
}

function match(expression: RegExp, text: string, at: number): string {
  const to = past(expression, text, at);
  return text.slice(at, to);
}
