// Strings of JavaScript may hold halves of surrogate pairs, which no UTF-8 can hold. This finds and replaces them.

const LONE = /\p{Surrogate}/u;
const LONE_EACH = /\p{Surrogate}/gu;

/** Does the text hold half a surrogate pair. */
export function hasLoneSurrogate(text: string): boolean {
  return LONE.test(text);
}

/** The text with U+FFFD for each half of a pair, as UTF-8 decoders do. Text that came as UTF-8 is returned as it is. */
export function wellFormed(text: string): string {
  return LONE.test(text) ? text.replace(LONE_EACH, "\ufffd") : text;
}
