import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { readPolicy } from "../../src/config/policy-file.ts";
import { openSqlReader } from "../../src/languages/sql/reader.ts";
import { EMPTY_SESSION, TakenSession } from "../../src/languages/sql/taken-session.ts";
import { compile, decide } from "../../src/policy/decide.ts";

// The policy that users start from, against what their tools send before they do anything themselves.

const file = "examples/countersign.yml";
const policy = compile(readPolicy(readFileSync(file, "utf8"), file));
const reader = await openSqlReader();
const facts = { target: "appdb", protocol: "postgres", branch: "main", environment: "", event: "local", actor: "ada" };
const decisionOn = (text: string): string => decide(reader.read(text, EMPTY_SESSION), facts, policy).kind;

interface Read {
  readonly from: string;
  readonly input: string;
}

const reads = readFileSync("test/corpus/reads.jsonl", "utf8")
  .split("\n")
  .filter((line) => line !== "")
  .map((line) => JSON.parse(line) as Read);

describe("the starter policy", () => {
  it("sees the reads it is judged by", () => {
    expect(reads.length).toBeGreaterThan(500);
  });

  it("allows what psql, pg_dump, drivers and ORMs ask at start, without a hold", () => {
    // In their order, on one connection: pg_dump prepares what it executes later.
    const session = new TakenSession();
    const stopped = reads.filter(({ input }) => {
      const reading = reader.read(input, session);
      session.take(reading.statements);
      return decide(reading, facts, policy).kind !== "allow";
    });
    expect(stopped.map(({ from, input }) => `${from}: ${input.slice(0, 200)}`)).toEqual([]);
  });

  it.each([
    ["allow", "SET row_security = off"],
    ["allow", "INSERT INTO users (email) VALUES ('x')"],
    ["allow", "UPDATE users SET email = 'x' WHERE id = 1"],
    ["hold", "UPDATE users SET email = 'x'"],
    ["hold", "DELETE FROM users WHERE id = 1"],
    ["hold", "DROP TABLE users"],
    ["hold", "SELECT purge_everything()"],
    ["deny", "GRANT ALL ON users TO PUBLIC"],
    ["deny", "SET ROLE postgres"],
    ["deny", "SET row_security = off; SET ROLE postgres"],
    ["deny", "SET row_security = off; COPY users TO PROGRAM 'sh'"],
    ["deny", "SELECT * FROM pg_subscription, pg_authid"],
    ["deny", "SELECT rolpassword FROM pg_authid"],
  ])("says %s of %s", (expected, text) => {
    expect(decisionOn(text)).toBe(expected);
  });
});
