/**
 * A value on the wire as text, for people and for the record. The job never gets this: it gets the server's own bytes.
 * Types whose binary form is not known here are shown as their bytes in hex, never guessed.
 */
export function decodeValue(bytes: Buffer, format: number, type: number): string {
  if (format === 0) return bytes.toString("utf8");
  const decode = BINARY.get(type);
  return decode?.(bytes) ?? hex(bytes);
}

const hex = (bytes: Buffer): string => `\\x${bytes.toString("hex")}`;
const utf8 = (bytes: Buffer): string => bytes.toString("utf8");

// Microseconds from 1970-01-01 to 2000-01-01, where PostgreSQL's timestamps begin.
const EPOCH_US = 946_684_800_000_000n;
const DAY_MS = 86_400_000;

/** pg_type.oid to its binary send format; undefined from a decoder when the length is not that type's. */
const BINARY: ReadonlyMap<number, (bytes: Buffer) => string | undefined> = new Map<
  number,
  (bytes: Buffer) => string | undefined
>([
  [16, (bytes) => (bytes.length === 1 ? (bytes[0] === 0 ? "f" : "t") : undefined)], // bool
  [17, hex], // bytea
  [18, utf8], // "char"
  [19, utf8], // name
  [20, (bytes) => (bytes.length === 8 ? bytes.readBigInt64BE().toString() : undefined)], // int8
  [21, (bytes) => (bytes.length === 2 ? String(bytes.readInt16BE()) : undefined)], // int2
  [23, (bytes) => (bytes.length === 4 ? String(bytes.readInt32BE()) : undefined)], // int4
  [25, utf8], // text
  [26, (bytes) => (bytes.length === 4 ? String(bytes.readUInt32BE()) : undefined)], // oid
  [114, utf8], // json
  [142, utf8], // xml
  [700, (bytes) => (bytes.length === 4 ? String(bytes.readFloatBE()) : undefined)], // float4
  [701, (bytes) => (bytes.length === 8 ? String(bytes.readDoubleBE()) : undefined)], // float8
  [705, utf8], // unknown
  [1042, utf8], // bpchar
  [1043, utf8], // varchar
  [1082, decodeDate], // date
  [1114, decodeTimestamp], // timestamp
  [1184, (bytes) => withZone(decodeTimestamp(bytes))], // timestamptz
  [1700, decodeNumeric], // numeric
  [2950, decodeUuid], // uuid
  [3802, (bytes) => (bytes[0] === 1 ? bytes.toString("utf8", 1) : undefined)], // jsonb, version 1
]);

function decodeDate(bytes: Buffer): string | undefined {
  if (bytes.length !== 4) return undefined;
  const date = new Date(Number(EPOCH_US / 1000n) + bytes.readInt32BE() * DAY_MS);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString().slice(0, -14);
}

function decodeTimestamp(bytes: Buffer): string | undefined {
  if (bytes.length !== 8) return undefined;
  const us = bytes.readBigInt64BE() + EPOCH_US;
  const fraction = ((us % 1_000_000n) + 1_000_000n) % 1_000_000n;
  const date = new Date(Number((us - fraction) / 1000n));
  if (Number.isNaN(date.getTime())) return undefined;
  const seconds = date.toISOString().slice(0, -5).replace("T", " ");
  return fraction === 0n ? seconds : `${seconds}.${fraction.toString().padStart(6, "0").replace(/0+$/, "")}`;
}

function withZone(text: string | undefined): string | undefined {
  return text === undefined ? undefined : `${text}+00`;
}

function decodeUuid(bytes: Buffer): string | undefined {
  if (bytes.length !== 16) return undefined;
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

// numeric_send: int16 digits, weight, sign, display scale, then base-10000 digits.
function decodeNumeric(bytes: Buffer): string | undefined {
  if (bytes.length < 8) return undefined;
  const count = bytes.readUInt16BE(0);
  const weight = bytes.readInt16BE(2);
  const sign = bytes.readUInt16BE(4);
  const scale = bytes.readUInt16BE(6);
  if (sign === 0xc000) return "NaN";
  if (sign === 0xd000) return "Infinity";
  if (sign === 0xf000) return "-Infinity";
  if (bytes.length !== 8 + count * 2 || weight > 20_000) return undefined;
  const digit = (index: number): string => {
    const at = 8 + index * 2;
    return (index >= 0 && index < count ? bytes.readUInt16BE(at) : 0).toString().padStart(4, "0");
  };
  let whole = "";
  for (let index = 0; index <= weight; index += 1) whole += digit(index);
  let fraction = "";
  for (let index = weight + 1; fraction.length < scale; index += 1) fraction += digit(index);
  const text = `${whole.replace(/^0+(?=\d)/, "") || "0"}${scale > 0 ? `.${fraction.slice(0, scale)}` : ""}`;
  return sign === 0x4000 ? `-${text}` : text;
}
