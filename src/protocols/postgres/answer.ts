import { createHash, type Hash, hash } from "node:crypto";
import { ProtocolError } from "../../bytes/protocol-error.ts";
import { Reader } from "../../bytes/reader.ts";
import type { CommandId, ResultColumn } from "../../model/command.ts";
import type { ResultSet, Returned } from "../protocol.ts";
import type { Portal } from "./inflight.ts";
import { decodeValue } from "./values.ts";
import { decodeError, formatOf, HEADER } from "./wire.ts";

// What the server answered to one execution of one command: counted whole, digested whole, kept up to a cap.

/** What the scratch of an `Answer` must hold: the key and all that is gathered. */
export const SCRATCH_BYTES = 32 * 1024;

/** Past this much the answer is digested as it streams instead of being kept for one call at the end. */
const GATHER_MAX = 16 * 1024;

/** Result sets of one simple query that are kept; a query of more statements than this is a script. */
const RESULTS_MAX = 64;

const NO_RESULTS: readonly ResultSet[] = [];

/** SHA-256 over a key and bytes that come in pieces, with one call for what is small. */
class KeyedDigest {
  readonly #key: Uint8Array;
  /** Where small answers are put together; whoever made it lends it for the time of one call. */
  readonly #scratch: Buffer;
  /** The newest piece: neighbours in one buffer are one piece. */
  #bytes: Buffer = NOTHING;
  #from = 0;
  #to = 0;
  #gathered: Buffer[] | undefined;
  #hash: Hash | undefined;
  length = 0;

  constructor(key: Uint8Array, scratch: Buffer) {
    this.#key = key;
    this.#scratch = scratch;
  }

  add(bytes: Buffer, from: number, to: number): void {
    this.length += to - from;
    if (this.#hash !== undefined) {
      this.#hash.update(bytes.subarray(from, to));
      return;
    }
    if (this.#bytes === bytes && this.#to === from) this.#to = to;
    else {
      this.#gather();
      this.#bytes = bytes;
      this.#from = from;
      this.#to = to;
    }
    if (this.length <= GATHER_MAX) return;
    this.#gather();
    this.#hash = createHash("sha256").update(this.#key);
    for (const each of this.#gathered ?? []) this.#hash.update(each);
    this.#gathered = undefined;
  }

  /** base64url. */
  digest(): string {
    if (this.#hash !== undefined) return this.#hash.digest("base64url");
    this.#scratch.set(this.#key);
    let at = this.#key.length;
    for (const each of this.#gathered ?? []) {
      this.#scratch.set(each, at);
      at += each.length;
    }
    at += this.#bytes.copy(this.#scratch, at, this.#from, this.#to);
    // A string comes back at half the cost of a buffer.
    return hash("sha256", this.#scratch.subarray(0, at), "base64url");
  }

  #gather(): void {
    if (this.#to > this.#from) (this.#gathered ??= []).push(this.#bytes.subarray(this.#from, this.#to));
    this.#bytes = NOTHING;
    this.#from = 0;
    this.#to = 0;
  }
}

const NOTHING: Buffer = Buffer.alloc(0);

interface OpenResult {
  readonly columns: readonly ResultColumn[];
  readonly rows: (readonly (string | null)[])[];
}

/** Collects one execution. The conversation feeds it frames; it never sees a byte of another command's answer. */
export class Answer {
  readonly #id: CommandId;
  readonly #execution: number;
  readonly #digest: KeyedDigest;
  readonly #key: Uint8Array;
  readonly #scratch: Buffer;
  #copied: KeyedDigest | undefined;
  #results: OpenResult[] | undefined;
  #keepBytes: number;
  #truncated = false;
  #code = "";
  #summary: string[] = [];
  #rows = 0;
  #rowsOpen = 0;
  readonly #portal: Portal | undefined;
  #formats: readonly number[];

  constructor(about: {
    readonly id: CommandId;
    readonly execution: number;
    readonly key: Uint8Array;
    /** `SCRATCH_BYTES` that nobody else uses during a call. */
    readonly scratch: Buffer;
    /** Bytes of values that may still be kept. */
    readonly keepBytes: number;
    /** Whose rows it will hold, where a portal is executed: Describe may tell of its columns later than this. */
    readonly portal: Portal | undefined;
  }) {
    this.#id = about.id;
    this.#execution = about.execution;
    this.#key = about.key;
    this.#scratch = about.scratch;
    this.#digest = new KeyedDigest(about.key, about.scratch);
    this.#keepBytes = about.keepBytes;
    this.#portal = about.portal;
    this.#formats = about.portal?.resultFormats ?? NO_FORMATS;
  }

  /** Bytes of the server's, part of this answer, in order. */
  bytes(bytes: Buffer, from = 0, to = bytes.length): void {
    this.#digest.add(bytes, from, to);
  }

  /** RowDescription: a new result set begins. */
  columns({ columns, formats }: RowDescription): void {
    this.#formats = formats;
    this.#open(columns);
  }

  /** True while rows are still kept: the caller then gives whole DataRow bodies to `row`, else only counts. */
  get keeps(): boolean {
    return this.#keepBytes > 0;
  }

  /** Rows whose values are not kept. */
  countRows(rows: number): void {
    this.#rowsOpen += rows;
    this.#truncated = true;
  }

  /** DataRow ('D'), whole, from `at` to `end`. */
  row(bytes: Buffer, at: number, end: number): void {
    this.#rowsOpen += 1;
    if (end - at > this.#keepBytes) {
      this.#keepBytes = 0;
      this.#truncated = true;
      return;
    }
    this.#keepBytes -= end - at;
    const result = this.#results?.at(-1) ?? this.#open(this.#described());
    if (result === undefined) return;
    result.rows.push(decodeRow(bytes, at, end, { columns: result.columns, formats: this.#formats }));
  }

  /** CopyData ('d') from the server: a piece of a file, not a row of columns. */
  copyOut(frame: Buffer): void {
    this.#rowsOpen += 1;
    if (frame.length > this.#keepBytes) {
      this.#keepBytes = 0;
      this.#truncated = true;
      return;
    }
    this.#keepBytes -= frame.length;
    const result = this.#results?.at(-1) ?? this.#open(COPY_COLUMNS);
    result?.rows.push([frame.toString("utf8", HEADER)]);
  }

  /** CopyData, CopyDone or CopyFail of the client's, as sent. */
  copyIn(bytes: Buffer): void {
    this.#copied ??= new KeyedDigest(this.#key, this.#scratch);
    this.#copied.add(bytes, 0, bytes.length);
  }

  /** CommandComplete ('C'): `SELECT 5`, `INSERT 0 3`, `DELETE 2`. The last number is the rows. */
  complete(tag: string): void {
    this.#rows += rowsOf(tag);
    this.#rowsOpen = 0;
    if (this.#summary.length < RESULTS_MAX) this.#summary.push(tag);
  }

  /** ErrorResponse ('E'), whole. */
  error(frame: Uint8Array): void {
    const fields = decodeError(frame, HEADER);
    this.#code = fields.get("C") ?? "XX000";
    for (const letter of ["S", "C", "M", "D", "H", "W", "s", "t", "c", "d", "n"]) {
      const value = fields.get(letter);
      if (value !== undefined) this.#summary.push(`${letter}: ${value}`);
    }
  }

  get failed(): boolean {
    return this.#code !== "";
  }

  returned(outcome: Returned["outcome"]): Returned {
    return {
      type: "returned",
      id: this.#id,
      execution: this.#execution,
      outcome: this.failed && outcome === "completed" ? "error" : outcome,
      code: this.#code,
      summary: this.#summary,
      rows: this.#rows + this.#rowsOpen,
      bytes: this.#digest.length,
      digest: this.#digest.digest(),
      key: this.#key,
      results: this.#results ?? NO_RESULTS,
      truncated: this.#truncated,
      copiedBytes: this.#copied?.length ?? 0,
      copiedDigest: this.#copied?.digest() ?? "",
    };
  }

  #described(): readonly ResultColumn[] {
    return this.#portal?.described?.columns ?? this.#portal?.prepared?.described?.columns ?? NO_COLUMNS;
  }

  #open(columns: readonly ResultColumn[]): OpenResult | undefined {
    this.#results ??= [];
    if (this.#results.length >= RESULTS_MAX) {
      this.#truncated = true;
      this.#keepBytes = 0;
      return undefined;
    }
    const result: OpenResult = { columns, rows: [] };
    this.#results.push(result);
    return result;
  }
}

const NO_COLUMNS: readonly ResultColumn[] = [];
const NO_FORMATS: readonly number[] = [];
const COPY_COLUMNS: readonly ResultColumn[] = [{ name: "", table: 0, attribute: 0, type: 25 }];

/** The number at the end of a tag; 0 where there is none, and for one that JavaScript does not hold exactly. */
function rowsOf(tag: string): number {
  const space = tag.lastIndexOf(" ");
  const rows = space === -1 ? Number.NaN : Number(tag.slice(space + 1));
  return Number.isSafeInteger(rows) && rows > 0 ? rows : 0;
}

function decodeRow(
  bytes: Buffer,
  from: number,
  end: number,
  { columns, formats }: RowDescription,
): readonly (string | null)[] {
  let at = from + HEADER + 2;
  if (at > end) throw new ProtocolError("a row without a column count");
  const count = bytes.readUInt16BE(at - 2);
  const row: (string | null)[] = [];
  for (let index = 0; index < count; index += 1) {
    if (at + 4 > end) throw new ProtocolError("a row shorter than its columns");
    const length = bytes.readInt32BE(at);
    at += 4;
    if (length === -1) {
      row.push(null);
      continue;
    }
    if (length < 0 || at + length > end) throw new ProtocolError(`a column of ${length} bytes`);
    const format = formatOf(formats, index);
    row.push(
      format === 0
        ? bytes.toString("utf8", at, at + length)
        : decodeValue(bytes.subarray(at, at + length), format, columns[index]?.type ?? 0),
    );
    at += length;
  }
  if (at !== end) throw new ProtocolError("bytes behind the end of a row");
  return row;
}

export interface RowDescription {
  readonly columns: readonly ResultColumn[];
  /** True of rows that follow it; of a described statement they are only placeholders, and Bind's own count. */
  readonly formats: readonly number[];
}

/** RowDescription ('T'), whole. */
export function decodeColumns(frame: Uint8Array): RowDescription {
  const reader = new Reader(frame, HEADER);
  const columns: ResultColumn[] = [];
  const formats: number[] = [];
  for (let left = reader.uint16(); left > 0; left -= 1) {
    const name = reader.cstring();
    const table = reader.uint32();
    const attribute = reader.int16();
    const type = reader.uint32();
    reader.bytes(6);
    formats.push(reader.uint16());
    columns.push({ name, table, attribute, type });
  }
  reader.finish();
  return { columns, formats };
}
