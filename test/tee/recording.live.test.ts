import { readdirSync } from "node:fs";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { countersign, type RunningGateway, sessionFolders, startGateway } from "../live/gateway.ts";
import { type LivePostgres, startPostgres } from "../live/server.ts";
import { type Comparison, compare } from "./compare.ts";
import { decodeConnection, type WireConnection } from "./decode.ts";
import { type RecordedSession, readSession } from "./journal.ts";
import { startTee, type Tee } from "./tee.ts";
import { runRefusals, runWorkload, WORKLOAD_TABLES } from "./workload.ts";

// The recording equals the wire: client -> gateway -> tee -> server, and then the tee's own reading of what passed against
// what the sealed session says was sent and returned.

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
let tee: Tee;
let gateway: RunningGateway;
let exitCode: number;
let wire: readonly WireConnection[];
let session: RecordedSession;
let comparison: Comparison;

beforeAll(async () => {
  server = await startPostgres({ auth: "scram" });
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  await client.query(WORKLOAD_TABLES);
  await client.end();
  tee = await startTee(server);
  const target = `postgres://${server.user}:${server.password}@${tee.host}:${tee.port}/postgres?sslmode=disable`;
  gateway = await startGateway({ policy: POLICY, target });
  await runWorkload(gateway);
  await runRefusals(gateway);
  exitCode = await gateway.stop();
  await tee.quiet();
  wire = tee.recordings().map(decodeConnection);
  const [folder] = sessionFolders(gateway.ledgerDir);
  if (folder === undefined)
    throw new Error(`no session in ${readdirSync(gateway.ledgerDir).join(", ")}\n${gateway.log()}`);
  session = readSession(folder);
  comparison = compare(wire, session);
}, 60_000);

afterAll(async () => {
  await gateway.discard();
  await tee.close();
  await server.close();
});

describe("the recording equals the wire", () => {
  it("agrees in every command, every execution and every byte", () => {
    // Enough to see what is wrong; one fault often shows in every command.
    expect(comparison.differences.slice(0, 40)).toEqual([]);
  });

  it("compared as much as the workload did", () => {
    expect(comparison.commands).toBeGreaterThan(120);
    expect(comparison.executions).toBeGreaterThan(110);
    expect(comparison.refused).toBeGreaterThanOrEqual(8);
    expect(session.types.get("gap") ?? 0).toBe(0);
  });

  it("sent nothing of a refused command", () => {
    const bytes = tee.recordings().map(({ toServer }) => toServer.toString("latin1"));
    // The text of a Parse goes to the server before its Bind is judged, and does nothing there.
    const refused = wire
      .flatMap(({ commands }) => commands)
      .filter(({ text }) => /drop table|^delete from/i.test(text));
    expect(refused.map(({ text }) => text)).toEqual([]);
    expect(bytes.some((each) => each.includes("Qdrop table"))).toBe(false);
  });

  it("recorded why each refused command was refused", () => {
    const causes = [...session.commands.values()].filter(({ ruling }) => ruling === "refuse").map(({ cause }) => cause);
    expect(new Set(causes)).toEqual(new Set(["denied", "expired", "withdrawn"]));
  });

  it("sent no frame that has no place in the recording", () => {
    const types = new Set(wire.flatMap(({ sent }) => [...sent.keys()]));
    const known = ["Q", "P", "B", "E", "D", "C", "S", "H", "X", "d", "c", "f"];
    expect([...types].filter((type) => !known.includes(type))).toEqual([]);
    // Every Parse that was sent belongs to a command, or to one that was refused or never bound.
    const bound = new Set(wire.flatMap(({ commands }) => commands.map(({ text }) => text)));
    const unbound = wire.flatMap(({ parsed }) => parsed).filter((text) => !bound.has(text));
    expect(unbound.filter((text) => !/drop table|delete from|not sql|select 1/i.test(text))).toEqual([]);
  });

  it("sealed a session that verifies", async () => {
    const log = gateway.log();
    expect({ exitCode, log }).toEqual({ exitCode: 0, log });
    const { code, output } = await countersign(["verify", gateway.ledgerDir]);
    expect({ code, output }).toEqual({ code: 0, output });
  });
});
