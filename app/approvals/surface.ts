/** Where a session is shown on GitHub, and what was learnt for it once and stays. */

import { hash } from "node:crypto";
import { isFlag, isInteger, isText, shaped } from "../../src/evidence/shape.ts";
import type { Sql } from "../state/database.ts";

export interface SurfaceRow {
  readonly sid: string;
  readonly nonce: string;
  /** 0 where the run has no pull request, -1 before that is known. */
  readonly pull: number;
  /** Null before it was looked at. */
  readonly public: boolean | null;
  readonly names: string;
  readonly cause: string;
  readonly check_run: number;
  readonly check_url: string;
  readonly check_digest: string;
  readonly check_tried: boolean;
  /** -1 where there can be none. */
  readonly thread: number;
  readonly thread_tried: boolean;
  readonly comment: number;
  readonly thread_digest: string;
}

const isSurface = shaped({
  sid: isText,
  nonce: isText,
  pull: isInteger,
  public: (value: unknown): value is boolean | null => value === null || isFlag(value),
  names: isText,
  cause: isText,
  check_run: isInteger,
  check_url: isText,
  check_digest: isText,
  check_tried: isFlag,
  thread: isInteger,
  thread_tried: isFlag,
  comment: isInteger,
  thread_digest: isText,
});

export async function openSurface(sql: Sql, sid: string, random: (count: number) => Uint8Array): Promise<SurfaceRow> {
  await sql.run("INSERT INTO surface (sid, nonce) VALUES ($1, $2) ON CONFLICT DO NOTHING", [
    sid,
    Buffer.from(random(16)).toString("hex"),
  ]);
  const [row] = await sql.rows("SELECT * FROM surface WHERE sid = $1", [sid], isSurface);
  if (row === undefined) throw new Error("a surface that was just made is not there");
  return row;
}

/** Writes what changed, and gives the row as it is then. */
export async function changeSurface(
  sql: Sql,
  row: SurfaceRow,
  changes: Partial<Omit<SurfaceRow, "sid" | "nonce">>,
): Promise<SurfaceRow> {
  // The names are ours: the type allows no others.
  const entries = Object.entries(changes);
  if (entries.length === 0) return row;
  const set = entries.map(([name], at) => `${name} = $${at + 2}`).join(", ");
  await sql.run(`UPDATE surface SET ${set} WHERE sid = $1`, [row.sid, ...entries.map(([, value]) => value)]);
  return { ...row, ...changes };
}

/** What is shown is told from what was shown before by this. */
export function digestOf(value: object): string {
  return hash("sha256", JSON.stringify(value), "base64url");
}
