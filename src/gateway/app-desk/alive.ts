// Tells the App that the session lives, and ends the session when the App says that it does not.

import { DeskError } from "../desk/call.ts";
import type { AppClient } from "./client.ts";

const EVERY_MS = 30_000;
/** The App closes a session that it has not heard of for this long; then nothing that follows is countersigned. */
const SILENT_MS_MAX = 5 * 60_000;

/** Starts. `ended` is told once, why the session cannot go on. */
export function keepAlive(
  client: Pick<AppClient, "alive">,
  ended: (why: string) => void,
  everyMs = EVERY_MS,
): { readonly stop: () => void } {
  const stopped = new AbortController();
  let heardMs = performance.now();
  const beat = async (): Promise<void> => {
    const why = await lookedAt(client, stopped.signal);
    if (stopped.signal.aborted) return;
    if (why === "") heardMs = performance.now();
    const silent = performance.now() - heardMs > SILENT_MS_MAX;
    if (why !== undefined && why !== "") ended(why);
    else if (silent) ended("the App was not reached for five minutes, so it has closed the session");
    else timer = setTimeout(() => void beat(), everyMs);
  };
  let timer = setTimeout(() => void beat(), everyMs);
  return {
    stop() {
      clearTimeout(timer);
      stopped.abort();
    },
  };
}

/** Why it cannot go on; empty when it can, undefined when nobody said. */
async function lookedAt(client: Pick<AppClient, "alive">, signal: AbortSignal): Promise<string | undefined> {
  try {
    const state = await client.alive(signal);
    switch (state) {
      case "open":
        return "";
      case "contested":
        return "the App has contested the session: another one was registered for this very job attempt, and both are ended";
      case "lost":
        return "the App has closed the session as lost";
      case "handed-in":
      case "landed":
        return "the App says that the session was handed in already";
    }
  } catch (error) {
    if (signal.aborted) return undefined;
    if (!(error instanceof DeskError)) throw error;
    // Refused for good, or not reached now; heads fail by themselves where it is not reached for longer.
    return error.status >= 400 && error.status < 500 && error.status !== 429 ? error.message : undefined;
  }
}
