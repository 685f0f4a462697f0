// Of what is to enter a ledger: what is in its log already, what came too late, and what contradicts it.

import { decodeUtf8 } from "./dsse.ts";
import { digestOfFile, type LogEntry, parseEntry } from "./entry.ts";
import type { EvidenceReader } from "./ledger.ts";
import { CHECKPOINT_PATH, holdsEntry, LogError } from "./log.ts";
import { type Lost, readLost } from "./lost.ts";
import type { PlacedHeartbeat, PlacedLost, PlacedSession } from "./placed.ts";
import { entryOf, foldersByTime, lostFolder, SESSION_FILES } from "./where.ts";

/**
 * What became of one thing that was to enter. `entered`: now. `there`: it was in the log before, or of a day another
 * heartbeat. `late`: a lost session whose events had been entered before; nothing has to be said of it any more.
 */
export type Fate = "entered" | "there" | "late";

/** The ledger holds something else under this name; nothing of the batch was entered. Without it the rest can be. */
export class ConflictError extends LogError {
  override readonly name = "ConflictError";
  /** The session's id. */
  readonly sid: string;

  constructor(sid: string, message: string) {
    super(`${message}; nothing was changed`);
    this.sid = sid;
  }
}

/** Placed things: what there is to do with each. */
export interface Judged<T> {
  readonly placed: T;
  readonly fate: Fate;
  /** Where it lies. */
  readonly path: string;
}

/** A session, and the statement by which it was closed as lost before, if it was. */
export interface JudgedSession extends Judged<PlacedSession> {
  readonly lost: Lost | undefined;
}

/** What of a session of this id the log holds, by the folders in which it can lie. */
async function held(now: EvidenceReader, sid: string, folders: readonly string[]) {
  const checkpoint = await now.read(CHECKPOINT_PATH);
  if (checkpoint === undefined) return undefined;
  for (const folder of new Set([...folders, ...foldersByTime(sid)])) {
    const text = await entryOf(now, folder, checkpoint);
    const entry = text === undefined ? undefined : parseEntry(text);
    if (text !== undefined && entry !== undefined && isOf(entry, sid)) return { folder, text, kind: entry.kind };
  }
  return undefined;
}

function isOf(entry: LogEntry, sid: string): boolean {
  return (entry.kind === "session" || entry.kind === "lost") && entry.sid === sid;
}

/** Throws ConflictError. */
export async function judgeLost(now: EvidenceReader, placed: PlacedLost): Promise<Judged<PlacedLost>> {
  const { folder, entry, lost, session } = placed;
  const before = await held(now, lost.sid, [folder]);
  if (before === undefined) return { placed, fate: "entered", path: folder };
  if (before.text === entry) return { placed, fate: "there", path: folder };
  const file = await now.read(`${folder}/${SESSION_FILES.lost}`);
  if (before.kind === "session" && file === undefined) return { placed, fate: "late", path: before.folder };
  // The session came after it, and has its proof in this place.
  if (file !== undefined && digestOfFile(file) === digestOfFile(session.dsse))
    return { placed, fate: "there", path: folder };
  throw new ConflictError(lost.sid, `the ledger holds session ${lost.sid} closed as lost otherwise`);
}

/** `beside`: the lost sessions that are to enter in front of it. Throws ConflictError. */
export async function judgeSession(
  now: EvidenceReader,
  placed: PlacedSession,
  beside: readonly Judged<PlacedLost>[],
): Promise<JudgedSession> {
  const { sid } = placed.summary;
  const before = await held(now, sid, [placed.folder]);
  const own = beside.find(({ placed: each, fate }) => each.lost.sid === sid && fate === "entered")?.placed.lost;
  if (before?.text === placed.entry) return { placed, fate: "there", path: before.folder, lost: own };
  if (before?.kind === "session") throw new ConflictError(sid, `the ledger holds another session ${sid}`);
  const lost = own ?? (before === undefined ? undefined : await lostIn(now, before.folder));
  if (lost === undefined) return { placed, fate: "entered", path: placed.folder, lost };
  const root = placed.rootAt(lost.size);
  if (root === undefined || Buffer.compare(root, lost.root) !== 0) {
    throw new ConflictError(
      sid,
      `session ${sid} was closed as lost with ${lost.size} events countersigned, and these do not begin with them`,
    );
  }
  return { placed, fate: "entered", path: lostFolder(sid), lost };
}

async function lostIn(now: EvidenceReader, folder: string): Promise<Lost> {
  const file = await now.read(`${folder}/${SESSION_FILES.lost}`);
  const lost = file === undefined ? undefined : readLost(decodeUtf8(file) ?? "");
  if (lost === undefined) throw new LogError(`${folder}/${SESSION_FILES.lost} cannot be read; run countersign verify`);
  return lost;
}

/** Of one day one heartbeat: another that comes later is left out, for the first is signed and stands. */
export async function judgeHeartbeat(now: EvidenceReader, placed: PlacedHeartbeat): Promise<Judged<PlacedHeartbeat>> {
  const { path, day } = placed;
  // A file alone proves nothing here either.
  const isThere =
    (await now.read(path)) !== undefined &&
    (await holdsEntry(now, (text) => {
      const entry = parseEntry(decodeUtf8(text) ?? "");
      return entry?.kind === "heartbeat" && entry.day === day;
    }));
  return { placed, fate: isThere ? "there" : "entered", path };
}
