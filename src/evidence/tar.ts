// Files in one `.tar.gz`: POSIX.1-1988 ustar in one gzip member (RFC 1952), written in one way and read strictly. An
// archive may come from anybody, so everything that another program might understand differently is refused.
//
// A header has 512 bytes, numbers in octal digits that end with NUL or a blank:
//
//   0    name[100]      100  mode[8]     108  uid[8]      116  gid[8]     124  size[12]    136  mtime[12]
//   148  checksum[8]    156  type[1]     157  link[100]   257  "ustar\0"  263  "00"        265  uname[32]
//   297  gname[32]      329  major[8]    337  minor[8]    345  prefix[155]
//
// The path is the prefix, a slash and the name; contents follow, filled up to 512; two empty blocks end the archive.

import { constants, crc32, deflateRawSync, inflateRawSync } from "node:zlib";
import { LedgerError, safePath } from "./evidence-path.ts";
import type { EvidenceFile } from "./ledger.ts";

/** All is held in memory. A ledger of ten thousand sessions with their pages has 250 MB. */
export const TAR_BYTES_MAX = 512 * 1024 * 1024;

/** A session has about ten files. */
const ENTRIES_MAX = 200_000;

const BLOCK = 512;

/**
 * Magic, deflate, no flags, no time, no level, no operating system: nothing but the files is in it, so they give
 * the same bytes on every machine (with one version of zlib).
 */
const GZIP_HEADER = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
const GZIP_TRAILER_BYTES = 8;

/** Packs files in the order of their paths. Throws LedgerError for a path that evidence cannot have, or one too long. */
export function encodeTarGz(files: readonly EvidenceFile[]): Buffer {
  const sorted = files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  refuseClashes(sorted.map(({ path }) => path));
  const blocks: Uint8Array[] = [];
  for (const { path, bytes } of sorted) {
    blocks.push(encodeHeader(safePath(path), bytes.length), bytes, Buffer.alloc(padding(bytes.length)));
  }
  blocks.push(Buffer.alloc(2 * BLOCK));
  const tar = Buffer.concat(blocks);
  if (tar.length > TAR_BYTES_MAX) {
    throw new LedgerError(`a bundle holds at most ${TAR_BYTES_MAX} bytes; keep the evidence in a folder or a branch`);
  }
  const trailer = Buffer.alloc(GZIP_TRAILER_BYTES);
  trailer.writeUInt32LE(crc32(tar));
  trailer.writeUInt32LE(tar.length, 4);
  return Buffer.concat([GZIP_HEADER, deflateRawSync(tar, { level: constants.Z_BEST_COMPRESSION }), trailer]);
}

/** Unpacks what `encodeTarGz` or a careful tar packed. Throws LedgerError, having written nothing anywhere. */
export function decodeTarGz(bytes: Uint8Array): EvidenceFile[] {
  const tar = gunzip(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  const files: EvidenceFile[] = [];
  const paths: string[] = [];
  let at = 0;
  for (; !isEmptyBlock(tar, at); ) {
    const header = decodeHeader(tar.subarray(at, at + BLOCK));
    at += BLOCK;
    paths.push(header.path);
    if (paths.length > ENTRIES_MAX) refuse(`it has more than ${ENTRIES_MAX} entries`);
    if (header.folder) continue;
    const end = at + header.size;
    const next = end + padding(header.size);
    if (next > tar.length) refuse(`${header.path} is cut off`);
    if (!isZero(tar.subarray(end, next))) refuse(`something stands behind the end of ${header.path}`);
    files.push({ path: header.path, bytes: tar.subarray(at, end) });
    at = next;
  }
  if (!isEmptyBlock(tar, at + BLOCK) || !isZero(tar.subarray(at))) refuse("its end is not two empty blocks and zeros");
  refuseClashes(paths);
  refuseFilesAsFolders(files, paths);
  return files;
}

function gunzip(bytes: Buffer): Buffer {
  const body = bytes.subarray(GZIP_HEADER.length, -GZIP_TRAILER_BYTES);
  const isPlain =
    bytes.length > GZIP_HEADER.length + GZIP_TRAILER_BYTES && bytes.subarray(0, 4).equals(GZIP_HEADER.subarray(0, 4));
  if (!isPlain) refuse("it is not gzip without name and comment (gzip -n)");
  let tar: Buffer;
  try {
    // The bound holds while it inflates: a small file that becomes a large one is given up at the bound.
    const result: unknown = inflateRawSync(body, { maxOutputLength: TAR_BYTES_MAX, info: true });
    if (!isInflated(result) || result.engine.bytesWritten !== body.length)
      return refuse("something stands behind its end");
    tar = result.buffer;
  } catch (cause) {
    if (cause instanceof LedgerError) throw cause;
    throw new LedgerError(`this is not a bundle: it cannot be inflated, or holds more than ${TAR_BYTES_MAX} bytes`, {
      cause,
    });
  }
  const trailer = bytes.subarray(-GZIP_TRAILER_BYTES);
  if (trailer.readUInt32LE(0) !== crc32(tar) || trailer.readUInt32LE(4) !== tar.length) refuse("its checksum is wrong");
  if (tar.length % BLOCK !== 0) refuse("it does not consist of blocks");
  return tar;
}

function encodeHeader(path: string, size: number): Buffer {
  const [prefix, name] = splitPath(path);
  const header = Buffer.alloc(BLOCK);
  const put = (at: number, text: string): void => void header.write(text, at, "latin1");
  const octal = (value: number, digits: number): string => value.toString(8).padStart(digits, "0");
  put(0, name);
  put(100, `${octal(0o644, 7)}\0`);
  put(108, `${octal(0, 7)}\0`);
  put(116, `${octal(0, 7)}\0`);
  put(124, `${octal(size, 11)}\0`);
  put(136, `${octal(0, 11)}\0`);
  put(148, " ".repeat(8));
  put(156, "0");
  put(257, "ustar\x0000");
  put(329, `${octal(0, 7)}\0`);
  put(337, `${octal(0, 7)}\0`);
  put(345, prefix);
  put(148, `${octal(checksum(header), 6)}\0 `);
  return header;
}

/** At the last slash that leaves the name no more than 100 characters, where the whole is longer than that. */
function splitPath(path: string): readonly [string, string] {
  if (path.length <= 100) return ["", path];
  const slash = path.indexOf("/", path.length - 101);
  if (slash === -1 || slash > 155) throw new LedgerError(`${path} is too long for a bundle`);
  return [path.slice(0, slash), path.slice(slash + 1)];
}

interface Header {
  readonly path: string;
  readonly folder: boolean;
  readonly size: number;
}

function decodeHeader(header: Buffer): Header {
  if (header.length < BLOCK) refuse("its end is missing");
  if (header.toString("latin1", 257, 265) !== "ustar\x0000") refuse("an entry is not in the ustar format");
  if (octalAt(header, 148, 8) !== checksum(header)) refuse("the checksum of an entry is wrong");
  const type = header.toString("latin1", 156, 157);
  const name = textAt(header, 0, 100);
  const prefix = textAt(header, 345, 155);
  const whole = prefix === "" ? name : `${prefix}/${name}`;
  const shown = JSON.stringify(whole);
  // Links, devices, pipes, and the entries by which other formats change the meaning of the next one.
  if (type !== "0" && type !== "5") refuse(`${shown} is neither a plain file nor a folder`);
  if (textAt(header, 157, 100) !== "") refuse(`${shown} is a link`);
  const folder = type === "5";
  const size = octalAt(header, 124, 12);
  if (folder && size !== 0) refuse(`the folder ${shown} has contents`);
  if (size > TAR_BYTES_MAX) refuse(`${shown} is larger than ${TAR_BYTES_MAX} bytes`);
  return { path: safePath(folder && whole.endsWith("/") ? whole.slice(0, -1) : whole), folder, size };
}

/** The sum of all bytes, those of the checksum itself taken for blanks. */
function checksum(header: Buffer): number {
  let sum = 8 * 32;
  for (const [at, byte] of header.entries()) if (at < 148 || at >= 156) sum += byte;
  return sum;
}

function octalAt(header: Buffer, at: number, length: number): number {
  const text = header.toString("latin1", at, at + length);
  const digits = /^([0-7]+)[\0 ]+$/.exec(text)?.[1];
  if (digits === undefined) return refuse("a number in an entry is not octal");
  return Number.parseInt(digits, 8);
}

/** Up to the first NUL, behind which there may be nothing. */
function textAt(header: Buffer, at: number, length: number): string {
  const field = header.subarray(at, at + length);
  const end = field.indexOf(0);
  if (end === -1) return field.toString("latin1");
  if (!isZero(field.subarray(end))) refuse("something hides behind the end of a name");
  return field.toString("latin1", 0, end);
}

/** Two entries of one name, or of two names that some file systems take for one. */
function refuseClashes(paths: readonly string[]): void {
  const seen = new Set<string>();
  for (const path of paths) {
    const folded = path.toLowerCase();
    if (seen.has(folded)) refuse(`${path} is in it twice, or another name for it is`);
    seen.add(folded);
  }
}

function refuseFilesAsFolders(files: readonly EvidenceFile[], paths: readonly string[]): void {
  const plain = new Set(files.map(({ path }) => path));
  for (const path of paths) {
    for (let slash = path.indexOf("/"); slash !== -1; slash = path.indexOf("/", slash + 1)) {
      if (plain.has(path.slice(0, slash))) refuse(`${path.slice(0, slash)} is a file and a folder`);
    }
  }
}

function padding(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

function isEmptyBlock(tar: Buffer, at: number): boolean {
  return at + BLOCK <= tar.length && isZero(tar.subarray(at, at + BLOCK));
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

/** What zlib gives when it is asked for its engine as well, which knows how much it has read. */
function isInflated(
  value: unknown,
): value is { readonly buffer: Buffer; readonly engine: { readonly bytesWritten: number } } {
  if (typeof value !== "object" || value === null || !("buffer" in value) || !("engine" in value)) return false;
  const { buffer, engine } = value;
  return Buffer.isBuffer(buffer) && typeof engine === "object" && engine !== null && "bytesWritten" in engine;
}

function refuse(why: string): never {
  throw new LedgerError(`this is not a bundle: ${why}`);
}
