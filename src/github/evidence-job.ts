// When the job of a session ended, as GitHub has it: a job that is over hands in nothing any more.

import type { Octokit } from "@octokit/core";
import type { RepositoryName } from "./evidence-objects.ts";
import { statusOf } from "./failure.ts";

/** One attempt of one job, by GitHub's numbers; a job has the number of its check run. */
export interface JobAttempt {
  readonly checkRunId: number;
  readonly runId: number;
  readonly runAttempt: number;
}

/**
 * When the job was completed, in milliseconds since 1970; undefined while it runs, and where GitHub does not tell. Where it
 * knows no job of this number, its run's attempt is asked.
 */
export async function jobEndedAtMs(octokit: Octokit, at: RepositoryName, job: JobAttempt): Promise<number | undefined> {
  try {
    const { data } = await octokit.request("GET /repos/{owner}/{repo}/actions/jobs/{job_id}", {
      ...at,
      job_id: job.checkRunId,
    });
    return data.status === "completed" ? timeOf(data.completed_at) : undefined;
  } catch (error) {
    if (statusOf(error) !== 404) throw error;
  }
  try {
    const { data } = await octokit.request(
      "GET /repos/{owner}/{repo}/actions/runs/{run_id}/attempts/{attempt_number}",
      { ...at, run_id: job.runId, attempt_number: job.runAttempt },
    );
    return data.status === "completed" ? timeOf(data.updated_at) : undefined;
  } catch (error) {
    if (statusOf(error) !== 404) throw error;
    return undefined;
  }
}

function timeOf(text: string | null): number | undefined {
  const at = Date.parse(text ?? "");
  return Number.isNaN(at) ? undefined : at;
}
