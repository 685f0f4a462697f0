// The journal of one session: lines handed to the operating system in order. It opens no file: sinks are handed in, and so
// is the clock. The tree over these lines is `session-tree.ts`'s, which follows them where they were written.

import type { EventBodies, EventType } from "../model/event.ts";
import type { SessionId } from "../model/session.ts";
import { leafHash } from "../tlog/tree.ts";
import { disclosureLine, type Redaction } from "./disclosure.ts";
import { CanonicalError, parseCanonical } from "./jcs.ts";
import { LINE_BYTES_MAX, LineEncoder } from "./line.ts";
import { type Journal, JournalError } from "./ports.ts";

/** Where lines go. */
export interface LineSink {
  /** Takes one line, without its newline. Throws when it cannot be kept. */
  add(line: string): void;
  /** Returns only after write(2) took every line that was added, each with its newline; throws if it did not. */
  flush(): void;
  /** Bytes that write(2) took, of lines and newlines. */
  readonly bytes: number;
}

/** What a session's log is made of. */
export interface SessionLogParts {
  readonly sid: SessionId;
  /** `events.jsonl` and `disclosures.jsonl`. */
  readonly events: LineSink;
  readonly disclosures: LineSink;
  /** Now, as RFC 3339 in UTC with milliseconds. */
  readonly now: () => string;
}

/** How far a journal is written: lines, and the bytes that they are with their newlines. */
export interface Written {
  readonly size: number;
  readonly bytes: number;
}

/** Lines that wait for a flush. A caller that never flushes must not fill memory; at this many we flush ourselves. */
const WAITING_LINES_MAX = 4096;

const ULID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

/** The origin of a session's own checkpoints. */
export function sessionOrigin(logOrigin: string, sid: SessionId): string {
  return `${logOrigin}/s/${sid}`;
}

/** Keeps one session. Laws: lines leave in the order of `append`, each once; after a sink failed nothing is ever taken again. */
export class SessionLog implements Journal {
  readonly #parts: SessionLogParts;
  readonly #encoder: LineEncoder;
  #size = 0;
  #written: Written = { size: 0, bytes: 0 };
  #disclosed = false;
  /** The newest line. */
  #last = "";
  #failure: JournalError | undefined;
  readonly #proved = new Set<EventType>();

  constructor(parts: SessionLogParts) {
    if (!ULID.test(parts.sid)) throw new RangeError("a session's id is a ULID");
    this.#parts = parts;
    this.#encoder = new LineEncoder(parts.sid);
  }

  /** How many facts were appended, flushed or not. */
  get size(): number {
    return this.#size;
  }

  /** What left the process. */
  get written(): Written {
    return this.#written;
  }

  /**
   * Adds a fact and returns its `seq`. Throws JournalError when nothing can be recorded any more, and also, without
   * ending the log, for a fact that one line cannot hold: that one must not be acted on.
   */
  append<T extends EventType>(type: T, conn: number, body: EventBodies[T]): number {
    if (this.#failure !== undefined) throw this.#failure;
    const seq = this.#size;
    const line = this.#encode(type, conn, body);
    // A UTF-16 unit is at most three bytes of UTF-8, so most lines need not be measured.
    if (line.length * 3 > LINE_BYTES_MAX && Buffer.byteLength(line) > LINE_BYTES_MAX) {
      throw new JournalError(`a ${type} event is longer than ${LINE_BYTES_MAX} bytes; write long lists by one digest`);
    }
    this.#add(this.#parts.events, line);
    this.#last = line;
    this.#size = seq + 1;
    if (this.#size - this.#written.size >= WAITING_LINES_MAX) this.flush();
    return seq;
  }

  /** Keeps the value behind a digest that stands at `ptr` (`/<seq>/body/text/0`). Written by the next `flush`. */
  disclose(redaction: Redaction, ptr: string): void {
    if (this.#failure !== undefined) throw this.#failure;
    this.#add(this.#parts.disclosures, disclosureLine(redaction, ptr));
    this.#disclosed = true;
  }

  /** Hands everything appended to the operating system. Throws JournalError, then and for ever after a failure. */
  flush(): void {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      // Events first: should we die between the two writes, a value is missing, and none lies about without its event.
      if (this.#size > this.#written.size) this.#parts.events.flush();
      if (this.#disclosed) this.#parts.disclosures.flush();
    } catch (cause) {
      throw this.#fail(cause);
    }
    // Both at once: a sink that is full writes early, and a head over more bytes than lines would be one over neither.
    this.#written = { size: this.#size, bytes: this.#parts.events.bytes };
    this.#disclosed = false;
  }

  /** The leaf hash of the newest fact as base64url, for approvals. */
  leafOfLast(): string {
    return leafHash(this.#last).toString("base64url");
  }

  #encode<T extends EventType>(type: T, conn: number, body: EventBodies[T]): string {
    try {
      const line = this.#encoder.encode(type, { at: this.#parts.now(), conn, seq: this.#size }, body);
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

  #add(sink: LineSink, line: string): void {
    try {
      sink.add(line);
    } catch (cause) {
      throw this.#fail(cause);
    }
  }

  /** How much of it was written is not known, so nothing can follow it. */
  #fail(cause: unknown): JournalError {
    this.#failure = new JournalError("the journal could not be written; check the disk", { cause });
    return this.#failure;
  }
}
