// GitHub's side of a job: where it is, which run and commit it is for, and the tokens that it is given.

import { fullName } from "../standin/render/repository.ts";
import type { Standin } from "../standin/standin.ts";
import type { Job } from "../standin/world.ts";
import type { Permissions } from "./permissions.ts";
import type { Outcome } from "./result.ts";

export interface GitHubSide {
  readonly serverUrl: string;
  readonly apiUrl: string;
  readonly graphqlUrl: string;
  readonly repository: { readonly fullName: string; readonly id: string; readonly ownerId: string };
  readonly run: {
    readonly id: string;
    readonly number: string;
    readonly attempt: string;
    readonly event: string;
    readonly sha: string;
    /** As `refs/heads/main`. */
    readonly ref: string;
    readonly actor: string;
    readonly actorId: string;
    readonly triggeringActor: string;
    /** Where the workflow is in the repository. */
    readonly path: string;
  };
  readonly checkRunId: string;
  /** What `github.token` is; permissions are named as the API names them. */
  token(permissions: Permissions): string;
  /** With what a step asks for an id token; asked for only where the job has `id-token: write`. */
  idToken(): { readonly url: string; readonly token: string } | undefined;
  /** Called when the job has ended. */
  ended(conclusion: Outcome): void;
}

/** A job of the stand-in. When it ends so do its token and its check. */
export function sideOf(standin: Standin, job: Job): GitHubSide {
  const { run } = job;
  const { repository } = run;
  const tokens: string[] = [];
  return {
    serverUrl: standin.origin,
    apiUrl: standin.origin,
    graphqlUrl: `${standin.origin}/graphql`,
    repository: {
      fullName: fullName(repository),
      id: String(repository.id),
      ownerId: String(repository.owner.id),
    },
    run: {
      id: String(run.id),
      number: String(run.number),
      attempt: String(job.attempt),
      event: run.event,
      sha: run.headSha,
      ref: `refs/heads/${run.headBranch}`,
      actor: run.actor.login,
      actorId: String(run.actor.id),
      triggeringActor: run.triggeringActor.login,
      path: run.path,
    },
    checkRunId: String(job.checkRun.id),
    token(permissions) {
      const token = standin.jobToken(repository, permissions);
      tokens.push(token);
      return token;
    },
    idToken() {
      const asked = standin.oidc.environment(job);
      return { url: asked.ACTIONS_ID_TOKEN_REQUEST_URL, token: asked.ACTIONS_ID_TOKEN_REQUEST_TOKEN };
    },
    ended(conclusion) {
      const now = standin.world.now();
      for (const value of tokens) {
        const token = standin.world.tokens.get(value);
        if (token !== undefined) token.expiresAt = now;
      }
      job.checkRun.status = "completed";
      job.checkRun.conclusion = conclusion;
      job.checkRun.completedAt = new Date(now).toISOString();
    },
  };
}

/** A GitHub at which nobody answers, for jobs that ask it nothing. */
export function deafGitHub(event = "push"): GitHubSide {
  // Port 9 of this machine: a connection is refused at once.
  const serverUrl = "http://127.0.0.1:9";
  return {
    serverUrl,
    apiUrl: serverUrl,
    graphqlUrl: `${serverUrl}/graphql`,
    repository: { fullName: "acme/shop", id: "1001", ownerId: "1000" },
    run: {
      id: "2001",
      number: "1",
      attempt: "1",
      event,
      sha: "0".repeat(40),
      ref: "refs/heads/main",
      actor: "ada",
      actorId: "1002",
      triggeringActor: "ada",
      path: ".github/workflows/deploy.yml",
    },
    checkRunId: "3001",
    token: () => "ghs_a_token_that_nobody_knows",
    idToken: () => ({ url: `${serverUrl}/idtoken?api-version=2.0`, token: "a-request-token-that-nobody-knows" }),
    ended: () => undefined,
  };
}
