import { closeSync, fdatasyncSync, openSync, writeSync } from "node:fs";
import type { LineSink } from "../journal/session-log.ts";

/** What a turn writes fits in here; longer pieces get a buffer of their own. */
const SCRATCH_BYTES = 64 * 1024;

/** Appends to one new file with write(2); a short write is finished, any error is thrown. */
export class SessionFile implements LineSink {
  readonly #fd: number;
  readonly #sync: boolean;
  readonly #scratch = Buffer.allocUnsafe(SCRATCH_BYTES);

  /** Makes the file, for this user alone. `sync` adds fdatasync(2) to every write. Throws where it exists already. */
  constructor(path: string, { sync }: { readonly sync: boolean } = { sync: false }) {
    this.#fd = openSync(path, "ax", 0o600);
    this.#sync = sync;
  }

  write(lines: string): number {
    // A UTF-16 unit is at most three bytes of UTF-8.
    const fits = lines.length * 3 <= SCRATCH_BYTES;
    const bytes = fits ? this.#scratch : Buffer.from(lines);
    const length = fits ? this.#scratch.write(lines, "utf8") : bytes.length;
    for (let at = 0; at < length; ) at += writeSync(this.#fd, bytes, at, length - at);
    if (this.#sync) fdatasyncSync(this.#fd);
    return length;
  }

  close(): void {
    closeSync(this.#fd);
  }
}
