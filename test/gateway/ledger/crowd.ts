// Many processes that seal into one ledger at once, some of them killed with all that they started; then all are started
// again. Says what is in the ledger after that.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { buildSync } from "esbuild";
import type { EvidenceReader } from "../../../src/evidence/ledger.ts";
import { verifyLedger } from "../../../src/evidence/verify.ts";
import { bundleReader } from "../../../src/gateway/ledger/bundle.ts";
import { dirReader } from "../../../src/gateway/ledger/dir.ts";
import { gitReader } from "../../../src/gateway/ledger/git.ts";
import { party } from "../../evidence/sealed.ts";
import { manyth } from "../../scale/many.ts";

const SCRIPT = join(import.meta.dirname, "seal-kept.ts");

/** In one file it starts in half the time, and there are a hundred starts. */
function bundled(folder: string): string {
  const outfile = join(folder, "seal-kept.mjs");
  buildSync({ entryPoints: [SCRIPT], outfile, bundle: true, platform: "node", format: "esm", logLevel: "error" });
  return outfile;
}

/** A killed process has come this far at most: a good deal of them hold the lock then, or are about to. */
const KILL_MS_PER_PROCESS = 120;

export interface CrowdReport {
  /** Processes that were killed before they were done. */
  readonly killed: number;
  readonly verdict: string;
  /** Ids in the ledger, and those that should be there. */
  readonly sealed: readonly string[];
  readonly wanted: readonly string[];
  /** In git, the parents of each commit of the evidence branch, newest first. */
  readonly parents: readonly number[];
  /** What `git fsck` complains of. */
  readonly complaints: string;
}

/** `chance` gives numbers in [0, 1). `killOneIn`: 0 for none. */
export async function crowd({
  kind,
  count,
  killOneIn,
  chance,
}: {
  readonly kind: "git" | "dir" | "bundle";
  readonly count: number;
  readonly killOneIn: number;
  readonly chance: () => number;
}): Promise<CrowdReport> {
  const folder = mkdtempSync(join(tmpdir(), "crowd-"));
  try {
    const place = join(folder, kind === "bundle" ? "evidence.tar.gz" : "evidence");
    if (kind === "git") execFileSync("git", ["init", "--quiet", "--bare", place]);
    const by = party();
    const keyFile = join(folder, "key.pem");
    writeFileSync(keyFile, by.key.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
    mkdirSync(join(folder, "sessions"));
    const wanted = Array.from({ length: count }, (_, at) => keep(join(folder, "sessions", String(at)), by, at, count));
    const script = bundled(folder);
    const start = (at: number): ChildProcess =>
      // A process group of its own, so that the gits that it runs can be killed with it.
      spawn(process.execPath, [script, kind, place, keyFile, join(folder, "sessions", String(at))], {
        detached: true,
        stdio: ["ignore", "ignore", "inherit"],
      });
    let killed = 0;
    if (killOneIn > 0) {
      const codes = await Promise.all(
        wanted.map(async (_, at) => {
          const child = start(at);
          const ended = exitOf(child);
          if (at % killOneIn === 0) {
            await Promise.race([sleep(chance() * count * KILL_MS_PER_PROCESS), ended]);
            killGroup(child);
          }
          return await ended;
        }),
      );
      killed = codes.filter((code) => code === "SIGKILL").length;
      const failed = codes.filter((code) => code !== "SIGKILL" && code !== 0);
      if (failed.length > 0) throw new Error(`${failed.length} processes that nobody killed failed`);
    }
    // Those that were done before seal their session again.
    const codes = await Promise.all(wanted.map(async (_, at) => await exitOf(start(at))));
    if (codes.some((code) => code !== 0)) throw new Error(`a process ended with ${codes.find((code) => code !== 0)}`);
    const report = await read(kind, place, async (now) => await verifyLedger(now, { pinned: undefined }));
    return {
      killed,
      verdict: report.verdict,
      sealed: report.sessions.map(({ sid }) => sid),
      wanted: wanted.toSorted(),
      parents: kind === "git" ? parentsIn(place) : [],
      complaints: kind === "git" ? git(place, "fsck", "--strict", "--no-dangling") : "",
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function keep(path: string, by: ReturnType<typeof party>, at: number, count: number): string {
  const { sid, events, disclosures, checkpoints, dsse, approvals } = manyth(by, at, count);
  const texts = [events, disclosures, checkpoints].map((bytes) => Buffer.from(bytes).toString("base64"));
  writeFileSync(path, JSON.stringify({ texts, dsse, approvals }));
  return sid;
}

async function exitOf(child: ChildProcess): Promise<number | string> {
  return await new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code, signal) => resolve(code ?? signal ?? 1));
  });
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  process.kill(-child.pid, "SIGKILL");
}

async function read<T>(kind: string, place: string, work: (now: EvidenceReader) => Promise<T>): Promise<T> {
  if (kind !== "git") return await work(kind === "dir" ? dirReader(place) : bundleReader(place));
  const reader = await gitReader(place, "countersign/evidence");
  try {
    return await work(reader);
  } finally {
    await reader.close();
  }
}

function parentsIn(place: string): number[] {
  const lines = git(place, "log", "--format=%P", "countersign/evidence").split("\n").slice(0, -1);
  return lines.map((line) => line.split(" ").filter(Boolean).length);
}

function git(place: string, ...args: string[]): string {
  return execFileSync("git", ["-C", place, ...args], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}
