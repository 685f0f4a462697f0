// `countersign verify`: says of evidence whether it can be believed, check by check. It needs nothing but the evidence:
// no network, no account, no server of ours.

import { closeSync, openSync, readSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { durationMs } from "../config/durations.ts";
import { holdsTiles, verifyBundle } from "../evidence/bundle.ts";
import { decodeUtf8 } from "../evidence/dsse.ts";
import { digestOfFile } from "../evidence/entry.ts";
import { LedgerError } from "../evidence/evidence-path.ts";
import type { EvidenceReader } from "../evidence/ledger.ts";
import type { Check, Report } from "../evidence/report.ts";
import { isLedger, verifyLedger, verifySession } from "../evidence/verify.ts";
import { visibleLine } from "../evidence/visible.ts";
import { SESSION_FILES, TRUST_PATH } from "../evidence/where.ts";
import { bundleReader } from "../gateway/ledger/bundle.ts";
import { dirReader } from "../gateway/ledger/dir.ts";
import { type GitReader, gitReader } from "../gateway/ledger/git.ts";
import { NoteError, parseCheckpoint, parseNote, parseVkey, type Verifier, verifierFor } from "../tlog/note.ts";

export interface VerifyIo {
  /** A path is looked up here, and a branch in the repository around it. */
  readonly cwd: string;
  out(line: string): void;
  err(line: string): void;
  /** Shows how far it is, on one line that the next call overwrites and "" takes away; undefined where nobody looks. */
  readonly progress?: ((text: string) => void) | undefined;
  /** POSIX milliseconds; this machine's clock unless told otherwise. */
  readonly clock?: () => number;
}

const HELP = `usage: countersign verify PATH|BRANCH [--key VKEY] [--since CHECKPOINT] [--max-age TIME]
                          [--repository OWNER/NAME] [--policy FILE]... [--json]

Verifies evidence: the log, each session, each answer of people, each disclosed value, each page.
  PATH         a folder: a whole ledger, or one session's folder; or a bundle, FILE.tar.gz
  BRANCH       a branch (or other revision) of the git repository here, such as countersign/evidence
  --key VKEY   believe this countersigner's key and no other; without it, the keys that the evidence itself names
  --since CHECKPOINT
               a log/checkpoint that you kept, its file or its text: prove that the log still begins with all it says
  --max-age TIME
               fail if the log was last countersigned longer ago, such as 36h
  --repository OWNER/NAME
               fail if a session is of another repository
  --policy FILE
               fail if a session ran under a policy other than these; may be given more than once
  --json       the whole report as one JSON object

Exit codes: 0 good, 1 failed or incomplete, 2 wrong use.`;

/** Verifies what the arguments name. Resolves to the exit code. */
export async function verify(args: readonly string[], io: VerifyIo): Promise<number> {
  const options = readOptions(args, io.cwd);
  if (typeof options === "string") {
    io.err(`countersign verify: ${options}\n\n${HELP}`);
    return 2;
  }
  if (options === undefined) {
    io.out(HELP);
    return 0;
  }
  try {
    const report = await verifyAt(options, io);
    if (options.json) io.out(JSON.stringify(report));
    else for (const line of linesOf(report)) io.out(line);
    if (report.sessions.length === 0) io.err(`countersign verify: ${NO_SESSIONS}`);
    return report.verdict === "good" ? 0 : 1;
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
    io.err(`countersign verify: ${visibleLine(error.message)}`);
    return error instanceof NotFound ? 2 : 1;
  }
}

/** Whoever gets the branch of the log alone would otherwise read that its sessions are gone. */
const NO_SESSIONS =
  "there is no session here. The log's own branch, countersign/log, has digests alone: verify countersign/evidence";

/** Neither a folder nor a branch has this name. */
class NotFound extends LedgerError {}

interface Options {
  readonly place: string;
  readonly pinned: Verifier | undefined;
  readonly since: string | undefined;
  readonly secondsMax: number | undefined;
  readonly repository: string | undefined;
  readonly policies: ReadonlySet<string> | undefined;
  readonly json: boolean;
}

/** What an option was given cannot be used. */
class OptionError extends Error {}

function readOptions(args: readonly string[], cwd: string): Options | string | undefined {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        key: { type: "string" },
        since: { type: "string" },
        "max-age": { type: "string" },
        repository: { type: "string" },
        policy: { type: "string", multiple: true },
        json: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    });
    if (values.help === true) return undefined;
    const [place, ...rest] = positionals;
    if (place === undefined || place === "" || rest.length > 0) return "name one folder or branch";
    const age = values["max-age"];
    const policies = values.policy?.map((path) => digestOfFile(readAt(cwd, path, "--policy")));
    return {
      place,
      pinned: values.key === undefined ? undefined : readKey(values.key),
      since: values.since === undefined ? undefined : readCheckpoint(values.since, cwd),
      secondsMax: age === undefined ? undefined : readSeconds(age),
      repository: values.repository,
      policies: policies === undefined ? undefined : new Set(policies),
      json: values.json === true,
    };
  } catch (error) {
    if (error instanceof NoteError) return `--key: ${error.message}; it looks like name+1a2b3c4d+BASE64`;
    if (error instanceof OptionError || error instanceof TypeError) return error.message;
    throw error;
  }
}

/** The kept checkpoint: a file of it, or its very text. */
function readCheckpoint(value: string, cwd: string): string {
  // A shell that puts a file's text into an argument takes its last newline.
  const text = value.includes("\n")
    ? value.replace(/\n*$/, "\n")
    : (decodeUtf8(readAt(cwd, value, "--since")) ?? "\ufffd");
  try {
    parseCheckpoint(parseNote(text).text);
  } catch (error) {
    if (!(error instanceof NoteError)) throw error;
    throw new OptionError(`--since: ${error.message}; give it a log/checkpoint that you kept`, { cause: error });
  }
  return text;
}

/** A checkpoint has under 1 kB and a policy a few; what is far larger is neither. */
const GIVEN_BYTES_MAX = 4 * 1024 * 1024;

function readAt(cwd: string, path: string, option: string): Buffer {
  const stat = statSync(resolve(cwd, path), { throwIfNoEntry: false });
  // A shell's <(...) is a pipe, which has no size.
  if (stat?.isFile() !== true && stat?.isFIFO() !== true) throw new OptionError(`${option}: there is no file ${path}`);
  const file = openSync(resolve(cwd, path), "r");
  try {
    const bytes = Buffer.alloc(GIVEN_BYTES_MAX + 1);
    let size = 0;
    for (let read = -1; read !== 0 && size < bytes.length; size += read) read = readSync(file, bytes, { offset: size });
    if (size > GIVEN_BYTES_MAX) throw new OptionError(`${option}: ${path} is larger than ${GIVEN_BYTES_MAX} bytes`);
    return bytes.subarray(0, size);
  } finally {
    closeSync(file);
  }
}

function readSeconds(text: string): number {
  const ms = durationMs(text);
  if (Number.isNaN(ms)) throw new OptionError(`--max-age: ${text} is no time; write 90m or 36h`);
  return Math.floor(ms / 1000);
}

/** The countersigner's key. In local mode it is the log's key too, so either spelling of it names the same one. */
function readKey(vkey: string): Verifier {
  const key = parseVkey(vkey);
  return key.kind === "witness" ? key : verifierFor(key.name, "witness", key.publicKey);
}

async function verifyAt(options: Options, io: VerifyIo): Promise<Report> {
  const { place, pinned, repository, policies } = options;
  const folder = resolve(io.cwd, place);
  if (isFile(folder)) {
    const bundled = bundleReader(folder);
    if (await holdsTiles(bundled)) return await verifyWhole(bundled, options, io);
    if (asksOfTheLog(options)) throw new NotFound(`${place} is the bundle of one session; ${NEEDS_LOG}`);
    return await verifyBundle(bundled, { pinned, repository, policies });
  }
  if (!isFolder(folder)) {
    const reader = await openBranch(io.cwd, place);
    try {
      return await verifyWhole(reader, options, io);
    } finally {
      await reader.close();
    }
  }
  const reader = dirReader(folder);
  if (await isLedger(reader)) return await verifyWhole(reader, options, io);
  const names = await reader.list("");
  if (!names.includes(SESSION_FILES.events) && !names.includes(SESSION_FILES.lost)) {
    throw new NotFound(`${place} is neither a ledger (with log/checkpoint) nor the folder of a session`);
  }
  if (asksOfTheLog(options)) throw new NotFound(`${place} is one session; ${NEEDS_LOG}`);
  // Five folders up is the ledger that the session came from, if it lies in one: sessions/YYYY/MM/DD/SID.
  return await verifySession(reader, "", { pinned, repository, policies, policy: await policyAbove(folder) });
}

const NEEDS_LOG = "--since and --max-age need the whole log, so name the ledger itself: its branch, folder or bundle";

function asksOfTheLog({ since, secondsMax }: Options): boolean {
  return since !== undefined || secondsMax !== undefined;
}

async function verifyWhole(
  reader: EvidenceReader,
  options: Options,
  { progress, clock = Date.now }: VerifyIo,
): Promise<Report> {
  const { pinned, since, secondsMax, repository, policies } = options;
  const now = clock();
  const waiting = progress === undefined ? undefined : new Waiting(progress, now);
  try {
    return await verifyLedger(reader, {
      pinned,
      since,
      repository,
      policies,
      age: { now: Math.floor(now / 1000), secondsMax },
      progress: (sessions) => waiting?.tell(`verified ${sessions} sessions`, clock()),
    });
  } finally {
    waiting?.end();
  }
}

/** Who looks at a terminal is told after this long that work goes on, and so often again. */
const PROGRESS_AFTER_MS = 2000;
const PROGRESS_EVERY_MS = 200;

/** Says how far it is, once it takes long, and not at every step. */
class Waiting {
  readonly #show: (text: string) => void;
  #nextMs: number;
  #shown = false;

  constructor(show: (text: string) => void, startedMs: number) {
    this.#show = show;
    this.#nextMs = startedMs + PROGRESS_AFTER_MS;
  }

  tell(text: string, nowMs: number): void {
    if (nowMs < this.#nextMs) return;
    this.#nextMs = nowMs + PROGRESS_EVERY_MS;
    this.#shown = true;
    this.#show(text);
  }

  end(): void {
    if (this.#shown) this.#show("");
  }
}

async function openBranch(cwd: string, branch: string): Promise<GitReader> {
  // A clone knows a branch that nobody checked out as the remote's.
  for (const revision of [branch, `origin/${branch}`]) {
    try {
      return await gitReader(cwd, revision);
    } catch (error) {
      if (!(error instanceof LedgerError)) throw error;
    }
  }
  throw new NotFound(
    `${branch} is neither a folder nor a branch here; to get the branch: git fetch origin ${branch}:${branch}`,
  );
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

async function policyAbove(folder: string): Promise<string | undefined> {
  const bytes = await dirReader(join(folder, "../../../../..")).read(TRUST_PATH);
  return bytes === undefined ? undefined : (decodeUtf8(bytes) ?? "\ufffd");
}

const WORDS = { good: "ok        ", failed: "FAILED    ", incomplete: "INCOMPLETE" } as const;

function* linesOf(report: Report): Generator<string> {
  for (const { sid, folder, checks } of report.sessions) {
    yield visibleLine(`session ${sid}${folder === "" ? "" : `  ${folder}`}`);
    for (const check of checks) yield* checkLines(check);
  }
  if (report.checks.length > 0) yield "ledger";
  for (const check of report.checks) yield* checkLines(check);
  yield visibleLine(
    report.trust === "pinned"
      ? `keys: the countersigner's key that you gave, ${report.keys.join(" ")}`
      : `keys: as the evidence itself names them${report.keys.length === 0 ? "" : `, ${report.keys.join(" ")}`}; to believe only a key that you know, add --key VKEY`,
  );
  yield `verdict: ${report.verdict === "good" ? "good" : report.verdict.toUpperCase()}, ${report.sessions.length} sessions`;
}

function* checkLines({ id, outcome, detail, reasons, warnings }: Check): Generator<string> {
  yield visibleLine(`  ${WORDS[outcome]} ${id.padEnd(12)} ${detail}`.trimEnd());
  for (const reason of reasons) yield visibleLine(`             ${reason}`);
  for (const warning of warnings) yield visibleLine(`             warning: ${warning}`);
}
