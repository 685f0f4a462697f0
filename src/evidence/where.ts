// Where everything lies in the evidence, and what is there already: names of files and folders, and the few questions that
// a writer asks before it adds something.

import type { SessionId } from "../model/session.ts";
import { NoteError, parseCheckpoint, parseNote } from "../tlog/note.ts";
import { parseProof } from "../tlog/proof.ts";
import { decodeUtf8 } from "./dsse.ts";
import type { EvidenceReader } from "./ledger.ts";
import { LogError, readEntry } from "./log.ts";
import { sessionFolder } from "./pages.ts";
import { parseTrust, type Trust } from "./trust.ts";

/** Paths of a session's files that do not depend on what is in them. */
export const SESSION_FILES = {
  page: "README.md",
  events: "events.jsonl",
  disclosures: "disclosures.jsonl",
  checkpoints: "checkpoints.txt",
  dsse: "session.dsse.json",
  lost: "lost.dsse.json",
  proof: "session.tlog-proof",
  approvals: "approvals",
  erasures: "erasures",
} as const;

export const TRUST_PATH = "trust/policy";

/** A ULID begins with 48 bits of time in ten digits of Crockford's base 32. */
const ULID_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const DAY_MS = 86_400_000;

/** The last millisecond that four digits of a year can name. */
const LAST_MS = Date.UTC(10_000, 0, 1) - 1;

/** The time in a session's id, as events write times: when the gateway made it, by its own clock. */
export function timeOfId(sid: SessionId): string {
  return timeNear(sid, 0);
}

function timeNear(sid: SessionId, offMs: number): string {
  const at = Array.from(sid.slice(0, 10)).reduce((sum, digit) => sum * 32 + ULID_DIGITS.indexOf(digit), 0);
  return new Date(Math.min(Math.max(0, at + offMs), LAST_MS)).toISOString();
}

/** Where a session of this id lies if its first event is of the same time as its id, give or take a day. */
export function foldersByTime(sid: SessionId): string[] {
  return [-DAY_MS, 0, DAY_MS].map((off) => sessionFolder(timeNear(sid, off), sid));
}

/**
 * Where a session lies that was closed as lost: by the time in its id, which is known although no event is. Its events lie
 * there too, should they be handed in later.
 */
export function lostFolder(sid: SessionId): string {
  return sessionFolder(timeOfId(sid), sid);
}

/**
 * The entry that the log holds for the session in this folder. A folder alone proves nothing: a writer that died may
 * have left it before the log moved.
 */
export async function entryOf(
  now: EvidenceReader,
  folder: string,
  checkpoint: Uint8Array,
): Promise<string | undefined> {
  const proof = await now.read(`${folder}/${SESSION_FILES.proof}`);
  if (proof === undefined) return undefined;
  try {
    const { index } = parseProof(decodeUtf8(proof) ?? "");
    const { size } = parseCheckpoint(parseNote(decodeUtf8(checkpoint) ?? "").text);
    const entry = index < size ? await readEntry(now, index, size) : undefined;
    return entry === undefined ? undefined : decodeUtf8(entry);
  } catch (cause) {
    if (!(cause instanceof NoteError)) throw cause;
    throw new LogError(`${folder} or the checkpoint cannot be read: ${cause.message}; run countersign verify`, {
      cause,
    });
  }
}

/** The months that have sessions, as `2026-11`. */
export async function monthsIn(now: EvidenceReader): Promise<string[]> {
  const months: string[] = [];
  for (const year of (await now.list("sessions")).filter((name) => /^[0-9]{4}$/.test(name))) {
    const inYear = await now.list(`sessions/${year}`);
    months.push(...inYear.filter((name) => /^[0-9]{2}$/.test(name)).map((month) => `${year}-${month}`));
  }
  return months;
}

/** The keys that the evidence names, none where it names none. Throws LogError for a file that is not of our making. */
export async function readTrust(now: EvidenceReader): Promise<Trust> {
  const bytes = await now.read(TRUST_PATH);
  if (bytes === undefined) return { logs: [], witnesses: [] };
  const trust = parseTrust(decodeUtf8(bytes) ?? "");
  if (typeof trust === "string") throw new LogError(`${TRUST_PATH} is ${trust}; run countersign verify`);
  return trust;
}

/** The folder of the heartbeats, in it years, in those months, in those a file for each day. */
export const HEARTBEATS = "heartbeats";

/** The file of a day's heartbeat; `day` as `2026-11-25`. */
export function heartbeatPath(day: string): string {
  return `${HEARTBEATS}/${day.replaceAll("-", "/")}.dsse.json`;
}

/** The days that have a heartbeat's file, in order; `"newest"` looks for the last of them alone. */
export async function heartbeatDays(now: EvidenceReader, which: "all" | "newest"): Promise<string[]> {
  const last = (names: string[]): string[] => (which === "all" ? names : names.slice(-1));
  const inOrder = async (folder: string, pattern: RegExp): Promise<string[]> =>
    last((await now.list(folder)).filter((name) => pattern.test(name)).toSorted());
  const days: string[] = [];
  for (const year of await inOrder(HEARTBEATS, /^[0-9]{4}$/)) {
    for (const month of await inOrder(`${HEARTBEATS}/${year}`, /^[0-9]{2}$/)) {
      const names = await inOrder(`${HEARTBEATS}/${year}/${month}`, /^[0-9]{2}\.dsse\.json$/);
      days.push(...names.map((name) => `${year}-${month}-${name.slice(0, 2)}`));
    }
  }
  return days;
}
