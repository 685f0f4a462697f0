// A lock between processes. Whoever wants it puts down a claim, an empty file whose name says which process made it, and
// has the lock if no other claim is there then. Two that put one down at once both see the other's, and both step back.
//
// A name is used once, so a claim of a process that is gone can be removed by anybody without ever removing another's: no
// lock outlives its process, and no process has to be guessed at by the age of a file.

import { randomBytes, randomInt } from "node:crypto";
import { readdirSync, unlinkSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { LedgerError } from "../../evidence/evidence-path.ts";
import { isProcessId, type Life, lifeOf, thisProcess } from "./process-id.ts";

/** Sealing takes well under a second; a hundred processes in line are through in this time. */
const WAIT_MS_MAX = 120_000;

/** A lock of another machine, which may be long gone. Whoever can do without the lock waits no longer than this for it. */
const ELSEWHERE_MS_MAX = 20_000;

/** A claim that was put down and stands alone. */
export interface Claim {
  release(): void;
}

/** Who has the lock. */
export interface Holder {
  readonly path: string;
  readonly life: Exclude<Life, "gone">;
}

/** Takes the lock of this name at once, or says who has it. The folder that it is in must be there. */
export function tryClaim(lock: string): Claim | Holder {
  const [before] = claimsOn(lock);
  if (before !== undefined) return before;
  const own = `${lock}.${thisProcess()}.${randomBytes(6).toString("hex")}`;
  writeFileSync(own, "", { flag: "wx", mode: 0o600 });
  const other = claimsOn(lock).find(({ path }) => path !== own);
  if (other === undefined) return { release: () => remove(own) };
  remove(own);
  return other;
}

/**
 * Runs `work` while this process alone has the lock. Throws LedgerError when the wait is too long. `courtesy`: the lock only
 * saves work, so where its holder is on another machine and keeps it, `work` is run without it.
 */
export async function holding<T>(
  lock: string,
  work: () => Promise<T>,
  { courtesy = false }: { readonly courtesy?: boolean } = {},
): Promise<T> {
  const from = Date.now();
  for (;;) {
    const claim = tryClaim(lock);
    if ("release" in claim) {
      try {
        return await work();
      } finally {
        claim.release();
      }
    }
    const waited = Date.now() - from;
    if (courtesy && claim.life === "elsewhere" && waited > ELSEWHERE_MS_MAX) return await work();
    if (waited > WAIT_MS_MAX) throw new LedgerError(heldBy(claim));
    await sleep(randomInt(5, 40));
  }
}

function heldBy({ path, life }: Holder): string {
  return life === "running"
    ? `another process holds the lock ${path} for long; try again when it is done`
    : `another machine holds the lock ${path}; if nothing of Countersign runs there any more, remove that file`;
}

/** Claims on a lock by processes that live, or may live. Those of processes that are gone are removed on the way. */
function claimsOn(lock: string): Holder[] {
  const folder = dirname(lock);
  const start = `${basename(lock)}.`;
  return readdirSync(folder).flatMap((name): Holder[] => {
    const [process = "", nonce = "", ...more] = name.startsWith(start) ? name.slice(start.length).split(".") : [];
    if (!isProcessId(process) || !/^[0-9a-f]{12}$/.test(nonce) || more.length > 0) return [];
    const path = join(folder, name);
    const life = lifeOf(process);
    if (life !== "gone") return [{ path, life }];
    remove(path);
    return [];
  });
}

function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    // Somebody else saw as well that its process was gone.
    if (codeOf(error) !== "ENOENT") throw error;
  }
}

/** The code of a system error, such as ENOENT. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
