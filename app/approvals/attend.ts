/**
 * Looks after one session's requests: shows them on GitHub, reads what people said there, counts it, signs what follows and
 * shows how it ended. It looks at what is and makes it what it should be, so it may run twice, late, or after a restart.
 */

import type { Octokit } from "@octokit/core";
import { statusOf } from "../../src/github/failure.ts";
import type { PullFacts } from "../../src/github/pull.ts";
import { told } from "../../src/github/refusal.ts";
import { readRepository } from "../../src/github/repository.ts";
import { findSession, type SessionRow } from "../sessions/session.ts";
import type { Doer } from "../state/errands.ts";
import { politely } from "../state/politely.ts";
import { expire } from "./expire.ts";
import { learnPull, type Place, readPullOf } from "./facts.ts";
import type { Pace } from "./pace.ts";
import type { Parts } from "./parts.ts";
import { publishCheck, publishThread } from "./publish.ts";
import { repliesTo, reply } from "./replies.ts";
import { isAsking, type RequestRow, requestsOf, takeBack } from "./requests.ts";
import { showingOf } from "./shown.ts";
import { changeSurface, openSurface } from "./surface.ts";
import { countAll } from "./tally.ts";

/** A surface that cannot be brought up to date for a day after the last end is left as it is. */
const STALE_MS_MAX = 24 * 60 * 60 * 1000;

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
  if (session.state !== "open") await database.transaction(async (sql) => await takeBack(sql, sid, clock()));
  const isWaiting = requests.some(isAsking);
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
  return left.some(isAsking) ? clock() + parts.options.pollMs : "done";
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
    await database.transaction(async (sql) => await takeBack(sql, sid, clock()));
    return;
  }
  if (surface.public === null) surface = await changeSurface(database, surface, { public: repository.isPublic });
  surface = (await learnPull(database, { octokit, session, repository, surface })).surface;
  let place: Place = { octokit, session, repository, surface };
  const isDisclosed = repository.isPublic && surface.public === false;

  let requests = await requestsOf(database, sid);
  const isOpen = requests.some(isAsking);
  const pull = isOpen ? await readPullOf(place) : "unknown";
  // Shown before it is counted, because only what was shown can be approved.
  place = await publish(parts, place, requests, { pull, isDisclosed, withThread: false });
  signal.throwIfAborted();
  const counts = await countAll(parts, place);
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

/** GitHub did not do as asked. Where it never will again, nothing waits in vain. */
async function afterFailure({ context }: Parts, session: SessionRow, error: unknown): Promise<void> {
  if (![401, 403, 404].includes(statusOf(error))) return;
  const { database, github, clock } = context;
  const app = await github.app();
  const found = await told(
    async () =>
      await app.request("GET /app/installations/{installation_id}", { installation_id: session.installation_id }),
  );
  const isGone = found === "gone" || (found !== "refused" && found.data.suspended_at !== null);
  if (isGone) await database.transaction(async (sql) => await takeBack(sql, session.sid, clock()));
}
