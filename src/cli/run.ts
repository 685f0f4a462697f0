import type { ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigError } from "../config/config-error.ts";
import { LedgerError } from "../evidence/evidence-path.ts";
import { counted } from "../evidence/markdown.ts";
import { AppUrlError } from "../gateway/app-desk/app-url.ts";
import { IdTokenError } from "../gateway/app-desk/id-token.ts";
import { openControl } from "../gateway/control.ts";
import { type OpenSession, openSession } from "../gateway/local.ts";
import { UnsealedSessions } from "../gateway/unsealed.ts";
import { TargetError } from "../protocols/postgres/index.ts";
import { appBacking } from "./app-backing.ts";
import type { Backing } from "./backing.ts";
import { defaultStateDir } from "./countersigner.ts";
import { without } from "./countersigner-process.ts";
import { jobEnvironment, runCommand } from "./job.ts";
import { localBacking } from "./local-backing.ts";
import { type RunOptions, readRunOptions, UsageError } from "./options.ts";
import { version } from "./version.ts";

// `countersign run`: countersigner, gateway, the job, and at the end the evidence. The job's exit code is ours, unless a
// promise could not be kept.

/** More events than this take over two seconds to seal, so the person is told. */
const SEALED_AT_ONCE = 100_000;

const HELP = `countersign run [options] -- COMMAND [ARGUMENT ...]

Runs COMMAND with its targets behind the gateway: every command is read, judged, recorded, and only then forwarded.

  --policy FILE          the policy (default .github/countersign.yml)
  --target NAME=URL      a target, as postgres://user@host:5432/database?sslmode=verify-full; may be repeated
  --password NAME=SOURCE the target's password: env:VARIABLE or file:PATH, not on the command line
  --env VARIABLE=NAME    also gives COMMAND the target's URL as VARIABLE; may be repeated
  --ledger WHERE         git:BRANCH of this repository (default git:countersign/evidence), dir:PATH, or
                         bundle:FILE.tar.gz
  --app URL              the App countersigns, asks people on GitHub and keeps the evidence; the policy is then that of
                         the default branch. The job needs permissions: { id-token: write }
  --app-key VKEY         the App's key, pinned; without it the one that the App answers is taken and recorded
  --target NAME=app      the App gives this target's credential, once the session is countersigned
  --state DIR            keys and unfinished sessions (default $XDG_STATE_HOME/countersign)
  --page-port PORT       the port of the approval page on 127.0.0.1 (default: any free one)
  --no-terminal          do not ask in the terminal; the page remains
  --json                 one line of JSON about the session at the end, on stderr
  --quiet                errors only

COMMAND gets COUNTERSIGN_<NAME>_URL for each target, and the PG* variables when there is one PostgreSQL target.
Exit code: COMMAND's own; 1 when the evidence could not be kept; 2 for wrong use.`;

export interface RunIo {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly out: (line: string) => void;
  readonly err: (line: string) => void;
  /** How to start this program again, for the countersigner's process. */
  readonly self: readonly [string, ...string[]];
}

/** What is the operator's to put right: told in one line, with exit code 2. */
const WRONG_USE = [UsageError, ConfigError, TargetError, LedgerError, IdTokenError, AppUrlError];

/** Runs a job. Resolves to the exit code. */
export async function run(args: readonly string[], io: RunIo): Promise<number> {
  if (args.includes("--help") && !(args.includes("--") && args.indexOf("--help") > args.indexOf("--"))) {
    io.out(HELP);
    return 0;
  }
  try {
    const options = readRunOptions(args, { env: io.env, stateDir: defaultStateDir(io.env) });
    return await runJob(options, io);
  } catch (error) {
    if (error instanceof Error && WRONG_USE.some((kind) => error instanceof kind)) {
      io.err(`countersign: ${error.message}`);
      return 2;
    }
    throw error;
  }
}

async function runJob(options: RunOptions, io: RunIo): Promise<number> {
  const say = (line: string): void => {
    if (!options.quiet) io.err(`countersign: ${line}`);
  };
  // A URL with its password on our command line would be the job's to read with ps; a title overwrites it.
  process.title = "countersign run";
  mkdirSync(options.state, { recursive: true, mode: 0o700 });
  const temporary = mkdtempSync(join(tmpdir(), "countersign-"));
  const sessions = new UnsealedSessions(options.state);
  let child: ChildProcess | undefined;
  let backing: Backing | undefined;
  let open: OpenSession | undefined;
  let control: Awaited<ReturnType<typeof openControl>> | undefined;
  try {
    const parts = { options, io, say, temporary, sessions, interrupt: () => child?.kill("SIGINT") };
    backing = await (options.app === undefined ? localBacking(parts) : appBacking(parts, options.app));
    const failed = (why: string): void => {
      io.err(`countersign: the session failed: ${why}. Nothing is released any more.`);
      child?.kill("SIGTERM");
    };
    const { policy, targets, identity, logOrigin, destination, desk } = backing;
    open = await openSession({
      ...(backing.own === undefined ? {} : { own: backing.own }),
      policy,
      targets,
      identity,
      tier: "cooperative",
      logOrigin,
      sessionsDirectory: sessions.sessionsDirectory,
      unsealed: { sessions, destination },
      desk,
      version,
      failed,
    });
    backing.opened(open.session);
    say(`session ${open.session.sid}; ${backing.answeredAt}`);
    const certificate = join(temporary, "ca.pem");
    writeFileSync(certificate, open.certificate.caPem);
    const door = { socketPath: join(temporary, "control.sock"), token: randomBytes(32).toString("base64url") };
    const session = open;
    control = await openControl({
      ...door,
      propose: async (proposal, about) => await session.propose(proposal, about),
      log: io.err,
    });
    const exit = await runCommand({
      command: options.command,
      env: {
        ...jobEnvironment(without(io.env, backing.secret()), options.env, open.endpoints, certificate),
        COUNTERSIGN_CONTROL: door.socketPath,
        COUNTERSIGN_CONTROL_TOKEN: door.token,
      },
      stdin: backing.readsTerminal ? "ignore" : "inherit",
      err: io.err,
      started: (started) => (child = started),
    });
    control.close();
    backing.jobEnded();
    await open.end(exit);
    const { sid, directory, key, heads, log, stats, failure } = open.session;
    if (log.size > SEALED_AT_ONCE) say(`sealing ${log.size} events`);
    const kept = await backing.keep({ sid, directory, key, countersigned: heads.size });
    open.claimed?.remove();
    const { commands, denied, held } = stats;
    say(`${kept.verb} ${counted(commands, "command")} (${held} held, ${denied} refused) ${kept.where}`);
    if (options.json) {
      const { folder, commit } = kept;
      io.err(JSON.stringify({ sid, ledger: options.ledger, folder, commit, commands, held, denied, exit }));
    }
    return failure === "" ? exit : 1;
  } catch (error) {
    // What is wrong with how it was started is said by our caller, before a session is there.
    if (open === undefined && WRONG_USE.some((kind) => error instanceof kind)) throw error;
    io.err(`countersign: ${error instanceof Error ? error.message : String(error)}`);
    if (open !== undefined) {
      const { directory } = open.session;
      io.err(`countersign: what was recorded is in ${directory}; the next run seals it, or: countersign recover`);
    }
    return 1;
  } finally {
    control?.close();
    open?.claimed?.release();
    backing?.close();
    rmSync(temporary, { recursive: true, force: true });
  }
}
