// The reference policy of the cases, said of effects: what test/corpus/policy.yml allows, holds and denies.

import { readFileSync } from "node:fs";
import type { Reading, SqlReader } from "../../../src/languages/sql/reading.ts";
import { TakenSession } from "../../../src/languages/sql/taken-session.ts";

export type Verdict = "harmless" | "risky" | "blockable";

export function verdictOf({ effects }: Pick<Reading, "effects">): Verdict {
  if (effects.some((each) => each === "admin" || each === "grant")) return "blockable";
  return effects.every((each) => each === "read" || each === "session") ? "harmless" : "risky";
}

/** Does this verdict do for what a case expects: the stricter one always does for `risky`. */
export function doesFor(expected: Verdict, verdict: Verdict): boolean {
  return verdict === expected || (expected === "risky" && verdict === "blockable");
}

/** Reads a text after others on one connection, all of which are taken as done. */
export function readAfter(reader: SqlReader, setup: readonly string[], text: string): Reading {
  const session = new TakenSession();
  for (const each of setup) session.take(reader.read(each, session).statements);
  return reader.read(text, session);
}

export function linesOf<T>(file: string): T[] {
  return readFileSync(file, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as T);
}
