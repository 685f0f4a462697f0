import { generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dsseSigner, encodeDsse, IN_TOTO, signDsse, verifyDsse } from "../../src/evidence/dsse.ts";
import { canonical } from "../../src/journal/jcs.ts";
import { rawPublicKey } from "../../src/tlog/note.ts";

const keys = Array.from({ length: 3 }, () => generateKeyPairSync("ed25519").privateKey);
const [a, b, c] = keys.map((key) => dsseSigner(key));
const [rawA, rawB, rawC] = keys.map((key) => rawPublicKey(key));
if (a === undefined || b === undefined || c === undefined) throw new Error("three keys");
if (rawA === undefined || rawB === undefined || rawC === undefined) throw new Error("three keys");
const payload = canonical({ _type: "https://in-toto.io/Statement/v1", subject: [] });
const both = encodeDsse(payload, [signDsse(payload, a), signDsse(payload, b)]);

describe("an envelope", () => {
  it("verifies when every key signed, whoever else did", () => {
    expect(verifyDsse(both, [rawA, rawB])).toMatchObject({ kind: "good", payload });
    expect(verifyDsse(both, [rawB])).toMatchObject({ kind: "good" });
    const three = encodeDsse(payload, [signDsse(payload, c), signDsse(payload, a), signDsse(payload, b)]);
    expect(verifyDsse(three, [rawA, rawB])).toMatchObject({ kind: "good" });
  });

  it("does not verify when one key signed twice, or another did", () => {
    const twice = encodeDsse(payload, [signDsse(payload, a), signDsse(payload, a)]);
    expect(verifyDsse(twice, [rawA, rawB]).kind).toBe("bad");
    expect(verifyDsse(both, [rawA, rawC]).kind).toBe("bad");
    const posing = encodeDsse(payload, [signDsse(payload, a), { ...signDsse(payload, c), keyid: b.keyid }]);
    expect(verifyDsse(posing, [rawA, rawB]).kind).toBe("bad");
    expect(verifyDsse(encodeDsse(payload, []), [rawA]).kind).toBe("bad");
  });

  it("does not verify with any byte changed", () => {
    fc.assert(
      fc.property(fc.nat(both.length - 1), fc.integer({ min: 32, max: 126 }), (at, code) => {
        const changed = `${both.slice(0, at)}${String.fromCharCode(code)}${both.slice(at + 1)}`;
        expect(verifyDsse(changed, [rawA, rawB]).kind).toBe(changed === both ? "good" : "bad");
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    ["white space", `${both.slice(0, -1)} \n`],
    ["no newline at its end", both.slice(0, -1)],
    ["two newlines at its end", `${both}\n`],
    ["a field besides", both.replace('{"payload"', '{"note":"","payload"')],
    ["another payload type", both.replaceAll(IN_TOTO, "application/json")],
    ["URL-safe base 64", both.replaceAll("+", "-").replaceAll("/", "_")],
    ["nothing", ""],
  ])("does not verify with %s", (_name, envelope) => {
    expect(verifyDsse(envelope, [rawA, rawB]).kind).toBe("bad");
  });

  it("does not verify a statement that is not canonical, though it is signed", () => {
    const loose = '{ "a": 1 }';
    expect(verifyDsse(encodeDsse(loose, [signDsse(loose, a)]), [rawA]).kind).toBe("bad");
  });
});
