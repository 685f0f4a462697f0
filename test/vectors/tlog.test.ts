import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fromBase64 } from "../../src/tlog/base64.ts";
import { verifyInclusion } from "../../src/tlog/tree.ts";
import { jsonFilesBelow, vectorsFolder } from "./folder.ts";

// Inclusion proofs of transparency-dev/merkle (testdata/inclusion, Apache-2.0): one JSON file a case.
// https://github.com/transparency-dev/merkle/tree/417fb0c/testdata

interface InclusionCase {
  readonly leafIdx: number;
  readonly treeSize: number;
  readonly root: string;
  readonly leafHash: string;
  readonly proof: readonly string[] | null;
  readonly desc: string;
  readonly wantErr: boolean;
}

const carried = readFileSync("test/vectors/rfc6962-inclusion.jsonl", "utf8")
  .trim()
  .split("\n")
  .map((json, at) => ({ path: `carried ${at + 1}`, json }));
const folder = vectorsFolder();
const cases = [...carried, ...(folder === undefined ? [] : jsonFilesBelow(join(folder, "rfc6962-inclusion")))].map(
  ({ path, json }) => ({ path, ...(JSON.parse(json) as InclusionCase) }),
);

describe("published inclusion proofs", () => {
  it("are enough to mean something", () => {
    expect(cases.filter((each) => each.wantErr).length).toBeGreaterThanOrEqual(8);
    expect(cases.filter((each) => !each.wantErr).length).toBeGreaterThanOrEqual(2);
  });

  it.each(cases)("$path, $desc: is refused $wantErr", (each) => {
    const bytes = (text: string): Uint8Array => fromBase64(text) ?? new Uint8Array();
    const good = verifyInclusion({
      index: each.leafIdx,
      size: each.treeSize,
      leaf: bytes(each.leafHash),
      proof: (each.proof ?? []).map(bytes),
      root: bytes(each.root),
    });
    expect(good).toBe(!each.wantErr);
  });
});
