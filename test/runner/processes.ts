// The processes of this machine, as /proc shows them, and which of them carry a job's RUNNER_TRACKING_ID.

import { readdirSync, readFileSync } from "node:fs";

export interface Seen {
  readonly pid: number;
  /** In clock ticks since the machine started: with the pid, what tells a process from a later one. */
  readonly startedAt: string;
  readonly command: string;
}

/** What runs now: pid to start. */
export function running(): ReadonlyMap<number, string> {
  const found = new Map<number, string>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const startedAt = startOf(Number(name));
    if (startedAt !== undefined) found.set(Number(name), startedAt);
  }
  return found;
}

/** The processes whose environment has the id, but for those that ran `before`. Who may not be read is not seen. */
export function carrying(trackingId: string, before: ReadonlyMap<number, string>): readonly Seen[] {
  const found: Seen[] = [];
  for (const [pid, startedAt] of running()) {
    if (before.get(pid) === startedAt) continue;
    const environment = read(`/proc/${pid}/environ`)?.split("\0") ?? [];
    if (!environment.includes(`RUNNER_TRACKING_ID=${trackingId}`)) continue;
    const command = (read(`/proc/${pid}/cmdline`) ?? "").replaceAll("\0", " ").trim();
    if (startOf(pid) === startedAt) found.push({ pid, startedAt, command });
  }
  return found;
}

/** Kills a process, if it is still the one that was seen. */
export function kill(seen: Seen): boolean {
  if (startOf(seen.pid) !== seen.startedAt) return false;
  try {
    process.kill(seen.pid, "SIGKILL");
    return true;
  } catch {
    // It ended by itself, or is somebody else's: either way it was not we who ended it.
    return false;
  }
}

/** Nothing for a process that is gone or only waits to be reaped. */
function startOf(pid: number): string | undefined {
  const stat = read(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  // The name may hold anything, so the fields are counted from its last parenthesis. State is the third, start the 22nd.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // Gone meanwhile, or not ours to read.
    return undefined;
  }
}
