// A ledger in a Map: what a folder or a branch does, without either.

import type { EvidenceReader, Ledger } from "../../src/evidence/ledger.ts";

export function memoryReader(files: ReadonlyMap<string, Uint8Array>): EvidenceReader {
  return {
    read: async (path) => files.get(path),
    async list(folder) {
      const inside = folder === "" ? "" : `${folder}/`;
      const names = [...files.keys()]
        .filter((path) => path.startsWith(inside))
        .map((path) => path.slice(inside.length));
      return [...new Set(names.map((name) => name.split("/")[0] ?? name))];
    },
  };
}

export function memoryLedger(files: Map<string, Uint8Array>): Ledger {
  return {
    async update(plan) {
      const change = await plan(memoryReader(files));
      if (change === "nothing") return "nothing";
      for (const { path, bytes } of change.files) files.set(path, bytes);
      for (const path of change.removed) files.delete(path);
      return "done";
    },
  };
}
