import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CanonicalError, canonical, parseCanonical } from "../../src/journal/jcs.ts";

const text = fc.string({ unit: "grapheme" });
const { value: anything } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    text,
    fc.maxSafeInteger(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(text, tie("value"), { maxKeys: 4 }),
  ),
}));

describe("canonical JSON", () => {
  it("says the same as JSON, and one spelling of it parses", () => {
    fc.assert(
      fc.property(anything, (value) => {
        const line = canonical(value);
        expect(JSON.parse(line)).toEqual(JSON.parse(JSON.stringify(value)));
        expect(canonical(parseCanonical(line))).toBe(line);
        expect(() => parseCanonical(` ${line}`)).toThrow(CanonicalError);
        expect(() => parseCanonical(`${line}\r`)).toThrow(CanonicalError);
        expect(() => parseCanonical(`\ufeff${line}`)).toThrow(CanonicalError);
      }),
    );
  });

  it.each([
    ["a key twice", '{"a":1,"a":1}'],
    ["a key twice, once escaped", '{"a":1,"\\u0061":1}'],
    ["keys out of order", '{"b":1,"a":1}'],
    ["an escape that is not needed", '{"a":"\\u0041"}'],
    ["an escaped slash", '"\\/"'],
    ["upper-case hex", '"\\u001F"'],
    ["half a surrogate pair", '"\\ud800"'],
    ["half a surrogate pair in a key", '{"\\udfff":1}'],
    ["a fraction", "0.5"],
    ["an exponent", "1e3"],
    ["minus zero", "-0"],
    ["a number beyond 2^53", "9007199254740993"],
    ["a number beyond all", "1e999"],
    ["text behind the value", "1 1"],
    ["nothing", ""],
    ["a bracket for each byte", "[".repeat(3000) + "]".repeat(3000)],
    ["more brackets than any stack holds", "[".repeat(1_000_000) + "]".repeat(1_000_000)],
    ["a raw control character", '"\u0001"'],
  ])("refuses %s", (_name, line) => {
    expect(() => parseCanonical(line)).toThrow(CanonicalError);
  });

  it.each([
    ["undefined", { a: undefined }],
    ["a list of undefined", [undefined]],
    ["a bigint", 1n],
    ["a function", () => 1],
    ["a symbol", Symbol("s")],
    ["not a number", Number.NaN],
    ["a fraction", 1.5],
    ["an unsafe integer", 2 ** 53],
  ])("has no form for %s", (_name, value) => {
    expect(() => canonical(value)).toThrow(CanonicalError);
  });

  it("keeps U+2028, emoji and a key named __proto__", () => {
    const line = '{"__proto__":"\u2028😀"}';
    expect(canonical(parseCanonical(line))).toBe(line);
  });
});
