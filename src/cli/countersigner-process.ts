// Starts the countersigner as a process of its own, for a command that needs its signature.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { ReadyLine } from "./countersigner.ts";

export interface ProcessIo {
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface CountersignerPlace {
  readonly state: string;
  /** 0 for any free one. */
  readonly pagePort: number;
  readonly socketPath: string;
  /** Variables that it is not given. */
  readonly without: readonly string[];
}

/** The countersigner's process, and its word that it is ready. It ends when its standard input does. */
export function startCountersignerProcess(
  io: ProcessIo,
  about: CountersignerPlace,
): { readonly ready: Promise<ReadyLine>; readonly stop: () => void } {
  const { state, pagePort } = about;
  // The sources are TypeScript, what is built from them is not.
  const file = import.meta.url.endsWith(".ts") ? "./countersigner-main.ts" : "./countersigner.cjs";
  const program = fileURLToPath(new URL(file, import.meta.url));
  const args = [program, "--socket", about.socketPath, "--state", state, "--page-port", String(pagePort)];
  // A process group of its own, so that Ctrl-C ends the job and leaves the countersigner to see its end.
  const child = spawn(process.execPath, args, {
    env: without(io.env, about.without),
    stdio: ["pipe", "pipe", "inherit"],
    detached: true,
  });
  const ready = new Promise<ReadyLine>((resolve, reject) => {
    createInterface({ input: child.stdout }).once("line", (line) => {
      const said = readyLine(line);
      if (said === undefined) reject(new Error("the countersigner said something that cannot be read"));
      else resolve(said);
    });
    child.once("error", reject);
    child.once("exit", () => reject(new Error("the countersigner could not be started")));
  });
  return { ready, stop: () => child.stdin.end() };
}

function readyLine(line: string): ReadyLine | undefined {
  const said: unknown = JSON.parse(line);
  if (typeof said !== "object" || said === null) return undefined;
  const fields = new Map<string, unknown>(Object.entries(said));
  const [pageUrl, secret, vkey, person] = ["pageUrl", "secret", "vkey", "person"].map((name) => fields.get(name));
  if (typeof pageUrl !== "string" || typeof secret !== "string" || typeof vkey !== "string") return undefined;
  return { ready: true, pageUrl, secret, vkey, person: typeof person === "string" ? person : "" };
}

/** The environment without these variables. */
export function without(env: ProcessIo["env"], names: readonly string[]): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !names.includes(name)));
}
