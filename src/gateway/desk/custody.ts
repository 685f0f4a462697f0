/**
 * What the countersigner does for a session that ended: it signs the statement about it, when that is about the very head
 * it countersigned last, and the checkpoint of the log that the session is entered in.
 */
import type { KeyObject } from "node:crypto";
import { type DsseSignature, dsseSigner, signDsse } from "../../evidence/dsse.ts";
import { readErasureStatement } from "../../evidence/erasure.ts";
import { SESSION_PREDICATE } from "../../evidence/statement.ts";
import { CanonicalError, parseCanonical } from "../../journal/jcs.ts";
import { sessionOrigin } from "../../journal/session-log.ts";
import { type Cosigner, noteSigner, parseCheckpoint } from "../../tlog/note.ts";
import type { WitnessState } from "../../tlog/witness.ts";

/** What was asked cannot be signed, and why. */
export class CustodyError extends Error {
  override readonly name = "CustodyError";
}

export interface Custody {
  /** Signs the statement about the session whose heads have this origin. Throws CustodyError. */
  signStatement(origin: string, statement: string): DsseSignature;
  /** Signs that values were erased from a session of the log of this origin. Throws CustodyError. */
  signErasure(origin: string, statement: string): DsseSignature;
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
      if (about.type !== SESSION_PREDICATE) throw new CustodyError("the statement is not about a session");
      if (head === undefined || about.size !== head.size || about.root !== Buffer.from(head.root).toString("hex")) {
        throw new CustodyError("the statement is not about the head that was countersigned last");
      }
      return signDsse(statement, signer);
    },
    signErasure(origin, statement) {
      const read = readErasureStatement(canonicalOf(statement));
      if (read === undefined) throw new CustodyError("the statement is not about an erasure");
      // A session that another countersigner served is not known here; of one that is, the root is.
      const head = heads.load(sessionOrigin(logName(origin), read.erasure.sid));
      if (head !== undefined && Buffer.compare(head.root, read.root) !== 0) {
        throw new CustodyError("the statement is about another session than the one that was countersigned");
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

function canonicalOf(statement: string): unknown {
  try {
    return parseCanonical(statement);
  } catch (cause) {
    if (!(cause instanceof CanonicalError)) throw cause;
    throw new CustodyError("the statement is not canonical JSON", { cause });
  }
}

function aboutOf(statement: string): { readonly type: unknown; readonly size: unknown; readonly root: unknown } {
  let value: unknown;
  try {
    value = JSON.parse(statement);
  } catch (cause) {
    throw new CustodyError("the statement is not JSON", { cause });
  }
  const subjects = field(value, "subject");
  const list: readonly unknown[] = Array.isArray(subjects) ? subjects : [];
  const root = list.find((each) => field(each, "name") === "session-root");
  const type = field(value, "predicateType");
  return { type, size: field(field(value, "predicate"), "size"), root: field(field(root, "digest"), "rfc6962-sha256") };
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null
    ? new Map<string, unknown>(Object.entries(value)).get(name)
    : undefined;
}
