import { isUtf8 } from "node:buffer";
import { ProtocolError } from "../../bytes/protocol-error.ts";
import { Reader } from "../../bytes/reader.ts";

// PostgreSQL frontend/backend protocol 3, chapter 54.7 "Message Formats": bytes to messages and back. Judges nothing.
// https://www.postgresql.org/docs/18/protocol-message-formats.html
// What is decoded here is given whole, its header included, so that no view has to be made of its body.
//
//   byte1   type     absent in the first packets of a connection
//   int32   length   counts itself and the body, not the type
//   ...     body

/** Type byte and length. */
export const HEADER = 5;

/** PostgreSQL takes 1 GB. A message longer than this that must be judged whole was not written by a person or an ORM. */
export const CLIENT_FRAME_MAX = 16 * 1024 * 1024;

/** Largest message of the server's that is read whole (errors, row descriptions); rows stream and have no such limit. */
export const SERVER_FRAME_MAX = 16 * 1024 * 1024;

/** The server's own limit for any message, MaxAllocSize. */
export const FRAME_MAX = 0x3fffffff;

/** A message in which the text was not UTF-8: its bytes could mean something else to the server than to us. */
export interface Text {
  readonly text: string;
  readonly utf8: boolean;
}

function readText(bytes: Buffer): Text {
  return { text: bytes.toString("utf8"), utf8: isUtf8(bytes) };
}

/** Query ('Q'): one string, which may hold several statements. */
export function decodeQuery(frame: Uint8Array): Text {
  const reader = new Reader(frame, HEADER);
  const text = readText(reader.cstringBytes());
  reader.finish();
  return text;
}

export interface ParseMessage {
  readonly name: string;
  readonly query: Text;
  /** OIDs of the parameters' types, 0 where the server is to find out. */
  readonly types: readonly number[];
}

/** Parse ('P'). */
export function decodeParse(frame: Uint8Array): ParseMessage {
  const reader = new Reader(frame, HEADER);
  const name = reader.cstringLatin1();
  const query = readText(reader.cstringBytes());
  const types: number[] = [];
  for (let left = reader.uint16(); left > 0; left -= 1) types.push(reader.uint32());
  reader.finish();
  return { name, query, types };
}

export interface BindMessage {
  readonly portal: string;
  readonly statement: string;
  readonly formats: readonly number[];
  /** Views into the frame; null is SQL's NULL. */
  readonly values: readonly (Buffer | null)[];
  readonly resultFormats: readonly number[];
}

/** Bind ('B'). Names are kept as bytes (latin1), for the server compares bytes. */
export function decodeBind(frame: Uint8Array): BindMessage {
  const reader = new Reader(frame, HEADER);
  const portal = reader.cstringLatin1();
  const statement = reader.cstringLatin1();
  const formats = decodeFormats(reader);
  const values: (Buffer | null)[] = [];
  for (let left = reader.uint16(); left > 0; left -= 1) {
    const length = reader.int32();
    if (length < -1) throw new ProtocolError(`parameter of ${length} bytes`);
    values.push(length === -1 ? null : reader.bytes(length));
  }
  const resultFormats = decodeFormats(reader);
  reader.finish();
  return { portal, statement, formats, values, resultFormats };
}

const NO_FORMATS: readonly number[] = [];

function decodeFormats(reader: Reader): readonly number[] {
  const count = reader.uint16();
  if (count === 0) return NO_FORMATS;
  const formats: number[] = [];
  for (let left = count; left > 0; left -= 1) {
    const format = reader.uint16();
    if (format > 1) throw new ProtocolError(`format code ${format}`);
    formats.push(format);
  }
  return formats;
}

/** The format of item `index` by the rule of Bind: none means text, one means that one for all. */
export function formatOf(formats: readonly number[], index: number): number {
  if (formats.length === 0) return 0;
  return formats.length === 1 ? (formats[0] ?? 0) : (formats[index] ?? 0);
}

/** Execute ('E'). */
export function decodeExecute(frame: Uint8Array): { readonly portal: string; readonly rowsMax: number } {
  const reader = new Reader(frame, HEADER);
  const portal = reader.cstringLatin1();
  const rowsMax = reader.int32();
  reader.finish();
  return { portal, rowsMax };
}

/** Describe ('D') and Close ('C'): of a statement or a portal. */
export function decodeNamed(frame: Uint8Array): { readonly what: "statement" | "portal"; readonly name: string } {
  const reader = new Reader(frame, HEADER);
  const kind = reader.uint8();
  const name = reader.cstringLatin1();
  reader.finish();
  if (kind === 0x53) return { what: "statement", name };
  if (kind === 0x50) return { what: "portal", name };
  throw new ProtocolError(`neither a statement nor a portal: ${kind}`);
}

/** One message: type, length, body. An empty type makes an untyped one. */
export function encodeFrame(type: string, body: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(type.length + 4 + body.length);
  frame.write(type, "latin1");
  frame.writeUInt32BE(4 + body.length, type.length);
  frame.set(body, type.length + 4);
  return frame;
}

export interface ErrorFields {
  readonly severity: "ERROR" | "FATAL" | "NOTICE";
  /** SQLSTATE. */
  readonly code: string;
  readonly message: string;
  readonly detail?: string;
  readonly hint?: string;
}

/** ErrorResponse ('E') or NoticeResponse ('N'), section 54.8. Text is cut at a NUL, which would end the field early. */
export function encodeError(fields: ErrorFields): Buffer {
  const parts = [
    field("S", fields.severity),
    field("V", fields.severity),
    field("C", fields.code),
    field("M", fields.message),
    fields.detail === undefined || fields.detail === "" ? "" : field("D", fields.detail),
    fields.hint === undefined || fields.hint === "" ? "" : field("H", fields.hint),
    "\0",
  ];
  return encodeFrame(fields.severity === "NOTICE" ? "N" : "E", Buffer.from(parts.join("")));
}

function field(code: string, value: string): string {
  return `${code}${value.replaceAll("\0", "")}\0`;
}

/** The fields of an ErrorResponse or NoticeResponse, by their letter. */
export function decodeError(body: Uint8Array, offset = 0): ReadonlyMap<string, string> {
  const reader = new Reader(body, offset);
  const fields = new Map<string, string>();
  for (let letter = reader.uint8(); letter !== 0; letter = reader.uint8()) {
    fields.set(String.fromCharCode(letter), reader.cstring());
  }
  return fields;
}

/** Parse ('P') of a statement. `name` as bytes (latin1). */
export function encodeParse(about: {
  readonly name: string;
  readonly text: string;
  readonly types: readonly number[];
}): Buffer {
  const types = Buffer.alloc(2 + 4 * about.types.length);
  types.writeUInt16BE(about.types.length);
  about.types.forEach((type, index) => types.writeUInt32BE(type, 2 + 4 * index));
  return encodeFrame(
    "P",
    Buffer.concat([Buffer.from(`${about.name}\0`, "latin1"), Buffer.from(`${about.text}\0`), types]),
  );
}

/** Close ('C') of a statement. `name` as bytes (latin1). */
export function encodeClose(name: string): Buffer {
  return encodeFrame("C", Buffer.from(`S${name}\0`, "latin1"));
}

/** A query that no server can parse and that carries `nonce`, so its error can be told from every other. */
export function encodePoisonQuery(nonce: string): Buffer {
  return encodeFrame("Q", Buffer.from(`${nonce}\0`));
}

/** The same for the extended protocol: a Parse with a name of its own, so the unnamed statement is not dropped. */
export function encodePoisonParse(nonce: string): Buffer {
  return encodeFrame("P", Buffer.from(`${nonce}\0${nonce}\0\0\0`));
}

/** Flush ('H'): asks for the answers so far. */
export const FLUSH = encodeFrame("H", Buffer.alloc(0));
