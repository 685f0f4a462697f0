// From what was signed to the files of the evidence: sessions, lost sessions and heartbeats enter the log together, and the
// pages change with them, in one step.

import { parseVkey } from "../tlog/note.ts";
import { encodeProof } from "../tlog/proof.ts";
import { type DsseSignature, decodeUtf8, encodeDsse } from "./dsse.ts";
import { type Fate, type Judged, type JudgedSession, judgeHeartbeat, judgeLost, judgeSession } from "./fresh.ts";
import type { Change, EvidenceFile, EvidenceReader, Ledger, LogSigner } from "./ledger.ts";
import { type Appended, appendEntries, CHECKPOINT_PATH, LogError, readEdge } from "./log.ts";
import { lostPage } from "./lost-page.ts";
import { frontPage, indexRow, indexWith, lostRow, monthFolder, monthPage } from "./pages.ts";
import {
  type LostSession,
  lostFiles,
  type PlacedHeartbeat,
  type PlacedLost,
  placeHeartbeat,
  placeLost,
  placeSession,
  type SealedSession,
  sessionFiles,
} from "./placed.ts";
import { readEvents } from "./read-events.ts";
import { sessionPage } from "./session-page.ts";
import { sessionStatement } from "./statement.ts";
import { Summariser } from "./summary.ts";
import { encodeTrust, trusting } from "./trust.ts";
import { heartbeatDays, monthsIn, readTrust, SESSION_FILES, TRUST_PATH, timeOfId } from "./where.ts";

export type { LostSession, SealedSession };

/** The statement about these events, to be signed by the gateway and the countersigner. */
export function statementOf(events: Uint8Array, countersigned: number): string {
  const summariser = new Summariser();
  const read = readEvents(events, (event) => summariser.add(event));
  return sessionStatement({ events: read, summary: summariser.summary(), countersigned });
}

/** `session.dsse.json` from the statement and its signatures. */
export function sealedStatement(statement: string, signatures: readonly DsseSignature[]): string {
  return encodeDsse(statement, signatures);
}

/** What is to enter a ledger in one step. */
export interface Batch {
  readonly sessions?: readonly SealedSession[];
  readonly lost?: readonly LostSession[];
  /** Signed heartbeats, each the whole text of its file. */
  readonly heartbeats?: readonly string[];
}

/** What became of one thing of a batch, and where it lies: a session's folder, a heartbeat's file. */
export interface Entered {
  readonly fate: Fate;
  readonly path: string;
}

/** What became of a batch, each list in the order of the batch's. */
export interface BatchEntered {
  readonly outcome: "done" | "nothing";
  readonly sessions: readonly Entered[];
  readonly lost: readonly Entered[];
  readonly heartbeats: readonly Entered[];
}

/**
 * Enters all of a batch in the log of a ledger: an entry for each, one checkpoint, files and pages, in one step. What the
 * log holds already is left as it is, so this may be called again after any failure. Lost sessions are entered first and
 * heartbeats last, so a session may be in a batch with the statement that closed it as lost.
 *
 * Throws ConflictError, naming the session, when the ledger holds another of its id, or when its events do not begin with
 * what was countersigned before it was lost; and LogError when the batch or the ledger holds something that must not be
 * added to. Then nothing was changed. It verifies no signature: whoever takes custody did.
 */
export async function enter(batch: Batch, ledger: Ledger, signer: LogSigner): Promise<BatchEntered> {
  const sessions = (batch.sessions ?? []).map(placeSession);
  const lost = (batch.lost ?? []).map(placeLost);
  const heartbeats = (batch.heartbeats ?? []).map(placeHeartbeat);
  refuseTwice(
    "session",
    sessions.map(({ summary }) => summary.sid),
  );
  refuseTwice(
    "lost session",
    lost.map((each) => each.lost.sid),
  );
  refuseTwice(
    "heartbeat of",
    heartbeats.map(({ day }) => day),
  );
  let judged: Fresh = { sessions: [], lost: [], heartbeats: [] };
  const outcome = await ledger.update(async (now) => {
    const lostNow = await inTurn(lost, async (each) => await judgeLost(now, each));
    judged = {
      lost: lostNow,
      sessions: await inTurn(sessions, async (each) => await judgeSession(now, each, lostNow)),
      heartbeats: await inTurn(heartbeats, async (each) => await judgeHeartbeat(now, each)),
    };
    return await changeFor(now, freshOf(judged), signer);
  });
  const told = (all: readonly Entered[]): Entered[] => all.map(({ fate, path }) => ({ fate, path }));
  return {
    outcome,
    sessions: told(judged.sessions),
    lost: told(judged.lost),
    heartbeats: told(judged.heartbeats),
  };
}

/**
 * Enters a session in the log of a ledger: one entry, one checkpoint, its files and pages, in one step. A session that
 * is in the ledger already is left as it is ("nothing"), so this may be called again after any failure. Throws LogError
 * when the ledger holds something that must not be added to, or another session of this id.
 */
export async function sealSession(
  session: SealedSession,
  ledger: Ledger,
  signer: LogSigner,
): Promise<{ readonly outcome: "done" | "nothing"; readonly folder: string }> {
  const { outcome, folders } = await sealSessions([session], ledger, signer);
  return { outcome, folder: folders[0] ?? "" };
}

/** The same for several sessions: an entry for each, one checkpoint, one step. Those that are there already stay. */
export async function sealSessions(
  sessions: readonly SealedSession[],
  ledger: Ledger,
  signer: LogSigner,
): Promise<{ readonly outcome: "done" | "nothing"; readonly folders: readonly string[] }> {
  const entered = await enter({ sessions }, ledger, signer);
  return { outcome: entered.outcome, folders: entered.sessions.map(({ path }) => path) };
}

function refuseTwice(what: string, names: readonly string[]): void {
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) throw new LogError(`${what} ${twice} is given twice; nothing was changed`);
}

/** A ledger is asked one thing at a time. */
async function inTurn<T, R>(all: readonly T[], ask: (each: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  // oxlint-disable-next-line no-await-in-loop -- one after the other
  for (const each of all) results.push(await ask(each));
  return results;
}

interface Fresh {
  readonly sessions: readonly JudgedSession[];
  readonly lost: readonly Judged<PlacedLost>[];
  readonly heartbeats: readonly Judged<PlacedHeartbeat>[];
}

/** What is to be done. */
function freshOf({ sessions, lost, heartbeats }: Fresh): Fresh {
  const isFresh = ({ fate }: Entered): boolean => fate === "entered";
  return {
    sessions: sessions.filter(isFresh),
    lost: lost.filter(isFresh),
    heartbeats: heartbeats.filter(isFresh),
  };
}

async function changeFor(now: EvidenceReader, fresh: Fresh, signer: LogSigner): Promise<Change | "nothing"> {
  const { sessions, lost, heartbeats } = fresh;
  const entries = [...lost, ...sessions, ...heartbeats].map(({ placed }) => Buffer.from(placed.entry));
  if (entries.length === 0) return "nothing";
  const log = parseVkey(signer.logVkey);
  const witness = signer.countersignerVkey === undefined ? undefined : parseVkey(signer.countersignerVkey);
  const trust = trusting(await readTrust(now), log, witness);
  const appended = appendEntries(await readEdge(now, trust.logs, log.name), entries);
  const checkpoint = `${appended.checkpoint}\n${await signer.sign(appended.checkpoint)}`;
  const files: EvidenceFile[] = [
    ...folderFiles(fresh, appended, checkpoint),
    ...heartbeats.map(({ placed }) => ({ path: placed.path, bytes: Buffer.from(placed.dsse) })),
    ...(await pageFiles(now, fresh, checkpoint)),
    { path: TRUST_PATH, bytes: Buffer.from(encodeTrust(trust)) },
    { path: CHECKPOINT_PATH, bytes: Buffer.from(checkpoint) },
    ...appended.files,
  ];
  // A session that is entered with the statement that closed it as lost has some files instead of that one's.
  const once = new Map(files.map((file) => [file.path, file]));
  return { files: [...once.values()], removed: appended.removed, message: messageFor(fresh) };
}

/** The folders of sessions and of lost ones, with the pages and proofs that say where in the log they came to stand. */
function folderFiles({ sessions, lost }: Fresh, appended: Appended, checkpoint: string): EvidenceFile[] {
  const proven = (folder: string, at: number, page: string): EvidenceFile[] => {
    const proof = encodeProof({ index: appended.index + at, path: appended.paths[at] ?? [], checkpoint });
    return [
      { path: `${folder}/${SESSION_FILES.proof}`, bytes: Buffer.from(proof) },
      { path: `${folder}/${SESSION_FILES.page}`, bytes: Buffer.from(page) },
    ];
  };
  const ofLost = lost.flatMap(({ placed, path }, at) => {
    const files = lostFiles(placed);
    const inside = `${path}/${SESSION_FILES.approvals}/`;
    const approvals = new Map(
      files.flatMap((file) => (file.path.startsWith(inside) ? [[file.path.slice(inside.length), file.bytes]] : [])),
    );
    return [...files, ...proven(path, at, lostPage(placed.lost, { index: appended.index + at, approvals }))];
  });
  const ofSessions = sessions.flatMap(({ placed, path, lost: closed }, each) => {
    const at = lost.length + each;
    const { events, disclosures } = placed.session;
    const page = sessionPage(events, disclosures, { index: appended.index + at, erasures: [], lost: closed });
    return [...sessionFiles(path, placed.session), ...proven(path, at, page)];
  });
  return [...ofLost, ...ofSessions];
}

function messageFor({ sessions, lost, heartbeats }: Fresh): string {
  const each = [
    ...lost.map(({ placed }) => `Session ${placed.lost.sid}: lost`),
    ...sessions.map(({ placed }) => `Session ${placed.summary.sid}: ${placed.summary.ended?.outcome ?? "incomplete"}`),
    ...heartbeats.map(({ placed }) => `Heartbeat of ${placed.day}`),
  ];
  if (each.length === 1) return each.join();
  const counts = [
    sessions.length === 0 ? "" : `${sessions.length} ${sessions.length === 1 ? "session" : "sessions"}`,
    lost.length === 0 ? "" : `${lost.length} lost`,
    heartbeats.length === 0 ? "" : `${heartbeats.length} ${heartbeats.length === 1 ? "heartbeat" : "heartbeats"}`,
  ];
  return counts.filter((count) => count !== "").join(", ");
}

/** A line of an `index.csv`, and the month that it belongs to. */
interface Row {
  readonly month: string;
  readonly row: string;
}

async function pageFiles(now: EvidenceReader, fresh: Fresh, checkpoint: string): Promise<EvidenceFile[]> {
  const months = new Set(await monthsIn(now));
  const files: EvidenceFile[] = [];
  const rows = rowsOf(fresh);
  for (const month of new Set(rows.map((each) => each.month))) {
    months.add(month);
    const folder = monthFolder(month);
    const before = await now.read(`${folder}/index.csv`);
    const inMonth = rows.filter((each) => each.month === month).map(({ row }) => row);
    const index = indexWith(before === undefined ? "" : (decodeUtf8(before) ?? ""), inMonth);
    files.push({ path: `${folder}/index.csv`, bytes: Buffer.from(index) });
    files.push({ path: `${folder}/README.md`, bytes: Buffer.from(monthPage(month, index)) });
  }
  const days = [...(await heartbeatDays(now, "newest")), ...fresh.heartbeats.map(({ placed }) => placed.day)];
  const front = frontPage(checkpoint, [...months], days.toSorted().at(-1));
  return [...files, { path: "README.md", bytes: Buffer.from(front) }];
}

/** A line for each session; one that was closed as lost stands where its id says, with the outcome of its events. */
function rowsOf({ sessions, lost }: Fresh): Row[] {
  const entered = new Set(sessions.map(({ placed }) => placed.summary.sid));
  const ofLost = lost.flatMap(({ placed }) => {
    const at = timeOfId(placed.lost.sid);
    return entered.has(placed.lost.sid) ? [] : [{ month: at.slice(0, 7), row: lostRow(placed.lost, at) }];
  });
  const ofSessions = sessions.map(({ placed: { summary }, lost: closed }) => {
    const at = closed === undefined ? summary.startedAt : timeOfId(summary.sid);
    return { month: at.slice(0, 7), row: indexRow(summary, at) };
  });
  return [...ofLost, ...ofSessions];
}
