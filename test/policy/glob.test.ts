import fc from "fast-check";
import { expect, it } from "vitest";
import { fitsObject, fitsText, partsOf } from "../../src/policy/glob.ts";

it.each([
  ["users", "users", "yes"],
  ["users", "public.users", "yes"],
  ["users", "user", "no"],
  ["public.users", "public.users", "yes"],
  ["public.users", "users", "maybe"],
  ["public.users", "shop.public.users", "maybe"],
  ["public.users", "audit.users", "no"],
  ["public.*", "public.users", "yes"],
  ["public.*", "users", "maybe"],
  ["public.*", "audit.users", "no"],
  ["*", "public.users", "yes"],
  ["user*", "public.users_2024", "yes"],
  ["*_pii", "customers_pii", "yes"],
  ["audit.**", "audit.a.b", "yes"],
  ["audit.**", "entries", "maybe"],
  ["audit.**", "public.entries", "no"],
  ["**.secrets", "a.b.secrets", "yes"],
  ["**", "anything.at.all", "yes"],
  ["Users", "users", "maybe"],
  ['public."a.b"', 'public."a.b"', "yes"],
  ["public.*", 'public."a.b"', "yes"],
  ["public.b", 'public."a.b"', "no"],
  ["/v1/*", "/v1/users", "yes"],
  ["/v1/*", "/v1/users/2", "no"],
  ["/v1/**", "/v1/users/2.json", "yes"],
  ["/v1/*/orders", "/v1/7/orders", "yes"],
])("pattern %s on %s: %s", (pattern, object, expected) => {
  expect(fitsObject(pattern, object)).toBe(expected);
});

it("fits a text to itself, to a star when it has no slash, and to two stars always", () => {
  const text = fc.string({ unit: "binary", maxLength: 40 }).filter((each) => !each.includes("*"));
  fc.assert(
    fc.property(text, (each) => {
      expect(fitsText(each, each)).toBe("yes");
      expect(fitsText("**", each)).toBe("yes");
      expect(fitsText("*", each)).toBe(each.includes("/") ? "no" : "yes");
    }),
  );
});

it("agrees with a regular expression on what a star is", () => {
  const small = fc.string({ unit: fc.constantFrom("a", "b", "*"), maxLength: 8 });
  const plain = fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 8 });
  fc.assert(
    fc.property(small, plain, (pattern, text) => {
      // Two stars alone are the other wildcard, which is the same here where there is no slash.
      const expected = new RegExp(`^${pattern.replaceAll("*", ".*")}$`).test(text);
      expect(fitsText(pattern, text)).toBe(expected ? "yes" : "no");
    }),
  );
});

it("is not made slow by a hostile name", () => {
  const started = performance.now();
  fitsText("*a*a*a*a*a*a*a*b", "a".repeat(100_000));
  expect(fitsText("**/x", "/".repeat(100_000))).toBe("maybe");
  expect(performance.now() - started).toBeLessThan(1000);
});

it("splits names at the dots that are not quoted", () => {
  expect(partsOf('a."b.c"."d""e".f')).toEqual(["a", "b.c", 'd"e', "f"]);
  expect(partsOf("a.b.")).toEqual(["a", "b", ""]);
});
