// A lock between processes of one machine: a file that only its maker may make. For a git branch it is a courtesy that
// saves retries; for a folder it is what keeps two writers apart.

import { randomInt } from "node:crypto";
import { readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { LedgerError } from "./evidence-path.ts";

/** Sealing takes well under a second; a hundred processes in line are through in this time. */
const WAIT_MS_MAX = 120_000;

/** Runs `work` while this process alone holds the lock file. Throws LedgerError when the wait is too long. */
export async function holding<T>(path: string, work: () => Promise<T>): Promise<T> {
  const until = Date.now() + WAIT_MS_MAX;
  while (!take(path)) {
    breakStale(path);
    if (Date.now() > until) throw new LedgerError(`${path} is held by another process; remove it if none is running`);
    await sleep(randomInt(5, 40));
  }
  try {
    return await work();
  } finally {
    unlinkSync(path);
  }
}

function take(path: string): boolean {
  try {
    writeFileSync(path, `${process.pid}\n`, { flag: "wx" });
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

/** Removes a lock whose process is gone. Guarded by a second file, or two that saw the old lock would both remove one. */
function breakStale(path: string): void {
  if (!isStale(path)) return;
  const guard = `${path}.stale`;
  if (!take(guard)) return;
  try {
    if (isStale(path)) unlinkSync(path);
  } finally {
    unlinkSync(guard);
  }
}

function isStale(path: string): boolean {
  let pid: number;
  try {
    pid = Number(readFileSync(path, "utf8"));
  } catch (error) {
    if (codeOf(error) === "ENOENT") return false;
    throw error;
  }
  // Between its making and its writing a lock is empty for an instant.
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return codeOf(error) === "ESRCH";
  }
}

/** The code of a system error, such as ENOENT. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
