import type { SessionLog } from "../journal/session-log.ts";
import type { CommandId } from "../model/command.ts";
import type { Countersigned, HeadSource } from "./head-follower.ts";

// Decides when the session's heads are countersigned: at once where a command waits for it, behind the rest by a bounded
// distance.

/** DESIGN.md 4: heads of reads are countersigned at most this far behind. Further behind, the session stops releasing. */
const BEHIND_EVENTS_MAX = 512;
const BEHIND_MS_MAX = 250;

/**
 * A head is asked for well before either bound, so that a round trip fits in between: as many events earlier as came
 * during the last one, and half of that again. Not more often than this, and at the latest at that many.
 */
const ASK_AT_EVENTS_MIN = 64;
const ASK_AT_EVENTS_MAX = 448;
const ASK_AFTER_MS = 100;

/** A countersigner that answers no head for this long is gone. */
const ANSWER_MS_MAX = 10_000;

/** A command that goes on once the head that covers it is countersigned. */
export interface Waiter {
  countersigned(id: CommandId): void;
}

interface Waiting {
  readonly size: number;
  readonly waiter: Waiter;
  readonly id: CommandId;
}

export class Heads {
  readonly #log: SessionLog;
  readonly #source: HeadSource | undefined;
  readonly #failed: (error: unknown) => void;
  #size = 0;
  #askAt = ASK_AT_EVENTS_MAX;
  #waiting: Waiting[] = [];
  #asking = false;
  #stopped = false;
  /** Monotonic milliseconds of the oldest event that no head covers; undefined when all are covered. */
  #oldestMs: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #idle: (() => void)[] = [];

  constructor(parts: {
    readonly log: SessionLog;
    /** Undefined where nobody countersigns. */
    readonly source: HeadSource | undefined;
    /** Told once, when heads cannot be countersigned any more. */
    readonly failed: (error: unknown) => void;
  }) {
    this.#log = parts.log;
    this.#source = parts.source;
    this.#failed = parts.failed;
  }

  /** Is there a countersigner at all. */
  get required(): boolean {
    return this.#source !== undefined;
  }

  /** The size of the newest head that the countersigner signed; 0 before the first. */
  get size(): number {
    return this.#size;
  }

  /** True while even a read must wait for its head. */
  get lagging(): boolean {
    if (this.#source === undefined) return false;
    if (this.#log.size - this.#size >= BEHIND_EVENTS_MAX) return true;
    return this.#oldestMs !== undefined && performance.now() - this.#oldestMs > BEHIND_MS_MAX;
  }

  /** Releases `id` of `waiter` once everything recorded so far is countersigned. */
  wait(waiter: Waiter, id: CommandId): void {
    this.#waiting.push({ size: this.#log.size, waiter, id });
  }

  /** Called after every flush. */
  flushed(): void {
    if (this.#source === undefined || this.#stopped) return;
    // What is appended and not written yet no head covers; its own flush comes here again. Asking for it before would ask
    // for the same head over and over, and a source that answers within the turn would keep that flush from coming.
    const behind = this.#log.written.size - this.#size;
    if (behind === 0) return;
    this.#oldestMs ??= performance.now();
    if (this.#waiting.length > 0 || behind >= this.#askAt) this.#ask(this.#source);
    else this.#timer ??= setTimeout(this.#onTimer, ASK_AFTER_MS);
  }

  readonly #onTimer = (): void => {
    this.#timer = undefined;
    if (this.#source !== undefined && this.#log.written.size > this.#size) this.#ask(this.#source);
  };

  /** Resolves when everything recorded by now is countersigned; at once where there is no countersigner. */
  async settle(): Promise<void> {
    if (this.#source === undefined) return;
    const { size } = this.#log;
    while (this.#size < size && !this.#stopped) {
      this.#ask(this.#source);
      // oxlint-disable-next-line no-await-in-loop -- each head builds on the one before
      await new Promise<void>((resolve) => this.#idle.push(resolve));
    }
    if (this.#stopped) throw new Error("the session's heads could not be countersigned");
  }

  /** Nothing is asked for any more. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#waiting = [];
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** Stops, and lets the source's files go. */
  async close(): Promise<void> {
    this.stop();
    await this.#source?.close();
  }

  #ask(source: HeadSource): void {
    if (this.#asking || this.#stopped) return;
    this.#asking = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const sinceMs = performance.now();
    within(ANSWER_MS_MAX, source.countersign(this.#log.written))
      .then((head) => this.#countersigned(head, sinceMs))
      .catch((error: unknown) => {
        this.stop();
        this.#failed(error);
      })
      .finally(() => {
        this.#asking = false;
        for (const resolve of this.#idle.splice(0)) resolve();
        this.flushed();
      });
  }

  #countersigned({ size }: Countersigned, sinceMs: number): void {
    if (this.#stopped) return;
    this.#size = size;
    const meanwhile = this.#log.size - size;
    this.#askAt = Math.min(
      ASK_AT_EVENTS_MAX,
      Math.max(ASK_AT_EVENTS_MIN, BEHIND_EVENTS_MAX - Math.ceil(1.5 * meanwhile)),
    );
    this.#oldestMs = this.#log.size > size ? sinceMs : undefined;
    let done = 0;
    while (done < this.#waiting.length && (this.#waiting[done]?.size ?? 0) <= size) done += 1;
    for (const { waiter, id } of this.#waiting.splice(0, done)) waiter.countersigned(id);
  }
}

async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`the countersigner did not answer within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
