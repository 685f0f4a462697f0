// An App that has custody of a shop's sessions: real state, real keys, real sessions, and a GitHub that stock git clones.

import { generateKeyPairSync, randomBytes } from "node:crypto";
import type { Octokit } from "@octokit/core";
import type { Context } from "../../../app/context.ts";
import type { SignedAnswer } from "../../../app/custody/check-hand-in.ts";
import { type Custody, custody } from "../../../app/custody/custody.ts";
import type { Exchange, Reply } from "../../../app/http/route.ts";
import { findSession, type SessionRow } from "../../../app/sessions/session.ts";
import type { Database, Sql } from "../../../app/state/database.ts";
import { type DsseSignature, dsseSigner, signDsse } from "../../../src/evidence/dsse.ts";
import { type SealedSession, statementOf } from "../../../src/evidence/layout.ts";
import { readEvents } from "../../../src/evidence/read-events.ts";
import { sessionOrigin } from "../../../src/journal/session-log.ts";
import type { Registration } from "../../../src/model/registration.ts";
import { noteSigner } from "../../../src/tlog/note.ts";
import { makeSession, ORIGIN, type Party, party, type Twist } from "../../evidence/sealed.ts";
import type { Town } from "../../standin/town.ts";

/** A moment after all sessions of `makeSession`, on the day of their ids. */
export const NOW_MS = Date.parse("2026-11-23T06:00:00.000Z");

/** The process died here. */
export class Killed extends Error {
  override readonly name = "Killed";
}

/** What kills the App: at the step of this number, counting each statement and each request, before and after it. */
export interface Killer {
  step(what: string): void;
}

export interface Office {
  readonly context: Context;
  readonly custody: Custody;
  readonly ended: string[];
  readonly errors: string[];
  readonly counts: Map<string, number>;
}

export interface Shop {
  readonly town: Town;
  readonly database: Database;
  readonly countersigner: Party;
  readonly answers: Map<string, readonly SignedAnswer[]>;
  /** The time of all instances. */
  readonly clock: { now: number };
  /** How many sessions ran. */
  minted: number;
}

export function openShop(town: Town, database: Database): Shop {
  return { town, database, countersigner: party(), answers: new Map(), clock: { now: NOW_MS }, minted: 0 };
}

interface OfficeOptions {
  readonly killer?: Killer;
  readonly database?: Database;
  readonly paceMs?: number;
  /** Happens while a session that was handed in is checked. */
  readonly meanwhile?: () => Promise<unknown>;
}

/** One instance of the App. `killer` is asked at each step; `database` is the instance's own view of the state. */
export function openOffice(
  { town, database: shared, countersigner, answers, clock }: Shop,
  { killer, database = shared, paceMs = 0, meanwhile }: OfficeOptions = {},
): Office {
  const ended: string[] = [];
  const errors: string[] = [];
  const counts = new Map<string, number>();
  const watched = killer === undefined ? database : deadly(database, killer);
  const context: Context = {
    database: watched,
    key: countersigner.key,
    signer: countersigner.dsse,
    vkey: countersigner.app.verifier.vkey,
    url: "https://countersign.example",
    appId: town.app.id,
    github: {
      async installation(id) {
        const octokit: Octokit = await town.client.getInstallationOctokit(id);
        octokit.hook.wrap("request", async (request, options) => {
          killer?.step(`before ${options.method} ${options.url}`);
          const answer = await request(options);
          killer?.step(`after ${options.method} ${options.url}`);
          return answer;
        });
        return octokit;
      },
      app: async () => await Promise.resolve(town.client.octokit),
    },
    clock: () => clock.now,
    random: (count) => randomBytes(count),
    log: {
      info: () => undefined,
      warn: () => undefined,
      error: (fields, message) => void errors.push(`${message} ${JSON.stringify(fields)}`),
    },
    metrics: {
      count: (name, _labels, by = 1) => void counts.set(name, (counts.get(name) ?? 0) + by),
      took: () => undefined,
    },
    wake: () => undefined,
    heard: async () => undefined,
  };
  const needs = {
    async approvalsOf(_sql: Sql, sid: string) {
      await meanwhile?.();
      return answers.get(sid) ?? [];
    },
    onEnded: async (_sql: Sql, sid: string) => await Promise.resolve(void ended.push(sid)),
  };
  return {
    context,
    custody: custody(context, needs, { paceMs }),
    ended,
    errors,
    counts,
  };
}

function deadly(database: Database, killer: Killer): Database {
  const on = (sql: Sql): Sql => ({
    async rows(text, parameters, claim) {
      killer.step(`before ${text}`);
      const rows = await sql.rows(text, parameters, claim);
      killer.step(`after ${text}`);
      return rows;
    },
    async run(text, parameters) {
      killer.step(`before ${text}`);
      const count = await sql.run(text, parameters);
      killer.step(`after ${text}`);
      return count;
    },
  });
  return {
    ...database,
    ...on(database),
    transaction: async (work) => {
      const result = await database.transaction(async (sql) => await work(on(sql)));
      killer.step("after COMMIT");
      return result;
    },
  };
}

/** A session that a gateway ran and that the App knows, with its head countersigned to the end. */
export interface Ran {
  readonly sid: string;
  readonly sealed: SealedSession;
  readonly signature: DsseSignature;
}

/** When sessions are made and registered: before their first event. */
const MADE_MS = Date.parse("2026-11-23T04:59:59.000Z");

/** Ids of the day of `makeSession`, in order. */
function nextSid({ minted }: Shop, atMs = MADE_MS): string {
  const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  const time = Array.from({ length: 10 }, (_, at) => digits[Math.floor(atMs / 32 ** (9 - at)) % 32]).join("");
  return `${time}${String(minted).padStart(16, "0")}`;
}

/** Runs a session as a gateway would, and writes down what registration and witness would have. */
export async function runSession(
  shop: Shop,
  twist: Twist & {
    readonly state?: string;
    readonly heads?: "none";
    readonly registeredAt?: number;
    readonly job?: { run: number; check: number };
  } = {},
): Promise<Ran> {
  const { town, database, countersigner, answers } = shop;
  shop.minted += 1;
  const sid = twist.sid ?? nextSid(shop);
  const gateway = twist.gateway ?? generateKeyPairSync("ed25519").privateKey;
  const sealed = makeSession(countersigner, { ...twist, sid, gateway });
  const origin = sessionOrigin(ORIGIN, sid);
  const facts = factsOf(sealed, {
    sid,
    vkey: noteSigner(origin, gateway).verifier.vkey,
    repositoryId: town.shop.id,
    at: twist.registeredAt ?? MADE_MS,
  });
  await database.run(
    `INSERT INTO session (sid, repository_id, repository, installation_id, run_id, run_attempt, check_run_id, origin, vkey,
       encryption, head_sha, registration, facts, policy_text, state, registered_at, seen_at)
     VALUES ($1, $2, 'acme/shop', $3, $4, 1, $5, $6, $7, '', $8, '', $9::text::jsonb, '', $10, $11, $12)`,
    [
      sid,
      town.shop.id,
      town.installation.id,
      twist.job?.run ?? shop.minted,
      twist.job?.check ?? shop.minted,
      origin,
      facts.vkey,
      town.head,
      JSON.stringify(facts),
      twist.state ?? "open",
      Date.parse(facts.registeredAt),
      NOW_MS - 1000,
    ],
  );
  const { size, root } = readEvents(sealed.events, () => undefined);
  const note = `${Buffer.from(sealed.checkpoints).toString().split("\n---\n").at(-1)?.trimEnd() ?? ""}\n`;
  if (twist.heads !== "none") {
    await database.run("INSERT INTO head (origin, size, root, note, at) VALUES ($1, $2, $3, $4, 0)", [
      origin,
      size,
      root,
      note,
    ]);
  }
  answers.set(sid, sealed.approvals);
  return { sid, sealed, signature: signDsse(statementOf(sealed.events, size), dsseSigner(gateway)) };
}

function factsOf(
  { events }: SealedSession,
  { sid, vkey, repositoryId, at }: { sid: string; vkey: string; repositoryId: number; at: number },
): Registration {
  let facts: Registration | undefined;
  readEvents(events, (event) => {
    if (event.type !== "session.started") return;
    const { identity, policy, targets, tier } = event.body;
    facts = {
      sid,
      vkey,
      encryption: "",
      identity,
      repositoryId,
      runId: 1,
      runAttempt: 1,
      checkRunId: 1,
      policy: { digest: policy.digest, path: ".github/countersign.yml", commit: "a".repeat(40) },
      targets: targets.map(({ name }) => name),
      tier,
      registeredAt: new Date(at).toISOString(),
    };
  });
  if (facts === undefined) throw new Error("the session did not begin");
  return facts;
}

/** Asks a route as the server would once it has verified the signature. */
export async function ask(office: Office, what: string, body: Uint8Array, sid: string): Promise<Reply> {
  const [method, path = ""] = what.split(" ");
  for (const route of office.custody.routes) {
    const match = route.path.exec(path);
    if (route.method !== method || match === null || route.who !== "session") continue;
    const exchange: Exchange = {
      caught: match.slice(1),
      query: new URLSearchParams(),
      headers: {},
      body: Buffer.from(body),
      signal: new AbortController().signal,
    };
    return await route.handle(exchange, await sessionOf(office, sid));
  }
  throw new Error(`no route for ${what}`);
}

export async function sessionOf({ context }: Office, sid: string): Promise<SessionRow> {
  const session = await findSession(context.database, sid);
  if (session === undefined) throw new Error(`no session ${sid}`);
  return session;
}

export async function putFiles(office: Office, { sid, sealed }: Ran): Promise<void> {
  const put = async (name: string, bytes: Uint8Array) =>
    await ask(office, `PUT /v1/sessions/${sid}/files/${name}`, bytes, sid);
  await put("events.jsonl", sealed.events);
  await put("disclosures.jsonl", sealed.disclosures);
  await put("checkpoints.txt", sealed.checkpoints);
}

export async function seal(office: Office, { sid, signature }: Ran): Promise<Reply> {
  return await ask(office, `POST /v1/sessions/${sid}/seal`, Buffer.from(JSON.stringify({ signature })), sid);
}

export async function handIn(office: Office, ran: Ran): Promise<Reply> {
  await putFiles(office, ran);
  return await seal(office, ran);
}

/** Does one errand once. */
export async function doErrand(office: Office, kind: string, subject: string | number): Promise<number | "done"> {
  const doer = office.custody.doers.get(kind);
  if (doer === undefined) throw new Error(`nobody does ${kind}`);
  return await doer(String(subject), new AbortController().signal);
}

/** Lands until there is nothing more, waiting as long as it is told to. */
export async function landAll(office: Office, { town, clock }: Shop): Promise<number> {
  for (let times = 1; times < 100; times += 1) {
    const next = await doErrand(office, "land", town.shop.id);
    if (next === "done") return times;
    clock.now = Math.max(clock.now, next);
  }
  throw new Error("there is no end of landing");
}
