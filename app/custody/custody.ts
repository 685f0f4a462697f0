/** The door of custody: takes sealed sessions, enters them in the logs, closes what was lost, and tells of each day and month. */

import { ObjectCache } from "../../src/github/evidence-objects.ts";
import type { Context } from "../context.ts";
import type { Route } from "../http/route.ts";
import { findSessions } from "../sessions/session.ts";
import type { Sql } from "../state/database.ts";
import { callFor, type Doer } from "../state/errands.ts";
import { politely } from "../state/politely.ts";
import { closeDoer } from "./close.ts";
import { type CustodyNeeds, handInRoutes } from "./hand-in.ts";
import { heartbeatDoer, heartbeatDueMs } from "./heartbeat.ts";
import { landDoer } from "./land.ts";
import { bundleDoer } from "./month-bundle.ts";
import { PACE_MS_MIN } from "./pace.ts";

export type { CustodyNeeds } from "./hand-in.ts";

/** What one instance keeps of the evidence branches that it works on; a landing reads about fifty small objects. */
const CACHE_BYTES_MAX = 32 * 1024 * 1024;
/** When a session that was just registered is looked at first. */
const FIRST_LOOK_MS = 60_000;

export interface Custody {
  readonly routes: readonly Route[];
  readonly doers: ReadonlyMap<string, Doer>;
  /** Calls for whatever the state says is to be done. At every start: an errand that was never called for is found so. */
  resume(): Promise<void>;
}

/** Opens it. `paceMs`: between two landings of one repository. */
export function custody(
  context: Context,
  needs: CustodyNeeds,
  { paceMs = PACE_MS_MIN }: { readonly paceMs?: number } = {},
): Custody {
  const { database, clock } = context;
  const shared = { cache: new ObjectCache(CACHE_BYTES_MAX), graphql: { refusedUntilMs: 0 }, paceMs };
  const doers: readonly (readonly [string, Doer])[] = [
    ["land", landDoer(context, shared)],
    ["close", closeDoer(context, needs)],
    ["heartbeat", heartbeatDoer(context)],
    ["bundle", bundleDoer(context, shared)],
  ];
  return {
    routes: handInRoutes(context, needs),
    doers: new Map(doers.map(([kind, doer]) => [kind, politely(doer, clock)])),
    async resume() {
      const waiting = await findSessions(
        database,
        "state IN ('open', 'contested', 'handed-in', 'lost') AND landed_in = ''",
        [],
      );
      for (const { sid, repository_id } of waiting) {
        await callForCustody(database, { sid, repositoryId: repository_id }, clock());
        await callFor(database, { kind: "land", subject: String(repository_id) }, clock());
      }
    },
  };
}

/** Has a session watched to its end. In the transaction that registers it, and again when it is contested. */
export async function callForCustody(
  sql: Sql,
  { sid, repositoryId }: { readonly sid: string; readonly repositoryId: number },
  nowMs: number,
): Promise<void> {
  await callFor(sql, { kind: "close", subject: sid }, nowMs + FIRST_LOOK_MS);
  await callFor(sql, { kind: "heartbeat", subject: String(repositoryId) }, heartbeatDueMs(nowMs));
}
