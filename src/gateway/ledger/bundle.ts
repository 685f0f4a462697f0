// Evidence in one `.tar.gz` file: a whole ledger, as `--ledger bundle:PATH` keeps it, or one session of another ledger with
// its proof. Read and replaced whole.

import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { LedgerError, safePath } from "../../evidence/evidence-path.ts";
import type { EvidenceFile, EvidenceReader, Ledger } from "../../evidence/ledger.ts";
import { decodeTarGz, encodeTarGz, TAR_BYTES_MAX } from "../../evidence/tar.ts";
import { codeOf, holding } from "./lock.ts";

/** Opens a bundle as a ledger. The file is made at the first update; its folder must be there. */
export function bundleLedger(path: string): Ledger {
  return {
    async update(plan) {
      return await holding(`${join(dirname(path), `.${basename(path)}`)}.lock`, async () => {
        const files = new Map((existsSync(path) ? readBundle(path) : []).map((file) => [file.path, file.bytes]));
        const change = await plan(readerOf(files));
        if (change === "nothing") return "nothing";
        for (const file of change.files) files.set(safePath(file.path), file.bytes);
        for (const gone of change.removed) files.delete(safePath(gone));
        writeBundle(
          path,
          [...files].map(([name, bytes]) => ({ path: name, bytes })),
        );
        return "done";
      });
    },
  };
}

/** Reads a bundle that may come from anybody, wholly and at once. Throws LedgerError for what is not a plain bundle. */
export function bundleReader(path: string): EvidenceReader {
  return readerOf(new Map(readBundle(path).map((file) => [file.path, file.bytes])));
}

/** Writes a bundle beside its place and renames it there, so there is never half of one. */
export function writeBundle(path: string, files: readonly EvidenceFile[]): void {
  const bytes = encodeTarGz(files);
  const beside = `${path}.new`;
  const file = openSync(beside, "w", 0o644);
  try {
    writeFileSync(file, bytes);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(beside, path);
}

function readBundle(path: string): EvidenceFile[] {
  let file: number;
  try {
    // Not blocking, for a pipe of this name would keep us waiting.
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    throw new LedgerError(`${path} cannot be opened: ${codeOf(cause) ?? "unknown error"}`, { cause });
  }
  try {
    const found = fstatSync(file);
    if (!found.isFile()) throw new LedgerError(`${path} is not a plain file`);
    if (found.size > TAR_BYTES_MAX) throw new LedgerError(`${path} is larger than ${TAR_BYTES_MAX} bytes`);
    return decodeTarGz(readFileSync(file));
  } finally {
    closeSync(file);
  }
}

function readerOf(files: ReadonlyMap<string, Uint8Array>): EvidenceReader {
  const folders = foldersOf(files.keys());
  return {
    read: async (path) => await Promise.resolve(files.get(safePath(path))),
    list: async (folder) => await Promise.resolve([...(folders.get(folder === "" ? "" : safePath(folder)) ?? [])]),
  };
}

/** The names in every folder that has any; "" is the root. */
function foldersOf(paths: Iterable<string>): ReadonlyMap<string, ReadonlySet<string>> {
  const folders = new Map<string, Set<string>>();
  for (const path of paths) {
    let inside = "";
    for (const name of path.split("/")) {
      const names = folders.get(inside) ?? new Set();
      folders.set(inside, names.add(name));
      inside = inside === "" ? name : `${inside}/${name}`;
    }
  }
  return folders;
}
