// `countersign verify`: says of evidence whether it can be believed, check by check. It needs nothing but the evidence:
// no network, no account, no server of ours.

import { readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { verifyBundle } from "../evidence/bundle.ts";
import { TRUST_PATH } from "../evidence/layout.ts";
import type { Check, Report } from "../evidence/report.ts";
import { isLedger, verifyLedger, verifySession } from "../evidence/verify.ts";
import { visibleLine } from "../evidence/visible.ts";
import { bundleReader } from "../gateway/ledger/bundle.ts";
import { dirReader } from "../gateway/ledger/dir.ts";
import { LedgerError } from "../gateway/ledger/evidence-path.ts";
import { type GitReader, gitReader } from "../gateway/ledger/git.ts";
import { NoteError, parseVkey, type Verifier, verifierFor } from "../tlog/note.ts";

export interface VerifyIo {
  /** A path is looked up here, and a branch in the repository around it. */
  readonly cwd: string;
  out(line: string): void;
  err(line: string): void;
}

const HELP = `usage: countersign verify PATH|BRANCH [--key VKEY] [--json]

Verifies evidence: the log, each session, each answer of people, each disclosed value, each page.
  PATH         a folder: a whole ledger, or one session's folder; or a bundle, FILE.tar.gz
  BRANCH       a branch (or other revision) of the git repository here, such as countersign/evidence
  --key VKEY   believe this countersigner's key and no other; without it, the keys that the evidence itself names
  --json       the whole report as one JSON object

Exit codes: 0 good, 1 failed or incomplete, 2 wrong use.`;

/** Verifies what the arguments name. Resolves to the exit code. */
export async function verify(args: readonly string[], io: VerifyIo): Promise<number> {
  const options = readOptions(args);
  if (typeof options === "string") {
    io.err(`countersign verify: ${options}\n\n${HELP}`);
    return 2;
  }
  if (options === undefined) {
    io.out(HELP);
    return 0;
  }
  try {
    const report = await verifyAt(options, io.cwd);
    if (options.json) io.out(JSON.stringify(report));
    else for (const line of linesOf(report)) io.out(line);
    return report.verdict === "good" ? 0 : 1;
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
    io.err(`countersign verify: ${visibleLine(error.message)}`);
    return error instanceof NotFound ? 2 : 1;
  }
}

/** Neither a folder nor a branch has this name. */
class NotFound extends LedgerError {}

interface Options {
  readonly place: string;
  readonly pinned: Verifier | undefined;
  readonly json: boolean;
}

function readOptions(args: readonly string[]): Options | string | undefined {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { key: { type: "string" }, json: { type: "boolean" }, help: { type: "boolean", short: "h" } },
    });
    if (values.help === true) return undefined;
    const [place, ...rest] = positionals;
    if (place === undefined || place === "" || rest.length > 0) return "name one folder or branch";
    return { place, pinned: values.key === undefined ? undefined : readKey(values.key), json: values.json === true };
  } catch (error) {
    if (error instanceof NoteError) return `--key: ${error.message}; it looks like name+1a2b3c4d+BASE64`;
    if (error instanceof TypeError) return error.message;
    throw error;
  }
}

/** The countersigner's key. In local mode it is the log's key too, so either spelling of it names the same one. */
function readKey(vkey: string): Verifier {
  const key = parseVkey(vkey);
  return key.kind === "witness" ? key : verifierFor(key.name, "witness", key.publicKey);
}

async function verifyAt({ place, pinned }: Options, cwd: string): Promise<Report> {
  const folder = resolve(cwd, place);
  if (isFile(folder)) return await verifyBundle(bundleReader(folder), { pinned });
  if (!isFolder(folder)) {
    const reader = await openBranch(cwd, place);
    try {
      return await verifyLedger(reader, { pinned });
    } finally {
      await reader.close();
    }
  }
  const reader = dirReader(folder);
  if (await isLedger(reader)) return await verifyLedger(reader, { pinned });
  if (!(await reader.list("")).includes("events.jsonl")) {
    throw new NotFound(`${place} is neither a ledger (with log/checkpoint) nor the folder of a session`);
  }
  // Five folders up is the ledger that the session came from, if it lies in one: sessions/YYYY/MM/DD/SID.
  return await verifySession(reader, "", { pinned, policy: policyAbove(folder) });
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

function policyAbove(folder: string): string | undefined {
  const path = join(folder, "../../../../..", TRUST_PATH);
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true ? readFileSync(path, "utf8") : undefined;
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

function* checkLines({ id, outcome, detail, reasons }: Check): Generator<string> {
  yield visibleLine(`  ${WORDS[outcome]} ${id.padEnd(12)} ${detail}`.trimEnd());
  for (const reason of reasons) yield visibleLine(`             ${reason}`);
}
