import { describe, expect, it } from "vitest";
import type { EvidenceReader } from "../../src/evidence/ledger.ts";
import { appendEntries, appendEntry, type LogEdge, proveEntry, readEdge, readEntry } from "../../src/evidence/log.ts";
import { parseCheckpoint } from "../../src/tlog/note.ts";
import { leafHash, rootHash, verifyInclusion } from "../../src/tlog/tree.ts";
import { memoryReader } from "./memory-ledger.ts";
import { ORIGIN, party } from "./sealed.ts";

const entry = (at: number): Buffer => Buffer.from(`entry ${at}`);
const by = party();

/** A log in a Map, to which entries are added in steps of these sizes. */
async function grown(steps: readonly number[]): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  let size = 0;
  for (const step of steps) {
    const edge: LogEdge = await readEdge(memoryReader(files), [by.log.verifier], ORIGIN);
    const entries = Array.from({ length: step }, (_, at) => entry(size + at));
    const appended = appendEntries(edge, entries);
    expect(appended.index).toBe(size);
    const head = parseCheckpoint(appended.checkpoint);
    for (const [at, proof] of appended.paths.entries()) {
      const claim = { index: size + at, size: head.size, leaf: leafHash(entry(size + at)), proof, root: head.root };
      expect(verifyInclusion(claim), `entry ${size + at} of ${head.size}`).toBe(true);
    }
    for (const path of appended.removed) expect(files.delete(path), `removes ${path}`).toBe(true);
    for (const { path, bytes } of appended.files) {
      // A full tile is never written again.
      expect(files.has(path) && !path.includes(".p/"), `writes ${path}`).toBe(false);
      files.set(path, bytes);
    }
    files.set("log/checkpoint", Buffer.from(`${appended.checkpoint}\n${by.log.sign(appended.checkpoint)}`));
    size += step;
  }
  return files;
}

describe("the log in its tiles", () => {
  it("is the same, byte for byte, however many entries are added at once", async () => {
    const sizes = [1, 2, 255, 256, 257, 511, 512, 600];
    for (const size of sizes) {
      const one = await grown([size]);
      const many = await grown([
        ...Array.from({ length: Math.min(size, 5) }, () => 1),
        ...(size > 5 ? [size - 5] : []),
      ]);
      expect(many, `${size}`).toEqual(one);
    }
    expect(await grown([200, 200, 200])).toEqual(await grown([600]));
  });

  it("has the root of its entries, and adds one entry as it adds many", async () => {
    const files = await grown([300]);
    const edge = await readEdge(memoryReader(files), [by.log.verifier], ORIGIN);
    const { paths, ...rest } = appendEntries(edge, [entry(300)]);
    expect(appendEntry(edge, entry(300))).toEqual({ ...rest, path: paths[0] });
    const leaves = Array.from({ length: 301 }, (_, at) => leafHash(entry(at)));
    expect(parseCheckpoint(rest.checkpoint).root).toEqual(rootHash(leaves));
  });

  it("proves an entry of 70,000 from at most ten files, with checkpoint and entry", { timeout: 60_000 }, async () => {
    const size = 70_000;
    const files = await grown([size]);
    const root = rootHash(Array.from({ length: size }, (_, at) => leafHash(entry(at))));
    let most = 0;
    for (const index of [0, 1, 255, 256, 32_767, 32_768, 65_535, 65_536, 65_792, 69_999]) {
      const read = new Set(["log/checkpoint"]);
      const reader: EvidenceReader = {
        read: async (path) => (read.add(path), files.get(path)),
        list: async () => await Promise.reject(new Error("a proof lists nothing")),
      };
      expect(await readEntry(reader, index, size)).toEqual(entry(index));
      const proof = await proveEntry(reader, index, size);
      expect(verifyInclusion({ index, size, leaf: leafHash(entry(index)), proof, root })).toBe(true);
      most = Math.max(most, read.size);
    }
    expect(most).toBeLessThanOrEqual(10);
  });

  it("gives no proof where a tile is missing", async () => {
    const files = await grown([600]);
    files.delete("log/tile/0/000");
    await expect(proveEntry(memoryReader(files), 3, 600)).rejects.toThrow(/has no log\/tile\/0\/000/);
  });
});
