import { randomFillSync } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { digestOf, disclosureLine, openDisclosure, redact, SaltPool } from "../../src/journal/disclosure.ts";
import { parseCanonical } from "../../src/journal/jcs.ts";

const salts = new SaltPool((bytes) => void randomFillSync(bytes));
const values = fc.oneof(
  fc.string({ unit: "grapheme" }),
  fc.maxSafeInteger(),
  fc.constant(null),
  fc.array(fc.record({ a: fc.string({ unit: "grapheme" }), b: fc.boolean() }), { maxLength: 3 }),
);

describe("redaction", () => {
  it("opens to the value that was taken out", () => {
    fc.assert(
      fc.property(values, (value) => {
        const { redacted, disclosure } = redact(value, salts);
        expect(digestOf(disclosure)).toBe(redacted["..."]);
        expect(redacted["..."]).toMatch(/^[\w-]{43}$/);
        expect(openDisclosure(disclosure)?.value).toEqual(value);
        expect(parseCanonical(disclosureLine({ redacted, disclosure }, "/7/body/text/0"))).toMatchObject({
          disclosure,
        });
      }),
    );
  });

  it("agrees with the example of RFC 9901 section 4.2.1 in all but its white space", () => {
    // The RFC's digest over its own disclosure of an array element, section 4.2.4.2.
    expect(digestOf("WyJsa2x4RjVqTVlsR1RQVW92TU5JdkNBIiwgIkZSIl0")).toBe("w0I8EKcdCtUPkGCNUrfwVp2xEgNjtoIDlOxc9-PlOhs");
  });

  it("salts every value afresh, across a refill of the pool", () => {
    const digests = Array.from({ length: 3000 }, () => redact("same", salts).redacted["..."]);
    expect(new Set(digests).size).toBe(digests.length);
  });

  it("makes half a surrogate pair U+FFFD and leaves whole ones", () => {
    expect(openDisclosure(redact("a\ud800b😀\\ud800", salts).disclosure)?.value).toBe("a\ufffdb😀\\ud800");
  });

  it.each([
    ["two values", '["0123456789abcdefghijkl",1,2]'],
    ["no salt", "[1]"],
    ["a short salt", '["0123456789",1]'],
    ["white space", '["0123456789abcdefghijkl", 1]'],
    ["an object", '{"a":1}'],
    ["not JSON", "hello"],
  ])("does not open %s", (_name, json) => {
    expect(openDisclosure(Buffer.from(json).toString("base64url"))).toBeUndefined();
  });

  it("does not open a second spelling of base 64, or bytes that are not UTF-8", () => {
    const { disclosure } = redact("value", salts);
    expect(openDisclosure(`${disclosure}=`)).toBeUndefined();
    expect(openDisclosure(` ${disclosure}`)).toBeUndefined();
    expect(
      openDisclosure(Buffer.from('["0123456789abcdefghijkl","\xff"]', "latin1").toString("base64url")),
    ).toBeUndefined();
  });
});
