// Opens evidence to read one session of it: where it is, and which session is meant by the beginning of its id.

import { statSync } from "node:fs";
import { resolve } from "node:path";
import { LedgerError } from "../evidence/evidence-path.ts";
import type { EvidenceReader } from "../evidence/ledger.ts";
import { findSessions } from "../evidence/sessions.ts";
import { bundleReader } from "../gateway/ledger/bundle.ts";
import { dirReader } from "../gateway/ledger/dir.ts";
import { gitReader } from "../gateway/ledger/git.ts";

/** Where evidence is unless it is said: the branch that `countersign run` writes. */
export const DEFAULT_LEDGER = "git:countersign/evidence";

/** The session that is meant cannot be found. */
export class NoSession extends LedgerError {}

const NAME_IT = "name the evidence with --ledger git:BRANCH, dir:PATH or bundle:FILE";

export interface OpenPlace {
  readonly reader: EvidenceReader;
  readonly close: () => Promise<void>;
}

/** Opens what `--ledger` names, to read. Throws LedgerError when there is none. */
export async function openPlace(ledger: string, cwd: string): Promise<OpenPlace> {
  const [, kind, where = ""] = /^(git|dir|bundle):(.+)$/s.exec(ledger) ?? [];
  if (kind === "git") {
    try {
      const reader = await gitReader(cwd, where);
      return { reader, close: async () => await reader.close() };
    } catch (cause) {
      if (!(cause instanceof LedgerError)) throw cause;
      throw new NoSession(`${where} is no branch here; ${NAME_IT}`, {
        cause,
      });
    }
  }
  if (kind === "bundle") {
    const file = resolve(cwd, where);
    if (!isFile(file)) throw new NoSession(`${where} is no file; ${NAME_IT}`);
    return { reader: bundleReader(file), close: async () => await Promise.resolve() };
  }
  if (kind !== "dir") throw new NoSession(`--ledger takes git:BRANCH, dir:PATH or bundle:FILE, not "${ledger}"`);
  const folder = resolve(cwd, where);
  if (!isFolder(folder)) throw new NoSession(`${where} is no folder; ${NAME_IT}`);
  return { reader: dirReader(folder), close: async () => await Promise.resolve() };
}

/** The folder of the one session whose id begins so. Throws NoSession for none and for several. */
export async function oneSession(reader: EvidenceReader, sid: string): Promise<string> {
  if (!/^[0-9A-Za-z]{1,26}$/.test(sid)) throw new NoSession(`"${sid}" is no session's id, nor the beginning of one`);
  const found = await findSessions(reader, sid.toUpperCase(), SHOWN_MAX + 1);
  const [folder] = found;
  if (folder === undefined)
    throw new NoSession(`there is no session ${sid} there; the front page of the evidence leads to all of them`);
  if (found.length === 1) return folder;
  const ids = found.slice(0, SHOWN_MAX).map((each) => each.split("/").at(-1));
  const more = found.length > SHOWN_MAX ? " and more" : "";
  throw new NoSession(`several sessions begin with ${sid}: ${ids.join(", ")}${more}; give more of the id`);
}

const SHOWN_MAX = 8;

/** Is there a folder of this name. */
export function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}
