import { ProtocolError } from "../../bytes/protocol-error.ts";
import { FRAME_MAX, HEADER, SERVER_FRAME_MAX } from "./wire.ts";

// The server's bytes on their way to the client: rows pass as they arrive, whatever their size; everything else is read
// whole first, and may be replaced.

/** A row this long is not decoded for the record even where the cap would allow it. */
const ROW_WHOLE_MAX = 64 * 1024;

const DATA_ROW = 0x44;
const COPY_DATA = 0x64;

export interface ServerReader {
  /** Are values of rows still kept; then a row of moderate size is waited for whole. */
  keepsRows(): boolean;
  /** DataRow or CopyData, its header included, from `at` to `end`: whole, or only the first of it. */
  row(bytes: Buffer, at: number, end: number, whole: boolean): void;
  /** So many rows whose values nobody keeps, in one piece; the last may lack its end. */
  bulk(rows: number, bytes: Buffer): void;
  /** More bytes of a row that came in part. */
  rest(bytes: Buffer): void;
  /**
   * Any other message, whole, its header included, from `at` to `end`; gives what the client gets in its place, undefined
   * for the message itself. In place, because a view for each message would cost more than reading it.
   */
  message(bytes: Buffer, at: number, end: number): Buffer | undefined;
  /** Bytes for the client. */
  out(bytes: Buffer): void;
}

export class ServerStream {
  readonly #reader: ServerReader;
  /** An incomplete message that must be whole to be read. */
  #tail: Buffer = EMPTY;
  /** Bytes of a row still to come. */
  #left = 0;
  #between: Buffer[] = [];

  constructor(reader: ServerReader) {
    this.#reader = reader;
  }

  /** Inside a message that the client has seen the beginning of: nothing else may be sent now. */
  get midway(): boolean {
    return this.#left > 0;
  }

  /** A message of our own, sent at the next border between two of the server's. */
  insert(frame: Buffer): void {
    if (this.#left === 0) this.#reader.out(frame);
    else this.#between.push(frame);
  }

  /** Throws ProtocolError on what no server sends. */
  feed(chunk: Buffer): void {
    const bytes = this.#tail.length === 0 ? chunk : Buffer.concat([this.#tail, chunk]);
    let at = 0;
    let sent = 0;
    if (this.#left > 0) {
      at = Math.min(this.#left, bytes.length);
      this.#left -= at;
      this.#reader.rest(bytes.subarray(0, at));
      if (this.#left === 0 && this.#between.length > 0) {
        this.#reader.out(bytes.subarray(0, at));
        sent = at;
        for (const frame of this.#between.splice(0)) this.#reader.out(frame);
      }
    }
    while (bytes.length - at >= HEADER) {
      const type = bytes[at] ?? 0;
      const length = bytes.readUInt32BE(at + 1);
      if (length < 4 || length > FRAME_MAX) throw new ProtocolError(`the target sent a message of length ${length}`);
      const end = at + 1 + length;
      const whole = end <= bytes.length;
      const streams = type === DATA_ROW || type === COPY_DATA;
      if (!whole && (!streams || (length <= ROW_WHOLE_MAX && this.#reader.keepsRows()))) {
        if (length > SERVER_FRAME_MAX) throw new ProtocolError(`the target sent a message of ${length} bytes`);
        break;
      }
      if (streams && !this.#reader.keepsRows()) {
        at = this.#bulk(bytes, at);
        continue;
      }
      if (streams) {
        this.#reader.row(bytes, at, whole ? end : bytes.length, whole && length <= ROW_WHOLE_MAX);
        at = whole ? end : bytes.length;
        this.#left = end - at;
        continue;
      }
      const replacement = this.#reader.message(bytes, at, end);
      if (replacement !== undefined) {
        if (at > sent) this.#reader.out(bytes.subarray(sent, at));
        this.#reader.out(replacement);
        sent = end;
      }
      at = end;
    }
    if (at > sent) this.#reader.out(sent === 0 && at === bytes.length ? bytes : bytes.subarray(sent, at));
    // A copy, so that a few bytes do not keep a whole chunk alive.
    this.#tail = at === bytes.length ? EMPTY : Buffer.from(bytes.subarray(at));
  }

  /** Walks over neighbouring rows without a look at their values; a large result is mostly this. Gives where it ended. */
  #bulk(bytes: Buffer, from: number): number {
    const type = bytes[from];
    let at = from;
    let rows = 0;
    while (bytes.length - at >= HEADER && bytes[at] === type) {
      const length = bytes.readUInt32BE(at + 1);
      if (length < 4 || length > FRAME_MAX) throw new ProtocolError(`the target sent a message of length ${length}`);
      at += 1 + length;
      rows += 1;
    }
    const end = Math.min(at, bytes.length);
    this.#left = at - end;
    this.#reader.bulk(rows, bytes.subarray(from, end));
    return end;
  }
}

const EMPTY: Buffer = Buffer.alloc(0);
