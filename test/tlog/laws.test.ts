import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { appendEntry, type LogEdge } from "../../src/evidence/log.ts";
import { levelWidth, nodesFromTiles, nodesInTiles, tilePath, tilePathAt } from "../../src/tlog/tiles.ts";
import {
  consistencyProof,
  Frontier,
  inclusionProof,
  leafHash,
  type NodeAt,
  nodeHash,
  peaksOf,
  rootHash,
  verifyConsistency,
  verifyInclusion,
} from "../../src/tlog/tree.ts";

// What holds for every log up to a size, and for proofs whether they come from leaves or from tiles.

const SIZE_MAX = 600;
const ENTRIES = Array.from({ length: SIZE_MAX }, (_, at) => Buffer.from(`entry ${at}`));
const LEVELS = levelsOver(ENTRIES.map((entry) => leafHash(entry)));
const LEAVES = LEVELS[0] ?? [];
const ROOTS = rootsOf(LEAVES);

/** Every perfect subtree over these leaves, by level: RFC 6962 section 2.1, from below. */
function levelsOver(leaves: readonly Uint8Array[]): Uint8Array[][] {
  const levels = [[...leaves]];
  for (let row = levels[0] ?? []; row.length > 1; row = levels.at(-1) ?? []) {
    const above: Uint8Array[] = [];
    for (let at = 0; at + 1 < row.length; at += 2) above.push(nodeHash(row[at] ?? LEAF, row[at + 1] ?? LEAF));
    levels.push(above);
  }
  return levels;
}

const LEAF = Buffer.alloc(32);

function rootsOf(leaves: readonly Uint8Array[]): Uint8Array[] {
  const frontier = new Frontier();
  return [
    frontier.root(),
    ...leaves.map((leaf) => {
      frontier.append(leaf);
      return frontier.root();
    }),
  ];
}

function nodesIn(levels: readonly (readonly Uint8Array[])[]): NodeAt {
  return (level, index) => {
    const node = levels[level]?.[index];
    if (node === undefined) throw new RangeError(`no node ${index} at level ${level}`);
    return node;
  };
}

const rootAt = (size: number): Uint8Array => ROOTS[size] ?? LEAF;
const leafAt = (index: number): Uint8Array => LEAVES[index] ?? LEAF;
const fromLeaves = nodesIn(LEVELS);

/** The tiles of a log of this size, as https://c2sp.org/tlog-tiles defines each hash in them. */
function tilesOf(levels: readonly (readonly Uint8Array[])[], size: number): Map<string, Buffer> {
  const tiles = new Map<string, Buffer>();
  for (let level = 0; levelWidth(level, size) > 0; level += 1) {
    const row = (levels[8 * level] ?? []).slice(0, levelWidth(level, size));
    for (let index = 0; index * 256 < row.length; index += 1) {
      const hashes = row.slice(index * 256, (index + 1) * 256);
      tiles.set(tilePath(level, index, hashes.length), Buffer.concat(hashes));
    }
  }
  return tiles;
}

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
}

describe(`every log of up to ${SIZE_MAX} entries`, () => {
  it("has an inclusion proof for each entry, which verifies", () => {
    const failed: string[] = [];
    for (let size = 1; size <= SIZE_MAX; size += 1) {
      const root = rootAt(size);
      for (let index = 0; index < size; index += 1) {
        const proof = inclusionProof(index, size, fromLeaves);
        if (!verifyInclusion({ index, size, leaf: leafAt(index), proof, root })) failed.push(`${index} of ${size}`);
      }
    }
    expect(failed).toEqual([]);
  });

  it("has a consistency proof from each smaller one, which verifies", () => {
    const failed: string[] = [];
    for (let to = 1; to <= SIZE_MAX; to += 1) {
      for (let from = 1; from <= to; from += 1) {
        const proof = consistencyProof(from, to, fromLeaves);
        const claim = { from, to, proof, fromRoot: rootAt(from), toRoot: rootAt(to) };
        if (!verifyConsistency(claim)) failed.push(`${from} to ${to}`);
      }
    }
    expect(failed).toEqual([]);
  });

  it("grows by one entry at a time into the very tiles that the specification defines", () => {
    const files = new Map<string, Uint8Array>();
    let edge: LogEdge = {
      origin: "example.com/log",
      peaks: { size: 0, nodes: [] },
      tiles: [],
      entries: new Uint8Array(),
    };
    for (const [at, entry] of ENTRIES.entries()) {
      const { files: added, removed, path: proof } = appendEntry(edge, entry);
      for (const each of added) files.set(each.path, each.bytes);
      for (const each of removed) files.delete(each);
      const size = at + 1;
      expect(verifyInclusion({ index: at, size, leaf: leafAt(at), proof, root: rootAt(size) })).toBe(true);
      const partial = (prefix: string, count: number, name: (index: number, width: number) => string): Uint8Array =>
        count % 256 === 0
          ? new Uint8Array()
          : (files.get(`${prefix}/${name(Math.floor(count / 256), count % 256)}`) ?? LEAF);
      edge = {
        origin: edge.origin,
        peaks: peaksOf(size, fromLeaves),
        tiles: [0, 1].map((level) =>
          partial("log", levelWidth(level, size), (index, width) => tilePath(level, index, width)),
        ),
        entries: partial("log/tile", size, (index, width) => `entries/${tilePath(0, index, width).slice(7)}`),
      };
      if (size % 37 !== 0 && size < SIZE_MAX && size % 256 > 1) continue;
      const wanted = tilesOf(LEVELS, size);
      const found = [...files.keys()].filter((path) => !path.includes("entries")).map((path) => path.slice(4));
      expect(found.toSorted()).toEqual([...wanted.keys()].toSorted());
      for (const [path, bytes] of wanted) expect(Buffer.compare(files.get(`log/${path}`) ?? LEAF, bytes)).toBe(0);
    }
  });
});

describe("a proof", () => {
  const inclusion = fc
    .integer({ min: 1, max: SIZE_MAX })
    .chain((size) => fc.record({ size: fc.constant(size), index: fc.nat(size - 1), bit: fc.nat(), which: fc.nat() }));
  const consistency = fc
    .integer({ min: 1, max: SIZE_MAX })
    .chain((to) =>
      fc.record({ to: fc.constant(to), from: fc.integer({ min: 1, max: to }), bit: fc.nat(), which: fc.nat() }),
    );

  it("of inclusion does not survive the change of a single bit anywhere", () => {
    for (let size = 1; size <= 17; size += 1) {
      for (let index = 0; index < size; index += 1) expect(survivors(index, size)).toBe(0);
    }
    fc.assert(
      fc.property(inclusion, ({ index, size }) => {
        expect(survivors(index, size)).toBe(0);
      }),
      { numRuns: 25 },
    );
  });

  // Thousands of proofs: one expectation for all of them is a hundred times faster than one for each.
  function survivors(index: number, size: number): number {
    const proof = inclusionProof(index, size, fromLeaves);
    const claim = { index, size, leaf: leafAt(index), proof, root: rootAt(size) };
    let survived = 0;
    for (let bit = 0; bit < 256; bit += 1) {
      if (verifyInclusion({ ...claim, leaf: flipped(claim.leaf, bit) })) survived += 1;
      if (verifyInclusion({ ...claim, root: flipped(claim.root, bit) })) survived += 1;
      for (const at of proof.keys()) {
        const bent = proof.map((node, place) => (place === at ? flipped(node, bit) : node));
        if (verifyInclusion({ ...claim, proof: bent })) survived += 1;
      }
    }
    return survived;
  }

  it("of consistency does not survive the change of a single bit anywhere", () => {
    fc.assert(
      fc.property(consistency, ({ from, to }) => {
        const proof = consistencyProof(from, to, fromLeaves);
        const claim = { from, to, proof, fromRoot: rootAt(from), toRoot: rootAt(to) };
        let survived = 0;
        for (let bit = 0; bit < 256; bit += 1) {
          if (verifyConsistency({ ...claim, fromRoot: flipped(claim.fromRoot, bit) })) survived += 1;
          if (verifyConsistency({ ...claim, toRoot: flipped(claim.toRoot, bit) })) survived += 1;
          for (const at of proof.keys()) {
            const bent = proof.map((node, place) => (place === at ? flipped(node, bit) : node));
            if (verifyConsistency({ ...claim, proof: bent })) survived += 1;
          }
        }
        expect(survived).toBe(0);
      }),
      { numRuns: 25 },
    );
  });

  it("of either kind refuses what is before it, behind it, missing from it, or of another length", () => {
    fc.assert(
      fc.property(inclusion, ({ index, size, which }) => {
        const proof = inclusionProof(index, size, fromLeaves);
        const claim = { index, size, leaf: leafAt(index), proof, root: rootAt(size) };
        expect(verifyInclusion({ ...claim, proof: [LEAF, ...proof] })).toBe(false);
        expect(verifyInclusion({ ...claim, proof: [...proof, LEAF] })).toBe(false);
        expect(verifyInclusion({ ...claim, index: size })).toBe(false);
        expect(verifyInclusion({ ...claim, index: -1 })).toBe(false);
        expect(verifyInclusion({ ...claim, index: index + 0.5 })).toBe(false);
        expect(verifyInclusion({ ...claim, size: size + 2 ** 53 })).toBe(false);
        if (proof.length === 0) return;
        const at = which % proof.length;
        expect(verifyInclusion({ ...claim, proof: [] })).toBe(false);
        expect(verifyInclusion({ ...claim, proof: proof.toSpliced(at, 1) })).toBe(false);
        expect(verifyInclusion({ ...claim, proof: proof.with(at, proof[at]?.subarray(1) ?? LEAF) })).toBe(false);
      }),
    );
    fc.assert(
      fc.property(consistency, ({ from, to, which }) => {
        const proof = consistencyProof(from, to, fromLeaves);
        const claim = { from, to, proof, fromRoot: rootAt(from), toRoot: rootAt(to) };
        expect(verifyConsistency({ ...claim, proof: [LEAF, ...proof] })).toBe(false);
        expect(verifyConsistency({ ...claim, proof: [...proof, LEAF] })).toBe(false);
        expect(verifyConsistency({ ...claim, from: 0 })).toBe(false);
        expect(verifyConsistency({ ...claim, from: 0, proof: [] })).toBe(false);
        expect(verifyConsistency({ ...claim, from: to + 1 })).toBe(false);
        expect(verifyConsistency({ ...claim, to: to + 2 ** 53 })).toBe(false);
        if (from === to) return;
        const at = which % proof.length;
        expect(verifyConsistency({ ...claim, proof: [] })).toBe(false);
        expect(verifyConsistency({ ...claim, to: from, toRoot: claim.fromRoot })).toBe(false);
        expect(verifyConsistency({ ...claim, proof: proof.toSpliced(at, 1) })).toBe(false);
        expect(verifyConsistency({ ...claim, proof: proof.with(at, proof[at]?.subarray(1) ?? LEAF) })).toBe(false);
      }),
    );
    expect(verifyConsistency({ from: 0, to: 0, proof: [], fromRoot: rootHash([]), toRoot: rootHash([]) })).toBe(false);
  });

  it("takes no node for a leaf: a tree of two is not a tree of one whose entry is the two hashes", () => {
    const pair = Buffer.concat([leafAt(0), leafAt(1)]);
    expect(verifyInclusion({ index: 0, size: 1, leaf: leafHash(pair), proof: [], root: rootAt(2) })).toBe(false);
    expect(Buffer.compare(leafHash(pair), rootAt(2))).not.toBe(0);
  });
});

function same(left: readonly Uint8Array[], right: readonly Uint8Array[]): boolean {
  return left.length === right.length && Buffer.compare(Buffer.concat(left), Buffer.concat(right)) === 0;
}

describe("proofs from tiles", () => {
  it("are those from leaves, at every size", async () => {
    for (let size = 1; size <= SIZE_MAX; size += 13) {
      const tiles = tilesOf(LEVELS, size);
      const nodeAt = nodesInTiles((level, index) => tiles.get(tilePathAt(level, index, size)));
      for (let at = 0; at < size; at += 7) {
        const [inclusion, consistency] = [inclusionProof(at, size, fromLeaves), consistencyProof(at, size, fromLeaves)];
        expect(same(inclusionProof(at, size, nodeAt), inclusion)).toBe(true);
        expect(same(consistencyProof(at, size, nodeAt), consistency)).toBe(true);
        const read = async (level: number, index: number) => tiles.get(tilePathAt(level, index, size));
        expect(same((await nodesFromTiles(read, (nodes) => inclusionProof(at, size, nodes))) ?? [], inclusion)).toBe(
          true,
        );
      }
    }
  });

  it("read the few tiles that they need, each once, of a log of 70,000", async () => {
    const size = 70_000;
    const levels = levelsOver(Array.from({ length: size }, (_, at) => leafHash(`${at}`)));
    const tiles = tilesOf(levels, size);
    const root = rootHash(levels[0] ?? []);
    const before = rootHash((levels[0] ?? []).slice(0, 65_537));
    const reads: string[] = [];
    const read = async (level: number, index: number) => {
      reads.push(tilePathAt(level, index, size));
      return tiles.get(tilePathAt(level, index, size));
    };
    for (const index of [0, 255, 256, 65_535, 65_536, 69_887, 69_888, 69_999]) {
      reads.length = 0;
      const proof = (await nodesFromTiles(read, (nodeAt) => inclusionProof(index, size, nodeAt))) ?? [];
      expect(verifyInclusion({ index, size, leaf: leafHash(`${index}`), proof, root })).toBe(true);
      expect(reads.length).toBeLessThanOrEqual(6);
      expect(new Set(reads).size).toBe(reads.length);
    }
    reads.length = 0;
    const proof = (await nodesFromTiles(read, (nodeAt) => consistencyProof(65_537, size, nodeAt))) ?? [];
    expect(verifyConsistency({ from: 65_537, to: size, proof, fromRoot: before, toRoot: root })).toBe(true);
    expect(reads.length).toBeLessThanOrEqual(6);
  });

  it("are none where a tile is missing or short", async () => {
    const tiles = tilesOf(LEVELS, SIZE_MAX);
    for (const path of tiles.keys()) {
      for (const bytes of [undefined, tiles.get(path)?.subarray(0, 31)]) {
        const read = async (level: number, index: number) => {
          const wanted = tilePathAt(level, index, SIZE_MAX);
          return wanted === path ? bytes : tiles.get(wanted);
        };
        const roots = await nodesFromTiles(read, (nodeAt) =>
          Array.from({ length: SIZE_MAX }, (_, index) => inclusionProof(index, SIZE_MAX, nodeAt)),
        );
        expect(roots).toBeUndefined();
      }
    }
  });
});

describe("sizes near 2^53", () => {
  // Only the shape counts here: a node says where it stands.
  const named: NodeAt = (level, index) => leafHash(`${level}/${index}`);

  it("have proofs of as many hashes as the tree is deep, from nodes that exist", () => {
    for (const size of [2 ** 48 - 1, 2 ** 49 - 1, 2 ** 52 + 1, 2 ** 53 - 1]) {
      const nodes: [number, number][] = [];
      const nodeAt: NodeAt = (level, index) => {
        nodes.push([level, index]);
        return named(level, index);
      };
      const root = new Frontier(peaksOf(size, nodeAt)).root();
      for (const index of [0, 1, Math.floor(size / 2), size - 2, size - 1]) {
        const proof = inclusionProof(index, size, nodeAt);
        expect(proof.length).toBeLessThanOrEqual(53);
      }
      const last = {
        index: size - 1,
        size,
        leaf: named(0, size - 1),
        proof: inclusionProof(size - 1, size, nodeAt),
        root,
      };
      expect(verifyInclusion(last)).toBe(true);
      for (const from of [1, 2 ** 40, size - 1])
        expect(consistencyProof(from, size, nodeAt).length).toBeLessThanOrEqual(54);
      for (const [level, index] of nodes) expect((index + 1) * 2 ** level).toBeLessThanOrEqual(size);
    }
  });

  it("are refused from 2^53 on", () => {
    const claim = { leaf: LEAF, proof: [], root: LEAF };
    for (const size of [2 ** 53, 2 ** 53 + 2, 2 ** 64, Number.POSITIVE_INFINITY, Number.NaN]) {
      expect(verifyInclusion({ ...claim, index: 0, size })).toBe(false);
      expect(() => inclusionProof(0, size, named)).toThrow(RangeError);
      expect(() => consistencyProof(1, size, named)).toThrow(RangeError);
    }
  });
});
