// The repository's log in its tiles: reads its right edge, adds entries, and says which files change.

import {
  type Checkpoint,
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
  tilePathAt,
} from "../tlog/tiles.ts";
import {
  Frontier,
  HASH_BYTES,
  inclusionProof,
  leafHash,
  type NodeAt,
  nodeHash,
  type Peaks,
  peaksOf,
} from "../tlog/tree.ts";
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
  override readonly name: string = "LogError";
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

/** What adding entries comes to, but for the signatures over the new checkpoint. */
export interface Appended {
  /** The number of the first new entry. */
  readonly index: number;
  /** For each new entry, in order, its inclusion proof in the new tree. */
  readonly paths: readonly (readonly Uint8Array[])[];
  /** The new checkpoint's text, to be signed. */
  readonly checkpoint: string;
  readonly files: readonly EvidenceFile[];
  readonly removed: readonly string[];
}

/** Adds entries, one at least. Throws RangeError for an entry longer than the format holds. */
export function appendEntries(edge: LogEdge, entries: readonly Uint8Array[]): Appended {
  if (entries.some(({ length }) => length > ENTRY_BYTES_MAX)) {
    throw new RangeError(`an entry is at most ${ENTRY_BYTES_MAX} bytes`);
  }
  const { peaks, origin } = edge;
  const leaves = entries.map((entry) => leafHash(entry));
  const frontier = new Frontier(peaks);
  for (const leaf of leaves) frontier.append(leaf);

  const bundles = grow(entriesPath, { count: peaks.size, partial: edge.entries }, encodeEach(entries));
  const grown = [bundles];
  let row: readonly Uint8Array[] = leaves;
  for (let level = 0; row.length > 0; level += 1) {
    const from = { count: levelWidth(level, peaks.size), partial: edge.tiles[level] ?? new Uint8Array() };
    const tiles = grow((at, width) => tilePath(level, at, width), from, row);
    grown.push(tiles);
    // Only a full tile is hashed upward.
    row = tiles.full.map(tileRoot);
  }
  const nodeAt = nodesFrom(peaks, leaves);
  return {
    index: peaks.size,
    paths: leaves.map((_, at) => inclusionProof(peaks.size + at, frontier.size, nodeAt)),
    checkpoint: checkpointText({ origin, size: frontier.size, root: frontier.root() }),
    files: grown.flatMap(({ files }) => files),
    removed: grown.flatMap(({ removed }) => removed),
  };
}

/** Adds one entry; `path` is its inclusion proof. Throws RangeError for an entry longer than the format holds. */
export function appendEntry(
  edge: LogEdge,
  entry: Uint8Array,
): Omit<Appended, "paths"> & { readonly path: readonly Uint8Array[] } {
  const { paths, ...rest } = appendEntries(edge, [entry]);
  return { ...rest, path: paths[0] ?? [] };
}

function encodeEach(entries: readonly Uint8Array[]): Uint8Array[] {
  return entries.map((entry) => encodeEntries([entry]));
}

interface Grown {
  readonly files: readonly EvidenceFile[];
  readonly removed: readonly string[];
  /** The tiles that became full, whole. */
  readonly full: readonly Uint8Array[];
}

/** Adds to one row of tiles that has `count` items, the last of them in a partial tile. */
function grow(
  path: (tile: number, width: number) => string,
  { count, partial }: { readonly count: number; readonly partial: Uint8Array },
  items: readonly Uint8Array[],
): Grown {
  const files: EvidenceFile[] = [];
  const full: Uint8Array[] = [];
  let tile = Math.floor(count / TILE_WIDTH);
  let width = count % TILE_WIDTH;
  const removed = width === 0 ? [] : [`${LOG_FOLDER}/${path(tile, width)}`];
  let parts = [partial];
  const put = (): Uint8Array => {
    const bytes = Buffer.concat(parts);
    files.push({ path: `${LOG_FOLDER}/${path(tile, width)}`, bytes });
    return bytes;
  };
  for (const item of items) {
    parts.push(item);
    width += 1;
    if (width < TILE_WIDTH) continue;
    full.push(put());
    tile += 1;
    width = 0;
    parts = [];
  }
  if (width > 0) put();
  return { files, removed, full };
}

/**
 * Perfect subtrees of a tree that was added to, from its peaks before and the leaves since. It knows those that hold a new
 * leaf, and the peaks; a new leaf's proof needs no other.
 */
function nodesFrom(peaks: Peaks, leaves: readonly Uint8Array[]): NodeAt {
  const known = new Map<string, Uint8Array>();
  let at = 0;
  for (const node of peaks.nodes) {
    const level = Math.floor(Math.log2(peaks.size - at));
    known.set(`${level}/${at / 2 ** level}`, node);
    at += 2 ** level;
  }
  const nodeAt: NodeAt = (level, index) => {
    const key = `${level}/${index}`;
    const node = known.get(key) ?? (level === 0 ? leaves[index - peaks.size] : undefined);
    if (node !== undefined) return node;
    if (level === 0) throw new RangeError(`leaf ${index} is not at hand`);
    const joined = nodeHash(nodeAt(level - 1, 2 * index), nodeAt(level - 1, 2 * index + 1));
    known.set(key, joined);
    return joined;
  };
  return nodeAt;
}

/**
 * The inclusion proof of entry `index` in a log of this size. Reads only the tiles on its way: one or two of each level.
 * Throws LogError when one is missing.
 */
export async function proveEntry(now: EvidenceReader, index: number, size: number): Promise<readonly Uint8Array[]> {
  const wanted = new Map<string, Uint8Array>();
  // Which tiles are asked for does not depend on what is in them, so a walk over empty ones tells.
  const blank = new Uint8Array(TILE_WIDTH * HASH_BYTES);
  const look = (level: number, tile: number): Uint8Array => {
    wanted.set(tilePathAt(level, tile, size), blank);
    return blank;
  };
  inclusionProof(index, size, nodesInTiles(look));
  for (const path of wanted.keys()) {
    const bytes = await now.read(`${LOG_FOLDER}/${path}`);
    if (bytes === undefined) throw new LogError(`the log has no ${LOG_FOLDER}/${path}; run countersign verify`);
    wanted.set(path, bytes);
  }
  return inclusionProof(
    index,
    size,
    nodesInTiles((level, tile) => wanted.get(tilePathAt(level, tile, size))),
  );
}

/** Entry `index` of a log of this size; undefined when its bundle is missing or malformed. */
export async function readEntry(now: EvidenceReader, index: number, size: number): Promise<Uint8Array | undefined> {
  const bundle = Math.floor(index / TILE_WIDTH);
  const bytes = await now.read(
    `${LOG_FOLDER}/${entriesPath(bundle, Math.min(TILE_WIDTH, size - bundle * TILE_WIDTH))}`,
  );
  return bytes === undefined ? undefined : decodeEntries(bytes)?.[index % TILE_WIDTH];
}

/**
 * Does the log hold an entry of which this is so. Looks from the newest on backwards, a bundle at a time. Throws LogError
 * for a checkpoint or a bundle that cannot be read.
 */
export async function holdsEntry(now: EvidenceReader, isWanted: (entry: Uint8Array) => boolean): Promise<boolean> {
  const bytes = await now.read(CHECKPOINT_PATH);
  if (bytes === undefined) return false;
  const { size } = headIn(bytes);
  for (let bundle = Math.ceil(size / TILE_WIDTH) - 1; bundle >= 0; bundle -= 1) {
    const path = `${LOG_FOLDER}/${entriesPath(bundle, Math.min(TILE_WIDTH, size - bundle * TILE_WIDTH))}`;
    const entries = decodeEntries((await now.read(path)) ?? new Uint8Array(1));
    if (entries === undefined) throw new LogError(`the log has no ${path} that can be read; run countersign verify`);
    if (entries.some(isWanted)) return true;
  }
  return false;
}

/** What a checkpoint says, whoever signed it. */
function headIn(bytes: Uint8Array): Checkpoint {
  try {
    return parseCheckpoint(parseNote(decodeUtf8(bytes) ?? "").text);
  } catch (cause) {
    if (!(cause instanceof NoteError)) throw cause;
    throw new LogError(`the log's checkpoint cannot be read: ${cause.message}; run countersign verify`, { cause });
  }
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
