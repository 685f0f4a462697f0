// A pull request, and everybody who had a hand in the commits that run.

import type { Octokit } from "@octokit/core";
import { statusOf } from "./failure.ts";
import { told } from "./refusal.ts";
import type { At } from "./repository.ts";

export interface PullFacts {
  readonly number: number;
  readonly baseRef: string;
  readonly baseSha: string;
  readonly headSha: string;
  readonly author: number | "unknown";
  readonly isOpen: boolean;
  /** As GitHub counts them. */
  readonly commits: number;
}

export async function readPull(octokit: Octokit, at: At, number: number): Promise<PullFacts | "unknown"> {
  const found = await told(
    async () => await octokit.request("GET /repos/{owner}/{repo}/pulls/{pull_number}", { ...at, pull_number: number }),
  );
  if (typeof found === "string") return "unknown";
  const { data } = found;
  return {
    number,
    baseRef: data.base.ref,
    baseSha: data.base.sha,
    headSha: data.head.sha,
    author: numberOf(data.user) ?? "unknown",
    isOpen: data.state === "open",
    commits: data.commits,
  };
}

/** GitHub lists no more commits of a pull request. */
const COMMITS_MAX = 250;

/**
 * Numbers of all authors, committers and co-authors of the pull request's commits and of the commit that runs. `unknown`
 * when not all commits, or not everybody of them, could be read.
 */
export async function readCommitters(
  octokit: Octokit,
  at: At,
  { headSha, pull }: { readonly headSha: string; readonly pull: PullFacts | "none" },
): Promise<readonly number[] | "unknown"> {
  const commits: Commit[] = [];
  if (pull !== "none") {
    // Of that many GitHub may have left some out.
    if (pull.commits >= COMMITS_MAX) return "unknown";
    for (let page = 1; page <= Math.ceil(COMMITS_MAX / 100); page += 1) {
      const { data } = await octokit.request("GET /repos/{owner}/{repo}/pulls/{pull_number}/commits", {
        ...at,
        pull_number: pull.number,
        per_page: 100,
        page,
      });
      commits.push(...data);
      if (data.length < 100) break;
    }
    if (commits.length < pull.commits) return "unknown";
  }
  // After a push by force the commit that runs is none of the pull request's any more.
  if (!commits.some(({ sha }) => sha === headSha)) {
    const found = await told(
      async () => await octokit.request("GET /repos/{owner}/{repo}/commits/{ref}", { ...at, ref: headSha }),
    );
    if (typeof found === "string") return "unknown";
    commits.push(found.data);
  }
  const people = new Set<number>();
  for (const commit of commits) {
    for (const each of [commit.author, commit.committer]) {
      const id = numberOf(each);
      if (id !== undefined) people.add(id);
    }
    const others = await readCoAuthors(octokit, at, commit);
    if (others === "unknown") return "unknown";
    for (const id of others) people.add(id);
  }
  return [...people];
}

interface Commit {
  readonly sha: string;
  readonly commit: { readonly message: string };
  readonly author: unknown;
  readonly committer: unknown;
}

const CO_AUTHOR = /^co-authored-by:.*<([^<>\s]+)>\s*$/gim;
// The addresses that GitHub gives out: their owner's number is in the newer of them.
const NUMBERED = /^(\d{1,15})\+[^@]+@users\.noreply\./i;

async function readCoAuthors(
  octokit: Octokit,
  at: At,
  { sha, commit }: Commit,
): Promise<readonly number[] | "unknown"> {
  const addresses = [...commit.message.matchAll(CO_AUTHOR)].map(([, address = ""]) => address);
  const numbers = addresses.map((address) => Number(NUMBERED.exec(address)?.[1] ?? Number.NaN));
  if (numbers.every((each) => Number.isSafeInteger(each))) return numbers;
  // Whose the other addresses are only GitHub knows, and tells by its graph alone.
  let answer: unknown;
  try {
    answer = await octokit.graphql(
      `query ($owner: String!, $repo: String!, $oid: GitObjectID!) {
         repository(owner: $owner, name: $repo) {
           object(oid: $oid) { ... on Commit { authors(first: 100) { totalCount nodes { user { databaseId } } } } }
         }
       }`,
      { ...at, oid: sha },
    );
  } catch (error) {
    // It answers with an error where it does not know the question; away and overloaded it may be asked again.
    if (statusOf(error) >= 500 || statusOf(error) === 403 || statusOf(error) === 429) throw error;
    return "unknown";
  }
  const authors = within(within(within(answer, "repository"), "object"), "authors");
  const nodes = within(authors, "nodes");
  const total = within(authors, "totalCount");
  if (!Array.isArray(nodes) || total !== nodes.length) return "unknown";
  return nodes.flatMap((node: unknown): number[] => {
    const id = within(within(node, "user"), "databaseId");
    return typeof id === "number" ? [id] : [];
  });
}

function within(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null
    ? Object.entries(value).find(([key]) => key === name)?.[1]
    : undefined;
}

// GitHub writes an empty object, or null, for who has no account.
function numberOf(person: unknown): number | undefined {
  const id = within(person, "id");
  return typeof id === "number" ? id : undefined;
}
