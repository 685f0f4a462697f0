// A person's answer to one held command, as an in-toto Statement signed by the countersigner. It names the leaf of the
// very event that described the command, so it answers that command in that session and nothing else, ever.

import { canonical } from "../journal/jcs.ts";
import type { Redacted } from "../model/event.ts";
import { fromBase64url } from "../tlog/base64.ts";
import { type DsseSigner, encodeDsse, openDsse, signDsse, verifyDsse } from "./dsse.ts";
import { isRedacted, isTime } from "./event-shapes.ts";
import { fieldsOf, isText, listOf, oneOf, shaped } from "./shape.ts";

const STATEMENT = "https://in-toto.io/Statement/v1";
export const APPROVAL_PREDICATE = "https://countersign.dev/attestation/approval/v0.1";

/** What was asked: copied from the request that people saw. */
export interface Asked {
  readonly request: string;
  readonly sid: string;
  readonly cmd: string;
  readonly target: string;
  /** base64url of the keyed digest of the exact bytes, as in `command.seen`. */
  readonly digest: string;
  /** base64url RFC 6962 leaf hash of the `command.seen` line. */
  readonly leaf: string;
  /** Digest of the policy, as in `session.started`. */
  readonly policy: string;
  readonly rule: string;
  readonly requestedAt: string;
  readonly expiresAt: string;
}

/** What was answered, and by whom. */
export interface ApprovalFacts extends Asked {
  readonly answer: "approved" | "refused" | "expired";
  readonly by: readonly { readonly login: string; readonly via: string }[];
  /** The digest of their reason, as the event of the answer has it; none where they gave none. The reason can be erased. */
  readonly reason: readonly Redacted[];
  /** The countersigner's own clock. */
  readonly decidedAt: string;
}

/** Signs an answer: the whole text of an `approvals/<request>.dsse.json` file. */
export function signApproval(facts: ApprovalFacts, signer: DsseSigner): string {
  const payload = approvalStatement(facts);
  return encodeDsse(payload, [signDsse(payload, signer)]);
}

/** The statement's canonical bytes. */
export function approvalStatement(facts: ApprovalFacts): string {
  const {
    answer,
    by,
    cmd,
    decidedAt,
    digest,
    expiresAt,
    leaf,
    policy,
    reason,
    request,
    requestedAt,
    rule,
    sid,
    target,
  } = facts;
  return canonical({
    _type: STATEMENT,
    predicate: {
      answer,
      by: by.map(({ login, via }) => ({ login, via })),
      cmd,
      decidedAt,
      digest,
      expiresAt,
      leaf,
      policy,
      reason: reason.map((each) => ({ "...": each["..."] })),
      request,
      requestedAt,
      rule,
      sid,
      target,
    },
    predicateType: APPROVAL_PREDICATE,
    subject: [
      { digest: { "rfc6962-leaf-sha256": Buffer.from(leaf, "base64url").toString("hex") }, name: "command.seen" },
    ],
  });
}

/** What an answer's file says, whoever signed it: for pages, which say only what stands there. */
export function readApproval(envelope: string): ApprovalFacts | undefined {
  const opened = openDsse(envelope);
  return opened.kind === "bad" ? undefined : readStatement(opened.statement);
}

function readStatement(statement: unknown): ApprovalFacts | undefined {
  return fieldsOf(statement, {
    _type: isText,
    predicate: isPredicate,
    predicateType: oneOf(APPROVAL_PREDICATE),
    subject: Array.isArray,
  })?.predicate;
}

export type ApprovalResult =
  | { readonly kind: "good"; readonly facts: ApprovalFacts }
  | { readonly kind: "bad"; readonly reasons: readonly string[] };

/** The two clocks, of whoever asked and of the countersigner, may differ by this much before an order is doubted. */
const CLOCK_SKEW_MS_MAX = 120_000;

const PREDICATE = {
  answer: oneOf("approved", "refused", "expired"),
  by: listOf(shaped({ login: isText, via: isText })),
  cmd: isText,
  decidedAt: isTime,
  digest: isText,
  expiresAt: isTime,
  leaf: isText,
  policy: isText,
  reason: listOf(isRedacted),
  request: isText,
  requestedAt: isTime,
  rule: isText,
  sid: isText,
  target: isText,
} as const;

const isPredicate = shaped(PREDICATE);

/**
 * Verifies a signed answer with the countersigner's raw public key and holds it against what was asked. Gives every
 * reason to refuse it. A good result may still say `refused`: the caller reads `facts.answer`.
 */
export function verifyApproval(envelope: string, publicKey: Uint8Array, expected: Partial<Asked>): ApprovalResult {
  const signed = verifyDsse(envelope, [publicKey]);
  if (signed.kind === "bad") return { kind: "bad", reasons: [signed.why] };
  const facts = readStatement(signed.statement);
  if (facts === undefined) return { kind: "bad", reasons: ["the statement is not an approval of this version"] };
  const reasons: string[] = [];
  // Making it again holds the subject to the leaf, and the type to in-toto's.
  if (approvalStatement(facts) !== signed.payload) reasons.push("the statement's subject is not the leaf it names");
  if (fromBase64url(facts.leaf)?.length !== 32) reasons.push("the leaf is not a hash");
  for (const name of ASKED) {
    const wanted = expected[name];
    if (wanted !== undefined && facts[name] !== wanted) reasons.push(`the answer is for another ${name}`);
  }
  const decided = Date.parse(facts.decidedAt);
  if (decided < Date.parse(facts.requestedAt) - CLOCK_SKEW_MS_MAX) reasons.push("answered before it was asked");
  if (facts.answer !== "expired" && decided > Date.parse(facts.expiresAt)) reasons.push("answered after it expired");
  if (facts.answer === "approved" && facts.by.length === 0) reasons.push("approved by nobody");
  return reasons.length === 0 ? { kind: "good", facts } : { kind: "bad", reasons };
}

const ASKED = [
  "request",
  "sid",
  "cmd",
  "target",
  "digest",
  "leaf",
  "policy",
  "rule",
  "requestedAt",
  "expiresAt",
] as const satisfies readonly (keyof Asked)[];
