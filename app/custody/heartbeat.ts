/**
 * A day's heartbeat of a repository: which sessions the App saw on it, and what became of each. Whoever reads the log sees by
 * it that the App was there, and a day without one is silence that somebody can ask about.
 */

import { type HeartbeatSession, heartbeatOf, signHeartbeat } from "../../src/evidence/heartbeat.ts";
import { isFlag, isInteger, isText, shaped } from "../../src/evidence/shape.ts";
import type { Context } from "../context.ts";
import type { RowClaim } from "../state/database.ts";
import { callFor, type Doer } from "../state/errands.ts";
import { placeOf } from "./land.ts";

const DAY_MS = 86_400_000;
/** After midnight, so that what ended just before has landed. */
const AFTER_MIDNIGHT_MS = 300_000;
/** An App that was away for longer says nothing of the days before; that it was silent is the truth. */
const DAYS_BACK_MAX = 31;

/** When a day is looked at, in milliseconds since 1970: a little after it ended. */
export function heartbeatDueMs(nowMs: number): number {
  return (Math.floor(nowMs / DAY_MS) + 1) * DAY_MS + AFTER_MIDNIGHT_MS;
}

interface Seen {
  readonly sid: string;
  readonly run_id: number;
  readonly run_attempt: number;
  readonly job: string;
  readonly state: string;
  readonly is_entered_as_lost: boolean;
}
const isSeen: RowClaim<Seen> = shaped({
  sid: isText,
  run_id: isInteger,
  run_attempt: isInteger,
  job: isText,
  state: isText,
  is_entered_as_lost: isFlag,
});
const isCounted = shaped({ count: isInteger });

/** The doer of `heartbeat`, whose subject is the number of a repository. */
export function heartbeatDoer(context: Context): Doer {
  return async (subject) => {
    const { database, clock } = context;
    const repositoryId = Number(subject);
    const now = clock();
    const place = await placeOf(database, repositoryId);
    if (place === undefined) return "done";
    // The day before is whole a little after midnight, and not sooner.
    const today = Math.floor((now - AFTER_MIDNIGHT_MS) / DAY_MS);
    for (let day = today - DAYS_BACK_MAX; day < today; day += 1)
      await beat(context, repositoryId, place.repository, day);
    for (const back of [1, 2]) {
      const month = monthBefore(now, back);
      if (month !== undefined) await callFor(database, { kind: "bundle", subject: `${repositoryId}/${month}` }, now);
    }
    const [open] = await database.rows(
      "SELECT count(*) AS count FROM session WHERE repository_id = $1 AND (state IN ('open', 'handed-in') OR registered_at >= $2)",
      [repositoryId, Math.floor(now / DAY_MS) * DAY_MS],
      isCounted,
    );
    return (open?.count ?? 0) > 0 ? heartbeatDueMs(now) : "done";
  };
}

/** The month so many before this one, as `2026-11`; undefined on the first day of one, when sessions may still come in. */
export function monthBefore(nowMs: number, back: number): string | undefined {
  const now = new Date(nowMs);
  if (now.getUTCDate() < 2) return undefined;
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - back, 1)).toISOString().slice(0, 7);
}

/** `day`: days since 1970. */
async function beat(context: Context, repositoryId: number, repository: string, day: number): Promise<void> {
  const { database, signer, clock } = context;
  const from = day * DAY_MS;
  const name = new Date(from).toISOString().slice(0, 10);
  const rows = await database.rows(
    `SELECT s.sid, s.run_id, s.run_attempt, s.facts->'identity'->>'job' AS job, s.state,
       coalesce(l.landed, false) AS is_entered_as_lost
     FROM session s LEFT JOIN lost_session l ON l.sid = s.sid
     WHERE s.repository_id = $1 AND s.registered_at < $2 AND (s.ended_at = 0 OR s.ended_at >= $3)
       AND NOT EXISTS (SELECT 1 FROM heartbeat h WHERE h.repository_id = $1 AND h.day = $4)
     ORDER BY s.sid`,
    [repositoryId, from + DAY_MS, from, name],
    isSeen,
  );
  if (rows.length === 0) return;
  const dsse = signHeartbeat(heartbeatOf(name, repository, rows.map(told)), signer);
  await database.transaction(async (sql) => {
    // Another instance may have been faster; what it signed stands.
    const kept = await sql.run(
      "INSERT INTO heartbeat (repository_id, day, dsse) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
      [repositoryId, name, dsse],
    );
    if (kept > 0) await callFor(sql, { kind: "land", subject: String(repositoryId) }, clock());
  });
  context.wake();
}

/** `landed` and `lost` are said only of what is in the log: who reads on finds the entry. */
function told({ sid, run_id, run_attempt, job, state, is_entered_as_lost }: Seen): HeartbeatSession {
  return {
    sid,
    run: String(run_id),
    attempt: String(run_attempt),
    job,
    state: state === "landed" ? "landed" : is_entered_as_lost ? "lost" : "open",
  };
}
