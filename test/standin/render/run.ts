// Workflow runs and their jobs as GitHub shows them.

import type { Shape } from "../shape.ts";
import type { Job, Run, World } from "../world.ts";
import { nodeId, userOf } from "./account.ts";
import { openPullsAt, pullRefOf } from "./pull.ts";
import { apiOf, minimalRepositoryOf, pageOf, simpleCommitOf } from "./repository.ts";

/** The run, at its newest attempt unless another is asked for. */
export async function runOf(world: World, run: Run, attempt = run.attempt): Promise<Shape> {
  const { repository } = run;
  const api = `${apiOf(world, repository)}/actions/runs/${run.id}`;
  const commit = await repository.git.commit(run.headSha);
  const isOld = attempt < run.attempt;
  const pulls = await openPullsAt(repository, run.headSha);
  return {
    id: run.id,
    name: run.name,
    node_id: nodeId("WFR", run.id),
    head_branch: run.headBranch,
    head_sha: run.headSha,
    path: run.path,
    display_title: commit?.message.split("\n")[0] ?? run.name,
    run_number: run.number,
    run_attempt: attempt,
    event: run.event,
    status: isOld ? "completed" : run.status,
    conclusion: isOld ? "failure" : (run.conclusion ?? null),
    workflow_id: repository.id * 10 + 1,
    check_suite_id: run.jobs[0]?.checkRun.suite ?? run.id,
    check_suite_node_id: nodeId("CS", run.jobs[0]?.checkRun.suite ?? run.id),
    url: api,
    html_url: `${pageOf(world, repository)}/actions/runs/${run.id}`,
    pull_requests: await Promise.all(pulls.map(async (issue) => await pullRefOf(world, issue))),
    created_at: run.createdAt,
    updated_at: run.updatedAt,
    run_started_at: run.createdAt,
    actor: userOf(world, run.actor),
    triggering_actor: userOf(world, attempt === 1 ? run.actor : run.triggeringActor),
    referenced_workflows: [],
    jobs_url: `${api}/jobs`,
    logs_url: `${api}/logs`,
    check_suite_url: `${apiOf(world, repository)}/check-suites/${run.jobs[0]?.checkRun.suite ?? run.id}`,
    artifacts_url: `${api}/artifacts`,
    cancel_url: `${api}/cancel`,
    rerun_url: `${api}/rerun`,
    previous_attempt_url: attempt > 1 ? `${api}/attempts/${attempt - 1}` : null,
    workflow_url: `${apiOf(world, repository)}/actions/workflows/${repository.id * 10 + 1}`,
    head_commit: commit === undefined ? null : simpleCommitOf(commit),
    repository: minimalRepositoryOf(world, repository),
    head_repository: minimalRepositoryOf(world, run.headRepository),
  };
}

/** A job. Its id is its check run's, as on GitHub. */
export function jobOf(world: World, job: Job): Shape {
  const { run, checkRun } = job;
  const api = apiOf(world, run.repository);
  return {
    id: job.id,
    run_id: run.id,
    run_url: `${api}/actions/runs/${run.id}`,
    run_attempt: job.attempt,
    node_id: nodeId("CR", job.id),
    head_sha: run.headSha,
    head_branch: run.headBranch,
    workflow_name: run.name,
    name: job.name,
    url: `${api}/actions/jobs/${job.id}`,
    html_url: `${pageOf(world, run.repository)}/actions/runs/${run.id}/job/${job.id}`,
    status: checkRun.status,
    conclusion: checkRun.conclusion ?? null,
    created_at: job.startedAt,
    started_at: job.startedAt,
    completed_at: checkRun.completedAt ?? null,
    steps: [],
    check_run_url: `${api}/check-runs/${checkRun.id}`,
    labels: ["ubuntu-24.04"],
    runner_id: 1,
    runner_name: "GitHub Actions 1",
    runner_group_id: 0,
    runner_group_name: "GitHub Actions",
  };
}
