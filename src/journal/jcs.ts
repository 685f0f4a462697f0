// Canonical JSON, RFC 8785, for data whose numbers are all integers. One value has one spelling, so a line that is
// signed can be read, written again and compared byte for byte.

import { hasLoneSurrogate } from "./well-formed.ts";

/** Deeper than any event nests; a line of brackets alone must not exhaust the stack. */
const DEPTH_MAX = 32;

/** The value has no canonical form here, or the text is not the canonical form of what it says. */
export class CanonicalError extends Error {
  override readonly name = "CanonicalError";
}

/**
 * The canonical form of a value: keys in the order of their UTF-16 units, no white space, shortest escapes.
 * Throws CanonicalError for what has none: undefined, a fraction, a number beyond 2^53 - 1, half a surrogate pair.
 */
export function canonical(value: unknown): string {
  return write(value, 0);
}

/** Reads one canonical text. Throws CanonicalError for any second spelling: white space, key order, twice the same key. */
export function parseCanonical(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new CanonicalError("not JSON", { cause });
  }
  // The common case, at a third of the cost: what JSON.stringify writes again alike has one spelling of everything but
  // the order of keys and the kinds of values, which are looked at; a "\\ud" may be half a surrogate pair.
  // The look comes first, for it is bounded: JSON.stringify of brackets alone would exhaust the stack.
  if (!text.includes("\\ud") && isPlain(value, 0) && JSON.stringify(value) === text) return value;
  if (canonical(value) !== text) throw new CanonicalError("not the canonical form of what it says");
  return value;
}

/** Keys are in order, numbers are integers, nesting is bounded. False only means that the slow way decides. */
function isPlain(value: unknown, depth: number): boolean {
  if (typeof value === "number") return Number.isSafeInteger(value);
  if (typeof value !== "object" || value === null) return true;
  if (depth >= DEPTH_MAX) return false;
  if (Array.isArray(value)) return value.every((each) => isPlain(each, depth + 1));
  let last = "";
  for (const [key, each] of Object.entries(value)) {
    if (key < last || !isPlain(each, depth + 1)) return false;
    last = key;
  }
  return true;
}

function write(value: unknown, depth: number): string {
  if (depth > DEPTH_MAX) throw new CanonicalError(`nested deeper than ${DEPTH_MAX}`);
  switch (typeof value) {
    case "string":
      return quote(value);
    case "number":
      if (!Number.isSafeInteger(value)) throw new CanonicalError(`${value} is not an integer that JSON keeps exactly`);
      return String(value);
    case "boolean":
      return String(value);
    case "object":
      return value === null ? "null" : Array.isArray(value) ? writeList(value, depth) : writeObject(value, depth);
    case "undefined":
    case "bigint":
    case "function":
    case "symbol":
      throw new CanonicalError(`a ${typeof value} has no JSON`);
  }
}

function writeList(list: readonly unknown[], depth: number): string {
  // Not map: it skips holes, and a hole is an undefined.
  return `[${Array.from(list, (each) => write(each, depth + 1)).join(",")}]`;
}

function writeObject(object: object, depth: number): string {
  const fields = Object.entries(object)
    .toSorted(([left], [right]) => (left < right ? -1 : 1))
    .map(([key, each]: [string, unknown]) => `${quote(key)}:${write(each, depth + 1)}`);
  return `{${fields.join(",")}}`;
}

// JSON.stringify escapes a string exactly as RFC 8785 section 3.2.2.2 asks, but for lone surrogates, which have no form.
function quote(text: string): string {
  if (hasLoneSurrogate(text)) throw new CanonicalError("half a surrogate pair has no UTF-8");
  return JSON.stringify(text);
}
