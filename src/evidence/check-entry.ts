// A session in the log: its proof, the entry that it proves, and whose word on the log's checkpoint counts.

import { isKeyName, NoteError, parseCheckpoint, parseNote, type Verifier, verifierFor } from "../tlog/note.ts";
import { parseProof } from "../tlog/proof.ts";
import { leafHash, verifyInclusion } from "../tlog/tree.ts";
import { type LogRead, openLogCheckpoint } from "./check-log.ts";
import type { Finding } from "./report.ts";
import type { Keys } from "./session-keys.ts";
import type { Trust } from "./trust.ts";
import { SESSION_FILES } from "./where.ts";

/** A proof that a log holds an entry, as it was read. */
export interface ProofRead {
  readonly index: number;
  readonly path: readonly Uint8Array[];
  readonly checkpoint: string;
  readonly origin: string;
}

/** Reads `session.tlog-proof`; what is wrong with it goes to the finding. */
export function readProof(text: string, finding: Finding): ProofRead | undefined {
  try {
    const { index, path, checkpoint, extra } = parseProof(text);
    if (extra !== undefined) finding.fail("the proof holds extra data, which nothing vouches for");
    return { index, path, checkpoint, origin: parseCheckpoint(parseNote(checkpoint).text).origin };
  } catch (error) {
    if (!(error instanceof NoteError)) throw error;
    finding.fail(`${SESSION_FILES.proof}: ${error.message}`);
    return undefined;
  }
}

/** What an entry is held against. */
interface EntryContext {
  /** Keys to believe; undefined for those that the session itself names. */
  readonly trust: Trust | undefined;
  /** The log as read; undefined when only the session is at hand. */
  readonly log: LogRead | undefined;
  readonly keys: Keys | undefined;
}

/** Holds the proof to the entry and to the log: it holds this very entry, under a signed checkpoint of it. */
export function checkEntry(
  proof: ProofRead,
  entry: string,
  { trust, log, keys }: EntryContext,
  finding: Finding,
): void {
  // A policy that names no log, or no policy at all: then the countersigner keeps the log as well.
  const keeping = trust === undefined || trust.logs.length === 0 ? ownTrust(keys, proof.origin) : trust;
  const head = openLogCheckpoint(proof.checkpoint, keeping);
  if (typeof head === "string") {
    finding.fail(`the proof's checkpoint ${head}`);
    return;
  }
  const { size, root } = head;
  if (!verifyInclusion({ index: proof.index, size, leaf: leafHash(entry), proof: proof.path, root })) {
    finding.fail("the log does not hold this session: its digests are not those of the entry");
  }
  if (log !== undefined) {
    const then = log.roots[size];
    if (head.origin !== log.origin) finding.fail(`the proof is of the log ${head.origin}`);
    else if (then === undefined) finding.fail(`the proof's checkpoint has ${size} sessions, the log only ${log.size}`);
    else if (Buffer.compare(then, root) !== 0) {
      finding.fail(`two checkpoints of size ${size} differ: the log was forked, or rewritten since`);
    }
  }
  finding.detail = `entry ${proof.index} of ${head.origin}`;
}

/** The countersigners whose word counts: those that are trusted; with no other word on keys, the session's own. */
export function believed(keys: Keys | undefined, trust: Trust | undefined): readonly Verifier[] {
  return trust?.witnesses ?? (keys?.countersigner === undefined ? [] : [keys.countersigner]);
}

/** With no other word on keys: the countersigner that the session names, who then keeps the log as well. */
function ownTrust(keys: Keys | undefined, origin: string): Trust {
  const { countersigner } = keys ?? {};
  // The proof says what its log is called; what no key may be called is the name of no log.
  if (countersigner === undefined || !isKeyName(origin)) return { logs: [], witnesses: [] };
  return { logs: [verifierFor(origin, "log", countersigner.publicKey)], witnesses: [countersigner] };
}
