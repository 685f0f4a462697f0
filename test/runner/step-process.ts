// The process of a step: its output redirected into pipes, its input closed, and the ways in which it ends.

import { spawn, spawnSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, rmSync } from "node:fs";
import { Socket } from "node:net";
import { constants as system } from "node:os";
import { join } from "node:path";
import { createLines } from "./lines.ts";
import type { Timings } from "./order.ts";

export interface Ended {
  /** 128 and the signal's number, where a signal ended it. */
  readonly exitCode: number;
  /** From the start to the exit. */
  readonly exitMs: number;
  /** From the exit to the end of both outputs, or to the runner's going on without it. */
  readonly openMs: number;
  /** Something has an output open still; what it writes from now on is lost. */
  readonly leftOpen: boolean;
  readonly wasCancelled: boolean;
}

export interface StepProcess {
  readonly pid: number;
  readonly ended: Promise<Ended>;
  /** SIGINT, SIGTERM, SIGKILL, each with its time: to this process alone, not to what it started. */
  cancel(): void;
}

export interface StepCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly pipes: string;
  readonly timings: Timings;
  readonly onLine: (line: string) => void;
}

/** Starts it. Throws where the system cannot, as for a folder that is not there. */
export async function startStepProcess(command: StepCommand): Promise<StepProcess> {
  const { timings } = command;
  const pipes = openPipes(command.pipes);
  const began = performance.now();
  const child = spawn(command.file, command.args, {
    cwd: command.folder,
    env: command.environment,
    stdio: [pipes.input, pipes.output.write, pipes.error.write],
  });
  for (const end of [pipes.input, pipes.output.write, pipes.error.write]) closeSync(end);
  const reading = [pipes.output.read, pipes.error.read].map((end) => readLines(end, command.onLine));
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", reject);
  });
  let wasCancelled = false;
  let hasEnded = false;
  const exited = new Promise<number>((resolve) => {
    child.once("exit", (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : system.signals[signal])));
  });
  const ended = exited.then(async (exitCode): Promise<Ended> => {
    const exitMs = performance.now() - began;
    const closed = Promise.all(reading.map((each) => each.closed)).then(() => true);
    const isClosed = await Promise.race([closed, elapsed(timings.eofMs).then(() => false)]);
    // As in the runner, the pipes stay open and are read, so that a writer meets no broken pipe, but nobody listens.
    for (const each of reading) each.stopListening();
    hasEnded = true;
    const openMs = performance.now() - began - exitMs;
    return { exitCode, exitMs, openMs, leftOpen: !isClosed, wasCancelled };
  });
  const ladder = async (): Promise<void> => {
    for (const [signal, ms] of [
      ["SIGINT", timings.interruptMs],
      ["SIGTERM", timings.terminateMs],
    ] as const) {
      // A signal that cannot be sent is not waited for.
      if (child.kill(signal)) await Promise.race([ended, elapsed(ms)]);
      if (hasEnded) return;
    }
    child.kill("SIGKILL");
  };
  return {
    pid: child.pid ?? 0,
    ended,
    cancel() {
      if (wasCancelled || hasEnded) return;
      wasCancelled = true;
      void ladder();
    },
  };
}

interface Reading {
  readonly closed: Promise<void>;
  stopListening(): void;
}

function readLines(fd: number, onLine: (line: string) => void): Reading {
  let isHeard = true;
  const lines = createLines((line) => {
    if (isHeard) onLine(line);
  });
  const socket = new Socket({ fd, readable: true, writable: false });
  socket.on("data", (chunk: Uint8Array) => lines.take(chunk));
  const closed = new Promise<void>((resolve) => {
    socket.once("end", () => {
      lines.end();
      resolve();
    });
    // A pipe that breaks has nothing more to say.
    socket.once("error", () => resolve());
  });
  return {
    closed,
    stopListening() {
      isHeard = false;
      socket.unref();
    },
  };
}

interface Pipes {
  /** Nothing: the runner's is a closed pipe, of which a named one is no likeness, for opening it again would wait. */
  readonly input: number;
  readonly output: { readonly read: number; readonly write: number };
  readonly error: { readonly read: number; readonly write: number };
}

// Node's own pipes to a child are sockets, which a step cannot open again as /dev/stdout; the runner's are pipes.
function openPipes(folder: string): Pipes {
  const here = mkdtempSync(join(folder, "p-"));
  const paths = ["out", "err"].map((name) => join(here, name));
  const [output = "", error = ""] = paths;
  const made = spawnSync("mkfifo", paths, { encoding: "utf8" });
  if (made.status !== 0) throw new Error(`mkfifo failed: ${made.stderr}`);
  const open = (path: string): { read: number; write: number } => ({
    read: openSync(path, constants.O_RDONLY | constants.O_NONBLOCK),
    write: openSync(path, constants.O_WRONLY),
  });
  const pipes = { input: openSync("/dev/null", constants.O_RDONLY), output: open(output), error: open(error) };
  rmSync(here, { recursive: true });
  return pipes;
}

async function elapsed(ms: number): Promise<void> {
  await new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}
