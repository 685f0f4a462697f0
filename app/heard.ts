/** Tells those who wait of what was notified: one listener on the database for all waiting requests of this instance. */

import { Problem } from "./http/route.ts";

/** As many connections may wait as the server takes, and each waits for one subject. */
const WAITERS_MAX = 8192;

export interface Heard {
  /** Resolves at the next notification of the subject, when `signal` aborts, or after `waitMs`. Rejects with Problem. */
  readonly heard: (subject: string, waitMs: number, signal: AbortSignal) => Promise<void>;
  /** Wakes who waits for the subject; with `undefined` everybody, who then looks again. */
  tell(subject: string | undefined): void;
  readonly waiting: () => number;
}

export function createHeard(): Heard {
  const waiters = new Map<string, Set<() => void>>();
  let count = 0;
  return {
    heard: async (subject, waitMs, signal) => {
      if (signal.aborted || waitMs <= 0) return;
      if (count >= WAITERS_MAX) {
        throw new Problem(503, "Too many wait", "Ask again in a few seconds.", { retryAfter: 5 });
      }
      const waiting = waiters.get(subject) ?? new Set();
      waiters.set(subject, waiting);
      count += 1;
      await new Promise<void>((resolve) => {
        const done = (): void => {
          clearTimeout(timer);
          signal.removeEventListener("abort", done);
          waiting.delete(done);
          resolve();
        };
        const timer = setTimeout(done, waitMs);
        signal.addEventListener("abort", done, { once: true });
        waiting.add(done);
      });
      count -= 1;
      if (waiting.size === 0 && waiters.get(subject) === waiting) waiters.delete(subject);
    },
    tell(subject) {
      const told = subject === undefined ? [...waiters.values()] : [waiters.get(subject) ?? new Set<() => void>()];
      for (const each of told) for (const wake of each) wake();
    },
    waiting: () => count,
  };
}
