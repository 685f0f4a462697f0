import { describe, expect, it } from "vitest";
import { killGateways } from "./kill.ts";

describe("a gateway that is killed", () => {
  it("let nothing run that its journal did not hold first, and is recovered whole, at 20 chance moments", async () => {
    const report = await killGateways(20, Math.random);
    expect(report.faults).toEqual([]);
    expect(report.executed).toBeGreaterThan(200);
    expect(report.released).toBeGreaterThanOrEqual(report.executed);
    expect(report.incomplete).toBeGreaterThanOrEqual(16);
  }, 240_000);
});
