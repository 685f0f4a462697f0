import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { impactQueries } from "../../../src/languages/sql/impact.ts";
import { openSqlReader } from "../../../src/languages/sql/reader.ts";
import { EMPTY_SESSION } from "../../../src/languages/sql/taken-session.ts";
import { linesOf } from "./verdict.ts";

const reader = await openSqlReader();

describe("the questions about a held statement", () => {
  it.each([
    ["DELETE FROM customers", "SELECT count(*) FROM customers"],
    ["DELETE FROM ONLY a.b AS c WHERE c.id = $1;", "SELECT count(*) FROM ONLY a.b AS c\nWHERE c.id = $1"],
    ['UPDATE "update" SET "where" = 1 WHERE id = 2 -- x', 'SELECT count(*) FROM "update"\nWHERE id = 2'],
    ["UPDATE t SET a = 'x WHERE y' WHERE b = 'SET' RETURNING *", "SELECT count(*) FROM t\nWHERE b = 'SET'"],
    [
      "DELETE FROM t USING u, (SELECT 1) v WHERE t.id = u.id",
      "SELECT count(*) FROM t\nWHERE EXISTS (SELECT 1 FROM u, (SELECT 1) v\nWHERE t.id = u.id\n)",
    ],
    [
      "UPDATE t SET a = b IS DISTINCT FROM c FROM x WHERE x.id = t.id",
      "SELECT count(*) FROM t\nWHERE EXISTS (SELECT 1 FROM x\nWHERE x.id = t.id\n)",
    ],
    [
      "WITH d AS (SELECT 1 AS id) DELETE FROM t WHERE id IN (SELECT id FROM d)",
      "WITH d AS (SELECT 1 AS id) SELECT count(*) FROM t\nWHERE id IN (SELECT id FROM d)",
    ],
    ['TRUNCATE a, ONLY b."c""d"', 'SELECT (SELECT count(*) FROM "a") + (SELECT count(*) FROM ONLY "b"."c""d")'],
  ])("about %j count the rows it would touch", (text, count) => {
    expect(impactQueries(text)?.count).toBe(count);
  });

  it("explain the very statement", () => {
    expect(impactQueries("DELETE FROM t WHERE a = 1; -- x")?.explain).toBe(
      "EXPLAIN (FORMAT JSON) DELETE FROM t WHERE a = 1",
    );
  });

  it.each([
    "SELECT 1",
    "",
    "INSERT INTO t VALUES (1)",
    "DELETE FROM a; DELETE FROM b",
    "DELETE FROM t WHERE purge() = 1",
    "DELETE FROM t WHERE CURRENT OF c",
    "WITH d AS (DELETE FROM x RETURNING id) DELETE FROM t WHERE id IN (SELECT id FROM d)",
    "DELETE FROM t WHERE x = (SELECT 1 FROM y FOR UPDATE)",
    "DELETE FROM t WHERE x === 1",
    "DELETE FROM pg_authid",
    "DE/**/LETE FROM t",
    "DELETE FROM t WHERE a = '\0'",
  ])("are not asked about %j", (text) => {
    expect(impactQueries(text)).toBeUndefined();
  });

  it("are reads, whatever the text", () => {
    const texts = linesOf<{ input: string }>("test/corpus/postgres.jsonl").map((each) => each.input);
    const damaged = fc
      .tuple(
        fc.constantFrom(...texts.filter((each) => /delete|update|truncate/i.test(each) && each.length < 500)),
        fc.nat(),
        fc.nat(6),
        fc.constantFrom("", "WHERE", "(", ")", "--", "/*", "'", " SET ", " FROM ", ";", "\n"),
      )
      .map(
        ([text, at, length, put]) =>
          text.slice(0, at % (text.length + 1)) + put + text.slice((at % (text.length + 1)) + length),
      );
    fc.assert(
      fc.property(damaged, (text) => {
        const queries = impactQueries(text);
        for (const each of queries === undefined ? [] : [queries.explain, queries.count]) {
          expect(reader.read(each, EMPTY_SESSION).effects).toEqual(["read"]);
        }
      }),
      { numRuns: 500 },
    );
  });
});
