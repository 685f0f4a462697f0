// `countersign run` in local mode as a black box, with a shell script as its job, and its page answered as a browser does.

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export interface LocalRun {
  /** What it printed so far, both streams. */
  readonly output: () => string;
  readonly exited: Promise<number>;
  /** The request that waits, as the page shows it; waits until there is one. */
  readonly waiting: () => Promise<ShownRequest>;
  readonly answer: (request: ShownRequest, word: "approve" | "refuse") => Promise<void>;
}

export interface ShownRequest {
  readonly id: string;
  readonly digest: string;
  readonly headline: string;
  readonly text: readonly { readonly kind: string; readonly text: string }[];
}

export interface LocalPlace {
  readonly folder: string;
  readonly ledger: string;
  readonly run: (script: string) => LocalRun;
  readonly countersign: (...args: readonly string[]) => Promise<{ readonly code: number; readonly output: string }>;
  readonly close: () => void;
}

const PROGRAM = resolve("src/cli/main.ts");
/** How a job calls the program. */
export const COUNTERSIGN = `'${process.execPath}' '${PROGRAM}'`;

/** A folder with a policy, and a state and a ledger of its own. The job's working directory is the folder. */
export function localPlace({ policy, target }: { readonly policy: string; readonly target: string }): LocalPlace {
  const folder = mkdtempSync(join(tmpdir(), "cs-local-"));
  const ledger = join(folder, "ledger");
  writeFileSync(join(folder, "countersign.yml"), policy);
  const children: ChildProcess[] = [];
  const start = (args: readonly string[]): Omit<LocalRun, "waiting" | "answer"> => {
    const child = spawn(process.execPath, [PROGRAM, ...args], {
      cwd: folder,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, COUNTERSIGN_STATE_DIR: join(folder, "state") },
    });
    children.push(child);
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => (output += text));
    }
    return {
      output: () => output,
      exited: new Promise<number>((done) => child.on("close", (code) => done(code ?? 128))),
    };
  };
  return {
    folder,
    ledger,
    run(script) {
      const options = ["--policy", "countersign.yml", "--target", `appdb=${target}`, "--ledger", `dir:${ledger}`];
      const run = start(["run", ...options, "--no-terminal", "--", "/bin/sh", "-c", script]);
      const page = async (): Promise<string> => await found(() => /approvals at (http:\S+)/.exec(run.output())?.[1]);
      return {
        ...run,
        async waiting() {
          const base = await page();
          const id = await found(async () => {
            const state = (await (await fetch(`${base}state`)).json()) as { waiting: { id: string }[] };
            return state.waiting[0]?.id;
          });
          return (await (await fetch(`${base}requests/${id}`)).json()) as ShownRequest;
        },
        async answer({ id, digest }, word) {
          const base = await page();
          const headers = { "content-type": "application/json", origin: new URL(base).origin };
          const body = JSON.stringify({ id, digest, word, reason: "" });
          const { status } = await fetch(`${base}answer`, { method: "POST", headers, body });
          if (status !== 200) throw new Error(`the page answered ${status}`);
        },
      };
    },
    async countersign(...args) {
      const { exited, output } = start(args);
      return { code: await exited, output: output() };
    },
    close() {
      for (const { pid } of children) {
        try {
          if (pid !== undefined) process.kill(-pid, "SIGKILL");
        } catch {
          // It and all that it started have ended.
        }
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function found<T>(look: () => T | undefined | Promise<T | undefined>): Promise<T> {
  for (const end = performance.now() + 20_000; ; await sleep(20)) {
    const value = await look();
    if (value !== undefined) return value;
    if (performance.now() > end) throw new Error("it did not come to that");
  }
}
