// From a sealed session to the files of the evidence: which file holds what, and how the log and the pages change.

import { NoteError, parseCheckpoint, parseNote, parseVkey } from "../tlog/note.ts";
import { encodeProof, parseProof } from "../tlog/proof.ts";
import { type DsseSignature, decodeUtf8, encodeDsse } from "./dsse.ts";
import { digestOfFile, encodeEntry, parseEntry } from "./entry.ts";
import type { Change, EvidenceFile, EvidenceReader, Ledger, LogSigner } from "./ledger.ts";
import { appendEntries, CHECKPOINT_PATH, LogError, readEdge, readEntry } from "./log.ts";
import { fileName, frontPage, indexRow, indexWith, monthFolder, monthPage, sessionFolder } from "./pages.ts";
import { readEvents } from "./read-events.ts";
import { sessionPage } from "./session-page.ts";
import { sessionStatement } from "./statement.ts";
import { Summariser, type Summary } from "./summary.ts";
import { encodeTrust, parseTrust, type Trust, trusting } from "./trust.ts";

/** A session that ended, or that was found after its gateway died, with everything that was signed about it. */
export interface SealedSession {
  readonly events: Uint8Array;
  readonly disclosures: Uint8Array;
  /** Countersigned checkpoints, `---` lines between them; empty where there is no countersigner. */
  readonly checkpoints: Uint8Array;
  /** `session.dsse.json`, whole. */
  readonly dsse: string;
  /** The signed answers of people: the id of the request, and the file, whole. */
  readonly approvals: readonly { readonly request: string; readonly dsse: string }[];
}

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

/** Paths of a session's files that do not depend on what is in them. */
export const SESSION_FILES = {
  page: "README.md",
  events: "events.jsonl",
  disclosures: "disclosures.jsonl",
  checkpoints: "checkpoints.txt",
  dsse: "session.dsse.json",
  proof: "session.tlog-proof",
  approvals: "approvals",
  erasures: "erasures",
} as const;

export const TRUST_PATH = "trust/policy";

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
  const placed = sessions.map(place);
  const twice = placed.find(({ summary }, at) => placed.findIndex((each) => each.summary.sid === summary.sid) !== at);
  if (twice !== undefined) throw new LogError(`session ${twice.summary.sid} is given twice; nothing was changed`);
  const log = parseVkey(signer.logVkey);
  const witness = signer.countersignerVkey === undefined ? undefined : parseVkey(signer.countersignerVkey);

  const plan = async (now: EvidenceReader): Promise<Change | "nothing"> => {
    const fresh = await notEntered(now, placed);
    if (fresh.length === 0) return "nothing";
    const trust = trusting(await readTrust(now), log, witness);
    const edge = await readEdge(now, trust.logs, log.name);
    const appended = appendEntries(
      edge,
      fresh.map(({ entry }) => Buffer.from(entry)),
    );
    const checkpoint = `${appended.checkpoint}\n${await signer.sign(appended.checkpoint)}`;
    return {
      files: [
        ...fresh.flatMap(({ session, folder, files }, at) => {
          const index = appended.index + at;
          const proof = encodeProof({ index, path: appended.paths[at] ?? [], checkpoint });
          const page = sessionPage(session.events, session.disclosures, { index, erasures: [] });
          return [
            ...files,
            { path: `${folder}/${SESSION_FILES.proof}`, bytes: Buffer.from(proof) },
            { path: `${folder}/${SESSION_FILES.page}`, bytes: Buffer.from(page) },
          ];
        }),
        ...(await pageFiles(now, fresh, checkpoint)),
        { path: TRUST_PATH, bytes: Buffer.from(encodeTrust(trust)) },
        { path: CHECKPOINT_PATH, bytes: Buffer.from(checkpoint) },
        ...appended.files,
      ],
      removed: appended.removed,
      message: messageFor(fresh),
    };
  };
  return { outcome: await ledger.update(plan), folders: placed.map(({ folder }) => folder) };
}

/** A session and what does not depend on the state of the ledger, so that it is made once and not for every attempt. */
interface Placed {
  readonly session: SealedSession;
  readonly summary: Summary;
  readonly folder: string;
  readonly entry: string;
  readonly files: readonly EvidenceFile[];
}

function place(session: SealedSession): Placed {
  const summariser = new Summariser();
  const read = readEvents(session.events, (event) => summariser.add(event));
  const summary = summariser.summary();
  if (summary.started === undefined) throw new LogError("the session has no session.started, so it cannot be placed");
  const folder = sessionFolder(summary.startedAt, summary.sid);
  const entry = encodeEntry({ sid: summary.sid, root: read.root, size: read.size, dsse: digestOfFile(session.dsse) });
  return { session, summary, folder, entry, files: sessionFiles(folder, session) };
}

function messageFor(sessions: readonly Placed[]): string {
  const [only] = sessions;
  return sessions.length === 1 && only !== undefined
    ? `Session ${only.summary.sid}: ${only.summary.ended?.outcome ?? "incomplete"}`
    : `${sessions.length} sessions`;
}

/** Those of the sessions that the log does not hold yet. Throws LogError where it holds another of the same id. */
async function notEntered(now: EvidenceReader, sessions: readonly Placed[]): Promise<Placed[]> {
  const checkpoint = await now.read(CHECKPOINT_PATH);
  if (checkpoint === undefined) return [...sessions];
  const fresh: Placed[] = [];
  for (const session of sessions) {
    const { sid } = session.summary;
    const there = await entryOf(now, session.folder, checkpoint);
    if (there === session.entry) continue;
    for (const folder of new Set([session.folder, ...foldersByTime(sid)])) {
      const other = folder === session.folder ? there : await entryOf(now, folder, checkpoint);
      if (other !== undefined && parseEntry(other)?.sid === sid) {
        throw new LogError(`the ledger holds another session ${sid}; nothing was changed`);
      }
    }
    fresh.push(session);
  }
  return fresh;
}

/** A ULID begins with 48 bits of time in ten digits of Crockford's base 32. */
const ULID_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const DAY_MS = 86_400_000;

/** The last day that four digits of a year can name. */
const LAST_DAY_MS = Date.UTC(9999, 11, 31);

/** Where a session of this id lies if its first event is of the same time as its id, give or take a day. */
export function foldersByTime(sid: string): string[] {
  const at = Array.from(sid.slice(0, 10)).reduce((sum, digit) => sum * 32 + ULID_DIGITS.indexOf(digit), 0);
  return [-DAY_MS, 0, DAY_MS].map((off) => {
    const day = Math.min(Math.max(0, at + off), LAST_DAY_MS);
    return sessionFolder(new Date(day).toISOString(), sid);
  });
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

/** Its files but for the page and the proof, which say where in the log it came to stand. */
function sessionFiles(folder: string, session: SealedSession): EvidenceFile[] {
  const file = (name: string, bytes: Uint8Array | string): EvidenceFile => ({
    path: `${folder}/${name}`,
    bytes: typeof bytes === "string" ? Buffer.from(bytes) : bytes,
  });
  return [
    file(SESSION_FILES.events, session.events),
    file(SESSION_FILES.disclosures, session.disclosures),
    ...(session.checkpoints.length === 0 ? [] : [file(SESSION_FILES.checkpoints, session.checkpoints)]),
    file(SESSION_FILES.dsse, session.dsse),
    ...session.approvals.map(({ request, dsse }) => file(`${SESSION_FILES.approvals}/${fileName(request)}`, dsse)),
  ];
}

async function pageFiles(
  now: EvidenceReader,
  sessions: readonly Placed[],
  checkpoint: string,
): Promise<EvidenceFile[]> {
  const months = new Set(await monthsIn(now));
  const files: EvidenceFile[] = [];
  const monthOf = ({ summary }: Placed): string => summary.startedAt.slice(0, 7);
  for (const month of new Set(sessions.map(monthOf))) {
    months.add(month);
    const folder = monthFolder(month);
    const inMonth = sessions.filter((session) => monthOf(session) === month);
    const before = await now.read(`${folder}/index.csv`);
    const rows = inMonth.map(({ summary }) => indexRow(summary));
    const index = indexWith(before === undefined ? "" : (decodeUtf8(before) ?? ""), rows);
    files.push({ path: `${folder}/index.csv`, bytes: Buffer.from(index) });
    files.push({ path: `${folder}/README.md`, bytes: Buffer.from(monthPage(month, index)) });
  }
  return [...files, { path: "README.md", bytes: Buffer.from(frontPage(checkpoint, [...months])) }];
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
