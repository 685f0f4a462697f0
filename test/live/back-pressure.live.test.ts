// What nobody takes is not taken in either: a client that does not read, and a server that does not, cost the gateway no
// memory that grows with what there is to carry.

import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type RunningGateway, startGateway } from "./gateway.ts";
import { copyData, copyDone, openRaw, query } from "./raw-client.ts";
import { type LivePostgres, startPostgres } from "./server.ts";

const POLICY = `version: 1
targets: { appdb: { protocol: postgres } }
rules:
  - { name: all, match: { effects: [read, write, session] }, decide: allow }
`;

const MIB = 1024 * 1024;

/** Beside the half of a megabyte that each side's buffers may hold, what the garbage collector has not taken yet. */
const GROWTH_MAX = 80 * MIB;

let server: LivePostgres;
let gateway: RunningGateway;
let other: pg.Client;

beforeAll(async () => {
  server = await startPostgres();
  other = new pg.Client({ connectionString: server.url });
  await other.connect();
  await other.query("CREATE TABLE lines (body text)");
  gateway = await startGateway({ policy: POLICY, target: server.url });
});

afterAll(async () => {
  await other.end();
  await gateway.discard();
  await server.close();
});

/** Bytes of the gateway's that are in memory. */
function resident(): number {
  const status = readFileSync(`/proc/${gateway.pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}

it("keeps no more of a result than a client reads", async () => {
  const client = await openRaw(gateway);
  const before = resident();
  const all = client.drain("SELECT repeat('x', 1000) FROM generate_series(1, 200000)");
  client.socket.pause();
  await sleep(1_500);
  expect(resident() - before).toBeLessThan(GROWTH_MAX);
  expect(client.socket.bytesRead).toBeLessThan(16 * MIB);
  client.socket.resume();
  expect(await all).toBeGreaterThan(200_000_000);
  expect(resident() - before).toBeLessThan(GROWTH_MAX);
  client.end();
}, 60_000);

it("keeps no more of COPY data than the server reads", async () => {
  const client = await openRaw(gateway);
  const before = resident();
  // The server waits for the lock and reads nothing.
  await other.query("BEGIN; LOCK TABLE lines IN ACCESS EXCLUSIVE MODE");
  client.send(query("COPY lines FROM STDIN"));
  const piece = copyData(`${"y".repeat(65_000)}\n`);
  for (let count = 0; count < 1_500; count += 1) client.socket.write(piece);
  client.socket.write(copyDone);
  await sleep(1_500);
  expect(resident() - before).toBeLessThan(GROWTH_MAX);
  expect(client.socket.writableLength, "most of it waits at the client").toBeGreaterThan(64 * MIB);
  await other.query("COMMIT");
  await client.receive();
  const { rows } = await other.query<{ n: number }>("SELECT count(*)::int AS n FROM lines");
  expect(rows[0]?.n).toBe(1_500);
  expect(resident() - before).toBeLessThan(GROWTH_MAX);
  client.end();
}, 60_000);
