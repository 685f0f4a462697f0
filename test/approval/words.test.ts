import fc from "fast-check";
import { expect, it } from "vitest";
import { buttonOf, readButton, settleWords } from "../../src/approval/words.ts";
import { ADA, APPROVE, BO, button, comment, DENY, REQUEST } from "./facts.ts";

it("keeps each word once, at its last stage, in the order of their times", () => {
  const late = button("approve", BO, 3000);
  const made = comment(APPROVE, ADA, 2000, { key: "one" });
  const edited = comment(DENY, ADA, 2000, { key: "one", stage: "edited" });
  const deleted = comment(APPROVE, ADA, 2000, { key: "one", stage: "deleted" });
  expect(settleWords([late, edited, made, late])).toEqual([edited, late]);
  expect(settleWords([deleted, edited, made])).toEqual([deleted]);
  expect(settleWords([made, edited, deleted])).toEqual([deleted]);
});

it("chooses between two readings that cannot both be true without regard to their order", () => {
  const body = fc.constantFrom(APPROVE, DENY, "x", "y");
  fc.assert(
    fc.property(body, body, fc.constantFrom(ADA, BO), (one, other, by) => {
      const first = comment(one, ADA, 2000, { key: "one" });
      const second = comment(other, by, 2000, { key: "one" });
      expect(settleWords([first, second])).toEqual(settleWords([second, first]));
    }),
  );
});

it("reads the names of its own buttons and no others", () => {
  expect(readButton(buttonOf("approve", REQUEST))).toEqual({ word: "approve", request: REQUEST });
  expect(readButton(buttonOf("refuse", REQUEST))).toEqual({ word: "refuse", request: REQUEST });
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(readButton(text)).toBe(undefined);
    }),
  );
});
