// The door of the runner for tests: runs a job of a workflow on this machine as actions/runner would.

import { readFileSync } from "node:fs";
import { checkJob } from "./check.ts";
import { NotUnderstood } from "./expression/tree.ts";
import { deafGitHub, type GitHubSide } from "./github.ts";
import { listen, skip } from "./listener.ts";
import type { Combination } from "./matrix.ts";
import type { JobHandle, JobOptions } from "./options.ts";
import { type Found, prepare } from "./preparation.ts";
import type { JobResult } from "./result.ts";
import { readWorkflow } from "./workflow.ts";

/** Starts a job and gives a handle to what happens meanwhile. Throws `NotUnderstood` for what is not played. */
export function startJob(options: JobOptions): JobHandle {
  const side = options.github ?? deafGitHub();
  const prepared = prepare({ ...options, side, found: findJob(options) });
  return prepared.isWanted ? listen(prepared, options) : skip(prepared);
}

/** Runs a job to its end. Its `close` must be called. */
export async function runJob(options: JobOptions): Promise<JobResult> {
  return await startJob(options).result;
}

export interface MatrixOptions extends Omit<JobOptions, "github" | "matrix"> {
  /** Called for each combination: each is a job of its own, with its own check and tokens. */
  readonly github?: (combination: Combination, index: number) => GitHubSide;
}

/** Runs every combination of a job's matrix at once, or as many as `max-parallel` says. One that fails cancels the others. */
export async function runMatrix(options: MatrixOptions): Promise<readonly JobResult[]> {
  const { github, ...rest } = options;
  const { job } = findJob(rest);
  const { strategy } = job;
  if (strategy === undefined) throw new NotUnderstood(`jobs.${job.id} has no matrix`);
  const waiting = [...strategy.combinations.entries()];
  const under = new Set<JobHandle>();
  const results: JobResult[] = [];
  let isFailing = false;
  const runNext = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined && !isFailing; next = waiting.shift()) {
      const [index, matrix] = next;
      const side = github?.(matrix, index) ?? deafGitHub();
      const handle = startJob({ ...rest, matrix, github: side });
      under.add(handle);
      const result = await handle.result;
      under.delete(handle);
      results[index] = result;
      if (result.conclusion !== "failure" || !strategy.failFast) continue;
      isFailing = true;
      for (const other of under) other.cancel();
    }
  };
  const width = strategy.maxParallel ?? strategy.combinations.length;
  await Promise.all(Array.from({ length: width }, runNext));
  // Of combinations that were never begun there is no result.
  return results.flatMap((each) => [each]);
}

/** The job that the options name, checked. */
function findJob(options: Pick<JobOptions, "workflow" | "text" | "job">): Found {
  const { workflow: path, text = readFileSync(path, "utf8") } = options;
  const workflow = readWorkflow(text, path);
  const ids = [...workflow.jobs.keys()];
  const id = options.job ?? (ids.length === 1 ? ids[0] : undefined);
  const job = workflow.jobs.get(id ?? "");
  if (job === undefined) throw new NotUnderstood(`${path}: which job? It has ${ids.join(", ")}`);
  checkJob(job);
  return { workflow, job };
}
