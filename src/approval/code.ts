/**
 * The code that a person types to answer one request by comment, and the reading of such a comment.
 *
 * A code says which request is meant. It is no secret from whoever can read the check, so it gives no right to answer.
 */
import { requestId } from "./request.ts";

/**
 * A code `XXXXX-XXXXX`: 50 bits in Crockford's base 32, from 7 random bytes of its own, so that knowing a request's id is
 * not knowing its code. Throws RangeError for fewer bytes.
 */
export function requestCode(random: Uint8Array): string {
  const text = requestId(random);
  return `${text.slice(0, 5)}-${text.slice(5)}`;
}

/** Whether two codes are one, in a time that does not tell where they differ. */
export function isSameCode(one: string, other: string): boolean {
  let difference = one.length ^ other.length;
  for (let at = 0; at < other.length; at += 1) {
    difference |= one.charCodeAt(at % Math.max(1, one.length)) ^ other.charCodeAt(at);
  }
  return difference === 0;
}

/** What a comment says: an answer with its code, nothing for us, or something that was meant for us and is no answer. */
export type CommentCommand =
  | { readonly kind: "answer"; readonly word: "approve" | "refuse"; readonly code: string }
  | { readonly kind: "other" }
  | { readonly kind: "malformed"; readonly hint: string };

// One spelling, whole and ASCII: what is quoted, indented, in a block or in look-alike letters was not typed to answer.
const ANSWER = /^\/countersign (approve|deny) ([0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{5})$/;
// The command anywhere, also with a look-alike for its first letter.
const MEANT = /\/.?ountersign/iu;
// What GitHub lets a comment hold; a longer one did not come from there.
const BODY_CHARACTERS_MAX = 65_536;

/** Reads a comment's body. Only its first line can answer; the rest is the person's own. */
export function readComment(body: string): CommentCommand {
  const [line = ""] = body.slice(0, BODY_CHARACTERS_MAX).split(/\r?\n/, 1);
  const [, verb, code] = ANSWER.exec(line) ?? [];
  if (verb !== undefined && code !== undefined) {
    return { kind: "answer", word: verb === "approve" ? "approve" : "refuse", code };
  }
  if (!MEANT.test(body.slice(0, BODY_CHARACTERS_MAX))) {
    return { kind: "other" };
  }
  return {
    kind: "malformed",
    hint: "To answer, write `/countersign approve CODE` or `/countersign deny CODE` as the whole first line, with the code as the check shows it.",
  };
}
