// Makes text safe to look at: what a terminal or a page would hide, reorder or obey is written out instead.

/**
 * Controls (C0, C1), formats (bidi, zero width, tags), everything that Unicode says may be shown as nothing, line and
 * paragraph separators, lone surrogates. And a backslash before `u{`, so that nobody can type what looks like ours.
 */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]|\\(?=u\{)/gu;

/**
 * The text as a person must read it: control, bidi, zero-width and other unseen characters become `\u{202E}`. Line
 * feeds and tabs stay. Two texts that differ never look the same for a character that cannot be seen.
 */
export function visible(text: string): string {
  return text.replaceAll(UNSEEN, (char) => (char === "\n" || char === "\t" ? char : escaped(char)));
}

/** As `visible`, on one line: line feeds and tabs are written out as well. */
export function visibleLine(text: string): string {
  return text.replaceAll(UNSEEN, escaped);
}

function escaped(char: string): string {
  return `\\u{${(char.codePointAt(0) ?? 0).toString(16).toUpperCase()}}`;
}
