// Repositories, refs and commits as GitHub shows them.

import { createHash } from "node:crypto";
import type { Commit } from "../git/objects.ts";
import type { Ref } from "../git/repository.ts";
import { maybeText, type Shape } from "../shape.ts";
import { type Account, isoOf, type Repository, type World } from "../world.ts";
import { nodeId, userOf } from "./account.ts";

export function fullName(repository: Repository): string {
  return `${repository.owner.login}/${repository.name}`;
}

export function apiOf(world: World, repository: Repository): string {
  return `${world.origin}/repos/${fullName(repository)}`;
}

export function pageOf(world: World, repository: Repository): string {
  return `${world.origin}/${fullName(repository)}`;
}

const TEMPLATES: Readonly<Record<string, string>> = {
  archive_url: "/{archive_format}{/ref}",
  assignees_url: "/assignees{/user}",
  blobs_url: "/git/blobs{/sha}",
  branches_url: "/branches{/branch}",
  collaborators_url: "/collaborators{/collaborator}",
  comments_url: "/comments{/number}",
  commits_url: "/commits{/sha}",
  compare_url: "/compare/{base}...{head}",
  contents_url: "/contents/{+path}",
  contributors_url: "/contributors",
  deployments_url: "/deployments",
  downloads_url: "/downloads",
  events_url: "/events",
  forks_url: "/forks",
  git_commits_url: "/git/commits{/sha}",
  git_refs_url: "/git/refs{/sha}",
  git_tags_url: "/git/tags{/sha}",
  hooks_url: "/hooks",
  issue_comment_url: "/issues/comments{/number}",
  issue_events_url: "/issues/events{/number}",
  issues_url: "/issues{/number}",
  keys_url: "/keys{/key_id}",
  labels_url: "/labels{/name}",
  languages_url: "/languages",
  merges_url: "/merges",
  milestones_url: "/milestones{/number}",
  notifications_url: "/notifications{?since,all,participating}",
  pulls_url: "/pulls{/number}",
  releases_url: "/releases{/id}",
  stargazers_url: "/stargazers",
  statuses_url: "/statuses/{sha}",
  subscribers_url: "/subscribers",
  subscription_url: "/subscription",
  tags_url: "/tags",
  teams_url: "/teams",
  trees_url: "/git/trees{/sha}",
};

export function minimalRepositoryOf(world: World, repository: Repository): Shape {
  const api = apiOf(world, repository);
  return {
    id: repository.id,
    node_id: nodeId("R", repository.id),
    name: repository.name,
    full_name: fullName(repository),
    private: repository.isPrivate,
    owner: userOf(world, repository.owner),
    html_url: pageOf(world, repository),
    description: null,
    fork: repository.fork,
    url: api,
    ...Object.fromEntries(Object.entries(TEMPLATES).map(([name, rest]) => [name, `${api}${rest}`])),
  };
}

export function fullRepositoryOf(world: World, repository: Repository): Shape {
  const page = pageOf(world, repository);
  return {
    ...minimalRepositoryOf(world, repository),
    clone_url: `${page}.git`,
    git_url: `git://${page.replace(/^https?:\/\//, "")}.git`,
    ssh_url: `git@localhost:${fullName(repository)}.git`,
    svn_url: page,
    mirror_url: null,
    homepage: null,
    language: null,
    license: null,
    default_branch: repository.defaultBranch,
    visibility: repository.isPrivate ? "private" : "public",
    archived: false,
    disabled: false,
    has_discussions: false,
    has_downloads: true,
    has_issues: true,
    has_pages: false,
    has_projects: true,
    has_wiki: false,
    is_template: false,
    allow_forking: true,
    web_commit_signoff_required: false,
    topics: [],
    forks: 0,
    forks_count: 0,
    network_count: 0,
    open_issues: repository.issues.filter((each) => each.state === "open").length,
    open_issues_count: repository.issues.filter((each) => each.state === "open").length,
    size: 1,
    stargazers_count: 0,
    subscribers_count: 0,
    watchers: 0,
    watchers_count: 0,
    created_at: repository.createdAt,
    pushed_at: isoOf(world.now()),
    updated_at: isoOf(world.now()),
  };
}

export function refOf(world: World, repository: Repository, ref: Ref, kind = "commit"): Shape {
  const api = apiOf(world, repository);
  return {
    ref: ref.name,
    node_id: nodeId("REF", `${repository.id}:${ref.name}`),
    url: `${api}/git/${ref.name}`,
    object: { type: kind, sha: ref.oid, url: `${api}/git/${kind}s/${ref.oid}` },
  };
}

/** What GitHub says of a signature. Its own is the only one that this GitHub can check. */
export function verificationOf(world: World, commit: Commit): Shape {
  if (commit.signature === undefined) {
    return { verified: false, reason: "unsigned", signature: null, payload: null, verified_at: null };
  }
  const verified = world.sign(commit.payload).trimEnd() === commit.signature.trimEnd();
  return {
    verified,
    reason: verified ? "valid" : "unknown_key",
    signature: commit.signature,
    payload: commit.payload,
    verified_at: verified ? commit.committer.date : null,
  };
}

/** A commit as the git data API shows it. */
export function gitCommitOf(world: World, repository: Repository, commit: Commit): Shape {
  const api = apiOf(world, repository);
  return {
    sha: commit.oid,
    node_id: nodeId("C", `${repository.id}:${commit.oid}`),
    url: `${api}/git/commits/${commit.oid}`,
    html_url: `${pageOf(world, repository)}/commit/${commit.oid}`,
    author: commit.author,
    committer: commit.committer,
    tree: { sha: commit.tree, url: `${api}/git/trees/${commit.tree}` },
    message: commit.message,
    parents: commit.parents.map((sha) => ({
      sha,
      url: `${api}/git/commits/${sha}`,
      html_url: `${pageOf(world, repository)}/commit/${sha}`,
    })),
    verification: verificationOf(world, commit),
  };
}

/** A commit as the commits API shows it. */
export function commitOf(world: World, repository: Repository, commit: Commit): Shape {
  const api = apiOf(world, repository);
  const page = pageOf(world, repository);
  return {
    sha: commit.oid,
    node_id: nodeId("C", `${repository.id}:${commit.oid}`),
    url: `${api}/commits/${commit.oid}`,
    html_url: `${page}/commit/${commit.oid}`,
    comments_url: `${api}/commits/${commit.oid}/comments`,
    commit: {
      author: commit.author,
      committer: commit.committer,
      message: commit.message,
      tree: { sha: commit.tree, url: `${api}/git/trees/${commit.tree}` },
      url: `${api}/git/commits/${commit.oid}`,
      comment_count: 0,
      verification: verificationOf(world, commit),
    },
    author: shownPerson(world, commit.author.email),
    committer: shownPerson(world, commit.committer.email),
    parents: commit.parents.map((sha) => ({
      sha,
      url: `${api}/commits/${sha}`,
      html_url: `${page}/commit/${sha}`,
    })),
  };
}

export function simpleCommitOf(commit: Commit): Shape {
  const { name, email } = commit.author;
  return {
    id: commit.oid,
    tree_id: commit.tree,
    message: commit.message,
    timestamp: commit.committer.date,
    author: { name, email },
    committer: { name: commit.committer.name, email: commit.committer.email },
  };
}

/** The address under which GitHub commits for an account. */
export function emailOf(account: Account): string {
  return `${account.id}+${account.login}@users.noreply.github.com`;
}

// GitHub knows whose commit it is by the address alone.
function shownPerson(world: World, email: string): Shape | null {
  const account = authorOf(world, email);
  return account === undefined ? null : userOf(world, account);
}

export function authorOf(world: World, email: string): Account | undefined {
  return [...world.accounts.values()].find((each) => emailOf(each) === email);
}

/** One file of a comparison, from a line of `git diff --raw` and one of `--numstat`. */
export function fileOf(world: World, repository: Repository, sha: string, file: Shape): Shape {
  const filename = maybeText(file, "filename") ?? "";
  const path = filename.split("/").map(encodeURIComponent).join("/");
  const page = pageOf(world, repository);
  return {
    ...file,
    blob_url: `${page}/blob/${sha}/${path}`,
    raw_url: `${page}/raw/${sha}/${path}`,
    contents_url: `${apiOf(world, repository)}/contents/${path}?ref=${sha}`,
  };
}

/** A short mark of a value, for ETags and names of suites. */
export function markOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
