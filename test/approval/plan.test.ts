import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openPlan, type Plan, stopPlan, usePlan } from "../../src/approval/plan.ts";

const digest = fc.constantFrom("a", "b", "c");
const command = fc.record({
  sid: fc.constantFrom("s", "s", "s", "other"),
  target: fc.constantFrom("t", "t", "t", "u"),
  digest,
});
const plan = fc
  .array(digest, { minLength: 1, maxLength: 6 })
  .map((digests) => openPlan({ sid: "s", target: "t", digests }));

function play(start: Plan, commands: readonly { sid: string; target: string; digest: string }[]) {
  let now = start;
  const covered: string[] = [];
  for (const each of commands) {
    const step = usePlan(now, each);
    // What is asked anew leaves the plan as it is, to the last field.
    expect(step.covered || step.plan === now).toBe(true);
    expect(step.why).toMatch(/^[A-Z].*\.$/);
    if (step.covered) covered.push(each.digest);
    now = step.plan;
  }
  return { plan: now, covered };
}

describe("a plan", () => {
  it("covers its statements once each, in their order, whatever else comes between", () => {
    fc.assert(
      fc.property(plan, fc.array(command, { maxLength: 30 }), (start, commands) => {
        const { covered, plan: end } = play(start, commands);
        expect(covered).toEqual(start.digests.slice(0, covered.length));
        expect(end.used).toBe(covered.length);
        expect(covered.length).toBeLessThanOrEqual(start.digests.length);
      }),
    );
  });

  it("covers all of them when they come in order, and then nothing any more", () => {
    fc.assert(
      fc.property(plan, (start) => {
        const commands = start.digests.map((each) => ({ sid: "s", target: "t", digest: each }));
        const once = play(start, commands);
        expect(once.covered).toEqual(start.digests);
        expect(play(once.plan, commands).covered).toEqual([]);
      }),
    );
  });

  it("covers nothing in another session or at another target, and nothing once it was stopped", () => {
    fc.assert(
      fc.property(plan, fc.array(command), (start, commands) => {
        const elsewhere = commands.filter(({ sid, target }) => sid !== "s" || target !== "t");
        expect(play(start, elsewhere)).toEqual({ plan: start, covered: [] });
        expect(play(stopPlan(start), commands).covered).toEqual([]);
      }),
    );
  });

  it("is not made of nothing, nor of more than people read, nor changed by who made it", () => {
    expect(() => openPlan({ sid: "s", target: "t", digests: [] })).toThrow(RangeError);
    expect(() => openPlan({ sid: "s", target: "t", digests: Array<string>(501).fill("a") })).toThrow("several plans");
    const digests = ["a"];
    const opened = openPlan({ sid: "s", target: "t", digests });
    digests.push("b");
    expect(opened.digests).toEqual(["a"]);
  });
});
