// Reads the project's Markdown as its tests need it: blocks, tables, links, and the commands of shell blocks.

import { readdirSync, readFileSync } from "node:fs";

/** Every document that people read, by its path from the repository's folder. */
export const DOCUMENTS: readonly string[] = [
  "README.md",
  "CONTRIBUTING.md",
  "SECURITY.md",
  "CHANGELOG.md",
  ...readdirSync("docs")
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
];

export interface Block {
  readonly language: string;
  readonly text: string;
  /** The heading that it stands under, without its marks. */
  readonly heading: string;
}

/** The fenced blocks of a document. */
export function blocksOf(path: string): readonly Block[] {
  const blocks: Block[] = [];
  let heading = "";
  let open: { readonly language: string; readonly lines: string[] } | undefined;
  for (const line of readFileSync(path, "utf8").split("\n")) {
    if (open !== undefined) {
      if (line === "```") {
        blocks.push({ language: open.language, text: `${open.lines.join("\n")}\n`, heading });
        open = undefined;
      } else open.lines.push(line);
    } else if (line.startsWith("```")) open = { language: line.slice(3), lines: [] };
    else if (/^#+ /.test(line)) heading = line.replace(/^#+ /, "");
  }
  return blocks;
}

/** The text of a document without its blocks. */
export function proseOf(path: string): string {
  return readFileSync(path, "utf8").replaceAll(/^```[\s\S]*?^```$/gm, "");
}

/** The rows of every table whose header begins with these cells, each a list of its cells. */
export function rowsUnder(path: string, ...header: readonly string[]): readonly (readonly string[])[] {
  const rows: (readonly string[])[] = [];
  let inside = false;
  for (const line of proseOf(path).split("\n")) {
    const cells = line.startsWith("|")
      ? line
          .split("|")
          .slice(1, -1)
          .map((cell) => cell.trim())
      : undefined;
    if (cells === undefined) inside = false;
    else if (inside) rows.push(cells);
    else inside = header.every((cell, at) => cells[at] === cell);
  }
  return rows.filter(([first = ""]) => !/^:?-+:?$/.test(first));
}

/** What stands in backticks, when the cell is that and nothing else. */
export function codeIn(cell: string): string {
  return /^`([^`]+)`$/.exec(cell)?.[1] ?? "";
}

/** The commands of a shell block, each as its words; comments are left out, and `&&` and `|` part commands. */
export function commandsOf(shell: string): readonly (readonly string[])[] {
  return shell
    .replaceAll("\\\n", " ")
    .split("\n")
    .flatMap((line) => line.replace(/(?:^|\s)#.*$/, "").split(/ && | \| /))
    .map((line) => [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? ""))
    .filter((words) => words.length > 0);
}

/** The anchors that GitHub gives to a document's headings. */
export function anchorsOf(path: string): ReadonlySet<string> {
  const headings = [...proseOf(path).matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) => heading);
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );
}
