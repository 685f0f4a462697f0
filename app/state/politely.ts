import { askAgainAtMs } from "../../src/github/failure.ts";
import { type Doer, NotNow } from "./errands.ts";

/** The same errand, tried again when GitHub says that it may be: its limits are everybody's. */
export function politely(doer: Doer, clock: () => number): Doer {
  return async (subject, signal) => {
    try {
      return await doer(subject, signal);
    } catch (error) {
      const atMs = askAgainAtMs(error, clock());
      if (atMs === undefined) throw error;
      throw new NotNow("GitHub asks to come back later", atMs, { cause: error });
    }
  };
}
