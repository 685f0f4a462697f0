// The job itself: started with the addresses of its targets in its environment, and nothing of the real credentials.

import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:os";
import type { Endpoint } from "../gateway/gateway.ts";
import type { Target } from "../protocols/postgres/index.ts";
import type { RunOptions } from "./options.ts";
import type { RunIo } from "./run.ts";

/** What shells say of a command that there is not. */
const NOT_STARTED = 127;

/** What a job is started with. */
export interface JobParts {
  readonly command: RunOptions["command"];
  readonly env: NodeJS.ProcessEnv;
  /** Ignored where a terminal desk reads it. */
  readonly stdin: "inherit" | "ignore";
  readonly err: RunIo["err"];
  /** Told at once of the process, so that it can be sent signals. */
  readonly started: (child: ChildProcess) => void;
}

/** Runs the job. Resolves to its exit code, as shells count it. */
export async function runCommand({ command, env, stdin, err, started }: JobParts): Promise<number> {
  return await new Promise<number>((resolve) => {
    const [program, ...rest] = command;
    const child = spawn(program, rest, { env, stdio: [stdin, "inherit", "inherit"] });
    started(child);
    child.on("error", (cause) => {
      err(`countersign: "${program}" could not be started: ${cause.message}`);
      resolve(NOT_STARTED);
    });
    child.on("exit", (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
    forwardSignals(child);
  });
}

/** The variables that hold a target's password: those that were named, and those that it is found in. */
export function secretVariables(
  env: RunIo["env"],
  named: readonly string[],
  targets: readonly Target[],
): readonly string[] {
  const passwords = targets.map((target) => target.password() ?? "").filter((each) => each !== "");
  const holds = (value: string): boolean =>
    passwords.some((password) =>
      [password, encodeURIComponent(password)].some(
        (each) =>
          value === each ||
          value.includes(`:${each}@`) ||
          // A shorter one is found by chance in what has nothing to do with it.
          (each.length >= SECRET_LENGTH_MIN && value.includes(each)),
      ),
    );
  return Object.keys(env).filter((name) => named.includes(name) || holds(env[name] ?? ""));
}

const SECRET_LENGTH_MIN = 8;

/** What the job sees: where its targets are now. Nothing of the real credentials. */
export function jobEnvironment(
  env: RunIo["env"],
  variables: RunOptions["env"],
  endpoints: readonly Endpoint[],
  certificate: string,
): NodeJS.ProcessEnv {
  const job: NodeJS.ProcessEnv = { ...env };
  const urls = new Map(endpoints.map((each) => [each.name, urlOf(each)]));
  for (const [name, url] of urls) job[`COUNTERSIGN_${name.toUpperCase().replaceAll("-", "_")}_URL`] = url;
  for (const [variable, name] of variables) job[variable] = urls.get(name) ?? "";
  job["COUNTERSIGN_CA_FILE"] = certificate;
  const [only] = endpoints;
  if (endpoints.length === 1 && only?.protocol === "postgres") {
    for (const name of Object.keys(job)) if (name.startsWith("PG")) delete job[name];
    job["PGHOST"] = only.host;
    job["PGPORT"] = String(only.port);
    job["PGUSER"] = only.user;
    job["PGPASSWORD"] = only.password;
    job["PGDATABASE"] = only.database;
  }
  return job;
}

function urlOf({ host, port, user, password, database }: Endpoint): string {
  const [login, secret, name] = [user, password, database].map(encodeURIComponent);
  return `postgresql://${login}:${secret}@${host}:${port}/${name}`;
}

/** Ctrl-C reaches the job from the terminal itself; other signals are handed on, and we end when it has. */
function forwardSignals(child: ChildProcess): void {
  process.on("SIGINT", () => undefined);
  for (const signal of ["SIGTERM", "SIGHUP"] as const) process.on(signal, () => child.kill(signal));
}
