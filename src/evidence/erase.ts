// Takes chosen values out of a session in a ledger, for ever: their disclosures go, a signed word of it comes and is
// entered in the log, pages are made again. One step, whole or not at all, and no version before it stays reachable.

import { NoteError, parseCheckpoint, parseNote, parseVkey } from "../tlog/note.ts";
import { parseProof } from "../tlog/proof.ts";
import { fileHash } from "./check-erasures.ts";
import { type DsseSignature, decodeUtf8 } from "./dsse.ts";
import { digestOfFile, encodeEntry, encodeErasureEntry } from "./entry.ts";
import { encodeErasure, erasureName, erasureStatement, erasuresOf } from "./erasure.ts";
import type { Change, EvidenceReader, Ledger, LogSigner } from "./ledger.ts";
import { appendEntries, CHECKPOINT_PATH, LogError, readEdge } from "./log.ts";
import { frontPage } from "./pages.ts";
import { readEvents } from "./read-events.ts";
import { sessionPage } from "./session-page.ts";
import { readSession } from "./sessions.ts";
import { linesOf, parseDisclosure } from "./story.ts";
import { Summariser } from "./summary.ts";
import { encodeTrust, trusting } from "./trust.ts";
import { entryOf, heartbeatDays, monthsIn, readTrust, SESSION_FILES, TRUST_PATH } from "./where.ts";

/** One erasure names no more: its file is signed whole and read whole. Whoever wants more gone gets several. */
const VALUES_PER_ERASURE_MAX = 5000;

/** What to erase, and what is said of it. */
export interface EraseWish {
  /** Where the session lies: `sessions/YYYY/MM/DD/SID`. */
  readonly folder: string;
  readonly digests: ReadonlySet<string>;
  readonly by: string;
  readonly reason: string;
  /** RFC 3339, UTC, milliseconds. */
  readonly at: string;
}

/** The countersigner, who signs the statement and the log's checkpoint. */
export interface ErasureSigner extends LogSigner {
  signErasure(statement: string): Promise<DsseSignature>;
}

/**
 * Erases. "nothing" when none of these values is disclosed any more, so it may be called again after any failure. Throws
 * LogError when the ledger holds something that must not be added to, or a session that is not the one in the log.
 */
export async function eraseValues(
  { folder, digests, by, reason, at }: EraseWish,
  ledger: Ledger,
  signer: ErasureSigner,
): Promise<"done" | "nothing"> {
  const log = parseVkey(signer.logVkey);
  const witness = signer.countersignerVkey === undefined ? undefined : parseVkey(signer.countersignerVkey);

  const plan = async (now: EvidenceReader): Promise<Change | "nothing"> => {
    const session = await readSession(now, folder);
    if (session === undefined) throw new LogError(`there is no session in ${folder}; nothing was changed`);
    const summariser = new Summariser();
    const { root, size } = readEvents(session.events, (event) => summariser.add(event));
    const { sid } = summariser.summary();
    const entered = encodeEntry({ sid, root, size, dsse: digestOfFile(session.dsse) });
    const before = await now.read(CHECKPOINT_PATH);
    if (before === undefined || (await entryOf(now, folder, before)) !== entered) {
      throw new LogError(`the session in ${folder} is not the one in the log; run countersign verify`);
    }
    const { kept, gone } = part(session.disclosures, digests, VALUES_PER_ERASURE_MAX);
    if (gone.length === 0) return "nothing";

    const statement = erasureStatement(
      { at, by, reason, sid, digests: gone.map(({ digest }) => digest), ptrs: gone.map(({ ptr }) => ptr) },
      root,
    );
    const file = encodeErasure(statement, await signer.signErasure(statement));
    const name = erasureName(session.erasures.size + 1);
    const erasures = new Map([...session.erasures, [name, Buffer.from(file)] as const]);

    const trust = trusting(await readTrust(now), log, witness);
    const entry = encodeErasureEntry({ sid, dsse: fileHash(file) });
    const appended = appendEntries(await readEdge(now, trust.logs, log.name), [Buffer.from(entry)]);
    const checkpoint = `${appended.checkpoint}\n${await signer.sign(appended.checkpoint)}`;
    const page = sessionPage(session.events, kept, {
      index: indexIn(session.proof, folder),
      erasures: erasuresOf(erasures),
      lost: session.lost,
    });
    const put = (path: string, text: string): { path: string; bytes: Uint8Array } => ({
      path,
      bytes: Buffer.from(text),
    });
    return {
      files: [
        { path: `${folder}/${SESSION_FILES.disclosures}`, bytes: kept },
        put(`${folder}/${SESSION_FILES.erasures}/${name}`, file),
        put(`${folder}/${SESSION_FILES.page}`, page),
        put("README.md", frontPage(checkpoint, await monthsIn(now), (await heartbeatDays(now, "newest")).at(-1))),
        put(TRUST_PATH, encodeTrust(trust)),
        put(CHECKPOINT_PATH, checkpoint),
        ...appended.files,
      ],
      removed: appended.removed,
      message: `Erase ${gone.length} values of session ${sid}`,
      past: "forgotten",
    };
  };
  let outcome: "done" | "nothing" = "nothing";
  // oxlint-disable-next-line no-await-in-loop -- one after the other: each is an entry of the log
  while ((await ledger.update(plan)) === "done") outcome = "done";
  return outcome;
}

interface Gone {
  readonly digest: string;
  readonly ptr: string;
}

/** The file without these values, and those that were in it, by ascending digest. */
function part(
  disclosures: Uint8Array,
  digests: ReadonlySet<string>,
  countMax: number,
): { readonly kept: Buffer; readonly gone: readonly Gone[] } {
  const kept: string[] = [];
  const gone: Gone[] = [];
  for (const line of linesOf(disclosures)) {
    const fields = parseDisclosure(line);
    if (fields !== undefined && gone.length < countMax && digests.has(fields.digest))
      gone.push({ digest: fields.digest, ptr: fields.ptr });
    else kept.push(`${line}\n`);
  }
  return {
    kept: Buffer.from(kept.join("")),
    gone: gone.toSorted((one, other) => (one.digest < other.digest ? -1 : 1)),
  };
}

/** The file of a session's disclosures without these values: for copies that are in no ledger. */
export function withoutValues(disclosures: Uint8Array, digests: ReadonlySet<string>): Buffer {
  return part(disclosures, digests, Number.POSITIVE_INFINITY).kept;
}

function indexIn(proof: string | undefined, folder: string): number | undefined {
  try {
    return proof === undefined ? undefined : parseProof(proof).index;
  } catch (cause) {
    if (!(cause instanceof NoteError)) throw cause;
    throw new LogError(`the proof in ${folder} cannot be read; run countersign verify`, { cause });
  }
}

/** The origin of the log that a ledger keeps; undefined where there is none that can be read. */
export async function originOf(now: EvidenceReader): Promise<string | undefined> {
  const bytes = await now.read(CHECKPOINT_PATH);
  try {
    return bytes === undefined ? undefined : parseCheckpoint(parseNote(decodeUtf8(bytes) ?? "").text).origin;
  } catch (cause) {
    if (cause instanceof NoteError) return undefined;
    throw cause;
  }
}
