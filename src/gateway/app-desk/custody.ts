// The App as the keeper of a session whose gateway died: what it takes in, it enters in the log by itself.

import type { Custodian } from "../seal.ts";
import type { AppClient } from "./client.ts";

/** Whoever recovers may have a job waiting behind it. */
const WITHIN_MS = 30_000;

/** A recovery hands the session in and does not wait for its landing: nobody's job depends on it. */
export function appCustodian(client: AppClient): Custodian {
  return {
    vkey: client.vkey,
    addCheckpoint: async (body) => await client.addCheckpoint(body),
    async keep(ended) {
      await client.handIn(ended, WITHIN_MS);
      return { folder: "which the App enters in its branch" };
    },
  };
}
