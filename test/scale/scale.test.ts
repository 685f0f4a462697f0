// What must hold for ten thousand sessions, for five hundred; `npm run soak` has them all.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { filesForProof, type Large, makeLarge, sealMore, verifyLarge } from "./measure.ts";

const SESSIONS = 500;

let large: Large;

beforeAll(async () => {
  large = await makeLarge(SESSIONS);
}, 120_000);

afterAll(() => large.remove());

describe(`a branch of ${SESSIONS} sessions in one month`, () => {
  it("verifies with a tenth of the work that ten thousand may take, within the same memory", {
    timeout: 120_000,
  }, () => {
    const { verdict, cpuSeconds, megabytes } = verifyLarge(large);
    expect(verdict).toBe(`verdict: good, ${SESSIONS} sessions`);
    // Of work, because the machine may be busy with other tests; with them work itself takes up to twice as long.
    expect(cpuSeconds).toBeLessThan(6);
    expect(megabytes).toBeLessThan(300);
  });

  it("proves any of its entries from at most ten files", async () => {
    for (const index of [0, 1, 254, 255, 256, 257, 511, SESSIONS - 1].filter((each) => each < SESSIONS)) {
      expect(await filesForProof(large, index), `entry ${index}`).toBeLessThanOrEqual(10);
    }
  });

  it("takes one more with half a second of work", { timeout: 60_000 }, async () => {
    const costs = await sealMore(large, 5);
    expect(Math.min(...costs.map(({ cpuMs }) => cpuMs))).toBeLessThan(500);
    expect(verifyLarge(large).verdict).toBe(`verdict: good, ${SESSIONS + 5} sessions`);
  });
});
