// Finds a repository by its number: names change hands, and the evidence of one must never be written into another.

import type { Octokit } from "@octokit/core";
import { RepositoryError } from "./evidence-branch.ts";
import type { RepositoryName } from "./evidence-objects.ts";
import { statusOf } from "./failure.ts";

/** An installation with more repositories than a hundred times this would be looked through for ever. */
const PAGES_MAX = 50;
const PER_PAGE = 100;

/** Where the repository of this number is now. `last`: `owner/name` when it was last heard of. Rejects with RepositoryError. */
export async function findRepository(octokit: Octokit, id: number, last: string): Promise<RepositoryName> {
  const [owner = "", repo = ""] = last.split("/");
  try {
    // Of a repository that was renamed, GitHub tells by its old name as well.
    const { data } = await octokit.request("GET /repos/{owner}/{repo}", { owner, repo });
    if (data.id === id) return { owner: data.owner.login, repo: data.name };
  } catch (error) {
    if (statusOf(error) !== 404 && statusOf(error) !== 301) throw error;
  }
  for (let page = 1; page <= PAGES_MAX; page += 1) {
    const { data } = await octokit.request("GET /installation/repositories", { per_page: PER_PAGE, page });
    const found = data.repositories.find((each) => each.id === id);
    if (found !== undefined) return { owner: found.owner.login, repo: found.name };
    if (data.repositories.length < PER_PAGE) break;
  }
  throw new RepositoryError(
    `repository ${id}, last known as ${last}, is not among those of the App's installation: install the App on it again`,
  );
}
