/** Tells people why what they wrote had no effect: once for a comment, a few times for a person, and machines never. */

import type { Octokit } from "@octokit/core";
import type { Counts } from "../../src/approval/count.ts";
import type { At } from "../../src/github/repository.ts";
import { createComment } from "../../src/github/threads.ts";
import type { Sql } from "../state/database.ts";
import type { SaidWord } from "./words-kept.ts";

const REPLIES_MAX = 5;
/** In one look; the rest comes with the next. */
const AT_ONCE_MAX = 3;

/** What to tell whom: the comments that were meant for us and counted for nothing, each with the last reason that was found. */
export function repliesTo(
  counts: Counts,
  words: readonly SaidWord[],
): readonly { readonly said: SaidWord; readonly why: string }[] {
  const why = new Map<string, string>();
  const counted = new Set<string>();
  for (const { counted: those, uncounted } of counts.requests.values()) {
    for (const { word } of those) counted.add(word.key);
    for (const each of uncounted) why.set(each.word.key, each.why);
  }
  for (const each of counts.stray) why.set(each.word.key, each.why);
  const known = new Map(words.map((said) => [said.word.key, said]));
  return [...why].flatMap(([key, reason]) => {
    const said = known.get(key);
    const isPersons = said?.word.kind === "comment" && said.word.through === "themselves" && said.type === "User";
    return said === undefined || !isPersons || counted.has(key) || said.word.stage === "deleted"
      ? []
      : [{ said, why: reason }];
  });
}

export async function reply(
  sql: Sql,
  to: readonly { readonly said: SaidWord; readonly why: string }[],
  place: {
    readonly octokit: Octokit;
    readonly at: At;
    readonly thread: number;
    readonly sid: string;
    readonly nowMs: number;
  },
): Promise<void> {
  if (place.thread <= 0) return;
  let left = AT_ONCE_MAX;
  for (const { said, why } of to) {
    if (left === 0) return;
    const { key, by } = said.word;
    // Written down first: a reply is a courtesy, and two are none.
    const taken = await sql.run(
      `INSERT INTO reply (key, sid, speaker, at)
       SELECT $1, $2, $3, $4 WHERE (SELECT count(*) FROM reply WHERE sid = $2 AND speaker = $3) < $5
       ON CONFLICT DO NOTHING`,
      [key, place.sid, by, place.nowMs, REPLIES_MAX],
    );
    if (taken === 0) continue;
    left -= 1;
    const name = /^[A-Za-z0-9-]{1,39}$/.test(said.login) ? `@${said.login}, your` : "Your";
    await createComment(place.octokit, place.at, place.thread, `${name} comment had no effect. ${why}\n`);
  }
}
