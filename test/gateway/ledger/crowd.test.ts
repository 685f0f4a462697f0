import { describe, expect, it } from "vitest";
import { seeded, seedOf } from "../../seeded.ts";
import { type CrowdReport, crowd } from "./crowd.ts";

const seed = seedOf(process.env);

function expectAll(report: CrowdReport, count: number): void {
  expect(report.wanted).toHaveLength(count);
  expect(report.sealed).toEqual(report.wanted);
  expect([report.verdict, report.complaints]).toEqual(["good", ""]);
}

describe(`many processes that seal into one ledger at once (SEED=${seed})`, () => {
  it("make one line of 50 sessions in a branch, each once, though every second is killed first", {
    timeout: 180_000,
  }, async () => {
    const report = await crowd({ kind: "git", count: 50, killOneIn: 2, chance: seeded(seed) });
    expectAll(report, 50);
    expect(report.parents).toEqual([...Array.from({ length: 49 }, () => 1), 0]);
    expect(report.killed).toBeGreaterThan(5);
  });

  it.each(["dir", "bundle"] as const)(
    "keep 8 sessions in a %s, each once, though every second is killed first",
    { timeout: 180_000 },
    async (kind) => {
      const report = await crowd({ kind, count: 8, killOneIn: 2, chance: seeded(seed) });
      expectAll(report, 8);
      expect(report.killed).toBeGreaterThan(0);
    },
  );
});
