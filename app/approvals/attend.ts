/**
 * Looks after one session's requests: shows them on GitHub, reads what people said there, counts it, signs what follows and
 * shows how it ended. It looks at what is and makes it what it should be, so it may run twice, late, or after a restart.
 */

import type { Octokit } from "@octokit/core";
import { type Count, type Counts, countAnswers } from "../../src/approval/count.ts";
import type { PersonFacts } from "../../src/approval/eligibility.ts";
import { statusOf } from "../../src/github/failure.ts";
import type { PullFacts } from "../../src/github/pull.ts";
import { told } from "../../src/github/refusal.ts";
import { readRepository } from "../../src/github/repository.ts";
import { readJob } from "../../src/github/run.ts";
import { findSession, type SessionRow } from "../sessions/session.ts";
import { type Doer, NotNow } from "../state/errands.ts";
import { politely } from "../state/politely.ts";
import { type Decision, endOf, NOBODY } from "./ending.ts";
import { expire } from "./expire.ts";
import {
  factsOf,
  learnCause,
  learnNames,
  learnPull,
  listedOf,
  type Place,
  readPeople,
  readPullOf,
  readWords,
  speakersOf,
} from "./facts.ts";
import type { Pace } from "./pace.ts";
import type { Parts } from "./parts.ts";
import { publishCheck, publishThread } from "./publish.ts";
import { repliesTo, reply } from "./replies.ts";
import { askedOf, type RequestRow, requestsOf, undergo, withdrawAll } from "./requests.ts";
import { showingOf } from "./shown.ts";
import { changeSurface, openSurface } from "./surface.ts";
import { countWords, keptWords, type SaidWord } from "./words-kept.ts";

/** Somebody spoke while it was counted: count again, and then let the next look do it. */
const COUNTS_MAX = 3;
/** A surface that cannot be brought up to date for a day after the last end is left as it is. */
const STALE_MS_MAX = 24 * 60 * 60 * 1000;
/** A late word is answered, from what is kept, for as long. */
const REASON_CHARACTERS_MAX = 2_000;

export function attendErrand(parts: Parts, pace: Pace): Doer {
  const { database, clock } = parts.context;
  return politely(
    // One at a time in all instances: what is made on GitHub is made once.
    async (sid, signal) => await database.alone(`attend ${sid}`, async () => await attend(parts, pace, sid, signal)),
    clock,
  );
}

async function attend(parts: Parts, pace: Pace, sid: string, signal: AbortSignal): Promise<number | "done"> {
  const { database, clock } = parts.context;
  // First and without GitHub: whatever happens to it, time passes.
  await expire(parts, sid);
  const session = await findSession(database, sid);
  const requests = await requestsOf(database, sid);
  if (session === undefined || requests.length === 0) return "done";
  if (session.state !== "open") await database.transaction(async (sql) => await withdrawAll(sql, sid, clock()));
  const isWaiting = requests.some(({ state, recheck }) => state === "pending" || recheck);
  const newest = Math.max(...requests.map(({ answered_at }) => answered_at));
  if (!isWaiting && clock() - newest > STALE_MS_MAX) return "done";
  let octokit: Octokit;
  try {
    octokit = await pace.octokit(session.installation_id);
    await onGithub(parts, pace, { octokit, session, signal });
  } catch (error) {
    await afterFailure(parts, session, error);
    throw error;
  }
  // Each deadline has an errand of its own.
  const left = await requestsOf(database, sid);
  return left.some(({ state, recheck }) => state === "pending" || recheck) ? clock() + parts.options.pollMs : "done";
}

interface Attended {
  readonly octokit: Octokit;
  readonly session: SessionRow;
  readonly signal: AbortSignal;
}

async function onGithub(parts: Parts, pace: Pace, { octokit, session, signal }: Attended): Promise<void> {
  const { database, clock, random } = parts.context;
  const { sid } = session;
  let surface = await openSurface(database, sid, random);
  const repository = await readRepository(octokit, { id: session.repository_id, fullName: session.repository });
  if (repository === "gone") {
    // Nobody can answer there any more.
    await database.transaction(async (sql) => await withdrawAll(sql, sid, clock()));
    return;
  }
  if (surface.public === null) surface = await changeSurface(database, surface, { public: repository.isPublic });
  surface = (await learnPull(database, { octokit, session, repository, surface })).surface;
  let place: Place = { octokit, session, repository, surface };
  const isDisclosed = repository.isPublic && surface.public === false;

  let requests = await requestsOf(database, sid);
  const isAsking = requests.some(({ state, recheck }) => state === "pending" || recheck);
  const pull = isAsking ? await readPullOf(place) : "unknown";
  // Shown before it is counted, because only what was shown can be approved.
  place = await publish(parts, place, requests, { pull, isDisclosed, withThread: false });
  signal.throwIfAborted();
  const counts = await countAll(parts, place, pull);
  signal.throwIfAborted();
  requests = await requestsOf(database, sid);
  place = await publish(parts, place, requests, { pull, isDisclosed, withThread: true });
  if (counts !== undefined && (await pace.isAmple(session.installation_id))) {
    const to = repliesTo(counts.counts, counts.words);
    await reply(database, to, { octokit, at: repository.at, thread: place.surface.thread, sid, nowMs: clock() });
  }
}

async function publish(
  parts: Parts,
  place: Place,
  requests: readonly RequestRow[],
  how: { readonly pull: PullFacts | "none" | "unknown"; readonly isDisclosed: boolean; readonly withThread: boolean },
): Promise<Place> {
  const { pull, isDisclosed, withThread } = how;
  const showing = showingOf(requests, { isDisclosed });
  const base = pull === "none" || pull === "unknown" ? { ref: "", sha: "" } : { ref: pull.baseRef, sha: pull.baseSha };
  const checked = { ...place, surface: await publishCheck(parts, place, showing, base) };
  if (!withThread) return checked;
  return { ...checked, surface: await publishThread(parts, checked, showing, requests) };
}

interface Counted {
  readonly counts: Counts;
  readonly words: readonly SaidWord[];
}

/** Reads and counts until nobody spoke meanwhile. Undefined where nothing was said. */
async function countAll(
  parts: Parts,
  place: Place,
  pull: PullFacts | "none" | "unknown",
): Promise<Counted | undefined> {
  for (let time = 1; time <= COUNTS_MAX; time += 1) {
    const counted = await countOnce(parts, place, pull);
    if (counted !== "again") return counted;
  }
  throw new NotNow("people speak faster than they are counted", parts.context.clock() + 1_000);
}

async function countOnce(
  parts: Parts,
  { ...place }: Place,
  pull: PullFacts | "none" | "unknown",
): Promise<Counted | undefined | "again"> {
  const { database, clock, appId } = parts.context;
  const { sid } = place.session;
  const requests = await requestsOf(database, sid);
  const asking = requests.filter(({ state, recheck }) => state === "pending" || recheck);
  const words = asking.length > 0 ? await readWords(database, place, asking, clock()) : await keptWords(database, sid);
  const kept = await countWords(database, sid);
  // Looked at after they spoke: nobody answers for a job that has ended.
  const { octokit, repository, session } = place;
  if (asking.length > 0 && (await readJob(octokit, repository.at, session.check_run_id)) === "ended") {
    await database.transaction(async (sql) => await withdrawAll(sql, sid, clock()));
    return undefined;
  }
  const speakers = speakersOf(words, asking, place.session.head_sha);
  if (words.length === 0) return undefined;
  const named = await learnNames(database, place, asking);
  place = { ...place, surface: named.surface };
  let people: ReadonlyMap<number, PersonFacts> = new Map();
  const cause = speakers.length === 0 ? undefined : await learnCause(database, place, pull);
  if (cause !== undefined) {
    place = { ...place, surface: cause.surface };
    const needsAffiliation = asking.some((row) => namesNobody(row));
    people = await readPeople(place, speakers, { names: named.names, needsAffiliation });
  }
  const run = cause?.run ?? UNREAD;
  const read = { people, run, nowMs: clock(), repository: place.repository, pull };
  const listed = requests.map((row) => listedOf(row, place, { names: named.names, app: appId }));
  const counts = countAnswers(factsOf(listed, words, read));
  // A request that was approved and is looked at again is counted as if it had not been.
  const again = requests
    .filter(({ state, recheck }) => state === "approved" && recheck)
    .map((row) => {
      const open = { ...listedOf(row, place, { names: named.names, app: appId }), ended: undefined };
      const before = { ...read, nowMs: Math.min(read.nowMs, row.deadline - 1) };
      return { id: row.id, count: countAnswers(factsOf([open], words, before)).requests.get(row.id) };
    });
  const isSettled = await settle(parts, sid, { counts, again, people, words, kept });
  return isSettled ? { counts, words } : "again";
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
        await recheck(parts, sql, row, looked.count?.outcome === "approved");
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

async function recheck(
  { context }: Parts,
  sql: Parameters<Parameters<Parts["context"]["database"]["transaction"]>[0]>[0],
  row: RequestRow,
  stillMay: boolean,
): Promise<void> {
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
    return text === "" ? [] : [[...text].slice(0, REASON_CHARACTERS_MAX).join("")];
  });
  return { by, reason: texts.join("\n"), words: counted };
}

/** GitHub did not do as asked. Where it never will again, nothing waits in vain. */
async function afterFailure({ context }: Parts, session: SessionRow, error: unknown): Promise<void> {
  if (![401, 403, 404].includes(statusOf(error))) return;
  const { database, github, clock } = context;
  const app = await github.app();
  const found = await told(
    async () =>
      await app.request("GET /app/installations/{installation_id}", { installation_id: session.installation_id }),
  );
  const isGone =
    found === "gone" ||
    (found !== "refused" && found.data.suspended_at !== null && found.data.suspended_at !== undefined);
  if (isGone) await database.transaction(async (sql) => await withdrawAll(sql, session.sid, clock()));
}
