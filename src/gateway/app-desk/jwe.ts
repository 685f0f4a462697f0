/**
 * Opens what the App encrypted to this session: compact JWE (RFC 7516), ECDH-ES (RFC 7518 section 4.6) over X25519
 * (RFC 8037), A256GCM. Exactly this, and nothing that a header could ask for besides.
 */
import {
  createDecipheriv,
  createHash,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
} from "node:crypto";
import { fieldsOf, isObject, isText, oneOf } from "../../evidence/shape.ts";
import { fromBase64url } from "../../tlog/base64.ts";

/** It cannot be opened. The message says nothing of what is in it. */
export class JweError extends Error {
  override readonly name = "JweError";
}

/** A key pair to which credentials are encrypted: the private key, and the raw public one in base64url. */
export function makeEncryptionKey(): { readonly privateKey: KeyObject; readonly publicKey: string } {
  const { privateKey, publicKey } = generateKeyPairSync("x25519");
  const { x } = publicKey.export({ format: "jwk" });
  if (x === undefined) throw new JweError("an X25519 key has no coordinate");
  return { privateKey, publicKey: x };
}

const ENC = "A256GCM";
const KEY_BITS = 256;
const IV_BYTES = 12;
const TAG_BYTES = 16;

/** The plaintext. Throws JweError for anything that is not addressed to `key`, or not of this one form. */
export function openJwe(jwe: string, key: KeyObject): Buffer {
  const [header = "", encryptedKey, iv, ciphertext, tag, ...more] = jwe.split(".");
  const parts = [iv, ciphertext, tag].map((part) => fromBase64url(part ?? "!"));
  const [nonce, sealed, mark] = parts;
  if (encryptedKey !== "" || more.length > 0 || nonce === undefined || sealed === undefined || mark === undefined) {
    throw new JweError("it is no compact JWE with a key agreed upon directly");
  }
  if (nonce.length !== IV_BYTES || mark.length !== TAG_BYTES) throw new JweError("its nonce or tag has another length");
  const publicKey = senderOf(header);
  try {
    const secret = diffieHellman({ privateKey: key, publicKey });
    const cipher = createDecipheriv("aes-256-gcm", derivedKey(secret), nonce, { authTagLength: TAG_BYTES });
    cipher.setAAD(Buffer.from(header, "ascii"));
    cipher.setAuthTag(mark);
    return Buffer.concat([cipher.update(sealed), cipher.final()]);
  } catch (cause) {
    throw new JweError("it is not for this session, or it was changed on its way", { cause });
  }
}

function senderOf(header: string): KeyObject {
  const bytes = fromBase64url(header);
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes ?? []).toString("utf8"));
  } catch (cause) {
    throw new JweError("its header is no JSON", { cause });
  }
  // A field that is not known here, as crit, zip, apu or apv, would change what the rest means.
  const fields = fieldsOf(value, { alg: oneOf("ECDH-ES"), enc: oneOf(ENC), epk: isObject });
  const epk = fieldsOf(fields?.epk, { crv: oneOf("X25519"), kty: oneOf("OKP"), x: isText });
  if (epk === undefined || fromBase64url(epk.x)?.length !== 32) {
    throw new JweError("its header is not ECDH-ES with A256GCM over X25519");
  }
  return createPublicKey({ key: epk, format: "jwk" });
}

/** The Concat KDF of NIST SP 800-56A with SHA-256, one round; RFC 7518 section 4.6.2. */
function derivedKey(secret: Buffer): Buffer {
  const counter = uint32(1);
  const algorithm = Buffer.concat([uint32(ENC.length), Buffer.from(ENC)]);
  const noParty = uint32(0);
  const info = Buffer.concat([algorithm, noParty, noParty, uint32(KEY_BITS)]);
  return createHash("sha256").update(counter).update(secret).update(info).digest();
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
