// What a path of the evidence may look like. Evidence comes from others: a path must not leave its root.

import { EvidenceError } from "./ledger.ts";

/** Longer than any path of ours by far. */
const PATH_CHARS_MAX = 512;

/** One file of the evidence is at most this large; GitHub takes no more than 100 MB, a folder may be kinder. */
export const FILE_BYTES_MAX = 1024 * 1024 * 1024;

/** The evidence cannot be read or written where it is. */
export class LedgerError extends EvidenceError {
  override readonly name: string = "LedgerError";
}

/** The path, if it is relative, plain and stays inside. Throws LedgerError. */
export function safePath(path: string): string {
  const names = path.split("/");
  const plain = names.every((name) => /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/.test(name));
  if (!plain || path.length > PATH_CHARS_MAX)
    throw new LedgerError(`${JSON.stringify(path)} is not a path of evidence`);
  return path;
}
