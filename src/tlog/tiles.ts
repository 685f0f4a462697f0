// The files of a tiled log: where each hash and each entry lives. https://c2sp.org/tlog-tiles
//
//   tile/<L>/<N>[.p/<W>]         hashes of 32 bytes: level 0 holds leaves, level L roots of full tiles of level L-1
//   tile/entries/<N>[.p/<W>]     for each entry uint16 big-endian length, then its bytes
//
// A tile holds 256 hashes. `.p/W` marks one that is not full, with its width; only full tiles are hashed upward.

import { HASH_BYTES, type NodeAt, nodeHash } from "./tree.ts";

/** Hashes in a full tile, and levels of the tree inside one: fixed by the specification. */
export const TILE_WIDTH = 256;
const TILE_HEIGHT = 8;

/** A proof wants at most 64 hashes, each in a tile of its own at worst. */
const TILES_READ_MAX = 64;

/** The length field of an entry has 16 bits. */
export const ENTRY_BYTES_MAX = 65_535;

/** Where a tile of hashes lives. `width` is 256 for a full one. */
export function tilePath(level: number, index: number, width: number): string {
  return `tile/${level}/${indexPath(index, width)}`;
}

/** Where a bundle of entries lives. */
export function entriesPath(index: number, width: number): string {
  return `tile/entries/${indexPath(index, width)}`;
}

/** Joins entries to a bundle. Throws RangeError for an entry that the format cannot hold. */
export function encodeEntries(entries: readonly Uint8Array[]): Buffer {
  return Buffer.concat(
    entries.flatMap((entry) => {
      if (entry.length > ENTRY_BYTES_MAX) throw new RangeError(`an entry is at most ${ENTRY_BYTES_MAX} bytes`);
      const length = Buffer.alloc(2);
      length.writeUInt16BE(entry.length);
      return [length, entry];
    }),
  );
}

/** Takes a bundle apart. Undefined when it is not a whole number of entries. */
export function decodeEntries(bundle: Uint8Array): Uint8Array[] | undefined {
  const bytes = Buffer.from(bundle.buffer, bundle.byteOffset, bundle.byteLength);
  const entries: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (at + 2 > bytes.length) return undefined;
    const end = at + 2 + bytes.readUInt16BE(at);
    if (end > bytes.length) return undefined;
    entries.push(bytes.subarray(at + 2, end));
    at = end;
  }
  return entries;
}

/** How many hashes of a level a log of `size` entries serves: full tiles, and those of the partial tile behind them. */
export function levelWidth(level: number, size: number): number {
  return Math.floor(size / TILE_WIDTH ** level);
}

/** The path of the tile that holds tile `index` of a level in a log of `size` entries: full, or the partial last one. */
export function tilePathAt(level: number, index: number, size: number): string {
  return tilePath(level, index, Math.min(TILE_WIDTH, levelWidth(level, size) - index * TILE_WIDTH));
}

/**
 * Looks up perfect subtrees in a log's tiles. `read` gives the bytes of a tile by level and index; each is asked for
 * once at most. Throws RangeError when a tile is missing or short.
 */
export function nodesInTiles(read: (level: number, index: number) => Uint8Array | undefined): NodeAt {
  const seen = new Map<string, Uint8Array>();
  const tileOf = (level: number, index: number): Uint8Array => {
    const key = `${level}/${index}`;
    const tile = seen.get(key) ?? read(level, index);
    if (tile === undefined) throw new RangeError(`tile ${key} is missing`);
    seen.set(key, tile);
    return tile;
  };
  return (level, index) => {
    const tileLevel = Math.floor(level / TILE_HEIGHT);
    const count = 2 ** (level % TILE_HEIGHT);
    const first = index * count;
    const tile = tileOf(tileLevel, Math.floor(first / TILE_WIDTH));
    let row = hashesIn(tile, first % TILE_WIDTH, count);
    while (row.length > 1) row = pairUp(row);
    const [node] = row;
    if (node === undefined) throw new RangeError(`tile ${tileLevel} is short`);
    return node;
  };
}

/** A tile that a computation needs and that was not read yet. */
class TileWanted extends Error {
  override readonly name = "TileWanted";
  readonly level: number;
  readonly index: number;

  constructor(level: number, index: number) {
    super(`tile ${level}/${index} is wanted`);
    this.level = level;
    this.index = index;
  }
}

/**
 * Computes something over a log's tiles, reading those that it needs and no others: it is started again with each that
 * was missing. Resolves to undefined when a tile is not there or too short for the log's size.
 */
export async function nodesFromTiles<T>(
  read: (level: number, index: number) => Promise<Uint8Array | undefined>,
  compute: (nodeAt: NodeAt) => T,
): Promise<T | undefined> {
  const tiles = new Map<string, Uint8Array>();
  const nodeAt = nodesInTiles((level, index) => {
    const tile = tiles.get(`${level}/${index}`);
    if (tile === undefined) throw new TileWanted(level, index);
    return tile;
  });
  for (let attempt = 0; attempt <= TILES_READ_MAX; attempt += 1) {
    try {
      return compute(nodeAt);
    } catch (error) {
      if (error instanceof RangeError) return undefined;
      if (!(error instanceof TileWanted)) throw error;
      const tile = await read(error.level, error.index);
      if (tile === undefined) return undefined;
      tiles.set(`${error.level}/${error.index}`, tile);
    }
  }
  return undefined;
}

function hashesIn(tile: Uint8Array, first: number, count: number): Uint8Array[] {
  if (tile.length < (first + count) * HASH_BYTES) throw new RangeError("a tile is shorter than the log's size says");
  return Array.from({ length: count }, (_, at) =>
    tile.subarray((first + at) * HASH_BYTES, (first + at + 1) * HASH_BYTES),
  );
}

function pairUp(row: readonly Uint8Array[]): Uint8Array[] {
  const above: Uint8Array[] = [];
  for (let at = 0; at + 1 < row.length; at += 2) {
    const left = row[at];
    const right = row[at + 1];
    if (left !== undefined && right !== undefined) above.push(nodeHash(left, right));
  }
  return above;
}

/** Base 1000, three digits an element, all but the last marked with x: 1234067 is x001/x234/067. */
function indexPath(index: number, width: number): string {
  const elements = [String(index % 1000).padStart(3, "0")];
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000)) {
    elements.unshift(`x${String(rest % 1000).padStart(3, "0")}`);
  }
  return `${elements.join("/")}${width === TILE_WIDTH ? "" : `.p/${width}`}`;
}
