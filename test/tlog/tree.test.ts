import fc from "fast-check";
import { describe, expect, it } from "vitest";
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

const LEAVES = Array.from({ length: 130 }, (_, at) => leafHash(`leaf ${at}`));

/** RFC 6962 section 2.1, word for word. */
function naiveRoot(leaves: readonly Uint8Array[]): Uint8Array {
  const [only] = leaves;
  if (only === undefined) return Buffer.from("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "hex");
  if (leaves.length === 1) return only;
  let middle = 1;
  while (middle * 2 < leaves.length) middle *= 2;
  return nodeHash(naiveRoot(leaves.slice(0, middle)), naiveRoot(leaves.slice(middle)));
}

/** RFC 6962 section 2.1.2, word for word. */
function naiveProof(from: number, leaves: readonly Uint8Array[], whole: boolean): Uint8Array[] {
  if (from === leaves.length) return whole ? [] : [naiveRoot(leaves)];
  let middle = 1;
  while (middle * 2 < leaves.length) middle *= 2;
  const [left, right] = [leaves.slice(0, middle), leaves.slice(middle)];
  return from <= middle
    ? [...naiveProof(from, left, whole), naiveRoot(right)]
    : [...naiveProof(from - middle, right, false), naiveRoot(left)];
}

const nodeAt: NodeAt = (level, index) => naiveRoot(LEAVES.slice(index * 2 ** level, (index + 1) * 2 ** level));

describe("the tree", () => {
  it("hashes what the published constants say", () => {
    expect(rootHash([]).toString("hex")).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    expect(leafHash("").toString("hex")).toBe("6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    expect(leafHash(Buffer.from("L123456")).toString("hex")).toBe(
      "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56",
    );
    expect(nodeHash(Buffer.from("N123".padEnd(32, "\0")), Buffer.alloc(32)).length).toBe(32);
  });

  it("hashes a string as its UTF-8", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        expect(leafHash(text)).toEqual(leafHash(Buffer.from(text)));
      }),
    );
  });
});

describe("the frontier", () => {
  it("has the naive root at every size", () => {
    const frontier = new Frontier();
    for (let size = 0; size <= LEAVES.length; size += 1) {
      expect(frontier.size).toBe(size);
      expect(Buffer.compare(frontier.root(), naiveRoot(LEAVES.slice(0, size)))).toBe(0);
      const leaf = LEAVES[size];
      if (leaf !== undefined) frontier.append(leaf);
    }
  });

  it("proves every size up to 70 consistent with every smaller one, as the RFC does", () => {
    for (let from = 0; from <= 70; from += 1) {
      const frontier = new Frontier();
      for (const leaf of LEAVES.slice(0, from)) frontier.append(leaf);
      frontier.rebase(frontier.peaks());
      for (let to = from; to <= 70; to += 1) {
        const proof = frontier.consistencyProof();
        expect(proof).toEqual(from === 0 ? [] : naiveProof(from, LEAVES.slice(0, to), true));
        expect(proof).toEqual(consistencyProof(from, to, nodeAt));
        const leaf = LEAVES[to];
        if (leaf !== undefined) frontier.append(leaf);
      }
    }
  });

  it("goes on proving from any head it gave before, whatever was added meanwhile", () => {
    const script = fc.array(fc.record({ before: fc.nat(40), between: fc.nat(40) }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(script, (rounds) => {
        const frontier = new Frontier();
        const all: Buffer[] = [];
        const add = (count: number): void => {
          for (let at = 0; at < count; at += 1) {
            const leaf = leafHash(`${all.length}`);
            all.push(leaf);
            frontier.append(leaf);
          }
        };
        for (const { before, between } of rounds) {
          add(before);
          const head = frontier.peaks();
          const root = frontier.root();
          add(between);
          frontier.rebase(head);
          expect(frontier.leaf(all.length - 1)).toEqual(head.size < all.length ? all.at(-1) : undefined);
          const claim = { from: head.size, to: all.length, fromRoot: root, toRoot: frontier.root() };
          expect(verifyConsistency({ ...claim, proof: frontier.consistencyProof() })).toBe(head.size > 0);
          expect(frontier.root()).toEqual(rootHash(all));
        }
      }),
      { numRuns: 200 },
    );
  });

  it("starts again from peaks alone", () => {
    for (const size of [0, 1, 2, 3, 64, 77, 128]) {
      const frontier = new Frontier(peaksOf(size, nodeAt));
      for (const leaf of LEAVES.slice(size)) frontier.append(leaf);
      expect(frontier.root()).toEqual(rootHash(LEAVES));
    }
    expect(() => new Frontier({ size: 3, nodes: [] })).toThrow(RangeError);
  });

  it("keeps nothing that older proofs alone needed", () => {
    const frontier = new Frontier();
    for (const leaf of LEAVES) frontier.append(leaf);
    expect(frontier.leaf(0)).toEqual(LEAVES[0]);
    frontier.rebase(frontier.peaks());
    expect(frontier.leaf(0)).toBeUndefined();
    expect(frontier.leaf(LEAVES.length - 1)).toBeUndefined();
  });
});

describe("proofs", () => {
  it("verify for every leaf of every size, and for no other leaf, index or size", () => {
    for (let size = 1; size <= 40; size += 1) {
      const root = rootHash(LEAVES.slice(0, size));
      for (const [index, leaf] of LEAVES.slice(0, size).entries()) {
        const proof = inclusionProof(index, size, nodeAt);
        const claim = { index, size, leaf, proof, root };
        expect(verifyInclusion(claim)).toBe(true);
        expect(verifyInclusion({ ...claim, index: index + 1 })).toBe(false);
        expect(verifyInclusion({ ...claim, index: index ^ 2 })).toBe(false);
        expect(verifyInclusion({ ...claim, leaf: leafHash("another") })).toBe(false);
        expect(verifyInclusion({ ...claim, proof: [...proof, leaf] })).toBe(false);
        expect(verifyInclusion({ ...claim, proof: [root, ...proof] })).toBe(false);
        expect(verifyInclusion({ ...claim, proof: proof.slice(1) })).toBe(proof.length === 0);
        expect(verifyInclusion({ ...claim, proof: proof.slice(0, -1) })).toBe(proof.length === 0);
      }
    }
  });

  it("refuse any change of a consistency proof", () => {
    const cases = fc
      .tuple(fc.integer({ min: 1, max: 129 }), fc.integer({ min: 1, max: 129 }))
      .map(([a, b]) => ({ from: Math.min(a, b), to: Math.max(a, b) }));
    fc.assert(
      fc.property(cases, fc.nat(), fc.integer({ min: 1, max: 255 }), ({ from, to }, where, bits) => {
        const proof = consistencyProof(from, to, nodeAt);
        const claim = {
          from,
          to,
          proof,
          fromRoot: rootHash(LEAVES.slice(0, from)),
          toRoot: rootHash(LEAVES.slice(0, to)),
        };
        expect(verifyConsistency(claim)).toBe(true);
        expect(verifyConsistency({ ...claim, proof: [...proof, leafHash("more")] })).toBe(false);
        expect(verifyConsistency({ ...claim, proof: proof.slice(1) })).toBe(proof.length === 0);
        expect(verifyConsistency({ ...claim, from: from + 1 })).toBe(false);
        expect(verifyConsistency({ ...claim, from: 0, proof: [] })).toBe(false);
        const flip = (bytes: Uint8Array): Uint8Array =>
          bytes.map((byte, at) => (at === where % 32 ? byte ^ bits : byte));
        expect(verifyConsistency({ ...claim, fromRoot: flip(claim.fromRoot) })).toBe(false);
        expect(verifyConsistency({ ...claim, toRoot: flip(claim.toRoot) })).toBe(false);
        const at = where % Math.max(1, proof.length);
        const bent = proof.map((node, place) => (place === at ? flip(node) : node));
        expect(verifyConsistency({ ...claim, proof: bent })).toBe(proof.length === 0);
      }),
    );
  });

  it("count beyond 32 bits", () => {
    const size = 2 ** 40 + 1;
    const last = leafHash("last");
    const root = nodeHash(leafHash("everything before"), last);
    const claim = { index: size - 1, size, leaf: last, proof: [leafHash("everything before")], root };
    expect(verifyInclusion(claim)).toBe(true);
    expect(verifyInclusion({ ...claim, index: size - 2 })).toBe(false);
    expect(verifyInclusion({ ...claim, index: 2 ** 53, size: 2 ** 53 + 2 })).toBe(false);
  });
});
