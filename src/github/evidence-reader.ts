// Reads the evidence of one commit on GitHub: folders and files by their ids, from the commit's tree down.

import type { EvidenceReader } from "../evidence/ledger.ts";
import type { GitObjects, Tree, TreeEntry } from "./evidence-objects.ts";

/** A reader that also says by which id git knows a file or folder. */
export interface TreeReader extends EvidenceReader {
  /** The id of a file or folder; undefined where there is none. */
  oidOf(path: string): Promise<string | undefined>;
}

/** Reads below this tree; undefined for a branch that is not there yet, in which nothing is found. */
export function treeReader(objects: GitObjects, root: string | undefined): TreeReader {
  const folders = new Map<string, Promise<Tree | undefined>>();
  const open = async (path: string): Promise<Tree | undefined> => {
    if (path === "") return root === undefined ? undefined : await objects.tree(root);
    const entry = await find(path);
    return entry?.kind === "tree" ? await objects.tree(entry.oid) : undefined;
  };
  const folder = async (path: string): Promise<Tree | undefined> => {
    const asked = folders.get(path) ?? open(path);
    folders.set(path, asked);
    return await asked;
  };
  const find = async (path: string): Promise<TreeEntry | undefined> => {
    const slash = path.lastIndexOf("/");
    return (await folder(path.slice(0, Math.max(0, slash))))?.get(path.slice(slash + 1));
  };
  return {
    async read(path) {
      const entry = await find(path);
      return entry?.kind === "blob" ? await objects.blob(entry.oid) : undefined;
    },
    list: async (path) => [...((await folder(path))?.keys() ?? [])],
    oidOf: async (path) => (await find(path))?.oid,
  };
}
