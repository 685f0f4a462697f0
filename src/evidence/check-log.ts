// The repository's log as a whole: its checkpoint, its tiles, and the entries they hold.

import { NoteError, parseCheckpoint, parseNote, type Verifier, verifySignatures } from "../tlog/note.ts";
import { decodeEntries, entriesPath, levelWidth, TILE_WIDTH, tilePathAt } from "../tlog/tiles.ts";
import { Frontier, leafHash, nodeHash } from "../tlog/tree.ts";
import { decodeUtf8 } from "./dsse.ts";
import { type LogEntry, parseEntry } from "./entry.ts";
import type { EvidenceReader } from "./ledger.ts";
import { CHECKPOINT_PATH, LOG_FOLDER } from "./log.ts";
import { Finding, isoSeconds } from "./report.ts";
import type { Trust } from "./trust.ts";

/** A log whose checkpoint could be read. */
export interface LogRead {
  readonly origin: string;
  readonly size: number;
  readonly checkpoint: string;
  /** POSIX seconds by the countersigner's clock; 0 where nobody countersigned. */
  readonly countersignedAt: number;
  /** Entries as far as they could be read, in order. */
  readonly entries: readonly (LogEntry | undefined)[];
  /** The root at every size up to that of the log, by size. */
  readonly roots: readonly Uint8Array[];
}

/**
 * A checkpoint's origin, size and root, if a trusted log key signed it and, where there are countersigners, one of them
 * cosigned it. A string says why not.
 */
export function openLogCheckpoint(note: string, { logs, witnesses }: Trust) {
  try {
    const parsed = parseNote(note);
    const head = parseCheckpoint(parsed.text);
    if (head.extensions.length > 0) return "has lines that mean nothing here";
    const own = logs.filter(({ name }) => name === head.origin);
    if (verifySignatures(parsed, own).length === 0) return `is signed by no trusted key of the log ${head.origin}`;
    const cosigned = verifySignatures(parsed, witnesses);
    if (witnesses.length > 0 && cosigned.length === 0) return "is countersigned by no trusted key";
    return { ...head, cosignedAt: Math.max(0, ...cosigned.map(({ at }) => at)) };
  } catch (error) {
    if (error instanceof NoteError) return error.message;
    throw error;
  }
}

/** Reads the log and checks it. Undefined when there is nothing that could be read. */
export async function checkLog(
  reader: EvidenceReader,
  trust: Trust,
): Promise<{ readonly log: LogRead | undefined; readonly findings: readonly Finding[] }> {
  const signed = new Finding("checkpoint");
  const tiles = new Finding("tiles");
  const findings = [signed, tiles];
  const bytes = await reader.read(CHECKPOINT_PATH);
  const checkpoint = bytes === undefined ? undefined : decodeUtf8(bytes);
  if (checkpoint === undefined) {
    signed.fail(`there is no ${CHECKPOINT_PATH}`);
    tiles.fail("no checkpoint to hold them against");
    return { log: undefined, findings };
  }
  const head = openLogCheckpoint(checkpoint, trust);
  if (typeof head === "string") {
    signed.fail(`${CHECKPOINT_PATH} ${head}`);
    tiles.fail("no checkpoint to hold them against");
    return { log: undefined, findings };
  }
  signed.detail = `${head.origin}, ${head.size} entries${head.cosignedAt === 0 ? "" : `, countersigned ${isoSeconds(head.cosignedAt)}`}`;
  const entries = await readEntries(reader, head.size, tiles);
  const frontier = new Frontier();
  const roots: Uint8Array[] = [frontier.root()];
  const leaves = entries.map((entry) => leafHash(entry));
  for (const leaf of leaves) {
    frontier.append(leaf);
    roots.push(frontier.root());
  }
  if (Buffer.compare(frontier.root(), head.root) !== 0) tiles.fail("the entries do not have the checkpoint's root");
  // A size that is signed may still be a lie, and too large to count up to. Where entries lack, the tiles failed already.
  if (leaves.length === head.size) await compareTiles(reader, leaves, head.size, tiles);
  tiles.detail = `${entries.length} entries`;
  return {
    log: {
      origin: head.origin,
      size: head.size,
      checkpoint,
      countersignedAt: head.cosignedAt,
      entries: entries.map((entry) => parseEntry(decodeUtf8(entry) ?? "")),
      roots,
    },
    findings,
  };
}

async function readEntries(reader: EvidenceReader, size: number, finding: Finding): Promise<Uint8Array[]> {
  const entries: Uint8Array[] = [];
  for (let bundle = 0; bundle * TILE_WIDTH < size; bundle += 1) {
    const width = Math.min(TILE_WIDTH, size - bundle * TILE_WIDTH);
    const path = `${LOG_FOLDER}/${entriesPath(bundle, width)}`;
    const bytes = await reader.read(path);
    const some = bytes === undefined ? undefined : decodeEntries(bytes);
    if (some?.length !== width) {
      finding.fail(`${path} is missing or does not hold ${width} entries`);
      return entries;
    }
    entries.push(...some);
  }
  return entries;
}

async function compareTiles(
  reader: EvidenceReader,
  leaves: readonly Uint8Array[],
  size: number,
  finding: Finding,
): Promise<void> {
  let row = leaves;
  for (let level = 0; row.length > 0; level += 1) {
    const above: Uint8Array[] = [];
    for (let tile = 0; tile * TILE_WIDTH < levelWidth(level, size); tile += 1) {
      const hashes = row.slice(tile * TILE_WIDTH, (tile + 1) * TILE_WIDTH);
      const path = `${LOG_FOLDER}/${tilePathAt(level, tile, size)}`;
      const bytes = await reader.read(path);
      if (bytes === undefined || Buffer.compare(bytes, Buffer.concat(hashes)) !== 0) {
        finding.fail(`${path} is missing or does not hold the hashes of its entries`);
      }
      if (hashes.length === TILE_WIDTH) above.push(fullRoot(hashes));
    }
    row = above;
  }
}

function fullRoot(hashes: readonly Uint8Array[]): Uint8Array {
  let row = hashes;
  while (row.length > 1) {
    row = row.flatMap((left, at) => {
      const right = row[at + 1];
      return at % 2 === 0 && right !== undefined ? [nodeHash(left, right)] : [];
    });
  }
  return row[0] ?? new Uint8Array();
}

/** Does one of these keys have this raw public key. */
export function isAmong(keys: readonly Verifier[], publicKey: Uint8Array): boolean {
  return keys.some((key) => Buffer.compare(key.publicKey, publicKey) === 0);
}
