import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { planText } from "../../src/approval/check-text.ts";
import { asked, expectContract, markup, nasty, statement } from "./checks.ts";
import { CODE } from "./facts.ts";

describe("the check of a plan", () => {
  const twenty = Array.from({ length: 20 }, (_, at) =>
    statement(`ALTER TABLE orders ADD COLUMN c${at} int`, {
      bytes: 40 + at,
      digest: `digest-${at}`,
      objects: [`o${at}`],
    }),
  );

  it("lists every statement in its order, with its digest and what it would do", () => {
    const text = planText(asked(), twenty, markup);
    expect(text.title).toBe("Approval needed: a plan of 20 statements");
    let from = 0;
    for (const [at, { text: sql, digest, bytes }] of twenty.entries()) {
      const place = text.text.indexOf(`### Statement ${at + 1} of 20\n\nDigest \`${digest}\` over ${bytes} bytes.`);
      expect(place).toBeGreaterThan(from);
      from = place;
      expect(text.text.indexOf(sql)).toBeGreaterThan(place);
    }
    expect(text.text).toContain(`/countersign approve ${CODE}`);
    expect(text.buttons).toHaveLength(2);
    expectContract(text);
  });

  it("cannot be approved where one statement does not fit, and says how many do not", () => {
    const long = [...twenty.slice(0, 5), statement("x".repeat(60_000)), ...twenty.slice(5)];
    const text = planText(asked(), long, markup);
    expect(text.text).toContain("**16 of the 21 statements are left out here.**");
    expect(text.buttons.map(({ label }) => label)).toEqual(["Deny"]);
    expect(text.shownWhole).toEqual([]);
    expect(text.text).not.toContain(CODE);
    expectContract(text);
  });

  it("has either every statement whole or no way to approve it, whatever they are", () => {
    const any = fc.record({ text: nasty, times: fc.integer({ min: 1, max: 200 }) });
    fc.assert(
      fc.property(fc.array(any, { minLength: 1, maxLength: 30 }), (all) => {
        const statements = all.map(({ text, times }) => statement(text.repeat(times), { objects: [text] }));
        const said = planText(asked(), statements, markup);
        expectContract(said);
        const listed = [...said.text.matchAll(/^### Statement /gm)].length;
        const isWhole = said.shownWhole.length === 1;
        expect(isWhole).toBe(said.buttons.length === 2);
        expect(isWhole).toBe(!said.text.includes("left out here"));
        expect(isWhole && listed < statements.length).toBe(false);
      }),
      { numRuns: 100 },
    );
  });

  it("has at least one statement", () => {
    expect(() => planText(asked(), [], markup)).toThrow(RangeError);
  });
});
