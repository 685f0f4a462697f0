// DSSE envelopes: bytes of a named type, signed by one or more Ed25519 keys. Protocol v1.0.2 of secure-systems-lab/dsse.
//
//   PAE(type, body) = "DSSEv1" SP LEN(type) SP type SP LEN(body) SP body       LEN: decimal number of bytes
//   {"payload":"<base64>","payloadType":"<type>","signatures":[{"keyid":"<hint>","sig":"<base64>"}, ...]}

import { hash, type KeyObject, sign, verify } from "node:crypto";
import { CanonicalError, canonical, parseCanonical } from "../journal/jcs.ts";
import { fromBase64 } from "../tlog/base64.ts";
import { publicKeyFrom, rawPublicKey } from "../tlog/note.ts";
import { fieldsOf, isText, listOf } from "./shape.ts";

/** The type of everything we sign this way: an in-toto Statement. */
export const IN_TOTO = "application/vnd.in-toto+json";

/** An approval is 2 kB and a session's statement 4; an envelope far beyond that is not ours. */
const ENVELOPE_BYTES_MAX = 1024 * 1024;

/** Two sign a session. More are allowed, and a list without end is not. */
const SIGNATURES_MAX = 16;

/** Signs as one party. */
export interface DsseSigner {
  /** Hex SHA-256 of the raw public key: a hint for people and for looking keys up. */
  readonly keyid: string;
  /** Ed25519 over these bytes. */
  sign(bytes: Uint8Array): Uint8Array;
}

export interface DsseSignature {
  readonly keyid: string;
  readonly sig: string;
}

/** The hint by which our envelopes name a key. */
export function keyidOf(publicKey: Uint8Array): string {
  return hash("sha256", publicKey, "hex");
}

/** A signer over an Ed25519 private key. */
export function dsseSigner(privateKey: KeyObject): DsseSigner {
  return { keyid: keyidOf(rawPublicKey(privateKey)), sign: (bytes) => sign(null, bytes, privateKey) };
}

/** Pre-authentication encoding: what is signed. */
export function preAuthenticated(payloadType: string, payload: Uint8Array): Buffer {
  const head = `DSSEv1 ${Buffer.byteLength(payloadType)} ${payloadType} ${payload.length} `;
  return Buffer.concat([Buffer.from(head), payload]);
}

/** One party's signature over a payload of type `IN_TOTO`. */
export function signDsse(payload: string, signer: DsseSigner): DsseSignature {
  const signature = signer.sign(preAuthenticated(IN_TOTO, Buffer.from(payload)));
  return { keyid: signer.keyid, sig: Buffer.from(signature).toString("base64") };
}

/** The file: canonical JSON and a newline. Signatures stand in the order given. */
export function encodeDsse(payload: string, signatures: readonly DsseSignature[]): string {
  return `${canonical({ payload: Buffer.from(payload).toString("base64"), payloadType: IN_TOTO, signatures })}\n`;
}

export type DsseResult =
  | { readonly kind: "good"; readonly payload: string; readonly statement: unknown }
  | { readonly kind: "bad"; readonly why: string };

/**
 * Verifies that every one of these keys (raw Ed25519, distinct) signed the envelope, and hands back the very bytes that
 * were verified. Strict: canonical JSON, one spelling of base 64, our payload type, canonical statement. Signatures of
 * other keys are ignored; one that names a known key and does not verify is fatal.
 */
export function verifyDsse(envelope: string, publicKeys: readonly Uint8Array[]): DsseResult {
  const parsed = parseEnvelope(envelope);
  if (typeof parsed === "string") return { kind: "bad", why: parsed };
  const known = new Map(publicKeys.map((key) => [keyidOf(key), publicKeyFrom(key)]));
  const signed = new Set<string>();
  const message = preAuthenticated(IN_TOTO, parsed.payload);
  for (const { keyid, sig } of parsed.signatures) {
    const key = known.get(keyid);
    if (key === undefined) continue;
    if (!verify(null, message, key, sig)) return { kind: "bad", why: `the signature of key ${keyid} does not verify` };
    signed.add(keyid);
  }
  for (const keyid of known.keys()) {
    if (!signed.has(keyid)) return { kind: "bad", why: `not signed by key ${keyid}` };
  }
  return openPayload(parsed);
}

/** What an envelope says, whoever signed it: to show it, never to believe it. */
export function openDsse(envelope: string): DsseResult {
  const parsed = parseEnvelope(envelope);
  return typeof parsed === "string" ? { kind: "bad", why: parsed } : openPayload(parsed);
}

function openPayload(envelope: Envelope): DsseResult {
  const payload = decodeUtf8(envelope.payload);
  if (payload === undefined) return { kind: "bad", why: "the statement is not UTF-8" };
  try {
    return { kind: "good", payload, statement: parseCanonical(payload) };
  } catch (error) {
    if (error instanceof CanonicalError) return { kind: "bad", why: `the statement is ${error.message}` };
    throw error;
  }
}

/** Bytes as UTF-8 text, a byte order mark kept; undefined for anything else. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

interface Envelope {
  readonly payload: Buffer;
  readonly signatures: readonly { readonly keyid: string; readonly sig: Buffer }[];
}

function parseEnvelope(envelope: string): Envelope | string {
  if (envelope.length > ENVELOPE_BYTES_MAX) return `an envelope is at most ${ENVELOPE_BYTES_MAX} characters`;
  let value: unknown;
  try {
    value = parseCanonical(envelope.endsWith("\n") ? envelope.slice(0, -1) : `${envelope} without its newline`);
  } catch (error) {
    if (error instanceof CanonicalError) return `the envelope is ${error.message}`;
    throw error;
  }
  const fields = fieldsOf(value, { payload: isText, payloadType: isText, signatures: listOf(isSignature) });
  if (fields === undefined) return "the envelope has not the fields of DSSE, or others besides";
  if (fields.payloadType !== IN_TOTO) return `the payload type is not ${IN_TOTO}`;
  if (fields.signatures.length > SIGNATURES_MAX) return `more than ${SIGNATURES_MAX} signatures`;
  const payload = fromBase64(fields.payload);
  if (payload === undefined) return "the payload is not base 64 in its one spelling";
  const signatures = fields.signatures.flatMap(({ keyid, sig }) => {
    const bytes = fromBase64(sig);
    return bytes === undefined ? [] : [{ keyid, sig: bytes }];
  });
  if (signatures.length !== fields.signatures.length) return "a signature is not base 64 in its one spelling";
  return { payload, signatures };
}

function isSignature(value: unknown): value is DsseSignature {
  return fieldsOf(value, { keyid: isText, sig: isText }) !== undefined;
}
