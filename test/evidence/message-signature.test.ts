import { generateKeyPairSync, verify } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  readSignature,
  SIGNED_FOR_SECONDS,
  type SignatureHeaders,
  type SignedRequest,
  signRequest,
  verifyRequest,
} from "../../src/evidence/message-signature.ts";

const { privateKey: key, publicKey } = generateKeyPairSync("ed25519");
const keyId = "01KAXXXXXXXXXXXXXXXXXXXXXX";
const request: SignedRequest = { method: "POST", target: "/v1/requests?wait=5", body: '{"a":1}' };
const NOW = 1_800_000_000;
const headers = signRequest(request, { key, keyId, createdSeconds: NOW });
const verified = (what: SignedRequest, by: Partial<SignatureHeaders>, nowSeconds = NOW): string | undefined =>
  verifyRequest(what, by, { key: publicKey, nowSeconds });

describe("a signed request", () => {
  it("verifies as it was signed, whatever it holds", () => {
    fc.assert(
      fc.property(fc.constantFrom("GET", "POST", "PUT"), fc.webPath(), fc.uint8Array(), (method, path, body) => {
        const any = { method, target: path === "" ? "/" : path, body };
        expect(verified(any, signRequest(any, { key, keyId, createdSeconds: NOW }))).toBeUndefined();
      }),
    );
  });

  it("says whose it claims to be", () => {
    expect(readSignature(headers)).toEqual({ kind: "claim", keyId, createdSeconds: NOW });
  });

  it.each([
    ["another method", { ...request, method: "DELETE" }],
    ["another path", { ...request, target: "/v1/sessions?wait=5" }],
    ["another query", { ...request, target: "/v1/requests?wait=6" }],
    ["no query", { ...request, target: "/v1/requests" }],
    ["another body", { ...request, body: '{"a":2}' }],
  ])("does not verify for %s", (_what, other) => {
    expect(verified(other, headers)).toBeTypeOf("string");
  });

  it.each([
    ["no signature", { signature: undefined }],
    ["another algorithm", { "signature-input": headers["signature-input"].replace("ed25519", "rsa-v1_5-sha256") }],
    ["fewer components", { "signature-input": headers["signature-input"].replace(' "@query"', "") }],
    ["a later moment", { "signature-input": headers["signature-input"].replace(String(NOW), String(NOW + 1)) }],
    ["a second signature", { signature: `${headers.signature}, ${headers.signature}` }],
    ["another digest", { "content-digest": `sha-256=:${"A".repeat(43)}=:` }],
  ])("does not verify with %s", (_what, other) => {
    expect(verified(request, { ...headers, ...other } as Partial<SignatureHeaders>)).toBeTypeOf("string");
  });

  it("does not verify long before or after it was signed", () => {
    expect(verified(request, headers, NOW + SIGNED_FOR_SECONDS)).toBeUndefined();
    expect(verified(request, headers, NOW + SIGNED_FOR_SECONDS + 1)).toContain("another time");
    expect(verified(request, headers, NOW - SIGNED_FOR_SECONDS - 1)).toContain("another time");
  });

  it("does not verify with another key", () => {
    const other = generateKeyPairSync("ed25519").publicKey;
    expect(verifyRequest(request, headers, { key: other, nowSeconds: NOW })).toBeTypeOf("string");
  });

  // RFC 9421, appendix B.1.4's key signs appendix B.2.6; here the base of our own form is held to section 2.5 by hand.
  it("signs the lines of section 2.5", () => {
    const base = [
      '"@method": POST',
      '"@path": /v1/requests',
      '"@query": ?wait=5',
      `"content-digest": ${headers["content-digest"]}`,
      `"@signature-params": ${headers["signature-input"].slice(4)}`,
    ].join("\n");
    const signature = Buffer.from(headers.signature.slice(5, -1), "base64");
    expect(verify(null, Buffer.from(base), publicKey, signature)).toBe(true);
  });
});
