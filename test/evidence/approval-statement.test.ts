import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { type ApprovalFacts, signApproval, verifyApproval } from "../../src/evidence/approval-statement.ts";
import { dsseSigner, encodeDsse, signDsse } from "../../src/evidence/dsse.ts";
import { rawPublicKey } from "../../src/tlog/note.ts";

const key = generateKeyPairSync("ed25519").privateKey;
const signer = dsseSigner(key);
const publicKey = rawPublicKey(key);
const facts: ApprovalFacts = {
  request: "7Q2M4N8X3K",
  sid: "01KANAV0Q8M3T4ZS5R6X7Y8Z9A",
  cmd: "2/4",
  target: "appdb",
  digest: "d".repeat(42) + "A",
  leaf: Buffer.alloc(32, 7).toString("base64url"),
  policy: `sha256:${"b".repeat(64)}`,
  rule: "destructive",
  requestedAt: "2026-11-23T05:00:00.000Z",
  expiresAt: "2026-11-23T05:30:00.000Z",
  answer: "approved",
  by: [{ login: "carol", via: "check" }],
  reason: [{ "...": "r".repeat(43) }],
  decidedAt: "2026-11-23T05:10:00.000Z",
};

describe("a signed answer", () => {
  it("verifies for what was asked, and gives back what was answered", () => {
    expect(verifyApproval(signApproval(facts, signer), publicKey, facts)).toEqual({ kind: "good", facts });
    const refused = { ...facts, answer: "refused", by: [] } as const;
    expect(verifyApproval(signApproval(refused, signer), publicKey, facts)).toMatchObject({
      kind: "good",
      facts: refused,
    });
  });

  it.each(["request", "sid", "cmd", "target", "digest", "leaf", "policy", "rule", "requestedAt", "expiresAt"] as const)(
    "is refused for another %s, and for that reason alone",
    (name) => {
      const other = name.endsWith("At") ? "2026-11-23T05:20:00.000Z" : Buffer.alloc(32, 8).toString("base64url");
      expect(verifyApproval(signApproval(facts, signer), publicKey, { ...facts, [name]: other })).toEqual({
        kind: "bad",
        reasons: [`the answer is for another ${name}`],
      });
    },
  );

  it.each([
    ["after it expired", { decidedAt: "2026-11-23T05:30:00.001Z" }],
    ["long before it was asked", { decidedAt: "2026-11-23T04:57:00.000Z" }],
    ["by nobody", { by: [] }],
    ["for a leaf that is no hash", { leaf: "AAAA" }],
    ["with a reason that is no digest", { reason: [{ "...": "because" }] }],
  ])("is refused when given %s", (_name, change) => {
    const bent = { ...facts, ...change };
    expect(verifyApproval(signApproval(bent, signer), publicKey, { ...facts, leaf: bent.leaf }).kind).toBe("bad");
  });

  it("is refused from another key, as another predicate, or with another subject", () => {
    expect(
      verifyApproval(signApproval(facts, dsseSigner(generateKeyPairSync("ed25519").privateKey)), publicKey, facts).kind,
    ).toBe("bad");
    const payload = Buffer.from(
      (JSON.parse(signApproval(facts, signer)) as { payload: string }).payload,
      "base64",
    ).toString();
    const bends: readonly (readonly [string, string])[] = [
      ["attestation/approval/v0.1", "attestation/session/v0.1"],
      ["https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0"],
      ["0707", "0708"],
      ['"command.seen"', '"command.done"'],
      ['"rule":"destructive"', '"rule":"destructive","self":true'],
    ];
    for (const [from, to] of bends) {
      expect(payload).toContain(from);
      const bent = payload.replace(from, to);
      expect(verifyApproval(encodeDsse(bent, [signDsse(bent, signer)]), publicKey, facts).kind).toBe("bad");
    }
  });
});
