/** The countersigner's process: `countersign run` starts it as a child, reads one line from it, and ends it by hanging up. */
import { randomBytes } from "node:crypto";
import { homedir } from "node:os";
import { parseArgs } from "node:util";
import { openCountersignerKey } from "../gateway/desk/key.ts";
import { startCountersigner } from "../gateway/desk/server.ts";
import { userName } from "../gateway/identity.ts";

/** What the process is given: its streams, its environment, and how it learns that it should end. */
export interface CountersignerIo {
  /** Ends when the parent ends: the parent holds the other end and writes nothing. */
  readonly stdin: NodeJS.ReadableStream;
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborts on SIGTERM. */
  readonly signal: AbortSignal;
}

/** The one line on stdout, as JSON. `secret` is for the parent alone, `pageUrl` for the person; the job gets neither. */
export interface ReadyLine {
  readonly ready: true;
  readonly pageUrl: string;
  readonly secret: string;
  readonly vkey: string;
  readonly person: string;
}

/**
 * `countersigner --socket PATH [--state DIR] [--page-port N]`. Resolves to the exit code: 0 after the parent hung up or
 * SIGTERM came, 2 for wrong use or when key, socket or port cannot be had (stderr says what to do).
 */
export async function countersigner(args: readonly string[], io: CountersignerIo): Promise<number> {
  const person = userName();
  let running: Awaited<ReturnType<typeof startCountersigner>>;
  try {
    const { socketPath, stateDir, port } = readOptions(args, io.env);
    running = await startCountersigner({
      key: openCountersignerKey(stateDir, randomBytes),
      stateDir,
      socketPath,
      page: { port },
      person,
      clock: Date.now,
      random: randomBytes,
      log: (line) => io.stderr.write(`${line}\n`),
    });
  } catch (error) {
    io.stderr.write(`countersigner: ${error instanceof Error ? error.message : String(error)}\n`);
    return 2;
  }
  const { pageUrl, secret, vkey } = running;
  const ready: ReadyLine = { ready: true, pageUrl, secret, vkey, person };
  io.stdout.write(`${JSON.stringify(ready)}\n`);
  await parentGone(io);
  await running.close();
  return 0;
}

/** Where the countersigner keeps key and heads unless told otherwise: XDG Base Directory, `$XDG_STATE_HOME/countersign`. */
export function defaultStateDir(env: Readonly<Record<string, string | undefined>>): string {
  const { XDG_STATE_HOME: state = "", HOME: home = "" } = env;
  // The specification has a relative path ignored.
  const base = state.startsWith("/") ? state : `${home === "" ? homedir() : home}/.local/state`;
  return `${base}/countersign`;
}

function readOptions(
  args: readonly string[],
  env: CountersignerIo["env"],
): { readonly socketPath: string; readonly stateDir: string; readonly port: number } {
  const { values } = parseArgs({
    args: [...args],
    options: { state: { type: "string" }, socket: { type: "string" }, "page-port": { type: "string", default: "0" } },
  });
  const port = Number(values["page-port"]);
  if (values.socket === undefined || values.socket === "") {
    throw new Error("--socket PATH is missing: a path in a directory that only this user can enter");
  }
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new Error("--page-port takes a port from 0 to 65535; 0 takes any free one");
  }
  return { socketPath: values.socket, stateDir: values.state ?? defaultStateDir(env), port };
}

async function parentGone({ stdin, signal }: CountersignerIo): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = (): void => resolve();
    if (signal.aborted) {
      done();
      return;
    }
    signal.addEventListener("abort", done, { once: true });
    stdin.once("end", done);
    stdin.once("close", done);
    // A broken pipe is a parent that has gone as well.
    stdin.once("error", done);
    stdin.resume();
  });
  // A pipe that is still read keeps a process alive.
  stdin.pause();
}
