// What enters a ledger, each with its place: the entry of the log and the files that do not depend on where in the log it
// comes to stand.

import { NoteError, parseCheckpoint, parseNote } from "../tlog/note.ts";
import { Frontier } from "../tlog/tree.ts";
import { digestOfFile, encodeEntry, encodeHeartbeatEntry, encodeLostEntry } from "./entry.ts";
import { readHeartbeat } from "./heartbeat.ts";
import type { EvidenceFile } from "./ledger.ts";
import { LogError } from "./log.ts";
import { type Lost, readLost } from "./lost.ts";
import { fileName, sessionFolder } from "./pages.ts";
import { readEvents } from "./read-events.ts";
import { Summariser, type Summary } from "./summary.ts";
import { heartbeatPath, lostFolder, SESSION_FILES } from "./where.ts";

/** A signed answer of people: the id of the request, and the file, whole. */
export interface SignedAnswer {
  readonly request: string;
  readonly dsse: string;
}

/** A session that ended, or that was found after its gateway died, with everything that was signed about it. */
export interface SealedSession {
  readonly events: Uint8Array;
  readonly disclosures: Uint8Array;
  /** Countersigned checkpoints, `---` lines between them; empty where there is no countersigner. */
  readonly checkpoints: Uint8Array;
  /** `session.dsse.json`, whole. */
  readonly dsse: string;
  /** The signed answers of people. */
  readonly approvals: readonly SignedAnswer[];
}

/** A session that was lost, as the countersigner closes it. */
export interface LostSession {
  /** `lost.dsse.json`, whole, as `signLost` makes it. */
  readonly dsse: string;
  /** The last head, a checkpoint signed by the gateway and cosigned; empty where there was none. */
  readonly checkpoint: string;
  /** The answers that the countersigner signed for this session, whether or not they reached the gateway. */
  readonly approvals: readonly SignedAnswer[];
}

/** A session and what does not depend on the state of the ledger, so that it is made once and not for every attempt. */
export interface PlacedSession {
  readonly session: SealedSession;
  readonly summary: Summary;
  /** Where it lies if nobody closed it as lost before. */
  readonly folder: string;
  readonly entry: string;
  /** The root of its first events, so many. Undefined for more than there are. */
  rootAt(size: number): Uint8Array | undefined;
}

export interface PlacedLost {
  readonly session: LostSession;
  readonly lost: Lost;
  readonly folder: string;
  readonly entry: string;
}

export interface PlacedHeartbeat {
  readonly dsse: string;
  readonly day: string;
  readonly path: string;
  readonly entry: string;
}

/** Throws LogError for events without a beginning. */
export function placeSession(session: SealedSession): PlacedSession {
  const summariser = new Summariser();
  const read = readEvents(session.events, (event) => summariser.add(event));
  const summary = summariser.summary();
  if (summary.started === undefined) throw new LogError("the session has no session.started, so it cannot be placed");
  return {
    session,
    summary,
    folder: sessionFolder(summary.startedAt, summary.sid),
    entry: encodeEntry({ sid: summary.sid, root: read.root, size: read.size, dsse: digestOfFile(session.dsse) }),
    rootAt: (size) => (size === 0 ? new Frontier().root() : rootAt(session.events, size)),
  };
}

function rootAt(events: Uint8Array, size: number): Uint8Array | undefined {
  let root: Uint8Array | undefined;
  readEvents(
    events,
    () => undefined,
    (frontier) => {
      if (frontier.size === size) root = frontier.root();
    },
  );
  return root;
}

/** Throws LogError for a statement that cannot be read, or a last head that is not the one that it names. */
export function placeLost(session: LostSession): PlacedLost {
  const lost = readLost(session.dsse);
  if (lost === undefined) throw new LogError("what is to close a session as lost is not such a statement");
  if (!isHeadOf(lost, session.checkpoint)) {
    throw new LogError(`the last head of lost session ${lost.sid} is not the one that its statement names`);
  }
  const { sid, root, size } = lost;
  return {
    session,
    lost,
    folder: lostFolder(sid),
    entry: encodeLostEntry({ sid, root, size, dsse: digestOfFile(session.dsse) }),
  };
}

function isHeadOf({ size, root }: Lost, checkpoint: string): boolean {
  if (size === 0 || checkpoint === "") return size === 0 && checkpoint === "";
  try {
    const head = parseCheckpoint(parseNote(checkpoint).text);
    return head.size === size && Buffer.compare(head.root, root) === 0;
  } catch (error) {
    if (error instanceof NoteError) return false;
    throw error;
  }
}

/** Throws LogError for a statement that cannot be read. */
export function placeHeartbeat(dsse: string): PlacedHeartbeat {
  const day = readHeartbeat(dsse)?.day;
  if (day === undefined) throw new LogError("what is to be a day's heartbeat is not such a statement");
  return { dsse, day, path: heartbeatPath(day), entry: encodeHeartbeatEntry({ day, dsse: digestOfFile(dsse) }) };
}

/** A session's files but for the page and the proof, which say where in the log it came to stand. */
export function sessionFiles(folder: string, session: SealedSession): EvidenceFile[] {
  const { events, disclosures, checkpoints, dsse, approvals } = session;
  return [
    { path: `${folder}/${SESSION_FILES.events}`, bytes: events },
    { path: `${folder}/${SESSION_FILES.disclosures}`, bytes: disclosures },
    ...(checkpoints.length === 0 ? [] : [{ path: `${folder}/${SESSION_FILES.checkpoints}`, bytes: checkpoints }]),
    { path: `${folder}/${SESSION_FILES.dsse}`, bytes: Buffer.from(dsse) },
    ...answerFiles(folder, approvals),
  ];
}

/** The same of a lost session. */
export function lostFiles({ folder, session }: PlacedLost): EvidenceFile[] {
  const { dsse, checkpoint, approvals } = session;
  return [
    { path: `${folder}/${SESSION_FILES.lost}`, bytes: Buffer.from(dsse) },
    ...(checkpoint === "" ? [] : [{ path: `${folder}/${SESSION_FILES.checkpoints}`, bytes: Buffer.from(checkpoint) }]),
    ...answerFiles(folder, approvals),
  ];
}

function answerFiles(folder: string, answers: readonly SignedAnswer[]): EvidenceFile[] {
  return answers.map(({ request, dsse }) => ({
    path: `${folder}/${SESSION_FILES.approvals}/${fileName(request)}`,
    bytes: Buffer.from(dsse),
  }));
}
