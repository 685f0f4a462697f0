/** The App's part that knows sessions: registers them, countersigns their heads, gives them credentials. docs/app-api.md. */

import type { Context } from "../context.ts";
import { type Exchange, json, Problem, type Reply, type Route } from "../http/route.ts";
import type { Part } from "../part.ts";
import type { Sql } from "../state/database.ts";
import { type CredentialSource, issue } from "./credentials.ts";
import { Heads } from "./heads.ts";
import { openJobTokens } from "./job-token.ts";
import { register } from "./register.ts";
import { findSession, type SessionRow } from "./session.ts";

export interface SessionsNeeds {
  /** Whose job tokens are believed. */
  readonly issuers: readonly string[];
  readonly credentials: CredentialSource;
  /** Sessions of one repository within an hour. */
  readonly perHourMax: number;
  /** Told, in the same transaction, that a session is there. */
  readonly onRegistered: (sql: Sql, session: SessionName, atMs: number) => Promise<void>;
  /** Told, in the same transaction, that a session is not open any more. */
  readonly onEnded: (sql: Sql, sid: string, atMs: number) => Promise<void>;
  /** Told, in the same transaction and after `onEnded`, that a session is contested. */
  readonly onContested: (sql: Sql, session: SessionName, atMs: number) => Promise<void>;
}

export interface SessionName {
  readonly sid: string;
  readonly repositoryId: number;
}

/** Longest registration: its token has a few kilobytes. */
const REGISTRATION_BYTES_MAX = 64 * 1024;
/** A checkpoint with 63 proof lines has 4 kB. */
const CHECKPOINT_BYTES_MAX = 16 * 1024;
/** It has nothing to say; a client may send an empty object all the same. */
const ALIVE_BYTES_MAX = 1024;
const WAIT_SECONDS_MAX = 30;
const SID = "([0-7][0-9A-HJKMNP-TV-Z]{25})";

export function sessions(context: Context, needs: SessionsNeeds): Part {
  const tokens = openJobTokens({ issuers: needs.issuers, audience: context.url, clock: context.clock });
  const heads = new Heads(context);
  const routes: readonly Route[] = [
    {
      method: "POST",
      path: /^\/v1\/sessions$/,
      bodyBytesMax: REGISTRATION_BYTES_MAX,
      who: "open",
      handle: async (exchange) => await register({ context, needs, tokens }, exchange),
    },
    {
      method: "POST",
      path: /^\/add-checkpoint$/,
      bodyBytesMax: CHECKPOINT_BYTES_MAX,
      who: "open",
      handle: async ({ body }) => await heads.addCheckpoint(body.toString("utf8")),
    },
    {
      method: "POST",
      path: new RegExp(`^/v1/sessions/${SID}/credentials$`),
      bodyBytesMax: 4096,
      who: "session",
      handle: async (exchange, session) => await issue({ context, source: needs.credentials }, exchange, session),
    },
    {
      method: "POST",
      path: new RegExp(`^/v1/sessions/${SID}/alive$`),
      bodyBytesMax: ALIVE_BYTES_MAX,
      who: "session",
      handle: async (_exchange, session) => await alive(context, session),
    },
    {
      method: "GET",
      path: new RegExp(`^/v1/sessions/${SID}$`),
      bodyBytesMax: 0,
      who: "session",
      handle: async (exchange, session) => await standing(context, exchange, session),
    },
  ];
  return { routes, doers: new Map() };
}

async function alive({ database, clock }: Context, { sid, state }: SessionRow): Promise<Reply> {
  // Its heads say nothing while it is idle, so this does.
  await database.run("UPDATE session SET seen_at = greatest(seen_at, $2) WHERE sid = $1 AND state = 'open'", [
    sid,
    clock(),
  ]);
  return json(200, { state });
}

/** How the session stands; where it is still on its way, after at most `wait` seconds of waiting for a change. */
async function standing(context: Context, { query, signal }: Exchange, before: SessionRow): Promise<Reply> {
  const seconds = Number(query.get("wait") ?? "0");
  if (!(seconds >= 0 && seconds <= WAIT_SECONDS_MAX)) {
    throw new Problem(400, "Not a wait", `wait is 0 to ${WAIT_SECONDS_MAX} seconds.`);
  }
  const { database, heard, clock } = context;
  const endMs = clock() + seconds * 1000;
  let session = before;
  while (!isSettled(session) && clock() < endMs && !signal.aborted) {
    const change = heard(`session:${before.sid}`, Math.min(LOOK_MS, Math.max(1, endMs - clock())), signal);
    // Looked at after listening began: what changed in between is not missed.
    session = (await findSession(database, before.sid)) ?? session;
    if (session.state !== before.state || isSettled(session)) break;
    await change;
    session = (await findSession(database, before.sid)) ?? session;
    if (session.state !== before.state) break;
  }
  return json(200, { state: session.state, folder: session.folder, commit: session.landed_in });
}

/** By the clock too, should a notification be lost with its connection. */
const LOOK_MS = 5_000;

function isSettled({ state, landed_in: commit }: SessionRow): boolean {
  return state === "landed" || (state === "lost" && commit !== "");
}
