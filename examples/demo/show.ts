// How the demo speaks: numbered steps, aligned, in colour on a terminal only; and evidence as a terminal can show it.

import { stripVTControlCharacters } from "node:util";

export interface Teller {
  readonly isColoured: boolean;
  readonly say: (line?: string) => void;
  /** Begins a step: what happens, and why it matters. */
  readonly step: (what: string, why: string) => void;
  readonly good: (line: string) => void;
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly green: (text: string) => string;
  readonly red: (text: string) => string;
}

export function openTeller(
  output: { write(text: string): unknown; readonly isTTY?: boolean },
  env: Readonly<Record<string, string | undefined>>,
): Teller {
  const { NO_COLOR: no = "", TERM: term = "" } = env;
  const isColoured = output.isTTY === true && no === "" && term !== "dumb";
  const paint = (code: string) => (text: string) => (isColoured ? `\u001B[${code}m${text}\u001B[0m` : text);
  const [bold, dim, green, red, number] = [paint("1"), paint("2"), paint("32"), paint("31"), paint("1;36")];
  let steps = 0;
  const say = (line = ""): void => void output.write(`${line}\n`);
  return {
    isColoured,
    say,
    step(what, why) {
      steps += 1;
      say(`\n${number(String(steps))}  ${bold(what)}`);
      say(`   ${dim(why)}`);
    },
    good: (line) => say(`   ${green("ok")}  ${line}`),
    bold,
    dim,
    green,
    red,
  };
}

/** What each file of the evidence is, by how its path ends. */
const NOTES: readonly (readonly [RegExp, string])[] = [
  [/^README\.md$/, "what this is, and how to check it"],
  [/^log\/checkpoint$/, "size and root of the log, signed"],
  [/\/tile\/entries\/.*$/, "one entry per session"],
  [/\/approvals\/.*$/, "the answer, signed, bound to that one command"],
  [/\/checkpoints\.txt$/, "heads of the journal, countersigned as it grew"],
  [/\/disclosures\.jsonl$/, "masked values; each can be erased for good"],
  [/\/events\.jsonl$/, "what happened, in order, with digests for values"],
  [/\/session\.dsse\.json$/, "the statement about all of it, signed twice"],
  [/\/session\.tlog-proof$/, "that the log has this session"],
  [/\/[0-9A-Z]{26}\/README\.md$/, "the page about this session"],
  [/^trust\/policy$/, "whose keys"],
];

/** Paths as a tree with a note beside what deserves one. */
export function treeLines(paths: readonly string[], { dim }: Pick<Teller, "dim">): string[] {
  const rows = tree(paths, "", "");
  const width = Math.max(...rows.map(({ line }) => line.length));
  return rows.map(({ line, path }) => {
    const note = NOTES.find(([pattern]) => pattern.test(path))?.[1];
    return note === undefined ? line : `${line.padEnd(width)}  ${dim(note)}`;
  });
}

/** A folder with only one thing in it shares that thing's line. */
function tree(
  paths: readonly string[],
  indent: string,
  above: string,
): { readonly line: string; readonly path: string }[] {
  const groups = new Map<string, string[]>();
  for (const path of paths) {
    const [first = "", ...rest] = path.split("/");
    groups.set(first, [...(groups.get(first) ?? []), ...(rest.length > 0 ? [rest.join("/")] : [])]);
  }
  return [...groups].flatMap(([name, below], at) => {
    const isLast = at === groups.size - 1;
    let [label, inside] = [name, below];
    for (;;) {
      const firsts = new Set(inside.map((each) => each.split("/")[0] ?? ""));
      const [only = ""] = firsts;
      if (firsts.size !== 1) break;
      label = `${label}/${only}`;
      inside = inside.filter((each) => each !== only).map((each) => each.slice(only.length + 1));
    }
    const path = `${above}${label}`;
    const line = `${indent}${isLast ? "└─ " : "├─ "}${label}${inside.length > 0 ? "/" : ""}`;
    return [{ line, path }, ...tree(inside, `${indent}${isLast ? "   " : "│  "}`, `${path}/`)];
  });
}

const GLANCE = new Set(["Outcome", "Who", "Commit", "Assurance", "Commands", "Head"]);
const COLUMNS = ["Command", "Effects", "Objects", "Decision", "Answer", "Outcome", "Rows"];
const CELL_MAX = 40;

/** The page about a session, shortened: the facts at a glance, the commands, and the first answer that has masked values. */
export function pageLines(markdown: string, { bold, dim }: Pick<Teller, "bold" | "dim">): string[] {
  const lines = markdown.split("\n");
  const title = plain(lines[0]?.replace(/^#+ /, "") ?? "");
  const glance = rowsUnder(lines, 0)
    .filter(([label = ""]) => GLANCE.has(label))
    .map(([label = "", value = ""]) => `${dim(label.padEnd(10))} ${cut(value, 120)}`);
  const [head = [], ...rows] = rowsUnder(lines, lines.indexOf("## Commands"));
  const at = COLUMNS.map((name) => head.indexOf(name));
  const cells = [COLUMNS, ...rows.map((row) => at.map((column) => cut(row[column] ?? "", CELL_MAX)))];
  const widths = COLUMNS.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const table = cells.map((row, index) => {
    const line = row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ");
    return index === 0 ? dim(line.trimEnd()) : line.trimEnd();
  });
  return [bold(title), ...glance, "", ...table, "", ...masked(lines, dim)];
}

/** The first recorded answer with a masked value in it, as the page shows it. */
function masked(lines: readonly string[], dim: (text: string) => string): string[] {
  const said = lines.findIndex((line) => /^Execution .*[1-9]\d* spans masked/.test(line));
  if (said === -1) return [];
  const from = lines.findIndex((line, at) => at > said && line.startsWith("```"));
  const to = lines.findIndex((line, at) => at > from && line.startsWith("```"));
  const shown = lines.slice(from + 1, to);
  return [dim(plain(lines[said] ?? "")), ...shown];
}

/** The cells of the next table, its head first. */
function rowsUnder(lines: readonly string[], from: number): string[][] {
  const start = lines.findIndex((line, at) => at >= from && line.startsWith("|"));
  const rows: string[][] = [];
  for (let at = start; at >= 0 && lines[at]?.startsWith("|") === true; at += 1) {
    const line = lines[at] ?? "";
    if (/^\|(?: :-- \|)+$/.test(line)) continue;
    rows.push(line.slice(2, -2).split(/ \| /).map(plain));
  }
  return rows;
}

/** Markdown's marks and escapes taken away; control characters too, since the evidence tells of what strangers wrote. */
function plain(text: string): string {
  return stripVTControlCharacters(
    text
      .replaceAll(/`+ ?(.*?) ?`+/g, "$1")
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .replaceAll("**", "")
      .replaceAll(/\\([|`*_<>])/g, "$1"),
  );
}

function cut(text: string, charactersMax: number): string {
  return text.length <= charactersMax ? text : `${text.slice(0, charactersMax - 1)}…`;
}
