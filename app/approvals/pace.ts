/**
 * Keeps GitHub's limits for an installation, for all instances together: a second between two writes, silence when it asks
 * for silence, and no more new things an hour than it allows.
 */

import { setTimeout as sleep } from "node:timers/promises";
import type { Octokit } from "@octokit/core";
import { isInteger, shaped } from "../../src/evidence/shape.ts";
import { askAgainAtMs } from "../../src/github/failure.ts";
import type { RowClaim } from "../state/database.ts";
import { NotNow } from "../state/errands.ts";
import type { Parts } from "./parts.ts";

export interface Pace {
  /** The installation's client, which keeps to the pace. Throws NotNow while GitHub asks not to be asked. */
  octokit(installation: number): Promise<Octokit>;
  /** Whether something may be made that nobody waits for: a good part of the hour's budget is left. */
  isAmple(installation: number): Promise<boolean>;
}

const ANSWER_MS_MAX = 20_000;
/** Longer than this an errand does not hold its place: it comes again. */
const WAIT_MS_MAX = 15_000;
/** GitHub allows 500 an hour. What nobody waits for leaves the half of it to the rest. */
const MADE_MAX = { all: 450, ample: 200 } as const;
const HOUR_MS = 3_600_000;
/** GitHub's word where it limits and does not say for how long. */
const UNTOLD_MS = 60_000;

interface PaceRow {
  readonly next_at: number;
  readonly blocked_until: number;
  readonly hour_at: number;
  readonly made: number;
}

const isPace: RowClaim<PaceRow> = shaped({
  next_at: isInteger,
  blocked_until: isInteger,
  hour_at: isInteger,
  made: isInteger,
});

export function createPace({ context, options }: Parts): Pace {
  const { database, clock, github } = context;
  const paced = new WeakSet<Octokit>();

  const read = async (installation: number): Promise<PaceRow> => {
    const [row] = await database.rows(
      "SELECT next_at, blocked_until, hour_at, made FROM pace WHERE installation = $1",
      [installation],
      isPace,
    );
    return row ?? { next_at: 0, blocked_until: 0, hour_at: 0, made: 0 };
  };
  const refuseBlocked = async (installation: number): Promise<void> => {
    const { blocked_until } = await read(installation);
    if (blocked_until > clock()) throw new NotNow("GitHub asks to come back later", blocked_until);
  };
  /** Takes the turn to write as soon as it is free: just before it is used, so that a slow instance does not come late. */
  const takeTurn = async (installation: number, isMaking: boolean): Promise<void> => {
    const until = clock() + WAIT_MS_MAX;
    await database.run("INSERT INTO pace (installation) VALUES ($1) ON CONFLICT DO NOTHING", [installation]);
    for (;;) {
      const now = clock();
      const [taken] = await database.rows(
        `UPDATE pace SET
           next_at = $2::bigint + $3,
           hour_at = CASE WHEN hour_at < $2::bigint - $5 THEN $2 ELSE hour_at END,
           made = CASE WHEN hour_at < $2::bigint - $5 THEN $4 ELSE made + $4 END
         WHERE installation = $1 AND next_at <= $2
         RETURNING next_at, blocked_until, hour_at, made`,
        [installation, now, options.writeGapMs, isMaking ? 1 : 0, HOUR_MS],
        isPace,
      );
      if (taken !== undefined) {
        if (!isMaking || taken.made <= MADE_MAX.all) return;
        throw new NotNow("enough was made on GitHub in this hour", taken.hour_at + HOUR_MS);
      }
      if (now >= until) throw new NotNow("others write to GitHub first", now + options.writeGapMs);
      const { next_at } = await read(installation);
      await sleep(Math.max(1, next_at - clock()));
    }
  };
  const note = async (installation: number, error: unknown): Promise<void> => {
    const until = askAgainAtMs(error, clock()) ?? (isLimit(error) ? clock() + UNTOLD_MS : undefined);
    if (until === undefined) return;
    await database.run(
      `INSERT INTO pace (installation, blocked_until) VALUES ($1, $2)
       ON CONFLICT (installation) DO UPDATE SET blocked_until = greatest(pace.blocked_until, $2)`,
      [installation, until],
    );
  };

  return {
    async octokit(installation) {
      await refuseBlocked(installation);
      const octokit = await github.installation(installation);
      if (!paced.has(octokit)) {
        paced.add(octokit);
        octokit.hook.before("request", async (asked) => {
          const { method, url, query } = asked;
          // The token is asked for by the client itself, and asking the graph writes nothing.
          if (url.endsWith("/access_tokens")) return;
          const isWrite = method !== "GET" && !(typeof query === "string" && query.startsWith("query"));
          await refuseBlocked(installation);
          if (isWrite) {
            await takeTurn(installation, method === "POST");
            await refuseBlocked(installation);
          }
          // What is never answered must not outlive its errand.
          asked.request = { ...asked.request, signal: AbortSignal.timeout(ANSWER_MS_MAX) };
        });
        octokit.hook.error("request", async (error) => {
          await note(installation, error);
          throw error;
        });
      }
      return octokit;
    },
    async isAmple(installation) {
      const { hour_at, made } = await read(installation);
      return hour_at < clock() - HOUR_MS || made < MADE_MAX.ample;
    },
  };
}

function isLimit(error: unknown): boolean {
  return (
    error instanceof Error &&
    "status" in error &&
    (error.status === 403 || error.status === 429) &&
    /rate limit|abuse/i.test(error.message)
  );
}
