// `npm run compat`: what clients see through the gateway beside what they see directly. Prints what differs.
//
//   npm run compat -- [--only clients|regress] [--tests NAME,NAME] [--source DIR] [--out DIR] [--through pipe]
//
// The exit code says whether it ran; differences with their reasons are listed in docs/compatibility.md.

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { findBinaries } from "../live/server.ts";
import { CHECKS, runChecks, SHOP } from "./clients.ts";
import { type Side, startSide, type Through } from "./endpoint.ts";
import { REGRESS_SETTINGS, regressSource, runSuite, scheduled } from "./regress.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    tests: { type: "string" },
    source: { type: "string" },
    out: { type: "string" },
    through: { type: "string" },
  },
});
const through: Through = values.through === "pipe" ? "pipe" : "gateway";
// A folder of this run's own where none is named: another user's would be closed to us.
const out = values.out ?? mkdtempSync(join(tmpdir(), "countersign-compat-"));
mkdirSync(out, { recursive: true });

if (values.only !== "regress") await clients();
if (values.only !== "clients") await regress();
say(`outputs and differences are in ${out}`);

async function clients(): Promise<void> {
  const sides: readonly [Side, Side] = [await startSide("nothing", SHOP), await startSide(through, SHOP)];
  try {
    let same = 0;
    for (const check of CHECKS) {
      passing(check.name);
      const [direct, other] = await runChecks(sides, check);
      if (direct === other) same += 1;
      else if (check.differs?.prints.test(other) === true) say(`differs: ${check.name}, because ${check.differs.why}`);
      else say(`differs: ${check.name}\n${indented(difference(check.name.replaceAll(/\W+/g, "-"), direct, other))}`);
    }
    passing("");
    say(`clients: ${same} of ${CHECKS.length} print the same directly and through the ${through}`);
  } finally {
    for (const side of sides) await side.close();
  }
}

// Directly twice, so that what differs by itself (times, costs, addresses in memory) is not held against the gateway.
async function regress(): Promise<void> {
  const version =
    /\d+\.\d+/.exec(execFileSync(join(findBinaries(), "postgres"), ["--version"], { encoding: "utf8" }))?.[0] ?? "";
  const source = values.source ?? regressSource(version);
  const files = values.tests?.split(",") ?? scheduled(source);
  const outputs: ReadonlyMap<string, string>[] = [];
  for (const kind of ["nothing", "nothing", through] as const) {
    const side = await startSide(kind, REGRESS_SETTINGS);
    try {
      outputs.push(await runSuite(side, source, files, (file) => passing(`${side.name}: ${file}`)));
      if (side.log() !== "") writeFileSync(join(out, `${side.name}.log`), side.log());
    } finally {
      await side.close();
    }
  }
  passing("");
  const [first, second, third] = outputs.map((each) => (file: string) => each.get(file) ?? "");
  if (first === undefined || second === undefined || third === undefined) return;
  let same = 0;
  let left = 0;
  let compared = 0;
  const reasons = new Map<string, number>();
  for (const file of files) {
    const unsteady = unsteadyLines(first(file), second(file));
    const direct = steady(first(file), unsteady);
    compared += direct.split("\n").length;
    left += first(file).split("\n").length - direct.split("\n").length;
    const other = steady(third(file), unsteady);
    if (direct === other) {
      same += 1;
      continue;
    }
    const text = difference(`regress-${file}`, direct, other);
    const added = text.split("\n").filter((line) => line.startsWith("+"));
    say(`differs: ${file}, ${added.length} lines`);
    for (const line of added.filter((each) => /^\+(?:psql:)?.*(?:ERROR|FATAL|error):/.test(each))) {
      const reason = line
        .slice(1)
        .replaceAll(/"[^"]*"/g, '"..."')
        .replaceAll(/\d+/g, "N");
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    }
  }
  say(
    `regression suite of PostgreSQL ${version}: ${same} of ${files.length} files print the same directly and through the ${through}`,
  );
  say(`${compared} lines of output compared; ${left} were left out because two direct runs differ in them`);
  const sorted = [...reasons].toSorted(([, a], [, b]) => b - a);
  for (const [reason, count] of sorted.slice(0, 40)) say(`  ${count} times: ${reason}`);
}

/** Lines that are not the same in two direct runs. */
function unsteadyLines(first: string, second: string): ReadonlySet<string> {
  const [a, b] = [new Set(first.split("\n")), new Set(second.split("\n"))];
  return new Set([...a, ...b].filter((line) => !a.has(line) || !b.has(line)).map(shape));
}

function steady(output: string, unsteady: ReadonlySet<string>): string {
  return output
    .split("\n")
    .filter((line) => !unsteady.has(shape(line)))
    .join("\n");
}

// Two runs' costs and times differ in digits; a third run's will differ in others.
function shape(line: string): string {
  return line.replaceAll(/[0-9a-f]*\d[0-9a-f]*/gi, "N").replaceAll(/\s+|-+/g, " ");
}

/** The unified difference, also written to a file beside both outputs. */
function difference(name: string, direct: string, other: string): string {
  const [left, right] = [join(out, `${name}.direct`), join(out, `${name}.${through}`)];
  writeFileSync(left, `${direct}\n`);
  writeFileSync(right, `${other}\n`);
  try {
    return execFileSync("diff", ["-U2", left, right], { encoding: "utf8" });
  } catch (error) {
    // diff ends with 1 where it found a difference, which is why it was called.
    const text =
      typeof error === "object" && error !== null && "stdout" in error ? String(error.stdout) : String(error);
    writeFileSync(join(out, `${name}.diff`), text);
    return text;
  }
}

function indented(text: string): string {
  const lines = text.split("\n").slice(2);
  const more = lines.length > 30 ? [`... and ${lines.length - 30} lines more`] : [];
  return [...lines.slice(0, 30), ...more].map((line) => `    ${line}`).join("\n");
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function passing(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
}
