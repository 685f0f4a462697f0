import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { faultsOfPlan, faultsOfRequest, isApprovalRequest, isPlanRequest } from "../../src/approval/shape.ts";
import { sampleRequest } from "../gateway/desk/sample.ts";
import { statement } from "./checks.ts";

const good = sampleRequest();

describe("the shape of a request", () => {
  it("is accepted as a gateway writes it", () => {
    expect(faultsOfRequest(JSON.parse(JSON.stringify(good)))).toEqual([]);
  });

  it("is refused with the name of any one field that is missing or of another kind", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.keys(good)),
        fc.constantFrom(undefined, null, 7.5, {}, [[]]),
        (name, value) => {
          const changed: Readonly<Record<string, unknown>> = { ...good, [name]: value };
          expect(faultsOfRequest(changed)).toEqual([name]);
        },
      ),
    );
  });

  it.each([
    ["another id", { id: "7Q2M9XK4ZU" }],
    ["no effect at all", { effects: [] }],
    ["an effect of another word", { effects: ["fine"] }],
    ["a digest of another length", { digest: "abc" }],
    ["a second spelling of a time", { expiresAt: "2026-11-23T05:00:01Z" }],
    ["half a character", { rule: "\uD800" }],
    ["a field that nobody shows", { hidden: true }],
  ])("is refused with %s", (_what, change) => {
    expect(isApprovalRequest({ ...good, ...change })).toBe(false);
  });

  it("is no list, no text and no null", () => {
    for (const value of [[], "request", null, undefined, 4]) {
      expect(isApprovalRequest(value)).toBe(false);
    }
  });

  it("of a plan is accepted with its statements, each of which is whole, and as nothing else", () => {
    const statements = [statement("DROP TABLE a"), statement("DROP TABLE b")];
    expect(faultsOfPlan({ ...good, statements })).toEqual([]);
    // Whoever shows one command would show nothing of the statements.
    expect(faultsOfRequest({ ...good, statements })).toEqual(["statements"]);
    expect(isPlanRequest(good)).toBe(false);
    const many = Array.from({ length: 501 }, () => statement("SELECT 1"));
    for (const wrong of [[], many, [{ ...statement("x"), digest: "short" }], [{ ...statement("x"), hidden: 1 }], {}]) {
      expect(faultsOfPlan({ ...good, statements: wrong })).toEqual(["statements"]);
    }
  });
});
