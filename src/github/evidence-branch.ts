// One branch of evidence on GitHub: where it stands, and one commit on top of that. Nothing is ever forced: a branch that
// moved meanwhile is reported, and whoever writes looks again.

import type { Octokit } from "@octokit/core";
import type { EvidenceFile } from "../evidence/ledger.ts";
import { blobOid, type RepositoryName } from "./evidence-objects.ts";
import { askAgainAtMs, statusOf } from "./failure.ts";

/** Where a branch stands. */
export interface BranchHead {
  readonly commit: string;
  readonly tree: string;
}

/** A commit that is to be made on a branch. */
export interface BranchCommit {
  /** Its short name. */
  readonly branch: string;
  /** Where it must stand; undefined for a branch that is not there and is made without a past. */
  readonly head: BranchHead | undefined;
  readonly files: readonly EvidenceFile[];
  /** Paths that are in the head and go. */
  readonly removed: readonly string[];
  readonly message: string;
}

/** A commit that was made, and how many requests that write it took. */
export interface CommitMade {
  readonly oid: string;
  readonly requests: number;
}

/** The branch is not where it was expected; nothing was written. */
export class BranchMovedError extends Error {
  override readonly name = "BranchMovedError";
}

/** The repository cannot take a commit in the way it is; the message says what to do. */
export class RepositoryError extends Error {
  override readonly name = "RepositoryError";
}

/** GitHub does not do what was asked by GraphQL, and said so. Its REST interface may. */
export class GraphqlRefusedError extends Error {
  override readonly name = "GraphqlRefusedError";
}

/** Where the branch stands; undefined where there is none. Rejects with RepositoryError for an empty repository. */
export async function readBranch(
  octokit: Octokit,
  at: RepositoryName,
  branch: string,
): Promise<BranchHead | undefined> {
  try {
    const { data } = await octokit.request("GET /repos/{owner}/{repo}/git/ref/{ref}", {
      ...at,
      ref: `heads/${branch}`,
    });
    const commit = data.object.sha;
    const answer = await octokit.request("GET /repos/{owner}/{repo}/git/commits/{commit_sha}", {
      ...at,
      commit_sha: commit,
    });
    return { commit, tree: answer.data.tree.sha };
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw emptyOr(error, at);
  }
}

/** GitHub keeps no objects for a repository that never had a commit. */
function emptyOr(error: unknown, { owner, repo }: RepositoryName): unknown {
  if (statusOf(error) !== 409 || !(error instanceof Error) || !/empty/i.test(error.message)) return error;
  return new RepositoryError(
    `${owner}/${repo} has no commit yet, and GitHub makes no branch of evidence in an empty repository: push a first commit`,
    { cause: error },
  );
}

/** `createCommitOnBranch` takes about 40 MB, and as one report has it a hundred files; we stay well below. */
const GRAPHQL_FILES_MAX = 90;
const GRAPHQL_BYTES_MAX = 16 * 1024 * 1024;

/** May this commit be made by GraphQL: the branch is there, and it is not too much at once. */
export function fitsGraphql({ head, files, removed }: BranchCommit): boolean {
  const bytes = files.reduce((sum, each) => sum + each.bytes.length, 0);
  return head !== undefined && files.length + removed.length <= GRAPHQL_FILES_MAX && bytes <= GRAPHQL_BYTES_MAX;
}

const CREATE = `mutation ($input: CreateCommitOnBranchInput!) {
  createCommitOnBranch(input: $input) { commit { oid } }
}`;

/** Workflows are not for commits of evidence. */
const BODY = "[skip ci]";

/**
 * Makes the commit by GraphQL, which GitHub signs. Rejects with BranchMovedError, GraphqlRefusedError, or what
 * the request failed with: then nobody knows whether it was made.
 */
export async function commitByGraphql(octokit: Octokit, at: RepositoryName, commit: BranchCommit): Promise<CommitMade> {
  const { branch, head, files, removed, message } = commit;
  const input = {
    branch: { repositoryNameWithOwner: `${at.owner}/${at.repo}`, branchName: branch },
    expectedHeadOid: head?.commit,
    message: { headline: message, body: BODY },
    fileChanges: {
      additions: files.map(({ path, bytes }) => ({ path, contents: Buffer.from(bytes).toString("base64") })),
      deletions: removed.map((path) => ({ path })),
    },
  };
  try {
    const made = await octokit.graphql<{
      readonly createCommitOnBranch: { readonly commit: { readonly oid: string } };
    }>(CREATE, { input });
    return { oid: made.createCommitOnBranch.commit.oid, requests: 1 };
  } catch (error) {
    const types = typesIn(error);
    if (types.includes("STALE_DATA")) throw new BranchMovedError(`${branch} moved`, { cause: error });
    if (types.includes("RATE_LIMITED")) throw error;
    const status = statusOf(error);
    // Where a limit answers with 403 it says when to come back, and where a server does not know GraphQL it does not.
    const isRefused = [404, 410, 501].includes(status) || (status === 403 && !isLimit(error));
    if (types.length > 0 || isRefused) {
      throw new GraphqlRefusedError("GitHub does not make this commit by GraphQL", { cause: error });
    }
    throw error;
  }
}

/** The types of GraphQL's errors, `""` for one without a type; none where the request itself failed. */
function typesIn(error: unknown): string[] {
  if (!(error instanceof Error) || !("errors" in error) || !Array.isArray(error.errors)) return [];
  const errors: readonly unknown[] = error.errors;
  return errors.map((each) => {
    const isStale = textAt(each, "message").startsWith("Expected branch to point to");
    return isStale ? "STALE_DATA" : textAt(each, "type");
  });
}

function textAt(value: unknown, name: string): string {
  const found: unknown =
    typeof value === "object" && value !== null ? Object.entries(value).find(([key]) => key === name)?.[1] : "";
  return typeof found === "string" ? found : "";
}

function isLimit(error: unknown): boolean {
  if (askAgainAtMs(error, 0) !== undefined) return true;
  return error instanceof Error && /rate limit|abuse/i.test(error.message);
}

/** A tree is made from slices: GitHub gives up on one that takes it too long. */
const SLICE_FILES_MAX = 100;
const SLICE_BYTES_MAX = 1024 * 1024;
/** A longer file goes by itself. */
const INLINE_BYTES_MAX = 256 * 1024;

/**
 * Makes the commit from git's own objects, and moves the branch to it, if that is a step forward, or makes the branch. GitHub
 * signs this too, since no author is named. Rejects with BranchMovedError or RepositoryError.
 */
export async function commitByGitData(octokit: Octokit, at: RepositoryName, commit: BranchCommit): Promise<CommitMade> {
  const { branch, head, message } = commit;
  let tree = head?.tree;
  try {
    const { slices, uploads } = await slicesOf(octokit, at, commit);
    for (const slice of slices) {
      const made = await octokit.request("POST /repos/{owner}/{repo}/git/trees", {
        ...at,
        ...(tree === undefined ? {} : { base_tree: tree }),
        tree: slice,
      });
      tree = made.data.sha;
    }
    const made = await octokit.request("POST /repos/{owner}/{repo}/git/commits", {
      ...at,
      message: `${message}\n\n${BODY}`,
      tree: tree ?? "",
      parents: head === undefined ? [] : [head.commit],
    });
    await moveTo(octokit, at, { branch, head, to: made.data.sha });
    return { oid: made.data.sha, requests: uploads + slices.length + 2 };
  } catch (error) {
    throw emptyOr(error, at);
  }
}

async function moveTo(
  octokit: Octokit,
  at: RepositoryName,
  { branch, head, to }: { readonly branch: string; readonly head: BranchHead | undefined; readonly to: string },
): Promise<void> {
  try {
    if (head === undefined) {
      await octokit.request("POST /repos/{owner}/{repo}/git/refs", { ...at, ref: `refs/heads/${branch}`, sha: to });
    } else {
      const ref = `heads/${branch}`;
      await octokit.request("PATCH /repos/{owner}/{repo}/git/refs/{ref}", { ...at, ref, sha: to, force: false });
    }
  } catch (error) {
    // Not a fast forward, or there already, or somebody is at it: in any case not where it was.
    const isMoved = statusOf(error) === 422 || (statusOf(error) === 409 && emptyOr(error, at) === error);
    throw isMoved ? new BranchMovedError(`${branch} moved`, { cause: error }) : error;
  }
}

type TreeRow = { readonly path: string; readonly mode: "100644"; readonly type: "blob" } & (
  | { readonly content: string }
  | { readonly sha: string | null }
);

async function slicesOf(
  octokit: Octokit,
  at: RepositoryName,
  { files, removed }: BranchCommit,
): Promise<{ readonly slices: readonly TreeRow[][]; readonly uploads: number }> {
  const slices: TreeRow[][] = [];
  let bytes = 0;
  let uploads = 0;
  const add = (row: TreeRow, size: number): void => {
    const last = slices.at(-1);
    bytes += size;
    if (last !== undefined && last.length < SLICE_FILES_MAX && bytes <= SLICE_BYTES_MAX) last.push(row);
    else {
      slices.push([row]);
      bytes = size;
    }
  };
  for (const path of removed) add({ path, mode: "100644", type: "blob", sha: null }, 0);
  for (const file of files) {
    const text = file.bytes.length <= INLINE_BYTES_MAX ? plainText(file.bytes) : undefined;
    const row = { path: file.path, mode: "100644", type: "blob" } as const;
    if (text === undefined) {
      add({ ...row, sha: await upload(octokit, at, file) }, 0);
      uploads += 1;
    } else add({ ...row, content: text }, file.bytes.length);
  }
  return { slices, uploads };
}

/** The bytes as the text that they are in UTF-8, so that JSON carries them unchanged; undefined for any others. */
function plainText(bytes: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    return text.includes("\0") || text === "" ? undefined : text;
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

async function upload(octokit: Octokit, at: RepositoryName, { path, bytes }: EvidenceFile): Promise<string> {
  const content = Buffer.from(bytes).toString("base64");
  const { data } = await octokit.request("POST /repos/{owner}/{repo}/git/blobs", {
    ...at,
    content,
    encoding: "base64",
  });
  if (data.sha !== blobOid(bytes))
    throw new RepositoryError(`GitHub took other bytes than those of ${path}; try again`);
  return data.sha;
}
