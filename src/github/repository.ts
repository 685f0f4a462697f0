// A repository by its number: its name can change while a session runs, and be taken by another repository.

import type { Octokit } from "@octokit/core";
import { statusOf } from "./failure.ts";

/** How GitHub's paths name a repository. */
export interface At {
  readonly owner: string;
  readonly repo: string;
}

export interface RepositoryFacts {
  readonly id: number;
  readonly at: At;
  readonly isPublic: boolean;
  /** A person's repository has no members and no teams. */
  readonly isPersonal: boolean;
}

/** An installation with more repositories than this has to keep the name of a session's. */
const PAGES_MAX = 20;

/**
 * The repository as it is now, looked for under the name it had. `gone` when this installation has it no more: deleted,
 * transferred, or taken from the App.
 */
export async function readRepository(
  octokit: Octokit,
  known: { readonly id: number; readonly fullName: string },
): Promise<RepositoryFacts | "gone"> {
  const [owner = "", repo = ""] = known.fullName.split("/");
  try {
    const { data } = await octokit.request("GET /repos/{owner}/{repo}", { owner, repo });
    if (Number(data.id) === known.id) return factsOf(data);
  } catch (error) {
    if (statusOf(error) !== 404) throw error;
  }
  for (let page = 1; page <= PAGES_MAX; page += 1) {
    const { data } = await octokit.request("GET /installation/repositories", { per_page: 100, page });
    const found = data.repositories.find(({ id }) => Number(id) === known.id);
    if (found !== undefined) return factsOf(found);
    if (data.repositories.length < 100) break;
  }
  return "gone";
}

function factsOf(data: {
  readonly id: number | bigint;
  readonly name: string;
  readonly private: boolean;
  readonly owner: { readonly login: string; readonly type: string };
}): RepositoryFacts {
  return {
    id: Number(data.id),
    at: { owner: data.owner.login, repo: data.name },
    isPublic: !data.private,
    isPersonal: data.owner.type !== "Organization",
  };
}
