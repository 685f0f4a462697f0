/**
 * Closes sessions that will hand in nothing: those that fell silent, whose job is over, or for whose job two registered. What
 * is known of them, to the last head that was countersigned, becomes an entry of the log.
 */

import { type LostReason, signLost } from "../../src/evidence/lost.ts";
import { placeLost } from "../../src/evidence/placed.ts";
import { isInteger, isText, shaped } from "../../src/evidence/shape.ts";
import { jobEndedAtMs } from "../../src/github/evidence-job.ts";
import { findRepository } from "../../src/github/evidence-repository.ts";
import { parseNote, parseVkey, verifySignatures } from "../../src/tlog/note.ts";
import { rootHash } from "../../src/tlog/tree.ts";
import type { Context } from "../context.ts";
import { findSession, type SessionRow } from "../sessions/session.ts";
import { type Sql, StateError } from "../state/database.ts";
import { callFor, type Doer } from "../state/errands.ts";
import type { CustodyNeeds } from "./hand-in.ts";

/** A gateway says every thirty seconds that it is there. */
const SILENT_MS = 300_000;
/** The last step of a job hands in; what is on its way when the job is over may still come. */
const AFTER_JOB_MS = 120_000;
/** One that was not heard of for this long may have died with its job. */
const QUIET_MS = 75_000;
const LOOK_MS = 60_000;
/** A gateway that lives on after its job goes on saying that it is there, so of it too GitHub is asked now and then. */
const LOOKS_PER_QUESTION = 5;

/** The doer of `close`, whose subject is a session. */
export function closeDoer(context: Context, needs: CustodyNeeds): Doer {
  return async (sid) => {
    const { database, clock } = context;
    const session = await findSession(database, sid);
    if (session === undefined) return "done";
    if (session.state === "contested") return await lose(context, needs, session, "contested");
    if (session.state !== "open") return "done";
    const now = clock();
    const silentAt = session.seen_at + SILENT_MS;
    if (now >= silentAt) return await lose(context, needs, session, "silent");
    const looks = Math.floor((now - session.registered_at) / LOOK_MS);
    if (now - session.seen_at >= QUIET_MS || (looks > 0 && looks % LOOKS_PER_QUESTION === 0)) {
      const endedAt = await jobEnd(context, session);
      if (endedAt !== undefined && now >= endedAt + AFTER_JOB_MS)
        return await lose(context, needs, session, "job ended");
      if (endedAt !== undefined) return Math.min(endedAt + AFTER_JOB_MS, silentAt);
    }
    return Math.min(now + LOOK_MS, silentAt);
  };
}

async function jobEnd({ github }: Context, session: SessionRow): Promise<number | undefined> {
  const octokit = await github.installation(session.installation_id);
  const at = await findRepository(octokit, session.repository_id, session.repository);
  return await jobEndedAtMs(octokit, at, {
    checkRunId: session.check_run_id,
    runId: session.run_id,
    runAttempt: session.run_attempt,
  });
}

async function lose(
  context: Context,
  needs: CustodyNeeds,
  seen: SessionRow,
  reason: LostReason,
): Promise<number | "done"> {
  const { database, clock } = context;
  const { sid } = seen;
  const outcome = await database.transaction(async (sql) => {
    const session = await findSession(sql, sid, "lock");
    if (session?.state !== seen.state) return "done";
    // It spoke while we looked.
    if (reason === "silent" && session.seen_at !== seen.seen_at) return session.seen_at + SILENT_MS;
    const atMs = clock();
    await keepLost(context, needs, { sql, session, reason, atMs });
    if (session.state === "open") {
      await sql.run("UPDATE session SET state = 'lost', ended_at = $2 WHERE sid = $1", [sid, atMs]);
      await needs.onEnded(sql, sid, atMs);
      await callFor(sql, { kind: "attend", subject: sid }, atMs);
    }
    await callFor(sql, { kind: "land", subject: String(session.repository_id) }, atMs);
    return "lost";
  });
  if (outcome !== "lost") return outcome;
  context.metrics.count("countersign_sessions_lost_total", { reason: reason.replace(" ", "-") });
  context.log.warn({ sid, reason }, "a session was closed as lost");
  await database.notify(`session:${sid}`);
  context.wake();
  return "done";
}

const isHead = shaped({
  size: isInteger,
  root: (value: unknown): value is Uint8Array => value instanceof Uint8Array,
  note: isText,
});

async function keepLost(
  { vkey, signer }: Context,
  needs: CustodyNeeds,
  {
    sql,
    session,
    reason,
    atMs,
  }: { readonly sql: Sql; readonly session: SessionRow; readonly reason: LostReason; readonly atMs: number },
): Promise<void> {
  const { sid, facts } = session;
  const [row] = await sql.rows(
    "SELECT size, root, note FROM head WHERE origin = $1 FOR UPDATE",
    [session.origin],
    isHead,
  );
  const head = row === undefined || row.size === 0 ? undefined : row;
  const dsse = signLost(
    {
      sid,
      size: head?.size ?? 0,
      root: head?.root ?? rootHash([]),
      countersigner: vkey,
      gateway: { vkey: facts.vkey },
      identity: facts.identity,
      policy: { digest: facts.policy.digest },
      targets: facts.targets,
      registeredAt: facts.registeredAt,
      lastHeadAt: head === undefined ? "" : cosignedAt(head.note, vkey),
      closedAt: new Date(atMs).toISOString(),
      reason,
    },
    signer,
  );
  const approvals = await needs.approvalsOf(sql, sid);
  // What could not be entered must fail here, where it keeps back nobody else.
  placeLost({ dsse, checkpoint: head?.note ?? "", approvals });
  await sql.run(
    `INSERT INTO lost_session (sid, repository_id, dsse, checkpoint, approvals, at)
     VALUES ($1, $2, $3, $4, $5::text::jsonb, $6) ON CONFLICT DO NOTHING`,
    [sid, session.repository_id, dsse, head?.note ?? "", JSON.stringify(approvals), atMs],
  );
}

/** When we cosigned this head, by what stands in the cosignature. */
function cosignedAt(note: string, vkey: string): string {
  const [own] = verifySignatures(parseNote(note), [parseVkey(vkey)]);
  if (own === undefined) throw new StateError("the head in the state is not one that this App cosigned");
  return new Date(own.at * 1000).toISOString();
}
