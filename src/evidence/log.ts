// The repository's log in its tiles: reads its right edge, adds one entry, and says which files change.

import {
  checkpointText,
  NoteError,
  parseCheckpoint,
  parseNote,
  type Verifier,
  verifySignatures,
} from "../tlog/note.ts";
import {
  decodeEntries,
  ENTRY_BYTES_MAX,
  encodeEntries,
  entriesPath,
  levelWidth,
  nodesInTiles,
  TILE_WIDTH,
  tilePath,
} from "../tlog/tiles.ts";
import { Frontier, leafHash, type NodeAt, nodeHash, type Peaks, peaksOf } from "../tlog/tree.ts";
import { decodeUtf8 } from "./dsse.ts";
import type { EvidenceFile, EvidenceReader } from "./ledger.ts";

/** The folder of the log in the evidence. */
export const LOG_FOLDER = "log";
export const CHECKPOINT_PATH = `${LOG_FOLDER}/checkpoint`;

/** A log of 2^40 sessions has five levels of tiles; no more are looked for. */
const LEVELS_MAX = 5;

/** The right edge of the log: all that is needed to add to it. */
export interface LogEdge {
  readonly origin: string;
  readonly peaks: Peaks;
  /** The partial tile of each level, by level; empty where the level ends with a full one. */
  readonly tiles: readonly Uint8Array[];
  /** The partial bundle of entries. */
  readonly entries: Uint8Array;
}

/** The evidence is not a log that may be added to; nothing was changed. */
export class LogError extends Error {
  override readonly name = "LogError";
}

/**
 * Reads the edge of a log, and believes it only when its checkpoint is signed by one of these keys and its tiles have
 * the root that was signed. Throws LogError. `empty` names the origin of a log that does not exist yet.
 */
export async function readEdge(now: EvidenceReader, keys: readonly Verifier[], empty: string): Promise<LogEdge> {
  const bytes = await now.read(CHECKPOINT_PATH);
  if (bytes === undefined)
    return { origin: empty, peaks: { size: 0, nodes: [] }, tiles: [], entries: new Uint8Array() };
  const { origin, size, root } = openCheckpoint(bytes, keys);
  const tiles: Uint8Array[] = [];
  for (let level = 0; level < LEVELS_MAX && levelWidth(level, size) > 0; level += 1) {
    tiles.push(await readPartial(now, (index, width) => tilePath(level, index, width), levelWidth(level, size)));
  }
  const entries = await readPartial(now, entriesPath, size);
  const peaks = edgePeaks(size, tiles);
  if (Buffer.compare(new Frontier(peaks).root(), root) !== 0) {
    throw new LogError("the log's tiles do not have the root that its checkpoint names; run countersign verify");
  }
  return { origin, peaks, tiles, entries };
}

/** What adding an entry comes to, but for the signatures over the new checkpoint. */
export interface Appended {
  /** The new entry's number. */
  readonly index: number;
  /** Its inclusion proof in the new tree. */
  readonly path: readonly Uint8Array[];
  /** The new checkpoint's text, to be signed. */
  readonly checkpoint: string;
  readonly files: readonly EvidenceFile[];
  readonly removed: readonly string[];
}

/** Adds one entry. Throws RangeError for an entry longer than the format holds. */
export function appendEntry(edge: LogEdge, entry: Uint8Array): Appended {
  if (entry.length > ENTRY_BYTES_MAX) throw new RangeError(`an entry is at most ${ENTRY_BYTES_MAX} bytes`);
  const { peaks, origin } = edge;
  const index = peaks.size;
  const leaf = leafHash(entry);
  const frontier = new Frontier(peaks);
  frontier.append(leaf);

  const files: EvidenceFile[] = [];
  const removed: string[] = [];
  const put = (path: (tile: number, width: number) => string, before: number, bytes: Uint8Array): void => {
    const tile = Math.floor(before / TILE_WIDTH);
    const width = (before % TILE_WIDTH) + 1;
    files.push({ path: `${LOG_FOLDER}/${path(tile, width)}`, bytes });
    if (width > 1) removed.push(`${LOG_FOLDER}/${path(tile, width - 1)}`);
  };

  put(entriesPath, index, Buffer.concat([edge.entries, encodeEntries([entry])]));
  let hashed: Uint8Array | undefined = leaf;
  for (let level = 0; hashed !== undefined; level += 1) {
    const tile: Buffer = Buffer.concat([edge.tiles[level] ?? new Uint8Array(), hashed]);
    put((at, width) => tilePath(level, at, width), levelWidth(level, index), tile);
    // Only a full tile is hashed upward.
    hashed = tile.length === TILE_WIDTH * 32 ? tileRoot(tile) : undefined;
  }
  return {
    index,
    // The new leaf is the last: its siblings are the peaks of the tree before it, smallest first.
    path: peaks.nodes.toReversed(),
    checkpoint: checkpointText({ origin, size: frontier.size, root: frontier.root() }),
    files,
    removed,
  };
}

/** Entry `index` of a log of this size; undefined when its bundle is missing or malformed. */
export async function readEntry(now: EvidenceReader, index: number, size: number): Promise<Uint8Array | undefined> {
  const bundle = Math.floor(index / TILE_WIDTH);
  const bytes = await now.read(
    `${LOG_FOLDER}/${entriesPath(bundle, Math.min(TILE_WIDTH, size - bundle * TILE_WIDTH))}`,
  );
  return bytes === undefined ? undefined : decodeEntries(bytes)?.[index % TILE_WIDTH];
}

function openCheckpoint(bytes: Uint8Array, keys: readonly Verifier[]) {
  try {
    const note = parseNote(decodeUtf8(bytes) ?? "");
    const head = parseCheckpoint(note.text);
    const own = keys.filter((key) => key.kind === "log" && key.name === head.origin);
    if (verifySignatures(note, own).length > 0) return head;
  } catch (cause) {
    if (!(cause instanceof NoteError)) throw cause;
    throw new LogError(`the log's checkpoint cannot be read: ${cause.message}; run countersign verify`, { cause });
  }
  throw new LogError("the log's checkpoint is signed by no key of trust/policy; run countersign verify");
}

async function readPartial(
  now: EvidenceReader,
  path: (index: number, width: number) => string,
  count: number,
): Promise<Uint8Array> {
  const width = count % TILE_WIDTH;
  if (width === 0) return new Uint8Array();
  const name = `${LOG_FOLDER}/${path(Math.floor(count / TILE_WIDTH), width)}`;
  const bytes = await now.read(name);
  if (bytes === undefined) throw new LogError(`the log has no ${name}; run countersign verify`);
  return bytes;
}

function edgePeaks(size: number, tiles: readonly Uint8Array[]): Peaks {
  const nodeAt: NodeAt = nodesInTiles((level) => tiles[level]);
  try {
    return peaksOf(size, nodeAt);
  } catch (cause) {
    if (cause instanceof RangeError) throw new LogError(`${cause.message}; run countersign verify`, { cause });
    throw cause;
  }
}

function tileRoot(tile: Uint8Array): Uint8Array {
  let row = Array.from({ length: TILE_WIDTH }, (_, at) => tile.subarray(at * 32, (at + 1) * 32));
  while (row.length > 1) {
    row = row.flatMap((left, at) => {
      const right = row[at + 1];
      return at % 2 === 0 && right !== undefined ? [nodeHash(left, right)] : [];
    });
  }
  return row[0] ?? tile;
}
