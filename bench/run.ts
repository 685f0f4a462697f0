// `npm run bench`: what the gateway costs, beside a plain Node pipe and pgbouncer, in one interleaved run on this machine.
//
//   npm run bench -- [--quick] [--json FILE] [--without gateway]
//
// At the end, what keeping evidence costs, and how fast the App is: `ledger.ts` and `heads.ts`, which can be run alone.
//
// Speeds of one machine at one time say little; ratios of runs that took turns say more, so those are what is judged.
// The exit code says whether the bench ran; whether a ceiling holds is in its text.

import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { startPostgres } from "../test/live/server.ts";
import {
  direct,
  type Endpoint,
  type EndpointName,
  gateway,
  memoryOf,
  pgbouncer,
  pipe,
  type Server,
} from "./endpoints.ts";
import { type HeadFigures, headsTable, measureHeads } from "./heads.ts";
import { type LedgerFigures, ledgerTable, measureLedger } from "./ledger.ts";
import {
  type Effort,
  fill,
  largeResult,
  memoryAtConnections,
  PREPARED_1,
  PREPARED_8,
  type Scenario,
  SIMPLE_1,
  scenarios,
} from "./scenarios.ts";
import { median, type Spread, spread, table } from "./table.ts";

const FULL: Effort = { rounds: 5, seconds: 2, scale: 5, resultMegabytes: 200, memoryMegabytes: 1000 };
const QUICK: Effort = { rounds: 2, seconds: 1, scale: 1, resultMegabytes: 200, memoryMegabytes: 1000 };

/** Sessions in the branch that another one is sealed into. */
const SESSIONS = 10_000;
const SESSIONS_QUICK = 1_000;

/** One scenario's figures, a list per endpoint, index for index from the same round. */
interface Measured {
  readonly name: string;
  readonly unit: string;
  readonly rounds: ReadonlyMap<EndpointName, readonly number[]>;
}

interface Ceiling {
  readonly what: string;
  readonly limit: string;
  readonly found: string;
  readonly holds: boolean;
}

const { values } = parseArgs({
  options: { quick: { type: "boolean" }, json: { type: "string" }, without: { type: "string", multiple: true } },
});
const effort = values.quick === true ? QUICK : FULL;
const without = new Set(values.without ?? []);

const postgres = await startPostgres({ auth: "scram", settings: { max_connections: "400", shared_buffers: "256MB" } });
const endpoints: Endpoint[] = [];
try {
  const server = serverOf(postgres.url);
  await fill(direct(server), effort);
  say(
    `${cpus()[0]?.model ?? "unknown processor"}, ${cpus().length} cores; Node ${process.version}; ${effort.rounds} rounds`,
  );
  endpoints.push(direct(server), await pipe(server), await pgbouncer(server));
  if (!without.has("gateway")) endpoints.push(await gateway(server));

  const measured: Measured[] = [];
  const planned = scenarios(effort);
  // The first to run would pay for cold caches and unoptimised code; a round that is not counted pays instead.
  for (const endpoint of endpoints) await planned[0]?.measure(endpoint);
  for (const scenario of planned) measured.push(await takeTurns(scenario));
  const single = without.has("gateway") ? undefined : await measureAlone(server);
  const sessions = values.quick === true ? SESSIONS_QUICK : SESSIONS;
  const kept = await measureLedger(sessions, (done) => {
    say(`made ${done} of ${sessions} sessions`, { passing: true });
  });
  say("heads and answers of the App", { passing: true });
  const heads = await measureHeads();
  say("", { passing: true });
  report(measured, { alone: single, kept, heads });
} finally {
  for (const endpoint of endpoints.toReversed()) await endpoint.close();
  await postgres.close();
}

// All endpoints in every round, so that whatever else the machine does is shared out between them.
async function takeTurns(scenario: Scenario): Promise<Measured> {
  const rounds = new Map<EndpointName, number[]>(endpoints.map(({ name }) => [name, []]));
  for (let round = 1; round <= effort.rounds; round += 1) {
    for (const endpoint of endpoints) {
      say(`${scenario.name}: round ${round} of ${effort.rounds}, ${endpoint.name}`, { passing: true });
      rounds.get(endpoint.name)?.push(await scenario.measure(endpoint));
    }
  }
  say("", { passing: true });
  return { name: scenario.name, unit: scenario.unit, rounds };
}

/** What is measured on gateways of their own, because a process's peak of memory never falls. */
interface Alone {
  readonly readyMs: Spread;
  readonly idleMiB: number;
  readonly at100MiB: number;
  readonly pipeAt100MiB: number;
  readonly peakMiB: number;
  readonly peakMegabytes: number;
}

async function measureAlone(server: Server): Promise<Alone> {
  say("memory and start-up, on gateways of their own", { passing: true });
  const ready: number[] = [];
  for (let round = 0; round < effort.rounds; round += 1) {
    const started = await gateway(server);
    ready.push(started.readyMs);
    await started.close();
  }
  const many = await gateway(server);
  const idleMiB = memoryOf(many.pid).now;
  const at100MiB = await memoryAtConnections(many, 100);
  await many.close();
  const plain = await pipe(server);
  const pipeAt100MiB = await memoryAtConnections(plain, 100);
  await plain.close();
  const large = await gateway(server);
  await largeResult(large, effort.memoryMegabytes);
  const peakMiB = memoryOf(large.pid).peak;
  await large.close();
  say("", { passing: true });
  return { readyMs: spread(ready), idleMiB, at100MiB, pipeAt100MiB, peakMiB, peakMegabytes: effort.memoryMegabytes };
}

interface Others {
  readonly alone: Alone | undefined;
  readonly kept: LedgerFigures;
  readonly heads: HeadFigures;
}

function report(measured: readonly Measured[], { alone, kept, heads }: Others): void {
  const names = endpoints.map(({ name }) => name);
  const compared = names.at(-1) ?? "gateway";
  const others = names.filter((name) => name !== compared);
  say(
    table(
      ["median (min-max)", ...names, ...others.map((name) => `${compared}/${name}`)],
      measured.map((each) => [
        `${each.name}, ${each.unit}`,
        ...names.map((name) => figure(spread(roundsOf(each, name)))),
        ...others.map((name) => ratioText(spread(ratios(each, compared, name)))),
      ]),
    ),
  );
  const latency = latencies(measured);
  say(
    table(
      ["added latency at 1 client, µs", ...names.filter((name) => name !== "direct"), "gateway/pgbouncer"],
      latency.map((each) => [
        each.name,
        ...names.filter((name) => name !== "direct").map((name) => (each.added.get(name) ?? Number.NaN).toFixed(1)),
        ((each.added.get("gateway") ?? Number.NaN) / (each.added.get("pgbouncer") ?? Number.NaN)).toFixed(2),
      ]),
    ),
  );
  const limits = alone === undefined ? [] : ceilings(measured, latency, alone);
  if (alone !== undefined) {
    say(
      table(
        ["the gateway alone", "figure"],
        [
          ["ready after, ms", figure(alone.readyMs)],
          ["memory idle, MiB", alone.idleMiB.toFixed(0)],
          [
            "memory at 100 connections, MiB",
            `${alone.at100MiB.toFixed(0)} (the pipe: ${alone.pipeAt100MiB.toFixed(0)})`,
          ],
          [`peak memory, result of ${alone.peakMegabytes} MB, MiB`, alone.peakMiB.toFixed(0)],
        ],
      ),
    );
    say(
      table(
        ["ceiling", "limit", "found", ""],
        limits.map((each) => [each.what, each.limit, each.found, each.holds ? "PASS" : "FAIL"]),
      ),
    );
  }
  say(ledgerTable(kept));
  say(headsTable(heads));
  if (values.json !== undefined) {
    const plain = measured.map(({ rounds, ...rest }) => ({ ...rest, rounds: Object.fromEntries(rounds) }));
    const added = latency.map(({ name, added: each }) => ({ name, addedUs: Object.fromEntries(each) }));
    writeFileSync(
      values.json,
      `${JSON.stringify({ node: process.version, cores: cpus().length, effort, measured: plain, added, alone, ceilings: limits, ledger: kept, heads }, null, 2)}\n`,
    );
  }
}

interface Latency {
  readonly name: string;
  /** Over the direct connection, in microseconds per round trip. */
  readonly added: ReadonlyMap<EndpointName, number>;
}

function latencies(measured: readonly Measured[]): Latency[] {
  return measured
    .filter(({ name }) => name === SIMPLE_1 || name === PREPARED_1)
    .map((each) => {
      const base = 1e6 / median(roundsOf(each, "direct"));
      return {
        name: each.name,
        added: new Map([...each.rounds].map(([name, rounds]) => [name, 1e6 / median(rounds) - base])),
      };
    });
}

function ceilings(measured: readonly Measured[], latency: readonly Latency[], alone: Alone): Ceiling[] {
  const prepared = measured.find(({ name }) => name === PREPARED_8);
  const ratio = (over: EndpointName): number =>
    prepared === undefined ? Number.NaN : median(ratios(prepared, "gateway", over));
  const atLeast = (what: string, found: number, limit: number): Ceiling => ({
    what,
    limit: `>= ${limit}`,
    found: found.toFixed(2),
    holds: found >= limit,
  });
  const atMost = (what: string, found: number, limit: number): Ceiling => ({
    what,
    limit: `<= ${limit}`,
    found: found.toFixed(2),
    holds: found <= limit,
  });
  return [
    atLeast("prepared, 8 clients, of the plain pipe", ratio("pipe"), 0.75),
    atLeast("prepared, 8 clients, of pgbouncer", ratio("pgbouncer"), 0.6),
    ...latency.map(({ name, added }) =>
      atMost(
        `added latency of pgbouncer's: ${name}`,
        (added.get("gateway") ?? Number.NaN) / (added.get("pgbouncer") ?? Number.NaN),
        2,
      ),
    ),
    atMost(`peak memory for ${alone.peakMegabytes} MB, MiB`, alone.peakMiB, 200),
    atMost("ready, s", alone.readyMs.median / 1000, 0.5),
  ];
}

function roundsOf(measured: Measured, name: EndpointName): readonly number[] {
  return measured.rounds.get(name) ?? [];
}

// Round by round, so that both sides of a ratio had the same machine.
function ratios(measured: Measured, name: EndpointName, over: EndpointName): number[] {
  const others = roundsOf(measured, over);
  return roundsOf(measured, name).map((value, round) => value / (others[round] ?? Number.NaN));
}

function figure({ median: middle, min, max }: Spread): string {
  const text = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toFixed(1));
  return `${text(middle)} (${text(min)}-${text(max)})`;
}

function ratioText({ median: middle, min, max }: Spread): string {
  return `${middle.toFixed(2)} (${min.toFixed(2)}-${max.toFixed(2)})`;
}

function serverOf(url: string): Server {
  const parsed = new URL(url);
  return {
    host: parsed.hostname,
    port: Number(parsed.port),
    user: decodeURIComponent(parsed.username),
    password: decodeURIComponent(parsed.password),
    database: decodeURIComponent(parsed.pathname.slice(1)),
  };
}

// On a terminal, passing lines are overwritten; in a file they would only be noise.
function say(text: string, { passing = false }: { readonly passing?: boolean } = {}): void {
  if (!passing) process.stdout.write(`${text}\n`);
  else if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
}
