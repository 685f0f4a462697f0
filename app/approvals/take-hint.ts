/** Takes a webhook: keeps what GitHub does not list, calls for somebody to look, and leaves the rest to them. */

import { isText, shaped } from "../../src/evidence/shape.ts";
import { findSessions } from "../sessions/session.ts";
import type { Sql } from "../state/database.ts";
import { callFor } from "../state/errands.ts";
import { type Hint, readHint, type WebhookEvent } from "./hint.ts";
import type { Parts } from "./parts.ts";
import { keepWord } from "./words-kept.ts";

/** Late words are still answered for a day. */
const LATE_MS_MAX = 24 * 60 * 60 * 1000;
/** GitHub offers deliveries again for three days; the corpus asks for seven. */
const REMEMBERED_MS = 8 * 24 * 60 * 60 * 1000;
const GUID_CHARACTERS_MAX = 100;

/** `atMs` is when it was delivered. Gives whether it was taken now: a delivery is taken once. */
export async function takeHint({ context }: Parts, event: WebhookEvent, atMs: number): Promise<boolean> {
  const { database, appId } = context;
  if (event.id === "" || event.id.length > GUID_CHARACTERS_MAX) return false;
  const hint = readHint(event, { appId, atMs });
  if (hint === undefined) return false;
  const isNew = await database.transaction(async (sql) => {
    const taken = await sql.run("INSERT INTO delivery (guid, at) VALUES ($1, $2) ON CONFLICT DO NOTHING", [
      event.id,
      atMs,
    ]);
    if (taken === 0) return false;
    await sql.run("DELETE FROM delivery WHERE at < $1", [context.clock() - REMEMBERED_MS]);
    for (const { sid } of await sessionsOf(sql, hint, context.clock())) {
      for (const said of hint.said) await keepWord(sql, sid, said, context.clock());
      if (hint.again) await sql.run("UPDATE surface SET check_digest = '' WHERE sid = $1", [sid]);
      await callFor(sql, { kind: "attend", subject: sid }, context.clock());
    }
    return true;
  });
  if (isNew) context.wake();
  return isNew;
}

const isGuid = shaped({ guid: isText });

export async function isTaken(sql: Sql, guid: string): Promise<boolean> {
  return (await sql.rows("SELECT guid FROM delivery WHERE guid = $1", [guid], isGuid)).length > 0;
}

// Installation and repository together, always: one tenant's delivery says nothing of another's session.
async function sessionsOf(
  sql: Sql,
  { about, installation, repository }: Hint,
  nowMs: number,
): Promise<readonly { readonly sid: string }[]> {
  const asking = `EXISTS (SELECT 1 FROM request r WHERE r.sid = session.sid
    AND (r.state IN ('pending', 'approved') OR r.answered_at > $2))`;
  const base = `installation_id = $1 AND ${asking}`;
  const since = nowMs - LATE_MS_MAX;
  switch (about.kind) {
    case "session":
      return await findSessions(sql, `${base} AND repository_id = $3 AND sid = $4`, [
        installation,
        since,
        repository,
        about.sid,
      ]);
    case "thread":
      return await findSessions(
        sql,
        `${base} AND repository_id = $3 AND sid IN (SELECT sid FROM surface WHERE thread = $4 OR pull = $4)`,
        [installation, since, repository, about.thread],
      );
    case "run":
      return await findSessions(sql, `${base} AND repository_id = $3 AND run_id = $4`, [
        installation,
        since,
        repository,
        about.run,
      ]);
    case "repository":
      return await findSessions(sql, `${base} AND repository_id = $3`, [installation, since, repository]);
    case "installation":
      return await findSessions(sql, base, [installation, since]);
  }
}
