// What the App costs those who wait for it: heads cosigned in a second, and from GitHub's webhook to the gateway that waits.
//
//   node bench/heads.ts     (npm run bench runs it too)
//
// One instance of the App, on a PostgreSQL server of its own with the settings it comes with; the stand-in is GitHub, in the
// App's process. The gateways that ask for heads are another process.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { PARTS } from "../app/parts.ts";
import type { Database } from "../app/state/database.ts";
import { migrate } from "../app/state/migrations.ts";
import { openPostgres } from "../app/state/postgres.ts";
import { readPolicy } from "../src/config/policy-file.ts";
import { openRegistration } from "../src/evidence/registration.ts";
import { isObject, isText, listOf, shaped } from "../src/evidence/shape.ts";
import { parseVkey } from "../src/tlog/note.ts";
import { rootHash } from "../src/tlog/tree.ts";
import { type AppUnderTest, runApp } from "../test/app/running.ts";
import { newGateway } from "../test/app/sessions/gateway.ts";
import { sampleRequest } from "../test/gateway/desk/sample.ts";
import { startPostgres } from "../test/live/server.ts";
import { startTown, type Town } from "../test/standin/town.ts";
import { spread, table } from "./table.ts";

const CLIENTS = 32;
/** Heads of each client. */
const HEADS = 300;
const WARM_UP = 60;
const ANSWERS = 10;

const AIM_PER_SECOND = 1_500;
const AIM_ANSWER_MS = 200;

const POLICY = `version: 1
targets:
  appdb: { protocol: postgres }
rules:
  - { name: destructive, match: { effects: [delete] }, decide: hold, approval: { from: { teams: [dba] } } }
  - { name: rest, match: { effects: [read] }, decide: allow }
`;

export interface HeadFigures {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly refused: number;
  /** From a press of the button to the answer that the gateway waited for. */
  readonly answerMs: { readonly median: number; readonly min: number; readonly max: number };
}

export async function measureHeads(): Promise<HeadFigures> {
  const server = await startPostgres();
  const town = await startTown();
  try {
    const { standin, shop, people } = town;
    await standin.commit(shop, { files: { ".github/countersign.yml": POLICY }, author: people.ada });
    const database = await openPostgres(server.url);
    await migrate(database);
    const app = await runApp({ town, database, parts: PARTS, config: { logLevel: "warn" } });
    try {
      // The first round pays for code that is not optimised yet.
      await cosignMany(app, database, WARM_UP);
      const heads = await cosignMany(app, database, HEADS);
      const answers: number[] = [];
      for (let count = 0; count < ANSWERS; count += 1) answers.push(await answerOnce(town, app));
      return { ...heads, answerMs: spread(answers) };
    } finally {
      await app.app.stop();
    }
  } finally {
    await town.close();
    await server.close();
  }
}

const isNamed = listOf(shaped({ sid: isText, origin: isText, vkey: isText }));
const isNumber = (value: unknown): value is number => typeof value === "number";
const isFigures = shaped({ perSecond: isNumber, p50Ms: isNumber, p99Ms: isNumber, refused: isNumber });

async function cosignMany(
  app: AppUnderTest,
  database: Database,
  heads: number,
): Promise<Omit<HeadFigures, "answerMs">> {
  const program = fileURLToPath(new URL("heads-clients.ts", import.meta.url));
  const child = spawn(process.execPath, [program, app.origin, String(CLIENTS), String(heads)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<unknown> => {
    const { value, done } = await lines.next();
    if (done === true) throw new Error("the clients ended before they were done");
    return JSON.parse(value);
  };
  const named = await next();
  if (!isNamed(named)) throw new Error("the clients named no sessions");
  for (const [at, { sid, origin, vkey }] of named.entries()) {
    await database.run(
      `INSERT INTO session (sid, repository_id, repository, installation_id, run_id, run_attempt, check_run_id, origin, vkey,
         encryption, head_sha, registration, facts, policy_text, state, registered_at, seen_at)
       VALUES ($1, 1, 'acme/shop', 1, (SELECT count(*) FROM session), 1, $2, $3, $4, '', '', '', $5::text::jsonb, '', 'open',
         $6, $6)`,
      [sid, at, origin, vkey, JSON.stringify({ sid }), Date.now()],
    );
    await database.run("INSERT INTO head (origin, size, root, at) VALUES ($1, 0, $2, 0)", [origin, rootHash([])]);
  }
  child.stdin.write("go\n");
  const figures = await next();
  if (!isFigures(figures)) throw new Error("the clients gave no figures");
  if (child.exitCode === null) await once(child, "close");
  return figures;
}

/** A session asks, a person presses the button of its check; gives milliseconds from then until the gateway knows. */
async function answerOnce({ standin, shop, head, people }: Town, { origin, app }: AppUnderTest): Promise<number> {
  const run = standin.run({ repository: shop, headSha: head, actor: people.ada });
  const gateway = newGateway();
  const registered = await gateway.register(origin, { token: standin.oidc.token(standin.job(run), origin) });
  const answer: unknown = await registered.json();
  const envelope = isObject(answer) ? answer["registration"] : undefined;
  const opened = openRegistration(isText(envelope) ? envelope : "", parseVkey(app.vkey).publicKey);
  if (opened.kind === "bad") throw new Error(`not registered: ${opened.why}`);
  const policy = readPolicy(POLICY, ".github/countersign.yml");
  const terms = policy.rules[0]?.approval;
  if (terms === undefined) throw new Error("the policy asks nobody");
  const id = gateway.sid.slice(-10);
  const asked = sampleRequest({
    id,
    sid: gateway.sid,
    policy: policy.digest,
    identity: opened.registration.identity,
    terms,
    requestedAt: new Date().toISOString(),
    expiresAt: new Date(Date.now() + terms.expiresMs).toISOString(),
  });
  const made = await gateway.ask(origin, "POST", "/v1/requests", JSON.stringify(asked));
  if (made.status !== 201) throw new Error(`asking answered ${made.status}: ${await made.text()}`);
  const check = await until(() =>
    shop.checkRuns.find(({ externalId, actions }) => externalId === gateway.sid && actions.length > 0),
  );
  // GitHub's times are whole seconds, and a word of the same second as the request is not later than it.
  await new Promise((done) => setTimeout(done, 1_500));
  const waiting = gateway.ask(origin, "GET", `/v1/requests/${id}?wait=30`);
  await new Promise((done) => setTimeout(done, 100));
  const pressedMs = performance.now();
  void standin.press(check, "Approve once", people.bob);
  const text = await (await waiting).text();
  const took = performance.now() - pressedMs;
  if (!text.includes('"approved"')) throw new Error(`not approved: ${text.slice(0, 200)}`);
  return took;
}

async function until<T>(found: () => T | undefined): Promise<T> {
  for (let tries = 0; tries < 1_000; tries += 1) {
    const value = found();
    if (value !== undefined) return value;
    await new Promise((done) => setTimeout(done, 20));
  }
  throw new Error("the App's check did not come");
}

export function headsTable({ perSecond, p50Ms, p99Ms, refused, answerMs }: HeadFigures): string {
  const mark = (holds: boolean): string => (holds ? "PASS" : "FAIL");
  const { median, min, max } = answerMs;
  return table(
    ["the App, one instance on PostgreSQL", "found", "aim", ""],
    [
      [
        `heads cosigned a second, ${CLIENTS} clients`,
        perSecond.toFixed(0),
        `>= ${AIM_PER_SECOND}`,
        mark(perSecond >= AIM_PER_SECOND),
      ],
      ["  half of them within, ms", p50Ms.toFixed(1), "", ""],
      ["  99 of 100 within, ms", p99Ms.toFixed(1), "", ""],
      ["  not cosigned", String(refused), "0", mark(refused === 0)],
      [
        "webhook to waiting gateway, ms",
        `${median.toFixed(0)} (${min.toFixed(0)}-${max.toFixed(0)})`,
        `< ${AIM_ANSWER_MS}`,
        mark(median < AIM_ANSWER_MS),
      ],
    ],
  );
}

if (import.meta.main) {
  process.stdout.write(`${headsTable(await measureHeads())}\n`);
}
