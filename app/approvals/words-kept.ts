/** What people said, kept as it was seen: GitHub does not list buttons, nor what was edited or deleted since. */

import type { Word } from "../../src/approval/words.ts";
import { isCount, isInteger, isObject, isText, shaped } from "../../src/evidence/shape.ts";
import { type Sql, StateError } from "../state/database.ts";

export interface SaidWord {
  readonly word: Word;
  readonly login: string;
  /** GitHub's `type` of who said it. */
  readonly type: string;
  /** Why, in their words. */
  readonly text: string;
  /** GitHub's number of a comment; 0 for what has none. */
  readonly ref: number;
}

/**
 * Of one person in one session. Comments beyond are heard by what GitHub lists, and buttons are pressed by people with write
 * permission alone.
 */
const KEPT_MAX = { comment: 200, review: 200, button: 10_000, direct: 0 } as const;

/** Keeps a word at the stage that it was seen in. Gives whether it is new. */
export async function keepWord(sql: Sql, sid: string, said: SaidWord, atMs: number): Promise<boolean> {
  const { word } = said;
  const kept = await sql.run(
    `INSERT INTO word (sid, key, stage, speaker, said, seen_at)
     SELECT $1, $2, $3, $4, $5, $6
     WHERE (SELECT count(*) FROM word WHERE sid = $1 AND speaker = $4) < $7
     ON CONFLICT DO NOTHING`,
    [sid, word.key, stageOf(word), word.by, JSON.stringify(said), atMs, KEPT_MAX[word.kind]],
  );
  return kept > 0;
}

const isKept = shaped({ said: isText });

export async function keptWords(sql: Sql, sid: string): Promise<readonly SaidWord[]> {
  const rows = await sql.rows("SELECT said FROM word WHERE sid = $1 ORDER BY key, stage", [sid], isKept);
  return rows.map(({ said }) => {
    const value: unknown = JSON.parse(said);
    if (isSaid(value)) return value;
    throw new StateError("a word is not as it was written");
  });
}

const isCounted = shaped({ count: isInteger });

/** How many stages of words are kept: another number means that somebody spoke meanwhile. */
export async function countWords(sql: Sql, sid: string): Promise<number> {
  const [row] = await sql.rows("SELECT count(*) AS count FROM word WHERE sid = $1", [sid], isCounted);
  return row?.count ?? 0;
}

export function stageOf(word: Word): string {
  return word.kind === "comment" ? word.stage : word.kind === "review" ? word.state : "said";
}

// The state's own JSON: its kind is enough to tell it.
const isWord = (value: unknown): value is Word =>
  isObject(value) &&
  isText(value["kind"]) &&
  isText(value["key"]) &&
  isInteger(value["by"]) &&
  isInteger(value["atMs"]);

const isSaid = shaped({ word: isWord, login: isText, type: isText, text: isText, ref: isCount });
