/** What waits to be entered in the log of a repository, a batch at a time, and what became of it. */

import type { Batch, BatchEntered } from "../../src/evidence/layout.ts";
import { isInteger, isText, listOf, shaped } from "../../src/evidence/shape.ts";
import type { Database, RowClaim } from "../state/database.ts";
import type { SignedAnswer } from "./check-hand-in.ts";
import { readFile } from "./handed-files.ts";

/** In one step no more: a step is planned in memory, and each request to GitHub has its bounds. */
const SESSIONS_MAX = 32;
const BYTES_MAX = 8 * 1024 * 1024;
const LOST_MAX = 100;
const HEARTBEATS_MAX = 31;

/** A batch with the names of what is in it, in the same order. */
export interface Waiting {
  readonly batch: Required<Batch>;
  readonly sids: readonly string[];
  readonly lost: readonly string[];
  readonly days: readonly string[];
  /** More waits behind it. */
  readonly more: boolean;
}

const isAnswers = listOf(shaped({ request: isText, dsse: isText }));
interface HandInRow {
  readonly sid: string;
  readonly origin: string;
  readonly dsse: string;
  readonly approvals: readonly SignedAnswer[];
  readonly size: number;
}
const isHandIn: RowClaim<HandInRow> = shaped({
  sid: isText,
  origin: isText,
  dsse: isText,
  approvals: isAnswers,
  size: isInteger,
});
interface LostRow {
  readonly sid: string;
  readonly dsse: string;
  readonly checkpoint: string;
  readonly approvals: readonly SignedAnswer[];
}
const isLost: RowClaim<LostRow> = shaped({ sid: isText, dsse: isText, checkpoint: isText, approvals: isAnswers });
const isBeat = shaped({ day: isText, dsse: isText });

/** The next batch of this repository: lost sessions first, for the files of one may have come meanwhile. */
export async function nextBatch(database: Database, repositoryId: number): Promise<Waiting> {
  const lost = await database.rows(
    `SELECT sid, dsse, checkpoint, approvals FROM lost_session
     WHERE repository_id = $1 AND NOT landed AND refused = '' ORDER BY at, sid LIMIT $2`,
    [repositoryId, LOST_MAX + 1],
    isLost,
  );
  const handed = await database.rows(
    `SELECT h.sid, s.origin, h.dsse, h.approvals, h.size FROM hand_in h JOIN session s ON s.sid = h.sid
     WHERE h.repository_id = $1 AND NOT h.landed AND h.refused = '' ORDER BY h.at, h.sid LIMIT $2`,
    [repositoryId, SESSIONS_MAX + 1],
    isHandIn,
  );
  const days = await database.rows(
    "SELECT day, dsse FROM heartbeat WHERE repository_id = $1 AND NOT landed ORDER BY day LIMIT $2",
    [repositoryId, HEARTBEATS_MAX],
    isBeat,
  );
  const lostNow = lost.slice(0, LOST_MAX);
  // With lost sessions still behind, one of them might be among the others.
  const sessionsNow = lost.length > LOST_MAX ? [] : fitting(handed);
  return {
    batch: {
      lost: lostNow,
      sessions: await Promise.all(
        sessionsNow.map(async ({ sid, dsse, approvals }) => ({
          dsse,
          approvals,
          events: await readFile(database, sid, "events.jsonl"),
          disclosures: await readFile(database, sid, "disclosures.jsonl"),
          checkpoints: await readFile(database, sid, "checkpoints.txt"),
        })),
      ),
      heartbeats: days.map(({ dsse }) => dsse),
    },
    sids: sessionsNow.map(({ sid }) => sid),
    lost: lostNow.map(({ sid }) => sid),
    days: days.map(({ day }) => day),
    more: lost.length > lostNow.length || handed.length > sessionsNow.length || days.length === HEARTBEATS_MAX,
  };
}

/** As many as fit, and one at least. */
function fitting(rows: readonly HandInRow[]): readonly HandInRow[] {
  let bytes = 0;
  const end = rows.findIndex(({ size }, at) => {
    bytes += size;
    return at > 0 && bytes > BYTES_MAX;
  });
  return rows.slice(0, Math.min(SESSIONS_MAX, end === -1 ? rows.length : end));
}

/** Takes down where everything lies, and lets go of the files that are on GitHub now. Gives the sessions that it concerns. */
export async function markLanded(
  database: Database,
  repositoryId: number,
  { waiting, entered, commit }: { readonly waiting: Waiting; readonly entered: BatchEntered; readonly commit: string },
): Promise<readonly string[]> {
  await database.transaction(async (sql) => {
    for (const [at, sid] of waiting.lost.entries()) {
      await sql.run("UPDATE lost_session SET landed = true WHERE sid = $1", [sid]);
      await sql.run(
        "UPDATE session SET folder = $2, landed_in = $3 WHERE sid = $1 AND state IN ('lost', 'contested')",
        [sid, entered.lost[at]?.path ?? "", commit],
      );
    }
    for (const [at, sid] of waiting.sids.entries()) {
      await sql.run("UPDATE hand_in SET landed = true WHERE sid = $1", [sid]);
      await sql.run("UPDATE session SET state = 'landed', folder = $2, landed_in = $3 WHERE sid = $1", [
        sid,
        entered.sessions[at]?.path ?? "",
        commit,
      ]);
      await sql.run("DELETE FROM handed_part WHERE sid = $1", [sid]);
    }
    await sql.run("UPDATE heartbeat SET landed = true WHERE repository_id = $1 AND day = ANY($2)", [
      repositoryId,
      waiting.days,
    ]);
  });
  return [...waiting.lost, ...waiting.sids];
}

/** Puts aside what can never be entered, so that it does not keep back the rest. An operator must look at it. */
export async function refuse(database: Database, { sids, lost }: Waiting, sid: string, why: string): Promise<void> {
  const table = sids.includes(sid) ? "hand_in" : lost.includes(sid) ? "lost_session" : undefined;
  if (table !== undefined) await database.run(`UPDATE ${table} SET refused = $2 WHERE sid = $1`, [sid, why]);
}
