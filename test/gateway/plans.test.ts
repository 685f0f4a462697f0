// Which commands an approved plan covers, whatever comes and in whatever order.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Plans } from "../../src/gateway/plans.ts";
import type { Command, CommandId } from "../../src/model/command.ts";
import type { ApprovalTerms, Decision } from "../../src/model/decision.ts";
import type { Foreseen } from "../../src/protocols/protocol.ts";

const TERMS: ApprovalTerms = { teams: ["dba"], users: [], count: 1, expiresMs: 60_000, via: ["check"] };
const REASON = { rule: "destructive", message: "", matched: [] };
const HOLD: Decision = { kind: "hold", reason: REASON, approval: TERMS };
const ANSWERED = { answer: "approved", by: [], reason: "", dsse: "x", disclosure: "" } as const;

function foreseen(text: string): Foreseen {
  return {
    protocol: "postgres",
    text,
    textKey: {},
    params: [],
    slots: [],
    effects: ["delete"],
    objects: ["carts"],
    bounded: true,
    why: [],
    bytes: [Buffer.from(`Q${text}`)],
    inTransaction: false,
    unservable: "",
  };
}

function approved(texts: readonly string[]): Plans {
  const plans = new Plans();
  plans.approve({
    request: "7Q2M4N8X3K",
    sid: "s",
    target: "appdb",
    statements: texts.map((text, at) => ({ command: foreseen(text), digest: `${at}` })),
    terms: TERMS,
    rules: ["destructive"],
    answered: ANSWERED,
  });
  return plans;
}

let count = 0;
function command(text: string, more: Partial<Command> = {}): Command {
  count += 1;
  const id: CommandId = `1/${count}`;
  return { ...foreseen(text), id, ...more };
}

describe("an approved plan", () => {
  it("covers its statements once each, in their order, each after the one before was completed", () => {
    const texts = fc.array(fc.constantFrom("a", "b"), { minLength: 1, maxLength: 5 });
    const step = fc.record({
      text: fc.constantFrom("a", "b", "c"),
      outcome: fc.constantFrom("completed", "completed", "completed", "error", undefined),
    });
    fc.assert(
      fc.property(texts, fc.array(step, { maxLength: 20 }), (planned, steps) => {
        const plans = approved(planned);
        const covered: string[] = [];
        let blocked = false;
        for (const { text, outcome } of steps) {
          const each = command(text);
          const cover = plans.cover("appdb", each, HOLD);
          if (cover === undefined) continue;
          expect(blocked).toBe(false);
          covered.push(text);
          if (outcome !== undefined) plans.returned("appdb", { id: each.id, outcome });
          blocked = outcome !== "completed";
        }
        expect(covered).toEqual(planned.slice(0, covered.length));
      }),
    );
  });

  it.each([
    ["other bytes under the same text", command("a", { bytes: [Buffer.from("P")] }), HOLD],
    ["a reading with other effects than people were shown", command("a", { effects: ["delete", "execute"] }), HOLD],
    ["a reading with other objects", command("a", { objects: ["other.carts"] }), HOLD],
    ["a reading without a bound", command("a", { bounded: false }), HOLD],
    ["a command that policy denies now", command("a"), { kind: "deny", reason: REASON }],
    ["a command that another rule holds", command("a"), { ...HOLD, reason: { ...REASON, rule: "other" } }],
    ["a command that more people must approve", command("a"), { ...HOLD, approval: { ...TERMS, count: 2 } }],
  ] as const)("does not cover %s, and stays where it is", (_what, other, decision) => {
    const plans = approved(["a"]);
    expect(plans.cover("appdb", other, decision)).toBeUndefined();
    expect(plans.cover("appdb", command("a"), HOLD)).toMatchObject({
      request: "7Q2M4N8X3K",
      why: "Statement 1 of 1 of the plan.",
    });
  });

  it("covers nothing at another target", () => {
    expect(approved(["a"]).cover("billing", command("a"), HOLD)).toBeUndefined();
  });

  it("takes what policy allows in its place in the list", () => {
    const plans = approved(["a", "b"]);
    const first = command("a");
    expect(plans.cover("appdb", first, { kind: "allow", reason: REASON })).toBeDefined();
    plans.returned("appdb", { id: first.id, outcome: "completed" });
    expect(plans.cover("appdb", command("b"), HOLD)).toBeDefined();
  });

  it("is in force no more once another was approved", () => {
    const plans = approved(["a"]);
    plans.approve({
      request: "other",
      sid: "s",
      target: "appdb",
      statements: [{ command: foreseen("z"), digest: "z" }],
      terms: TERMS,
      rules: ["destructive"],
      answered: ANSWERED,
    });
    expect(plans.cover("appdb", command("a"), HOLD)).toBeUndefined();
    expect(plans.cover("appdb", command("z"), HOLD)).toMatchObject({ request: "other" });
  });
});
