import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadAfter, nextLandingMs } from "../../../app/custody/pace.ts";

const PACE_MS = 5_000;
const HOUR = 3_600_000;

/** Lands as often as it may for an hour, each time with so many requests; gives when, and how many. */
function hourOf(requests: () => number): readonly { readonly atMs: number; readonly requests: number }[] {
  const landings: { atMs: number; requests: number }[] = [];
  let load = { load: 0, atMs: 0 };
  for (let now = 0; now < HOUR; now = Math.max(now + 1, nextLandingMs(load, PACE_MS))) {
    const count = requests();
    landings.push({ atMs: now, requests: count });
    load = loadAfter(load, count, now);
  }
  return landings;
}

describe("the pace of landings", () => {
  it("lets the first begin at once, and the next five seconds later", () => {
    expect(nextLandingMs({ load: 0, atMs: 123 }, PACE_MS)).toBe(0);
    expect(nextLandingMs(loadAfter({ load: 0, atMs: 0 }, 2, 1_000), PACE_MS)).toBe(6_000);
  });

  it("keeps below GitHub's bounds of a minute and of an hour, however much waits", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 2, max: 20 }), { minLength: 1, maxLength: 50 }), (sizes) => {
        let at = 0;
        const landings = hourOf(() => sizes[at++ % sizes.length] ?? 2);
        expect(landings.every(({ atMs }) => Number.isInteger(atMs))).toBe(true);
        expect(landings.reduce((sum, each) => sum + each.requests, 0)).toBeLessThanOrEqual(500);
        for (const { atMs } of landings.slice(20)) {
          const inMinute = landings.filter((each) => each.atMs >= atMs && each.atMs < atMs + 60_000);
          expect(inMinute.reduce((sum, each) => sum + each.requests, 0)).toBeLessThanOrEqual(80);
        }
      }),
    );
  });

  it("forgets what was long ago", () => {
    const busy = loadAfter({ load: 0, atMs: 0 }, 200, 0);
    expect(nextLandingMs(busy, PACE_MS)).toBeGreaterThan(1_000_000);
    expect(nextLandingMs(loadAfter(busy, 2, HOUR), PACE_MS)).toBe(HOUR + PACE_MS);
  });
});
