// A witness: it remembers the last head of each log, and cosigns a new one only if it extends the last.
// https://c2sp.org/tlog-witness. No socket and no clock; whoever carries the request hands in body and time.

import { fromBase64 } from "./base64.ts";
import {
  type Checkpoint,
  type Cosigner,
  type Note,
  NoteError,
  parseCheckpoint,
  parseCount,
  parseNote,
  type Verifier,
  verifySignatures,
} from "./note.ts";
import { HASH_BYTES, rootHash, verifyConsistency } from "./tree.ts";

/** What the witness must not forget. Both methods are synchronous: check and set have to be one step. */
export interface WitnessState {
  load(origin: string): { readonly size: number; readonly root: Uint8Array } | undefined;
  /** Returns only after the head would survive a crash. Throws if it cannot; then nothing is cosigned. */
  save(origin: string, size: number, root: Uint8Array): void;
}

export interface WitnessAnswer {
  readonly status: 200 | 400 | 403 | 404 | 409 | 422;
  readonly contentType: "text/plain; charset=utf-8" | "text/x.tlog.size";
  readonly body: string;
}

/** The specification's limit on proof lines: no tree is deeper. */
const PROOF_LINES_MAX = 63;

/**
 * Answers add-checkpoint requests. Law: for one origin it never cosigns two heads that are not consistent, because a
 * head is saved before it is cosigned and every cosigned head was proved to extend the saved one.
 */
export class Witness {
  readonly #state: WitnessState;
  readonly #cosigner: Cosigner;
  readonly #keysOf: (origin: string) => readonly Verifier[];
  #lastSeconds = 0;

  /** `keysOf` gives the keys trusted for an origin; none means that the origin is unknown. */
  constructor(state: WitnessState, cosigner: Cosigner, keysOf: (origin: string) => readonly Verifier[]) {
    this.#state = state;
    this.#cosigner = cosigner;
    this.#keysOf = keysOf;
  }

  /** Answers the body of one add-checkpoint request. `nowSeconds`: POSIX seconds; what is signed never goes back. */
  addCheckpoint(body: string, nowSeconds: number): WitnessAnswer {
    const request = readAddCheckpoint(body);
    if ("status" in request) return request;
    const { origin } = request.head;
    const judged = judgeHead(request, { keys: this.#keysOf(origin), last: () => this.#state.load(origin) });
    if ("status" in judged) return judged;
    this.#state.save(origin, request.head.size, request.head.root);
    this.#lastSeconds = Math.max(this.#lastSeconds, nowSeconds);
    return cosigned(this.#cosigner.cosign(judged.text, this.#lastSeconds));
  }
}

/** An add-checkpoint request whose form is right; nothing of it is believed yet. */
export interface AddCheckpoint {
  readonly old: number;
  readonly proof: readonly Uint8Array[];
  readonly head: Checkpoint;
  readonly noteText: string;
}

/** Reads the body of an add-checkpoint request, or refuses it. */
export function readAddCheckpoint(body: string): AddCheckpoint | WitnessAnswer {
  const request = parseRequest(body);
  return typeof request === "string" ? refusal(400, request) : request;
}

/** What is known of a log when a head is judged. */
export interface KnownLog {
  /** The keys trusted for it; none means that it is unknown. */
  readonly keys: readonly Verifier[];
  /** The head that was cosigned last; asked only once a known key has signed. */
  readonly last: () => { readonly size: number; readonly root: Uint8Array } | undefined;
}

/**
 * The note to cosign, once the head in it is saved: signed by a key of the log, and proved to extend `last`. Whoever saves
 * it must hold that `last` is still the last. Else the refusal.
 */
export function judgeHead(
  { old, proof, head, noteText }: AddCheckpoint,
  { keys, last: load }: KnownLog,
): Note | WitnessAnswer {
  if (keys.length === 0) return refusal(404, "unknown log");
  const note = signedBy(noteText, keys);
  if (!("text" in note)) return note;

  if (old > head.size) return refusal(400, "the old size is larger than the checkpoint");
  const last = load() ?? { size: 0, root: undefined };
  if (old !== last.size) return conflict(last.size);
  if (head.size === 0 && Buffer.compare(head.root, rootHash([])) !== 0) {
    return refusal(422, "a checkpoint of size 0 has the root of the empty tree");
  }
  if (last.root === undefined || last.size === 0) {
    // From the empty tree there is nothing to prove, and the proof must say nothing.
    if (proof.length > 0) return refusal(422, "a consistency proof from size 0 is empty");
  } else {
    // 422, as the specification says since July 2026; 409 only ever tells the size to start from.
    if (old === head.size && Buffer.compare(last.root, head.root) !== 0) {
      return refusal(422, "inconsistent: another root was cosigned at this size");
    }
    const consistent = verifyConsistency({ from: old, to: head.size, proof, fromRoot: last.root, toRoot: head.root });
    if (!consistent) return refusal(422, "the consistency proof does not verify");
  }
  return note;
}

/** The answer that carries cosignature lines. */
export function cosigned(lines: string): WitnessAnswer {
  return { status: 200, contentType: "text/plain; charset=utf-8", body: lines };
}

/** The answer to a head that does not start from the last one; its body is the size to start from. */
export function conflict(size: number): WitnessAnswer {
  return { status: 409, contentType: "text/x.tlog.size", body: `${size}\n` };
}

/** The answer to what is not cosigned, and why. */
export function refusal(status: 400 | 403 | 404 | 422, message: string): WitnessAnswer {
  return { status, contentType: "text/plain; charset=utf-8", body: `${message}\n` };
}

/** The body of an add-checkpoint request. */
export function addCheckpointBody(old: number, proof: readonly Uint8Array[], note: string): string {
  const lines = proof.map((each) => `${Buffer.from(each).toString("base64")}\n`);
  return `old ${old}\n${lines.join("")}\n${note}`;
}

function parseRequest(body: string): AddCheckpoint | string {
  const blank = body.indexOf("\n\n");
  if (blank === -1) return "a request is an old size line, proof lines, an empty line and a checkpoint";
  const [first = "", ...lines] = body.slice(0, blank).split("\n");
  const old = first.startsWith("old ") ? parseCount(first.slice(4)) : undefined;
  if (old === undefined) return "the first line is `old` and a size";
  if (lines.length > PROOF_LINES_MAX) return `more than ${PROOF_LINES_MAX} proof lines`;
  const proof = lines.flatMap((line) => fromBase64(line) ?? []);
  if (proof.length !== lines.length || proof.some((each) => each.length !== HASH_BYTES)) {
    return "a proof line is 32 bytes in base 64";
  }
  const noteText = body.slice(blank + 2);
  const end = noteText.lastIndexOf("\n\n");
  try {
    return { old, proof, head: parseCheckpoint(noteText.slice(0, end + 1)), noteText };
  } catch (error) {
    if (error instanceof NoteError) return error.message;
    throw error;
  }
}

/** The note, if at least one of the keys signed it and none of them signed it badly; else the refusal. */
function signedBy(noteText: string, keys: readonly Verifier[]): Note | WitnessAnswer {
  const invalid = refusal(403, "invalid signature: no known key of this log signed the checkpoint");
  try {
    const note = parseNote(noteText);
    return verifySignatures(note, keys).length > 0 ? note : invalid;
  } catch (error) {
    if (!(error instanceof NoteError)) throw error;
    // A signature that cannot be read is a signature that does not verify.
    return error.part === "signature" ? invalid : refusal(400, error.message);
  }
}
