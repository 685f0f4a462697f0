// Evidence in a folder. A change is first written whole into a folder beside the evidence, and a list of its files last:
// from then on the change is made, whoever dies. Then its files are renamed into their places; a writer that finds the
// list of another finishes that first.

import { constants } from "node:fs";
import { lstat, mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { FILE_BYTES_MAX, LedgerError, safePath } from "../../evidence/evidence-path.ts";
import type { Change, EvidenceReader, Ledger } from "../../evidence/ledger.ts";
import { codeOf, holding } from "./lock.ts";

/** Where a change is written before it is made. Evidence has no path that begins with a dot. */
const NEXT = ".countersign.next";

/** In it, what belongs where: `{"put": [path, ...], "removed": [path, ...]}`; the n-th path's bytes are in the file n. */
const LIST = "change.json";

/** Opens a folder as a ledger. It is made at the first update. */
export function dirLedger(folder: string): Ledger {
  const reader = readerOf(folder);
  return {
    async update(plan) {
      await mkdir(folder, { recursive: true });
      return await holding(join(folder, ".countersign.lock"), async () => {
        await finish(folder);
        const change = await plan(reader);
        if (change === "nothing") return "nothing";
        await prepare(folder, change);
        await finish(folder);
        return "done";
      });
    },
  };
}

/**
 * Reads evidence in a folder that anybody may have put there: no link is followed, no device or pipe opened. A change whose
 * list is there counts as made: what is not in its place yet is read where it was written.
 */
export function dirReader(folder: string): EvidenceReader {
  const reader = readerOf(folder);
  return {
    async read(path) {
      const change = await pending(folder);
      const at = change?.put.indexOf(safePath(path)) ?? -1;
      if (at === -1) return change?.removed.includes(path) === true ? undefined : await reader.read(path);
      // Renamed into its place since the list was read, or before its writer died.
      return (await readPlain(folder, `${NEXT}/${at}`)) ?? (await reader.read(path));
    },
    async list(path) {
      const names = await reader.list(path);
      const change = await pending(folder);
      if (change === undefined) return names;
      const inside = path === "" ? "" : `${safePath(path)}/`;
      const put = change.put.filter((each) => each.startsWith(inside));
      const added = put.map((each) => each.slice(inside.length).split("/", 1)[0] ?? "");
      const kept = names.filter((name) => !change.removed.includes(`${inside}${name}`));
      return [...new Set([...kept, ...added])];
    },
  };
}

function readerOf(folder: string): EvidenceReader {
  return {
    async read(path) {
      return await readPlain(folder, safePath(path));
    },
    async list(path) {
      const kind = path === "" ? "folder" : await kindOf(folder, safePath(path));
      if (kind === undefined || kind === "file") return [];
      if (kind !== "folder") throw new LedgerError(`${path} is not a folder`);
      return await readdir(join(folder, path));
    },
  };
}

async function readPlain(folder: string, path: string): Promise<Uint8Array | undefined> {
  const plain = await kindOf(folder, path);
  if (plain === undefined || plain === "folder") return undefined;
  if (plain !== "file") throw new LedgerError(`${path} is not a plain file`);
  // Between the look and the opening somebody may put a link there; then this fails.
  const file = await open(join(folder, path), constants.O_RDONLY | constants.O_NOFOLLOW).catch((error: unknown) => {
    if (codeOf(error) === "ENOENT") return undefined; // a writer has just put it into its place
    throw error;
  });
  if (file === undefined) return undefined;
  try {
    const { size } = await file.stat();
    if (size > FILE_BYTES_MAX) throw new LedgerError(`${path} is larger than ${FILE_BYTES_MAX} bytes`);
    return await file.readFile();
  } finally {
    await file.close();
  }
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

/** Writes a change whole, and the list that makes it final. */
async function prepare(folder: string, { files, removed }: Change): Promise<void> {
  const next = join(folder, NEXT);
  const list = { put: files.map(({ path }) => safePath(path)), removed: removed.map(safePath) };
  await rm(next, { recursive: true, force: true });
  await mkdir(next);
  for (const [at, { bytes }] of files.entries()) await write(join(next, String(at)), bytes);
  await write(join(next, `${LIST}.new`), Buffer.from(JSON.stringify(list)));
  await rename(join(next, `${LIST}.new`), join(next, LIST));
}

/** Makes a change that is whole, as far as that was not done before; one that is not whole is dropped. */
async function finish(folder: string): Promise<void> {
  const next = join(folder, NEXT);
  const list = await pending(folder);
  for (const [at, path] of (list?.put ?? []).entries()) {
    const place = join(folder, path);
    await mkdir(dirname(place), { recursive: true });
    await rename(join(next, String(at)), place).catch((error: unknown) => {
      if (codeOf(error) !== "ENOENT") throw error; // renamed by whoever died
    });
  }
  for (const path of list?.removed ?? []) await rm(join(folder, path), { force: true });
  // The list goes first: without it the rest of the folder means nothing.
  await rm(join(next, LIST), { force: true });
  await rm(next, { recursive: true, force: true });
}

interface Pending {
  readonly put: readonly string[];
  readonly removed: readonly string[];
}

/** The change that is whole and may not be in its place yet; undefined where there is none. */
async function pending(folder: string): Promise<Pending | undefined> {
  const bytes = await readPlain(folder, `${NEXT}/${LIST}`);
  if (bytes === undefined) return undefined;
  const list = listOf(Buffer.from(bytes).toString("utf8"));
  if (list === undefined) throw new LedgerError(`${join(folder, NEXT, LIST)} cannot be read`);
  return { put: list.put.map(safePath), removed: list.removed.map(safePath) };
}

function listOf(text: string): Pending | undefined {
  try {
    const list: unknown = JSON.parse(text);
    if (typeof list !== "object" || list === null || !("put" in list) || !("removed" in list)) return undefined;
    return { put: textsIn(list.put), removed: textsIn(list.removed) };
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function textsIn(list: unknown): string[] {
  return Array.isArray(list) ? list.filter((each): each is string => typeof each === "string") : [];
}

async function write(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, "wx");
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}
