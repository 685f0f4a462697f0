/** Token buckets in memory: how often one session or one address may ask. They forget, and a restart forgets all. */

export interface Rate {
  /** What a bucket fills by in a second. */
  readonly perSecond: number;
  /** What a full bucket holds. */
  readonly burst: number;
}

/** So many askers are remembered; the one that was heard of longest ago goes first. 100 bytes each. */
const BUCKETS_MAX = 50_000;

export interface RateLimit {
  /** Takes one from the asker's bucket; the seconds to wait when it is empty, else 0. `nowMs` since 1970. */
  take(asker: string, rate: Rate, nowMs: number): number;
}

export function createRateLimit(bucketsMax = BUCKETS_MAX): RateLimit {
  const buckets = new Map<string, { readonly left: number; readonly atMs: number }>();
  return {
    take(asker, { perSecond, burst }, nowMs) {
      const known = buckets.get(asker);
      const filled = known === undefined ? burst : known.left + (Math.max(0, nowMs - known.atMs) / 1000) * perSecond;
      const left = Math.min(burst, filled) - 1;
      // Put last, so that the first of the map is always the one heard of longest ago.
      buckets.delete(asker);
      buckets.set(asker, { left: left < 0 ? left + 1 : left, atMs: nowMs });
      const [oldest] = buckets.keys();
      if (buckets.size > bucketsMax && oldest !== undefined) buckets.delete(oldest);
      return left < 0 ? Math.max(1, Math.ceil(-left / perSecond)) : 0;
    },
  };
}
