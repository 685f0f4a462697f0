/** The App's part that asks people: its routes, its errands, and what it makes of webhooks. docs/app-api.md, Approvals. */

import { isText, shaped } from "../../src/evidence/shape.ts";
import type { Context } from "../context.ts";
import type { Route } from "../http/route.ts";
import { callFor, type Doer } from "../state/errands.ts";
import { ask } from "./ask.ts";
import { attendErrand } from "./attend.ts";
import { expireErrand } from "./expire.ts";
import { waitFor, withdraw } from "./hand-out.ts";
import type { WebhookEvent } from "./hint.ts";
import { createPace } from "./pace.ts";
import { type ApprovalsOptions, OPTIONS } from "./parts.ts";
import { sweepErrand } from "./sweep.ts";
import { takeHint } from "./take-hint.ts";

export { withdrawAll } from "./requests.ts";

export interface Approvals {
  readonly routes: readonly Route[];
  readonly doers: ReadonlyMap<string, Doer>;
  /** Keeps what it says and calls for somebody to look. Resolves at once: GitHub waits ten seconds. */
  readonly onWebhook: (event: WebhookEvent) => Promise<void>;
  /** Once at start: looks at everything that waits, and for webhooks that came while nobody was there. */
  begin(): Promise<void>;
}

/** A plan of five hundred statements, each of some kilobytes. */
const REQUEST_BYTES_MAX = 4 * 1024 * 1024;
const ID = "[0-9A-HJKMNP-TV-Z]{10}";

const isSid = shaped({ sid: isText });

export function createApprovals(context: Context, options: ApprovalsOptions = OPTIONS): Approvals {
  const parts = { context, options };
  const pace = createPace(parts);
  const one = new RegExp(`^/v1/requests/(${ID})$`);
  return {
    routes: [
      {
        method: "POST",
        path: /^\/v1\/requests$/,
        bodyBytesMax: REQUEST_BYTES_MAX,
        who: "session",
        handle: async (exchange, session) => await ask(parts, exchange, session),
      },
      {
        method: "GET",
        path: one,
        bodyBytesMax: 0,
        who: "session",
        handle: async (exchange, session) => await waitFor(parts, exchange, session),
      },
      {
        method: "DELETE",
        path: one,
        bodyBytesMax: 0,
        who: "session",
        handle: async (exchange, session) => await withdraw(parts, exchange, session),
      },
    ],
    doers: new Map([
      ["attend", attendErrand(parts, pace)],
      ["expire", expireErrand(parts)],
      ["sweep", sweepErrand(parts)],
    ]),
    async onWebhook(event) {
      await takeHint(parts, event, context.clock());
    },
    async begin() {
      const { database, clock } = context;
      const waiting = await database.rows(
        "SELECT DISTINCT sid FROM request WHERE state IN ('pending', 'approved') ORDER BY sid",
        [],
        isSid,
      );
      for (const { sid } of waiting) {
        await callFor(database, { kind: "expire", subject: sid }, clock());
        await callFor(database, { kind: "attend", subject: sid }, clock());
      }
      await callFor(database, { kind: "sweep", subject: "deliveries" }, clock());
      context.wake();
    },
  };
}
