// The policy of a repository: the file on its default branch, and never a pull request's own. DESIGN.md 6.

import type { Octokit } from "@octokit/core";
import { told } from "./refusal.ts";
import type { At } from "./repository.ts";

export const POLICY_PATH = ".github/countersign.yml";

export interface PolicyFile {
  readonly path: string;
  /** The commit of the default branch that it was read at. */
  readonly commit: string;
  readonly text: string;
}

/** A policy is a page or two; GitHub gives a file's content so up to a megabyte. */
const BYTES_MAX = 256 * 1024;

/** The file as the newest commit of the default branch has it; else in a sentence why there is none. */
export async function readPolicyFile(octokit: Octokit, at: At): Promise<PolicyFile | string> {
  const { data: repository } = await octokit.request("GET /repos/{owner}/{repo}", { ...at });
  const branch = repository.default_branch;
  const tip = await told(
    async () => await octokit.request("GET /repos/{owner}/{repo}/branches/{branch}", { ...at, branch }),
  );
  if (typeof tip === "string") return `the default branch ${branch} cannot be read`;
  const commit = tip.data.commit.sha;
  // By the commit, so that text and commit are of one moment.
  const found = await told(
    async () =>
      await octokit.request("GET /repos/{owner}/{repo}/contents/{path}", { ...at, path: POLICY_PATH, ref: commit }),
  );
  if (found === "gone") return `there is no ${POLICY_PATH} on the default branch ${branch}`;
  if (found === "refused") return `the App may not read ${POLICY_PATH}: it needs the permission to read contents`;
  const { data } = found;
  if (Array.isArray(data) || data.type !== "file" || !("content" in data) || data.encoding !== "base64") {
    return `${POLICY_PATH} on ${branch} is no ordinary file`;
  }
  if (data.size > BYTES_MAX) return `${POLICY_PATH} has ${data.size} bytes, and a policy at most ${BYTES_MAX}`;
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.from(data.content, "base64"));
    return { path: POLICY_PATH, commit, text };
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return `${POLICY_PATH} on ${branch} is not UTF-8`;
  }
}
