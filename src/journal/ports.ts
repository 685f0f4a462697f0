import type { EventBodies, EventType } from "../model/event.ts";

/** Where the facts of one session are kept, in order. */
export interface Journal {
  /**
   * Adds a fact and returns its `seq`. Nothing is safe yet: bytes that the fact speaks of may move only after `flush`.
   * Throws `JournalError` when the session can no longer be recorded; the caller refuses whatever it was about to do.
   */
  append<T extends EventType>(type: T, conn: number, body: EventBodies[T]): number;
  /** Hands everything appended to the operating system, write(2). Throws `JournalError`. */
  flush(): void;
  /** How many facts were appended. */
  readonly size: number;
}

/** The session cannot be recorded any more. Everything pending is refused and the session ends as failed. */
export class JournalError extends Error {
  override readonly name = "JournalError";
}

/** The party that signs heads: a C2SP tlog-witness. In local mode a process of its own, else the App. */
export interface Countersigner {
  /** C2SP vkey of its cosignatures, type 0x04. */
  readonly vkey: string;
  /**
   * C2SP tlog-witness add-checkpoint: the body as specified ("old N", consistency proof, checkpoint).
   * Resolves to the cosignature lines it answered; rejects on any answer but 200.
   */
  addCheckpoint(body: string): Promise<string>;
}
