// What was erased from a session: each erasure is signed, is entered in the log, and names digests of this session whose
// values are indeed gone.

import { decodeUtf8 } from "./dsse.ts";
import { digestOfFile, type LogEntry } from "./entry.ts";
import { erasureName, readErasure, verifyErasure } from "./erasure.ts";
import type { Finding } from "./report.ts";
import { SESSION_FILES } from "./where.ts";

/** What erasures are held against. */
export interface ErasureContext {
  readonly sid: string;
  /** The session's RFC 6962 root. */
  readonly root: Uint8Array;
  /** Raw public keys of the countersigners that are believed; one of them must have signed. */
  readonly countersigners: readonly Uint8Array[];
  /** The files of `erasures/`, by name. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** Entries of the log; undefined when it is not at hand. */
  readonly entries: readonly (LogEntry | undefined)[] | undefined;
  /** Where each digest of the session stands. */
  readonly places: ReadonlyMap<string, string>;
  /** Digests whose values are disclosed. */
  readonly disclosed: ReadonlySet<string>;
}

/** Checks every erasure of a session. Gives the digests that they name, whether or not all is well with them. */
export function checkErasures(context: ErasureContext, finding: Finding): ReadonlySet<string> {
  const named = new Set<string>();
  const inOrder = Array.from({ length: context.files.size }, (_, at) => erasureName(at + 1));
  for (const name of context.files.keys()) {
    if (!inOrder.includes(name)) finding.fail(`${SESSION_FILES.erasures}/${name} is out of the count of erasures`);
  }
  for (const name of inOrder) {
    const file = context.files.get(name);
    if (file === undefined) continue;
    const envelope = decodeUtf8(file) ?? "";
    const erasure = readErasure(envelope);
    const result = verifyErasure(envelope, context.countersigners, context);
    const faults =
      result.kind === "bad" ? result.reasons : (erasure?.digests ?? []).flatMap(faultOf(context, named, erasure?.ptrs));
    for (const fault of faults) finding.fail(`${SESSION_FILES.erasures}/${name}: ${fault}`);
    for (const digest of erasure?.digests ?? []) named.add(digest);
  }
  compareEntries(context, inOrder, finding);
  finding.detail = `${context.files.size} erasures, ${named.size} values`;
  return named;
}

function faultOf(context: ErasureContext, named: ReadonlySet<string>, ptrs: readonly string[] = []) {
  return (digest: string, at: number): readonly string[] => {
    const place = context.places.get(digest);
    if (place === undefined) return [`${digest} is no digest of this session`];
    if (place !== ptrs[at]) return [`${digest} stands at ${place}, not where it says`];
    if (named.has(digest)) return [`the value at ${place} was erased before`];
    return context.disclosed.has(digest) ? [`the value at ${place} is still there`] : [];
  };
}

function compareEntries({ entries, files, sid }: ErasureContext, inOrder: readonly string[], finding: Finding): void {
  if (entries === undefined) return;
  const entered = entries.flatMap((entry) => (entry?.kind === "erasure" && entry.sid === sid ? [entry.dsse] : []));
  const wanted = inOrder.flatMap((name) => {
    const file = files.get(name);
    return file === undefined ? [] : [file];
  });
  for (const [at, file] of wanted.entries()) {
    if (entered[at] !== fileHash(file)) finding.fail(`the log does not hold erasure ${at + 1} of this session`);
  }
  if (entered.length > wanted.length) {
    finding.fail(`the log holds ${entered.length} erasures of this session, and ${wanted.length} are here`);
  }
}

/** base64url of a file's SHA-256, as an erasure's entry names it. */
export function fileHash(bytes: Uint8Array | string): string {
  return Buffer.from(digestOfFile(bytes).slice("sha256:".length), "hex").toString("base64url");
}
