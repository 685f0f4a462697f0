/** Fetches webhooks from a channel of smee.io, for development: GitHub sends them there, and this hands them on. */

import { SmeeClient } from "smee-client";
import type { Context } from "./context.ts";
import { WEBHOOK_PATH } from "./http/server.ts";

/** Opens the channel. What it brings is signed by GitHub and verified as any other delivery. */
export async function openSmee(
  { source, origin }: { readonly source: string; readonly origin: string },
  log: Context["log"],
): Promise<{ close(): Promise<void> }> {
  // Its own words name deliveries and errors of ours; neither is wanted.
  const logger = { info: () => undefined, error: () => log.warn({}, "the channel of webhooks reports an error") };
  const client = new SmeeClient({ source, target: `${origin}${WEBHOOK_PATH}`, logger, maxConnectionTimeout: 10_000 });
  await client.start();
  log.info({ source: new URL(source).host }, "webhooks are fetched from a channel");
  return { close: async () => await client.stop() };
}
