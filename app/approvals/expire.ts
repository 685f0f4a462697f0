/** Ends what nobody answered in time, by the App's own clock: GitHub is not asked, so it cannot hold it up. */

import { isInteger, shaped } from "../../src/evidence/shape.ts";
import { callFor, type Doer } from "../state/errands.ts";
import { endOf, NOBODY } from "./ending.ts";
import type { Parts } from "./parts.ts";
import { requestsOf, undergo } from "./requests.ts";

const isNext = shaped({ next: (value: unknown): value is number | null => value === null || isInteger(value) });

/** Ends the session's requests whose time is up. Gives the next deadline, or `done`. */
export async function expire({ context }: Parts, sid: string): Promise<number | "done"> {
  const { database, clock, metrics } = context;
  const next = async (): Promise<number | null> => {
    const [row] = await database.rows(
      "SELECT min(deadline) AS next FROM request WHERE sid = $1 AND state = 'pending'",
      [sid],
      isNext,
    );
    return row?.next ?? null;
  };
  const due = await next();
  if (due === null) return "done";
  if (due > clock()) return due;
  await database.transaction(async (sql) => {
    const atMs = clock();
    for (const row of await requestsOf(sql, sid, "lock")) {
      const before = row.state;
      const after = await undergo(sql, row, { kind: "time", atMs }, (state, at) =>
        endOf(context, row, { state, atMs: at, decision: NOBODY }),
      );
      if (before !== after) metrics.count("countersign_requests_ended_total", { answer: after });
    }
    await callFor(sql, { kind: "attend", subject: sid }, atMs);
  });
  context.wake();
  return (await next()) ?? "done";
}

export function expireErrand(parts: Parts): Doer {
  return async (sid) => await expire(parts, sid);
}
