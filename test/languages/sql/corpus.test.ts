import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { openSqlReader } from "../../../src/languages/sql/reader.ts";
import { EMPTY_SESSION, TakenSession } from "../../../src/languages/sql/taken-session.ts";
import { doesFor, linesOf, readAfter, type Verdict, verdictOf } from "./verdict.ts";

interface Case {
  readonly id: string;
  readonly input: string;
  readonly input_b64?: string;
  readonly expect: Verdict;
  readonly acceptable?: readonly Verdict[];
  readonly decidable: "text" | "session" | "wire" | "catalog" | "runtime";
  readonly setup?: readonly string[];
}

const reader = await openSqlReader();
const cases = linesOf<Case>("test/corpus/postgres.jsonl").filter(
  (each) => each.decidable === "text" || each.decidable === "session",
);
const evasions = parse(readFileSync("test/corpus/evasions.yml", "utf8")) as { expect: Verdict; input: string }[];
const falseAlarms = parse(readFileSync("test/corpus/false-alarms.yml", "utf8")) as string[];
const reads = linesOf<{ from: string; input: string }>("test/corpus/reads.jsonl");

function textOf(each: Case): string {
  if (each.input_b64 === undefined) return each.input;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(each.input_b64, "base64"));
  } catch {
    return "\0";
  }
}

describe("the corpus of commands", () => {
  it("is whole", () => {
    expect(cases.length).toBeGreaterThanOrEqual(240);
    expect(evasions.length).toBeGreaterThanOrEqual(190);
    expect(reads.length).toBeGreaterThanOrEqual(600);
  });

  it.each(cases)("gives $id the verdict that it must get", (each) => {
    const verdict = verdictOf(readAfter(reader, each.setup ?? [], textOf(each)));
    const fits = each.acceptable?.includes(verdict) ?? doesFor(each.expect, verdict);
    expect(fits, `${verdict} instead of ${each.expect}`).toBe(true);
  });

  it("lets none of the evasions through", () => {
    const through = evasions.filter((each) => !doesFor(each.expect, verdictOf(reader.read(each.input, EMPTY_SESSION))));
    expect(through).toEqual([]);
  });

  it("stops none of the statements that only look dangerous", () => {
    const stopped = falseAlarms.filter((each) => verdictOf(reader.read(each, EMPTY_SESSION)) !== "harmless");
    expect(stopped).toEqual([]);
  });

  it("stops nothing that psql, pg_dump, drivers and ORMs ask of a catalog", () => {
    let session = new TakenSession();
    let from = "";
    const stopped: unknown[] = [];
    for (const each of reads) {
      // Each tool on a connection of its own; statements of one tool build on each other. The dumps' share theirs.
      if (each.from !== from && !each.from.startsWith("pg_dump")) session = new TakenSession();
      from = each.from;
      const reading = reader.read(each.input, session);
      session.take(reading.statements);
      if (verdictOf(reading) !== "harmless") stopped.push({ ...each, why: reading.why });
    }
    expect(stopped).toEqual([]);
  });
});
