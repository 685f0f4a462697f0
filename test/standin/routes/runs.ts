// Workflow runs and their jobs, as an App that may read them sees them.

import type { Call, Reply, Routes } from "../exchange.ts";
import { counted, found, inPath, inRepository, ok } from "../exchange.ts";
import { jobOf, runOf } from "../render/run.ts";
import type { Run } from "../world.ts";

export const runRoutes: Routes = {
  "GET /repos/{owner}/{repo}/actions/runs": inRepository("actions", "read", listRuns),
  "GET /repos/{owner}/{repo}/actions/runs/{run_id}": inRepository("actions", "read", async (call) =>
    ok(await runOf(call.world, runIn(call))),
  ),
  "GET /repos/{owner}/{repo}/actions/runs/{run_id}/attempts/{attempt_number}": inRepository(
    "actions",
    "read",
    getAttempt,
  ),
  "GET /repos/{owner}/{repo}/actions/runs/{run_id}/jobs": inRepository("actions", "read", async (call) => {
    const run = runIn(call);
    const isAll = call.query.get("filter") === "all";
    return await jobs(call, run, (attempt) => isAll || attempt === run.attempt);
  }),
  "GET /repos/{owner}/{repo}/actions/runs/{run_id}/attempts/{attempt_number}/jobs": inRepository(
    "actions",
    "read",
    async (call) => await jobs(call, runIn(call), (each) => String(each) === inPath(call, "attempt_number")),
  ),
  "GET /repos/{owner}/{repo}/actions/jobs/{job_id}": inRepository("actions", "read", (call) => {
    const all = call.repository().runs.flatMap((run) => run.jobs);
    return ok(jobOf(call.world, found(all.find((each) => String(each.id) === inPath(call, "job_id")))));
  }),
};

function runIn(call: Call): Run {
  return found(call.repository().runs.find((each) => String(each.id) === inPath(call, "run_id")));
}

async function listRuns(call: Call): Promise<Reply> {
  const { query } = call;
  const matches = (key: string, value: string | undefined): boolean =>
    query.get(key) === null || query.get(key) === value;
  const runs = call
    .repository()
    .runs.filter((run) => matches("head_sha", run.headSha) && matches("branch", run.headBranch))
    .filter((run) => matches("event", run.event))
    .filter((run) => matches("status", run.status) || matches("status", run.conclusion))
    .toReversed();
  return await counted(call, "workflow_runs", runs, async (run) => await runOf(call.world, run));
}

async function getAttempt(call: Call): Promise<Reply> {
  const run = runIn(call);
  const number = Number(inPath(call, "attempt_number"));
  return ok(await runOf(call.world, found(number >= 1 && number <= run.attempt ? run : undefined), number));
}

async function jobs(call: Call, run: Run, isWanted: (attempt: number) => boolean): Promise<Reply> {
  const wanted = run.jobs.filter((job) => isWanted(job.attempt));
  return await counted(call, "jobs", wanted, (job) => jobOf(call.world, job));
}
