// Many jobs behind two instances of the App on one database, while instances are killed and started again or GitHub fails,
// webhooks are lost and doubled, and people answer. At the end every effect on the server is held against the evidence that
// landed.

import { generateKeyPairSync } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import type { Fault } from "../../standin/faults.ts";
import { freePort, type Running, startWhole, type Whole } from "../whole/town.ts";
import { startBalancer } from "./balancer.ts";

export interface ChaosOptions {
  readonly sessions: number;
  /** Held commands of each session. */
  readonly commands: number;
  /** `kills`: an instance dies every few seconds. Else GitHub fails in every way for so long, in milliseconds. */
  readonly trouble: "kills" | number;
  /** From 0 to 1; the same numbers give the same people and kills, not the same timing. */
  readonly random: () => number;
  readonly say: (line: string) => void;
}

/** What happened, to be compared with what was promised. */
export interface Outcome {
  readonly kills: number;
  /** How often GitHub failed in which way. */
  readonly weather: Readonly<Record<string, number>>;
  /** Requests that came while GitHub had said to wait, and the most that was made on it within a minute. */
  readonly tooEarly: number;
  readonly madeInMinute: number;
  /** Sessions that have not exactly one check. */
  readonly notCheckedOnce: readonly string[];
  readonly approved: number;
  readonly refused: number;
  /** Rows that are gone though no signed approval of that very command is in the evidence. */
  readonly unapprovedEffects: readonly string[];
  /** Commands that were approved and whose effect is not there. */
  readonly lostEffects: readonly string[];
  /** Commands that the server ran more than once. */
  readonly doubled: readonly string[];
  /** Sessions that are in the log not exactly once. */
  readonly notLandedOnce: readonly string[];
  readonly verdict: string;
  readonly failedSteps: readonly string[];
}

/** What the issue names of GitHub's failures; a moved branch is custody's own tests'. */
const WEATHER: readonly [Fault, ...Fault[]] = [
  { kind: "forbidden", retryAfterSeconds: 2 },
  { kind: "too-many", retryAfterSeconds: 2 },
  { kind: "secondary-limit", retryAfterSeconds: 3 },
  { kind: "unprocessable", message: "Validation Failed" },
  { kind: "bad-gateway" },
  { kind: "bad-gateway", after: true },
  { kind: "slow", milliseconds: 2_000 },
  { kind: "reset" },
  { kind: "reset", after: true },
  { kind: "expired-token" },
];

const POLICY = `version: 1
targets:
  appdb: { protocol: postgres }
rules:
  - name: destructive
    match: { effects: [delete] }
    decide: hold
    approval: { from: { teams: [dba] }, expires: 10m }
  - name: rest
    match: { effects: [read, session, write] }
    decide: allow
`;

// What a job does: each held command deletes a row of its own and tells what the server said.
const JOB = `
const pg = require(${JSON.stringify(resolve("node_modules/pg"))});
const [from, count] = process.argv.slice(2).map(Number);
(async () => {
  const client = new pg.Client(process.env.COUNTERSIGN_APPDB_URL);
  await client.connect();
  for (let id = from; id < from + count; id += 1) {
    try {
      const { rowCount } = await client.query("DELETE FROM chaos WHERE id = " + id);
      console.log("ran " + id + " " + rowCount);
    } catch (error) {
      console.log("refused " + id + " " + error.code);
    }
  }
  await client.end();
})().catch((error) => { console.log("broke " + error.message); process.exit(7); });
`;

export async function runChaos({ sessions, commands, trouble, random, say }: ChaosOptions): Promise<Outcome> {
  const whole = await startWhole({ policy: POLICY });
  const { server, folder, standin } = whole;
  const setup = new pg.Client(server.url);
  await setup.connect();
  const keyPath = join(folder, "countersign.key");
  const { privateKey } = generateKeyPairSync("ed25519");
  writeFileSync(keyPath, privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
  await setup.query("CREATE DATABASE app_state");
  await setup.query(
    "CREATE TABLE chaos (id int PRIMARY KEY); CREATE TABLE ran (id int); " +
      "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO ran VALUES (OLD.id); RETURN OLD; END';" +
      "CREATE TRIGGER noted BEFORE DELETE ON chaos FOR EACH ROW EXECUTE FUNCTION note();",
  );
  await setup.query("INSERT INTO chaos SELECT generate_series(1, $1)", [sessions * commands]);
  const env = {
    DATABASE_URL: server.url.replace(/\/[^/]*$/, "/app_state"),
    COUNTERSIGN_KEY_PATH: keyPath,
    LOG_LEVEL: "warn",
  } as const;
  const ports = [await freePort(), await freePort()];
  const instances: Running[] = [];
  for (const [at, port] of ports.entries()) {
    instances.push(await whole.startApp({ port, env: { ...env, COUNTERSIGN_STATE_DIR: join(folder, `app-${at}`) } }));
  }
  const balancer = await startBalancer(Number(new URL(whole.url).port), ports);
  const job = join(folder, "job.cjs");
  writeFileSync(job, JOB);
  const over = new AbortController();
  const isOver = (): boolean => over.signal.aborted;
  const weather: Record<string, number> = {};
  const kills = trouble === "kills" ? killNowAndThen() : rainFor(trouble);
  const people = answerEverything();

  async function killNowAndThen(): Promise<number> {
    let count = 0;
    while (!isOver()) {
      await sleep(3_000 + random() * 4_000);
      if (isOver()) break;
      const at = random() < 0.5 ? 0 : 1;
      const { pid } = instances[at]?.child ?? {};
      if (pid !== undefined) process.kill(pid, "SIGKILL");
      count += 1;
      await instances[at]?.exited;
      instances[at] = await whole.startApp({
        port: ports[at] ?? 0,
        env: { ...env, COUNTERSIGN_STATE_DIR: join(folder, `app-${at}`) },
      });
    }
    return count;
  }

  async function rainFor(ms: number): Promise<number> {
    const endMs = Date.now() + ms;
    while (Date.now() < endMs && !isOver()) {
      const fault = WEATHER[Math.floor(random() * WEATHER.length)] ?? WEATHER[0];
      standin.faults.next(fault);
      const kind = "after" in fault ? `${fault.kind}, done` : fault.kind;
      weather[kind] = (weather[kind] ?? 0) + 1;
      await sleep(500 + random() * 1_500);
    }
    standin.faults.clear();
    return 0;
  }

  // People look at checks as GitHub shows them; a press whose webhook is lost is pressed again, as people do.
  async function answerEverything(): Promise<void> {
    const answers = new Map<string, string>();
    const pressed = new Map<string, number>();
    while (!isOver()) {
      for (const check of whole.shop.checkRuns) {
        const [first] = check.actions;
        if (check.conclusion !== "action_required" || first === undefined) continue;
        const request = first.identifier.split(":")[1] ?? "";
        if (Date.now() - (pressed.get(request) ?? 0) < 4_000) continue;
        const answer = answers.get(request) ?? (random() < 0.8 ? "Approve once" : "Deny");
        answers.set(request, answer);
        pressed.set(request, Date.now());
        const chance = random();
        if (chance < 0.1) standin.hooks.drop(1);
        else if (chance < 0.2) standin.hooks.double(1);
        await standin.press(check, answer, random() < 0.5 ? whole.people.bob : whole.people.cal).catch(() => undefined);
      }
      await sleep(50);
    }
  }

  try {
    const steps: Running[] = [];
    for (let at = 0; at < sessions; at += 1) {
      const { job: ofRun } = await whole.newJob();
      steps.push(whole.step(ofRun, `exec ${process.execPath} ${job} ${at * commands + 1} ${commands}`));
      // Not all at once: it is a test of the App, and not of how fast this machine starts processes.
      await sleep(150);
    }
    let ended = 0;
    for (const step of steps) void step.exited.then(() => say(`${(ended += 1)} of ${sessions} jobs ended`));
    const codes = await Promise.all(steps.map(async (step) => await step.exited));
    over.abort();
    const count = await kills;
    await people;
    return await compare(whole, setup, { steps, codes, kills: count, weather });
  } finally {
    over.abort();
    await Promise.allSettled([kills, people]);
    await setup.end();
    await balancer.close();
    await whole.close();
  }
}

interface Done {
  readonly steps: readonly Running[];
  readonly codes: readonly number[];
  readonly kills: number;
  readonly weather: Readonly<Record<string, number>>;
}

async function compare(whole: Whole, setup: pg.Client, { steps, codes, kills, weather }: Done): Promise<Outcome> {
  const folder = await whole.clone();
  const { output: verdict } = await whole.countersign("verify", folder, "--repository", "acme/shop");
  const ran = (await setup.query<{ id: number }>("SELECT id FROM ran")).rows.map(({ id }) => id);
  const left = new Set((await setup.query<{ id: number }>("SELECT id FROM chaos")).rows.map(({ id }) => id));
  const evidence = readEvidence(folder);
  const gone = [...new Set(ran)].filter((id) => !left.has(id));
  const approved = evidence.approvals.filter(({ answer }) => answer === "approved").map(({ id }) => id);
  const sids = steps.map((step) => /session ([0-9A-Z]{26})/.exec(step.output())?.[1] ?? "no session");
  const checks = whole.shop.checkRuns.map(({ externalId }) => externalId);
  return {
    kills,
    weather,
    tooEarly: whole.standin.limits.tooEarly,
    madeInMinute: whole.standin.limits.content.inMinute,
    notCheckedOnce: sids.filter((sid) => checks.filter((each) => each === sid).length !== 1),
    approved: approved.length,
    refused: evidence.approvals.filter(({ answer }) => answer === "refused").length,
    unapprovedEffects: gone.filter((id) => !approved.includes(id)).map(String),
    lostEffects: approved.filter((id) => left.has(id)).map(String),
    doubled: ran.filter((id, at) => ran.indexOf(id) !== at).map(String),
    notLandedOnce: sids.filter((sid) => evidence.sids.filter((each) => each === sid).length !== 1),
    verdict: verdict.split("\n").findLast((line) => line.includes("verdict")) ?? verdict.slice(-500),
    failedSteps: steps.flatMap((step, at) => (codes[at] === 0 ? [] : [step.output().slice(-1500)])),
  };
}

interface Event {
  readonly type: string;
  readonly body: {
    readonly cmd?: string;
    readonly answer?: string;
    readonly text?: readonly { "...": string }[];
    readonly textOf?: number;
  };
}

/** What the evidence says of each held command: which row it was about, and what people answered. */
function readEvidence(folder: string) {
  const approvals: { readonly id: number; readonly answer: string }[] = [];
  const sids: string[] = [];
  for (const path of filesNamed(join(folder, "sessions"), "events.jsonl")) {
    const at = join(path, "..");
    sids.push(at.split("/").at(-1) ?? "");
    const events = readFileSync(path, "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Event);
    const values = new Map<string, string>();
    for (const line of readFileSync(join(at, "disclosures.jsonl"), "utf8").trim().split("\n")) {
      const { digest, disclosure } = JSON.parse(line) as { readonly digest: string; readonly disclosure: string };
      const [, value] = JSON.parse(Buffer.from(disclosure, "base64url").toString("utf8")) as [string, unknown];
      values.set(digest, JSON.stringify(value));
    }
    const rows = new Map<string, number>();
    for (const { type, body } of events) {
      const text = type === "command.seen" ? (values.get(body.text?.[0]?.["..."] ?? "") ?? "") : "";
      const [, id] = /DELETE FROM chaos WHERE id = (\d+)/.exec(text) ?? [];
      if (id !== undefined && body.cmd !== undefined) rows.set(body.cmd, Number(id));
      if (type === "approval.answered")
        approvals.push({ id: rows.get(body.cmd ?? "") ?? -1, answer: body.answer ?? "" });
    }
  }
  return { approvals, sids };
}

function filesNamed(folder: string, name: string): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((each) => each.endsWith(`/${name}`))
    .map((each) => join(folder, each));
}
