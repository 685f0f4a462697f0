// Names and paths against patterns. `*` is any run of characters within one part of a name, `**` any number of whole
// parts. Written without regular expressions, so no pattern and no name can make it slow.
import type { Truth } from "./truth.ts";

/** Parts beyond this are no name that a person wrote: whether such a one fits is answered with `maybe`. */
const PARTS_MAX = 256;

/**
 * Does an object fit a pattern? A pattern with a slash is a path, any other a dotted name.
 *
 * `yes` as written, and for a pattern without a qualifier on the last part of the name (`users` names `public.users`).
 * `maybe` where the name is less or more qualified than the pattern and what both say agrees (`users` could be
 * `public.users`), and where only upper and lower case differ.
 */
export function fitsObject(pattern: string, object: string): Truth {
  if (pattern.includes("/")) return fitsText(pattern, object);
  return caseless(pattern, object, (left, right) => fitsName(partsOf(left), partsOf(right)));
}

/** Does a fact (branch, path, actor ...) fit a pattern? Its parts are what slashes divide. */
export function fitsText(pattern: string, text: string): Truth {
  return caseless(pattern, text, (left, right) => {
    const have = right.split("/");
    if (have.length > PARTS_MAX) return "maybe";
    return fitsParts(left.split("/"), have) ? "yes" : "no";
  });
}

/** The parts of `a."b.c".d`: a dot inside quotes divides nothing, and the quotes are no part of the name. */
export function partsOf(name: string): readonly string[] {
  if (!name.includes('"')) return name.split(".");
  const parts: string[] = [];
  let part = "";
  let quoted = false;
  for (let at = 0; at < name.length; at += 1) {
    const char = name.charAt(at);
    if (char === '"') {
      // A doubled quote inside quotes is one quote of the name.
      if (quoted && name.charAt(at + 1) === '"') {
        part += char;
        at += 1;
      } else {
        quoted = !quoted;
      }
    } else if (char === "." && !quoted) {
      parts.push(part);
      part = "";
    } else {
      part += char;
    }
  }
  parts.push(part);
  return parts;
}

function caseless(pattern: string, text: string, fits: (pattern: string, text: string) => Truth): Truth {
  const exact = fits(pattern, text);
  if (exact !== "no") return exact;
  // Some targets fold case and some do not; which one this is, is not known here.
  return fits(pattern.toLowerCase(), text.toLowerCase()) === "no" ? "no" : "maybe";
}

function fitsName(want: readonly string[], have: readonly string[]): Truth {
  if (have.length > PARTS_MAX) return "maybe";
  if (fitsParts(want, have)) return "yes";
  for (let skipped = 1; skipped < have.length; skipped += 1) {
    if (fitsParts(want, have.slice(skipped))) return want.length === 1 ? "yes" : "maybe";
  }
  for (let skipped = 1; skipped < want.length; skipped += 1) {
    // `audit.**` could name the bare `entries`, but not `other.entries`, which says where it is.
    if (want[skipped] === "**" && have.length > 1) continue;
    if (fitsParts(want.slice(skipped), have)) return "maybe";
  }
  return "no";
}

function fitsParts(pattern: readonly string[], name: readonly string[]): boolean {
  return fitsSequence(pattern, name, "**", fitsPart);
}

function fitsPart(pattern: string, part: string): boolean {
  if (!pattern.includes("*")) return pattern === part;
  return fitsSequence(pattern.split(""), part.split(""), "*", (left, right) => left === right);
}

/** Going back to the last wildcard alone is enough, so the work is at most pattern times name. */
function fitsSequence(
  pattern: readonly string[],
  name: readonly string[],
  wildcard: string,
  fits: (pattern: string, name: string) => boolean,
): boolean {
  let p = 0;
  let n = 0;
  let wildcardAt = -1;
  let resumeAt = 0;
  while (n < name.length) {
    const want = pattern[p];
    if (want === wildcard) {
      wildcardAt = p;
      resumeAt = n;
      p += 1;
    } else if (want !== undefined && fits(want, name[n] ?? "")) {
      p += 1;
      n += 1;
    } else if (wildcardAt >= 0) {
      resumeAt += 1;
      p = wildcardAt + 1;
      n = resumeAt;
    } else {
      return false;
    }
  }
  while (pattern[p] === wildcard) p += 1;
  return p === pattern.length;
}
