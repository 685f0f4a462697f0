// The contexts of a job's expressions that are the same for all its steps.

import { join } from "node:path";
import { maybeShape, maybeText, type Shape, shapeAt } from "../standin/shape.ts";
import { type Value, valueOf } from "./expression/value.ts";
import type { GitHubSide } from "./github.ts";
import type { Folders } from "./order.ts";

export interface ContextParts {
  readonly side: GitHubSide;
  readonly folders: Folders;
  readonly jobId: string;
  readonly workflowName: string;
  readonly token: string;
  readonly event: Shape;
  readonly os: "Linux" | "Windows" | "macOS";
  readonly isDebug: boolean;
}

export function githubContext(of: ContextParts): Value {
  const { side, folders, event } = of;
  const { run, repository } = side;
  const [owner = ""] = repository.fullName.split("/");
  const pull = maybeShape(event, "pull_request");
  const branch = (end: string): string => maybeText(maybeShape(pull ?? {}, end) ?? {}, "ref") ?? "";
  const ref = pull === undefined ? run.ref : `refs/pull/${String(pull["number"])}/merge`;
  const workflowRef = `${repository.fullName}/${run.path}@${ref}`;
  return {
    actor: run.actor,
    actor_id: run.actorId,
    api_url: side.apiUrl,
    base_ref: branch("base"),
    event: valueOf(event),
    event_name: run.event,
    event_path: join(folders.temp, "_github_workflow", "event.json"),
    graphql_url: side.graphqlUrl,
    head_ref: branch("head"),
    job: of.jobId,
    ref,
    ref_name: ref.replace(/^refs\/(?:heads|tags|pull)\//, ""),
    ref_protected: "false",
    ref_type: ref.startsWith("refs/tags/") ? "tag" : "branch",
    repository: repository.fullName,
    repository_id: repository.id,
    repository_owner: owner,
    repository_owner_id: repository.ownerId,
    repositoryUrl: `git://${side.serverUrl.replace(/^https?:\/\//, "")}/${repository.fullName}.git`,
    retention_days: "90",
    run_attempt: run.attempt,
    run_id: run.id,
    run_number: run.number,
    server_url: side.serverUrl,
    sha: run.sha,
    token: of.token,
    triggering_actor: run.triggeringActor,
    workflow: of.workflowName,
    workflow_ref: workflowRef,
    workflow_sha: run.sha,
    workspace: folders.workspace,
  };
}

export function runnerContext(of: ContextParts): Value {
  const { folders } = of;
  return {
    arch: process.arch === "arm64" ? "ARM64" : "X64",
    debug: of.isDebug ? "1" : null,
    environment: "github-hosted",
    name: "GitHub Actions 1",
    os: of.os,
    temp: folders.temp,
    tool_cache: folders.tools,
    workspace: join(folders.workspace, ".."),
  };
}

/** Whether the event is a pull request from another repository than its own: one without secrets. */
export function isFromFork(event: Shape, repository: string): boolean {
  const pull = maybeShape(event, "pull_request");
  if (pull === undefined) return false;
  return maybeText(shapeAt(pull, "head", "repo"), "full_name") !== repository;
}
