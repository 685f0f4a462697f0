import { randomBytes } from "node:crypto";

/** Asking the system costs microseconds whatever the amount, so it is asked for this much at once. */
const POOL_BYTES = 16 * 1024;

/** Random bytes, few at a time and fast. A slice is handed out once. */
export class RandomPool {
  #pool = randomBytes(POOL_BYTES);
  #at = 0;

  /** `count` unguessable bytes. */
  take(count: number): Buffer {
    if (count > POOL_BYTES) return randomBytes(count);
    // A new pool rather than a refilled one: slices that were handed out may still be in use.
    if (this.#at + count > POOL_BYTES) {
      this.#pool = randomBytes(POOL_BYTES);
      this.#at = 0;
    }
    const slice = this.#pool.subarray(this.#at, this.#at + count);
    this.#at += count;
    return slice;
  }
}
