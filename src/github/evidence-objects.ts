// Git objects of one repository over GitHub's REST. An object never changes, so what was read or written once is kept, within
// a bound, and what GitHub gives is held to the id that it was asked by.

import { hash } from "node:crypto";
import type { Octokit } from "@octokit/core";
import { EvidenceError } from "../evidence/ledger.ts";

/** Where a repository is found now. Names change; whoever writes has looked the number up before. */
export interface RepositoryName {
  readonly owner: string;
  readonly repo: string;
}

/** What a folder holds under a name. `other` is a link or a submodule. */
export interface TreeEntry {
  readonly kind: "blob" | "tree" | "other";
  readonly oid: string;
}

export type Tree = ReadonlyMap<string, TreeEntry>;

/** Objects of one repository, by their ids. */
export interface GitObjects {
  /** The folder. Rejects with EvidenceError for one that GitHub does not list whole. */
  tree(oid: string): Promise<Tree>;
  blob(oid: string): Promise<Uint8Array>;
}

/** The id that git gives to a file with these bytes. */
export function blobOid(bytes: Uint8Array): string {
  return hash("sha1", Buffer.concat([Buffer.from(`blob ${bytes.length}\0`), bytes]), "hex");
}

/** Of a name in a tree about this much stays in memory. */
const ENTRY_BYTES = 150;

type Kept = { readonly kind: "blob"; readonly bytes: Uint8Array } | { readonly kind: "tree"; readonly entries: Tree };

/** Keeps objects of any repository, the least used going first. Law: what it holds is at most `bytesMax`. */
export class ObjectCache {
  readonly #kept = new Map<string, Kept>();
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get(oid: string): Kept | undefined {
    const kept = this.#kept.get(oid);
    if (kept === undefined) return undefined;
    // A Map keeps the order of insertion, so what is used goes to its end.
    this.#kept.delete(oid);
    this.#kept.set(oid, kept);
    return kept;
  }

  put(oid: string, kept: Kept): void {
    // One large file must not drive out all the small ones that are asked for again.
    if (this.#kept.has(oid) || sizeOf(kept) > this.#bytesMax / 8) return;
    this.#kept.set(oid, kept);
    this.#bytes += sizeOf(kept);
    for (const [oldest, each] of this.#kept) {
      if (this.#bytes <= this.#bytesMax) return;
      this.#kept.delete(oldest);
      this.#bytes -= sizeOf(each);
    }
  }
}

function sizeOf(kept: Kept): number {
  return kept.kind === "blob" ? kept.bytes.length + ENTRY_BYTES : (kept.entries.size + 1) * ENTRY_BYTES;
}

/** Reads through the cache. */
export function githubObjects(octokit: Octokit, at: RepositoryName, cache: ObjectCache): GitObjects {
  return {
    async tree(oid) {
      const kept = cache.get(oid);
      if (kept?.kind === "tree") return kept.entries;
      // Never all of it at once: a recursive list is cut at 100,000 names, and a branch of evidence has more.
      const { data } = await octokit.request("GET /repos/{owner}/{repo}/git/trees/{tree_sha}", {
        ...at,
        tree_sha: oid,
      });
      if (data.truncated) throw new EvidenceError(`GitHub does not list the tree ${oid} whole: it has too many names`);
      const entries = new Map(
        data.tree.map(({ path, mode, sha }) => [path, { kind: kindOf(mode), oid: sha }] as const),
      );
      cache.put(oid, { kind: "tree", entries });
      return entries;
    },
    async blob(oid) {
      const kept = cache.get(oid);
      if (kept?.kind === "blob") return kept.bytes;
      const { data } = await octokit.request("GET /repos/{owner}/{repo}/git/blobs/{file_sha}", {
        ...at,
        file_sha: oid,
      });
      const bytes = Buffer.from(data.content, data.encoding === "base64" ? "base64" : "utf8");
      if (blobOid(bytes) !== oid) throw new EvidenceError(`GitHub gave other bytes than those of the blob ${oid}`);
      cache.put(oid, { kind: "blob", bytes });
      return bytes;
    },
  };
}

function kindOf(mode: string): TreeEntry["kind"] {
  if (/^0?40000$/.test(mode)) return "tree";
  return mode === "100644" || mode === "100755" ? "blob" : "other";
}
