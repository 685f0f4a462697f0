// Code that was released may give a connection's names other meanings: what was prepared before is what runs after it, or
// nobody claims to know.

import pg from "pg";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import {
  bind,
  describe as describeIt,
  execute,
  openRaw,
  parse,
  query,
  type RawConnection,
  sync,
} from "./raw-client.ts";
import { type LivePostgres, startPostgres } from "./server.ts";
import { type LiveSession, startSession } from "./session.ts";

const POLICY = `
version: 1
targets: { shop: { protocol: postgres } }
rules:
  - { name: rest, match: { effects: [read, session, execute] }, decide: allow }
`;

const REPLACE = `DO $$ BEGIN
  EXECUTE 'DEALLOCATE victim';
  EXECUTE 'PREPARE victim AS DELETE FROM people RETURNING id';
END $$`;

let server: LivePostgres;
let session: LiveSession;
let direct: pg.Client;
let client: RawConnection;

beforeAll(async () => {
  server = await startPostgres();
  direct = new pg.Client({ connectionString: server.url });
  await direct.connect();
  session = await startSession({
    policy: POLICY,
    target: "shop",
    url: server.url,
    people: async () => await Promise.resolve("refused"),
  });
});

afterAll(async () => {
  client.end();
  await session.close();
  await direct.end();
  await server.close();
});

beforeEach(async () => {
  await direct.query(
    "DROP TABLE IF EXISTS people; CREATE TABLE people AS SELECT n AS id FROM generate_series(1, 5) AS n",
  );
  client = await openRaw(session.endpoint);
});

/** The kinds of messages that answer these, up to ReadyForQuery; notices left out. */
async function types(...frames: readonly Buffer[]): Promise<string> {
  client.send(...frames);
  const answers = await client.receive();
  return answers
    .map(({ type }) => type)
    .filter((type) => type !== "N")
    .join("");
}

const rowsLeft = async (): Promise<unknown> => (await direct.query("SELECT count(*)::int AS n FROM people")).rows[0];

it("runs a statement as it was parsed, though code put another under its name", async () => {
  await types(parse("victim", "SELECT id FROM people ORDER BY id LIMIT $1", [23]), sync);
  await types(query(REPLACE));
  for (const rows of ["2", "3"]) {
    const bound = bind({ statement: "victim", params: [rows] });
    // Nothing of what the gateway asked by itself reaches the client.
    expect(await types(bound, describeIt("P"), execute(), sync)).toBe(`2T${"D".repeat(Number(rows))}CZ`);
  }
  expect(await rowsLeft()).toEqual({ n: 5 });
});

it("does so in one pipeline, and where the transaction has failed the server's own error comes", async () => {
  const run = [bind({ statement: "victim" }), execute(), sync];
  expect(await types(parse("victim", "SELECT 1"), parse("", REPLACE), bind(), execute(), ...run)).toBe("112C2DCZ");
  await types(query("BEGIN"));
  await types(query(REPLACE.replace("END", "PERFORM 1 / 0; END")));
  expect(await types(...run)).toBe("EZ");
  await types(query("ROLLBACK"));
  expect(await types(...run)).toBe("2DCZ");
  expect(await rowsLeft()).toEqual({ n: 5 });
});

it("calls unknown what SQL prepared or declared before", async () => {
  for (const text of ["PREPARE victim AS SELECT 1", "BEGIN", "DECLARE c CURSOR FOR SELECT 1", REPLACE]) {
    await types(query(text));
  }
  for (const text of ["FETCH c", "EXECUTE victim"]) {
    expect(await types(query(text))).toBe("EZ");
    await types(query("ROLLBACK"));
  }
  expect(await types(bind({ statement: "victim" }), execute(), sync)).toBe("EZ");
  expect(await rowsLeft()).toEqual({ n: 5 });
});
