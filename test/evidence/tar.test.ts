import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32, deflateRawSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LedgerError } from "../../src/evidence/evidence-path.ts";
import type { EvidenceFile } from "../../src/evidence/ledger.ts";
import { decodeTarGz, encodeTarGz, TAR_BYTES_MAX } from "../../src/evidence/tar.ts";
import { bundleReader } from "../../src/gateway/ledger/bundle.ts";

const LONG = `sessions/2026/11/23/01KANAV0Q8M3T4ZS5R6X7Y8Z9A/approvals/${"A".repeat(64)}.dsse.json`;
const FILES: readonly EvidenceFile[] = [
  { path: "trust/policy", bytes: Buffer.from("quorum none\n") },
  { path: "log/checkpoint", bytes: Buffer.alloc(512, "x") },
  { path: "empty", bytes: Buffer.alloc(0) },
  { path: LONG, bytes: Buffer.from(Array.from({ length: 1000 }, (_, at) => at % 256)) },
];

let folder = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "tar-"));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The archive before it was packed. */
function tarOf(files: readonly EvidenceFile[]): Buffer {
  const path = join(folder, "plain.tar.gz");
  writeFileSync(path, encodeTarGz(files));
  return execFileSync("gzip", ["-dc", path], { maxBuffer: 64 * 1024 * 1024 });
}

/** Packs bytes as they are, with the header and trailer that we write. */
function packed(tar: Buffer): Buffer {
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc32(tar));
  trailer.writeUInt32LE(tar.length, 4);
  return Buffer.concat([Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]), deflateRawSync(tar), trailer]);
}

/** The archive of one file with its header changed, and the checksum made right again. */
function withHeader(change: (header: Buffer) => void, path = "a"): Buffer {
  const tar = tarOf([{ path, bytes: Buffer.from("x") }]);
  const header = tar.subarray(0, 512);
  change(header);
  header.fill(" ", 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return packed(tar);
}

describe("a bundle", () => {
  it("gives back what it was given, in the order of the paths, whatever the order it came in", () => {
    const bytes = encodeTarGz(FILES);
    expect(decodeTarGz(bytes)).toEqual(FILES.toSorted((a, b) => (a.path < b.path ? -1 : 1)));
    expect(encodeTarGz(FILES.toReversed())).toEqual(bytes);
  });

  it("is what tar and gzip unpack, and what a careful tar packs is read", () => {
    const path = join(folder, "ours.tar.gz");
    writeFileSync(path, encodeTarGz(FILES));
    execFileSync("tar", ["-xzf", path, "-C", folder]);
    expect(execFileSync("cat", [join(folder, LONG)])).toEqual(FILES[3]?.bytes);
    execFileSync("sh", [
      "-c",
      'cd "$1" && tar --format=ustar -cf - trust log empty sessions | gzip -n > theirs.tar.gz',
      "sh",
      folder,
    ]);
    const read = decodeTarGz(execFileSync("cat", [join(folder, "theirs.tar.gz")]));
    expect(read.map(({ path: each }) => each).toSorted()).toEqual(FILES.map(({ path: each }) => each).toSorted());
  });

  it.each<readonly [string, () => Uint8Array]>([
    ["nothing", () => new Uint8Array()],
    ["what is not gzip", () => Buffer.from("tar".repeat(100))],
    [
      "a gzip header with a name",
      () =>
        Buffer.concat([
          Buffer.from([0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 3]),
          Buffer.from("name\0"),
          packed(tarOf(FILES)).subarray(10),
        ]),
    ],
    ["a second gzip member", () => Buffer.concat([encodeTarGz(FILES), gzipSync("more")])],
    ["one more byte at the end", () => Buffer.concat([encodeTarGz(FILES), Buffer.from("x")])],
    ["one byte less", () => encodeTarGz(FILES).subarray(0, -1)],
    [
      "something between its end and its checksum",
      () => Buffer.concat([encodeTarGz(FILES).subarray(0, -8), Buffer.from("xx"), encodeTarGz(FILES).subarray(-8)]),
    ],
    ["another checksum", () => encodeTarGz(FILES).map((byte, at, all) => (at === all.length - 6 ? byte ^ 1 : byte))],
    ["no end", () => packed(tarOf(FILES).subarray(0, -512))],
    ["an end of one block", () => packed(tarOf(FILES).subarray(0, -1024))],
    ["something behind its end", () => packed(Buffer.concat([tarOf(FILES), Buffer.alloc(512, "x")]))],
    [
      "something between its files",
      () => packed(Buffer.concat([tarOf(FILES).subarray(0, 512), Buffer.alloc(512, 0), tarOf(FILES)])),
    ],
    ["half a block", () => packed(tarOf(FILES).subarray(0, 700))],
    ["a file that is cut off", () => packed(tarOf([{ path: "a", bytes: Buffer.alloc(5000, 1) }]).subarray(0, 1024))],
    ["a symbolic link", () => withHeader((header) => header.write("2", 156))],
    ["a hard link", () => withHeader((header) => header.write("1", 156))],
    ["a device", () => withHeader((header) => header.write("3", 156))],
    ["a pipe", () => withHeader((header) => header.write("6", 156))],
    ["a header that renames the next (pax)", () => withHeader((header) => header.write("x", 156))],
    ["a long name of GNU's", () => withHeader((header) => header.write("L", 156))],
    ["the old type NUL", () => withHeader((header) => header.write("\0", 156))],
    ["a file with the name of a link's target", () => withHeader((header) => header.write("b", 157))],
    ["a folder with contents", () => withHeader((header) => header.write("5", 156))],
    ["GNU's own magic", () => withHeader((header) => header.write("ustar  \0", 257))],
    ["a size in base 256", () => withHeader((header) => header.set([0x80], 124))],
    ["a size that is no number", () => withHeader((header) => header.write("00000000 1x\0", 124))],
    ["a size beyond all bounds", () => withHeader((header) => header.write("77777777777\0", 124))],
    ["a name behind the end of a name", () => withHeader((header) => header.write("a\0b", 0))],
    ["an absolute path", () => withHeader((header) => header.write("/a", 0))],
    ["an absolute prefix", () => withHeader((header) => header.write("/etc", 345))],
    ["a path that leaves it", () => withHeader((header) => header.write("../a", 0))],
    ["a prefix that leaves it", () => withHeader((header) => header.write("b/..", 345))],
    ["a path with ./ before it", () => withHeader((header) => header.write("./a", 0))],
    ["a hidden file", () => withHeader((header) => header.write(".git", 0))],
    ["a backslash", () => withHeader((header) => header.write("a\\b", 0))],
    ["letters beyond ASCII", () => withHeader((header) => header.write("ä", 0, "utf8"))],
    ["no name", () => withHeader((header) => header.fill(0, 0, 100))],
    [
      "a file twice",
      () =>
        packed(
          Buffer.concat([
            tarOf([{ path: "a", bytes: Buffer.from("1") }]).subarray(0, 1024),
            tarOf([{ path: "a", bytes: Buffer.from("2") }]),
          ]),
        ),
    ],
    [
      "a file under two names that are one on some systems",
      () =>
        packed(
          Buffer.concat([
            tarOf([{ path: "A", bytes: Buffer.from("1") }]).subarray(0, 1024),
            tarOf([{ path: "a", bytes: Buffer.from("2") }]),
          ]),
        ),
    ],
    [
      "a file that is a folder as well",
      () =>
        packed(
          Buffer.concat([
            tarOf([{ path: "a", bytes: Buffer.from("1") }]).subarray(0, 1024),
            tarOf([{ path: "a/b", bytes: Buffer.from("2") }]),
          ]),
        ),
    ],
  ])("refuses %s", (_, make) => {
    expect(() => decodeTarGz(make())).toThrow(LedgerError);
  });

  it("refuses a header of which any byte was changed", () => {
    const tar = tarOf([{ path: "a", bytes: Buffer.from("x") }]);
    for (let at = 0; at < 512; at += 1) {
      const broken = Buffer.from(tar);
      broken[at] = (broken[at] ?? 0) ^ 1;
      // Bytes of the checksum field itself that are not digits have two spellings, and we take one.
      expect(() => decodeTarGz(packed(broken)), `byte ${at}`).toThrow(LedgerError);
    }
  });

  it("gives up a small file that becomes a large one, before it is large", { timeout: 60_000 }, () => {
    const tar = Buffer.alloc(TAR_BYTES_MAX + 1024);
    const bomb = Buffer.concat([
      Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]),
      deflateRawSync(tar, { level: 1 }),
      Buffer.alloc(8),
    ]);
    expect(bomb.length).toBeLessThan(4_000_000);
    expect(() => decodeTarGz(bomb)).toThrow(/cannot be inflated, or holds more than/);
  });

  it("does not open a folder or a pipe as one, and does not wait for it", () => {
    execFileSync("mkfifo", [join(folder, "pipe")]);
    for (const path of [folder, join(folder, "pipe"), join(folder, "none")]) {
      expect(() => bundleReader(path)).toThrow(LedgerError);
    }
  });

  it("is not written with a path that it could not be read with", () => {
    const bytes = Buffer.from("x");
    for (const path of ["../a", "/a", "", "a/", ".a", `a/${"b".repeat(120)}`, `${"a/".repeat(140)}b`]) {
      expect(() => encodeTarGz([{ path, bytes }]), `path ${path}`).toThrow(LedgerError);
    }
    expect(() =>
      encodeTarGz([
        { path: "a", bytes },
        { path: "A", bytes },
      ]),
    ).toThrow(LedgerError);
  });
});
