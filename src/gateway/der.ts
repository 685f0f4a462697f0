// ASN.1 as DER (X.690), as far as a certificate of ours is made of it and the hash of somebody else's is found in it.
// It knows nothing of certificates.
//
//   tag      1 byte
//   length   1 byte below 128, else 0x80 + count and that many bytes, most significant first
//   content

/** What stands in a signature's parameters. */
const SEQUENCE = 0x30;

export function encode(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const length = content.length;
  if (length > 0xffff) throw new RangeError("nothing of ours is longer than 65535 bytes");
  const header = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...header]), content]);
}

export function sequence(...parts: readonly Uint8Array[]): Buffer {
  return encode(SEQUENCE, ...parts);
}

/** An object identifier from its dotted form. */
export function objectId(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  return encode(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

/** Most significant seven bits first; all bytes but the last have their top bit set. */
function base128(value: number): number[] {
  const bytes = [value & 0x7f];
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) bytes.unshift(0x80 | (rest & 0x7f));
  return bytes;
}

/** An integer of zero or more, most significant byte first; nothing may stand before it that is not needed. */
export function integer(bytes: Uint8Array): Buffer {
  const from = bytes.findIndex((byte) => byte !== 0);
  const rest = from === -1 ? Buffer.alloc(1) : bytes.subarray(from);
  return encode(0x02, (rest[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.alloc(1), rest]) : rest);
}

/** `unused`: how many of the last byte's bits are none. */
export function bitString(bytes: Uint8Array, unused = 0): Buffer {
  return encode(0x03, Buffer.from([unused]), bytes);
}

export function octetString(bytes: Uint8Array): Buffer {
  return encode(0x04, bytes);
}

export function utf8String(text: string): Buffer {
  return encode(0x0c, Buffer.from(text));
}

export const TRUE = encode(0x01, Buffer.from([0xff]));

/** Seconds in UTC, for years from 1950 to 2049 (RFC 5280 section 4.1.2.5.1). */
export function utcTime(date: Date): Buffer {
  const digits = date.toISOString().replaceAll(/[-T:]/g, "").slice(2, 14);
  return encode(0x17, Buffer.from(`${digits}Z`, "latin1"));
}

/** One element, and what stands behind it. Throws RangeError where it is cut off or its length is of no form above. */
export function take(bytes: Buffer): { readonly tag: number; readonly content: Buffer; readonly rest: Buffer } {
  const [tag, first] = bytes;
  if (tag === undefined || first === undefined || first === 0x80 || first > 0x84) throw new RangeError("not DER");
  const count = first < 0x80 ? 0 : first - 0x80;
  if (bytes.length < 2 + count) throw new RangeError("DER that is cut off");
  const length = count === 0 ? first : bytes.readUIntBE(2, count);
  const end = 2 + count + length;
  if (bytes.length < end) throw new RangeError("DER that is cut off");
  return { tag, content: bytes.subarray(2 + count, end), rest: bytes.subarray(end) };
}
