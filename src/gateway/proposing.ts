// Plans that people are being asked about: withdrawn when the session ends, and over before its record is closed.

export class Proposing {
  readonly #ending = new AbortController();
  readonly #under = new Set<Promise<unknown>>();

  /** Runs `work` with a signal that also aborts when the session ends. */
  async during<T>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const done = work(AbortSignal.any([signal, this.#ending.signal]));
    this.#under.add(done);
    try {
      return await done;
    } finally {
      this.#under.delete(done);
    }
  }

  /** Resolves when nothing is asked any more. */
  async end(): Promise<void> {
    this.#ending.abort();
    await Promise.allSettled(this.#under);
  }
}
