import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import type { ApprovalRequest } from "../approval/ports.ts";
import { unanswerableLocally } from "../config/answerable.ts";
import { ConfigError } from "../config/config-error.ts";
import { unenforceable } from "../config/enforceable.ts";
import { readPolicy } from "../config/policy-file.ts";
import { counted } from "../evidence/markdown.ts";
import { type DeskClient, openDeskClient } from "../gateway/desk/client.ts";
import { openTerminalDesk, type TerminalDesk } from "../gateway/desk/terminal.ts";
import type { Endpoint } from "../gateway/gateway.ts";
import { logOriginOf, readIdentity, userName } from "../gateway/identity.ts";
import { LedgerError } from "../gateway/ledger/evidence-path.ts";
import { openLedger } from "../gateway/ledger/open.ts";
import { type OpenSession, openSession, prepareSession } from "../gateway/local.ts";
import { seal } from "../gateway/seal.ts";
import { UnsealedSessions } from "../gateway/unsealed.ts";
import type { Policy } from "../policy/policy.ts";
import { postgresControls, readTarget, type Target, TargetError } from "../protocols/postgres/index.ts";
import { defaultStateDir } from "./countersigner.ts";
import { startCountersignerProcess, without } from "./countersigner-process.ts";
import { type RunOptions, readRunOptions, UsageError } from "./options.ts";
import { recover } from "./recover.ts";
import { version } from "./version.ts";

// `countersign run`: countersigner, gateway, the job, and at the end the evidence. The job's exit code is ours, unless a
// promise could not be kept.

/** What shells say of a command that there is not. */
const NOT_STARTED = 127;

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
}

/** Runs a job. Resolves to the exit code. */
export async function run(args: readonly string[], io: RunIo): Promise<number> {
  if (args.includes("--help") && !(args.includes("--") && args.indexOf("--help") > args.indexOf("--"))) {
    io.out(HELP);
    return 0;
  }
  try {
    const options = readRunOptions(args, { env: io.env, stateDir: defaultStateDir(io.env) });
    const policy = readPolicyFile(options.policy);
    const targets = options.targets.map(({ name, url }) => readTarget(name, url));
    checkTargets(policy, targets);
    return await runJob({ options, policy, targets, io });
  } catch (error) {
    const wrongUse = [UsageError, ConfigError, TargetError, LedgerError].some((kind) => error instanceof kind);
    if (wrongUse && error instanceof Error) {
      io.err(`countersign: ${error.message}`);
      return 2;
    }
    throw error;
  }
}

function readPolicyFile(path: string): Policy {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new UsageError(
      `the policy ${path} cannot be read; name one with --policy FILE, or write one: see examples/countersign.yml`,
      { cause },
    );
  }
  const policy = readPolicy(text, path);
  const issues = [
    ...unenforceable(policy, (name) => (name === "postgres" ? postgresControls : undefined)),
    ...unanswerableLocally(policy, userName()),
  ];
  if (issues.length > 0) throw new ConfigError(issues);
  return policy;
}

function checkTargets(policy: Policy, targets: readonly Target[]): void {
  for (const { name } of targets) {
    if (!policy.targets.has(name)) {
      throw new UsageError(
        `--target ${name}: the policy ${policy.file} has no such target; it has ${[...policy.targets.keys()].join(", ")}`,
      );
    }
  }
}

interface Job {
  readonly options: RunOptions;
  readonly policy: Policy;
  readonly targets: readonly Target[];
  readonly io: RunIo;
}

async function runJob({ options, policy, targets, io }: Job): Promise<number> {
  const say = (line: string): void => {
    if (!options.quiet) io.err(`countersign: ${line}`);
  };
  // A URL with its password on our command line would be the job's to read with ps; a title overwrites it.
  process.title = "countersign run";
  const secret = secretVariables(io.env, options, targets);
  for (const name of secret) say(`${name} holds a target's password and is kept from the job`);
  const identity = readIdentity(io.env, io.cwd);
  const logOrigin = logOriginOf(identity);
  const ledger = openLedger(options.ledger, io.cwd);
  mkdirSync(options.state, { recursive: true, mode: 0o700 });
  const temporary = mkdtempSync(join(tmpdir(), "countersign-"));
  const countersigner = startCountersignerProcess(io, {
    state: options.state,
    pagePort: options.pagePort,
    socketPath: join(temporary, "desk.sock"),
    without: secret,
  });
  let desk: DeskClient | undefined;
  let terminal: TerminalDesk | undefined;
  let open: OpenSession | undefined;
  let child: ChildProcess | undefined;
  try {
    const [ready, prepared] = await Promise.all([countersigner.ready, prepareSession()]);
    desk = await openDeskClient({
      socketPath: join(temporary, "desk.sock"),
      secret: ready.secret,
      onShown: (request: ApprovalRequest) => {
        if (terminal === undefined)
          say(`held: request ${request.id} on ${request.target} (rule "${request.rule}"). Answer at ${ready.pageUrl}`);
        else terminal.show(request);
      },
    });
    if (options.terminal && process.stdin.isTTY && process.stderr.isTTY) {
      terminal = openTerminalDesk({
        desk,
        streams: {
          input: process.stdin,
          output: process.stderr,
          terminal: true,
          colour: (io.env["NO_COLOR"] ?? "") === "",
        },
        pageUrl: ready.pageUrl,
        clock: Date.now,
        onInterrupt: () => child?.kill("SIGINT"),
      });
    }
    const sessions = new UnsealedSessions(options.state);
    for (const line of await recover({ sessions, desk })) say(line);
    open = await openSession({
      prepared,
      policy,
      targets,
      identity,
      tier: "cooperative",
      logOrigin,
      sessionsDirectory: sessions.sessionsDirectory,
      unsealed: { sessions, destination: { ledger: options.ledger, directory: io.cwd } },
      desk,
      version,
      failed: (why) => {
        io.err(`countersign: the session failed: ${why}. Nothing is released any more.`);
        child?.kill("SIGTERM");
      },
    });
    say(`session ${open.session.sid}; approvals at ${ready.pageUrl}`);
    const certificate = join(temporary, "ca.pem");
    writeFileSync(certificate, open.certificate.caPem);
    const exit = await new Promise<number>((resolve) => {
      const [program, ...rest] = options.command;
      child = spawn(program, rest, {
        env: jobEnvironment(without(io.env, secret), options, open?.endpoints ?? [], certificate),
        stdio: [terminal === undefined ? "inherit" : "ignore", "inherit", "inherit"],
      });
      child.on("error", (cause) => {
        io.err(`countersign: "${program}" could not be started: ${cause.message}`);
        resolve(NOT_STARTED);
      });
      child.on("exit", (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
      forwardSignals(child);
    });
    terminal?.close();
    await open.end(exit);
    if (open.session.log.size > SEALED_AT_ONCE) say(`sealing ${open.session.log.size} events`);
    const { sid, directory, key, heads } = open.session;
    const { folder } = await seal({ sid, directory, key, countersigned: heads.size }, { desk, ledger, logOrigin });
    open.claimed?.remove();
    const { commands, denied, held } = open.session.stats;
    say(`sealed ${counted(commands, "command")} (${held} held, ${denied} refused) in ${options.ledger}, ${folder}`);
    if (options.json)
      io.err(JSON.stringify({ sid: open.session.sid, ledger: options.ledger, folder, commands, held, denied, exit }));
    return open.session.failure === "" ? exit : 1;
  } catch (error) {
    if (error instanceof UsageError) throw error;
    io.err(`countersign: ${error instanceof Error ? error.message : String(error)}`);
    if (open !== undefined) {
      const { directory } = open.session;
      io.err(`countersign: what was recorded is in ${directory}; the next run seals it, or: countersign recover`);
    }
    return 1;
  } finally {
    open?.claimed?.release();
    terminal?.close();
    desk?.close();
    countersigner.stop();
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** The variables that hold a target's password: those that were named, and those that it is found in. */
function secretVariables(
  env: RunIo["env"],
  { secretVariables: named }: RunOptions,
  targets: readonly Target[],
): string[] {
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
function jobEnvironment(
  env: RunIo["env"],
  options: RunOptions,
  endpoints: readonly Endpoint[],
  certificate: string,
): NodeJS.ProcessEnv {
  const job: NodeJS.ProcessEnv = { ...env };
  const urls = new Map(endpoints.map((each) => [each.name, urlOf(each)]));
  for (const [name, url] of urls) job[`COUNTERSIGN_${name.toUpperCase().replaceAll("-", "_")}_URL`] = url;
  for (const [variable, name] of options.env) job[variable] = urls.get(name) ?? "";
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
