import { hash } from "node:crypto";
import { ProtocolError } from "../../bytes/protocol-error.ts";
import { Reader } from "../../bytes/reader.ts";
import { decodeError, encodeFrame, HEADER } from "./wire.ts";

// The gateway's own questions to a target: what to send, and what came back. No command of a client's passes here.
//
// Extended protocol, text format: Parse, Bind, Describe, Execute, Sync; so one text is one statement, whatever is in it.

/** Rows that one answer may have: a catalogue of columns is the largest thing asked for. */
const ANSWER_ROWS_MAX = 200_000;
/** Bytes that one answer may have, framing included. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;
/** PostgreSQL reports about fifteen settings; poolers a few more. */
const REPORTED_MAX = 200;

export type Answered =
  | {
      readonly kind: "rows";
      readonly columns: readonly string[];
      readonly rows: readonly (readonly (string | null)[])[];
    }
  /** The server's own words. Unmasked: they may repeat values. */
  | { readonly kind: "error"; readonly message: string; readonly code: string };

/** The messages that ask one question. Parameters go as text, whose types the server finds out. */
export function encodeQuestion(text: string, params: readonly (string | null)[]): Uint8Array {
  const bind: Uint8Array[] = [Buffer.from("\0\0"), uint16(0), uint16(params.length)];
  for (const each of params) {
    if (each === null) {
      bind.push(int32(-1));
    } else {
      const value = Buffer.from(each);
      bind.push(int32(value.length), value);
    }
  }
  bind.push(uint16(0));
  return Buffer.concat([
    encodeFrame("P", Buffer.concat([Buffer.from(`\0${text}\0`), uint16(0)])),
    encodeFrame("B", Buffer.concat(bind)),
    encodeFrame("D", Buffer.from("P\0")),
    encodeFrame("E", Buffer.concat([Buffer.from("\0"), int32(0)])),
    encodeFrame("S", Buffer.alloc(0)),
  ]);
}

/** What a record's digest of a question covers, as for a client's Bind: the SHA-256 of its Parse, then its Bind. */
export function questionIdentity(text: string, params: readonly (string | null)[]): readonly Uint8Array[] {
  const [parse, bind] = framesOf(Buffer.from(encodeQuestion(text, params)));
  if (parse === undefined || bind === undefined) throw new ProtocolError("a question without Parse and Bind");
  return [hash("sha256", parse.frame, "buffer"), bind.frame];
}

/** Of what came back, the messages that are the command's answer, as they are counted for a client's; its rows and tag. */
export function answerOf(received: readonly Uint8Array[]): {
  readonly bytes: Buffer;
  readonly rows: number;
  readonly tags: readonly string[];
} {
  const own = framesOf(Buffer.concat(received)).filter(({ type }) => ANSWER_TYPES.includes(type));
  const tags = own.flatMap(({ type, frame }) =>
    type === "C" ? [frame.toString("utf8", HEADER, frame.length - 1)] : [],
  );
  const rows = Number(/(\d+)$/.exec(tags[0] ?? "")?.[1] ?? "0");
  return { bytes: Buffer.concat(own.map(({ frame }) => frame)), rows, tags };
}

// RowDescription is not among them: it answers Describe.
const ANSWER_TYPES = ["D", "C", "I", "E"];

function framesOf(bytes: Buffer): readonly { readonly type: string; readonly frame: Buffer }[] {
  const frames: { readonly type: string; readonly frame: Buffer }[] = [];
  for (let at = 0; at + HEADER <= bytes.length; ) {
    const end = at + 1 + bytes.readUInt32BE(at + 1);
    if (end > bytes.length) break;
    frames.push({ type: String.fromCharCode(bytes[at] ?? 0), frame: bytes.subarray(at, end) });
    at = end;
  }
  return frames;
}

/** Terminate. */
export function encodeTerminate(): Uint8Array {
  return encodeFrame("X", Buffer.alloc(0));
}

/**
 * Reads what the server sends, up to each ReadyForQuery.
 *
 * Law: holds at most ANSWER_BYTES_MAX, and after throwing ProtocolError it is of no more use.
 */
export class AnswerReader {
  /** Settings as the server last reported them. */
  readonly reported = new Map<string, string>();
  #inbox: Buffer = Buffer.alloc(0);
  #bytes = 0;
  #columns: string[] = [];
  #rows: (string | null)[][] = [];
  #error: { readonly message: string; readonly code: string } | undefined;

  /** What the server complained of and has not ended with ReadyForQuery; the last word of one that is going away. */
  get complaint(): { readonly message: string; readonly code: string } | undefined {
    return this.#error;
  }

  /** Undefined until the answer is whole. Throws ProtocolError where it is too large, or is none. */
  receive(chunk: Uint8Array): Answered | undefined {
    this.#bytes += chunk.length;
    if (this.#bytes > ANSWER_BYTES_MAX) throw new ProtocolError(`an answer of more than ${ANSWER_BYTES_MAX} bytes`);
    this.#inbox = Buffer.concat([this.#inbox, chunk]);
    while (this.#inbox.length >= HEADER) {
      const length = this.#inbox.readUInt32BE(1);
      if (length < 4 || length > ANSWER_BYTES_MAX) throw new ProtocolError(`message of ${length} bytes`);
      if (this.#inbox.length < 1 + length) return undefined;
      const type = String.fromCharCode(this.#inbox[0] ?? 0);
      const body = this.#inbox.subarray(HEADER, 1 + length);
      this.#inbox = this.#inbox.subarray(1 + length);
      if (type === "Z") return this.#finish();
      this.#read(type, body);
    }
    return undefined;
  }

  #read(type: string, body: Buffer): void {
    switch (type) {
      case "T":
        this.#columns = decodeNames(new Reader(body));
        return;
      case "D":
        if (this.#rows.length >= ANSWER_ROWS_MAX) throw new ProtocolError(`more than ${ANSWER_ROWS_MAX} rows`);
        this.#rows.push(decodeRow(new Reader(body)));
        return;
      case "E": {
        const fields = decodeError(body);
        this.#error ??= { message: fields.get("M") ?? "the server gave no reason", code: fields.get("C") ?? "" };
        return;
      }
      case "S": {
        const reader = new Reader(body);
        const name = reader.cstring();
        if (this.reported.size >= REPORTED_MAX) throw new ProtocolError("too many reported settings");
        this.reported.set(name, reader.cstring());
        return;
      }
      // ParseComplete, BindComplete, NoData, CommandComplete, EmptyQueryResponse; a notice, a notification, the cancel key.
      case "1":
      case "2":
      case "n":
      case "C":
      case "I":
      case "N":
      case "A":
      case "K":
        return;
      default:
        throw new ProtocolError(`message type ${JSON.stringify(type)} in an answer`);
    }
  }

  #finish(): Answered {
    const answered: Answered =
      this.#error === undefined
        ? { kind: "rows", columns: this.#columns, rows: this.#rows }
        : { kind: "error", ...this.#error };
    this.#bytes = 0;
    this.#columns = [];
    this.#rows = [];
    this.#error = undefined;
    return answered;
  }
}

/** RowDescription: int16 count; name NUL, table int32, attribute int16, type int32, size int16, modifier int32, format int16. */
function decodeNames(reader: Reader): string[] {
  const names: string[] = [];
  for (let left = reader.uint16(); left > 0; left -= 1) {
    names.push(reader.cstring());
    reader.bytes(18);
  }
  return names;
}

/** DataRow: int16 count; int32 length (-1 is null), bytes. */
function decodeRow(reader: Reader): (string | null)[] {
  const values: (string | null)[] = [];
  for (let left = reader.uint16(); left > 0; left -= 1) {
    const length = reader.int32();
    values.push(length === -1 ? null : Buffer.from(reader.bytes(length)).toString("utf8"));
  }
  return values;
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}
