// Starts the countersigner as a process of its own, for a command that needs its signature.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { ReadyLine } from "./countersigner.ts";

export interface CountersignerChild {
  /** How to start this program again. */
  readonly self: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where its key is. */
  readonly state: string;
  readonly pagePort: number;
  /** In a directory that only this user can enter. */
  readonly socketPath: string;
}

/** Its word that it is ready, and how to end it: it ends when its standard input does. */
export interface StartedCountersigner {
  readonly ready: Promise<ReadyLine>;
  stop(): void;
}

/** Starts it. `ready` rejects when it cannot be had; its own words are on standard error then. */
export function startCountersigner(about: CountersignerChild): StartedCountersigner {
  const [program, ...before] = about.self;
  const { socketPath, state, pagePort } = about;
  const args = ["countersigner", "--socket", socketPath, "--state", state, "--page-port", String(pagePort)];
  // A process group of its own, so that Ctrl-C ends the job and leaves the countersigner to see its end.
  const child = spawn(program, [...before, ...args], {
    env: about.env,
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
