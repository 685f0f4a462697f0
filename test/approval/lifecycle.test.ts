import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { beginLife, type Happening, happen, type Life } from "../../src/approval/lifecycle.ts";

const BOUND = { request: "7Q2M9XK4ZT", sid: "s", target: "appdb", digest: "d", policy: "p", headSha: "h" };
const DEADLINE = 1000;

const atMs = fc.integer({ min: 1, max: 200_000 });
const early = fc.integer({ min: 1, max: 1100 });
const bound = fc.oneof(
  { weight: 4, arbitrary: fc.constant(BOUND) },
  { weight: 1, arbitrary: fc.constantFrom(...Object.keys(BOUND)).map((field) => ({ ...BOUND, [field]: "another" })) },
);
const happening: fc.Arbitrary<Happening> = fc.oneof(
  fc.record({
    kind: fc.constant("counted" as const),
    outcome: fc.constantFrom("pending" as const, "approved" as const, "refused" as const, "expired" as const),
    atMs: early,
  }),
  fc.record({ kind: fc.constant("time" as const), atMs: early }),
  fc.record({ kind: fc.constant("withdrawn" as const), atMs: early }),
  fc.record({
    kind: fc.constant("release" as const),
    bound,
    recheckedAtMs: fc.oneof(atMs, fc.constantFrom("failed" as const, "none" as const)),
    atMs,
  }),
);

/** What a reader of DESIGN.md 7 would keep on paper: the answer with its time, and whether it can still be used. */
interface Model {
  answer: string;
  answeredAt: number;
  usable: boolean;
  releases: number;
}

function expected(model: Model, each: Happening): Model {
  const isOpen = model.answer === "";
  switch (each.kind) {
    case "counted":
    case "time": {
      if (!isOpen) return model;
      const outcome = each.kind === "time" ? "pending" : each.outcome;
      const isLate = each.atMs >= DEADLINE && outcome !== "refused";
      const answer = isLate ? "expired" : outcome === "pending" ? "" : outcome;
      return { ...model, answer, answeredAt: answer === "" ? 0 : each.atMs, usable: answer === "approved" };
    }
    case "withdrawn":
      return isOpen ? { ...model, answer: "withdrawn", answeredAt: each.atMs } : { ...model, usable: false };
    case "release": {
      if (!model.usable) return model;
      if (JSON.stringify(each.bound) !== JSON.stringify(BOUND) || each.recheckedAtMs === "failed") {
        return { ...model, usable: false };
      }
      const looked = each.recheckedAtMs === "none" ? model.answeredAt : Math.max(each.recheckedAtMs, model.answeredAt);
      const isFresh = looked <= each.atMs && each.atMs - looked <= 60_000;
      return isFresh ? { ...model, usable: false, releases: model.releases + 1 } : model;
    }
  }
}

describe("the life of a request", () => {
  it("goes as a model of it goes, whatever happens in whatever order", () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 25 }), (all) => {
        let life = beginLife(BOUND, DEADLINE);
        let model: Model = { answer: "", answeredAt: 0, usable: false, releases: 0 };
        for (const each of all) {
          const step = happen(life, each);
          const next = expected(model, each);
          expect(step.effect === "release").toBe(next.releases > model.releases);
          expect(step.why).toMatch(/^(?:[A-Z].*\.)?$/);
          life = step.life;
          model = next;
          seen.add(life.state);
          expect(life.answeredAtMs).toBe(model.answeredAt);
          expect(life.state === "approved").toBe(model.usable);
          expect(life.state === "used").toBe(model.releases === 1);
          expect(life.state === "void").toBe(model.answer === "approved" && !model.usable && model.releases === 0);
          expect(["refused", "expired", "withdrawn"].includes(life.state) ? life.state : "").toBe(
            ["refused", "expired", "withdrawn"].includes(model.answer) ? model.answer : "",
          );
        }
        expect(model.releases).toBeLessThanOrEqual(1);
      }),
      { numRuns: 2000 },
    );
    expect([...seen].toSorted()).toEqual(["approved", "expired", "pending", "refused", "used", "void", "withdrawn"]);
  });

  it("never leaves an end, whatever comes late", () => {
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 25 }), (all) => {
        let life = beginLife(BOUND, DEADLINE);
        for (const each of all) {
          const next = happen(life, each).life;
          const isEnd = ["refused", "expired", "withdrawn", "used", "void"].includes(life.state);
          expect(isEnd && next !== life).toBe(false);
          life = next;
        }
      }),
    );
  });

  it.each(Object.keys(BOUND))("releases nothing of another %s, neither then nor later", (field) => {
    const other = happen(approved(), release({ bound: { ...BOUND, [field]: "another" } }));
    expect(other).toMatchObject({ effect: "none", life: { state: "void" } });
    expect(other.why).toMatch(/^This is not what was approved: other (request|session|target|bytes|policy|commit)\./);
    expect(happen(other.life, release()).effect).toBe("none");
  });

  it("releases after a minute only when it was looked at again, and never when that failed", () => {
    expect(happen(approved(), release({ atMs: 60_500 })).effect).toBe("release");
    expect(happen(approved(), release({ atMs: 60_501 })).effect).toBe("recheck");
    expect(happen(approved(), release({ atMs: 60_501, recheckedAtMs: 60_400 })).effect).toBe("release");
    expect(happen(approved(), release({ recheckedAtMs: "failed" }))).toMatchObject({ life: { state: "void" } });
    // A clock that was set back proves no freshness.
    expect(happen(approved(), release({ atMs: 499 })).effect).toBe("recheck");
    expect(happen(approved(), release({ atMs: Number.NaN })).effect).toBe("recheck");
  });
});

function approved(): Life {
  return happen(beginLife(BOUND, DEADLINE), { kind: "counted", outcome: "approved", atMs: 500 }).life;
}

type Release = Extract<Happening, { readonly kind: "release" }>;

function release(changes: Partial<Release> = {}): Release {
  return { kind: "release", bound: BOUND, recheckedAtMs: "none", atMs: 600, ...changes };
}
