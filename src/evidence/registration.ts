// What the App says of a session when it registers it, as an in-toto Statement in DSSE: whose key, which job attempt, under
// which policy. The gateway holds its session to it. docs/app-api.md, Sessions.

import { canonical } from "../journal/jcs.ts";
import type { Registration, RegistrationRequest } from "../model/registration.ts";
import { fromBase64url } from "../tlog/base64.ts";
import { NoteError, parseVkey } from "../tlog/note.ts";
import { type DsseSigner, encodeDsse, signDsse, verifyDsse } from "./dsse.ts";
import { isTime } from "./event-shapes.ts";
import { fieldsOf, isCount, isText, listOf, oneOf, shaped } from "./shape.ts";

const STATEMENT = "https://in-toto.io/Statement/v1";
export const REGISTRATION_PREDICATE = "https://countersign.dev/attestation/registration/v0.1";

const isTier = oneOf("cooperative", "contained", "remote");
const isIdentity = shaped({
  actor: isText,
  attempt: isText,
  commit: isText,
  environment: isText,
  event: isText,
  job: isText,
  ref: isText,
  repository: isText,
  run: isText,
  triggeringActor: isText,
  workflowRef: isText,
});

const isRegistration = shaped({
  checkRunId: isCount,
  encryption: isText,
  identity: isIdentity,
  policy: shaped({ commit: isText, digest: isText, path: isText }),
  registeredAt: isTime,
  repositoryId: isCount,
  runAttempt: isCount,
  runId: isCount,
  sid: isText,
  targets: listOf(isText),
  tier: isTier,
  vkey: isText,
});

/** A session has at most this many targets. */
const TARGETS_MAX = 64;
/** GitHub's tokens have about 2,000 characters. */
const TOKEN_CHARACTERS_MAX = 16_384;

/** What is wrong with a registration that a gateway sent, as a sentence; undefined when nothing is. */
export function faultOfRegistrationRequest(value: unknown): string | undefined {
  const fields = fieldsOf(value, REQUEST);
  if (fields === undefined) {
    return "a registration has sid, vkey, encryption, token, targets, tier and version, and nothing else";
  }
  if (!/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(fields.sid)) return "sid must be a ULID";
  if (fields.targets.length === 0 || fields.targets.length > TARGETS_MAX) return `targets must be 1 to ${TARGETS_MAX}`;
  if (!fields.targets.every((each) => /^[a-z][a-z0-9-]{0,62}$/.test(each))) return "a target's name is not one";
  if (new Set(fields.targets).size !== fields.targets.length) return "a target is named twice";
  if (fields.token.length > TOKEN_CHARACTERS_MAX || fields.version.length > 64) return "token or version is too long";
  if (fromBase64url(fields.encryption)?.length !== 32) return "encryption must be 32 bytes in base64url";
  try {
    return parseVkey(fields.vkey).kind === "log" ? undefined : "vkey must be of type 0x01";
  } catch (error) {
    if (!(error instanceof NoteError)) throw error;
    return "vkey must be a C2SP verifier key of type 0x01";
  }
}

/** True when `value` is a registration in which nothing is wrong. */
export function isRegistrationRequest(value: unknown): value is RegistrationRequest {
  return faultOfRegistrationRequest(value) === undefined;
}

const REQUEST = {
  encryption: isText,
  sid: isText,
  targets: listOf(isText),
  tier: isTier,
  token: isText,
  version: isText,
  vkey: isText,
} as const;

/** Signs a registration: a DSSE envelope as text. */
export function signRegistration(registration: Registration, signer: DsseSigner): string {
  const payload = registrationStatement(registration);
  return encodeDsse(payload, [signDsse(payload, signer)]);
}

/** The registration in an envelope that the App's key signed, or why it is not believed. */
export function openRegistration(
  envelope: string,
  publicKey: Uint8Array,
): { readonly kind: "good"; readonly registration: Registration } | { readonly kind: "bad"; readonly why: string } {
  const signed = verifyDsse(envelope, [publicKey]);
  if (signed.kind === "bad") return signed;
  const statement = fieldsOf(signed.statement, {
    _type: isText,
    predicate: isRegistration,
    predicateType: oneOf(REGISTRATION_PREDICATE),
    subject: Array.isArray,
  });
  if (statement === undefined) return { kind: "bad", why: "the statement is not a registration of this version" };
  // Making it again holds the subject to the key, and the type to in-toto's.
  return registrationStatement(statement.predicate) === signed.payload
    ? { kind: "good", registration: statement.predicate }
    : { kind: "bad", why: "the statement's subject is not the key that it names" };
}

function registrationStatement(registration: Registration): string {
  const { vkey } = registration;
  const publicKey = Buffer.from(parseVkey(vkey).publicKey).toString("hex");
  return canonical({
    _type: STATEMENT,
    predicate: registration,
    predicateType: REGISTRATION_PREDICATE,
    subject: [{ digest: { ed25519: publicKey }, name: registration.sid }],
  });
}
