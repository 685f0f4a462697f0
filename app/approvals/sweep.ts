/** Looks for webhooks that were lost on their way while something waits: GitHub tells of them, and sends none again by itself. */

import { isInteger, shaped } from "../../src/evidence/shape.ts";
import { readLost } from "../../src/github/deliveries.ts";
import { told } from "../../src/github/refusal.ts";
import type { Doer } from "../state/errands.ts";
import { politely } from "../state/politely.ts";
import { EVENTS } from "./hint.ts";
import type { Parts } from "./parts.ts";
import { isTaken, takeHint } from "./take-hint.ts";

const AT_ONCE_MAX = 100;
/** Clocks differ. */
const EARLIER_MS = 60_000;

const isOldest = shaped({ oldest: (value: unknown): value is number | null => value === null || isInteger(value) });

export function sweepErrand(parts: Parts): Doer {
  const { database, clock, github, log } = parts.context;
  return politely(async () => {
    const [row] = await database.rows(
      "SELECT min(asked_at) AS oldest FROM request WHERE state = 'pending'",
      [],
      isOldest,
    );
    const oldest = row?.oldest ?? null;
    if (oldest === null) return "done";
    const app = await github.app();
    const lost = await told(
      async () =>
        await readLost(app, {
          events: EVENTS,
          sinceMs: oldest - EARLIER_MS,
          countMax: AT_ONCE_MAX,
          isKnown: async (guid) => await isTaken(database, guid),
        }),
    );
    for (const { guid, event, atMs, payload } of typeof lost === "string" ? [] : lost) {
      const isNew = await takeHint(parts, { id: guid, name: event, payload }, atMs);
      // What was none of our business is not fetched again either.
      await database.run("INSERT INTO delivery (guid, at) VALUES ($1, $2) ON CONFLICT DO NOTHING", [guid, atMs]);
      if (isNew) log.info({ delivery: guid, event }, "took a webhook that was lost");
    }
    return clock() + parts.options.sweepMs;
  }, clock);
}
