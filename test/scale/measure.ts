// What a branch of many sessions costs: to verify, to add to, to prove one of them, and on disk.

import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { sealSession } from "../../src/evidence/layout.ts";
import type { EvidenceReader } from "../../src/evidence/ledger.ts";
import { CHECKPOINT_PATH, proveEntry, readEntry } from "../../src/evidence/log.ts";
import { gitReader } from "../../src/gateway/ledger/git.ts";
import { parseCheckpoint, parseNote } from "../../src/tlog/note.ts";
import { leafHash, verifyInclusion } from "../../src/tlog/tree.ts";
import { type Party, party } from "../evidence/sealed.ts";
import { openAt } from "../gateway/ledger/open-at.ts";
import { fill, manyth } from "./many.ts";

const BRANCH = "countersign/evidence";

/** A bare repository with so many sessions in its branch, all of one month. */
export interface Large {
  readonly place: string;
  readonly by: Party;
  readonly count: number;
  remove(): void;
}

export async function makeLarge(count: number, progress?: (done: number) => void): Promise<Large> {
  const place = mkdtempSync(join(tmpdir(), "large-"));
  execFileSync("git", ["init", "--quiet", "--bare", place]);
  const by = party();
  await fill(openAt("git", place), by, count, progress);
  return { place, by, count, remove: () => rmSync(place, { recursive: true, force: true }) };
}

export interface Verified {
  /** The last line that it printed. */
  readonly verdict: string;
  readonly seconds: number;
  /** Of the process's own work, which other processes do not lengthen. */
  readonly cpuSeconds: number;
  /** The largest resident size of the process, in MB of a million bytes. */
  readonly megabytes: number;
}

/** Verifies the branch with the built command line, in a process of its own. */
export function verifyLarge({ place }: Large): Verified {
  const figures = "const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage();";
  const tell = `process.on("exit", () => { ${figures} process.stderr.write(\`cost \${maxRSS} \${userCPUTime + systemCPUTime}\\n\`); })`;
  const from = performance.now();
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ["--import", `data:text/javascript,${tell}`, resolve("dist/countersign.cjs"), "verify", BRANCH],
    { cwd: place, encoding: "utf8", maxBuffer: 1024 * 1024 * 1024 },
  );
  const [, kibibytes, cpuUs] = /cost ([0-9]+) ([0-9]+)/.exec(stderr) ?? [];
  return {
    verdict: stdout.trimEnd().split("\n").at(-1) ?? "",
    seconds: (performance.now() - from) / 1000,
    cpuSeconds: Number(cpuUs) / 1e6,
    megabytes: (Number(kibibytes) * 1024) / 1_000_000,
  };
}

export interface SealCost {
  readonly ms: number;
  /** Of this process and the gits that it ran. */
  readonly cpuMs: number;
  /** What it adds to the repository as git leaves it, before anything is packed. */
  readonly looseBytes: number;
}

/** Seals `times` more sessions into the branch, one after the other. */
export async function sealMore({ place, by, count }: Large, times: number): Promise<readonly SealCost[]> {
  const costs: SealCost[] = [];
  for (let each = 0; each < times; each += 1) {
    // Its id is new, and its day the last of the month: the largest index, and a day with others in it.
    const session = manyth(by, count - 1, count, each + 1);
    const before = bytesIn(place);
    const from = performance.now();
    const cpuFrom = cpuMsWithChildren();
    await sealSession(session, openAt("git", place), by.signer);
    const [ms, cpuMs] = [performance.now() - from, cpuMsWithChildren() - cpuFrom];
    costs.push({ ms, cpuMs, looseBytes: bytesIn(place) - before });
  }
  return costs;
}

/** Bytes of the repository for each session, after `git gc`, as a clone or GitHub has it. */
export function packedBytesEach(large: Large, sessions: number): number {
  execFileSync("git", ["-C", large.place, "gc", "--quiet", "--prune=now"]);
  return bytesIn(large.place) / sessions;
}

/** How many files are read to prove that the log holds this entry: checkpoint and entry included. Throws if it does not. */
export async function filesForProof({ place }: Large, index: number): Promise<number> {
  const branch = await gitReader(place, BRANCH);
  const paths = new Set<string>();
  const counting: EvidenceReader = {
    read: async (path) => {
      paths.add(path);
      return await branch.read(path);
    },
    list: async () => await Promise.reject(new Error("a proof lists nothing")),
  };
  try {
    const note = Buffer.from((await counting.read(CHECKPOINT_PATH)) ?? []).toString();
    const { size, root } = parseCheckpoint(parseNote(note).text);
    const entry = await readEntry(counting, index, size);
    const proof = await proveEntry(counting, index, size);
    const holds = entry !== undefined && verifyInclusion({ index, size, leaf: leafHash(entry), proof, root });
    if (!holds) throw new Error(`entry ${index} is not proved`);
    return paths.size;
  } finally {
    await branch.close();
  }
}

/** proc_pid_stat(5), fields 14 to 17: user and system time, own and of children that ended, in ticks of 10 ms. */
function cpuMsWithChildren(): number {
  const stat = readFileSync("/proc/self/stat", "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks) * 10, 0);
}

function bytesIn(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}
