// The Merkle tree over a session's lines as they stand in `events.jsonl`, and its heads, which the countersigner signs. It
// opens no file and no socket: lines and answers are handed in.

import {
  checkpointText,
  NoteError,
  type NoteSigner,
  parseSignatures,
  type Verifier,
  verifySignatures,
} from "../tlog/note.ts";
import { Frontier, type Peaks } from "../tlog/tree.ts";
import { addCheckpointBody } from "../tlog/witness.ts";
import { JournalError } from "./ports.ts";

/** A head that was signed, to be countersigned. */
export interface SignedHead {
  /** The checkpoint with the session's own signature. */
  readonly note: string;
  /** The body of the add-checkpoint request that asks for its cosignature. */
  readonly body: string;
  readonly size: number;
}

/** A head that was countersigned. */
export interface CountersignedHead {
  /** What is added to `checkpoints.txt`; empty where a larger head stands there already. */
  readonly lines: string;
  /** When, POSIX seconds by the countersigner's own clock. */
  readonly atSeconds: number;
}

/** Heads signed and not yet cosigned. More than one only where answers were lost; the oldest is then let go. */
const PENDING_HEADS_MAX = 8;

const NEWLINE = 10;

interface Pending {
  readonly text: string;
  readonly note: string;
  readonly peaks: Peaks;
}

/** Follows one session. Law: a head is over exactly the lines taken so far, and each head proves that it extends the last. */
export class SessionTree {
  readonly #origin: string;
  readonly #countersigner: Verifier;
  readonly #frontier = new Frontier();
  #pending: Pending[] = [];
  #countersigned = 0;

  /** `countersigner` is its key, pinned. */
  constructor({ origin, countersigner }: { readonly origin: string; readonly countersigner: Verifier }) {
    this.#origin = origin;
    this.#countersigner = countersigner;
  }

  /** How many lines were taken. */
  get size(): number {
    return this.#frontier.size;
  }

  /** Takes whole lines, each with its newline. Throws JournalError where the last one has none. */
  take(lines: Uint8Array): void {
    let from = 0;
    for (let end = lines.indexOf(NEWLINE); end !== -1; end = lines.indexOf(NEWLINE, from)) {
      this.#frontier.appendEntry(lines.subarray(from, end));
      from = end + 1;
    }
    if (from !== lines.length) throw new JournalError("the journal's last line has no end");
  }

  /** The head over everything taken. */
  head(): { readonly size: number; readonly root: Buffer } {
    return { size: this.#frontier.size, root: this.#frontier.root() };
  }

  /** Signs the head over everything taken and asks to have it countersigned. The signer's name is the origin. */
  checkpoint(signer: NoteSigner): SignedHead {
    const { size, root } = this.head();
    const text = checkpointText({ origin: this.#origin, size, root });
    const note = `${text}\n${signer.sign(text)}`;
    if (this.#pending.at(-1)?.peaks.size !== size) this.#pending.push({ text, note, peaks: this.#frontier.peaks() });
    if (this.#pending.length > PENDING_HEADS_MAX) this.#pending.shift();
    return { note, body: addCheckpointBody(this.#frontier.baseSize, this.#frontier.consistencyProof(), note), size };
  }

  /**
   * Takes the countersigner's answer to the head of this size: verifies its cosignature with the pinned key and moves on.
   * Throws JournalError when the answer is not what an honest countersigner says; the session cannot go on then.
   */
  cosigned(answer: string, size: number): CountersignedHead {
    const head = this.#pending.find((each) => each.peaks.size === size);
    if (head === undefined) throw new RangeError(`no head of size ${size} is waiting`);
    const atSeconds = cosignatureTime(head.text, answer, this.#countersigner);
    if (atSeconds === undefined) {
      throw new JournalError("the countersigner's answer does not verify with its key");
    }
    const separator = this.#countersigned === 0 ? "" : "\n---\n";
    const lines = size > this.#countersigned ? `${separator}${head.note}${ownLines(answer, this.#countersigner)}` : "";
    this.#countersigned = size;
    this.#moveTo(head);
    return { lines, atSeconds };
  }

  /**
   * The countersigner says (409) that it holds `size` already: one of our heads whose answer was lost. The next
   * checkpoint proves from there. False when we never signed that head, which only a fault or a second gateway explains.
   */
  resume(size: number): boolean {
    const head = this.#pending.find((each) => each.peaks.size === size);
    if (head === undefined) return false;
    this.#moveTo(head);
    return true;
  }

  #moveTo(head: Pending): void {
    this.#frontier.rebase(head.peaks);
    this.#pending = this.#pending.filter((each) => each.peaks.size > head.peaks.size);
  }
}

function cosignatureTime(text: string, lines: string, countersigner: Verifier): number | undefined {
  try {
    return verifySignatures({ text, signatures: parseSignatures(lines) }, [countersigner])[0]?.at;
  } catch (error) {
    if (error instanceof NoteError) return undefined;
    throw error;
  }
}

/** Of the lines a witness answered, the ones made with the key we know. */
function ownLines(lines: string, { name }: Verifier): string {
  return lines
    .split("\n")
    .filter((line) => line.startsWith(`— ${name} `))
    .map((line) => `${line}\n`)
    .join("");
}
