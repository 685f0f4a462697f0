import type { Countersigner } from "../journal/ports.ts";
import type { SessionLog } from "../journal/session-log.ts";
import type { CommandId } from "../model/command.ts";
import type { NoteSigner } from "../tlog/note.ts";

// Has the session's heads countersigned: at once where a command waits for it, behind the rest by a bounded distance.

/** DESIGN.md 4: heads of reads are countersigned at most this far behind. Further behind, the session stops releasing. */
const BEHIND_EVENTS_MAX = 512;
const BEHIND_MS_MAX = 250;

/** A head is asked for well before either bound, so that one round trip fits in between. */
const ASK_AT_EVENTS = 320;
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
  readonly #signer: NoteSigner;
  readonly #countersigner: Countersigner | undefined;
  readonly #failed: (error: unknown) => void;
  #waiting: Waiting[] = [];
  #asking = false;
  #stopped = false;
  /** Monotonic milliseconds of the oldest event that no head covers; undefined when all are covered. */
  #oldestMs: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #idle: (() => void)[] = [];

  constructor(parts: {
    readonly log: SessionLog;
    readonly signer: NoteSigner;
    readonly countersigner: Countersigner | undefined;
    /** Told once, when heads cannot be countersigned any more. */
    readonly failed: (error: unknown) => void;
  }) {
    this.#log = parts.log;
    this.#signer = parts.signer;
    this.#countersigner = parts.countersigner;
    this.#failed = parts.failed;
  }

  /** Is there a countersigner at all. */
  get required(): boolean {
    return this.#countersigner !== undefined;
  }

  /** True while even a read must wait for its head. */
  get lagging(): boolean {
    if (this.#countersigner === undefined) return false;
    if (this.#log.size - this.#log.countersigned >= BEHIND_EVENTS_MAX) return true;
    return this.#oldestMs !== undefined && performance.now() - this.#oldestMs > BEHIND_MS_MAX;
  }

  /** Releases `id` of `waiter` once everything recorded so far is countersigned. */
  wait(waiter: Waiter, id: CommandId): void {
    this.#waiting.push({ size: this.#log.size, waiter, id });
  }

  /** Called after every flush. */
  flushed(): void {
    if (this.#countersigner === undefined || this.#stopped) return;
    // What is appended and not written yet no head covers; its own flush comes here again. Asking for it before would ask
    // for the same head over and over, and a countersigner that answers within the turn would keep that flush from coming.
    const behind = this.#log.written - this.#log.countersigned;
    if (behind === 0) return;
    this.#oldestMs ??= performance.now();
    if (this.#waiting.length > 0 || behind >= ASK_AT_EVENTS) this.#ask();
    else this.#timer ??= setTimeout(this.#onTimer, ASK_AFTER_MS);
  }

  readonly #onTimer = (): void => {
    this.#timer = undefined;
    if (this.#log.written > this.#log.countersigned) this.#ask();
  };

  /** Resolves when everything recorded by now is countersigned; at once where there is no countersigner. */
  async settle(): Promise<void> {
    if (this.#countersigner === undefined) return;
    const { size } = this.#log;
    while (this.#log.countersigned < size && !this.#stopped) {
      this.#ask();
      // oxlint-disable-next-line no-await-in-loop -- each head builds on the one before
      await new Promise<void>((resolve) => this.#idle.push(resolve));
    }
    if (this.#stopped) throw new Error("the session's heads could not be countersigned");
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#waiting = [];
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #ask(): void {
    if (this.#asking || this.#stopped || this.#countersigner === undefined) return;
    this.#asking = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#send(this.#countersigner)
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

  async #send(countersigner: Countersigner): Promise<void> {
    const since = performance.now();
    const { body, size } = this.#log.checkpoint(this.#signer);
    const lines = await within(ANSWER_MS_MAX, countersigner.addCheckpoint(body));
    if (this.#stopped) return;
    this.#log.cosigned(lines, size);
    this.#oldestMs = this.#log.size > size ? since : undefined;
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
