// A target's answer as people read it: the rows in aligned columns, then what the target said at the end.

import { isText, listOf, shaped } from "./shape.ts";
import { cut, visibleValue } from "./visible.ts";

/** A column is padded to its widest cell, and no wider than this. */
const COLUMN_CHARS_MAX = 40;

/** A disclosed value as text with nothing unseen in it, or as much of it as fits, saying how much is missing. */
export function valueText(value: unknown, charsMax: number): string {
  // What is cut is the value, and not how it is written here: no escape is cut in two, and the count is the value's own.
  if (typeof value === "string") return visibleValue(cut(value, charsMax), "several");
  if (isAnswer(value)) return cut(answerText(value), charsMax);
  return visibleValue(cut(JSON.stringify(value, null, 1), charsMax), "several");
}

/** How the gateway records an answer: tables of texts, and what the target said at the end. */
const isAnswer = shaped({
  key: isText,
  results: listOf(shaped({ columns: listOf(isText), rows: listOf(listOf(isCell)) })),
  summary: listOf(isText),
});

interface ResultTable {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | null)[])[];
}

function isCell(value: unknown): value is string | null {
  return value === null || isText(value);
}

function answerText(answer: { readonly results: readonly ResultTable[]; readonly summary: readonly string[] }): string {
  const said = answer.summary.map((each) => visibleValue(each, "one"));
  return [...answer.results.flatMap(tableLines), ...said].join("\n");
}

function tableLines({ columns, rows }: ResultTable): string[] {
  const cells = rows.map((row) => row.map((cell) => (cell === null ? "NULL" : visibleValue(cell, "one"))));
  const head = columns.map((name) => visibleValue(name, "one"));
  const all = columns.length === 0 ? cells : [head, ...cells];
  const widths = (all[0] ?? []).map((_, column) =>
    Math.min(
      COLUMN_CHARS_MAX,
      all.reduce((most, row) => Math.max(most, row[column]?.length ?? 0), 0),
    ),
  );
  const lines = all.map((row) =>
    row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0))).join(" | "),
  );
  if (columns.length === 0) return lines;
  return [lines[0] ?? "", widths.map((width) => "-".repeat(width)).join("-|-"), ...lines.slice(1)];
}
