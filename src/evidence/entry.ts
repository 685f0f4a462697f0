// The entry of one session in the repository's log: digests only, so the log itself never holds anything to erase.

import { hash } from "node:crypto";
import { CanonicalError, canonical, parseCanonical } from "../journal/jcs.ts";
import { fromBase64 } from "../tlog/base64.ts";
import { fieldsOf, isCount, isText, oneOf } from "./shape.ts";

export interface SessionEntry {
  readonly sid: string;
  /** The session's RFC 6962 root and size. */
  readonly root: Uint8Array;
  readonly size: number;
  /** `sha256:<hex>` of `session.dsse.json`. */
  readonly dsse: string;
}

/** The entry's bytes. */
export function encodeEntry({ sid, root, size, dsse }: SessionEntry): string {
  return canonical({ dsse, kind: "session", root: Buffer.from(root).toString("base64"), sid, size, v: 1 });
}

/** Reads an entry; undefined for anything but a session's. */
export function parseEntry(text: string): SessionEntry | undefined {
  let value: unknown;
  try {
    value = parseCanonical(text);
  } catch (error) {
    if (error instanceof CanonicalError) return undefined;
    throw error;
  }
  const isOne = (each: unknown): each is 1 => each === 1;
  const claims = { dsse: isText, kind: oneOf("session"), root: isText, sid: isText, size: isCount, v: isOne };
  const fields = fieldsOf(value, claims);
  const root = fields === undefined ? undefined : fromBase64(fields.root);
  if (fields === undefined || root?.length !== 32) return undefined;
  return { sid: fields.sid, root, size: fields.size, dsse: fields.dsse };
}

/** `sha256:<hex>`, the way evidence names a file by its content. */
export function digestOfFile(bytes: Uint8Array | string): string {
  return `sha256:${hash("sha256", bytes, "hex")}`;
}
