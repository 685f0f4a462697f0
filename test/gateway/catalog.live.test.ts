// What masking learns of a real server's tables, and what follows from it.

import { afterAll, beforeAll, expect, it } from "vitest";
import { readCatalog } from "../../src/gateway/catalog.ts";
import { dial } from "../../src/gateway/dial.ts";
import { OwnConnection } from "../../src/gateway/query.ts";
import { compileColumns, resultMasks } from "../../src/masking/columns.ts";
import { readTarget } from "../../src/protocols/postgres/target.ts";
import { type LivePostgres, startPostgres } from "../live/server.ts";

let server: LivePostgres;
let own: OwnConnection;

beforeAll(async () => {
  server = await startPostgres();
  own = await OwnConnection.open(await dial(readTarget("own", server.url), new Map()), { timeoutMs: 5_000 });
});

afterAll(async () => {
  own.close();
  await server.close();
});

it("masks a partition's column, and an heir's, by the rule for the table above it", async () => {
  for (const text of [
    "CREATE TABLE people (id integer, email text) PARTITION BY LIST (id)",
    "CREATE TABLE people_1 PARTITION OF people FOR VALUES IN (1, 2) PARTITION BY LIST (id)",
    "CREATE TABLE people_1_1 PARTITION OF people_1 FOR VALUES IN (1)",
    "CREATE TABLE base (id integer, email text)",
    "CREATE TABLE heir () INHERITS (base)",
    "CREATE TABLE other (id integer, email text)",
  ])
    await own.query(text);
  const catalog = await readCatalog({ query: async (text) => await own.query(text) });
  const rules = compileColumns([{ columns: ["people.email", "base.email"], as: "partial" }]);
  const maskOf = async (table: string): Promise<unknown> => {
    const { rows } = await own.query("SELECT $1::regclass::oid", [table]);
    const column = { name: "x", table: Number(rows[0]?.[0]), attribute: 2, type: 25 };
    return resultMasks(rules, [column], catalog, { objects: [table] })[0];
  };
  for (const table of ["people", "people_1", "people_1_1", "base", "heir"]) expect(await maskOf(table)).toBe("partial");
  expect(await maskOf("other")).toBeUndefined();
});
