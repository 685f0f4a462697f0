import { closeSync, fdatasyncSync, openSync, writeSync } from "node:fs";
import type { LineSink } from "../journal/session-log.ts";

/** What a turn adds fits in; a longer text is encoded in memory of its own. */
const BUFFER_BYTES = 256 * 1024;

/** Text that waits for a flush; with more of it, memory would follow whoever forgets to flush. */
const WAITING_CHARACTERS_MAX = 1024 * 1024;

/**
 * Appends lines to one new file with write(2). Lines are put together until `flush`, because encoding and writing cost by
 * the call and hardly by the byte; a short write is finished, any error is thrown.
 */
export class SessionFile implements LineSink {
  readonly #fd: number;
  readonly #sync: boolean;
  readonly #buffer = Buffer.allocUnsafe(BUFFER_BYTES);
  #text = "";
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
    this.#text += `${line}\n`;
    if (this.#text.length > WAITING_CHARACTERS_MAX) this.#write();
  }

  flush(): void {
    this.#write();
    if (this.#sync) fdatasyncSync(this.#fd);
  }

  close(): void {
    closeSync(this.#fd);
  }

  #write(): void {
    const text = this.#text;
    this.#text = "";
    // A UTF-16 unit is at most three bytes of UTF-8.
    const fits = text.length * 3 <= BUFFER_BYTES;
    const bytes = fits ? this.#buffer : Buffer.from(text);
    const length = fits ? bytes.write(text, 0, "utf8") : bytes.length;
    for (let at = 0; at < length; ) at += writeSync(this.#fd, bytes, at, length - at);
    this.#bytes += length;
  }
}
