// The evidence as it lies on the stand-in: cloned by stock git, and as both verifiers see it.

import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Report } from "../../../src/evidence/report.ts";
import { verifyLedger } from "../../../src/evidence/verify.ts";
import { dirReader } from "../../../src/gateway/ledger/dir.ts";
import { gitReader } from "../../../src/gateway/ledger/git.ts";
import { PYTHON } from "../../independent/batch.ts";
import type { Shop } from "./office.ts";

const run = promisify(execFile);

/** Verifies the branch as it is, without a clone. */
export async function reportOf({ town, countersigner }: Shop, branch = "countersign/evidence"): Promise<Report> {
  const reader = await gitReader(town.shop.git.folder, branch);
  try {
    return await verifyLedger(reader, { pinned: countersigner.app.verifier });
  } finally {
    await reader.close();
  }
}

/** What git says about the repository on GitHub. */
export async function gitAt({ town }: Shop, ...args: string[]): Promise<string> {
  return (await run("git", ["-C", town.shop.git.folder, ...args])).stdout.trim();
}

export interface Clone {
  readonly folder: string;
  git(...args: string[]): Promise<string>;
  remove(): void;
}

/** Clones a branch with stock git. */
export async function cloneOf({ town }: Shop, branch = "countersign/evidence"): Promise<Clone> {
  const place = mkdtempSync(join(tmpdir(), "countersign-custody-"));
  const folder = join(place, "evidence");
  const env = { ...process.env, GIT_TERMINAL_PROMPT: "0" };
  await run("git", ["clone", "--quiet", "--branch", branch, `${town.standin.origin}/acme/shop.git`, folder], { env });
  return {
    folder,
    git: async (...args) => (await run("git", ["-C", folder, ...args], { env })).stdout.trim(),
    remove: () => rmSync(place, { recursive: true, force: true }),
  };
}

/** What both verifiers say of a clone, with the App's key pinned. */
export async function verdictsOf(
  { countersigner }: Shop,
  { folder }: Clone,
): Promise<{ ours: Report; theirs: string }> {
  const ours = await verifyLedger(dirReader(folder), { pinned: countersigner.app.verifier });
  const theirs = await run("python3", [...PYTHON, "--quick", folder, "--key", countersigner.app.verifier.vkey]).then(
    ({ stdout }) => stdout,
    (error: unknown) => (error instanceof Error && "stdout" in error ? String(error.stdout) : String(error)),
  );
  return { ours, theirs: /^verdict: .*$/m.exec(theirs)?.[0] ?? theirs };
}

/** Why our verifier does not call it good; empty when it does. */
export function faultsIn(report: Report): string[] {
  const checks = [...report.checks, ...report.sessions.flatMap((each) => each.checks)];
  return checks
    .filter(({ outcome }) => outcome !== "good")
    .flatMap(({ id, reasons }) => reasons.map((each) => `${id}: ${each}`));
}
