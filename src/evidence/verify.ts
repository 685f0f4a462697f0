// The verifier: evidence in, verdict out, each check for itself. It believes nothing but the keys it was told to believe.
// It opens no file; a reader is handed in.

import type { Verifier } from "../tlog/note.ts";
import { checkLog, type LogRead } from "./check-log.ts";
import { checkSession, type SessionChecked } from "./check-session.ts";
import { decodeUtf8 } from "./dsse.ts";
import { monthsIn, TRUST_PATH } from "./layout.ts";
import type { EvidenceReader } from "./ledger.ts";
import { LOG_FOLDER } from "./log.ts";
import { frontPage, indexOf, monthPage } from "./pages.ts";
import { type Check, Finding, type Report, verdictOf } from "./report.ts";
import { parseTrust, type Trust } from "./trust.ts";

export interface VerifyOptions {
  /** The countersigner's key, got elsewhere than from the evidence; undefined to believe `trust/policy`. */
  readonly pinned: Verifier | undefined;
}

/** Verifies a whole ledger: its log, each session, each page. */
export async function verifyLedger(reader: EvidenceReader, { pinned }: VerifyOptions): Promise<Report> {
  const named = new Finding("keys");
  const trust = await trustOf(reader, pinned, named);
  const { log, findings } = await checkLog(reader, trust);
  const population = new Finding("population");
  const pages = new Finding("pages");
  const sessions: SessionChecked[] = [];
  for (const month of (await monthsIn(reader)).toSorted()) {
    const inMonth = await sessionsOf(reader, month, { trust, log });
    await checkMonth(reader, month, inMonth, pages);
    sessions.push(...inMonth);
  }
  if (log !== undefined) {
    checkPopulation(log, sessions, population);
    await checkFront(reader, log, pages);
  }
  const checks = [named, ...findings, population, pages].map((each) => each.check());
  return reportOf(checks, sessions, trust, pinned);
}

/** Verifies one session's folder for itself: its proof instead of the log. `trust`: the text of `trust/policy`, if at hand. */
export async function verifySession(
  reader: EvidenceReader,
  folder: string,
  { pinned, policy }: VerifyOptions & { readonly policy: string | undefined },
): Promise<Report> {
  const named = new Finding("keys");
  const trust = policy === undefined && pinned === undefined ? undefined : believe(policy, pinned, named);
  const session = await checkSession(reader, folder, { trust, log: undefined });
  return reportOf(named.good ? [] : [named.check()], [session], trust, pinned);
}

/** Is this a ledger (`log`, `sessions`) or the folder of one session. */
export async function isLedger(reader: EvidenceReader): Promise<boolean> {
  return (await reader.list("")).includes(LOG_FOLDER);
}

function reportOf(
  checks: readonly Check[],
  sessions: readonly SessionChecked[],
  trust: Trust | undefined,
  pinned: Verifier | undefined,
): Report {
  return {
    verdict: verdictOf([...checks, ...sessions.flatMap(({ report }) => report.checks)]),
    trust: pinned === undefined ? "evidence" : "pinned",
    keys: (trust?.witnesses ?? []).map(({ vkey }) => vkey),
    checks,
    sessions: sessions.map(({ report }) => report),
  };
}

async function trustOf(reader: EvidenceReader, pinned: Verifier | undefined, finding: Finding): Promise<Trust> {
  const bytes = await reader.read(TRUST_PATH);
  if (bytes === undefined) finding.fail(`there is no ${TRUST_PATH}`);
  return believe(bytes === undefined ? undefined : (decodeUtf8(bytes) ?? "\ufffd"), pinned, finding);
}

/** The log's keys as the policy names them; of countersigners the pinned one alone, where one is pinned. */
function believe(policy: string | undefined, pinned: Verifier | undefined, finding: Finding): Trust {
  const parsed = policy === undefined ? { logs: [], witnesses: [] } : parseTrust(policy);
  if (typeof parsed === "string") finding.fail(`${TRUST_PATH} is ${parsed}`);
  const { logs, witnesses } = typeof parsed === "string" ? { logs: [], witnesses: [] } : parsed;
  finding.detail = pinned === undefined ? "those that the evidence names" : "the pinned countersigner";
  if (pinned === undefined) return { logs, witnesses };
  // A key is known by its bytes; the name it cosigns under is the evidence's to say.
  const same = witnesses.filter(({ publicKey }) => Buffer.compare(publicKey, pinned.publicKey) === 0);
  return { logs, witnesses: same.length === 0 ? [pinned] : same };
}

async function sessionsOf(
  reader: EvidenceReader,
  month: string,
  context: { readonly trust: Trust; readonly log: LogRead | undefined },
): Promise<SessionChecked[]> {
  const folder = `sessions/${month.replace("-", "/")}`;
  const sessions: SessionChecked[] = [];
  for (const day of (await reader.list(folder)).filter((name) => /^[0-9]{2}$/.test(name)).toSorted()) {
    for (const sid of (await reader.list(`${folder}/${day}`)).toSorted()) {
      sessions.push(await checkSession(reader, `${folder}/${day}/${sid}`, context));
    }
  }
  return sessions;
}

async function checkMonth(
  reader: EvidenceReader,
  month: string,
  sessions: readonly SessionChecked[],
  finding: Finding,
): Promise<void> {
  const folder = `sessions/${month.replace("-", "/")}`;
  const index = indexOf(sessions.map(({ row }) => row));
  await compare(reader, `${folder}/index.csv`, index, finding);
  await compare(reader, `${folder}/README.md`, monthPage(month, index), finding);
}

async function checkFront(reader: EvidenceReader, { checkpoint }: LogRead, finding: Finding): Promise<void> {
  await compare(reader, "README.md", frontPage(checkpoint, await monthsIn(reader)), finding);
}

async function compare(reader: EvidenceReader, path: string, rendered: string, finding: Finding): Promise<void> {
  const bytes = await reader.read(path);
  if (bytes === undefined || Buffer.compare(bytes, Buffer.from(rendered)) !== 0) {
    finding.fail(`${path} is not what the sessions say`);
  }
}

function checkPopulation(log: LogRead, sessions: readonly SessionChecked[], finding: Finding): void {
  const folders = new Set(sessions.map(({ report }) => report.sid));
  const entered = new Set<string>();
  for (const [at, entry] of log.entries.entries()) {
    if (entry === undefined) finding.fail(`entry ${at} of the log is not one of this version`);
    else if (entry.kind === "erasure") {
      if (!entered.has(entry.sid)) finding.fail(`entry ${at} erases from session ${entry.sid}, which was not entered`);
    } else {
      if (entered.has(entry.sid)) finding.fail(`entry ${at} enters session ${entry.sid} a second time`);
      else if (!folders.has(entry.sid)) finding.fail(`entry ${at}: session ${entry.sid} is not among the evidence`);
      entered.add(entry.sid);
    }
  }
  for (const { report } of sessions) {
    if (!entered.has(report.sid)) finding.fail(`${report.folder} is in no entry of the log`);
  }
  finding.detail = `${log.entries.length} entries, ${sessions.length} sessions`;
}
