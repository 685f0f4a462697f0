import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Electorate, mayAnswer, type RunFacts } from "../../src/approval/eligibility.ts";
import { ADA, BO, DBA, person, run } from "./facts.ts";

const NOBODY_NAMED: Electorate = { users: [], teams: [] };

describe("who may answer a request", () => {
  it.each(["write", "maintain", "admin"])(
    "includes a member with permission %s where policy names nobody",
    (permission) => {
      expect(mayAnswer(person({ permission }), "themselves", run(), NOBODY_NAMED).may).toBe(true);
    },
  );

  it.each(["read", "triage", "none", "", "Write", "a custom role", "unknown"])(
    "excludes permission %s",
    (permission) => {
      const named = { users: [ADA], teams: [] };
      expect(mayAnswer(person({ permission }), "themselves", run(), NOBODY_NAMED).may).toBe(false);
      expect(mayAnswer(person({ permission }), "themselves", run(), named).may).toBe(false);
    },
  );

  it.each(["actor", "triggeringActor", "sender", "pullRequestAuthor"] as const)(
    "excludes the run's %s, and everybody where it is not known, though policy names them",
    (part) => {
      const named = { users: [ADA], teams: [] };
      const own = mayAnswer(person(), "themselves", run({ [part]: ADA }), named);
      expect(own.may).toBe(false);
      expect(own.why).toContain("Nobody approves what they caused themselves");
      expect(mayAnswer(person(), "themselves", run({ [part]: "unknown" }), named).may).toBe(false);
      expect(mayAnswer(person(), "themselves", run({ [part]: "none" }), named).may).toBe(true);
    },
  );

  it("excludes who wrote a commit, and everybody where not all commits could be read", () => {
    expect(mayAnswer(person(), "themselves", run({ committers: [BO, ADA] }), NOBODY_NAMED).may).toBe(false);
    expect(mayAnswer(person(), "themselves", run({ committers: "unknown" }), NOBODY_NAMED).may).toBe(false);
    expect(mayAnswer(person(), "themselves", run({ committers: [] }), NOBODY_NAMED).may).toBe(true);
  });

  it.each(["Bot", "Organization", "Mannequin", "", "user"])("excludes an account of type %j", (type) => {
    expect(mayAnswer(person({ type }), "themselves", run(), { users: [ADA], teams: [] }).may).toBe(false);
  });

  it.each(["app", "unknown"] as const)("excludes what was said through: %s", (through) => {
    expect(mayAnswer(person(), through, run(), NOBODY_NAMED).may).toBe(false);
  });

  it("is those whom policy names, by their numbers and not by their logins", () => {
    const named = { users: [ADA], teams: [] };
    expect(mayAnswer(person({ login: "renamed" }), "themselves", run(), named).may).toBe(true);
    const reregistered = person({ id: 4242, login: person().login });
    expect(mayAnswer(reregistered, "themselves", run(), named).may).toBe(false);
  });

  it("is nobody where policy names only who does not exist, not everybody who may write", () => {
    expect(mayAnswer(person(), "themselves", run(), { users: ["unknown"], teams: [] }).may).toBe(false);
    expect(mayAnswer(person(), "themselves", run(), { users: [], teams: ["unknown"] }).may).toBe(false);
  });

  it.each([
    ["active", true],
    ["pending", false],
    ["unknown", false],
  ] as const)("takes a membership that is %s for: %s", (state, may) => {
    const named = { users: [], teams: [DBA] };
    expect(mayAnswer(person({ teams: new Map([[DBA, state]]) }), "themselves", run(), named).may).toBe(may);
    expect(mayAnswer(person({ teams: new Map([[DBA + 1, state]]) }), "themselves", run(), named).may).toBe(false);
  });

  it("includes an outside collaborator only where policy names them", () => {
    const outside = person({ affiliation: "outside" });
    expect(mayAnswer(outside, "themselves", run(), NOBODY_NAMED).may).toBe(false);
    expect(mayAnswer(outside, "themselves", run(), { users: [ADA], teams: [] }).may).toBe(true);
    expect(mayAnswer(person({ affiliation: "unknown" }), "themselves", run(), NOBODY_NAMED).may).toBe(false);
    expect(mayAnswer(person({ affiliation: "personal" }), "themselves", run(), NOBODY_NAMED).may).toBe(true);
  });

  it("never grows by a fact that becomes unknown, and always says why", () => {
    const part = fc.constantFrom<number | "none">(ADA, BO, "none");
    const anyRun = fc.record({
      actor: part,
      triggeringActor: part,
      sender: part,
      pullRequestAuthor: part,
      committers: fc.array(fc.constantFrom(ADA, BO)),
    });
    const anyPerson = fc.record({
      id: fc.constantFrom(ADA, BO),
      type: fc.constantFrom("User", "Bot"),
      permission: fc.constantFrom("read", "write", "admin"),
      affiliation: fc.constantFrom("member" as const, "outside" as const),
      teams: fc.constantFrom(new Map([[DBA, "active" as const]]), new Map([[DBA, "pending" as const]])),
    });
    const electorate = fc.record({
      users: fc.subarray([ADA, BO]),
      teams: fc.subarray([DBA]),
    });
    const fields = fc.constantFrom<keyof RunFacts>(
      "actor",
      "triggeringActor",
      "sender",
      "pullRequestAuthor",
      "committers",
    );
    fc.assert(
      fc.property(anyPerson, anyRun, electorate, fields, (facts, of, named, field) => {
        const { may, why } = mayAnswer(person(facts), "themselves", of, named);
        expect(why).toMatch(/^[A-Z].*\.$/);
        expect(mayAnswer(person(facts), "themselves", { ...of, [field]: "unknown" }, named).may).toBe(false);
        const less = { ...facts, permission: "unknown" };
        expect(mayAnswer(person(less), "themselves", of, named).may).toBe(false);
        expect(may && (facts.type !== "User" || facts.permission === "read")).toBe(false);
        expect(may && (of.actor === facts.id || of.committers.includes(facts.id))).toBe(false);
        expect(may && named.users.length > 0 && !named.users.includes(facts.id) && named.teams.length === 0).toBe(
          false,
        );
      }),
    );
  });
});
