/**
 * What has to be done on GitHub and with time: kept in the state, done by whichever instance is free, tried again until
 * it succeeds. An errand looks at what is and makes it what it should be, so it may run twice, late, or beside itself.
 */

import { isInteger, isText, shaped } from "../../src/evidence/shape.ts";
import type { Database, Sql } from "./database.ts";

/** An errand's name: one kind of work for one subject. */
export interface Errand {
  readonly kind: string;
  readonly subject: string;
}

/** Does one kind of errand. Resolves to when it wants to run again (milliseconds since 1970), or `done`. */
export type Doer = (subject: string, signal: AbortSignal) => Promise<number | "done">;

/** It cannot be done now and should be tried again at a moment that somebody else named, as GitHub's `retry-after`. */
export class NotNow extends Error {
  override readonly name = "NotNow";
  readonly atMs: number;
  constructor(message: string, atMs: number, options?: ErrorOptions) {
    super(message, options);
    this.atMs = atMs;
  }
}

export interface ErrandOptions {
  readonly database: Database;
  readonly doers: ReadonlyMap<string, Doer>;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  /** From 0 to 1: spreads what failed together. */
  readonly random: () => number;
  /** For the operator: an errand failed; it will be tried again. `fault` names no command's text. */
  readonly failed: (errand: Errand, fault: unknown, attempts: number) => void;
}

export interface RunningErrands {
  /** Looks for what is due now, without waiting for the clock. */
  wake(): void;
  /** Starts nothing more, aborts what runs, and resolves when it has ended. */
  stop(): Promise<void>;
}

/** Side by side in one instance; GitHub allows a hundred. */
const TOGETHER_MAX = 8;
/** Looks by the clock this often, whatever was heard. */
const LOOK_MS = 1_000;
/** An instance that died is replaced after this long; one that lives renews what it is at. */
const LEASE_MS = 8_000;
const RENEW_MS = 2_000;
/** One errand takes no longer; what is not done then is done again. */
const DO_MS_MAX = 55_000;
const BACKOFF_MS_MIN = 500;
const BACKOFF_MS_MAX = 60_000;

/** Calls for an errand at `dueMs`, or earlier where it is due earlier. In the same transaction as what it is for. */
export async function callFor(sql: Sql, { kind, subject }: Errand, dueMs: number): Promise<void> {
  await sql.run(
    `INSERT INTO errand (kind, subject, due_at) VALUES ($1, $2, $3)
     ON CONFLICT (kind, subject) DO UPDATE
       SET due_at = least(errand.due_at, excluded.due_at), called = errand.called + 1`,
    [kind, subject, dueMs],
  );
}

const isTaken = shaped({ kind: isText, subject: isText, attempts: isInteger, called: isInteger });

/** Starts doing errands until `stop`. */
export function runErrands(options: ErrandOptions): RunningErrands {
  const { database, doers, clock } = options;
  const stopped = new AbortController();
  const running = new Map<Promise<void>, Errand>();
  let timer: NodeJS.Timeout | undefined;
  let renewAtMs = 0;
  const looks = { now: false, again: false };
  const isStopped = (): boolean => stopped.signal.aborted;

  const look = async (): Promise<void> => {
    if (looks.now) {
      looks.again = true;
      return;
    }
    looks.now = true;
    clearTimeout(timer);
    try {
      const free = TOGETHER_MAX - running.size;
      const taken = isStopped() || free < 1 ? [] : await take(database, [...doers.keys()], free, clock());
      for (const each of taken) start(each);
      if (running.size > 0 && clock() >= renewAtMs) {
        renewAtMs = clock() + RENEW_MS;
        await renew(database, [...running.values()], clock() + LEASE_MS);
      }
    } catch (error) {
      // The database is away. The clock looks again; whoever asks /readyz hears of it.
      options.failed({ kind: "look", subject: "" }, error, 0);
    }
    looks.now = false;
    if (!isStopped()) timer = setTimeout(() => void look(), looks.again ? 0 : LOOK_MS);
    looks.again = false;
  };

  const start = (taken: Taken): void => {
    const done: Promise<void> = doOne(taken, options, stopped.signal)
      .catch((error: unknown) => options.failed(taken, error, taken.attempts))
      .finally(() => {
        running.delete(done);
        void look();
      });
    running.set(done, taken);
  };

  void look();
  return {
    wake: () => void look(),
    async stop() {
      stopped.abort();
      clearTimeout(timer);
      await Promise.all(running.keys());
    },
  };
}

type Taken = Errand & { readonly attempts: number; readonly called: number };

async function take(
  database: Database,
  kinds: readonly string[],
  count: number,
  nowMs: number,
): Promise<readonly Taken[]> {
  return await database.rows(
    `UPDATE errand SET leased_until = $1, attempts = attempts + 1
     WHERE (kind, subject) IN (
       SELECT kind, subject FROM errand
       WHERE due_at <= $2 AND leased_until <= $2 AND kind = ANY($3)
       ORDER BY due_at LIMIT $4 FOR UPDATE SKIP LOCKED)
     RETURNING kind, subject, attempts, called`,
    [nowMs + LEASE_MS, nowMs, kinds, count],
    isTaken,
  );
}

async function renew(database: Database, errands: readonly Errand[], untilMs: number): Promise<void> {
  await database.run(
    `UPDATE errand SET leased_until = $1
     FROM unnest($2::text[], $3::text[]) AS held (kind, subject)
     WHERE errand.kind = held.kind AND errand.subject = held.subject AND errand.leased_until > 0`,
    [untilMs, errands.map(({ kind }) => kind), errands.map(({ subject }) => subject)],
  );
}

async function doOne(taken: Taken, options: ErrandOptions, stopped: AbortSignal): Promise<void> {
  const { database, doers, clock, random } = options;
  const signal = AbortSignal.any([stopped, AbortSignal.timeout(DO_MS_MAX)]);
  let next: number | "done";
  let fault = "";
  try {
    next = (await doers.get(taken.kind)?.(taken.subject, signal)) ?? "done";
  } catch (error) {
    options.failed(taken, error, taken.attempts);
    fault = error instanceof Error ? error.name : "fault";
    const backoff = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** Math.min(10, taken.attempts - 1));
    next = error instanceof NotNow ? error.atMs : clock() + backoff * (0.5 + random());
  }
  if (next === "done") {
    const removed = await database.run("DELETE FROM errand WHERE kind = $1 AND subject = $2 AND called = $3", [
      taken.kind,
      taken.subject,
      taken.called,
    ]);
    if (removed > 0) return;
    // Somebody called for it meanwhile.
    next = 0;
  }
  await database.run(
    `UPDATE errand SET leased_until = 0, fault = $4,
       attempts = CASE WHEN $4 = '' THEN 0 ELSE attempts END,
       -- What failed waits, whoever called meanwhile: an errand that calls for itself and fails would never rest.
       due_at = CASE WHEN called = $5 OR $4 <> '' THEN $3 ELSE least($3, due_at) END
     WHERE kind = $1 AND subject = $2`,
    [taken.kind, taken.subject, Math.ceil(next), fault, taken.called],
  );
}
