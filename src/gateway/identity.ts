import { spawnSync } from "node:child_process";
import { userInfo } from "node:os";
import { basename } from "node:path";
import { logOriginOf as originOf } from "../evidence/origin.ts";
import type { Identity } from "../model/session.ts";

// Who asks and from where: what the CI's runner says in its variables, else what this machine and its repository say.

type Env = Readonly<Record<string, string | undefined>>;

/** Reads the identity of a session that starts now in `directory`. Never throws: what is not known is empty. */
export function readIdentity(env: Env, directory: string): Identity {
  const of = (name: string): string => env[name] ?? "";
  if (of("GITHUB_ACTIONS") === "true") {
    return {
      repository: of("GITHUB_REPOSITORY"),
      workflowRef: of("GITHUB_WORKFLOW_REF"),
      run: of("GITHUB_RUN_ID"),
      attempt: of("GITHUB_RUN_ATTEMPT"),
      job: of("GITHUB_JOB"),
      actor: of("GITHUB_ACTOR"),
      triggeringActor: of("GITHUB_TRIGGERING_ACTOR"),
      commit: of("GITHUB_SHA"),
      ref: of("GITHUB_REF"),
      environment: of("COUNTERSIGN_ENVIRONMENT"),
      event: of("GITHUB_EVENT_NAME"),
    };
  }
  const user = userName();
  return {
    repository: repositoryOf(directory),
    workflowRef: "",
    run: "",
    attempt: "",
    job: "",
    actor: user,
    triggeringActor: user,
    commit: git(directory, "rev-parse", "--verify", "-q", "HEAD"),
    ref: git(directory, "symbolic-ref", "-q", "HEAD"),
    environment: of("COUNTERSIGN_ENVIRONMENT"),
    event: "local",
  };
}

/** The branch that policy may speak of, from a ref; empty for a tag or none. */
export function branchOf({ ref }: Identity): string {
  return ref.startsWith("refs/heads/") ? ref.slice("refs/heads/".length) : "";
}

/** The log that a directory's sessions are entered in. */
export function logOriginOf({ repository }: Identity): string {
  return originOf(repository);
}

/** This machine's name for who runs it; the number where it has none, as in containers that run under any uid. */
export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? "unknown");
  }
}

function repositoryOf(directory: string): string {
  const remote = git(directory, "config", "--get", "remote.origin.url");
  const known = /github\.com[/:]([\w.-]+\/[\w.-]+?)(?:\.git)?$/.exec(remote)?.[1];
  return known ?? basename(git(directory, "rev-parse", "--show-toplevel") || directory);
}

function git(directory: string, ...args: readonly string[]): string {
  const told = spawnSync("git", args, { cwd: directory, encoding: "utf8", timeout: 5_000 });
  // No git, no repository, no commit yet: then there is nothing to say.
  return told.status === 0 ? told.stdout.trim() : "";
}
