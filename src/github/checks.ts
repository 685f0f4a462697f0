// The one check run of a session: made once, found again when the answer to its making was lost, changed when it shows
// something else.

import type { Octokit } from "@octokit/core";
import type { CheckText } from "../approval/check-text.ts";
import type { At } from "./repository.ts";

/** What a check says. Only a completed one has buttons, so it is completed from the beginning. */
export interface Shown extends Pick<CheckText, "title" | "summary" | "text" | "buttons"> {
  readonly conclusion: "action_required" | "success" | "failure" | "timed_out" | "cancelled" | "neutral";
}

export interface CheckPlace {
  readonly at: At;
  readonly app: number;
  readonly name: string;
  readonly headSha: string;
  readonly externalId: string;
}

export interface CheckAccepted {
  readonly id: number;
  readonly url: string;
  /** GitHub's clock when it had taken this, to the second and never later than it was. */
  readonly atMs: number;
}

/** GitHub keeps a thousand of one name on one commit. */
const PAGES_MAX = 10;

/** Number of the check run of this session, if there is one. */
export async function findCheck(octokit: Octokit, place: CheckPlace): Promise<number | undefined> {
  for (let page = 1; page <= PAGES_MAX; page += 1) {
    const { data } = await octokit.request("GET /repos/{owner}/{repo}/commits/{ref}/check-runs", {
      ...place.at,
      ref: place.headSha,
      check_name: place.name,
      app_id: place.app,
      filter: "all",
      per_page: 100,
      page,
    });
    const ours = data.check_runs.filter(
      ({ app, external_id }) => Number(app?.id) === place.app && external_id === place.externalId,
    );
    // Were there two, by a race, everybody takes the older.
    const oldest = ours.map(({ id }) => Number(id)).toSorted((one, other) => one - other)[0];
    if (oldest !== undefined) return oldest;
    if (data.check_runs.length < 100) break;
  }
  return undefined;
}

export async function createCheck(
  octokit: Octokit,
  { at, name, headSha, externalId }: CheckPlace,
  shown: Shown,
  nowMs: () => number,
): Promise<CheckAccepted> {
  const { data, headers } = await octokit.request("POST /repos/{owner}/{repo}/check-runs", {
    ...at,
    name,
    head_sha: headSha,
    external_id: externalId,
    ...saying(shown),
  });
  return { id: Number(data.id), url: data.html_url ?? "", atMs: githubTime(headers.date, data.completed_at, nowMs) };
}

export async function updateCheck(
  octokit: Octokit,
  { at, id }: { readonly at: At; readonly id: number },
  shown: Shown,
  nowMs: () => number,
): Promise<CheckAccepted> {
  const { data, headers } = await octokit.request("PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}", {
    ...at,
    check_run_id: id,
    ...saying(shown),
  });
  return { id: Number(data.id), url: data.html_url ?? "", atMs: githubTime(headers.date, data.completed_at, nowMs) };
}

function saying({ conclusion, title, summary, text, buttons }: Shown): {
  status: "completed";
  conclusion: Shown["conclusion"];
  output: { title: string; summary: string; text: string };
  actions: { label: string; description: string; identifier: string }[];
} {
  return {
    status: "completed",
    conclusion,
    output: { title, summary, text },
    // An empty list takes the buttons away.
    actions: buttons.map(({ label, description, identifier }) => ({ label, description, identifier })),
  };
}

function githubTime(date: string | undefined, completedAt: string | null, nowMs: () => number): number {
  const told = [date, completedAt].map((each) => Date.parse(each ?? "")).find((each) => Number.isFinite(each));
  return told ?? nowMs();
}
