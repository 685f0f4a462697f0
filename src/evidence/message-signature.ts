// Requests of a gateway to the App are signed with the session's key: HTTP Message Signatures in one fixed form.
// RFC 9421 (sections 2.5 and 3), RFC 9530 for the body's digest. What has another form is refused.

import { hash, type KeyObject, sign, verify } from "node:crypto";
import { fromBase64 } from "../tlog/base64.ts";

/** What of a request is signed. */
export interface SignedRequest {
  readonly method: string;
  /** The path and query as they are sent: `/v1/requests/7Z?wait=25`. */
  readonly target: string;
  readonly body: Uint8Array | string;
}

/** The three headers that carry the signature. */
export interface SignatureHeaders {
  readonly "content-digest": string;
  readonly "signature-input": string;
  readonly signature: string;
}

/** Why a request is not believed, in a sentence; or whose it says it is, with the rest left to `verifyRequest`. */
export type SignatureClaim =
  | { readonly kind: "claim"; readonly keyId: string; readonly createdSeconds: number }
  | { readonly kind: "bad"; readonly why: string };

/** The two clocks may differ by this much, and a request may be this long on its way. */
export const SIGNED_FOR_SECONDS = 300;

const COMPONENTS = '("@method" "@path" "@query" "content-digest")';
const INPUT =
  /^sig=\("@method" "@path" "@query" "content-digest"\);created=([1-9][0-9]{0,11});keyid="([0-9A-HJKMNP-TV-Z]{26})";alg="ed25519"$/;
const DIGEST = /^sha-256=:[A-Za-z0-9+/]{43}=:$/;
const SIGNATURE = /^sig=:([A-Za-z0-9+/]{86}==):$/;

/** Signs a request. `createdSeconds`: POSIX seconds. `keyId`: the session's id. */
export function signRequest(
  request: SignedRequest,
  { key, keyId, createdSeconds }: { readonly key: KeyObject; readonly keyId: string; readonly createdSeconds: number },
): SignatureHeaders {
  const parameters = `${COMPONENTS};created=${createdSeconds};keyid="${keyId}";alg="ed25519"`;
  const digest = contentDigest(request.body);
  const signature = sign(null, Buffer.from(signatureBase(request, digest, parameters)), key);
  return {
    "content-digest": digest,
    "signature-input": `sig=${parameters}`,
    signature: `sig=:${signature.toString("base64")}:`,
  };
}

/** Reads whose signature a request claims to carry, so that the key can be looked up. Verifies nothing. */
export function readSignature(headers: Partial<SignatureHeaders>): SignatureClaim {
  const [, created, keyId] = INPUT.exec(headers["signature-input"] ?? "") ?? [];
  if (created === undefined || keyId === undefined) {
    return bad(`Signature-Input must be sig=${COMPONENTS};created=...;keyid="<sid>";alg="ed25519"`);
  }
  return SIGNATURE.test(headers.signature ?? "")
    ? { kind: "claim", keyId, createdSeconds: Number(created) }
    : bad("Signature must be sig=: and the base64 of an Ed25519 signature");
}

/** Verifies a request with the key that `readSignature` led to. Gives why it is not believed; undefined when it is. */
export function verifyRequest(
  request: SignedRequest,
  headers: Partial<SignatureHeaders>,
  by: { readonly key: KeyObject; readonly nowSeconds: number },
): string | undefined {
  const why = verifyHead(request, headers, by);
  if (why !== undefined) return why;
  return headers["content-digest"] === contentDigest(request.body)
    ? undefined
    : "Content-Digest is not that of the body";
}

/**
 * The same before the body was read: the digest that the head names is believed to be the body's. Whoever reads the body
 * holds it to that digest.
 */
export function verifyHead(
  request: Pick<SignedRequest, "method" | "target">,
  headers: Partial<SignatureHeaders>,
  { key, nowSeconds }: { readonly key: KeyObject; readonly nowSeconds: number },
): string | undefined {
  const claim = readSignature(headers);
  if (claim.kind === "bad") return claim.why;
  if (!isSignedNow(claim.createdSeconds, nowSeconds)) {
    return `the request was signed at another time than now; this clock says ${new Date(nowSeconds * 1000).toISOString()}`;
  }
  const digest = headers["content-digest"] ?? "";
  if (!DIGEST.test(digest)) return "Content-Digest must be sha-256=: and the base64 of the body's SHA-256";
  const parameters = (headers["signature-input"] ?? "").slice("sig=".length);
  const signature = fromBase64(SIGNATURE.exec(headers.signature ?? "")?.[1] ?? "");
  const isGood =
    signature !== undefined && verify(null, Buffer.from(signatureBase(request, digest, parameters)), key, signature);
  return isGood ? undefined : "the signature is not that of the session's key over this request";
}

/** Are the two clocks near enough, in POSIX seconds. */
export function isSignedNow(createdSeconds: number, nowSeconds: number): boolean {
  return Math.abs(nowSeconds - createdSeconds) <= SIGNED_FOR_SECONDS;
}

/** RFC 9530 section 2. */
export function contentDigest(body: Uint8Array | string): string {
  return `sha-256=:${hash("sha256", body, "base64")}:`;
}

/** RFC 9421 section 2.5. An absent query is signed as `?`, section 2.2.7. */
function signatureBase(
  { method, target }: Pick<SignedRequest, "method" | "target">,
  digest: string,
  parameters: string,
): string {
  const at = target.indexOf("?");
  const path = at === -1 ? target : target.slice(0, at);
  const query = at === -1 ? "?" : target.slice(at);
  return [
    `"@method": ${method}`,
    `"@path": ${path}`,
    `"@query": ${query}`,
    `"content-digest": ${digest}`,
    `"@signature-params": ${parameters}`,
  ].join("\n");
}

function bad(why: string): SignatureClaim {
  return { kind: "bad", why };
}
