// The two sides of every comparison: a server of its own spoken to directly, and one just like it behind something.

import { spawn } from "node:child_process";
import { tmpdir } from "node:os";
import pg from "pg";
import { pipe } from "../../bench/endpoints.ts";
import { startGateway } from "../live/gateway.ts";
import { startPostgres } from "../live/server.ts";

/** Where a client connects to, and how. */
export interface Side {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** What the gateway printed; nothing of others. */
  log(): string;
  close(): Promise<void>;
}

export type Through = "nothing" | "pipe" | "gateway";

/** Judged, recorded, and everything allowed, so that what differs is the gateway's own doing and not a policy's. */
const ALLOW_ALL = `version: 1
targets:
  appdb: { protocol: postgres }
rules:
  - name: everything
    match: { effects: [read, write, delete, schema, grant, admin, execute, session, unknown] }
    decide: allow
`;

/**
 * Starts a server, runs `setup` in a new database on it, and puts `through` before it. Servers made with the same `setup`
 * number their objects alike, so that two sides print the same.
 */
export async function startSide(through: Through, setup: readonly string[]): Promise<Side> {
  const server = await startPostgres({ auth: "scram", settings: { max_connections: "50" } });
  try {
    await prepare(server.url, setup);
    const direct = {
      host: server.host,
      port: server.port,
      user: server.user,
      password: server.password,
      database: "compat",
    };
    if (through === "nothing")
      return { name: "direct", ...direct, log: () => "", close: async () => await server.close() };
    if (through === "pipe") {
      const carrier = await pipe(direct);
      const close = async (): Promise<void> => {
        await carrier.close();
        await server.close();
      };
      return { ...direct, name: "pipe", port: carrier.port, log: () => "", close };
    }
    const target = `postgres://${direct.user}:${direct.password}@${direct.host}:${direct.port}/compat?sslmode=disable`;
    const gateway = await startGateway({ policy: ALLOW_ALL, target });
    return {
      ...gateway,
      name: "gateway",
      close: async () => {
        await gateway.stop().catch(() => 1); // what it could not seal is in its log; the comparison is done by now
        await gateway.discard();
        await server.close();
      },
    };
  } catch (error) {
    await server.close();
    throw error;
  }
}

async function prepare(url: string, setup: readonly string[]): Promise<void> {
  const first = new pg.Client({ connectionString: url });
  await first.connect();
  await first.query("create database compat template template0");
  await first.end();
  const own = new URL(url);
  own.pathname = "/compat";
  const client = new pg.Client({ connectionString: own.href });
  await client.connect();
  try {
    for (const text of setup) await client.query(text);
  } finally {
    await client.end();
  }
}

/** How a program's run ended, and all that it printed, both streams in one. */
export interface Ran {
  readonly code: number;
  readonly output: string;
  readonly tookMs: number;
}

export interface RunOptions {
  readonly args: readonly string[];
  /** Standard input. */
  readonly input?: string;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** SIGINT after this long, as Ctrl-C would. */
  readonly interruptAfterMs?: number;
  /** SIGKILL after this long; the program then did not finish. */
  readonly killAfterMs?: number;
}

/** What Debian's stand-in for a program says without the program, and what a program says that is older than the server. */
const NOT_RUN = /^Error: (?:pg_wrapper|You must install)|aborting because of server version mismatch/m;

/** Runs one of PostgreSQL's programs with the side's address in its environment. */
export async function runProgram(side: Side, program: string, options: RunOptions): Promise<Ran> {
  const startedAt = performance.now();
  // Both streams into one pipe, so that what a program says stands in the order in which it said it.
  const child = spawn("/bin/sh", ["-c", 'exec "$0" "$@" 2>&1', program, ...options.args], {
    cwd: options.cwd ?? tmpdir(),
    stdio: ["pipe", "pipe", "ignore"],
    env: {
      ...process.env,
      PGHOST: side.host,
      PGPORT: String(side.port),
      PGUSER: side.user,
      PGPASSWORD: side.password,
      PGDATABASE: side.database,
      PGAPPNAME: "compat",
      LC_ALL: "C",
      TZ: "UTC",
      ...options.env,
    },
  });
  const output: string[] = [];
  child.stdout.setEncoding("utf8").on("data", (text: string) => output.push(text));
  child.stdin.on("error", () => undefined); // it ended before it read all; its exit code says so
  child.stdin.end(options.input ?? "");
  const timers = [
    options.interruptAfterMs === undefined
      ? undefined
      : setTimeout(() => child.kill("SIGINT"), options.interruptAfterMs),
    setTimeout(() => child.kill("SIGKILL"), options.killAfterMs ?? 120_000),
  ];
  try {
    const code = await new Promise<number>((resolve, reject) => {
      child.on("error", (error) =>
        reject(new Error(`${program} could not be run: is it installed?`, { cause: error })),
      );
      child.on("close", (status) => resolve(status ?? 128));
    });
    const ran = { code, output: output.join(""), tookMs: performance.now() - startedAt };
    // Two sides on which nothing ran print the same.
    if (code === 126 || code === 127 || NOT_RUN.test(ran.output)) {
      throw new Error(
        `${program} could not be run: is it installed, and not older than the server?\n${ran.output.slice(0, 1000)}`,
      );
    }
    return ran;
  } finally {
    for (const timer of timers) clearTimeout(timer);
  }
}
