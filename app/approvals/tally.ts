/** Reads what people said, counts it, and makes the count final: unless somebody spoke meanwhile, and then again. */

import { type Count, type Counts, countAnswers } from "../../src/approval/count.ts";
import type { PersonFacts, RunFacts } from "../../src/approval/eligibility.ts";
import { cut } from "../../src/evidence/visible.ts";
import type { Names } from "../../src/github/people.ts";
import type { PullFacts } from "../../src/github/pull.ts";
import { readRepository } from "../../src/github/repository.ts";
import { readJob } from "../../src/github/run.ts";
import type { Sql } from "../state/database.ts";
import { NotNow } from "../state/errands.ts";
import { type Decision, endOf, NOBODY } from "./ending.ts";
import {
  factsOf,
  learnCause,
  learnNames,
  listedOf,
  type Place,
  readPeople,
  readPullOf,
  readWords,
  speakersOf,
  wordsBefore,
} from "./facts.ts";
import type { Parts } from "./parts.ts";
import { askedOf, isAsking, type RequestRow, requestsOf, undergo, withdrawAll } from "./requests.ts";
import { countWords, type SaidWord } from "./words-kept.ts";

/** Somebody spoke while it was counted: count again, and then let the next look do it. */
const COUNTS_MAX = 3;
const REASON_CHARACTERS_MAX = 2_000;

export interface Counted {
  readonly counts: Counts;
  readonly words: readonly SaidWord[];
}

/** Reads and counts until nobody spoke meanwhile. Undefined where nothing was said. */
export async function countAll(parts: Parts, place: Place): Promise<Counted | undefined> {
  for (let time = 1; time <= COUNTS_MAX; time += 1) {
    const counted = await countOnce(parts, place);
    if (counted !== "again") return counted;
  }
  throw new NotNow("people speak faster than they are counted", parts.context.clock() + 1_000);
}

async function countOnce(parts: Parts, given: Place): Promise<Counted | undefined | "again"> {
  const { database, clock, appId } = parts.context;
  const { session } = given;
  const { sid } = session;
  const requests = await requestsOf(database, sid);
  const asking = requests.filter(isAsking);
  const { words, kept } =
    asking.length > 0 ? await readWords(database, given, asking, clock()) : await wordsBefore(database, given.surface);
  // Everything that a word hangs on is read after the word: nobody answers for a job that has ended.
  if (asking.length > 0 && (await readJob(given.octokit, given.repository.at, session.check_run_id)) === "ended") {
    await database.transaction(async (sql) => await withdrawAll(sql, sid, clock()));
    return undefined;
  }
  if (words.length === 0) return undefined;
  const named = await learnNames(database, given, asking);
  const speakers = speakersOf(words, asking, session.head_sha);
  const facts = await readFacts(parts, { ...given, surface: named.surface }, { speakers, asking, names: named.names });
  if (facts === "gone") {
    await database.transaction(async (sql) => await withdrawAll(sql, sid, clock()));
    return undefined;
  }
  const { place, ...rest } = facts;
  const read = { ...rest, nowMs: clock(), repository: place.repository };
  const listed = requests.map((row) => listedOf(row, place, { names: named.names, app: appId }));
  const counts = countAnswers(factsOf(listed, words, read));
  // A request that was approved and is looked at again is counted as if it had not been.
  const again = requests
    .filter((row) => row.state === "approved" && row.recheck)
    .map((row) => {
      const open = { ...listedOf(row, place, { names: named.names, app: appId }), ended: undefined };
      const before = { ...read, nowMs: Math.min(read.nowMs, row.deadline - 1) };
      return { id: row.id, count: countAnswers(factsOf([open], words, before)).requests.get(row.id) };
    });
  const isSettled = await settle(parts, sid, { counts, again, people: rest.people, words, kept });
  return isSettled ? { counts, words } : "again";
}

interface Facts {
  readonly place: Place;
  readonly people: ReadonlyMap<number, PersonFacts>;
  readonly run: RunFacts;
  readonly pull: PullFacts | "none" | "unknown";
}

/** What the words of these speakers hang on, read now; `gone` where the repository is not the App's to see any more. */
async function readFacts(
  { context }: Parts,
  place: Place,
  {
    speakers,
    asking,
    names,
  }: { readonly speakers: readonly SaidWord[]; readonly asking: readonly RequestRow[]; readonly names: Names },
): Promise<Facts | "gone"> {
  // Nobody said anything that could decide: nothing is asked of GitHub for it.
  if (speakers.length === 0) return { place, people: new Map(), run: UNREAD, pull: "unknown" };
  const { octokit, session } = place;
  const repository = await readRepository(octokit, { id: session.repository_id, fullName: session.repository });
  if (repository === "gone") return "gone";
  const now = { ...place, repository };
  const pull = await readPullOf(now);
  const { surface, run } = await learnCause(context.database, now, pull);
  const people = await readPeople(now, speakers, { names, needsAffiliation: asking.some(namesNobody) });
  return { place: { ...now, surface }, people, run, pull };
}

const UNREAD = {
  actor: "unknown",
  triggeringActor: "unknown",
  sender: "unknown",
  pullRequestAuthor: "unknown",
  committers: "unknown",
} as const;

function namesNobody(row: RequestRow): boolean {
  const { teams, users } = askedOf(row).terms;
  return teams.length === 0 && users.length === 0;
}

interface Settling {
  readonly counts: Counts;
  readonly again: readonly { readonly id: string; readonly count: Count | undefined }[];
  readonly people: ReadonlyMap<number, PersonFacts>;
  readonly words: readonly SaidWord[];
  /** How many words were kept when they were read. */
  readonly kept: number;
}

/** Makes a count final, unless somebody spoke meanwhile: then nothing changes, and it says so. */
async function settle(parts: Parts, sid: string, settling: Settling): Promise<boolean> {
  const { database, clock, metrics } = parts.context;
  const { counts, again, kept } = settling;
  const ended: { readonly answer: string; readonly seconds: number }[] = [];
  const isSettled = await database.transaction(async (sql) => {
    const rows = await requestsOf(sql, sid, "lock");
    if ((await countWords(sql, sid)) !== kept) return false;
    for (const row of rows) {
      const atMs = clock();
      const count = counts.requests.get(row.id);
      if (row.state === "pending" && count !== undefined) {
        const { outcome } = count;
        const decision = decisionOf(count, settling);
        const state = await undergo(sql, row, { kind: "counted", outcome, atMs }, (after, at) =>
          endOf(parts.context, row, { state: after, atMs: at, decision }),
        );
        if (state !== "pending") ended.push({ answer: state, seconds: (atMs - row.asked_at) / 1000 });
        const approvals = outcome === "pending" ? count.counted.length : row.approvals;
        if (approvals !== row.approvals)
          await sql.run("UPDATE request SET approvals = $2 WHERE id = $1", [row.id, approvals]);
        continue;
      }
      const looked = again.find(({ id }) => id === row.id);
      if (row.state === "approved" && row.recheck && looked !== undefined) {
        await lookAgain(parts, sql, row, looked.count?.outcome === "approved");
      }
    }
    return true;
  });
  for (const { answer, seconds } of isSettled ? ended : []) {
    metrics.count("countersign_requests_ended_total", { answer });
    metrics.took("countersign_answer_seconds", seconds, { answer });
  }
  return isSettled;
}

async function lookAgain({ context }: Parts, sql: Sql, row: RequestRow, stillMay: boolean): Promise<void> {
  const atMs = context.clock();
  if (stillMay) {
    await sql.run("UPDATE request SET recheck = false, rechecked_at = $2 WHERE id = $1", [row.id, atMs]);
    await sql.run("SELECT pg_notify($1, $2)", ["countersign", `request:${row.id}`]);
    return;
  }
  const { id, sid, target, digest, policy } = askedOf(row);
  const bound = { request: id, sid, target, digest, policy, headSha: row.head_sha };
  await undergo(sql, row, { kind: "release", bound, recheckedAtMs: "failed", atMs }, (state, at) =>
    endOf(context, row, { state, atMs: at, decision: NOBODY }),
  );
}

const VIA = { button: "check", comment: "comment", review: "review" } as const;

function decisionOf({ counted }: Count, { people, words }: Settling): Decision {
  const by = counted.flatMap(({ word }) =>
    word.kind === "direct" ? [] : [{ login: people.get(word.by)?.login ?? `${word.by}`, via: VIA[word.kind] }],
  );
  const texts = counted.flatMap(({ word }) => {
    const text = words.find((said) => said.word.key === word.key)?.text ?? "";
    return text === "" ? [] : [cut(text, REASON_CHARACTERS_MAX)];
  });
  return { by, reason: texts.join("\n"), words: counted };
}
