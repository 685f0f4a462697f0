import { createHash } from "node:crypto";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type LivePostgres, startPostgres } from "../live/server.ts";
import { compare } from "./compare.ts";
import { decodeConnection, type WireCommand, type WireConnection } from "./decode.ts";
import type { RecordedCommand, RecordedReturn, RecordedSession } from "./journal.ts";
import { startTee } from "./tee.ts";
import { runWorkload, WORKLOAD_TABLES } from "./workload.ts";

// A comparer that finds nothing wrong must be one that would: each field of a true recording is falsified in turn.

const KEY = Buffer.from("0123456789abcdef");

let server: LivePostgres;
let wire: readonly WireConnection[];

beforeAll(async () => {
  server = await startPostgres({ auth: "trust" });
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  await client.query(WORKLOAD_TABLES);
  await client.end();
  const tee = await startTee(server);
  await runWorkload({ ...tee, user: server.user, password: "", database: "postgres" });
  await tee.quiet();
  wire = tee.recordings().map(decodeConnection);
  await tee.close();
});

afterAll(async () => await server.close());

describe("the comparer", () => {
  it("finds nothing in a true recording, and says how much it compared", () => {
    const result = compare(wire, truth());
    expect(result.differences).toEqual([]);
    expect(result.commands).toBeGreaterThan(120);
    expect(result.executions).toBeGreaterThan(110);
  });

  it.each<[string, (command: RecordedCommand) => RecordedCommand | undefined]>([
    ["that was left out", () => undefined],
    ["with another digest", (command) => ({ ...command, digest: `${command.digest.slice(1)}A` })],
    ["with another length", (command) => ({ ...command, bytes: command.bytes + 1 })],
    ["recorded as refused", (command) => ({ ...command, ruling: "refuse" })],
    ["without what came back", (command) => ({ ...command, returned: [] })],
    ["that came back twice", (command) => ({ ...command, returned: [...command.returned, ...command.returned] })],
    ...(["rows", "bytes", "execution"] as const).map(
      (field): [string, (command: RecordedCommand) => RecordedCommand] => [
        `with other ${field}`,
        (command) => changed(command, (each) => ({ ...each, [field]: each[field] + 1 })),
      ],
    ),
    ...(["outcome", "code", "digest"] as const).map(
      (field): [string, (command: RecordedCommand) => RecordedCommand] => [
        `with another ${field} of what came back`,
        (command) => changed(command, (each) => ({ ...each, [field]: `${each[field]}x` })),
      ],
    ),
    [
      "with other bytes copied",
      (command) => changed(command, (each) => ({ ...each, copied: { bytes: 1, digest: "" } })),
    ],
    [
      "with another value in a row",
      (command) => changed(command, (each) => ({ ...each, cells: each.cells.map((row) => row.map(() => "other")) })),
    ],
    ["with a row less", (command) => changed(command, (each) => ({ ...each, cells: each.cells.slice(1) }))],
    ["with another parameter", (command) => ({ ...command, values: [...command.values, "one more"] })],
    ["with another tag", (command) => changed(command, (each) => ({ ...each, summary: ["SELECT 999"] }))],
  ])("notices a command %s", (_what, falsify) => {
    const session = truth();
    const [victim] = [...session.commands.values()]
      .filter(({ returned }) => returned[0]?.outcome === "completed")
      .slice(5);
    if (victim === undefined) throw new Error("there is no command to falsify");
    const falsified = falsify(victim);
    const commands = new Map([...session.commands].filter(([id]) => id !== victim.id || falsified !== undefined));
    if (falsified !== undefined) commands.set(victim.id, falsified);
    expect(compare(wire, { ...session, commands }).differences).not.toEqual([]);
  });

  it("notices a connection and a command that nobody recorded", () => {
    const session = truth();
    const [first, ...others] = wire;
    if (first === undefined) throw new Error("there is no connection");
    expect(compare([...wire, { ...first }], session).differences).not.toEqual([]);
    expect(compare(others, session).differences).not.toEqual([]);
    const more = { ...first, commands: [...first.commands, ...first.commands.slice(0, 1)] };
    expect(compare([more, ...others], session).differences).not.toEqual([]);
  });
});

/** What a gateway that recorded everything as it was would have written. */
function truth(): RecordedSession {
  const commands = new Map<string, RecordedCommand>();
  for (const [index, connection] of wire.entries()) {
    for (const [number, sent] of connection.commands.entries()) {
      const id = `${index + 1}/${number + 1}`;
      commands.set(id, {
        id,
        connection: index + 1,
        digest: keyed(sent.identity),
        bytes: sent.identity.reduce((sum, each) => sum + each.length, 0),
        effects: ["read"],
        key: KEY,
        text: Buffer.from(sent.text, "latin1").toString("utf8"),
        params: [],
        values: sent.params.map((each) => each?.toString("utf8") ?? null),
        decision: "allow",
        ruling: "release",
        cause: "",
        returned: returnsOf(sent),
      });
    }
  }
  const connections = new Map(wire.map((_, index) => [index + 1, "client"]));
  return { sid: "", commands, connections, types: new Map(), tornBytes: 0 };
}

function returnsOf(sent: WireCommand): RecordedReturn[] {
  const nothing = {
    execution: 0,
    code: "",
    rows: 0,
    bytes: 0,
    digest: "",
    copied: { bytes: 0, digest: "" },
    key: KEY,
    summary: [],
    cells: [],
    truncated: false,
  };
  if (sent.executions.length === 0) return [{ ...nothing, outcome: sent.ignored ? "skipped" : "bound" }];
  return sent.executions.map((run) => ({
    execution: run.number,
    outcome: run.outcome,
    code: run.code,
    rows: run.rows,
    bytes: run.answer.length,
    digest: keyed([run.answer]),
    copied: { bytes: run.copied.length, digest: run.copied.length === 0 ? "" : keyed([run.copied]) },
    key: KEY,
    summary: run.tags,
    cells: run.cells.map((row) => row.map((each) => each?.toString("utf8") ?? null)),
    truncated: false,
  }));
}

function keyed(bytes: readonly Buffer[]): string {
  return createHash("sha256")
    .update(Buffer.concat([KEY, ...bytes]))
    .digest("base64url");
}

function changed(command: RecordedCommand, change: (each: RecordedReturn) => RecordedReturn): RecordedCommand {
  return { ...command, returned: command.returned.map((each, index) => (index === 0 ? change(each) : each)) };
}
