// The countersigner's word of a day: which sessions were registered on it or still open, and what became of each. A day
// without one is silence that somebody sees.

import { hash } from "node:crypto";
import { canonical } from "../journal/jcs.ts";
import type { SessionId } from "../model/session.ts";
import { type DsseResult, type DsseSigner, encodeDsse, openDsse, signDsse, verifyDsse } from "./dsse.ts";
import { isSession, isTime } from "./event-shapes.ts";
import { type Claim, fieldsOf, isCount, isText, listOf, oneOf, shaped } from "./shape.ts";

const STATEMENT = "https://in-toto.io/Statement/v1";
export const HEARTBEAT_PREDICATE = "https://countersign.dev/attestation/heartbeat/v0.1";

/** A heartbeat lists no more sessions; the rest goes by count and digest. */
export const HEARTBEAT_SESSIONS_MAX = 5000;

/** Nor more bytes of them, as JSON: in an envelope of at most a megabyte, in base 64, there is room for no more. */
const LISTED_BYTES_MAX = 700_000;

/** A session on a heartbeat. */
export interface HeartbeatSession {
  readonly sid: SessionId;
  readonly run: string;
  readonly attempt: string;
  readonly job: string;
  /** `landed` and `lost` have their entry in the log, this one or an earlier. */
  readonly state: "open" | "landed" | "lost";
}

export interface Heartbeat {
  /** The day in UTC that it tells of: `2026-11-25`. */
  readonly day: string;
  /** `owner/name`. */
  readonly repository: string;
  /** The first of them, in order of their ids. */
  readonly sessions: readonly HeartbeatSession[];
  /** Those behind: how many, and `sha256:<hex>` of the canonical JSON of their list; 0 and empty for none. */
  readonly more: { readonly count: number; readonly digest: string };
}

/** A day's heartbeat of all its sessions, in any order: sorted, and cut where the list is too long. */
export function heartbeatOf(day: string, repository: string, sessions: readonly HeartbeatSession[]): Heartbeat {
  const all = sessions
    .map(({ attempt, job, run, sid, state }) => ({ attempt, job, run, sid, state }))
    .toSorted((one, other) => (one.sid < other.sid ? -1 : 1));
  let bytes = 0;
  const fitting = all.findIndex((each, at) => {
    bytes += Buffer.byteLength(canonical(each)) + 1;
    return at >= HEARTBEAT_SESSIONS_MAX || bytes > LISTED_BYTES_MAX;
  });
  const rest = fitting === -1 ? [] : all.slice(fitting);
  return {
    day,
    repository,
    sessions: all.slice(0, all.length - rest.length),
    more: { count: rest.length, digest: rest.length === 0 ? "" : `sha256:${digestOf(rest)}` },
  };
}

/** The statement's canonical bytes, to be signed. */
export function heartbeatStatement({ day, repository, sessions, more }: Heartbeat): string {
  const listed = sessions.map(({ attempt, job, run, sid, state }) => ({ attempt, job, run, sid, state }));
  return canonical({
    _type: STATEMENT,
    predicate: { day, more: { count: more.count, digest: more.digest }, repository, sessions: listed },
    predicateType: HEARTBEAT_PREDICATE,
    subject: [{ digest: { sha256: digestOf(listed) }, name: "sessions" }],
  });
}

/** Signs it: the whole text of a `heartbeats/YYYY/MM/DD.dsse.json` file. */
export function signHeartbeat(heartbeat: Heartbeat, signer: DsseSigner): string {
  const payload = heartbeatStatement(heartbeat);
  return encodeDsse(payload, [signDsse(payload, signer)]);
}

function digestOf(sessions: readonly HeartbeatSession[]): string {
  return hash("sha256", canonical(sessions), "hex");
}

/** A day that the calendar has: `2026-11-25`. */
export const isDay: Claim<string> = (value): value is string =>
  isText(value) && /^[0-9]{4}-[0-9]{2}-[0-9]{2}$/.test(value) && isTime(`${value}T00:00:00.000Z`);

const isHeartbeat = shaped({
  day: isDay,
  more: shaped({ count: isCount, digest: isText }),
  repository: isText,
  sessions: listOf(
    shaped({ attempt: isText, job: isText, run: isText, sid: isSession, state: oneOf("open", "landed", "lost") }),
  ),
});

function readHeartbeatStatement(statement: unknown): Heartbeat | undefined {
  return fieldsOf(statement, {
    _type: oneOf(STATEMENT),
    predicate: isHeartbeat,
    predicateType: oneOf(HEARTBEAT_PREDICATE),
    subject: Array.isArray,
  })?.predicate;
}

/** What a heartbeat's file says, whoever signed it: to place it, never to believe it. */
export function readHeartbeat(envelope: string): Heartbeat | undefined {
  const opened = openDsse(envelope);
  return opened.kind === "bad" ? undefined : readHeartbeatStatement(opened.statement);
}

export type HeartbeatResult =
  | { readonly kind: "good"; readonly heartbeat: Heartbeat }
  | { readonly kind: "bad"; readonly reasons: readonly string[] };

/** Verifies that one of these keys (raw Ed25519) signed the file, and that it is in order by itself. */
export function verifyHeartbeat(envelope: string, publicKeys: readonly Uint8Array[]): HeartbeatResult {
  const results = publicKeys.map((key) => verifyDsse(envelope, [key]));
  const signed = results.find((each): each is DsseResult & { kind: "good" } => each.kind === "good");
  if (signed === undefined) {
    const [first] = results.flatMap((each) => (each.kind === "bad" ? [each.why] : []));
    return { kind: "bad", reasons: [first ?? "there is no countersigner whose signature could be believed"] };
  }
  const heartbeat = readHeartbeatStatement(signed.statement);
  if (heartbeat === undefined) return { kind: "bad", reasons: ["the statement is not a heartbeat of this version"] };
  const { sessions, more } = heartbeat;
  const reasons: string[] = [];
  // Making it again holds the subject to the list.
  if (heartbeatStatement(heartbeat) !== signed.payload) reasons.push("its subject is not the list of its sessions");
  if (sessions.length > HEARTBEAT_SESSIONS_MAX) reasons.push(`it lists more than ${HEARTBEAT_SESSIONS_MAX} sessions`);
  if (sessions.some(({ sid }, at) => at > 0 && sid <= (sessions[at - 1]?.sid ?? ""))) {
    reasons.push("its sessions are not in order of their ids, each once");
  }
  if (more.count === 0 ? more.digest !== "" : !/^sha256:[0-9a-f]{64}$/.test(more.digest)) {
    reasons.push("it does not say of what it leaves out how many and which digest");
  }
  return reasons.length === 0 ? { kind: "good", heartbeat } : { kind: "bad", reasons };
}
