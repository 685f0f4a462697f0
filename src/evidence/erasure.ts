// The signed word that chosen values were taken out of a session for ever: which, why, who, when. An in-toto Statement
// about the session's root, so it speaks of that session and of no other.

import { canonical } from "../journal/jcs.ts";
import { type DsseResult, type DsseSignature, decodeUtf8, encodeDsse, openDsse, verifyDsse } from "./dsse.ts";
import { isTime } from "./event-shapes.ts";
import { fieldsOf, isText, listOf, oneOf, shaped } from "./shape.ts";
import { isRootSubject, rootSubject } from "./statement.ts";

const STATEMENT = "https://in-toto.io/Statement/v1";
export const ERASURE_PREDICATE = "https://countersign.dev/attestation/erasure/v0.1";

/** What was erased. */
export interface Erasure {
  /** The clock of whoever erased. */
  readonly at: string;
  readonly by: string;
  /** The digests in the events, ascending. */
  readonly digests: readonly string[];
  /** Where each digest stands in the events, in the order of `digests`: `/<seq>/body/text/0`. */
  readonly ptrs: readonly string[];
  readonly reason: string;
  readonly sid: string;
}

/** The statement's canonical bytes, to be signed. `root`: the session's RFC 6962 root. */
export function erasureStatement({ at, by, digests, ptrs, reason, sid }: Erasure, root: Uint8Array): string {
  return canonical({
    _type: STATEMENT,
    predicate: { at, by, digests, ptrs, reason, sid },
    predicateType: ERASURE_PREDICATE,
    subject: [rootSubject(root)],
  });
}

/** The whole text of an `erasures/<n>.dsse.json` file. */
export function encodeErasure(statement: string, signature: DsseSignature): string {
  return encodeDsse(statement, [signature]);
}

/** The name of the file of a session's n-th erasure, from 1. */
export function erasureName(n: number): string {
  return `${n}.dsse.json`;
}

const isErasure = shaped({
  at: isTime,
  by: isText,
  digests: listOf(isText),
  ptrs: listOf(isText),
  reason: isText,
  sid: isText,
});

/** What a statement about an erasure says; undefined for any other. */
export function readErasureStatement(
  statement: unknown,
): { readonly erasure: Erasure; readonly root: Uint8Array } | undefined {
  const fields = fieldsOf(statement, {
    _type: oneOf(STATEMENT),
    predicate: isErasure,
    predicateType: oneOf(ERASURE_PREDICATE),
    subject: listOf(isRootSubject),
  });
  const [subject, ...more] = fields?.subject ?? [];
  if (fields === undefined || subject === undefined || more.length > 0) return undefined;
  return { erasure: fields.predicate, root: Buffer.from(subject.digest["rfc6962-sha256"], "hex") };
}

/** What an erasure's file says, whoever signed it: for pages, which say only what stands there. */
export function readErasure(envelope: string): Erasure | undefined {
  const opened = openDsse(envelope);
  return opened.kind === "bad" ? undefined : readErasureStatement(opened.statement)?.erasure;
}

export type ErasureResult =
  | { readonly kind: "good"; readonly erasure: Erasure }
  | { readonly kind: "bad"; readonly reasons: readonly string[] };

/** Verifies that one of these keys (raw Ed25519) signed the file, and that it is about this session. */
export function verifyErasure(
  envelope: string,
  publicKeys: readonly Uint8Array[],
  session: { readonly sid: string; readonly root: Uint8Array },
): ErasureResult {
  const results = publicKeys.map((key) => verifyDsse(envelope, [key]));
  const signed = results.find((each): each is DsseResult & { kind: "good" } => each.kind === "good");
  if (signed === undefined) {
    const [first] = results.flatMap((each) => (each.kind === "bad" ? [each.why] : []));
    return { kind: "bad", reasons: [first ?? "there is no countersigner whose signature could be believed"] };
  }
  const read = readErasureStatement(signed.statement);
  if (read === undefined) return { kind: "bad", reasons: ["the statement is not an erasure of this version"] };
  const { erasure, root } = read;
  const reasons: string[] = [];
  if (erasure.sid !== session.sid) reasons.push("it is about another session");
  if (Buffer.compare(root, session.root) !== 0) reasons.push("its subject is not the session's root");
  if (erasure.by === "" || erasure.reason === "") reasons.push("it does not say who erased, or why");
  if (erasure.digests.length === 0) reasons.push("it names no digest");
  if (erasure.digests.length !== erasure.ptrs.length) reasons.push("it does not name one place for each digest");
  if (erasure.digests.some((digest, at) => at > 0 && digest <= (erasure.digests[at - 1] ?? ""))) {
    reasons.push("its digests are not in ascending order, each once");
  }
  return reasons.length === 0 ? { kind: "good", erasure } : { kind: "bad", reasons };
}

/** The erasures of a session from the files of its folder `erasures/`, in order; what cannot be read is left out. */
export function erasuresOf(files: ReadonlyMap<string, Uint8Array>): readonly Erasure[] {
  const erasures: Erasure[] = [];
  for (let n = 1; n <= files.size; n += 1) {
    const file = files.get(erasureName(n));
    const erasure = file === undefined ? undefined : readErasure(decodeUtf8(file) ?? "");
    if (erasure !== undefined) erasures.push(erasure);
  }
  return erasures;
}
