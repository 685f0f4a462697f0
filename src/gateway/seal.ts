import type { KeyObject } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { dsseSigner, signDsse } from "../evidence/dsse.ts";
import { digestOfFile } from "../evidence/entry.ts";
import { sealedStatement, sealSession, statementOf } from "../evidence/layout.ts";
import type { Ledger } from "../evidence/ledger.ts";
import type { Countersigner } from "../journal/ports.ts";
import { sessionOrigin } from "../journal/session-log.ts";
import type { DeskClient } from "./desk/client.ts";

// Seals an ended session: the statement about it, signed by its own key and the countersigner, entered in the ledger.

/** A session whose files are closed, and whose heads are countersigned to the end. */
export interface Ended {
  readonly sid: string;
  readonly directory: string;
  readonly key: KeyObject;
  /** The size of its last countersigned head. */
  readonly countersigned: number;
}

/** What of the local countersigner sealing needs. */
export type Sealer = Pick<DeskClient, "vkey" | "addCheckpoint" | "signStatement" | "logVkey" | "signCheckpoint">;

/** Who countersigned a session and takes it into keeping: the local countersigner with a ledger, or the App. */
export interface Custodian extends Countersigner {
  /** Says where it stands then, or that it is on its way. Rejects when it was not taken; its files are left as they are. */
  keep(ended: Ended, logOrigin: string): Promise<{ readonly folder: string }>;
}

/** The local countersigner, with the ledger that a session belongs in. */
export function localCustodian(desk: Sealer, ledger: Ledger): Custodian {
  return {
    vkey: desk.vkey,
    addCheckpoint: async (body) => await desk.addCheckpoint(body),
    keep: async (ended, logOrigin) => await seal(ended, { desk, ledger, logOrigin }),
  };
}

/**
 * Where the sealed session stands in the ledger. Throws when it could not be sealed; then its files are left as they are.
 * Signatures are Ed25519 and hold no time, so sealing the same files again makes the same statement.
 */
export async function seal(
  { sid, directory, key, countersigned }: Ended,
  { desk, ledger, logOrigin }: { readonly desk: Sealer; readonly ledger: Ledger; readonly logOrigin: string },
): Promise<{ readonly folder: string }> {
  const events = readFileSync(join(directory, "events.jsonl"));
  const statement = statementOf(events, countersigned);
  const own = signDsse(statement, dsseSigner(key));
  const dsse = sealedStatement(statement, [own, await desk.signStatement(sessionOrigin(logOrigin, sid), statement)]);
  const sealed = {
    events,
    disclosures: readFileSync(join(directory, "disclosures.jsonl")),
    checkpoints: readFileSync(join(directory, "checkpoints.txt")),
    dsse,
    // One that was signed when the gateway died may stand there without its event.
    approvals: readApprovals(directory).filter((answer) => isNamed(answer.dsse, events)),
  };
  const logVkey = await desk.logVkey(logOrigin);
  return await sealSession(sealed, ledger, {
    logVkey,
    countersignerVkey: desk.vkey,
    sign: async (text) => await desk.signCheckpoint(logOrigin, text),
  });
}

/** The signed answers that were kept beside the events. */
export function readApprovals(directory: string): readonly { readonly request: string; readonly dsse: string }[] {
  const folder = join(directory, "approvals");
  return readdirSync(folder).map((name) => ({
    request: name.replace(/\.dsse\.json$/, ""),
    dsse: readFileSync(join(folder, name), "utf8"),
  }));
}

/** Does an event name this file by its digest. */
export function isNamed(dsse: string, events: Buffer): boolean {
  return events.includes(digestOfFile(dsse));
}
