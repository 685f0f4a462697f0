import { spawnSync } from "node:child_process";
import { accessSync, constants, mkdirSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { Ledger } from "../../evidence/ledger.ts";
import { dirLedger } from "./dir.ts";
import { LedgerError } from "./evidence-path.ts";
import { gitLedger } from "./git.ts";
import { codeOf } from "./lock.ts";

/** The branch of digests that goes with a branch of evidence: `countersign/evidence` has `countersign/log`. */
export function logBranchOf(evidenceBranch: string): string {
  return evidenceBranch.endsWith("/evidence") ? evidenceBranch.replace(/evidence$/, "log") : `${evidenceBranch}-log`;
}

/**
 * Opens what `--ledger` names: `git:BRANCH` of the repository around `directory`, or `dir:PATH`, which is made. Throws
 * LedgerError when it could not be written: that is better known before the job runs than after.
 */
export function openLedger(name: string, directory: string): Ledger {
  const [, kind, where = ""] = /^(git|dir):(.+)$/s.exec(name) ?? [];
  if (kind === "dir") {
    const folder = resolve(directory, where);
    makeFolder(folder);
    return dirLedger(folder);
  }
  if (kind === "git") {
    if (spawnSync("git", ["rev-parse", "--git-dir"], { cwd: directory, stdio: "ignore" }).status !== 0) {
      throw new LedgerError(
        `${directory} is in no git repository; run it in one, or keep the evidence in a folder: --ledger dir:PATH`,
      );
    }
    return gitLedger({
      repository: directory,
      evidenceBranch: where,
      logBranch: logBranchOf(where),
      nowSeconds: () => Math.floor(Date.now() / 1000),
    });
  }
  throw new LedgerError(`--ledger takes git:BRANCH or dir:PATH, not "${name}"`);
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
