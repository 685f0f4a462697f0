/**
 * Bytes for the server, gathered while they are neighbours: messages that follow one another in one chunk leave as one
 * piece, without being copied.
 */
export class Run {
  readonly #send: (bytes: Buffer) => void;
  #first: Buffer | undefined;
  #end = 0;

  constructor(send: (bytes: Buffer) => void) {
    this.#send = send;
  }

  add(bytes: Buffer): void {
    if (this.#first !== undefined && this.#first.buffer === bytes.buffer && this.#end === bytes.byteOffset) {
      this.#end += bytes.length;
      return;
    }
    this.flush();
    this.#first = bytes;
    this.#end = bytes.byteOffset + bytes.length;
  }

  flush(): void {
    const first = this.#first;
    if (first === undefined) return;
    this.#first = undefined;
    const length = this.#end - first.byteOffset;
    this.#send(length === first.length ? first : Buffer.from(first.buffer, first.byteOffset, length));
  }
}
