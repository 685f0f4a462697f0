import { generateKeyPairSync } from "node:crypto";
import { CompactEncrypt, importJWK } from "jose";
import { describe, expect, it } from "vitest";
import { JweError, makeEncryptionKey, openJwe } from "../../../src/gateway/app-desk/jwe.ts";

const SECRET = JSON.stringify({ url: "postgres://u:p@h/d" });

async function sealed(publicKey: string, more: object = {}): Promise<string> {
  const recipient = await importJWK({ kty: "OKP", crv: "X25519", x: publicKey }, "ECDH-ES");
  return await new CompactEncrypt(Buffer.from(SECRET))
    .setProtectedHeader({ alg: "ECDH-ES", enc: "A256GCM", ...more })
    .encrypt(recipient);
}

describe("a credential that was encrypted by jose", () => {
  it("is opened by the key that it was encrypted to", async () => {
    const { privateKey, publicKey } = makeEncryptionKey();
    expect(Buffer.from(publicKey, "base64url")).toHaveLength(32);
    expect(openJwe(await sealed(publicKey), privateKey).toString()).toBe(SECRET);
  });

  it("is not opened by another key", async () => {
    const jwe = await sealed(makeEncryptionKey().publicKey);
    expect(() => openJwe(jwe, makeEncryptionKey().privateKey)).toThrow(JweError);
  });

  it("is not opened when any part of it was changed, cut or added to", async () => {
    const { privateKey, publicKey } = makeEncryptionKey();
    const parts = (await sealed(publicKey)).split(".");
    for (const [at, part] of parts.entries()) {
      const first = part.startsWith("A") ? "B" : "A";
      for (const other of [`${first}${part.slice(1)}`, part.slice(1), `${part}AAAA`]) {
        if (other === part) continue;
        const jwe = parts.with(at, other).join(".");
        expect(() => openJwe(jwe, privateKey)).toThrow(JweError);
      }
    }
    expect(() => openJwe(parts.slice(0, 4).join("."), privateKey)).toThrow(JweError);
    expect(() => openJwe(`${parts.join(".")}.`, privateKey)).toThrow(JweError);
  });

  it.each([
    ["another encryption", { enc: "A128GCM" }],
    ["a compression", { zip: "DEF" }],
    ["a party", { kid: "somebody" }],
  ])("is not opened when its header asks for %s", async (_what, more) => {
    const { privateKey, publicKey } = makeEncryptionKey();
    const header = Buffer.from(JSON.stringify({ alg: "ECDH-ES", enc: "A256GCM", ...epk(), ...more })).toString(
      "base64url",
    );
    const [, ...rest] = (await sealed(publicKey)).split(".");
    expect(() => openJwe([header, ...rest].join("."), privateKey)).toThrow("its header is not ECDH-ES with A256GCM");
  });

  it("says nothing of what is in it when it cannot be opened", async () => {
    const { publicKey } = makeEncryptionKey();
    const jwe = await sealed(publicKey);
    const failed = (): string => {
      try {
        return openJwe(jwe, makeEncryptionKey().privateKey).toString();
      } catch (error) {
        return String(error);
      }
    };
    expect(failed()).toBe("JweError: it is not for this session, or it was changed on its way");
  });
});

function epk(): object {
  const { x } = generateKeyPairSync("x25519").publicKey.export({ format: "jwk" });
  return { epk: { kty: "OKP", crv: "X25519", x } };
}
