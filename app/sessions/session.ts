/** Sessions as the state holds them. */

import { isInteger, isObject, isText, oneOf, shaped } from "../../src/evidence/shape.ts";
import type { Registration, SessionState } from "../../src/model/registration.ts";
import type { RowClaim, Sql } from "../state/database.ts";

/** One session. Numbers are GitHub's; times are milliseconds since 1970. */
export interface SessionRow {
  readonly sid: string;
  readonly repository_id: number;
  /** `owner/name` as it was when the session was registered. */
  readonly repository: string;
  readonly installation_id: number;
  readonly run_id: number;
  readonly run_attempt: number;
  readonly check_run_id: number;
  readonly origin: string;
  readonly vkey: string;
  readonly encryption: string;
  /** The commit that checks are shown on: the run's head commit, not a pull request's merge commit. */
  readonly head_sha: string;
  readonly registration: string;
  readonly facts: Registration;
  readonly policy_text: string;
  readonly state: SessionState;
  readonly registered_at: number;
  readonly seen_at: number;
  readonly ended_at: number;
  readonly folder: string;
  readonly landed_in: string;
}

// The state's own JSON; it was checked before it was written.
const isFacts = (value: unknown): value is Registration => isObject(value) && isText(value["sid"]);

const isSession: RowClaim<SessionRow> = shaped({
  sid: isText,
  repository_id: isInteger,
  repository: isText,
  installation_id: isInteger,
  run_id: isInteger,
  run_attempt: isInteger,
  check_run_id: isInteger,
  origin: isText,
  vkey: isText,
  encryption: isText,
  head_sha: isText,
  registration: isText,
  facts: isFacts,
  policy_text: isText,
  state: oneOf("open", "contested", "handed-in", "landed", "lost"),
  registered_at: isInteger,
  seen_at: isInteger,
  ended_at: isInteger,
  folder: isText,
  landed_in: isText,
});

/** The session of this id. `lock` holds it against other transactions until this one ends. */
export async function findSession(sql: Sql, sid: string, lock?: "lock"): Promise<SessionRow | undefined> {
  const [row] = await sql.rows(
    `SELECT * FROM session WHERE sid = $1 ${lock === undefined ? "" : "FOR UPDATE"}`,
    [sid],
    isSession,
  );
  return row;
}

/** The sessions that meet a condition, oldest first. */
export async function findSessions(
  sql: Sql,
  condition: string,
  parameters: readonly (string | number)[],
): Promise<readonly SessionRow[]> {
  return await sql.rows(`SELECT * FROM session WHERE ${condition} ORDER BY sid`, parameters, isSession);
}
