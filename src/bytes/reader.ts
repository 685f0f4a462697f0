import { ProtocolError } from "./protocol-error.ts";

/**
 * A cursor over one complete frame. Every read is bounds-checked against the frame, never against the connection's
 * buffer, so a lying length field inside a message cannot make us read the next message's bytes.
 */
export class Reader {
  readonly #bytes: Buffer;
  #offset: number;

  /** Reads `frame` from `offset` on. */
  constructor(frame: Uint8Array, offset = 0) {
    this.#bytes = Buffer.isBuffer(frame) ? frame : Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength);
    this.#offset = offset;
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  uint8(): number {
    return this.#bytes.readUInt8(this.#advance(1));
  }

  uint16(): number {
    return this.#bytes.readUInt16BE(this.#advance(2));
  }

  int16(): number {
    return this.#bytes.readInt16BE(this.#advance(2));
  }

  uint32(): number {
    return this.#bytes.readUInt32BE(this.#advance(4));
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#advance(4));
  }

  bytes(count: number): Buffer {
    const start = this.#advance(count);
    return this.#bytes.subarray(start, start + count);
  }

  /** The bytes of a NUL-terminated string. The terminator is consumed and not returned. */
  cstringBytes(): Buffer {
    const end = this.#bytes.indexOf(0, this.#offset);
    if (end === -1) throw new ProtocolError("string has no terminator");
    const text = this.#bytes.subarray(this.#offset, end);
    this.#offset = end + 1;
    return text;
  }

  /** The same, each byte as the character of its number: for names that are compared as bytes. */
  cstringLatin1(): string {
    const end = this.#bytes.indexOf(0, this.#offset);
    if (end === -1) throw new ProtocolError("string has no terminator");
    const text = end === this.#offset ? "" : this.#bytes.toString("latin1", this.#offset, end);
    this.#offset = end + 1;
    return text;
  }

  /** A NUL-terminated string, decoded as UTF-8 with replacement; `isUtf8` on `cstringBytes` where that matters. */
  cstring(): string {
    return this.cstringBytes().toString("utf8");
  }

  /** Refuses a frame that holds more than its message: a second reading of it could differ from ours. */
  finish(): void {
    if (this.remaining !== 0) throw new ProtocolError(`${this.remaining} bytes behind the end of the message`);
  }

  #advance(count: number): number {
    if (count < 0 || count > this.remaining)
      throw new ProtocolError(`need ${count} bytes, frame has ${this.remaining}`);
    const start = this.#offset;
    this.#offset += count;
    return start;
  }
}
