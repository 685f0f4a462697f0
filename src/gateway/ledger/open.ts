import { spawnSync } from "node:child_process";
import { accessSync, constants, mkdirSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { LedgerError } from "../../evidence/evidence-path.ts";
import type { EvidenceReader, Ledger } from "../../evidence/ledger.ts";
import { bundleLedger, bundleReader } from "./bundle.ts";
import { dirLedger, dirReader } from "./dir.ts";
import { gitLedger, gitReader } from "./git.ts";
import { codeOf } from "./lock.ts";

/** The branch of digests that goes with a branch of evidence: `countersign/evidence` has `countersign/log`. */
export function logBranchOf(evidenceBranch: string): string {
  return evidenceBranch.endsWith("/evidence") ? evidenceBranch.replace(/evidence$/, "log") : `${evidenceBranch}-log`;
}

/**
 * Opens what `--ledger` names: `git:BRANCH` of the repository around `directory`, `dir:PATH`, which is made, or
 * `bundle:FILE`, whose folder is made. Throws LedgerError when it could not be written: that is better known before the
 * job runs than after.
 */
export function openLedger(name: string, directory: string): Ledger {
  const [, kind, where = ""] = /^(git|dir|bundle):(.+)$/s.exec(name) ?? [];
  if (kind === "dir") {
    const folder = resolve(directory, where);
    makeFolder(folder);
    return dirLedger(folder);
  }
  if (kind === "bundle") {
    const file = resolve(directory, where);
    makeFolder(dirname(file));
    return bundleLedger(file);
  }
  if (kind === "git") {
    checkRepository(directory);
    return gitLedger({
      repository: directory,
      evidenceBranch: where,
      logBranch: logBranchOf(where),
      nowSeconds: () => Math.floor(Date.now() / 1000),
    });
  }
  throw new LedgerError(`--ledger takes git:BRANCH, dir:PATH or bundle:FILE, not "${name}"`);
}

/** Reads what `--ledger` names, as it is now, and closes it. Throws LedgerError when it is not there. */
export async function readLedger<T>(
  name: string,
  directory: string,
  work: (reader: EvidenceReader) => Promise<T>,
): Promise<T> {
  const [, kind, where = ""] = /^(git|dir|bundle):(.+)$/s.exec(name) ?? [];
  if (kind === "dir") return await work(dirReader(resolve(directory, where)));
  if (kind === "bundle") return await work(bundleReader(resolve(directory, where)));
  if (kind !== "git") throw new LedgerError(`--ledger takes git:BRANCH, dir:PATH or bundle:FILE, not "${name}"`);
  checkRepository(directory);
  const reader = await gitReader(directory, where);
  try {
    return await work(reader);
  } finally {
    await reader.close();
  }
}

function checkRepository(directory: string): void {
  if (spawnSync("git", ["rev-parse", "--git-dir"], { cwd: directory, stdio: "ignore" }).status === 0) return;
  throw new LedgerError(
    `${directory} is in no git repository; run it in one, or keep the evidence in a folder: --ledger dir:PATH`,
  );
}

/** Step by step, for the recursive way does not come back where a parent refuses children that it seems to allow. */
function makeFolder(folder: string): void {
  try {
    if (dirname(folder) !== folder) {
      try {
        accessSync(dirname(folder), constants.F_OK);
      } catch {
        makeFolder(dirname(folder));
      }
    }
    mkdirSync(folder);
  } catch (cause) {
    if (cause instanceof LedgerError) throw cause;
    if (codeOf(cause) !== "EEXIST")
      throw new LedgerError(`the folder ${folder} cannot be made; name another with --ledger dir:PATH`, { cause });
  }
  try {
    accessSync(folder, constants.W_OK);
  } catch (cause) {
    throw new LedgerError(`the folder ${folder} cannot be written; name another with --ledger dir:PATH`, { cause });
  }
}
