// From a sealed session to the files of the evidence: which file holds what, and how the log and the pages change.

import { NoteError, parseCheckpoint, parseNote, parseVkey } from "../tlog/note.ts";
import { encodeProof, parseProof } from "../tlog/proof.ts";
import { type DsseSignature, decodeUtf8, encodeDsse } from "./dsse.ts";
import { digestOfFile, encodeEntry } from "./entry.ts";
import type { Change, EvidenceFile, EvidenceReader, Ledger, LogSigner } from "./ledger.ts";
import { appendEntry, CHECKPOINT_PATH, LogError, readEdge, readEntry } from "./log.ts";
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
 * when the ledger holds something that must not be added to.
 */
export async function sealSession(
  session: SealedSession,
  ledger: Ledger,
  signer: LogSigner,
): Promise<{ readonly outcome: "done" | "nothing"; readonly folder: string }> {
  const summariser = new Summariser();
  const read = readEvents(session.events, (event) => summariser.add(event));
  const summary = summariser.summary();
  if (summary.started === undefined) throw new LogError("the session has no session.started, so it cannot be placed");
  const folder = sessionFolder(summary.startedAt, summary.sid);
  const entry = encodeEntry({ sid: summary.sid, root: read.root, size: read.size, dsse: digestOfFile(session.dsse) });
  const log = parseVkey(signer.logVkey);
  const witness = signer.countersignerVkey === undefined ? undefined : parseVkey(signer.countersignerVkey);

  const plan = async (now: EvidenceReader): Promise<Change | "nothing"> => {
    const there = await entryOf(now, folder);
    if (there === entry) return "nothing";
    if (there?.includes(`"${summary.sid}"`) === true) {
      throw new LogError(`the ledger holds another session ${summary.sid}; nothing was changed`);
    }
    const trust = trusting(await readTrust(now), log, witness);
    const appended = appendEntry(await readEdge(now, trust.logs, log.name), Buffer.from(entry));
    const checkpoint = `${appended.checkpoint}\n${await signer.sign(appended.checkpoint)}`;
    const proof = encodeProof({ index: appended.index, path: appended.path, checkpoint });
    return {
      files: [
        ...sessionFiles(folder, session, { proof, index: appended.index }),
        ...(await pageFiles(now, summary, checkpoint)),
        { path: TRUST_PATH, bytes: Buffer.from(encodeTrust(trust)) },
        { path: CHECKPOINT_PATH, bytes: Buffer.from(checkpoint) },
        ...appended.files,
      ],
      removed: appended.removed,
      message: `Session ${summary.sid}: ${summary.ended?.outcome ?? "incomplete"}`,
    };
  };
  return { outcome: await ledger.update(plan), folder };
}

/**
 * The entry that the log holds for the session in this folder. A folder alone proves nothing: a writer that died may
 * have left it before the log moved.
 */
export async function entryOf(now: EvidenceReader, folder: string): Promise<string | undefined> {
  const proof = await now.read(`${folder}/${SESSION_FILES.proof}`);
  const checkpoint = await now.read(CHECKPOINT_PATH);
  if (proof === undefined || checkpoint === undefined) return undefined;
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

function sessionFiles(
  folder: string,
  session: SealedSession,
  { proof, index }: { readonly proof: string; readonly index: number },
): EvidenceFile[] {
  const file = (name: string, bytes: Uint8Array | string): EvidenceFile => ({
    path: `${folder}/${name}`,
    bytes: typeof bytes === "string" ? Buffer.from(bytes) : bytes,
  });
  return [
    file(SESSION_FILES.page, sessionPage(session.events, session.disclosures, { index, erasures: [] })),
    file(SESSION_FILES.events, session.events),
    file(SESSION_FILES.disclosures, session.disclosures),
    ...(session.checkpoints.length === 0 ? [] : [file(SESSION_FILES.checkpoints, session.checkpoints)]),
    file(SESSION_FILES.dsse, session.dsse),
    file(SESSION_FILES.proof, proof),
    ...session.approvals.map(({ request, dsse }) => file(`${SESSION_FILES.approvals}/${fileName(request)}`, dsse)),
  ];
}

async function pageFiles(now: EvidenceReader, summary: Summary, checkpoint: string): Promise<EvidenceFile[]> {
  const folder = monthFolder(summary.startedAt);
  const month = summary.startedAt.slice(0, 7);
  const before = await now.read(`${folder}/index.csv`);
  const index = indexWith(before === undefined ? "" : (decodeUtf8(before) ?? ""), indexRow(summary));
  const months = new Set([...(await monthsIn(now)), month]);
  return [
    { path: `${folder}/index.csv`, bytes: Buffer.from(index) },
    { path: `${folder}/README.md`, bytes: Buffer.from(monthPage(month, index)) },
    { path: "README.md", bytes: Buffer.from(frontPage(checkpoint, [...months])) },
  ];
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
