/** Makes GitHub's surfaces what they should be: each made once, found again when the answer was lost, changed when it differs. */

import { createCheck, findCheck, type Shown, updateCheck } from "../../src/github/checks.ts";
import { statusOf } from "../../src/github/failure.ts";
import {
  createComment,
  createIssue,
  findComment,
  findIssue,
  type IssueText,
  updateComment,
  updateIssue,
} from "../../src/github/threads.ts";
import type { Database } from "../state/database.ts";
import type { Place } from "./facts.ts";
import type { Parts } from "./parts.ts";
import { askedOf, type RequestRow } from "./requests.ts";
import { CHECK_NAME, markerOf, pointerText, type Showing } from "./shown.ts";
import { changeSurface, digestOf, type SurfaceRow } from "./surface.ts";

/** What the pull request was to be merged into when a request was listed. */
export interface Base {
  readonly ref: string;
  readonly sha: string;
}

/** Shows it, and notes which requests people can now see whole. Gives the surface as it is then. */
export async function publishCheck(parts: Parts, place: Place, showing: Showing, base: Base): Promise<SurfaceRow> {
  const { database } = parts.context;
  const digest = digestOf(showing.check);
  const { surface } = place;
  if (surface.check_digest === digest) return surface;
  // Nothing was ever shown, and nothing waits any more.
  if (surface.check_run === 0 && !surface.check_tried && showing.waiting.length === 0) return surface;
  const { id, url, atMs } = await putCheck(parts, place, showing.check);
  if (showing.whole.length > 0) {
    await database.run(
      "UPDATE request SET listed_at = $2, base_ref = $3, base_sha = $4 WHERE id = ANY($1) AND listed_at = 0",
      [showing.whole, atMs, base.ref, base.sha],
    );
  }
  return await changeSurface(database, surface, { check_run: id, check_url: url, check_digest: digest });
}

async function putCheck(
  { context }: Parts,
  { octokit, session, repository, surface }: Place,
  shown: Shown,
): Promise<{ readonly id: number; readonly url: string; readonly atMs: number }> {
  const { database, clock, appId } = context;
  const { at } = repository;
  const where = { at, app: appId, name: CHECK_NAME, headSha: session.head_sha, externalId: session.sid };
  let id = surface.check_run;
  // Its making was tried, and nobody knows what came of it.
  if (id === 0 && surface.check_tried) id = (await findCheck(octokit, where)) ?? 0;
  if (id !== 0) {
    await changeSurface(database, surface, { check_run: id });
    return await updateCheck(octokit, { at, id }, shown, clock);
  }
  await changeSurface(database, surface, { check_tried: true });
  const made = await createCheck(octokit, where, shown, clock);
  await changeSurface(database, surface, { check_run: made.id });
  return made;
}

/** The comment on the pull request, or the issue: where policy lets people answer there, from when something waits. */
export async function publishThread(
  parts: Parts,
  place: Place,
  showing: Showing,
  requests: readonly RequestRow[],
): Promise<SurfaceRow> {
  const { surface, session, repository } = place;
  const via = new Set(showing.waiting.flatMap((row) => askedOf(row).terms.via));
  const isPull = surface.pull > 0;
  const isWanted = via.has("comment") || (isPull && via.has("review"));
  const isThere = surface.thread_tried;
  if (surface.pull < 0 || surface.thread < 0 || (!isWanted && !isThere)) return surface;
  const text = pointerText(showing, requests, {
    marker: markerOf(surface),
    url: surface.check_url,
    owner: repository.at.owner,
    isPersonal: repository.isPersonal,
  });
  const state = showing.waiting.length === 0 && session.state !== "open" ? "closed" : "open";
  const digest = digestOf({ ...text, state: isPull ? "" : state });
  if (surface.thread_digest === digest) return surface;
  const { database } = parts.context;
  const next = isPull
    ? await putComment(parts, place, text.body, digest)
    : await putIssue(parts, place, { ...text, state }, digest);
  return await changeSurface(database, surface, next);
}

type Changes = Partial<Pick<SurfaceRow, "comment" | "thread" | "thread_digest" | "thread_tried">>;

async function putComment(parts: Parts, place: Place, body: string, digest: string): Promise<Changes> {
  const { octokit, repository, surface, session } = place;
  const { database, appId } = parts.context;
  const { at } = repository;
  let comment = surface.comment;
  if (comment === 0 && surface.thread_tried) {
    const wanted = { marker: markerOf(surface), app: appId, thread: surface.thread, since: sinceOf(session) };
    comment = (await findComment(octokit, at, wanted)) ?? 0;
  }
  // One that somebody deleted is not written again: they have seen it, and the check stands.
  if (comment !== 0) {
    await updateComment(octokit, at, comment, body);
    return { comment, thread_digest: digest };
  }
  await tried(database, surface);
  return { comment: await createComment(octokit, at, surface.thread, body), thread_digest: digest, thread_tried: true };
}

async function putIssue(
  parts: Parts,
  place: Place,
  issue: IssueText & { readonly state: "open" | "closed" },
  digest: string,
): Promise<Changes> {
  const { octokit, repository, surface, session } = place;
  const { database, appId } = parts.context;
  const { at } = repository;
  let thread = surface.thread;
  if (thread === 0 && surface.thread_tried) {
    const wanted = { marker: markerOf(surface), app: appId, since: sinceOf(session) };
    thread = (await findIssue(octokit, at, wanted)) ?? 0;
  }
  if (thread !== 0) {
    // Known before it is written, so that what is answered there meanwhile is heard.
    await changeSurface(database, surface, { thread });
    await updateIssue(octokit, at, thread, issue);
    return { thread, thread_digest: digest };
  }
  await tried(database, surface);
  try {
    const { title, body } = issue;
    return { thread: await createIssue(octokit, at, { title, body }), thread_digest: digest, thread_tried: true };
  } catch (error) {
    // The repository has no issues: the check is what there is.
    if (statusOf(error) !== 410) throw error;
    return { thread: -1, thread_tried: true };
  }
}

async function tried(database: Database, surface: SurfaceRow): Promise<void> {
  await changeSurface(database, surface, { thread_tried: true });
}

// Before the session there was none of it.
function sinceOf({ registered_at }: { readonly registered_at: number }): string {
  return new Date(registered_at - 300_000).toISOString().replace(/\.\d+Z$/, "Z");
}
