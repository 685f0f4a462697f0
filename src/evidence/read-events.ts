// Reads a session's `events.jsonl` once, line by line: each event as far as it can be believed, and the tree over all.

import { hash } from "node:crypto";
import { Frontier, leafHash } from "../tlog/tree.ts";
import { decodeUtf8 } from "./dsse.ts";
import { type KnownEvent, parseEvent } from "./event-shapes.ts";

/** What came of reading. */
export interface EventsRead {
  /** Lines, whether or not each could be read. */
  readonly size: number;
  /** The RFC 6962 root over the lines. */
  readonly root: Buffer;
  readonly sha256: string;
  /** The last line has no newline. Whether it can be read says nothing, for it is not whole. */
  readonly torn: boolean;
  /** What is wrong with the whole lines, at most `FAULTS_MAX`. */
  readonly faults: readonly string[];
}

/** A file of a million bad lines is as bad as one of ten. */
const FAULTS_MAX = 10;

const NEWLINE = 10;

/** Calls `visit` for every event in order, with its leaf hash, and `headAt` after each line with the tree so far. */
export function readEvents(
  bytes: Uint8Array,
  visit: (event: KnownEvent, leaf: Buffer) => void,
  headAt?: (frontier: Frontier) => void,
): EventsRead {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const frontier = new Frontier();
  const faults: string[] = [];
  const fault = (what: string): void => {
    if (faults.length < FAULTS_MAX) faults.push(what);
  };
  let start = 0;
  while (start < file.length) {
    const newline = file.indexOf(NEWLINE, start);
    const end = newline === -1 ? file.length : newline;
    const line = file.subarray(start, end);
    const leaf = leafHash(line);
    const text = decodeUtf8(line);
    const event = text === undefined ? "not UTF-8" : parseEvent(text);
    if (typeof event !== "string") visit(event, leaf);
    else if (newline !== -1) fault(`line ${frontier.size + 1} is ${event}`);
    frontier.append(leaf);
    headAt?.(frontier);
    // Nothing here asks for proofs, so what only proofs need is let go as we go.
    if (frontier.size % 4096 === 0) frontier.rebase(frontier.peaks());
    start = end + 1;
  }
  const torn = file.length > 0 && file.at(-1) !== NEWLINE;
  return { size: frontier.size, root: frontier.root(), sha256: hash("sha256", file, "hex"), torn, faults };
}
