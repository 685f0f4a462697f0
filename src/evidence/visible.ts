// Makes text that an attacker chose harmless where people read it: GitHub's Markdown, a CSV opened in a spreadsheet, a
// terminal. It changes how the text looks, never what it says: what cannot be seen is written as \u{..}.

/** Everything that has no width, moves the cursor, reorders what stands around it, or has no agreed meaning. */
const UNSEEN = /(?![\n\t])[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}\p{Co}\p{Surrogate}\u2800]/gu;

/** The text with everything unseen made visible; newlines and tabs stay. */
export function visible(text: string): string {
  return text.replace(UNSEEN, spell);
}

/** The same on one line: newlines and tabs are spelled out too. */
export function visibleLine(text: string): string {
  return visible(text).replace(/[\n\t]/g, spell);
}

/** A name that fits into a table is shorter than this; what is longer is cut, and says so. */
const CELL_CHARS_MAX = 120;

/** Text as a code span that nothing can leave: no markup, link, mention or image is read inside. */
export function codeSpan(text: string): string {
  // A pipe would end the table's cell even inside a code span.
  const shown = cut(visibleLine(text), CELL_CHARS_MAX).replaceAll("|", "\\u{7c}");
  if (shown === "") return "–";
  const fence = "`".repeat(longestRun(shown, "`") + 1);
  // A space on either side is taken off again by the reader of Markdown; a back-tick at the edge needs it.
  const padding = /^[ `]|[ `]$/.test(shown) && shown.trim() !== "" ? " " : "";
  return `${fence}${padding}${shown}${padding}${fence}`;
}

/** Several names, each a code span. */
export function codeSpans(texts: readonly string[]): string {
  return texts.length === 0 ? "–" : texts.map(codeSpan).join(" ");
}

/** Text as a fenced block that nothing can leave. */
export function codeBlock(text: string): string {
  const shown = visible(text);
  const fence = "`".repeat(Math.max(3, longestRun(shown, "`") + 1));
  return `${fence}text\n${shown}${shown.endsWith("\n") ? "" : "\n"}${fence}\n`;
}

/** A cell of a CSV file that no spreadsheet takes for a formula. */
export function csvCell(text: string): string {
  const shown = visibleLine(text);
  const inert = /^[-=+@\t]/.test(shown) ? `'${shown}` : shown;
  return /[",\n]/.test(inert) ? `"${inert.replaceAll('"', '""')}"` : inert;
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
