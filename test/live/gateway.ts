// The built gateway as a black box: `countersign run` with a job that only waits, so that a test, a measurement or
// another client can use the address that the job was given. Knows nothing of the gateway's insides.

import { type ChildProcess, spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Long enough for a loaded machine; a gateway that is well is ready within half a second. */
const READY_MS_MAX = 20_000;
/** Sealing the session and committing it are part of ending. */
const STOP_MS_MAX = 30_000;

export interface GatewayOptions {
  /** The policy's YAML text, or the path of a file that holds it. */
  readonly policy: string;
  /** Where the target is, with the real credential: `postgres://user:password@host:port/database`. */
  readonly target: string;
  /** `dir:PATH` or `git:BRANCH`; a folder of its own when it is not given. */
  readonly ledger?: string;
  /** Arguments for `countersign run`, before the `--`. */
  readonly extraArgs?: readonly string[];
  /** Variables added to the gateway's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** How long ending may take, in milliseconds; 30 seconds when it is not given. */
  readonly stopMsMax?: number;
  /** The script to run in place of `dist/countersign.cjs`. */
  readonly program?: string;
}

export interface RunningGateway {
  /** What a client connects to, with the password made for this session. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** The process of `countersign run`, which is the gateway. */
  readonly pid: number;
  /** From the start of the process until its job ran. */
  readonly readyMs: number;
  /** Where `--ledger dir:` writes; empty for another kind of ledger. */
  readonly ledgerDir: string;
  /** Where unfinished sessions are. */
  readonly stateDir: string;
  /** The environment that the job was given. */
  readonly jobEnv: Readonly<Record<string, string>>;
  /** What the gateway has printed so far, both streams. */
  log(): string;
  /** Ends the job with this code (0 when not given) and resolves to the gateway's own exit code, after the session was sealed. */
  stop(code?: number): Promise<number>;
  /** SIGKILL to the gateway alone, and resolves when it is gone. What it left on disk stays until `discard`. */
  kill(): Promise<void>;
  /** Ends whatever is left and removes the folders made here. Safe to call twice, and after `stop`. */
  discard(): Promise<void>;
}

/** Starts a gateway in front of one target named `appdb`. Throws with the gateway's output when it does not get ready. */
export async function startGateway(options: GatewayOptions): Promise<RunningGateway> {
  const folder = mkdtempSync(join(tmpdir(), "countersign-live-"));
  const stateDir = join(folder, "state");
  mkdirSync(stateDir, { mode: 0o700 });
  const ledger = options.ledger ?? `dir:${join(folder, "ledger")}`;
  const ledgerDir = ledger.startsWith("dir:") ? ledger.slice("dir:".length) : "";
  const envFile = join(folder, "job-env.json");
  const output: string[] = [];
  const startedAt = performance.now();
  const child = spawn(
    process.execPath,
    [
      options.program ?? join(root, "dist", "countersign.cjs"),
      "run",
      "--policy",
      policyFile(options.policy, folder),
      "--target",
      `appdb=${options.target}`,
      "--ledger",
      ledger,
      "--env",
      "DATABASE_URL=appdb",
      ...(options.extraArgs ?? []),
      "--",
      // The shell writes the environment because it starts in a millisecond, and the time until ready is measured here.
      // Renamed into place, so whoever waits for the file never sees half of it.
      "/bin/sh",
      "-c",
      'env -0 >"$1.part" && mv "$1.part" "$1" && exec "$2" "$3" "$1.end"',
      "keep-alive",
      envFile,
      process.execPath,
      join(root, "test", "live", "keep-alive.mjs"),
    ],
    // A process group of its own, so that what it started can be ended with it and nothing else is.
    {
      cwd: folder,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      // A gateway that is killed leaves its temporary files, which are then removed with the rest.
      env: { ...process.env, TMPDIR: folder, COUNTERSIGN_STATE_DIR: stateDir, ...options.env },
    },
  );
  child.stdout.setEncoding("utf8").on("data", (text: string) => output.push(text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => output.push(text));
  const exited = new Promise<number>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve(code ?? (signal === null ? 1 : 128)));
  });
  exited.catch(() => undefined); // a failed spawn is reported by whoever waits; nobody may be waiting yet
  const pid = child.pid ?? 0;
  const discard = async (): Promise<void> => {
    endGroup(child);
    await exited.catch(() => undefined);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await until(() => existsSync(envFile), exited, READY_MS_MAX);
  } catch (error) {
    await discard();
    throw new Error(`the gateway did not get ready:\n${output.join("")}`, { cause: error });
  }
  const readyMs = performance.now() - startedAt;
  const jobEnv = readEnvironment(envFile);
  const url = jobEnv["COUNTERSIGN_APPDB_URL"] ?? "";
  const parsed = new URL(url);
  return {
    url,
    host: parsed.hostname,
    port: Number(parsed.port),
    user: decodeURIComponent(parsed.username),
    password: decodeURIComponent(parsed.password),
    database: decodeURIComponent(parsed.pathname.slice(1)),
    pid,
    readyMs,
    ledgerDir,
    stateDir,
    jobEnv,
    log: () => output.join(""),
    stop: async (code = 0) => {
      writeFileSync(`${envFile}.end.part`, String(code));
      renameSync(`${envFile}.end.part`, `${envFile}.end`);
      return await within(
        exited,
        options.stopMsMax ?? STOP_MS_MAX,
        () => `the gateway did not end:\n${output.join("")}`,
      );
    },
    kill: async () => {
      child.kill("SIGKILL");
      // Its job and its countersigner notice by themselves; only the gateway's own end is waited for.
      await new Promise<void>((resolve) => {
        if (child.exitCode !== null || child.signalCode !== null) resolve();
        else child.on("exit", () => resolve());
      });
    },
    discard,
  };
}

/** The folders of sessions below a ledger or a state folder: those that hold `events.jsonl`. None where nothing was written yet. */
export function sessionFolders(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name === "events.jsonl" || name.endsWith("/events.jsonl"))
    .map((name) => dirname(join(folder, name)));
}

/** Runs `countersign` with these arguments to its end. */
export async function countersign(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ readonly code: number; readonly output: string }> {
  const child = spawn(process.execPath, [join(root, "dist", "countersign.cjs"), ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...env },
  });
  const output: string[] = [];
  child.stdout.setEncoding("utf8").on("data", (text: string) => output.push(text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => output.push(text));
  const code = await new Promise<number>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status) => resolve(status ?? 128));
  });
  return { code, output: output.join("") };
}

function policyFile(policy: string, folder: string): string {
  if (!policy.includes("\n")) return policy;
  const file = join(folder, "countersign.yml");
  writeFileSync(file, policy);
  return file;
}

function readEnvironment(file: string): Record<string, string> {
  const lines = readFileSync(file, "utf8")
    .split("\0")
    .filter((line) => line.includes("="));
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]));
}

async function until(ready: () => boolean, exited: Promise<number>, waitMsMax: number): Promise<void> {
  const end = { code: undefined as number | undefined };
  void exited.then(
    (code) => (end.code = code),
    () => (end.code = 127),
  );
  const deadline = performance.now() + waitMsMax;
  while (!ready()) {
    if (end.code !== undefined) throw new Error(`it ended with code ${end.code}`);
    if (performance.now() > deadline) throw new Error(`not ready within ${waitMsMax} ms`);
    await sleep(5);
  }
}

async function within<T>(work: Promise<T>, waitMsMax: number, message: () => string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(message())), waitMsMax);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

function endGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // Nobody of that group is left, which is what was wanted.
  }
}

function sleep(waitMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, waitMs));
}
