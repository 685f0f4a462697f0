// A proof that a log holds an entry, in one file that needs nothing else. https://c2sp.org/tlog-proof
//
//   c2sp.org/tlog-proof@v1\n
//   [extra <base64>\n]         opaque; not authenticated
//   index <n>\n
//   <base64 hash>\n ...         the inclusion proof, the leaf's sibling first
//   \n
//   <checkpoint with its signatures>

import { fromBase64 } from "./base64.ts";
import { NoteError, parseCount } from "./note.ts";
import { HASH_BYTES } from "./tree.ts";

const HEADER = "c2sp.org/tlog-proof@v1";

/** No tree of up to 2^63 leaves has a longer path. */
const PATH_LINES_MAX = 63;

export interface LogProof {
  readonly index: number;
  readonly path: readonly Uint8Array[];
  /** The signed note, whole. */
  readonly checkpoint: string;
  /** Opaque and not authenticated; undefined where the file has none. */
  readonly extra?: Uint8Array;
}

/** Writes a proof file. */
export function encodeProof({ index, path, checkpoint, extra }: LogProof): string {
  const extraLine = extra === undefined ? "" : `extra ${Buffer.from(extra).toString("base64")}\n`;
  const lines = path.map((each) => `${Buffer.from(each).toString("base64")}\n`);
  return `${HEADER}\n${extraLine}index ${index}\n${lines.join("")}\n${checkpoint}`;
}

/** Reads a proof file. Throws NoteError. Checks the form only; the checkpoint inside is still just text. */
export function parseProof(text: string): LogProof {
  const blank = text.indexOf("\n\n");
  const lines = text.slice(0, Math.max(0, blank)).split("\n");
  if (blank === -1 || lines.shift() !== HEADER) throw new NoteError("text", `a proof starts with ${HEADER}`);
  const extra = lines[0]?.startsWith("extra ") === true ? fromBase64(lines.shift()?.slice(6) ?? "!") : null;
  if (extra === undefined) throw new NoteError("text", "extra data is base 64");
  const indexLine = lines.shift() ?? "";
  const index = indexLine.startsWith("index ") ? parseCount(indexLine.slice(6)) : undefined;
  if (index === undefined) throw new NoteError("text", "a proof names the index of its entry");
  if (lines.length > PATH_LINES_MAX) throw new NoteError("text", `a proof has at most ${PATH_LINES_MAX} hashes`);
  const path = lines.map((line) => {
    const node = fromBase64(line);
    if (node?.length !== HASH_BYTES) throw new NoteError("text", "a line of a proof is 32 bytes in base 64");
    return node;
  });
  return { index, path, checkpoint: text.slice(blank + 2), ...(extra === null ? {} : { extra }) };
}
