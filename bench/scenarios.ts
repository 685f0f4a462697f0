// What the bench measures at each endpoint: pgbench's throughput in several modes, a large result, and memory.

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { openRaw } from "../test/live/raw-client.ts";
import { type Endpoint, memoryOf } from "./endpoints.ts";

export interface Scenario {
  readonly name: string;
  readonly unit: "tps" | "MB/s" | "connections/s";
  readonly measure: (endpoint: Endpoint) => Promise<number>;
}

/** Sizes of one run; `--quick` makes them small. */
export interface Effort {
  readonly rounds: number;
  /** Of each pgbench, in seconds. */
  readonly seconds: number;
  /** pgbench's scale: 100,000 accounts each. */
  readonly scale: number;
  readonly resultMegabytes: number;
  readonly memoryMegabytes: number;
}

/** The names that the ceilings look up. */
export const PREPARED_8 = "select, prepared, 8 clients";
export const PREPARED_1 = "select, prepared, 1 client";
export const SIMPLE_1 = "select, simple, 1 client";

/** The scenarios that all four endpoints run, more is better in each. */
export function scenarios(effort: Effort): readonly Scenario[] {
  const tps = (name: string, ...args: readonly string[]): Scenario => ({
    name,
    unit: "tps",
    measure: async (endpoint) => await pgbench(endpoint, effort, args),
  });
  return [
    tps(SIMPLE_1, "-S", "-M", "simple", "-c", "1"),
    tps(PREPARED_1, "-S", "-M", "prepared", "-c", "1"),
    tps("select, simple, 8 clients", "-S", "-M", "simple", "-c", "8"),
    tps(PREPARED_8, "-S", "-M", "prepared", "-c", "8"),
    tps("TPC-B, prepared, 8 clients", "-M", "prepared", "-c", "8"),
    {
      name: "connections (log in, one select)",
      unit: "connections/s",
      measure: async (endpoint) => await pgbench(endpoint, effort, ["-S", "-M", "simple", "-C", "-c", "4"]),
    },
    {
      name: `a result of ${effort.resultMegabytes} MB`,
      unit: "MB/s",
      measure: async (endpoint) => await largeResult(endpoint, effort.resultMegabytes),
    },
  ];
}

/** Streams one result of this size and returns megabytes per second. */
export async function largeResult(endpoint: Endpoint, megabytes: number): Promise<number> {
  const connection = await openRaw(endpoint);
  const startedAt = performance.now();
  // A thousand bytes a row, many kinds of value being the same to whoever carries them.
  const bytes = await connection.drain(`SELECT repeat('countersig', 100) FROM generate_series(1, ${megabytes * 1000})`);
  const seconds = (performance.now() - startedAt) / 1000;
  connection.end();
  await connection.closed;
  if (bytes < megabytes * 1_000_000) throw new Error(`${endpoint.name} answered with ${bytes} bytes only`);
  return bytes / 1_000_000 / seconds;
}

/** Opens this many connections, asks one thing on each, and returns the resident memory of the endpoint's process in MiB. */
export async function memoryAtConnections(endpoint: Endpoint, count: number): Promise<number> {
  const connections = await Promise.all(Array.from({ length: count }, async () => await openRaw(endpoint)));
  for (const connection of connections) await connection.drain("SELECT abalance FROM pgbench_accounts WHERE aid = 1");
  const { now } = memoryOf(endpoint.pid);
  for (const connection of connections) connection.end();
  await Promise.all(connections.map(async (connection) => await connection.closed));
  return now;
}

async function pgbench(endpoint: Endpoint, effort: Effort, args: readonly string[]): Promise<number> {
  const clients = args[args.indexOf("-c") + 1] ?? "1";
  const where = ["-h", endpoint.host, "-p", String(endpoint.port), "-U", endpoint.user, endpoint.database];
  const threads = Math.min(2, Number(clients));
  const { stdout } = await run(
    "pgbench",
    ["-n", "-T", String(effort.seconds), "-j", String(threads), ...args, ...where],
    endpoint,
  );
  const found = /^tps = ([0-9.]+)/m.exec(stdout)?.[1];
  if (found === undefined) throw new Error(`pgbench printed no tps through ${endpoint.name}:\n${stdout}`);
  return Number(found);
}

/** Fills the database that the scenarios read. */
export async function fill(endpoint: Endpoint, effort: Effort): Promise<void> {
  const where = ["-h", endpoint.host, "-p", String(endpoint.port), "-U", endpoint.user, endpoint.database];
  await run("pgbench", ["-i", "-q", "-s", String(effort.scale), ...where], endpoint);
}

async function run(program: string, args: readonly string[], endpoint: Endpoint): Promise<{ readonly stdout: string }> {
  const env = { ...process.env, PGPASSWORD: endpoint.password, PGSSLMODE: "disable", PGGSSENCMODE: "disable" };
  return await promisify(execFile)(program, args, { env, encoding: "utf8" });
}
