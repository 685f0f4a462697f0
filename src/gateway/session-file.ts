import { closeSync, fdatasyncSync, openSync, writeSync } from "node:fs";
import type { LineSink } from "../journal/session-log.ts";

/** What a turn adds fits in; more is written before its flush, so that memory does not follow whoever forgets to flush. */
const BUFFER_BYTES = 512 * 1024;

const NEWLINE = 10;

/**
 * Appends lines to one new file with write(2). A line is encoded when it comes, while it is still near at hand, and they
 * leave together at `flush`, because writing costs by the call and hardly by the byte; a short write is finished, any
 * error is thrown.
 */
export class SessionFile implements LineSink {
  readonly #fd: number;
  readonly #sync: boolean;
  readonly #buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  #waiting = 0;
  #bytes = 0;

  /** Makes the file, for this user alone. `sync` adds fdatasync(2) to every flush. Throws where it exists already. */
  constructor(path: string, { sync }: { readonly sync: boolean } = { sync: false }) {
    this.#fd = openSync(path, "ax", 0o600);
    this.#sync = sync;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(line: string): void {
    // A UTF-16 unit is at most three bytes of UTF-8.
    const bytesMax = line.length * 3 + 1;
    if (bytesMax > BUFFER_BYTES - this.#waiting) {
      this.#write();
      if (bytesMax > BUFFER_BYTES) {
        this.#writeAll(Buffer.from(`${line}\n`));
        return;
      }
    }
    this.#waiting += this.#buffer.write(line, this.#waiting, "utf8");
    this.#buffer[this.#waiting] = NEWLINE;
    this.#waiting += 1;
  }

  flush(): void {
    this.#write();
    if (this.#sync) fdatasyncSync(this.#fd);
  }

  close(): void {
    closeSync(this.#fd);
  }

  #write(): void {
    const waiting = this.#waiting;
    this.#waiting = 0;
    if (waiting > 0) this.#writeAll(this.#buffer, waiting);
  }

  #writeAll(bytes: Buffer, length = bytes.length): void {
    for (let at = 0; at < length; ) at += writeSync(this.#fd, bytes, at, length - at);
    this.#bytes += length;
  }
}
