import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { readRunOptions } from "../../src/cli/options.ts";

const folder = mkdtempSync(join(tmpdir(), "cs-options-"));
const secret = join(folder, "password");
writeFileSync(secret, "p@ss/word\n", { mode: 0o600 });
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const TARGET = ["--target", "appdb=postgres://jobs@db.example.com/app"];
const read = (...args: readonly string[]) =>
  readRunOptions([...args, "--", "true"], { env: { APPDB: "p@ss/word" }, stateDir: "/state" });

describe("a target's password", () => {
  it.each([["env:APPDB"], [`file:${secret}`]])("comes from %s, without a line's end, whatever is in it", (source) => {
    const { targets } = read(...TARGET, "--password", `appdb=${source}`);
    expect(targets).toEqual([{ name: "appdb", url: "postgres://jobs:p%40ss%2Fword@db.example.com/app" }]);
  });

  it("names the variable that held it, so that the job does not get it", () => {
    expect(read(...TARGET, "--password", "appdb=env:APPDB").secretVariables).toEqual(["APPDB"]);
  });

  it.each([
    ["appdb=env:NONE", "NONE"],
    ["appdb=file:/nonexistent", "/nonexistent"],
    ["appdb=p@ss/word", "env:VARIABLE or file:PATH"],
    ["other=env:APPDB", "not a target"],
  ])("is refused as %s, in words that do not hold it", (source, advice) => {
    const wrong = (): unknown => read(...TARGET, "--password", source);
    expect(wrong).toThrow(advice);
    expect(wrong).not.toThrow("p@ss/word");
  });
});

it.each([
  [[], "--target"],
  [[...TARGET, "--targte", "x"], "--targte"],
  [[...TARGET, "--ledger"], "--ledger needs a value"],
  [[...TARGET, "--env", "DATABASE_URL=other"], 'no target "other"'],
  [[...TARGET, "--page-port", "70000"], "65535"],
])("says what would be right of %j", (args, advice) => {
  expect(() => read(...args)).toThrow(advice);
});
