// Whether GitHub refused to tell, which asking again does not change, or could not tell at the moment.

import { askAgainAtMs, statusOf } from "./failure.ts";

/** The answer, or why there is none: `gone` does not exist, `refused` the App may not see. Whatever else is thrown. */
export async function told<T>(ask: () => Promise<T>): Promise<T | "gone" | "refused"> {
  try {
    return await ask();
  } catch (error) {
    if (statusOf(error) === 404) return "gone";
    if (isRefused(error)) return "refused";
    throw error;
  }
}

/** A permission that is missing. GitHub says the same status of its limits, with other words or headers. */
function isRefused(error: unknown): boolean {
  if (statusOf(error) !== 403 || askAgainAtMs(error, 0) !== undefined) return false;
  return error instanceof Error && !/limit|abuse|suspended/i.test(error.message);
}
