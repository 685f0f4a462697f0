// Where people are told that something waits: one comment on a pull request, or one issue, of a session.

import type { Octokit } from "@octokit/core";
import { statusOf } from "./failure.ts";
import type { At } from "./repository.ts";

/** Pages of a thread, or of the App's issues, that are searched for what was made without our knowing. */
const PAGES_MAX = 10;

/**
 * The comment that holds `marker`, the oldest of them: nobody could copy what was not written yet. Only an App's comment
 * is ours.
 */
export async function findComment(
  octokit: Octokit,
  at: At,
  { thread, since, ...wanted }: { readonly thread: number; readonly since: string } & Wanted,
): Promise<number | undefined> {
  for (let page = 1; page <= PAGES_MAX; page += 1) {
    const { data } = await octokit.request("GET /repos/{owner}/{repo}/issues/{issue_number}/comments", {
      ...at,
      issue_number: thread,
      since,
      per_page: 100,
      page,
    });
    const found = data.find((each) => isOurs(each, wanted));
    if (found !== undefined) return Number(found.id);
    if (data.length < 100) break;
  }
  return undefined;
}

export interface Wanted {
  readonly marker: string;
  readonly app: number;
}

function isOurs(
  each: {
    readonly body?: string | null;
    readonly user: { readonly type: string } | null;
    readonly performed_via_github_app?: { readonly id: number | bigint } | null;
  },
  { marker, app }: Wanted,
): boolean {
  const via = each.performed_via_github_app;
  const isOther = via !== null && via !== undefined && Number(via.id) !== app;
  return each.user?.type === "Bot" && !isOther && (each.body ?? "").includes(marker);
}

export async function createComment(octokit: Octokit, at: At, thread: number, body: string): Promise<number> {
  const { data } = await octokit.request("POST /repos/{owner}/{repo}/issues/{issue_number}/comments", {
    ...at,
    issue_number: thread,
    body,
  });
  return Number(data.id);
}

/** `gone` when somebody deleted it. */
export async function updateComment(octokit: Octokit, at: At, comment: number, body: string): Promise<"done" | "gone"> {
  try {
    await octokit.request("PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}", {
      ...at,
      comment_id: comment,
      body,
    });
    return "done";
  } catch (error) {
    if (statusOf(error) === 404 || statusOf(error) === 410) return "gone";
    throw error;
  }
}

/** Number of the issue that holds `marker`, made since then. */
export async function findIssue(
  octokit: Octokit,
  at: At,
  { since, ...wanted }: { readonly since: string } & Wanted,
): Promise<number | undefined> {
  for (let page = 1; page <= PAGES_MAX; page += 1) {
    const { data } = await octokit.request("GET /repos/{owner}/{repo}/issues", {
      ...at,
      state: "all",
      since,
      per_page: 100,
      page,
    });
    const ours = data.filter((each) => isOurs(each, wanted));
    const oldest = ours.map(({ number }) => number).toSorted((one, other) => one - other)[0];
    if (oldest !== undefined) return oldest;
    if (data.length < 100) break;
  }
  return undefined;
}

export interface IssueText {
  readonly title: string;
  readonly body: string;
}

export async function createIssue(octokit: Octokit, at: At, { title, body }: IssueText): Promise<number> {
  const { data } = await octokit.request("POST /repos/{owner}/{repo}/issues", { ...at, title, body });
  return data.number;
}

/** `gone` when somebody deleted it, or issues are switched off. */
export async function updateIssue(
  octokit: Octokit,
  at: At,
  number: number,
  { title, body, state }: IssueText & { readonly state: "open" | "closed" },
): Promise<"done" | "gone"> {
  try {
    await octokit.request("PATCH /repos/{owner}/{repo}/issues/{issue_number}", {
      ...at,
      issue_number: number,
      title,
      body,
      state,
    });
    return "done";
  } catch (error) {
    if (statusOf(error) === 404 || statusOf(error) === 410) return "gone";
    throw error;
  }
}
