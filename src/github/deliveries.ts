// Webhooks that did not arrive: GitHub does not send them again by itself, but tells of them.

import type { Octokit } from "@octokit/core";

/** A delivery that the App did not take. */
export interface LostDelivery {
  readonly guid: string;
  readonly event: string;
  readonly atMs: number;
  readonly payload: unknown;
}

const PAGE = 100;
/** A page holds a hundred, of all events. */
const PAGES_MAX = 10;

/**
 * Deliveries of these events since then that failed, the oldest first, without those that `isKnown`. At most `countMax`:
 * the rest comes the next time.
 */
export async function readLost(
  octokit: Octokit,
  wanted: {
    readonly events: ReadonlySet<string>;
    readonly sinceMs: number;
    readonly countMax: number;
    readonly isKnown: (guid: string) => Promise<boolean>;
  },
): Promise<readonly LostDelivery[]> {
  const lost: { readonly id: number; readonly guid: string; readonly event: string; readonly atMs: number }[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const { data, headers } = await octokit.request("GET /app/hook/deliveries", {
      per_page: PAGE,
      ...(cursor === undefined ? {} : { cursor }),
    });
    let isPast = false;
    for (const each of data) {
      const atMs = Date.parse(each.delivered_at);
      isPast ||= atMs < wanted.sinceMs;
      const isLost = each.status_code < 200 || each.status_code >= 300;
      if (isLost && atMs >= wanted.sinceMs && wanted.events.has(each.event)) {
        lost.push({ id: Number(each.id), guid: each.guid, event: each.event, atMs });
      }
    }
    cursor = /[?&]cursor=([^&>]+)[^>]*>;\s*rel="next"/.exec(headers.link ?? "")?.[1];
    if (isPast || cursor === undefined) break;
    cursor = decodeURIComponent(cursor);
  }
  const found: LostDelivery[] = [];
  // An answer may be lost more than once; its first time is when it was given.
  const oldest = new Map(lost.map((each) => [each.guid, each]));
  for (const each of [...oldest.values()].toReversed()) {
    if (found.length >= wanted.countMax) break;
    if (await wanted.isKnown(each.guid)) continue;
    const { data } = await octokit.request("GET /app/hook/deliveries/{delivery_id}", { delivery_id: each.id });
    found.push({ guid: each.guid, event: each.event, atMs: each.atMs, payload: data.request.payload });
  }
  return found;
}
