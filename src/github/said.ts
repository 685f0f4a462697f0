// What people said on a thread, read as it stands there now.

import type { Octokit } from "@octokit/core";
import type { Word } from "../approval/words.ts";
import type { At } from "./repository.ts";

export interface Said {
  readonly word: Extract<Word, { readonly kind: "comment" | "review" }>;
  readonly login: string;
  readonly type: string;
}

export interface Thread {
  readonly repository: number;
  readonly at: At;
  readonly number: number;
}

/** Ten pages: a thread with more of them is not read, and what is not read whole counts for nothing. */
const PAGES_MAX = 10;
const PAGE = 100;

/** Comments written or changed since then; `unknown` where there are more than can be read. */
export async function readComments(
  octokit: Octokit,
  { repository, at, number }: Thread,
  since: string,
): Promise<readonly Said[] | "unknown"> {
  const all: Said[] = [];
  for (let page = 1; page <= PAGES_MAX; page += 1) {
    const { data } = await octokit.request("GET /repos/{owner}/{repo}/issues/{issue_number}/comments", {
      ...at,
      issue_number: number,
      since,
      per_page: PAGE,
      page,
    });
    for (const each of data) {
      const { user } = each;
      // Nobody's, as of an account that was deleted.
      if (user === null) continue;
      const word: Said["word"] = {
        kind: "comment",
        key: each.node_id,
        by: Number(user.id),
        atMs: Date.parse(each.created_at),
        through: through(each.performed_via_github_app),
        repository,
        thread: number,
        body: each.body ?? "",
        stage: each.updated_at === each.created_at ? "created" : "edited",
      };
      all.push({ word, login: user.login, type: user.type });
    }
    if (data.length < PAGE) return all;
  }
  return "unknown";
}

/** Reviews that approve, ask for changes or were dismissed; `unknown` where there are more than can be read. */
export async function readReviews(
  octokit: Octokit,
  { repository, at, number }: Thread,
): Promise<readonly Said[] | "unknown"> {
  const all: Said[] = [];
  for (let page = 1; page <= PAGES_MAX; page += 1) {
    const { data } = await octokit.request("GET /repos/{owner}/{repo}/pulls/{pull_number}/reviews", {
      ...at,
      pull_number: number,
      per_page: PAGE,
      page,
    });
    for (const each of data) {
      const { user } = each;
      const state = stateOf(each.state);
      if (user === null || state === undefined) continue;
      const word: Said["word"] = {
        kind: "review",
        key: each.node_id,
        by: Number(user.id),
        atMs: Date.parse(each.submitted_at ?? ""),
        // GitHub does not tell of a review whether an App gave it in a person's name.
        through: "themselves",
        repository,
        pullRequest: number,
        commit: each.commit_id ?? "",
        state,
      };
      // One without a time was not submitted.
      if (Number.isFinite(word.atMs)) all.push({ word, login: user.login, type: user.type });
    }
    if (data.length < PAGE) return all;
  }
  return "unknown";
}

/** GitHub's `performed_via_github_app`: null is nobody, and absent is not told. */
export function through(via: unknown): Word["through"] {
  return via === null ? "themselves" : via === undefined ? "unknown" : "app";
}

function stateOf(state: string): "approved" | "changes requested" | "dismissed" | undefined {
  switch (state.toUpperCase()) {
    case "APPROVED":
      return "approved";
    case "CHANGES_REQUESTED":
      return "changes requested";
    case "DISMISSED":
      return "dismissed";
    default:
      return undefined;
  }
}
