#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline/promises";
import { boundParserMemory, boundYoungMemory } from "../gateway/memory.ts";
import { openSqlReader } from "../languages/sql/reader.ts";
import { EMPTY_SESSION } from "../languages/sql/taken-session.ts";
import { postgresControls } from "../protocols/postgres/index.ts";
import { handOver } from "./app.ts";
import { bundle } from "./bundle.ts";
import { countersigner } from "./countersigner.ts";
import { erase } from "./erase.ts";
import { explain } from "./explain.ts";
import { plan } from "./plan.ts";
import { policy } from "./policy.ts";
import { recoverCommand } from "./recover.ts";
import { run } from "./run.ts";
import { show } from "./show.ts";
import { verify } from "./verify.ts";
import { version } from "./version.ts";

// The `countersign` command: hands each of its words to the room that knows it.

const HELP = `countersign ${version}: one command, one decision, countersigned before it runs.

  countersign run --target NAME=URL ... -- COMMAND    run a job behind the gateway
  countersign plan FILE --target NAME                 in a job: ask people about all statements of a file at once
  countersign explain --protocol postgres [TEXT]      say what a command would do, and what policy says of it
  countersign policy check FILE | test FILE           check a policy, or run its examples
  countersign verify PATH|BRANCH                      verify evidence: a folder, a bundle or a branch of this repository
  countersign show SID                                read a session in the terminal, or watch it again
  countersign bundle SID --out FILE                   one session of a ledger as a file, with its proof
  countersign erase SID --value ... --reason TEXT     erase values of a session for ever
  countersign app                                     run the GitHub App that countersigns, asks people, keeps evidence
  countersign recover                                 seal the sessions of gateways that were killed

Each takes --help. Exit codes: 0 good, 1 the job or the verdict failed, 2 wrong use.`;

const out = (line: string): void => void process.stdout.write(`${line}\n`);
const err = (line: string): void => void process.stderr.write(`${line}\n`);

// Carriage return, the text, and the rest of the line erased.
const progress = (text: string): void => void process.stderr.write(`\r${text}\u001b[K`);

const readFile = (path: string): string => readFileSync(path, "utf8");

/** The exit code; undefined where somebody else ends this process. */
async function main([word, ...args]: readonly string[]): Promise<number | undefined> {
  const [, script = ""] = process.argv;
  switch (word) {
    case "run":
      boundParserMemory();
      return await run(args, { env: process.env, cwd: process.cwd(), out, err, self: [process.execPath, script] });
    case "plan":
      return await plan(args, { env: process.env, out, err });
    case "countersigner": {
      const stop = new AbortController();
      process.on("SIGTERM", () => stop.abort());
      const { stdin, stdout, stderr, env } = process;
      return await countersigner(args, { stdin, stdout, stderr, env, signal: stop.signal });
    }
    case "explain":
      return await explain(args, { stdin: process.stdin, out, err, readFile });
    case "policy": {
      const reader = await openSqlReader();
      const controlsOf = (name: string) => (name === "postgres" ? postgresControls : undefined);
      return policy(args, { readFile, out, err, read: (text) => reader.read(text, EMPTY_SESSION), controlsOf });
    }
    case "verify":
      boundYoungMemory();
      return await verify(args, {
        cwd: process.cwd(),
        out,
        err,
        progress: process.stderr.isTTY ? progress : undefined,
      });
    case "show":
      return await show(args, {
        cwd: process.cwd(),
        env: process.env,
        stdout: process.stdout,
        err,
        interrupted: interruption(),
      });
    case "erase":
      return await erase(args, {
        env: process.env,
        cwd: process.cwd(),
        out,
        err,
        ask: process.stdin.isTTY && process.stdout.isTTY ? askPerson : undefined,
        self: [process.execPath, script],
        clock: Date.now,
      });
    case "bundle":
      return await bundle(args, { cwd: process.cwd(), out, err });
    case "recover": {
      const self = [process.execPath, script] as const;
      return await recoverCommand(args, { env: process.env, cwd: process.cwd(), out, err, self });
    }
    case "app":
      await handOver();
      return undefined;
    case "--version":
      out(version);
      return 0;
    case undefined:
    case "help":
    case "--help":
    case "-h":
      out(HELP);
      return 0;
    default:
      err(`countersign: there is no command "${word}".\n\n${HELP}`);
      return 2;
  }
}

async function askPerson(question: string): Promise<string> {
  const prompt = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return await prompt.question(question);
  } finally {
    prompt.close();
  }
}

/** Aborts at Ctrl-C. In a pager that key is the pager's, so it does not end us. */
function interruption(): AbortSignal {
  const controller = new AbortController();
  process.on("SIGINT", () => controller.abort());
  return controller.signal;
}

void main(process.argv.slice(2))
  .catch((error: unknown): number => {
    err(`countersign: an error of our own: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    return 1;
  })
  .then((code) => {
    if (code !== undefined) process.exitCode = code;
    return code;
  });
