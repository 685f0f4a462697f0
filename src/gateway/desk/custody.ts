/**
 * What the countersigner does for a session that ended: it signs the statement about it, when that is about the very head
 * it countersigned last, and the checkpoint of the log that the session is entered in.
 */
import type { KeyObject } from "node:crypto";
import { type DsseSignature, dsseSigner, signDsse } from "../../evidence/dsse.ts";
import { type Cosigner, noteSigner, parseCheckpoint } from "../../tlog/note.ts";
import type { WitnessState } from "../../tlog/witness.ts";

/** What was asked cannot be signed, and why. */
export class CustodyError extends Error {
  override readonly name = "CustodyError";
}

export interface Custody {
  /** Signs the statement about the session whose heads have this origin. Throws CustodyError. */
  signStatement(origin: string, statement: string): DsseSignature;
  /** The vkey, type 0x01, of the log of this origin. */
  logVkey(origin: string): string;
  /** The signature lines of log and countersigner for a checkpoint of that log. Throws CustodyError. */
  signCheckpoint(origin: string, text: string, atSeconds: number): string;
}

/** Opens custody with the countersigner's key. */
export function openCustody(key: KeyObject, heads: Pick<WitnessState, "load">, own: Cosigner): Custody {
  const signer = dsseSigner(key);
  return {
    signStatement(origin, statement) {
      const head = heads.load(origin);
      const about = aboutOf(statement);
      if (head === undefined || about.size !== head.size || about.root !== Buffer.from(head.root).toString("hex")) {
        throw new CustodyError("the statement is not about the head that was countersigned last");
      }
      return signDsse(statement, signer);
    },
    logVkey: (origin) => noteSigner(logName(origin), key).verifier.vkey,
    signCheckpoint(origin, text, atSeconds) {
      if (parseCheckpoint(text).origin !== logName(origin)) throw new CustodyError("the checkpoint is of another log");
      return `${noteSigner(origin, key).sign(text)}${own.cosign(text, atSeconds)}`;
    },
  };
}

/** A session's own log is signed by its gateway, and never by us. */
function logName(origin: string): string {
  if (/\/s\/[^/]+$/.test(origin)) throw new CustodyError("a session's head is not a log's checkpoint");
  return origin;
}

function aboutOf(statement: string): { readonly size: unknown; readonly root: unknown } {
  let value: unknown;
  try {
    value = JSON.parse(statement);
  } catch (cause) {
    throw new CustodyError("the statement is not JSON", { cause });
  }
  const subjects = field(value, "subject");
  const list: readonly unknown[] = Array.isArray(subjects) ? subjects : [];
  const root = list.find((each) => field(each, "name") === "session-root");
  return { size: field(field(value, "predicate"), "size"), root: field(field(root, "digest"), "rfc6962-sha256") };
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null
    ? new Map<string, unknown>(Object.entries(value)).get(name)
    : undefined;
}
