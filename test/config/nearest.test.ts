import { expect, it } from "vitest";
import { nearest } from "../../src/config/nearest.ts";

it.each([
  ["delte", ["read", "delete"], "delete"],
  ["raed", ["read", "delete"], "read"],
  ["Allow", ["allow"], "allow"],
  ["targest", ["targets", "rules"], "targets"],
  ["zebra", ["read", "delete"], undefined],
  ["x".repeat(1000), ["read"], undefined],
  ["read", [], undefined],
])("%s among %j is %s", (word, known, expected) => {
  expect(nearest(word, known)).toBe(expected);
});
