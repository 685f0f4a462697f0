// The journal of one session: lines handed to the operating system in order, and the Merkle tree over them whose heads
// the countersigner signs. It opens no file: sinks are handed in, and so is the clock.

import type { EventBodies, EventType } from "../model/event.ts";
import type { SessionId } from "../model/session.ts";
import {
  checkpointText,
  NoteError,
  type NoteSigner,
  parseSignatures,
  type Verifier,
  verifySignatures,
} from "../tlog/note.ts";
import { Frontier, leafHash, type Peaks } from "../tlog/tree.ts";
import { addCheckpointBody } from "../tlog/witness.ts";
import { disclosureLine, type Redaction } from "./disclosure.ts";
import { CanonicalError, parseCanonical } from "./jcs.ts";
import { encodeEvent, LINE_BYTES_MAX } from "./line.ts";
import { type Journal, JournalError } from "./ports.ts";

/** Where lines go. Returns only after write(2) took all of them; throws if it did not. */
export interface LineSink {
  /** One or more whole lines, each with its newline. */
  write(lines: string): void;
}

/** What a session's log is made of. */
export interface SessionLogParts {
  readonly sid: SessionId;
  /** The log that the session will be entered in; the session's own checkpoints have the origin `<logOrigin>/s/<sid>`. */
  readonly logOrigin: string;
  /** `events.jsonl`, `disclosures.jsonl` and `checkpoints.txt`. */
  readonly events: LineSink;
  readonly disclosures: LineSink;
  readonly checkpoints: LineSink;
  /** Now, as RFC 3339 in UTC with milliseconds. */
  readonly now: () => string;
  /** The countersigner's key, pinned; undefined where there is no countersigner. */
  readonly countersigner: Verifier | undefined;
}

/** A head that was signed, to be countersigned. */
export interface SignedHead {
  /** The checkpoint with the session's own signature. */
  readonly note: string;
  /** The body of the add-checkpoint request that asks for its cosignature. */
  readonly body: string;
  readonly size: number;
}

/** Lines that wait for a flush. A caller that never flushes must not fill memory; at this many we flush ourselves. */
const WAITING_LINES_MAX = 4096;

/** Heads signed and not yet cosigned. More than one only where answers were lost; the oldest is then let go. */
const PENDING_HEADS_MAX = 8;

const ULID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

interface Pending {
  readonly text: string;
  readonly note: string;
  readonly peaks: Peaks;
}

/** The origin of a session's own checkpoints. */
export function sessionOrigin(logOrigin: string, sid: SessionId): string {
  return `${logOrigin}/s/${sid}`;
}

/**
 * Keeps one session. Laws: lines leave in the order of `append`, each once; the tree holds exactly the lines that left;
 * after a sink failed nothing is ever taken again.
 */
export class SessionLog implements Journal {
  readonly origin: string;
  readonly #parts: SessionLogParts;
  readonly #frontier = new Frontier();
  #lines: string[] = [];
  #disclosed: string[] = [];
  #pending: Pending[] = [];
  #size = 0;
  #countersigned = 0;
  #countersignedAt = 0;
  #failure: JournalError | undefined;
  readonly #proved = new Set<EventType>();

  constructor(parts: SessionLogParts) {
    if (!ULID.test(parts.sid)) throw new RangeError("a session's id is a ULID");
    this.#parts = parts;
    this.origin = sessionOrigin(parts.logOrigin, parts.sid);
  }

  /** How many facts were appended, flushed or not. */
  get size(): number {
    return this.#size;
  }

  /** How many facts have left the process: what a head can cover. */
  get written(): number {
    return this.#frontier.size;
  }

  /** The size of the newest head that the countersigner signed; 0 before the first. */
  get countersigned(): number {
    return this.#countersigned;
  }

  /** When the countersigner signed it, POSIX seconds by its own clock; 0 before the first. */
  get countersignedAtSeconds(): number {
    return this.#countersignedAt;
  }

  /**
   * Adds a fact and returns its `seq`. Throws JournalError when nothing can be recorded any more, and also, without
   * ending the log, for a fact that one line cannot hold: that one must not be acted on.
   */
  append<T extends EventType>(type: T, conn: number, body: EventBodies[T]): number {
    if (this.#failure !== undefined) throw this.#failure;
    const seq = this.#size;
    const line = this.#encode(type, { at: this.#parts.now(), conn, seq, sid: this.#parts.sid }, body);
    // A UTF-16 unit is at most three bytes of UTF-8, so most lines need not be measured.
    if (line.length * 3 > LINE_BYTES_MAX && Buffer.byteLength(line) > LINE_BYTES_MAX) {
      throw new JournalError(`a ${type} event is longer than ${LINE_BYTES_MAX} bytes; write long lists by one digest`);
    }
    this.#lines.push(line);
    this.#size = seq + 1;
    if (this.#lines.length >= WAITING_LINES_MAX) this.flush();
    return seq;
  }

  /** Keeps the value behind a digest that stands at `ptr` (`/<seq>/body/text/0`). Written by the next `flush`. */
  disclose(redaction: Redaction, ptr: string): void {
    if (this.#failure !== undefined) throw this.#failure;
    this.#disclosed.push(disclosureLine(redaction, ptr));
  }

  /** Hands everything appended to the operating system. Throws JournalError, then and for ever after a failure. */
  flush(): void {
    if (this.#failure !== undefined) throw this.#failure;
    const lines = this.#lines;
    if (lines.length > 0) {
      // Events first: should we die between the two writes, a value is missing, and none lies about without its event.
      this.#write(this.#parts.events, `${lines.join("\n")}\n`);
      for (const line of lines) this.#frontier.appendEntry(line);
      // Where nobody countersigns, nothing will ever be proved from an earlier head.
      if (this.#parts.countersigner === undefined) this.#frontier.rebase(this.#frontier.peaks());
      this.#lines = [];
    }
    if (this.#disclosed.length > 0) {
      this.#write(this.#parts.disclosures, `${this.#disclosed.join("\n")}\n`);
      this.#disclosed = [];
    }
  }

  /** The head over everything flushed. */
  head(): { readonly size: number; readonly root: Buffer } {
    return { size: this.#frontier.size, root: this.#frontier.root() };
  }

  /** The leaf hash of a fact as base64url, for approvals. Ask right after its `append`: cosigned facts are let go. */
  leafOf(seq: number): string {
    const waiting = this.#lines[seq - this.#frontier.size];
    const leaf = waiting === undefined ? this.#frontier.leaf(seq) : leafHash(waiting);
    if (leaf === undefined) throw new RangeError(`the leaf of fact ${seq} is not in memory any more`);
    return Buffer.from(leaf).toString("base64url");
  }

  /** Signs the head over everything flushed and asks to have it countersigned. The signer's name is the origin. */
  checkpoint(signer: NoteSigner): SignedHead {
    if (this.#failure !== undefined) throw this.#failure;
    const { size, root } = this.head();
    const text = checkpointText({ origin: this.origin, size, root });
    const note = `${text}\n${signer.sign(text)}`;
    const last = this.#pending.at(-1);
    if (last?.peaks.size !== size) this.#pending.push({ text, note, peaks: this.#frontier.peaks() });
    if (this.#pending.length > PENDING_HEADS_MAX) this.#pending.shift();
    return { note, body: addCheckpointBody(this.#frontier.baseSize, this.#frontier.consistencyProof(), note), size };
  }

  /**
   * Takes the countersigner's answer to the head of this size: verifies its cosignature with the pinned key, keeps the
   * checkpoint, moves on. Throws JournalError, ending the log, when the answer is not what an honest countersigner says.
   */
  cosigned(lines: string, size: number): void {
    if (this.#failure !== undefined) throw this.#failure;
    const head = this.#pending.find((each) => each.peaks.size === size);
    const { countersigner } = this.#parts;
    if (head === undefined || countersigner === undefined) throw new RangeError(`no head of size ${size} is waiting`);
    const at = cosignatureTime(head.text, lines, countersigner);
    if (at === undefined) {
      this.#failure = new JournalError("the countersigner's answer does not verify with its key");
      throw this.#failure;
    }
    if (size > this.#countersigned) {
      const separator = this.#countersigned === 0 ? "" : "\n---\n";
      this.#write(this.#parts.checkpoints, `${separator}${head.note}${ownLines(lines, countersigner)}`);
    }
    this.#countersigned = size;
    this.#countersignedAt = at;
    this.#moveTo(head);
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

  #encode<T extends EventType>(type: T, heading: Parameters<typeof encodeEvent>[1], body: EventBodies[T]): string {
    try {
      const line = encodeEvent(type, heading, body);
      // Makers promise sorted keys; the first line of each type holds them to it, before anything relies on the session.
      if (!this.#proved.has(type)) {
        parseCanonical(line);
        this.#proved.add(type);
      }
      return line;
    } catch (cause) {
      if (cause instanceof CanonicalError) throw new JournalError(`a ${type} event: ${cause.message}`, { cause });
      throw cause;
    }
  }

  #write(sink: LineSink, lines: string): void {
    try {
      sink.write(lines);
    } catch (cause) {
      // How much of it was written is not known, so nothing can follow it.
      this.#failure = new JournalError("the journal could not be written; check the disk", { cause });
      throw this.#failure;
    }
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
