// The signed word that a session was lost: its gateway fell silent before it handed anything in, and the countersigner, who
// alone signs this, says what it knows: whose session it was, and the last head that it countersigned.

import { canonical } from "../journal/jcs.ts";
import type { Identity, SessionId } from "../model/session.ts";
import { rootHash } from "../tlog/tree.ts";
import { type DsseSigner, encodeDsse, openDsse, signDsse, verifyDsse } from "./dsse.ts";
import { isIdentity, isSession, isTime } from "./event-shapes.ts";
import { type Claim, fieldsOf, isCount, isText, listOf, oneOf, shaped } from "./shape.ts";
import { isRootSubject, rootSubject } from "./statement.ts";

const STATEMENT = "https://in-toto.io/Statement/v1";
export const LOST_PREDICATE = "https://countersign.dev/attestation/session-lost/v0.1";

/** Why the countersigner closed it: nothing came any more; two registered for one job; the job is over and nothing came. */
export type LostReason = "silent" | "contested" | "job ended";

/** What the countersigner knows of a session that was lost. Times are its own clock, RFC 3339 in UTC with milliseconds. */
export interface Lost {
  readonly sid: SessionId;
  /** The last head that it countersigned: how many events, and their RFC 6962 root; 0 and the empty tree's for none. */
  readonly size: number;
  readonly root: Uint8Array;
  /** Its verifier key, type 0x04; it signs this statement, and signed the head. */
  readonly countersigner: string;
  /** The session's key, as it was registered. */
  readonly gateway: { readonly vkey: string };
  /** Whose session it is, as it was registered; an empty field where nothing was said. */
  readonly identity: Identity;
  readonly policy: { readonly digest: string };
  /** Names of the targets that were registered. */
  readonly targets: readonly string[];
  readonly registeredAt: string;
  /** When the last head was countersigned, to the second that of its cosignature; empty for none. */
  readonly lastHeadAt: string;
  readonly closedAt: string;
  readonly reason: LostReason;
}

/** The statement's canonical bytes, to be signed. */
export function lostStatement(lost: Lost): string {
  const { sid, size, root, countersigner, gateway, identity, policy, targets } = lost;
  const { registeredAt, lastHeadAt, closedAt, reason } = lost;
  return canonical({
    _type: STATEMENT,
    predicate: {
      closedAt,
      countersigner,
      gateway: { vkey: gateway.vkey },
      identity,
      lastHeadAt,
      policy: { digest: policy.digest },
      reason,
      registeredAt,
      sid,
      size,
      targets,
    },
    predicateType: LOST_PREDICATE,
    subject: [rootSubject(root)],
  });
}

/** Signs it: the whole text of a `lost.dsse.json` file. */
export function signLost(lost: Lost, signer: DsseSigner): string {
  const payload = lostStatement(lost);
  return encodeDsse(payload, [signDsse(payload, signer)]);
}

const isLastHead: Claim<string> = (value): value is string => value === "" || isTime(value);

const isLost = shaped({
  closedAt: isTime,
  countersigner: isText,
  gateway: shaped({ vkey: isText }),
  identity: isIdentity,
  lastHeadAt: isLastHead,
  policy: shaped({ digest: isText }),
  reason: oneOf("silent", "contested", "job ended"),
  registeredAt: isTime,
  sid: isSession,
  size: isCount,
  targets: listOf(isText),
});

function readLostStatement(statement: unknown): Lost | undefined {
  const fields = fieldsOf(statement, {
    _type: oneOf(STATEMENT),
    predicate: isLost,
    predicateType: oneOf(LOST_PREDICATE),
    subject: listOf(isRootSubject),
  });
  const [subject, ...more] = fields?.subject ?? [];
  if (fields === undefined || subject === undefined || more.length > 0) return undefined;
  return { ...fields.predicate, root: Buffer.from(subject.digest["rfc6962-sha256"], "hex") };
}

/** What the file says, whoever signed it: to place it and to show it, never to believe it. */
export function readLost(envelope: string): Lost | undefined {
  const opened = openDsse(envelope);
  return opened.kind === "bad" ? undefined : readLostStatement(opened.statement);
}

/** What is wrong with the file, taken by itself. `publicKey`: the raw Ed25519 key of the countersigner that it names. */
export function faultsOfLost(envelope: string, publicKey: Uint8Array): readonly string[] {
  const signed = verifyDsse(envelope, [publicKey]);
  if (signed.kind === "bad") return [signed.why];
  const lost = readLostStatement(signed.statement);
  if (lost === undefined) return [NOT_LOST];
  const faults: string[] = [];
  if ((lost.size === 0) !== (lost.lastHeadAt === ""))
    faults.push("it has a last head without a time, or the other way");
  if (lost.size === 0 && Buffer.compare(lost.root, rootHash([])) !== 0) {
    faults.push("it names a root of no events that is not that of the empty tree");
  }
  return faults;
}

/** What a verifier says of a file that is something else. */
export const NOT_LOST = "it is not the statement of a lost session of this version";
