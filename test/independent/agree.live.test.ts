// Both verifiers over what a real run leaves: a session that was sealed, and one whose gateway was killed.

import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningGateway, sessionFolders, startGateway } from "../live/gateway.ts";
import { type LivePostgres, startPostgres } from "../live/server.ts";
import { oursSays, pythonSays, verdictOf } from "./agreement.ts";
import { type Batch, startBatch } from "./batch.ts";

const POLICY = `version: 1
targets:
  appdb: { protocol: postgres }
rules:
  - name: no-schema-changes
    match: { effects: [schema] }
    decide: deny
    message: Change the schema in a migration.
  - name: unbounded-delete
    match: { effects: [delete], bounded: false }
    decide: hold
    approval: { expires: 1s }
  - name: the-rest
    match: { effects: [read, session, write, delete, execute, admin, unknown] }
    decide: allow
`;

let server: LivePostgres;
let python: Batch;

beforeAll(async () => {
  server = await startPostgres();
  python = startBatch("openssl");
});

afterAll(async () => {
  await python.close();
  await server.close();
});

/** What a job does: it reads, writes, is refused, and waits for an answer that nobody gives. */
async function work({ url }: RunningGateway): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query("SELECT 1 AS one");
  await client.query("CREATE TEMPORARY TABLE notes (text text)").catch(() => undefined);
  await client.query("SELECT $1::text AS said", ["hello"]);
  await client.query("DELETE FROM pg_catalog.pg_description").catch(() => undefined);
  await client.end();
}

async function bothSay(path: string): Promise<readonly string[]> {
  const ours = await oursSays({ path });
  expect(await pythonSays(python, { path })).toEqual(ours);
  return ours;
}

describe("of a real session both verifiers say", () => {
  it("that it is good, in its ledger and by itself", { timeout: 90_000 }, async () => {
    const gateway = await startGateway({ policy: POLICY, target: server.url });
    await work(gateway);
    const code = await gateway.stop();
    expect({ code, log: code === 0 ? "" : gateway.log() }).toEqual({ code: 0, log: "" });
    expect(await bothSay(gateway.ledgerDir)).toEqual([]);
    const [folder = ""] = sessionFolders(gateway.ledgerDir);
    expect(await bothSay(folder)).toEqual([]);
    await gateway.discard();
  });

  it("that it is incomplete and nothing in it false, when its gateway was killed", { timeout: 90_000 }, async () => {
    const gateway = await startGateway({ policy: POLICY, target: server.url });
    await work(gateway);
    await gateway.kill();
    const [folder = ""] = sessionFolders(gateway.stateDir);
    const all = await bothSay(folder);
    expect({ all, verdict: verdictOf(all) }).toMatchObject({ verdict: "incomplete" });
    await gateway.discard();
  });
});
