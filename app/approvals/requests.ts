/** Requests as the state holds them, and the one way in which they change. */

import type { Happening, Life, LifeState } from "../../src/approval/lifecycle.ts";
import { beginLife, happen } from "../../src/approval/lifecycle.ts";
import type { Answered, ApprovalRequest, PlanRequest } from "../../src/approval/ports.ts";
import { isApprovalRequest, isPlanRequest } from "../../src/approval/shape.ts";
import { isCount, isFlag, isInteger, isText, listOf, oneOf, shaped } from "../../src/evidence/shape.ts";
import { type Sql, StateError } from "../state/database.ts";
import { callFor } from "../state/errands.ts";

export interface RequestRow {
  readonly id: string;
  readonly sid: string;
  /** Canonical JSON. */
  readonly asked: string;
  readonly code: string;
  readonly state: LifeState;
  readonly head_sha: string;
  readonly asked_at: number;
  readonly deadline: number;
  readonly listed_at: number;
  readonly base_ref: string;
  readonly base_sha: string;
  readonly approvals: number;
  readonly answered_at: number;
  readonly answered: string;
  readonly counted: string;
  readonly recheck: boolean;
  readonly rechecked_at: number;
}

const isRequest = shaped({
  id: isText,
  sid: isText,
  asked: isText,
  code: isText,
  state: oneOf("pending", "approved", "refused", "expired", "withdrawn", "used", "void"),
  head_sha: isText,
  asked_at: isInteger,
  deadline: isInteger,
  listed_at: isInteger,
  base_ref: isText,
  base_sha: isText,
  approvals: isCount,
  answered_at: isInteger,
  answered: isText,
  counted: isText,
  recheck: isFlag,
  rechecked_at: isInteger,
});

/** A session's requests, the oldest first. `lock` holds them against other transactions until this one ends. */
export async function requestsOf(sql: Sql, sid: string, lock?: "lock"): Promise<readonly RequestRow[]> {
  return await sql.rows(
    `SELECT * FROM request WHERE sid = $1 ORDER BY asked_at, id ${lock === undefined ? "" : "FOR UPDATE"}`,
    [sid],
    isRequest,
  );
}

export async function findRequest(sql: Sql, id: string, lock?: "lock"): Promise<RequestRow | undefined> {
  const [row] = await sql.rows(
    `SELECT * FROM request WHERE id = $1 ${lock === undefined ? "" : "FOR UPDATE"}`,
    [id],
    isRequest,
  );
  return row;
}

/** Whether people are asked about it: it waits, or was approved so long ago that it is looked at again. */
export function isAsking({ state, recheck }: RequestRow): boolean {
  return state === "pending" || recheck;
}

/** What was asked. Throws StateError when the state holds something else. */
export function askedOf(row: Pick<RequestRow, "asked">): ApprovalRequest | PlanRequest {
  const value: unknown = JSON.parse(row.asked);
  if (isApprovalRequest(value) || isPlanRequest(value)) return value;
  throw new StateError("a request is not as it was written");
}

const isAnswered = shaped({
  answer: oneOf("approved", "refused", "expired", "withdrawn"),
  by: listOf(shaped({ login: isText, via: isText })),
  reason: isText,
  dsse: isText,
  disclosure: isText,
});

/** How it ended. Throws StateError for one that waits. */
export function answeredOf(row: Pick<RequestRow, "answered">): Answered {
  const value: unknown = row.answered === "" ? undefined : JSON.parse(row.answered);
  if (isAnswered(value)) return value;
  throw new StateError("a request has no answer");
}

/** The life of a request as `lifecycle.ts` follows it. */
export function lifeOf(row: RequestRow): Life {
  const { id, sid, target, digest, policy } = askedOf(row);
  const bound = { request: id, sid, target, digest, policy, headSha: row.head_sha };
  return { ...beginLife(bound, row.deadline), state: row.state, answeredAtMs: row.answered_at };
}

/** What nobody signed: it was taken back, or its approval can release nothing any more. */
export const WITHDRAWN: Answered = { answer: "withdrawn", by: [], reason: "", dsse: "", disclosure: "" };

/** The end that a request comes to: what its gateway is given, and the words that made it so. */
export interface End {
  readonly answered: Answered;
  readonly counted: readonly unknown[];
}

/**
 * Lets something happen to a request, within a transaction that holds its row, and tells whoever waits for it when that
 * changed its state. `end` says what its gateway is given at the state that follows. Gives that state.
 */
export async function undergo(
  sql: Sql,
  row: RequestRow,
  happening: Happening,
  end: (state: LifeState, atMs: number) => End,
): Promise<LifeState> {
  const before = lifeOf(row);
  const { life } = happen(before, happening);
  if (life.state === before.state) return life.state;
  const { answered, counted } = end(life.state, happening.atMs);
  await sql.run(
    "UPDATE request SET state = $2, answered_at = $3, answered = $4, counted = $5, recheck = false WHERE id = $1",
    [row.id, life.state, life.answeredAtMs, JSON.stringify(answered), JSON.stringify(counted)],
  );
  await sql.rows("SELECT pg_notify($1, $2)::text AS told", ["countersign", `request:${row.id}`], isTold);
  return life.state;
}

const isTold = shaped({ told: (value: unknown): value is string | null => value === null || isText(value) });

/**
 * Takes back everything of a session that waits, and what was approved and not handed out: its job or it has ended. Within
 * the transaction of whoever ended it.
 */
export async function withdrawAll(sql: Sql, sid: string, atMs: number): Promise<void> {
  const count = await takeBack(sql, sid, atMs);
  if (count > 0) await callFor(sql, { kind: "attend", subject: sid }, atMs);
}

/** The same, for whoever attends to the session already: calling for itself, it would do so for ever. Gives how many there are. */
export async function takeBack(sql: Sql, sid: string, atMs: number): Promise<number> {
  const rows = await requestsOf(sql, sid, "lock");
  for (const row of rows)
    await undergo(sql, row, { kind: "withdrawn", atMs }, () => ({ answered: WITHDRAWN, counted: [] }));
  return rows.length;
}
