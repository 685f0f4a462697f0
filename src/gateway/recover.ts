// Seals sessions whose gateway died, or whose sealing did. One that ended is sealed as it is. One without an end gets a note
// that it has none, its heads are countersigned to that note, and its statement says `lost`: it will verify as incomplete,
// and what was countersigned while it lived is as true as before.

import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { LedgerError } from "../evidence/evidence-path.ts";
import { LogError } from "../evidence/log.ts";
import { JournalError } from "../journal/ports.ts";
import { SessionTree, type SignedHead } from "../journal/session-tree.ts";
import { noteSigner, parseVkey } from "../tlog/note.ts";
import { DeskError } from "./desk/call.ts";
import { codeOf } from "./ledger/lock.ts";
import { type Custodian, isNamed, readApprovals } from "./seal.ts";
import { linesOfRecovery, type Salvaged, salvage, salvageDisclosures, salvageHeads } from "./torn.ts";
import type { ClaimedSession, Estate, UnsealedSessions } from "./unsealed.ts";

/** What became of one session. */
export type Recovered =
  | { readonly sid: string; readonly outcome: "sealed" | "lost"; readonly ledger: string; readonly folder: string }
  /** It had recorded nothing, so nothing had run: its folder is gone. */
  | { readonly sid: string; readonly outcome: "empty" }
  /** It stays where it is, and why. */
  | { readonly sid: string; readonly outcome: "kept"; readonly why: string };

export interface RecoverParts {
  readonly sessions: UnsealedSessions;
  /**
   * Who countersigned the session, as `session.started` names that key, and keeps it: in its own ledger, which may be of
   * another repository than this one, or at its App. Throws LedgerError or DeskError.
   */
  readonly custodianOf: (
    estate: Estate,
    session: { readonly sid: string; readonly vkey: string },
  ) => Promise<Custodian>;
  /** Now, RFC 3339. */
  readonly now: () => string;
}

/** Looks through all sessions of a state directory. Those that run are left alone and not reported. */
export async function recoverSessions(parts: RecoverParts): Promise<readonly Recovered[]> {
  const recovered: Recovered[] = [];
  for (const sid of parts.sessions.list()) {
    const result = await recoverSession(sid, parts);
    if (result !== undefined) recovered.push(result);
  }
  return recovered;
}

async function recoverSession(sid: string, parts: RecoverParts): Promise<Recovered | undefined> {
  const session = parts.sessions.claim(sid);
  if ("life" in session) {
    if (session.life === "running") return undefined;
    const why = `another machine or container may still run it; if none does, remove ${session.path}`;
    return { sid, outcome: "kept", why };
  }
  try {
    return await sealLeft(sid, session, parts);
  } catch (error) {
    // These say that this session cannot be sealed now. The next one perhaps can, and the job need not wait for either.
    if (![Unsealable, DeskError, JournalError, LedgerError, LogError].some((kind) => error instanceof kind))
      throw error;
    return { sid, outcome: "kept", why: error instanceof Error ? error.message : "" };
  } finally {
    session.release();
  }
}

/** It cannot be sealed by anybody, or not by this countersigner. */
class Unsealable extends Error {}

async function sealLeft(sid: string, session: ClaimedSession, parts: RecoverParts): Promise<Recovered | undefined> {
  const { directory } = session;
  // Sealed by somebody else between our look at the folder and our claim.
  if (!existsSync(directory)) return undefined;
  const file = readIfThere(join(directory, "events.jsonl"));
  if (file.length === 0) {
    session.remove();
    return { sid, outcome: "empty" };
  }
  const found = salvage(file);
  const { first } = found;
  if (first?.type !== "session.started" || first.sid !== sid) throw new Unsealable("its first event cannot be read");
  const estate = session.estate();
  if (estate === undefined) throw new Unsealable("its key was not kept; it verifies as incomplete where it is");
  const { gateway, countersigner } = first.body;
  const custodian = await parts.custodianOf(estate, { sid, vkey: countersigner });
  const origin = parseVkey(gateway.vkey).name;
  if (noteSigner(origin, estate.key).verifier.vkey !== gateway.vkey)
    throw new Unsealable("the key that was kept is not its own");
  if (countersigner !== custodian.vkey) throw new Unsealable("another countersigner's key signed its heads");

  const ended = found.last?.type === "session.ended";
  const unrecorded = readApprovals(directory)
    .filter(({ dsse }) => !isNamed(dsse, found.events))
    .map(({ request }) => request);
  const note = linesOfRecovery(found, { at: parts.now(), unrecorded });
  const events = Buffer.concat([found.events, Buffer.from(note)]);
  if (!events.equals(file)) replace(join(directory, "events.jsonl"), events);
  const disclosures = join(directory, "disclosures.jsonl");
  replace(disclosures, salvageDisclosures(readIfThere(disclosures), found.size));
  const countersigned = await countersignRest({ directory, origin, estate, events, found }, custodian);

  const logOrigin = origin.slice(0, -`/s/${sid}`.length);
  const { folder } = await custodian.keep({ sid, directory, key: estate.key, countersigned }, logOrigin);
  session.remove();
  return { sid, outcome: ended ? "sealed" : "lost", ledger: estate.ledger, folder };
}

interface Left {
  readonly directory: string;
  readonly origin: string;
  readonly estate: Estate;
  readonly events: Buffer;
  readonly found: Salvaged;
}

/** Has the head over all events countersigned, unless it is, and kept. Gives its size. */
async function countersignRest({ directory, origin, estate, events, found }: Left, desk: Custodian): Promise<number> {
  const path = join(directory, "checkpoints.txt");
  const heads = salvageHeads(readIfThere(path).toString("utf8"), found.size);
  const signer = noteSigner(origin, estate.key);
  /** Our head, with the proof that it extends the one of size `old`. */
  const headFrom = (old: number): { readonly tree: SessionTree; readonly head: SignedHead } => {
    const tree = new SessionTree({ origin, countersigner: parseVkey(desk.vkey) });
    const start = bytesOfLines(events, old);
    tree.take(events.subarray(0, start));
    // The head that the countersigner has was signed by this very key, or it would not have it.
    if (old > 0) tree.resume(tree.checkpoint(signer).size);
    tree.take(events.subarray(start));
    return { tree, head: tree.checkpoint(signer) };
  };
  let attempt = headFrom(heads.size);
  if (attempt.head.size === heads.size) {
    replace(path, Buffer.from(heads.text));
    return heads.size;
  }
  let answer: string;
  try {
    answer = await desk.addCheckpoint(attempt.head.body);
  } catch (error) {
    // A head was countersigned, and the gateway died before the answer was written down.
    const size = error instanceof DeskError && error.status === 409 ? sizeSaid(error) : undefined;
    if (size === undefined) throw error;
    if (size > attempt.head.size) {
      throw new Unsealable(`the countersigner signed ${size} events of it, and here are only ${found.size}`);
    }
    attempt = headFrom(size);
    answer = await desk.addCheckpoint(attempt.head.body);
  }
  const { lines } = attempt.tree.cosigned(answer, attempt.head.size);
  replace(path, Buffer.from(`${heads.text === "" ? "" : `${heads.text}\n---\n`}${lines}\n`));
  return attempt.head.size;
}

/** The witness answers 409 with the size of the head that it has. */
function sizeSaid(error: DeskError): number | undefined {
  const digits = /: ([0-9]{1,15})$/.exec(error.message)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** How many bytes the first `count` lines are. */
function bytesOfLines(events: Buffer, count: number): number {
  let at = 0;
  for (let line = 0; line < count; line += 1) {
    const end = events.indexOf(10, at);
    if (end === -1) return events.length;
    at = end + 1;
  }
  return at;
}

/** Written beside and renamed: killed in between, the file is the old one or the new one. */
function replace(path: string, bytes: Uint8Array): void {
  const beside = `${path}.new`;
  const file = openSync(beside, "w", 0o600);
  try {
    writeFileSync(file, bytes);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(beside, path);
}

function readIfThere(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return Buffer.alloc(0);
    throw error;
  }
}
