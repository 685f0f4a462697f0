import { expect, it } from "vitest";
import { seeded } from "../../seeded.ts";
import { runChaos } from "./chaos.ts";

// About a tenth of `npm run soak`'s.
it("every answer reaches its gateway once, nothing runs unapproved, and every session lands once, though instances die", async () => {
  const outcome = await runChaos({ sessions: 5, commands: 10, random: seeded(7), say: () => undefined });
  expect(outcome.failedSteps).toEqual([]);
  expect(outcome.unapprovedEffects).toEqual([]);
  expect(outcome.lostEffects).toEqual([]);
  expect(outcome.doubled).toEqual([]);
  expect(outcome.notLandedOnce).toEqual([]);
  expect(outcome.approved + outcome.refused).toBe(50);
  expect(outcome.kills).toBeGreaterThan(0);
  expect(outcome.verdict).toContain("good");
}, 300_000);
