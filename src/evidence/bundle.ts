// One session of a ledger with all that proves it, and nothing else: its folder, the keys, the log's checkpoint, and a
// proof that the log with that checkpoint holds the session. Or so all the sessions of a month.

import { NoteError, parseCheckpoint, parseNote } from "../tlog/note.ts";
import { encodeProof, parseProof } from "../tlog/proof.ts";
import { decodeUtf8 } from "./dsse.ts";
import type { EvidenceFile, EvidenceReader } from "./ledger.ts";
import { CHECKPOINT_PATH, LOG_FOLDER, LogError, proveEntry } from "./log.ts";
import { Finding, type Report, verdictOf } from "./report.ts";
import { type VerifyOptions, verifyLedger, verifyMonth, verifySession } from "./verify.ts";
import { foldersByTime, monthsIn, SESSION_FILES, TRUST_PATH } from "./where.ts";

/**
 * The files of a bundle of one session. Its proof is made anew, from the newest checkpoint, so it proves more than the
 * one that was made when the session was entered. Throws LogError when the ledger does not hold the session.
 */
export async function bundleOf(now: EvidenceReader, sid: string): Promise<EvidenceFile[]> {
  const folder = await folderOf(now, sid);
  const checkpoint = await now.read(CHECKPOINT_PATH);
  const trust = await now.read(TRUST_PATH);
  if (folder === undefined || checkpoint === undefined || trust === undefined) {
    throw new LogError(`the ledger does not hold session ${sid}`);
  }
  const files: EvidenceFile[] = [];
  for (const path of await filesIn(now, folder)) {
    const bytes = await now.read(path);
    if (bytes === undefined) throw new LogError(`${path} went away; try again`);
    files.push({
      path,
      bytes: path.endsWith(`/${SESSION_FILES.proof}`) ? await renewed(now, bytes, checkpoint) : bytes,
    });
  }
  return [...files, { path: TRUST_PATH, bytes: trust }, { path: CHECKPOINT_PATH, bytes: checkpoint }];
}

/**
 * The files of a bundle of one month's sessions (`2026-11`): every session's folder, each with its proof made anew from the
 * newest checkpoint, and the month's own pages, which say which there are. Throws LogError when the ledger holds no such month.
 */
export async function monthBundleOf(now: EvidenceReader, month: string): Promise<EvidenceFile[]> {
  const inside = monthFolder(month);
  const checkpoint = await now.read(CHECKPOINT_PATH);
  const trust = await now.read(TRUST_PATH);
  if (checkpoint === undefined || trust === undefined || !(await now.list(inside)).includes(INDEX)) {
    throw new LogError(`the ledger holds no session of ${month}`);
  }
  const files: EvidenceFile[] = [];
  for (const path of await filesIn(now, inside)) {
    const bytes = await now.read(path);
    if (bytes === undefined) throw new LogError(`${path} went away; try again`);
    const isProof = path.endsWith(`/${SESSION_FILES.proof}`);
    files.push({ path, bytes: isProof ? await renewed(now, bytes, checkpoint) : bytes });
  }
  return [...files, { path: TRUST_PATH, bytes: trust }, { path: CHECKPOINT_PATH, bytes: checkpoint }];
}

/** The list of a month's sessions, by which a bundle of a month is known. */
const INDEX = "index.csv";

function monthFolder(month: string): string {
  return `sessions/${month.replace("-", "/")}`;
}

/** Verifies a bundle: a whole ledger where there are the log's tiles, else a month's sessions or one, each by its proof. */
export async function verifyBundle(reader: EvidenceReader, options: VerifyOptions): Promise<Report> {
  if (await holdsTiles(reader)) return await verifyLedger(reader, options);
  const whole = new Finding("files");
  const folders = await sessionFolders(reader);
  const month = await monthIn(reader);
  const policy = decodeUtf8((await reader.read(TRUST_PATH)) ?? new Uint8Array()) ?? "";
  const report =
    month === undefined
      ? await verifySession(reader, folders[0] ?? "", { ...options, policy })
      : await verifyMonth(reader, month, { ...options, policy });
  if (month === undefined && folders.length !== 1) {
    whole.fail(`a bundle without the log's tiles holds one session, this one ${folders.length}`);
  }
  if (folders.length > 0 && report.sessions.some(({ sid, folder }) => !folder.endsWith(`/${sid}`))) {
    whole.fail("the session does not belong into this folder");
  }
  const verified = report.sessions.map(({ folder }) => folder).filter((folder) => folder !== "");
  const pages = month === undefined ? [] : [`${monthFolder(month)}/${INDEX}`, `${monthFolder(month)}/README.md`];
  const known = new Set([TRUST_PATH, CHECKPOINT_PATH, ...pages]);
  for (const path of await allFiles(reader)) {
    if (!known.has(path) && !verified.some((folder) => path.startsWith(`${folder}/`))) {
      whole.fail(`${path} is no file of a bundle`);
    }
  }
  const checkpoint = await reader.read(CHECKPOINT_PATH);
  for (const folder of verified.length === 0 ? [""] : verified) {
    const proof = folder === "" ? undefined : await reader.read(`${folder}/${SESSION_FILES.proof}`);
    if (checkpoint !== undefined && proof !== undefined && endsWith(proof, checkpoint)) continue;
    whole.fail(`${CHECKPOINT_PATH} is not the checkpoint of the proof`);
  }
  const checks = [...report.checks, whole.check()];
  return { ...report, checks, verdict: verdictOf([...checks, ...report.sessions.flatMap((each) => each.checks)]) };
}

/** The month whose list of sessions is in the bundle. Of two, neither: then it is no bundle of a month. */
async function monthIn(reader: EvidenceReader): Promise<string | undefined> {
  const months: string[] = [];
  for (const month of await monthsIn(reader)) {
    if ((await reader.list(monthFolder(month))).includes(INDEX)) months.push(month);
  }
  return months.length === 1 ? months[0] : undefined;
}

/** Does the bundle hold the whole log, and not one session of it. */
export async function holdsTiles(reader: EvidenceReader): Promise<boolean> {
  return (await reader.list(LOG_FOLDER)).includes("tile");
}

/** A proof ends with its checkpoint, byte for byte. */
function endsWith(proof: Uint8Array, checkpoint: Uint8Array): boolean {
  return Buffer.compare(proof.subarray(-checkpoint.length), checkpoint) === 0;
}

async function renewed(now: EvidenceReader, proof: Uint8Array, checkpoint: Uint8Array): Promise<Uint8Array> {
  const note = decodeUtf8(checkpoint) ?? "";
  try {
    const { index } = parseProof(decodeUtf8(proof) ?? "");
    const { size } = parseCheckpoint(parseNote(note).text);
    return Buffer.from(encodeProof({ index, path: await proveEntry(now, index, size), checkpoint: note }));
  } catch (cause) {
    if (!(cause instanceof NoteError) && !(cause instanceof RangeError)) throw cause;
    throw new LogError(`the session's proof cannot be renewed: ${cause.message}; run countersign verify`, { cause });
  }
}

/** By the time in its id, which is where it lies, or else by looking through all days. */
async function folderOf(now: EvidenceReader, sid: string): Promise<string | undefined> {
  for (const folder of foldersByTime(sid)) if ((await now.list(folder)).length > 0) return folder;
  return (await sessionFolders(now)).find((folder) => folder.endsWith(`/${sid}`));
}

async function sessionFolders(now: EvidenceReader): Promise<string[]> {
  const folders: string[] = [];
  for (const month of await monthsIn(now)) {
    const inMonth = `sessions/${month.replace("-", "/")}`;
    for (const day of (await now.list(inMonth)).filter((name) => /^[0-9]{2}$/.test(name))) {
      folders.push(...(await now.list(`${inMonth}/${day}`)).map((sid) => `${inMonth}/${day}/${sid}`));
    }
  }
  return folders;
}

async function allFiles(now: EvidenceReader): Promise<string[]> {
  const files: string[] = [];
  for (const name of await now.list("")) files.push(...(await filesIn(now, name)));
  return files;
}

/** Every file in a folder and the folders in it; a name that is a file is one. */
async function filesIn(now: EvidenceReader, path: string): Promise<string[]> {
  const names = await now.list(path);
  if (names.length === 0) return [path];
  const files: string[] = [];
  // A reader is asked one thing at a time.
  for (const name of names) files.push(...(await filesIn(now, `${path}/${name}`)));
  return files;
}
