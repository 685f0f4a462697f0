// Pull requests and their reviews as GitHub shows them.

import { notFound } from "../refusal.ts";
import type { Shape } from "../shape.ts";
import type { Issue, Pull, Repository, Review, World } from "../world.ts";
import { nodeId, userOf } from "./account.ts";
import { associationOf, labelsOf } from "./issue.ts";
import { apiOf, fullRepositoryOf, pageOf } from "./repository.ts";

export interface PullIssue extends Issue {
  readonly pull: Pull;
}

export function isPull(issue: Issue): issue is PullIssue {
  return issue.pull !== undefined;
}

export interface Ends {
  readonly base: string;
  readonly head: string;
}

/** The commits at both ends of a pull request, as they are now. */
export async function endsOf(issue: PullIssue): Promise<Ends> {
  const base = await issue.repository.git.commit(`refs/heads/${issue.pull.base}`);
  const head = await headOf(issue);
  if (base === undefined || head === undefined) throw notFound();
  return { base: base.oid, head };
}

// The commits of a head branch, a fork's too, are in the repository under this name, as on GitHub. It follows the branch
// while the pull request is open, and stays when the branch goes.
async function headOf(issue: PullIssue): Promise<string | undefined> {
  const { repository, pull } = issue;
  const name = `refs/pull/${issue.number}/head`;
  const known = (await repository.git.commit(name))?.oid;
  if (issue.state !== "open") return known;
  const tip = (await pull.headRepository.git.commit(`refs/heads/${pull.head}`))?.oid;
  if (tip === undefined || tip === known) return known;
  if (pull.headRepository === repository) await repository.git.move([{ name, from: known, to: tip }]);
  else await repository.git.git("fetch", "--quiet", pull.headRepository.git.folder, `+refs/heads/${pull.head}:${name}`);
  return tip;
}

/** Open pull requests of the repository's own branches at a commit. A fork's are not told: GitHub does not. */
export async function openPullsAt(repository: Repository, sha: string): Promise<readonly PullIssue[]> {
  const open = repository.issues
    .filter(isPull)
    .filter((each) => each.state === "open" && each.pull.headRepository === repository);
  const ends = await Promise.all(open.map(endsOf));
  return open.filter((_, at) => ends[at]?.head === sha);
}

export async function pullRefOf(world: World, issue: PullIssue): Promise<Shape> {
  const { base, head } = await endsOf(issue);
  const short = (repository: Repository): Shape => ({
    id: repository.id,
    url: apiOf(world, repository),
    name: repository.name,
  });
  return {
    id: issue.pull.id,
    number: issue.number,
    url: `${apiOf(world, issue.repository)}/pulls/${issue.number}`,
    head: { ref: issue.pull.head, sha: head, repo: short(issue.pull.headRepository) },
    base: { ref: issue.pull.base, sha: base, repo: short(issue.repository) },
  };
}

/** A pull request in a list, or in a webhook of a review. */
export async function simplePullOf(world: World, issue: PullIssue): Promise<Shape> {
  const { pull, repository } = issue;
  const { base, head } = await endsOf(issue);
  const api = `${apiOf(world, repository)}/pulls/${issue.number}`;
  const asIssue = `${apiOf(world, repository)}/issues/${issue.number}`;
  const page = `${pageOf(world, repository)}/pull/${issue.number}`;
  const links = {
    comments_url: `${asIssue}/comments`,
    commits_url: `${api}/commits`,
    statuses_url: `${apiOf(world, repository)}/statuses/${head}`,
    html_url: page,
    issue_url: asIssue,
    review_comments_url: `${api}/comments`,
    review_comment_url: `${apiOf(world, repository)}/pulls/comments{/number}`,
    url: api,
  };
  const link = (href: string): Shape => ({ href });
  return {
    ...links,
    id: pull.id,
    node_id: nodeId("PR", pull.id),
    number: issue.number,
    diff_url: `${page}.diff`,
    patch_url: `${page}.patch`,
    state: issue.state,
    locked: false,
    title: issue.title,
    user: userOf(world, issue.author),
    body: issue.body ?? null,
    created_at: issue.createdAt,
    updated_at: issue.updatedAt,
    closed_at: issue.closedAt ?? null,
    merged_at: pull.mergedAt ?? null,
    merge_commit_sha: pull.mergeCommit ?? null,
    assignee: null,
    assignees: [],
    requested_reviewers: [],
    requested_teams: [],
    labels: labelsOf(world, issue),
    milestone: null,
    draft: pull.draft,
    head: endOf(world, pull.headRepository, pull.head, head),
    base: endOf(world, repository, pull.base, base),
    author_association: associationOf(repository, issue.author),
    auto_merge: null,
    active_lock_reason: null,
    _links: {
      self: link(links.url),
      html: link(links.html_url),
      issue: link(links.issue_url),
      comments: link(links.comments_url),
      review_comments: link(links.review_comments_url),
      review_comment: link(links.review_comment_url),
      commits: link(links.commits_url),
      statuses: link(links.statuses_url),
    },
  };
}

function endOf(world: World, repository: Repository, ref: string, sha: string): Shape {
  return {
    label: `${repository.owner.login}:${ref}`,
    ref,
    sha,
    user: userOf(world, repository.owner),
    repo: fullRepositoryOf(world, repository),
  };
}

export async function pullOf(world: World, issue: PullIssue): Promise<Shape> {
  const { base, head } = await endsOf(issue);
  const { git } = issue.repository;
  const commits = (await git.git("rev-list", `${base}..${head}`)).split("\n").filter((each) => each !== "");
  const numbers = (await git.git("diff", "--numstat", `${base}...${head}`)).split("\n").filter((each) => each !== "");
  const sum = (column: number): number =>
    numbers.reduce((total, line) => total + (Number(line.split("\t")[column]) || 0), 0);
  const isMerged = issue.pull.mergedAt !== undefined;
  return {
    ...(await simplePullOf(world, issue)),
    merged: isMerged,
    mergeable: issue.state === "open" ? true : null,
    rebaseable: null,
    mergeable_state: issue.state === "open" ? "clean" : "unknown",
    merged_by: null,
    comments: issue.comments.length,
    review_comments: 0,
    maintainer_can_modify: false,
    commits: commits.length,
    additions: sum(0),
    deletions: sum(1),
    changed_files: numbers.length,
  };
}

export function reviewOf(world: World, review: Review): Shape {
  const { issue } = review;
  const page = `${pageOf(world, issue.repository)}/pull/${issue.number}#pullrequestreview-${review.id}`;
  const api = `${apiOf(world, issue.repository)}/pulls/${issue.number}`;
  return {
    id: review.id,
    node_id: nodeId("PRR", review.id),
    user: userOf(world, review.author),
    body: review.body,
    state: review.state,
    html_url: page,
    pull_request_url: api,
    author_association: associationOf(issue.repository, review.author),
    _links: { html: { href: page }, pull_request: { href: api } },
    submitted_at: review.submittedAt,
    commit_id: review.commit,
  };
}
