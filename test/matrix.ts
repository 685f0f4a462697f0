// The README's table of what each protocol enforces, made from what the protocols themselves declare.
//
//   node test/matrix.ts        writes it into README.md, between its two markers
//
// `test/readme.test.ts` fails while the README holds another table.

import { readFileSync, writeFileSync } from "node:fs";
import { openProtocols } from "../src/protocols/index.ts";
import type { Controls, Protocol } from "../src/protocols/protocol.ts";

export const MATRIX_BEGIN = "<!-- matrix: written by node test/matrix.ts -->";
export const MATRIX_END = "<!-- /matrix -->";

/** One row for each control; a control without a row does not compile. */
const ROWS: { readonly [Name in keyof Controls]: string } = {
  recordCommand: "records each command before its bytes move",
  recordResponse: "records the response",
  maskRecord: "masks columns in the record",
  maskDelivery: "masks columns in what the job receives (`deliver`)",
  hold: "holds a command for people",
  deny: "denies a command",
  rewrite: "rewrites a command",
  guard: "opens sessions read-only at the server (`guard: read-only`)",
};

const NAMES = [
  "recordCommand",
  "recordResponse",
  "deny",
  "hold",
  "maskRecord",
  "maskDelivery",
  "guard",
  "rewrite",
] as const satisfies readonly (keyof Controls)[];

/** The table in Markdown, without a newline at its end. */
export function matrix(protocols: readonly Pick<Protocol, "name" | "controls">[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [
    line(["control", ...protocols.map(({ name }) => name)]),
    line(["---", ...protocols.map(() => ":-:")]),
    ...NAMES.map((name) => line([ROWS[name], ...protocols.map(({ controls }) => (controls[name] ? "yes" : "no"))])),
  ].join("\n");
}

/** The text with this table between the markers. Throws where the markers are not there. */
export function withMatrix(text: string, table: string): string {
  const [from, to] = [text.indexOf(MATRIX_BEGIN), text.indexOf(MATRIX_END)];
  if (from === -1 || to < from) throw new Error(`README.md needs the lines ${MATRIX_BEGIN} and ${MATRIX_END}`);
  return `${text.slice(0, from + MATRIX_BEGIN.length)}\n\n${table}\n\n${text.slice(to)}`;
}

if (import.meta.main) {
  const table = matrix([...(await openProtocols()).values()]);
  writeFileSync("README.md", withMatrix(readFileSync("README.md", "utf8"), table));
}
