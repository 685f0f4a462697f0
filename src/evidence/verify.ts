// The verifier: evidence in, verdict out, each check for itself. It believes nothing but the keys it was told to believe.
// It opens no file; a reader is handed in.

import type { Verifier } from "../tlog/note.ts";
import { CLOCK_SECONDS_MAX } from "./check-heads.ts";
import { checkHeartbeats } from "./check-heartbeats.ts";
import { checkLog, type LogRead } from "./check-log.ts";
import { checkPopulation } from "./check-population.ts";
import { checkSession } from "./check-session.ts";
import { checkSince } from "./check-since.ts";
import { decodeUtf8 } from "./dsse.ts";
import { EvidenceError, type EvidenceReader } from "./ledger.ts";
import { LOG_FOLDER } from "./log.ts";
import { frontPage, indexOf, monthPage } from "./pages.ts";
import { type Check, Finding, isoSeconds, type Report, verdictOf } from "./report.ts";
import type { SessionChecked, SessionContext } from "./session-checked.ts";
import { parseTrust, type Trust } from "./trust.ts";
import { HEARTBEATS, heartbeatDays, monthsIn, TRUST_PATH } from "./where.ts";

export interface VerifyOptions {
  /** The countersigner's key, got elsewhere than from the evidence; undefined to believe `trust/policy`. */
  readonly pinned: Verifier | undefined;
  /** The repository that sessions must be of, `owner/name`; undefined to take any that the log is of. */
  readonly repository?: string | undefined;
  /** Digests of the policies that sessions may have run under, `sha256:<hex>`; undefined for any. */
  readonly policies?: ReadonlySet<string> | undefined;
}

/** What can be asked of a whole ledger besides. */
export interface LedgerOptions extends VerifyOptions {
  /** A checkpoint of this log that the caller kept, the whole note: the log must begin with what it says. */
  readonly since?: string | undefined;
  /** POSIX seconds now, to tell the age of the log's checkpoint; and how old it may be, where that matters. */
  readonly age?: { readonly now: number; readonly secondsMax: number | undefined } | undefined;
  /** Told after each session how many were verified, for whoever waits. */
  readonly progress?: ((sessions: number) => void) | undefined;
}

/** Verifies a whole ledger: its log, each session, each page. */
export async function verifyLedger(from: EvidenceReader, options: LedgerOptions): Promise<Report> {
  const { pinned } = options;
  const files = new Finding("files");
  const reader = careful(from, files);
  const named = new Finding("keys");
  const trust = await trustOf(reader, pinned, named);
  const { log, findings } = await checkLog(reader, trust);
  const population = new Finding("population");
  const pages = new Finding("pages");
  const sessions: SessionChecked[] = [];
  const context: SessionContext = { trust, log, repository: options.repository, policies: options.policies };
  for (const month of (await monthsIn(reader)).toSorted()) {
    const inMonth: SessionChecked[] = [];
    for (const folder of await foldersIn(reader, month)) {
      inMonth.push(await checkSession(reader, folder, context));
      options.progress?.(sessions.length + inMonth.length);
    }
    await checkMonth(reader, month, inMonth, pages);
    sessions.push(...inMonth);
  }
  await checkPlaces(reader, files);
  const asked: Finding[] = [];
  if (log !== undefined) {
    checkPopulation(log, sessions, population);
    await checkFront(reader, log, pages);
    const heartbeats = await checkHeartbeats(reader, log, trust);
    if (heartbeats !== undefined) asked.push(heartbeats);
    if (options.since !== undefined) asked.push(await checkSince(options.since, { reader, log, trust }));
    if (options.age !== undefined) asked.push(checkAge(log, options.age));
  }
  const checks = [named, ...findings, population, pages, files, ...asked].map((each) => each.check());
  return reportOf(checks, sessions, trust, pinned);
}

/** Verifies one session's folder for itself: its proof instead of the log. `trust`: the text of `trust/policy`, if at hand. */
export async function verifySession(
  from: EvidenceReader,
  folder: string,
  { pinned, policy, repository, policies }: VerifyOptions & { readonly policy: string | undefined },
): Promise<Report> {
  const files = new Finding("files");
  const named = new Finding("keys");
  const trust = policy === undefined && pinned === undefined ? undefined : believe(policy, pinned, named);
  const session = await checkSession(careful(from, files), folder, { trust, log: undefined, repository, policies });
  const checks = [named, files].filter(({ good }) => !good).map((each) => each.check());
  return reportOf(checks, [session], trust, pinned);
}

/**
 * Verifies the sessions of one month (`2026-11`) without the log: each by its proof, and the month's pages against all of
 * them, so that none that they list can be missing. `policy`: the text of `trust/policy`.
 */
export async function verifyMonth(
  from: EvidenceReader,
  month: string,
  { pinned, policy, repository, policies }: VerifyOptions & { readonly policy: string },
): Promise<Report> {
  const files = new Finding("files");
  const named = new Finding("keys");
  const pages = new Finding("pages");
  const reader = careful(from, files);
  const trust = believe(policy, pinned, named);
  const sessions: SessionChecked[] = [];
  for (const folder of await foldersIn(reader, month)) {
    sessions.push(await checkSession(reader, folder, { trust, log: undefined, repository, policies }));
  }
  await checkMonth(reader, month, sessions, pages);
  const checks = [named, files, pages].filter(({ good }) => !good).map((each) => each.check());
  return reportOf(checks, sessions, trust, pinned);
}

/** Reads what may be read. What must not be is told to the finding, and then is not there. */
function careful(from: EvidenceReader, finding: Finding): EvidenceReader {
  const refused = (path: string, error: unknown): void => {
    // What the system says of a file, such as EACCES, is a fact about the evidence as well.
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (error instanceof EvidenceError) finding.fail(error.message);
    else if (typeof code === "string") finding.fail(`${path} cannot be read: ${code}`);
    else throw error;
  };
  return {
    async read(path) {
      try {
        return await from.read(path);
      } catch (error) {
        refused(path, error);
        return undefined;
      }
    },
    async list(folder) {
      try {
        return await from.list(folder);
      } catch (error) {
        refused(folder, error);
        return [];
      }
    },
  };
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

/** The folders of a month's sessions, in order. */
async function foldersIn(reader: EvidenceReader, month: string): Promise<string[]> {
  const folder = `sessions/${month.replace("-", "/")}`;
  const folders: string[] = [];
  for (const day of (await reader.list(folder)).filter((name) => TWO_DIGITS.test(name)).toSorted()) {
    const sids = (await reader.list(`${folder}/${day}`)).filter((name) => SID.test(name)).toSorted();
    folders.push(...sids.map((sid) => `${folder}/${day}/${sid}`));
  }
  return folders;
}

const TWO_DIGITS = /^[0-9]{2}$/;
const SID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;
const ROOT_NAMES = ["README.md", HEARTBEATS, "log", "sessions", "trust"];

/** Looks at every name where sessions lie: what is in no place of its own was verified by nobody, and looks as if it was. */
async function checkPlaces(reader: EvidenceReader, finding: Finding): Promise<void> {
  const namesIn = async (folder: string, expected: RegExp): Promise<string[]> => {
    const names = await reader.list(folder);
    for (const name of names) {
      if (!expected.test(name)) finding.fail(`${folder}/${name} is no part of the evidence`);
    }
    return names.filter((name) => TWO_DIGITS.test(name) || FOUR_DIGITS.test(name)).map((name) => `${folder}/${name}`);
  };
  for (const year of await namesIn("sessions", FOUR_DIGITS)) {
    for (const month of await namesIn(year, TWO_DIGITS)) {
      for (const day of await namesIn(month, /^(?:[0-9]{2}|README\.md|index\.csv)$/)) await namesIn(day, SID);
    }
  }
  for (const year of await namesIn(HEARTBEATS, FOUR_DIGITS)) {
    for (const month of await namesIn(year, TWO_DIGITS)) await namesIn(month, /^[0-9]{2}\.dsse\.json$/);
  }
  await namesIn("trust", /^policy$/);
  // Beside the evidence may lie what its owner put there, a licence or a workflow; somebody might take it for evidence.
  for (const name of await reader.list("")) {
    if (!name.startsWith(".") && !ROOT_NAMES.includes(name)) finding.warn(`${name} lies beside the evidence`);
  }
}

const FOUR_DIGITS = /^[0-9]{4}$/;

function checkAge(
  { countersignedAt }: LogRead,
  { now, secondsMax }: { readonly now: number; readonly secondsMax: number | undefined },
): Finding {
  const finding = new Finding("age");
  const seconds = now - countersignedAt;
  if (countersignedAt === 0) {
    finding.detail = "nobody countersigned";
    if (secondsMax !== undefined) finding.fail("nobody countersigned the log's checkpoint, so its age is not known");
    return finding;
  }
  finding.detail = `countersigned ${isoSeconds(countersignedAt)}, ${ageOf(seconds)} ago`;
  if (seconds < -CLOCK_SECONDS_MAX) finding.warn(`the checkpoint is ${ageOf(-seconds)} ahead of the clock here`);
  if (secondsMax !== undefined && seconds > secondsMax) {
    finding.fail(
      `the checkpoint is ${ageOf(seconds)} old and may be ${ageOf(secondsMax)}; get the newest one, or ask why there is none`,
    );
  }
  return finding;
}

function ageOf(seconds: number): string {
  const [unit, name] = seconds >= 172_800 ? [86_400, "days"] : seconds >= 7200 ? [3600, "hours"] : [1, "s"];
  return `${Math.floor(Math.max(0, seconds) / unit)} ${name}`;
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
  await compare(
    reader,
    "README.md",
    frontPage(checkpoint, await monthsIn(reader), (await heartbeatDays(reader, "newest")).at(-1)),
    finding,
  );
}

async function compare(reader: EvidenceReader, path: string, rendered: string, finding: Finding): Promise<void> {
  const bytes = await reader.read(path);
  if (bytes === undefined || Buffer.compare(bytes, Buffer.from(rendered)) !== 0) {
    finding.fail(`${path} is not what the sessions say`);
  }
}
