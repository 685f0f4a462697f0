// Issues and comments as GitHub shows them.

import type { Shape } from "../shape.ts";
import {
  type Account,
  type App,
  type Comment,
  type Issue,
  type Repository,
  reaches,
  roleOf,
  type World,
} from "../world.ts";
import { integrationOf, nodeId, userOf } from "./account.ts";
import { apiOf, pageOf } from "./repository.ts";

export function associationOf(repository: Repository, account: Account): string {
  if (repository.owner === account) return "OWNER";
  const { base } = roleOf(repository, account.login);
  if (account.kind === "Bot" || !repository.roles.has(account.login.toLowerCase())) return "NONE";
  return repository.owner.kind === "Organization" && reaches(base, "read") ? "MEMBER" : "COLLABORATOR";
}

export function labelsOf(world: World, issue: Issue): readonly Shape[] {
  return issue.labels.map((name, at) => ({
    id: issue.id * 100 + at,
    node_id: nodeId("LA", `${issue.id}:${name}`),
    url: `${apiOf(world, issue.repository)}/labels/${encodeURIComponent(name)}`,
    name,
    description: "",
    color: "ededed",
    default: false,
  }));
}

export function issueOf(world: World, issue: Issue): Shape {
  const { repository } = issue;
  const api = `${apiOf(world, repository)}/issues/${issue.number}`;
  const kind = issue.pull === undefined ? "issues" : "pull";
  const page = `${pageOf(world, repository)}/${kind}/${issue.number}`;
  const asPull = `${apiOf(world, repository)}/pulls/${issue.number}`;
  return {
    id: issue.id,
    node_id: nodeId(issue.pull === undefined ? "I" : "PR", issue.id),
    number: issue.number,
    url: api,
    repository_url: apiOf(world, repository),
    labels_url: `${api}/labels{/name}`,
    comments_url: `${api}/comments`,
    events_url: `${api}/events`,
    html_url: page,
    title: issue.title,
    body: issue.body ?? null,
    user: userOf(world, issue.author),
    labels: labelsOf(world, issue),
    state: issue.state,
    state_reason: issue.stateReason ?? null,
    locked: false,
    active_lock_reason: null,
    assignee: null,
    assignees: [],
    milestone: null,
    comments: issue.comments.length,
    created_at: issue.createdAt,
    updated_at: issue.updatedAt,
    closed_at: issue.closedAt ?? null,
    author_association: associationOf(repository, issue.author),
    reactions: reactionsOf(api),
    timeline_url: `${api}/timeline`,
    performed_via_github_app: viaOf(world, issue.via),
    ...(issue.pull === undefined
      ? {}
      : {
          draft: issue.pull.draft,
          pull_request: {
            url: asPull,
            html_url: page,
            diff_url: `${page}.diff`,
            patch_url: `${page}.patch`,
            merged_at: issue.pull.mergedAt ?? null,
          },
        }),
  };
}

export function commentOf(world: World, comment: Comment): Shape {
  const { issue } = comment;
  const api = apiOf(world, issue.repository);
  const kind = issue.pull === undefined ? "issues" : "pull";
  const url = `${api}/issues/comments/${comment.id}`;
  return {
    id: comment.id,
    node_id: nodeId("IC", comment.id),
    url,
    html_url: `${pageOf(world, issue.repository)}/${kind}/${issue.number}#issuecomment-${comment.id}`,
    issue_url: `${api}/issues/${issue.number}`,
    user: userOf(world, comment.author),
    body: comment.body,
    created_at: comment.createdAt,
    updated_at: comment.updatedAt,
    author_association: associationOf(issue.repository, comment.author),
    reactions: reactionsOf(url),
    performed_via_github_app: viaOf(world, comment.via),
  };
}

function viaOf(world: World, app: App | undefined): Shape | null {
  return app === undefined ? null : integrationOf(world, app);
}

function reactionsOf(api: string): Shape {
  const none = { "+1": 0, "-1": 0, laugh: 0, hooray: 0, confused: 0, heart: 0, rocket: 0, eyes: 0 };
  return { url: `${api}/reactions`, total_count: 0, ...none };
}
