import { ProtocolError } from "./protocol-error.ts";

/**
 * Bytes received and not yet understood, in the order they came. It does not know what a frame is.
 *
 * Chunks are joined only when somebody asks for more contiguous bytes than the first chunk holds, so a large frame that
 * arrives in many pieces is copied once, and a frame that lies whole in one chunk is never copied. Frames are read in
 * place, at `offset`, because a view per frame costs more than reading it.
 */
export class Inbox {
  readonly #limit: number;
  #head: Buffer = EMPTY;
  readonly #tail: Buffer[] = [];
  #length = 0;
  #offset = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** How many bytes wait. */
  get length(): number {
    return this.#length;
  }

  /** Where in the buffer that `peek` gave the first waiting byte stands. */
  get offset(): number {
    return this.#offset;
  }

  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    if (this.#length + chunk.length > this.#limit) throw new ProtocolError(`more than ${this.#limit} bytes waiting`);
    if (this.#length === 0) {
      this.#head = chunk;
      this.#offset = 0;
    } else this.#tail.push(chunk);
    this.#length += chunk.length;
  }

  /** A buffer that holds at least `count` waiting bytes from `offset` on; undefined when fewer have come. Takes nothing. */
  peek(count: number): Buffer | undefined {
    if (this.#length < count) return undefined;
    if (this.#head.length - this.#offset < count) {
      this.#head = Buffer.concat([this.#head.subarray(this.#offset), ...this.#tail], this.#length);
      this.#offset = 0;
      this.#tail.length = 0;
    }
    return this.#head;
  }

  /** Drops the first `count` bytes, which a `peek` has shown. */
  skip(count: number): void {
    if (count > this.#head.length - this.#offset) throw new ProtocolError("skipped bytes that were never looked at");
    this.#offset += count;
    this.#length -= count;
    if (this.#offset < this.#head.length) return;
    this.#head = this.#tail.shift() ?? EMPTY;
    this.#offset = 0;
  }
}

const EMPTY: Buffer = Buffer.alloc(0);
