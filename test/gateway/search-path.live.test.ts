// A role or database whose own search_path puts another schema before pg_catalog cannot be read, and is refused.

import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { dial } from "../../src/gateway/dial.ts";
import { OwnConnection } from "../../src/gateway/query.ts";
import { readTarget } from "../../src/protocols/postgres/target.ts";
import { openRaw } from "../live/raw-client.ts";
import { type LivePostgres, startPostgres } from "../live/server.ts";
import { type LiveSession, startSession } from "../live/session.ts";

let server: LivePostgres;
let session: LiveSession;
let own: OwnConnection;

beforeAll(async () => {
  server = await startPostgres();
  session = await startSession({
    policy: readFileSync("test/corpus/policy.yml", "utf8"),
    target: "fixture",
    url: server.url,
    people: async () => await Promise.resolve("refused"),
  });
  own = await OwnConnection.open(await dial(readTarget("own", server.url), new Map()), { timeoutMs: 5_000 });
});

afterAll(async () => {
  own.close();
  await session.close();
  await server.close();
});

async function logIn(): Promise<string> {
  try {
    const client = await openRaw(session.endpoint);
    client.destroy();
    return "";
  } catch (error) {
    return String(error);
  }
}

it.each([
  ["attacker, pg_catalog", false],
  ['"attacker", "pg_catalog"', false],
  ["later, PG_CATALOG, public", false],
  ["pg_catalog, attacker", true],
  ['"$user", public', true],
  ["attacker", true],
])("search_path %s by default: let in is %s", async (path, letIn) => {
  await own.query(`ALTER DATABASE postgres SET search_path = ${path}`);
  const said = await logIn();
  expect(letIn ? said : said === "").toBe(letIn ? "" : false);
  expect(said.includes("search_path is")).toBe(!letIn);
});
