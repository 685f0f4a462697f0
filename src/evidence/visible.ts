// Makes text that an attacker chose harmless where people read it: GitHub's Markdown, a CSV opened in a spreadsheet, a
// terminal. It changes how the text looks, never what it says: what cannot be seen is written as \u{..}.

/** Everything that has no width, moves the cursor, reorders what stands around it, or has no agreed meaning. */
const UNSEEN = /(?![\n\t])[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}\p{Co}\p{Surrogate}\u2800]/gu;

/** Letters that are written from right to left. They are shown as they are, and must not turn round what follows them. */
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

/** The text with everything unseen made visible; newlines and tabs stay. */
export function visible(text: string): string {
  return text.replace(UNSEEN, spell);
}

/** The same on one line: newlines and tabs are spelled out too. */
export function visibleLine(text: string): string {
  return visible(text).replace(/[\n\t]/g, spell);
}

/**
 * A value, as `visible` shows it, in one line or in several; its own back-slashes before `u{` are spelled out, so what
 * only looks like ours can be told apart. Names were written that way before they were recorded, values were not.
 */
export function visibleValue(text: string, lines: "one" | "several"): string {
  const plain = text.replaceAll("\\u{", "\\u{5c}u{");
  return lines === "one" ? visibleLine(plain) : visible(plain);
}

/** A name that fits into a table is shorter than this; what is longer is cut, and says so. */
const CELL_CHARS_MAX = 120;

/** Text as a code span that nothing can leave: no markup, link, mention or image is read inside. */
export function codeSpan(text: string): string {
  // A pipe would end the table's cell even inside a code span.
  const shown = visibleLine(cut(text, CELL_CHARS_MAX)).replaceAll("|", "\\u{7c}");
  if (shown === "") return "–";
  const fence = "`".repeat(longestRun(shown, "`") + 1);
  // A space on either side is taken off again by the reader of Markdown; a back-tick at the edge needs it.
  const padding = /^[ `]|[ `]$/.test(shown) && shown.trim() !== "" ? " " : "";
  // A mark that has no width and runs from left to right: what we write next stays where we write it.
  const mark = RIGHT_TO_LEFT.test(shown) ? "&lrm;" : "";
  return `${fence}${padding}${shown}${padding}${fence}${mark}`;
}

/** Several names, each a code span; of a long list the first few, saying how many are left out. */
export function codeSpans(texts: readonly string[], countMax = Number.POSITIVE_INFINITY): string {
  if (texts.length === 0) return "–";
  const rest = texts.length > countMax ? ` and ${texts.length - countMax} more` : "";
  return `${texts.slice(0, countMax).map(codeSpan).join(" ")}${rest}`;
}

/** Text as a fenced block that nothing can leave. */
export function codeBlock(text: string): string {
  const shown = visible(text);
  const fence = "`".repeat(Math.max(3, longestRun(shown, "`") + 1));
  return `${fence}text\n${shown}${shown.endsWith("\n") ? "" : "\n"}${fence}\n`;
}

/** What a spreadsheet takes for the start of a formula; the wide forms count in some languages. */
const FORMULA = /^[-=+@\t\uff1d\uff0b\uff0d\uff20]/;

/** A cell of a CSV file that no spreadsheet takes for a formula, whichever character it takes for the separator. */
export function csvCell(text: string): string {
  // A reader that parts cells at semicolons would find a new cell, and a formula, behind one.
  const shown = visibleLine(text).replaceAll(";", "\\u{3b}");
  const inert = FORMULA.test(shown) ? `'${shown}` : shown;
  return /[",\n]/.test(inert) ? `"${inert.replaceAll('"', '""')}"` : inert;
}

/** The cells of a line that `csvCell` wrote. */
export function csvCells(line: string): string[] {
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(
    ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? "",
  );
}

/** The text, or as much of it as fits, saying how much is missing. */
export function cut(text: string, charsMax: number): string {
  if (text.length <= charsMax) return text;
  // Not through the middle of a pair.
  const end = /[\ud800-\udbff]/.test(text.charAt(charsMax - 1)) ? charsMax - 1 : charsMax;
  return `${text.slice(0, end)} … (${text.length - end} more characters)`;
}

function spell(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}

function longestRun(text: string, mark: string): number {
  let longest = 0;
  let run = 0;
  for (const character of text) {
    run = character === mark ? run + 1 : 0;
    longest = Math.max(longest, run);
  }
  return longest;
}
