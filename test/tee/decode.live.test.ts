import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type LivePostgres, startPostgres } from "../live/server.ts";
import { decodeConnection, type WireCommand, type WireConnection } from "./decode.ts";
import { startTee, type Tee } from "./tee.ts";
import { runWorkload, WORKLOAD_TABLES } from "./workload.ts";

// The judge is judged first: a decoder that misread the wire could agree with a recording that did the same.

let server: LivePostgres;
let tee: Tee;
let connections: readonly WireConnection[];
let commands: readonly WireCommand[];

beforeAll(async () => {
  server = await startPostgres({ auth: "scram" });
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  await client.query(WORKLOAD_TABLES);
  await client.end();
  tee = await startTee(server);
  await runWorkload({
    host: tee.host,
    port: tee.port,
    user: server.user,
    password: server.password,
    database: "postgres",
  });
  await tee.quiet();
  connections = tee.recordings().map(decodeConnection);
  commands = connections.flatMap((each) => each.commands);
});

afterAll(async () => {
  await tee.close();
  await server.close();
});

describe("the independent decoder", () => {
  it("reads every byte of every connection", () => {
    expect(connections.length).toBeGreaterThanOrEqual(8);
    expect(connections.flatMap(({ oddities }) => oddities)).toEqual([]);
    expect(commands.length).toBeGreaterThan(120);
  });

  it("sees a statement's answers, suspended and to the end", () => {
    const limited = commands.find(({ executions }) => executions.length === 4);
    expect(limited?.executions.map(({ outcome, rows }) => [outcome, rows])).toEqual([
      ["suspended", 4],
      ["suspended", 4],
      ["completed", 1],
      ["completed", 0],
    ]);
  });

  it("gives each of two portals its own rows, whatever the order", () => {
    const two = commands.filter(
      ({ kind, params }) => kind === "bind" && ["3", "5"].includes(params[0]?.toString() ?? ""),
    );
    expect(two.map(({ executions }) => executions[0]?.rows)).toEqual([2, 4]);
  });

  it("tells what was ignored behind an error from what ran", () => {
    const named = (text: string): WireCommand | undefined => commands.find((each) => each.text.includes(text));
    expect(named("'undone'")?.executions[0]?.outcome).toBe("completed");
    expect(named("'undone'")?.ignored).toBe(false);
    expect(commands.filter(({ ignored }) => ignored).length).toBeGreaterThanOrEqual(3);
  });

  it("counts what was copied, and knows which COPY failed", () => {
    const copied = commands
      .flatMap((each) => each.executions)
      .filter(({ copied: bytes }) => bytes.length > 0)
      .map(({ rows, code }) => code || rows);
    expect(copied).toEqual([3, "57014", "22P02", 1, 2, 1]);
  });

  it("keeps a query of many statements as one command with an answer for each", () => {
    const many = commands.find(({ text }) => text === "select 1; select 2, 'two'; select generate_series(1, 3)");
    expect(many?.executions).toHaveLength(1);
    expect(many?.executions[0]?.tags).toEqual(["SELECT 1", "SELECT 1", "SELECT 3"]);
  });
});
