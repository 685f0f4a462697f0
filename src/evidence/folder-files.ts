// The files of one session as a verifier finds them in a folder: those that a session has, and the names of all else.

import { decodeUtf8 } from "./dsse.ts";
import type { EvidenceReader } from "./ledger.ts";
import { SESSION_FILES } from "./where.ts";

/** Folders in the folder of a session. */
const FOLDERS: readonly string[] = [SESSION_FILES.approvals, SESSION_FILES.erasures];

/** The files of one session, by their path in its folder. */
export class FolderFiles {
  readonly #files: ReadonlyMap<string, Uint8Array>;
  readonly #unknown: readonly string[];

  constructor(files: ReadonlyMap<string, Uint8Array>, unknown: readonly string[]) {
    this.#files = files;
    this.#unknown = unknown;
  }

  /** A file's bytes; of a missing one none. */
  get(name: string): Uint8Array {
    return this.#files.get(name) ?? new Uint8Array();
  }

  has(name: string): boolean {
    return this.#files.has(name);
  }

  text(name: string): string {
    return decodeUtf8(this.get(name)) ?? "\ufffd";
  }

  inFolder(folder: string): ReadonlyMap<string, Uint8Array> {
    const inside = `${folder}/`;
    const pairs = [...this.#files].filter(([path]) => path.startsWith(inside));
    return new Map(pairs.map(([path, bytes]) => [path.slice(inside.length), bytes]));
  }

  /** The paths of all of them. */
  get names(): readonly string[] {
    return [...this.#files.keys()];
  }

  /** Names in the folder that are none of a session's. */
  get unknown(): readonly string[] {
    return this.#unknown;
  }
}

const PLAIN: readonly string[] = Object.values(SESSION_FILES).filter((name) => !FOLDERS.includes(name));

/** Reads the files of a session. What is none of them is named and not opened: it may be anything, of any size. */
export async function readFolder(reader: EvidenceReader, folder: string): Promise<FolderFiles> {
  const at = (name: string): string => (folder === "" ? name : `${folder}/${name}`);
  const files = new Map<string, Uint8Array>();
  const unknown: string[] = [];
  const read = async (name: string): Promise<void> =>
    void files.set(name, (await reader.read(at(name))) ?? new Uint8Array());
  for (const name of await reader.list(folder)) {
    if (PLAIN.includes(name)) await read(name);
    else if (!FOLDERS.includes(name) || (await reader.read(at(name))) !== undefined) unknown.push(name);
  }
  for (const inside of FOLDERS) {
    for (const name of await reader.list(at(inside))) {
      if (/^[\w-]+\.dsse\.json$/.test(name)) await read(`${inside}/${name}`);
      else unknown.push(`${inside}/${name}`);
    }
  }
  return new FolderFiles(files, unknown);
}
