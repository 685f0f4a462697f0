import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Effect, Effects } from "../../src/model/command.ts";
import type { Decision } from "../../src/model/decision.ts";
import { compile, decide } from "../../src/policy/decide.ts";
import type { Facts } from "../../src/policy/facts.ts";
import type { Judged } from "../../src/policy/match.ts";
import { EFFECTS, type Match, type Rule } from "../../src/policy/policy.ts";

type Wanted = Omit<Match, "at" | "any" | "all" | "not"> & {
  readonly any?: readonly Wanted[];
  readonly all?: readonly Wanted[];
  readonly not?: Wanted;
};

const at = { line: 1, column: 1 };
const approval = { teams: [], users: [], count: 1, expiresMs: 60_000, via: ["check"] } as const;
const facts: Facts = {
  target: "appdb",
  protocol: "postgres",
  branch: "main",
  environment: "production",
  event: "push",
  actor: "ada",
};

function place(wanted: Wanted): Match {
  const { any, all, not, ...own } = wanted;
  return {
    ...own,
    ...(any === undefined ? {} : { any: any.map(place) }),
    ...(all === undefined ? {} : { all: all.map(place) }),
    ...(not === undefined ? {} : { not: place(not) }),
    at,
  };
}

function rule(kind: Decision["kind"], match: Wanted, name: string = kind): Rule {
  return { name, match: place(match), decide: kind, message: "", approval, at };
}

function command(effects: Effects, objects: readonly string[] = ["public.users"], bounded = true): Judged {
  return { effects, objects, bounded };
}

const judge = (each: Judged, rules: readonly Rule[], about: Facts = facts) => decide(each, about, compile({ rules }));
const kind = (each: Judged, rules: readonly Rule[], about: Facts = facts) => judge(each, rules, about).kind;
const everything = rule("allow", { effects: EFFECTS }, "everything");

describe("which rule decides", () => {
  it("denies what no rule speaks for, and says so", () => {
    const decision = judge(command(["write"]), [rule("allow", { effects: ["read"] })]);
    expect(decision).toMatchObject({ kind: "deny", reason: { rule: "default" } });
    expect(decision.reason.message).toContain("write");
  });

  it("lets the strictest matching rule win, and the first in the file between equals", () => {
    const rules = [
      everything,
      rule("hold", { effects: ["write"] }, "second"),
      rule("hold", { effects: ["write", "read"] }, "third"),
      rule("deny", { effects: ["grant"] }, "fourth"),
    ];
    expect(judge(command(["write"]), rules).reason.rule).toBe("second");
    expect(judge(command(["write", "grant"]), rules).reason.rule).toBe("fourth");
    expect(judge(command(["delete"]), rules).reason.rule).toBe("everything");
  });

  it("explains itself with the facts that matched", () => {
    const destructive = rule("hold", { any: [{ effects: ["delete"] }, { effects: ["write"], bounded: false }] });
    expect(judge(command(["read", "write"], ["users"], false), [destructive]).reason.matched).toEqual([
      "effects write",
      "bounded false",
    ]);
  });

  it("holds on the approval terms of the rule that decided", () => {
    expect(judge(command(["delete"]), [rule("hold", { effects: ["delete"] })])).toMatchObject({ approval });
  });
});

describe("effects and objects", () => {
  it("holds or denies on any effect named, and allows only when every effect is", () => {
    expect(kind(command(["read", "delete"]), [everything, rule("hold", { effects: ["delete"] })])).toBe("hold");
    expect(kind(command(["read", "delete"]), [rule("allow", { effects: ["read"] })])).toBe("deny");
  });

  it.each(["deny", "hold"] as const)("%s: matches when any object is named, or none could be told", (strict) => {
    const rules = [everything, rule(strict, { objects: ["public.users"] })];
    expect(kind(command(["read"], ["public.orders", "public.users"]), rules)).toBe(strict);
    expect(kind(command(["read"], ["users"]), rules)).toBe(strict);
    expect(kind(command(["read"], ["shop.public.users"]), rules)).toBe(strict);
    expect(kind(command(["read"], []), rules)).toBe(strict);
    expect(kind(command(["read"], ["public.orders", "audit.users"]), rules)).toBe("allow");
  });

  it("allows by objects only when every object is named, as written, and some could be told", () => {
    const rules = [rule("allow", { effects: ["read"], objects: ["public.users", "orders"] })];
    expect(kind(command(["read"], ["public.users", "orders"]), rules)).toBe("allow");
    expect(kind(command(["read"], ["public.orders"]), rules)).toBe("allow");
    expect(kind(command(["read"], ["users"]), rules)).toBe("deny");
    expect(kind(command(["read"], ["public.users", "secrets"]), rules)).toBe("deny");
    expect(kind(command(["read"], []), rules)).toBe("deny");
  });

  it("never calls a command bounded or not when it could not be read", () => {
    expect(kind(command(["unknown"]), [everything, rule("hold", { bounded: false })])).toBe("hold");
    expect(kind(command(["unknown"]), [rule("allow", { effects: ["unknown"], bounded: true })])).toBe("deny");
  });
});

describe("not, and facts that are uncertain", () => {
  it("holds what is only partly outside the list, and allows only what is wholly outside it", () => {
    expect(kind(command(["read", "write"]), [everything, rule("hold", { not: { effects: ["read"] } })])).toBe("hold");
    expect(kind(command(["read"]), [everything, rule("hold", { not: { effects: ["read"] } })])).toBe("allow");
    expect(kind(command(["read", "delete"]), [rule("allow", { not: { effects: ["delete"] } })])).toBe("deny");
    expect(kind(command(["read"]), [rule("allow", { not: { effects: ["delete"] } })])).toBe("allow");
  });

  it("takes objects that could not be told for the worst, also under not", () => {
    expect(kind(command(["read"], []), [everything, rule("hold", { not: { objects: ["logs"] } })])).toBe("hold");
    expect(kind(command(["read"], []), [rule("allow", { not: { objects: ["users"] } })])).toBe("deny");
    expect(kind(command(["read"], ["users"]), [rule("allow", { not: { objects: ["public.users"] } })])).toBe("deny");
  });

  it("takes an environment that nobody named for the one the rule is about", () => {
    const nowhere = { ...facts, environment: "" };
    const production = { environment: ["production"] };
    expect(kind(command(["read"]), [everything, rule("deny", production)], nowhere)).toBe("deny");
    expect(kind(command(["read"]), [rule("allow", { not: production })], nowhere)).toBe("deny");
    expect(kind(command(["read"]), [everything, rule("deny", { not: production })], nowhere)).toBe("deny");
    expect(kind(command(["read"]), [rule("allow", { ...production, effects: ["read"] })], nowhere)).toBe("deny");
  });

  it("does not stop a statement for a method it cannot have, nor let it through for lacking one", () => {
    expect(kind(command(["read"]), [everything, rule("deny", { method: ["DELETE"] })])).toBe("allow");
    expect(kind(command(["read"]), [rule("allow", { not: { method: ["DELETE"] } })])).toBe("deny");
    expect(kind(command(["read"]), [rule("allow", { method: ["GET"] })])).toBe("deny");
    expect(kind(command(["read"]), [everything, rule("deny", { not: { method: ["GET"] } })])).toBe("deny");
  });

  it("never allows by an expression that it cannot evaluate, and always holds by one", () => {
    expect(kind(command(["read"]), [rule("allow", { effects: ["read"], when: "true" })])).toBe("deny");
    expect(kind(command(["read"]), [everything, rule("hold", { when: "false" })])).toBe("hold");
  });

  it("fits branches, paths and actors by glob", () => {
    const on = (branch: string) => ({ ...facts, branch });
    const rules = [rule("allow", { effects: ["read"], branch: ["release/*", "hotfix/**"] })];
    expect(kind(command(["read"]), rules, on("release/1.2"))).toBe("allow");
    expect(kind(command(["read"]), rules, on("release/1.2/rc"))).toBe("deny");
    expect(kind(command(["read"]), rules, on("hotfix/1/2"))).toBe("allow");
    const admin = [everything, rule("deny", { path: ["/admin/**"] })];
    expect(kind(command(["read"]), admin, { ...facts, path: "/admin/users/1" })).toBe("deny");
    expect(kind(command(["read"]), admin, { ...facts, path: "/administration" })).toBe("allow");
  });
});

describe("remembering", () => {
  it("gives the same frozen decision again for the same reading, and another for another", () => {
    const compiled = compile({ rules: [everything, rule("hold", { bounded: false })] });
    const each = command(["write"]);
    const first = decide(each, facts, compiled);
    expect(decide({ ...each }, facts, compiled)).toBe(first);
    expect(Object.isFrozen(first) && Object.isFrozen(first.reason) && Object.isFrozen(first.reason.matched)).toBe(true);
    expect(decide({ ...each, bounded: false }, facts, compiled).kind).toBe("hold");
    expect(decide({ ...each, effects: ["unknown"] }, { ...facts, target: "other" }, compiled).kind).toBe("hold");
  });

  it("tells the facts of one target from those of another", () => {
    const compiled = compile({ rules: [everything, rule("deny", { target: ["billing"] })] });
    const each = command(["read"]);
    expect(decide(each, facts, compiled).kind).toBe("allow");
    expect(decide(each, { ...facts, target: "billing" }, compiled).kind).toBe("deny");
  });

  it("answers as a fresh policy would, whatever was asked before", () => {
    const shared: readonly string[] = [];
    fc.assert(
      fc.property(policies(), fc.array(commands(), { maxLength: 40 }), (some, asked) => {
        const compiled = compile({ rules: some });
        for (const each of asked) {
          const again = { ...each, objects: each.objects.length === 0 ? shared : each.objects };
          expect(decide(again, facts, compiled)).toEqual(judge(again, some));
        }
      }),
    );
  });
});

/** What nothing spoke for is denied, and a hold that comes to speak for it is still no allow. */
function rank(decision: Decision): number {
  return decision.reason.rule === "default" ? 1 : { allow: 0, hold: 1, deny: 2 }[decision.kind];
}

const NAMES = ["users", "public.users", "audit.users", "public.*", "orders", "*", "audit.**", "/v1/**"];

describe("laws", () => {
  it("adding a hold or deny never loosens a decision", () => {
    fc.assert(
      fc.property(
        policies(),
        fc.tuple(strictRule(), fc.nat()),
        commands(),
        anyFacts(),
        (some, [extra, where], each, about) => {
          const before = judge(each, some, about);
          const after = judge(each, some.toSpliced(where % (some.length + 1), 0, extra), about);
          expect(rank(after)).toBeGreaterThanOrEqual(rank(before));
        },
      ),
    );
  });

  it("the order of rules never changes what is decided", () => {
    const shuffled = policies().chain((some) =>
      fc.tuple(fc.constant(some), fc.shuffledSubarray(some, { minLength: some.length, maxLength: some.length })),
    );
    fc.assert(
      fc.property(shuffled, commands(), anyFacts(), ([some, other], each, about) => {
        expect(kind(each, other, about)).toBe(kind(each, some, about));
      }),
    );
  });

  it("an unreadable command is never allowed unless a rule names unknown", () => {
    const silent = policies().map((some) => some.map((each) => ({ ...each, match: withoutUnknown(each.match) })));
    fc.assert(
      fc.property(silent, commands(), anyFacts(), (some, each, about) => {
        expect(kind({ ...each, effects: [...each.effects, "unknown"] }, some, about)).not.toBe("allow");
      }),
    );
    expect(kind(command(["unknown"]), [rule("allow", { target: ["appdb"] })])).toBe("deny");
    const elsewhere = rule("allow", { any: [{ effects: ["unknown"], target: ["scratch"] }, { target: ["appdb"] }] });
    expect(kind(command(["unknown"]), [elsewhere])).toBe("deny");
    expect(kind(command(["unknown"]), [elsewhere], { ...facts, target: "scratch" })).toBe("allow");
  });

  it("knowing less of a command never loosens a decision", () => {
    fc.assert(
      fc.property(policies(), commands(), (some, each) => {
        const before = judge(each, some);
        const after = judge({ ...each, objects: [] }, some);
        expect(rank(after)).toBeGreaterThanOrEqual(rank(before));
      }),
    );
  });

  it("doing more never turns a hold or deny of a rule into an allow", () => {
    fc.assert(
      fc.property(policies(), commands(), fc.constantFrom(...EFFECTS), (some, each, more) => {
        if (kind(each, some) === "allow") return;
        const wider: Effects = [...each.effects, more];
        // A `not` may be about what was added; without one, more effects are never less strict.
        if (some.some((one) => JSON.stringify(one.match).includes('"not"'))) return;
        expect(kind({ ...each, effects: wider }, some)).not.toBe("allow");
      }),
    );
  });
});

function effectsOf(minLength: number): fc.Arbitrary<Effect[]> {
  return fc.uniqueArray(fc.constantFrom(...EFFECTS), { minLength, maxLength: 4 });
}

function commands(): fc.Arbitrary<Judged> {
  const first = fc.constantFrom(...EFFECTS);
  return fc
    .tuple(
      first,
      effectsOf(0),
      fc.array(fc.constantFrom("users", "public.users", "audit.users", "orders")),
      fc.boolean(),
    )
    .map(([one, more, objects, bounded]) => ({ effects: [one, ...more], objects, bounded }));
}

function anyFacts(): fc.Arbitrary<Facts> {
  return fc
    .record({
      target: fc.constantFrom("appdb", "billing"),
      environment: fc.constantFrom("", "production", "staging"),
      method: fc.constantFrom("GET", undefined),
    })
    .map(({ method, ...rest }) => ({ ...facts, ...rest, ...(method === undefined ? {} : { method }) }));
}

function matches(): fc.Arbitrary<Wanted> {
  return fc.letrec<{ match: Wanted }>((tie) => {
    const own = fc.record(
      {
        effects: effectsOf(1),
        objects: fc.array(fc.constantFrom(...NAMES), { minLength: 1, maxLength: 3 }),
        bounded: fc.boolean(),
        target: fc.constantFrom(["appdb"], ["bill*"]),
        environment: fc.constantFrom(["production"], ["*"]),
        method: fc.constantFrom(["GET"], ["DELETE"]),
      },
      { requiredKeys: [] },
    );
    const nested = fc.array(tie("match"), { minLength: 1, maxLength: 2 });
    return {
      match: fc.oneof(
        { depthSize: "small", withCrossShrink: true },
        own,
        fc.tuple(own, nested).map(([each, any]) => ({ ...each, any })),
        fc.tuple(own, nested).map(([each, all]) => ({ ...each, all })),
        fc.tuple(own, tie("match")).map(([each, not]) => ({ ...each, not })),
      ),
    };
  }).match;
}

function policies(): fc.Arbitrary<Rule[]> {
  const one = fc
    .tuple(fc.constantFrom("allow", "hold", "deny"), matches())
    .map(([decision, match]) => rule(decision, match));
  return fc.array(one, { maxLength: 4 });
}

function strictRule(): fc.Arbitrary<Rule> {
  return fc
    .tuple(fc.constantFrom("hold", "deny"), matches())
    .map(([decision, match]) => rule(decision, match, "extra"));
}

function withoutUnknown(match: Match): Match {
  const { effects, any, all, not, ...rest } = match;
  const known = effects?.filter((effect) => effect !== "unknown");
  return {
    ...rest,
    ...(known === undefined ? {} : { effects: known }),
    ...(any === undefined ? {} : { any: any.map(withoutUnknown) }),
    ...(all === undefined ? {} : { all: all.map(withoutUnknown) }),
    ...(not === undefined ? {} : { not: withoutUnknown(not) }),
  };
}
