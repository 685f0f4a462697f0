// Evidence in a folder. Every file is written beside its place and renamed into it; the log's checkpoint comes last, so
// a writer that dies leaves files that the log does not know, and a log that verifies.

import { constants } from "node:fs";
import { lstat, mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Change, EvidenceFile, EvidenceReader, Ledger } from "../../evidence/ledger.ts";
import { CHECKPOINT_PATH } from "../../evidence/log.ts";
import { FILE_BYTES_MAX, LedgerError, safePath } from "./evidence-path.ts";
import { codeOf, holding } from "./lock.ts";

/** Opens a folder as a ledger. It is made at the first update. */
export function dirLedger(folder: string): Ledger {
  const reader = dirReader(folder);
  return {
    async update(plan) {
      await mkdir(folder, { recursive: true });
      return await holding(join(folder, ".countersign.lock"), async () => {
        const change = await plan(reader);
        if (change === "nothing") return "nothing";
        await apply(folder, change);
        return "done";
      });
    },
  };
}

/** Reads evidence in a folder that anybody may have put there: no link is followed, no device or pipe opened. */
export function dirReader(folder: string): EvidenceReader {
  return {
    async read(path) {
      const plain = await kindOf(folder, safePath(path));
      if (plain === undefined || plain === "folder") return undefined;
      if (plain !== "file") throw new LedgerError(`${path} is not a plain file`);
      // Between the look and the opening somebody may put a link there; then this fails.
      const file = await open(join(folder, path), constants.O_RDONLY | constants.O_NOFOLLOW);
      try {
        const { size } = await file.stat();
        if (size > FILE_BYTES_MAX) throw new LedgerError(`${path} is larger than ${FILE_BYTES_MAX} bytes`);
        return await file.readFile();
      } finally {
        await file.close();
      }
    },
    async list(path) {
      const kind = path === "" ? "folder" : await kindOf(folder, safePath(path));
      if (kind === undefined || kind === "file") return [];
      if (kind !== "folder") throw new LedgerError(`${path} is not a folder`);
      return await readdir(join(folder, path));
    },
  };
}

/** Looks at every step of the path, so that a link anywhere in it is seen. */
async function kindOf(folder: string, path: string): Promise<"file" | "folder" | "other" | undefined> {
  let at = folder;
  let kind: "file" | "folder" | "other" = "folder";
  for (const name of path.split("/")) {
    if (kind !== "folder") return kind === "file" ? undefined : "other";
    at = join(at, name);
    try {
      const found = await lstat(at);
      kind = found.isFile() ? "file" : found.isDirectory() ? "folder" : "other";
    } catch (error) {
      if (codeOf(error) === "ENOENT") return undefined;
      throw error;
    }
  }
  return kind;
}

async function apply(folder: string, { files, removed }: Change): Promise<void> {
  const last = files.filter(({ path }) => path === CHECKPOINT_PATH);
  for (const file of files) if (file.path !== CHECKPOINT_PATH) await put(folder, file);
  for (const file of last) await put(folder, file);
  for (const path of removed) await rm(join(folder, safePath(path)), { force: true });
}

async function put(folder: string, { path, bytes }: EvidenceFile): Promise<void> {
  const place = join(folder, safePath(path));
  await mkdir(dirname(place), { recursive: true });
  // One writer at a time, so one name is enough; what a dead writer left is overwritten.
  const beside = `${place}.new`;
  const file = await open(beside, "w");
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(beside, place);
}
