// The entries of the repository's log: digests only, so the log itself never holds anything to erase. One enters a
// session; others enter the signed word of what was erased from a session that is in the log already, of a session that was
// lost, and of a day.

import { hash } from "node:crypto";
import { CanonicalError, canonical, parseCanonical } from "../journal/jcs.ts";
import { fromBase64, fromBase64url } from "../tlog/base64.ts";
import { isDay } from "./heartbeat.ts";
import { fieldsOf, isCount, isText, oneOf } from "./shape.ts";

export interface SessionEntry {
  readonly sid: string;
  /** The session's RFC 6962 root and size. */
  readonly root: Uint8Array;
  readonly size: number;
  /** `sha256:<hex>` of `session.dsse.json`. */
  readonly dsse: string;
}

export interface ErasureEntry {
  readonly sid: string;
  /** base64url of the SHA-256 of `erasures/<n>.dsse.json`. */
  readonly dsse: string;
}

export interface LostEntry {
  readonly sid: string;
  /** The last countersigned head: RFC 6962 root and size; the empty tree's and 0 for none. */
  readonly root: Uint8Array;
  readonly size: number;
  /** `sha256:<hex>` of `lost.dsse.json`. */
  readonly dsse: string;
}

export interface HeartbeatEntry {
  /** The day in UTC, `2026-11-25`. */
  readonly day: string;
  /** `sha256:<hex>` of `heartbeats/YYYY/MM/DD.dsse.json`. */
  readonly dsse: string;
}

/** An entry as read. A kind that is not here is not understood, and what is not understood fails. */
export type LogEntry =
  | ({ readonly kind: "session" } & SessionEntry)
  | ({ readonly kind: "erasure" } & ErasureEntry)
  | ({ readonly kind: "lost" } & LostEntry)
  | ({ readonly kind: "heartbeat" } & HeartbeatEntry);

/** The bytes of a session's entry. */
export function encodeEntry({ sid, root, size, dsse }: SessionEntry): string {
  return canonical({ dsse, kind: "session", root: Buffer.from(root).toString("base64"), sid, size, v: 1 });
}

/** The bytes of an erasure's entry. */
export function encodeErasureEntry({ sid, dsse }: ErasureEntry): string {
  return canonical({ dsse, kind: "erasure", sid, v: 1 });
}

/** The bytes of the entry of a lost session. */
export function encodeLostEntry({ sid, root, size, dsse }: LostEntry): string {
  return canonical({ dsse, kind: "lost", root: Buffer.from(root).toString("base64"), sid, size, v: 1 });
}

/** The bytes of a heartbeat's entry. */
export function encodeHeartbeatEntry({ day, dsse }: HeartbeatEntry): string {
  return canonical({ day, dsse, kind: "heartbeat", v: 1 });
}

/** Reads an entry; undefined for any kind, version or field that is not of this format. */
export function parseEntry(text: string): LogEntry | undefined {
  let value: unknown;
  try {
    value = parseCanonical(text);
  } catch (error) {
    if (error instanceof CanonicalError) return undefined;
    throw error;
  }
  return rootedEntry(value) ?? erasureEntry(value) ?? heartbeatEntry(value);
}

/** The entry of a session or of a lost one, which have the same fields. */
function rootedEntry(value: unknown): LogEntry | undefined {
  const kinds = oneOf("session", "lost");
  const claims = { dsse: isFileDigest, kind: kinds, root: isText, sid: isText, size: isCount, v: isOne };
  const fields = fieldsOf(value, claims);
  const root = fields === undefined ? undefined : fromBase64(fields.root);
  if (fields === undefined || root?.length !== 32) return undefined;
  return { kind: fields.kind, sid: fields.sid, root, size: fields.size, dsse: fields.dsse };
}

function heartbeatEntry(value: unknown): LogEntry | undefined {
  const fields = fieldsOf(value, { day: isDay, dsse: isFileDigest, kind: oneOf("heartbeat"), v: isOne });
  return fields === undefined ? undefined : { kind: "heartbeat", day: fields.day, dsse: fields.dsse };
}

function erasureEntry(value: unknown): LogEntry | undefined {
  const fields = fieldsOf(value, { dsse: isHash, kind: oneOf("erasure"), sid: isText, v: isOne });
  return fields === undefined ? undefined : { kind: "erasure", sid: fields.sid, dsse: fields.dsse };
}

function isOne(value: unknown): value is 1 {
  return value === 1;
}

function isFileDigest(value: unknown): value is string {
  return isText(value) && /^sha256:[0-9a-f]{64}$/.test(value);
}

function isHash(value: unknown): value is string {
  return isText(value) && fromBase64url(value)?.length === 32;
}

/** `sha256:<hex>`, the way evidence names a file by its content. */
export function digestOfFile(bytes: Uint8Array | string): string {
  return `sha256:${hash("sha256", bytes, "hex")}`;
}
