// Kills the gateway at chance moments under load, and then asks the server's own log: did anything run that the journal did
// not hold first? And asks the verifier: does any unfinished session pass for a whole one? And lets `countersign recover`
// seal what is left: is anything lost, doubled or false then?

import { readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { countersign, type RunningGateway, sessionFolders, startGateway } from "../live/gateway.ts";
import { type LivePostgres, startPostgres } from "../live/server.ts";
import { type RecordedSession, readSession } from "../tee/journal.ts";
import { LOAD_ID, LOAD_TABLES, startLoad } from "./load.ts";

const POLICY = `version: 1
targets:
  appdb: { protocol: postgres }
rules:
  - name: everything
    match: { effects: [read, write, delete, session, execute, unknown] }
    decide: allow
`;

/** The longest a load runs before the kill. Short, so that start-up and the first commands are often what is hit. */
const LOAD_MS_MAX = 400;
/** Sealing takes about this long; every `SEALING_EVERY`th kill falls into it. */
const SEALING_MS_MAX = 150;
const SEALING_EVERY = 5;

export interface KillReport {
  readonly kills: number;
  /** Statements that the clients sent, that the server logged, and that journals hold as released. */
  readonly sent: number;
  readonly executed: number;
  readonly released: number;
  /** Sessions that had been sealed before the kill came. */
  readonly whole: number;
  /** Sessions that the verifier called incomplete. */
  readonly incomplete: number;
  /** Everything that should not be, as sentences. */
  readonly faults: readonly string[];
}

/** Kills `kills` gateways. `chance` gives numbers in [0, 1); `progress` is told after each. */
export async function killGateways(
  kills: number,
  chance: () => number,
  progress: (done: number) => void = () => undefined,
): Promise<KillReport> {
  const server = await startPostgres({
    settings: { log_statement: "all", log_line_prefix: "%m [%p] ", logging_collector: "off" },
  });
  const setup = new pg.Client({ connectionString: server.url });
  await setup.connect();
  await setup.query(LOAD_TABLES);
  const totals = { sent: 0, executed: 0, released: 0, whole: 0, incomplete: 0 };
  const faults: string[] = [];
  try {
    for (let round = 1; round <= kills; round += 1) {
      const result = await killOnce(server, setup, round, chance);
      for (const name of ["sent", "executed", "released", "whole", "incomplete"] as const) totals[name] += result[name];
      faults.push(...result.faults.map((fault) => `kill ${round}: ${fault}`));
      progress(round);
    }
  } finally {
    await setup.end();
    await server.close();
  }
  return { kills, ...totals, faults };
}

async function killOnce(
  server: LivePostgres,
  setup: pg.Client,
  round: number,
  chance: () => number,
): Promise<KillReport> {
  const logFrom = statSync(server.logFile).size;
  const target = `postgres://${server.user}:${server.password}@127.0.0.1:${server.port}/postgres?sslmode=disable`;
  const gateway = await startGateway({ policy: POLICY, target });
  try {
    const load = await startLoad(gateway, round);
    await sleep(chance() * LOAD_MS_MAX);
    if (round % SEALING_EVERY === 0) {
      load.stop();
      await load.done;
      gateway.stop().catch(() => undefined); // it is killed on its way
      await sleep(chance() * SEALING_MS_MAX);
    }
    await gateway.kill();
    await load.done;
    await othersGone(setup);
    const log = readFileSync(server.logFile).subarray(logFrom).toString("utf8");
    return { kills: 1, sent: load.sent(), ...(await judge(gateway, log)) };
  } finally {
    await gateway.discard();
  }
}

async function judge(gateway: RunningGateway, log: string): Promise<Omit<KillReport, "kills" | "sent">> {
  const faults: string[] = [];
  const executed = new Set(log.match(LOAD_ID) ?? []);
  const folders = [...sessionFolders(gateway.stateDir), ...sessionFolders(gateway.ledgerDir)];
  if (folders.length === 0) faults.push("there is no session on disk");
  const released = new Set(folders.flatMap((folder) => [...releasedIds(readSession(folder))]));
  for (const id of executed)
    if (!released.has(id)) faults.push(`the server ran ${id}, and no journal holds its release`);
  let whole = 0;
  let incomplete = 0;
  for (const folder of folders) {
    const isSealed = readSession(folder).types.has("session.ended");
    const { code, output } = await countersign(["verify", folder]);
    const saysIncomplete = /\bincomplete\b/i.test(output);
    if (code === 0 && isSealed) whole += 1;
    else if (code === 1 && saysIncomplete) incomplete += 1;
    else
      faults.push(
        `the verifier ended with ${code} for a session that is ${isSealed ? "sealed" : "unfinished"}: ${output}`,
      );
  }
  faults.push(...(await recoverAll(gateway, folders)));
  return { executed: executed.size, released: released.size, whole, incomplete, faults };
}

/** Lets the next process recover what this one left, and says what was lost, doubled or false after that. */
async function recoverAll(gateway: RunningGateway, folders: readonly string[]): Promise<string[]> {
  const faults: string[] = [];
  const left = new Map(folders.map((folder) => [basename(folder), readFileSync(join(folder, "events.jsonl"), "utf8")]));
  const args = ["recover", "--state", gateway.stateDir, "--ledger", `dir:${gateway.ledgerDir}`];
  const { code, output } = await countersign(args);
  if (code !== 0) faults.push(`recover ended with ${code}: ${output}`);
  for (const folder of sessionFolders(gateway.stateDir)) faults.push(`${basename(folder)} was not recovered`);
  const sealed = sessionFolders(gateway.ledgerDir);
  const recorded = [...left].filter(([, events]) => events.includes("\n")).map(([sid]) => sid);
  const found = sealed.map((folder) => basename(folder));
  if (found.toSorted().join() !== recorded.toSorted().join()) {
    faults.push(`recorded were ${recorded.join()}, sealed are ${found.join()}`);
  }
  for (const folder of sealed) {
    const before = left.get(basename(folder)) ?? "";
    const whole = before.slice(0, before.lastIndexOf("\n") + 1);
    if (!readFileSync(join(folder, "events.jsonl"), "utf8").startsWith(whole)) {
      faults.push(`${basename(folder)} was sealed without all of its whole lines`);
    }
  }
  if (sealed.length > 0) {
    const { output: said } = await countersign(["verify", gateway.ledgerDir]);
    if (!/verdict: (?:good|INCOMPLETE), 1 sessions/.test(said)) faults.push(`after recovery the ledger is: ${said}`);
  }
  return faults;
}

/** Ids of the commands that the journal holds as released. */
function releasedIds(session: RecordedSession): Set<string> {
  const ids = new Set<string>();
  for (const { ruling, text, params } of session.commands.values()) {
    if (ruling !== "release") continue;
    for (const id of [text ?? "", ...params].join("\n").match(LOAD_ID) ?? []) ids.add(id);
  }
  return ids;
}

// What was on its way when the gateway died is still run; the log is whole only when every other connection has ended.
async function othersGone(setup: pg.Client): Promise<void> {
  const deadline = performance.now() + 20_000; // a statement of the load takes a millisecond
  for (;;) {
    const { rows } = await setup.query<{ n: number }>(
      "select count(*)::int as n from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()",
    );
    if (rows[0]?.n === 0) return;
    if (performance.now() > deadline) throw new Error("connections of a killed gateway did not end");
    await sleep(10);
  }
}
