/** The files that gateways hand in, kept in parts: one value of the database is never very large. */

import { hash } from "node:crypto";
import { isInteger, isText, shaped } from "../../src/evidence/shape.ts";
import type { RowClaim, Sql } from "../state/database.ts";

export const HANDED_NAMES = ["events.jsonl", "disclosures.jsonl", "checkpoints.txt"] as const;
export type HandedName = (typeof HANDED_NAMES)[number];

/**
 * One file is at most this large. It goes to GitHub as one blob, in base 64 in one request, and GitHub takes about 37 MB
 * that way: what could never be committed must not be accepted.
 */
export const HANDED_BYTES_MAX = 32 * 1024 * 1024;

const PART_BYTES = 2 * 1024 * 1024;

const isPart = shaped({
  bytes: (value: unknown): value is Uint8Array => value instanceof Uint8Array,
});

/** Cuts bytes for rows; at least one part, so that an empty file is one. */
export function partsOf(bytes: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < bytes.length || parts.length === 0; at += PART_BYTES) {
    parts.push(bytes.subarray(at, at + PART_BYTES));
  }
  return parts;
}

/** Joins the parts that a statement selects in order as `bytes`. */
export async function joinParts(sql: Sql, text: string, parameters: readonly (string | number)[]): Promise<Buffer> {
  const rows = await sql.rows(text, parameters, isPart);
  return Buffer.concat(rows.map(({ bytes }) => bytes));
}

/** Keeps a file, in place of what was handed in under this name before. */
export async function putFile(sql: Sql, sid: string, name: HandedName, bytes: Uint8Array): Promise<void> {
  await sql.run("DELETE FROM handed_file WHERE sid = $1 AND name = $2", [sid, name]);
  await sql.run("INSERT INTO handed_file (sid, name, sha256, size) VALUES ($1, $2, $3, $4)", [
    sid,
    name,
    hash("sha256", bytes, "hex"),
    bytes.length,
  ]);
  for (const [at, part] of partsOf(bytes).entries()) {
    await sql.run("INSERT INTO handed_part (sid, name, part, bytes) VALUES ($1, $2, $3, $4)", [sid, name, at, part]);
  }
}

export async function readFile(sql: Sql, sid: string, name: HandedName): Promise<Buffer> {
  return await joinParts(sql, "SELECT bytes FROM handed_part WHERE sid = $1 AND name = $2 ORDER BY part", [sid, name]);
}

interface Handed {
  readonly name: string;
  readonly sha256: string;
  readonly size: number;
}

const isHanded: RowClaim<Handed> = shaped({ name: isText, sha256: isText, size: isInteger });

/** What was handed in of a session, by name. */
export async function listFiles(sql: Sql, sid: string): Promise<ReadonlyMap<string, Handed>> {
  const rows = await sql.rows("SELECT name, sha256, size FROM handed_file WHERE sid = $1", [sid], isHanded);
  return new Map(rows.map((row) => [row.name, row]));
}

/** One digest over all that a session consists of, files by their own digests and the signature: told apart by it. */
export function digestOfHandIn(files: ReadonlyMap<string, { readonly sha256: string }>, signature: string): string {
  const lines = HANDED_NAMES.map((name) => `${name} ${files.get(name)?.sha256 ?? ""}\n`);
  return hash("sha256", `${lines.join("")}signature ${signature}\n`, "hex");
}
