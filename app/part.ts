/** What each part of the App gives to the whole: routes, errands that it does, and what it makes of webhooks. */

import type { Route } from "./http/route.ts";
import type { Doer } from "./state/errands.ts";

/** A delivery of GitHub's whose signature is good. A hint that something changed, never evidence of it. */
export interface WebhookEvent {
  /** The delivery's GUID; a delivery may come twice. */
  readonly id: string;
  /** As GitHub names it: `check_run`. The action is in the payload. */
  readonly name: string;
  readonly payload: unknown;
}

export interface Part {
  readonly routes: readonly Route[];
  readonly doers: ReadonlyMap<string, Doer>;
  /** Resolves soon: it calls for errands, and leaves the work to them. GitHub waits ten seconds and does not send again. */
  readonly onWebhook?: (event: WebhookEvent) => Promise<void>;
  /** Once at start, before anybody is answered: calls for whatever the state says is to be done. */
  readonly begin?: () => Promise<void>;
}
