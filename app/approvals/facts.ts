/** Reads from GitHub, now, all that a count of answers hangs on. */

import type { Octokit } from "@octokit/core";
import { isSameCode, readComment } from "../../src/approval/code.ts";
import type { Listed, SessionFacts } from "../../src/approval/count.ts";
import type { Electorate, PersonFacts, RunFacts } from "../../src/approval/eligibility.ts";
import { readButton, type Word } from "../../src/approval/words.ts";
import { isInteger, isObject, isText, listOf, oneOf, shaped } from "../../src/evidence/shape.ts";
import { type Names, readPerson, resolveNames } from "../../src/github/people.ts";
import { type PullFacts, readCommitters, readPull } from "../../src/github/pull.ts";
import type { RepositoryFacts } from "../../src/github/repository.ts";
import { type AttemptFacts, readAttempt } from "../../src/github/run.ts";
import { readComments, readReviews } from "../../src/github/said.ts";
import type { SessionRow } from "../sessions/session.ts";
import { type Sql, StateError } from "../state/database.ts";
import { askedOf, type RequestRow } from "./requests.ts";
import { changeSurface, type SurfaceRow } from "./surface.ts";
import { keepWord, keptWords, type SaidWord } from "./words-kept.ts";

/** Speakers that are looked up for one counting; who comes after is looked up when these have no say any more. */
const PEOPLE_MAX = 40;
/** A comment is looked for from a while before its request: clocks differ. */
const EARLIER_MS = 120_000;

export interface Place {
  readonly octokit: Octokit;
  readonly session: SessionRow;
  readonly repository: RepositoryFacts;
  readonly surface: SurfaceRow;
}

/** The pull request of the run: known once, it stays. */
export async function learnPull(
  sql: Sql,
  place: Place,
): Promise<{ readonly surface: SurfaceRow; readonly attempt?: AttemptFacts }> {
  const { octokit, session, repository, surface } = place;
  if (surface.pull >= 0) return { surface };
  // GitHub's own word, from the token of the job.
  const [, number] = /^refs\/pull\/(\d{1,15})\//.exec(session.facts.identity.ref) ?? [];
  if (number !== undefined) {
    const pull = Number(number);
    return { surface: await changeSurface(sql, surface, { pull, thread: pull }) };
  }
  const attempt = await readAttempt(octokit, repository.at, { id: session.run_id, attempt: session.run_attempt });
  if (attempt === "unknown") return { surface };
  // Of two that have this head nobody could say which is meant.
  const [only, ...others] = attempt.pulls;
  const pull = only !== undefined && others.length === 0 ? only : 0;
  return { surface: await changeSurface(sql, surface, { pull, ...(pull > 0 ? { thread: pull } : {}) }), attempt };
}

const isPart = (value: unknown): value is number | "none" => isInteger(value) || value === "none";
const isCause = shaped({
  of: isText,
  actor: isPart,
  triggeringActor: isPart,
  pullRequestAuthor: isPart,
  committers: listOf(isInteger),
});

/**
 * Who had a hand in the run. Only the pull request's commits can change while it runs, so that is read again when its head
 * or base did, and the rest once.
 */
export async function learnCause(
  sql: Sql,
  place: Place,
  pull: PullFacts | "none" | "unknown",
): Promise<{ readonly surface: SurfaceRow; readonly run: RunFacts }> {
  const { octokit, session, repository, surface } = place;
  if (pull === "unknown" || surface.pull < 0) return { surface, run: UNKNOWN_RUN };
  const of = pull === "none" ? "none" : `${pull.headSha} ${pull.baseRef} ${pull.baseSha} ${pull.commits}`;
  const kept: unknown = surface.cause === "" ? undefined : JSON.parse(surface.cause);
  if (isCause(kept) && kept.of === of) return { surface, run: runOf(kept) };
  const { at } = repository;
  const attempt = await readAttempt(octokit, at, { id: session.run_id, attempt: session.run_attempt });
  const committers = await readCommitters(octokit, at, { headSha: session.head_sha, pull });
  const read = {
    of,
    actor: attempt === "unknown" ? attempt : attempt.actor,
    triggeringActor: attempt === "unknown" ? attempt : attempt.triggeringActor,
    pullRequestAuthor: pull === "none" ? ("none" as const) : pull.author,
    committers,
  };
  if (!isCause(read)) return { surface, run: runOf(read) };
  return { surface: await changeSurface(sql, surface, { cause: JSON.stringify(read) }), run: runOf(read) };
}

const UNKNOWN_RUN: RunFacts = {
  actor: "unknown",
  triggeringActor: "unknown",
  sender: "unknown",
  pullRequestAuthor: "unknown",
  committers: "unknown",
};

// GitHub's actor of a run is who sent its event: who pushed, who pressed "Run workflow", who changed a schedule last.
function runOf(cause: Omit<RunFacts, "sender">): RunFacts {
  const { actor, triggeringActor, pullRequestAuthor, committers } = cause;
  return { actor, triggeringActor, sender: actor, pullRequestAuthor, committers };
}

const isNames = (value: unknown): value is Names =>
  isObject(value) &&
  [value["users"], value["teams"]].every((each) => isObject(each) && Object.values(each).every(isNameNumber));
const isNameNumber = (value: unknown): boolean => isInteger(value) || value === "unknown";

/** The numbers of whom the policy names, each looked up once. */
export async function learnNames(
  sql: Sql,
  { octokit, repository, surface }: Place,
  requests: readonly RequestRow[],
): Promise<{ readonly surface: SurfaceRow; readonly names: Names }> {
  const kept: unknown = surface.names === "" ? { users: {}, teams: {} } : JSON.parse(surface.names);
  if (!isNames(kept)) throw new StateError("names are not as they were written");
  const terms = requests.map((row) => askedOf(row).terms);
  const asked = { users: terms.flatMap(({ users }) => users), teams: terms.flatMap(({ teams }) => teams) };
  const isKnown =
    asked.users.every((each) => Object.hasOwn(kept.users, each)) &&
    asked.teams.every((each) => Object.hasOwn(kept.teams, each));
  if (isKnown) return { surface, names: kept };
  const names = await resolveNames(octokit, repository, asked, kept);
  return { surface: await changeSurface(sql, surface, { names: JSON.stringify(names) }), names };
}

export async function readPullOf({ octokit, repository, surface }: Place): Promise<PullFacts | "none" | "unknown"> {
  if (surface.pull < 0) return "unknown";
  return surface.pull === 0 ? "none" : await readPull(octokit, repository.at, surface.pull);
}

export interface Heard {
  readonly words: readonly SaidWord[];
  /** How many stages of words were kept then: with another number somebody spoke since. */
  readonly kept: number;
}

/** Everything that was said to these requests, as it stands now. */
export async function readWords(
  sql: Sql,
  place: Place,
  requests: readonly RequestRow[],
  nowMs: number,
): Promise<Heard> {
  const { octokit, session, repository, surface } = place;
  const via = new Set(requests.flatMap((row) => askedOf(row).terms.via));
  const oldest = Math.min(...requests.map(({ asked_at }) => asked_at), nowMs) - EARLIER_MS;
  const thread = { repository: repository.id, at: repository.at, number: surface.thread };
  const heard: SaidWord[] = [];
  let before: readonly SaidWord[];
  if (via.has("comment") && surface.thread > 0) {
    const listed = await readComments(octokit, thread, new Date(oldest).toISOString().replace(/\.\d+Z$/, "Z"));
    if (listed !== "unknown") {
      for (const said of listed) {
        if (await isOurs(sql, said, session.sid)) await keepWord(sql, session.sid, said, nowMs);
      }
      heard.push(...listed);
    }
    const there = new Set(listed === "unknown" ? [] : listed.map(({ word }) => word.key));
    before = await keptWords(sql, session.sid);
    for (const said of before) {
      // What was told of and does not stand there any more was deleted, or could not be read again: it answers nothing.
      const { word } = said;
      const isGone = word.kind === "comment" && !there.has(word.key);
      heard.push(isGone ? { ...said, word: { ...word, stage: "deleted" } } : said);
    }
  } else {
    before = await keptWords(sql, session.sid);
    heard.push(...before);
  }
  if (via.has("review") && surface.pull > 0) {
    const listed = await readReviews(octokit, { ...thread, number: surface.pull });
    // Part of them would hide a dismissal.
    if (listed !== "unknown") heard.push(...listed);
  }
  return { words: await meantHere(sql, heard, surface), kept: before.length };
}

/** What was said before, where nothing is asked any more and GitHub is not read again. */
export async function wordsBefore(sql: Sql, surface: SurfaceRow): Promise<Heard> {
  const before = await keptWords(sql, surface.sid);
  return { words: await meantHere(sql, before, surface), kept: before.length };
}

async function meantHere(
  sql: Sql,
  words: readonly SaidWord[],
  { sid, thread }: SurfaceRow,
): Promise<readonly SaidWord[]> {
  const others = await codesOfOthers(sql, sid, thread);
  return withGuesses(words).filter(({ word }) => !isAnothers(word, others));
}

// A comment that held a code at any stage was a guess at it, whatever it was made to say since.
function withGuesses(words: readonly SaidWord[]): readonly SaidWord[] {
  const guesses = new Map<string, string>();
  for (const { word } of words) {
    if (word.kind === "comment" && readComment(word.body).kind === "answer") guesses.set(word.key, word.body);
  }
  return words.map((said) => {
    const { word } = said;
    const guess = guesses.get(word.key);
    if (word.kind !== "comment" || word.stage === "created" || guess === undefined) return said;
    return readComment(word.body).kind === "answer" ? said : { ...said, word: { ...word, body: guess } };
  });
}

// Only what was meant for us is kept, and whatever became of it.
async function isOurs(sql: Sql, { word }: SaidWord, sid: string): Promise<boolean> {
  if (word.kind !== "comment") return false;
  if (readComment(word.body).kind !== "other") return true;
  return (
    (
      await sql.rows(
        "SELECT key FROM word WHERE sid = $1 AND key = $2 LIMIT 1",
        [sid, word.key],
        shaped({ key: isText }),
      )
    ).length > 0
  );
}

// Several jobs of one run ask on one thread: an answer to one is no wrong code for the others.
async function codesOfOthers(sql: Sql, sid: string, thread: number): Promise<readonly string[]> {
  if (thread <= 0) return [];
  const rows = await sql.rows(
    `SELECT r.code FROM request r JOIN surface f ON f.sid = r.sid JOIN session s ON s.sid = r.sid
     WHERE f.thread = $2 AND r.sid <> $1
       AND s.repository_id = (SELECT repository_id FROM session WHERE sid = $1)
     ORDER BY r.asked_at DESC LIMIT 2000`,
    [sid, thread],
    shaped({ code: isText }),
  );
  return rows.map(({ code }) => code);
}

function isAnothers(word: Word, codes: readonly string[]): boolean {
  if (word.kind !== "comment") return false;
  const said = readComment(word.body);
  return said.kind === "answer" && codes.some((code) => isSameCode(said.code, code));
}

/** Those whose words could decide one of these requests. */
export function speakersOf(
  words: readonly SaidWord[],
  requests: readonly RequestRow[],
  headSha: string,
): readonly SaidWord[] {
  const codes = requests.map(({ code }) => code);
  const ids = new Set(requests.map(({ id }) => id));
  const isMeant = ({ word }: SaidWord): boolean => {
    switch (word.kind) {
      case "button":
        return ids.has(readButton(word.identifier)?.request ?? "");
      case "comment": {
        const said = readComment(word.body);
        return word.stage === "created" && said.kind === "answer" && codes.some((code) => isSameCode(said.code, code));
      }
      case "review":
        return word.state === "approved" && word.commit === headSha;
      case "direct":
        return false;
    }
  };
  const meant = words.filter(isMeant);
  // Buttons first: only people with write permission have them.
  const sorted = meant.toSorted((one, other) => rank(one) - rank(other) || one.word.atMs - other.word.atMs);
  return [...new Map(sorted.toReversed().map((each) => [each.word.by, each])).values()]
    .toReversed()
    .slice(0, PEOPLE_MAX);
}

function rank({ word }: SaidWord): number {
  return word.kind === "button" ? 0 : 1;
}

export async function readPeople(
  { octokit, repository }: Place,
  speakers: readonly SaidWord[],
  { names, needsAffiliation }: { readonly names: Names; readonly needsAffiliation: boolean },
): Promise<ReadonlyMap<number, PersonFacts>> {
  const people = new Map<number, PersonFacts>();
  for (const { word, login } of speakers) {
    const facts = await readPerson(octokit, repository, { id: word.by, login, teams: names.teams, needsAffiliation });
    if (facts !== undefined) people.set(word.by, facts);
  }
  return people;
}

/** A request as `count.ts` takes it. */
export function listedOf(
  row: RequestRow,
  place: Place,
  { names, app }: { readonly names: Names; readonly app: number },
): Listed {
  const { session, surface, repository } = place;
  const request = askedOf(row);
  const number = (known: Names["users"], name: string): number | "unknown" => known[name] ?? "unknown";
  const electorate: Electorate = {
    users: request.terms.users.map((each) => number(names.users, each)),
    teams: request.terms.teams.map((each) => number(names.teams, each)),
  };
  return {
    request: row.id,
    digest: request.digest,
    code: row.code,
    count: request.terms.count,
    listedAtMs: row.listed_at,
    isShownWhole: row.listed_at > 0,
    deadlineMs: row.deadline,
    via: new Set(request.terms.via),
    electorate,
    place: {
      app,
      installation: session.installation_id,
      repository: session.repository_id,
      isPublic: surface.public ?? repository.isPublic,
      checkRun: surface.check_run,
      externalId: session.sid,
      headSha: session.head_sha,
      thread: surface.thread > 0 ? surface.thread : "none",
      pullRequest:
        surface.pull > 0 && row.base_ref !== ""
          ? { number: surface.pull, baseRef: row.base_ref, baseSha: row.base_sha }
          : "none",
    },
    ended: endedOf(row),
  };
}

const isEnd = oneOf("approved", "refused", "expired", "withdrawn");

function endedOf({ state, answered_at }: RequestRow): Listed["ended"] {
  if (state === "pending") return undefined;
  const answer = state === "used" || state === "void" ? "approved" : state;
  return isEnd(answer) ? { answer, atMs: answered_at } : undefined;
}

export function factsOf(
  listed: readonly Listed[],
  words: readonly SaidWord[],
  read: Pick<SessionFacts, "people" | "run" | "nowMs"> & {
    readonly repository: RepositoryFacts;
    readonly pull: PullFacts | "none" | "unknown";
  },
): SessionFacts {
  const { people, run, nowMs, repository, pull } = read;
  return {
    requests: listed,
    words: words.map(({ word }) => word),
    people,
    run,
    repository: { id: repository.id, isPublic: repository.isPublic },
    pullRequest:
      pull === "none" || pull === "unknown"
        ? pull
        : { number: pull.number, baseRef: pull.baseRef, baseSha: pull.baseSha },
    nowMs,
  };
}
