// Issues and the comments on them; a pull request is one too.

import type { Call, Reply, Routes } from "../exchange.ts";
import { actorOf, appBehind, found, inPath, inRepository, listed, ok } from "../exchange.ts";
import { invalid } from "../refusal.ts";
import { userOf } from "../render/account.ts";
import { commentOf, issueOf } from "../render/issue.ts";
import { maybeText, type Shape, shapeAt, textAt, textsAt } from "../shape.ts";
import { type Account, type App, type Comment, type Issue, isoOf, type Repository, type World } from "../world.ts";

const EITHER = "issues|pull_requests";
/** GitHub refuses longer texts. */
const BODY_CHARACTERS_MAX = 65_536;

export const issueRoutes: Routes = {
  "GET /repos/{owner}/{repo}/issues": inRepository("issues", "read", listIssues),
  "POST /repos/{owner}/{repo}/issues": inRepository("issues", "write", createIssue),
  "GET /repos/{owner}/{repo}/issues/{issue_number}": inRepository(EITHER, "read", (call) =>
    ok(issueOf(call.world, issueIn(call))),
  ),
  "PATCH /repos/{owner}/{repo}/issues/{issue_number}": inRepository(EITHER, "write", updateIssue),
  "GET /repos/{owner}/{repo}/issues/{issue_number}/comments": inRepository(EITHER, "read", listComments),
  "POST /repos/{owner}/{repo}/issues/{issue_number}/comments": inRepository(EITHER, "write", createComment),
  "GET /repos/{owner}/{repo}/issues/comments/{comment_id}": inRepository(EITHER, "read", (call) =>
    ok(commentOf(call.world, commentIn(call))),
  ),
  "PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}": inRepository(EITHER, "write", updateComment),
  "DELETE /repos/{owner}/{repo}/issues/comments/{comment_id}": inRepository(EITHER, "write", deleteComment),
};

/** The issue or pull request that the path names. */
export function issueIn(call: Call, name = "issue_number"): Issue {
  return found(call.repository().issues.find((each) => String(each.number) === inPath(call, name)));
}

function commentIn(call: Call): Comment {
  const all = call.repository().issues.flatMap((each) => each.comments);
  return found(all.find((each) => String(each.id) === inPath(call, "comment_id")));
}

async function listIssues(call: Call): Promise<Reply> {
  const state = call.query.get("state") ?? "open";
  const labels = (call.query.get("labels") ?? "").split(",").filter((each) => each !== "");
  const issues = call
    .repository()
    .issues.filter((each) => state === "all" || each.state === state)
    .filter((each) => labels.every((label) => each.labels.includes(label)))
    .toReversed();
  return await listed(call, issues, (each) => issueOf(call.world, each));
}

/** Opens an issue, or the issue that a pull request is. */
export function newIssue(
  world: World,
  repository: Repository,
  draft: Pick<Issue, "author" | "via" | "title" | "body" | "labels" | "pull">,
): Issue {
  const now = isoOf(world.now());
  const issue: Issue = {
    ...draft,
    id: world.nextId(),
    number: repository.issues.length + 1,
    repository,
    state: "open",
    stateReason: undefined,
    createdAt: now,
    updatedAt: now,
    closedAt: undefined,
    comments: [],
  };
  repository.issues.push(issue);
  return issue;
}

function createIssue(call: Call): Reply {
  const { world, body, principal } = call;
  const labels = Array.isArray(body["labels"]) ? body["labels"].map((each: unknown) => labelName(each)) : [];
  const issue = newIssue(world, call.repository(), {
    author: actorOf(principal),
    via: appBehind(principal),
    title: String(body["title"]),
    body: bounded(maybeText(body, "body")),
    labels,
    pull: undefined,
  });
  return { status: 201, body: issueOf(world, issue) };
}

function labelName(label: unknown): string {
  return typeof label === "string" ? label : textAt(shapeAt(label), "name");
}

function bounded(text: string | undefined): string | undefined {
  if (text !== undefined && text.length > BODY_CHARACTERS_MAX) {
    const message = `body is too long (maximum is ${BODY_CHARACTERS_MAX} characters)`;
    throw invalid("Validation Failed", [{ resource: "IssueComment", code: "unprocessable", field: "data", message }]);
  }
  return text;
}

function updateIssue(call: Call): Reply {
  const { world, body } = call;
  const issue = issueIn(call);
  const now = isoOf(world.now());
  issue.title = maybeText(body, "title") ?? issue.title;
  issue.body = bounded(maybeText(body, "body")) ?? issue.body;
  if (Array.isArray(body["labels"])) issue.labels = textsAt(body, "labels");
  const state = maybeText(body, "state");
  if (state === "closed") {
    issue.state = "closed";
    issue.closedAt = now;
    issue.stateReason = maybeText(body, "state_reason") ?? "completed";
  } else if (state === "open") {
    issue.state = "open";
    issue.closedAt = undefined;
    issue.stateReason = "reopened";
  }
  issue.updatedAt = now;
  return ok(issueOf(world, issue));
}

async function listComments(call: Call): Promise<Reply> {
  const since = call.query.get("since");
  const comments = issueIn(call).comments.filter((each) => since === null || each.updatedAt >= since);
  return await listed(call, comments, (each) => commentOf(call.world, each));
}

/** Puts a comment under an issue and tells the Apps that listen. */
export function newComment(
  world: World,
  issue: Issue,
  draft: { readonly author: Account; readonly via: App | undefined; readonly body: string },
): Comment {
  const now = isoOf(world.now());
  const comment: Comment = { ...draft, id: world.nextId(), issue, createdAt: now, updatedAt: now };
  issue.comments.push(comment);
  issue.updatedAt = now;
  announceComment(world, comment, { action: "created", sender: comment.author });
  return comment;
}

interface CommentNews {
  readonly action: "created" | "edited" | "deleted";
  readonly sender: Account;
  /** What the action adds to the payload. */
  readonly more?: Shape;
}

/** Tells the Apps that listen what became of a comment. */
function announceComment(world: World, comment: Comment, { action, sender, more = {} }: CommentNews): void {
  const payload = { action, issue: issueOf(world, comment.issue), comment: commentOf(world, comment), ...more };
  world.announce("issue_comment", comment.issue.repository, { ...payload, sender: userOf(world, sender) });
}

function createComment(call: Call): Reply {
  const { world, principal } = call;
  const body = bounded(textAt(call.body, "body")) ?? "";
  if (body.trim() === "") {
    throw invalid("Validation Failed", [{ resource: "IssueComment", code: "missing_field", field: "body" }]);
  }
  const draft = { author: actorOf(principal), via: appBehind(principal), body };
  return { status: 201, body: commentOf(world, newComment(world, issueIn(call), draft)) };
}

function updateComment(call: Call): Reply {
  const comment = commentIn(call);
  changeComment(call.world, comment, bounded(textAt(call.body, "body")) ?? "", actorOf(call.principal));
  return ok(commentOf(call.world, comment));
}

/** Edits a comment, which whoever may write to the repository may do to anybody's. */
export function changeComment(world: World, comment: Comment, body: string, sender: Account): void {
  const from = comment.body;
  comment.body = body;
  comment.updatedAt = isoOf(world.now());
  announceComment(world, comment, { action: "edited", sender, more: { changes: { body: { from } } } });
}

function deleteComment(call: Call): Reply {
  const comment = commentIn(call);
  const { comments } = comment.issue;
  comments.splice(comments.indexOf(comment), 1);
  announceComment(call.world, comment, { action: "deleted", sender: actorOf(call.principal) });
  return { status: 204 };
}
