// `countersign run --app` as a black box in front of a real server, with an App in memory: what a job did, what was said,
// and what was left on disk.

import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type FakeApp, type FakeAppMemory, type FakeAppParts, startFakeApp } from "../fakes/app.ts";

export interface AppRun {
  readonly child: ChildProcess;
  /** What it printed so far, both streams. */
  readonly output: () => string;
  readonly exited: Promise<number>;
}

export interface AppPlace {
  readonly app: FakeApp;
  readonly folder: string;
  readonly ledger: string;
  readonly state: string;
  /** Starts `countersign run --app` with a shell script as its job. */
  readonly run: (
    script: string,
    more?: { readonly args?: readonly string[]; readonly env?: NodeJS.ProcessEnv },
  ) => Promise<AppRun>;
  /** Any other `countersign` command. */
  readonly countersign: (...args: readonly string[]) => Promise<{ readonly code: number; readonly output: string }>;
  close(): Promise<void>;
}

/** A folder with an App of its own. `target` is what `--target appdb=` is given. */
export async function appPlace(
  parts: Omit<FakeAppParts, "ledger"> & { readonly target: string },
  memory?: FakeAppMemory,
): Promise<AppPlace> {
  const folder = mkdtempSync(join(tmpdir(), "cs-app-"));
  const [ledger, state, temporary] = ["ledger", "state", "tmp"].map((name) => join(folder, name));
  if (ledger === undefined || state === undefined || temporary === undefined) throw new Error("three names are three");
  mkdirSync(temporary);
  const app = await startFakeApp({ ...parts, ledger }, memory);
  const children: ChildProcess[] = [];
  const program = resolve("src/cli/main.ts");
  const start = (args: readonly string[], env: NodeJS.ProcessEnv): AppRun => {
    const child = spawn(process.execPath, [program, ...args], {
      cwd: folder,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, TMPDIR: temporary, COUNTERSIGN_STATE_DIR: state, ...env },
    });
    children.push(child);
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => (output += text));
    }
    const exited = new Promise<number>((done) => child.on("close", (code) => done(code ?? 128)));
    return { child, output: () => output, exited };
  };
  return {
    app,
    folder,
    ledger,
    state,
    async run(script, { args = [], env = {} } = {}) {
      const file = join(folder, "token");
      writeFileSync(file, await app.token(), { mode: 0o600 });
      const options = ["--app", app.url, "--target", `appdb=${parts.target}`, ...args];
      return start(["run", ...options, "--", "/bin/sh", "-c", script], { COUNTERSIGN_ID_TOKEN_FILE: file, ...env });
    },
    async countersign(...args) {
      const { exited, output } = start(args, {});
      return { code: await exited, output: output() };
    },
    async close() {
      for (const child of children) {
        try {
          if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
        } catch {
          // It and all that it started have ended.
        }
      }
      await app.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
