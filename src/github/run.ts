// Who started a run, and whether a job of it still runs.

import type { Octokit } from "@octokit/core";
import { told } from "./refusal.ts";
import type { At } from "./repository.ts";

/** What a session needs to know of its run. */
export interface RunOfSession {
  /** The run's head commit: of a pull request its own head, and not the merge commit that the job runs. */
  readonly headSha: string;
  readonly triggeringActor: string;
  readonly isEnded: boolean;
  /** The repository that the head commit is in; another for a fork's pull request, 0 where it is gone. */
  readonly headRepository: number;
  readonly attempt: number;
}

/** The run as it is now, with its newest attempt. `gone` where GitHub has no such run, or does not let the App see it. */
export async function readRun(octokit: Octokit, at: At, id: number): Promise<RunOfSession | "gone"> {
  const found = await told(
    async () => await octokit.request("GET /repos/{owner}/{repo}/actions/runs/{run_id}", { ...at, run_id: id }),
  );
  if (typeof found === "string") return "gone";
  const { data } = found;
  return {
    headSha: data.head_sha,
    triggeringActor: data.triggering_actor?.login ?? data.actor?.login ?? "",
    isEnded: data.status === "completed",
    // GitHub gives null for a repository that was deleted, whatever its description says.
    headRepository: numberOf(data.head_repository) === "unknown" ? 0 : Number(numberOf(data.head_repository)),
    attempt: data.run_attempt ?? 1,
  };
}

/** A job as GitHub shows it. */
export interface JobOfRun {
  readonly name: string;
  readonly run: number;
  readonly isEnded: boolean;
}

/** The job whose check run this is; `unknown` where GitHub does not tell. */
export async function readJobOfRun(octokit: Octokit, at: At, checkRun: number): Promise<JobOfRun | "unknown"> {
  const found = await told(
    async () => await octokit.request("GET /repos/{owner}/{repo}/actions/jobs/{job_id}", { ...at, job_id: checkRun }),
  );
  if (typeof found === "string") return "unknown";
  const { name, run_id, status } = found.data;
  return { name, run: Number(run_id), isEnded: status === "completed" };
}

export interface AttemptFacts {
  readonly actor: number | "unknown";
  /** Of this very attempt: whoever ran it again is another than who did so before. */
  readonly triggeringActor: number | "unknown";
  readonly isEnded: boolean;
  /** Numbers of the pull requests whose head this commit is, in this repository. Empty for a fork's. */
  readonly pulls: readonly number[];
}

/** One attempt of a run; `unknown` where GitHub does not tell. */
export async function readAttempt(
  octokit: Octokit,
  at: At,
  run: { readonly id: number; readonly attempt: number },
): Promise<AttemptFacts | "unknown"> {
  const found = await told(
    async () =>
      await octokit.request("GET /repos/{owner}/{repo}/actions/runs/{run_id}/attempts/{attempt_number}", {
        ...at,
        run_id: run.id,
        attempt_number: run.attempt,
      }),
  );
  if (typeof found === "string") return "unknown";
  const { data } = found;
  return {
    actor: numberOf(data.actor),
    triggeringActor: numberOf(data.triggering_actor),
    isEnded: data.status === "completed",
    pulls: (data.pull_requests ?? []).map(({ number }) => number),
  };
}

/** Whether the job whose check run this is still runs. `unknown` where GitHub does not tell. */
export async function readJob(octokit: Octokit, at: At, checkRun: number): Promise<"running" | "ended" | "unknown"> {
  const found = await told(
    async () =>
      await octokit.request("GET /repos/{owner}/{repo}/check-runs/{check_run_id}", { ...at, check_run_id: checkRun }),
  );
  if (typeof found === "string") return "unknown";
  return found.data.status === "completed" ? "ended" : "running";
}

function numberOf(person: { readonly id: number | bigint } | null | undefined): number | "unknown" {
  return person === null || person === undefined ? "unknown" : Number(person.id);
}
