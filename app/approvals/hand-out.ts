/** A gateway waits for its answer, is given it once it is there, or takes its request back. */

import { happen } from "../../src/approval/lifecycle.ts";
import type { Answered } from "../../src/approval/ports.ts";
import { type Exchange, json, Problem, type Reply } from "../http/route.ts";
import type { SessionRow } from "../sessions/session.ts";
import { callFor } from "../state/errands.ts";
import { expire } from "./expire.ts";
import type { Parts } from "./parts.ts";
import { answeredOf, findRequest, lifeOf, type RequestRow, undergo, WITHDRAWN } from "./requests.ts";

const WAIT_SECONDS_MAX = 30;

export async function waitFor(parts: Parts, exchange: Exchange, session: SessionRow): Promise<Reply> {
  const { clock, heard } = parts.context;
  const id = exchange.caught[0] ?? "";
  const until = clock() + secondsOf(exchange.query) * 1000;
  for (;;) {
    // Listening first: what happens while the state is looked at is heard too.
    const answered = new AbortController();
    const next = heard(
      `request:${id}`,
      Math.max(0, until - clock()),
      AbortSignal.any([exchange.signal, answered.signal]),
    );
    // It is awaited below, or not at all when looking fails.
    next.catch(() => undefined);
    let state: Reply | { readonly approvals: number };
    try {
      state = await look(parts, id, session);
    } catch (error) {
      answered.abort();
      throw error;
    }
    if ("status" in state || clock() >= until || exchange.signal.aborted) {
      answered.abort();
      return "status" in state ? state : json(200, { state: "pending", approvals: state.approvals });
    }
    await next;
  }
}

function secondsOf(query: URLSearchParams): number {
  const text = query.get("wait") ?? "0";
  if (!/^\d{1,3}$/.test(text) || Number(text) > WAIT_SECONDS_MAX) {
    throw new Problem(400, "Not a time to wait", `"wait" is a number of seconds, at most ${WAIT_SECONDS_MAX}.`);
  }
  return Number(text);
}

async function look(parts: Parts, id: string, session: SessionRow): Promise<Reply | { readonly approvals: number }> {
  const { database, clock } = parts.context;
  const row = mine(await findRequest(database, id), session);
  if (row.state === "pending") {
    if (clock() < row.deadline) return { approvals: row.approvals };
    await expire(parts, session.sid);
    return await look(parts, id, session);
  }
  if (row.state !== "approved") return given(answeredOf(row));
  const out = await handOut(parts, id, session);
  return out === undefined ? { approvals: row.approvals } : given(out);
}

/** Hands an approval out, once and while it is fresh. Undefined while it has to be looked at again. */
async function handOut({ context }: Parts, id: string, session: SessionRow): Promise<Answered | undefined> {
  const { database, clock } = context;
  const out = await database.transaction(async (sql) => {
    const row = mine(await findRequest(sql, id, "lock"), session);
    if (row.state !== "approved") return answeredOf(row);
    const life = lifeOf(row);
    const recheckedAtMs = row.rechecked_at === 0 ? "none" : row.rechecked_at;
    const { effect, life: after } = happen(life, { kind: "release", bound: life.bound, recheckedAtMs, atMs: clock() });
    if (effect === "release") {
      await sql.run("UPDATE request SET state = $2 WHERE id = $1", [id, after.state]);
      return answeredOf(row);
    }
    // Nobody could tell in time whether those who approved still may.
    if (clock() >= row.deadline) {
      const failed = { kind: "release", bound: life.bound, recheckedAtMs: "failed", atMs: clock() } as const;
      await undergo(sql, row, failed, () => ({ answered: WITHDRAWN, counted: [] }));
      return WITHDRAWN;
    }
    await sql.run("UPDATE request SET recheck = true WHERE id = $1", [id]);
    await callFor(sql, { kind: "attend", subject: session.sid }, clock());
    return undefined;
  });
  if (out === undefined) context.wake();
  return out;
}

export async function withdraw({ context }: Parts, { caught }: Exchange, session: SessionRow): Promise<Reply> {
  const { database, clock } = context;
  const id = caught[0] ?? "";
  const reply = await database.transaction(async (sql) => {
    const row = mine(await findRequest(sql, id, "lock"), session);
    const atMs = clock();
    const before = row.state;
    const state = await undergo(sql, row, { kind: "withdrawn", atMs }, () => ({ answered: WITHDRAWN, counted: [] }));
    if (state !== before) await callFor(sql, { kind: "attend", subject: session.sid }, atMs);
    return given(state === before ? answeredOf(row) : WITHDRAWN);
  });
  context.wake();
  return reply;
}

function mine(row: RequestRow | undefined, session: SessionRow): RequestRow {
  if (row !== undefined && row.sid === session.sid) return row;
  throw new Problem(404, "No such request", "This session asked for nothing under this id.");
}

function given(answered: Answered): Reply {
  return json(200, { state: "answered", answered });
}
