const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** A ULID: 48 bits of time in milliseconds and 80 random bits, in Crockford's base 32. github.com/ulid/spec */
export function makeUlid(nowMs: number, random: Uint8Array): string {
  let time = "";
  for (let left = nowMs, index = 0; index < 10; index += 1) {
    time = (ALPHABET[left % 32] ?? "0") + time;
    left = Math.floor(left / 32);
  }
  let tail = "";
  let bits = 0n;
  for (const byte of random.subarray(0, 10)) bits = (bits << 8n) | BigInt(byte);
  for (let index = 0; index < 16; index += 1) {
    tail = (ALPHABET[Number(bits & 31n)] ?? "0") + tail;
    bits >>= 5n;
  }
  return time + tail;
}
