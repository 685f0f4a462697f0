// Lengths of time and sizes as an operator writes them: a whole number and a unit, one spelling each.

export const DURATION = /^(?:0|[1-9]\d{0,8})(?:ms|s|m|h)$/;
export const SIZE = /^(?:0|[1-9]\d{0,8})(?:B|KiB|MiB)$/;

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const UNIT_BYTES: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1024 * 1024 };

/** Milliseconds of `500ms`, `60s`, `30m`, `2h`; NaN for anything else. */
export function durationMs(text: string): number {
  return DURATION.test(text) ? amount(text, UNIT_MS) : Number.NaN;
}

/** Bytes of `512B`, `64KiB`, `1MiB`; NaN for anything else. */
export function sizeBytes(text: string): number {
  return SIZE.test(text) ? amount(text, UNIT_BYTES) : Number.NaN;
}

function amount(text: string, units: Readonly<Record<string, number>>): number {
  const number = Number.parseInt(text, 10);
  return number * (units[text.replace(/^\d+/, "")] ?? Number.NaN);
}
