// Makes of a workflow's job, GitHub's side of it and what the test says the order that the worker gets.

import { chownSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { checkJob } from "./check.ts";
import { type ContextParts, githubContext, isFromFork, runnerContext } from "./contexts.ts";
import { fill, holds, type Scope } from "./expression/evaluate.ts";
import { NotUnderstood } from "./expression/tree.ts";
import { isObject, toText, type Value, valueOf } from "./expression/value.ts";
import { makeFolders } from "./folders.ts";
import type { GitHubSide } from "./github.ts";
import type { JobOptions } from "./options.ts";
import type { ActionFolder, Folders, JobOrder, Timings } from "./order.ts";
import { forFork, forToken, type Permissions, RESTRICTED } from "./permissions.ts";
import { type Job, readWorkflow, type Workflow } from "./workflow.ts";

export interface Prepared {
  readonly order: JobOrder;
  /** Takes the job's folders away. */
  readonly remove: () => void;
  readonly side: GitHubSide;
  /** False where the job's own `if` does not hold: it is skipped. */
  readonly isWanted: boolean;
}

/** As the runner has them. */
const TIMINGS: Timings = {
  eofMs: 5000,
  interruptMs: 7500,
  terminateMs: 2500,
  cancellationMs: 300_000,
  minuteMs: 60_000,
};

const HERE = dirname(fileURLToPath(import.meta.url));
const NODE = join(HERE, "..", "..", "node_modules", "node", "bin", "node");

/** A checkout that speaks to the stand-in: the real one would be downloaded. */
const CHECKOUT = join(HERE, "actions", "checkout");

export interface Preparation extends JobOptions {
  readonly side: GitHubSide;
}

/** The order for the job that was found. Makes the job's folders; none are left where it throws. */
export function prepare(of: Preparation & { readonly found: Found }): Prepared {
  const { folders, remove } = makeFolders(of.side.repository.fullName, of.workspaceFrom);
  try {
    return { ...write(of, folders), remove };
  } catch (error) {
    remove();
    throw error;
  }
}

function write(of: Preparation & { readonly found: Found }, folders: Folders): Omit<Prepared, "remove"> {
  const { side } = of;
  const repository = side.repository.fullName;
  const called = resolveCall(of, of.found);
  const { job } = called;
  refuseUnplayed(job, of);
  const event = of.event ?? {};
  const isFork = isFromFork(event, repository);
  const given = job.permissions ?? of.defaultPermissions ?? RESTRICTED;
  const permissions = isFork ? forFork(given) : given;
  const token = side.token(forToken(permissions));
  const asked = permissions["id-token"] === "write" ? side.idToken() : undefined;
  const secrets = { ...(isFork ? {} : called.secrets), GITHUB_TOKEN: token };
  const isDebug = secretOrVariable(of, "ACTIONS_STEP_DEBUG") === "true";
  const trackingId = `github_${crypto.randomUUID()}`;
  const parts: ContextParts = {
    side,
    folders,
    token,
    event,
    isDebug,
    jobId: job.id,
    workflowName: of.found.workflow.name,
    os: systemOf(job.runsOn),
  };
  const contexts: Record<string, Value> = {
    github: githubContext(parts),
    runner: runnerContext(parts),
    secrets,
    vars: of.vars ?? {},
    inputs: called.inputs,
    needs: valueOf(of.needs ?? {}),
    matrix: of.matrix ?? {},
    strategy: { "fail-fast": job.strategy?.failFast ?? true, "job-total": job.strategy?.combinations.length ?? 1 },
  };
  const runtimeToken = crypto.randomUUID();
  const order: JobOrder = {
    kind: "job",
    job: { ...job, name: jobName(job, contexts) },
    folders,
    trackingId,
    node: NODE,
    machine: machineOf(of, folders),
    contexts,
    jobContext: jobContext(job, side),
    event: valueOf(event),
    secrets: [...Object.values(secrets), runtimeToken, ...(asked === undefined ? [] : [asked.token])],
    actions: foldersOf(job, of.actions ?? {}),
    timings: scaled(of),
    runtime: {
      ACTIONS_RUNTIME_URL: `${side.serverUrl}/_services/pipelines/`,
      ACTIONS_RUNTIME_TOKEN: runtimeToken,
      ACTIONS_CACHE_URL: `${side.serverUrl}/_services/cache/`,
      ACTIONS_RESULTS_URL: `${side.serverUrl}/_services/results/`,
    },
    idToken:
      asked === undefined
        ? {}
        : { ACTIONS_ID_TOKEN_REQUEST_URL: asked.url, ACTIONS_ID_TOKEN_REQUEST_TOKEN: asked.token },
    isDebug,
  };
  writeFileSync(join(folders.temp, "_github_workflow", "event.json"), JSON.stringify(event, undefined, 2));
  if (of.user !== undefined) handOver(folders.home, of.user);
  const { github = null, needs = null, vars = null, inputs = null } = contexts;
  const isWanted = holds(job.condition, { contexts: { github, needs, vars, inputs }, status: statusOf(of) });
  return { order, side, isWanted };
}

export interface Found {
  readonly workflow: Workflow;
  readonly job: Job;
}

interface Called {
  readonly job: Job;
  readonly inputs: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, string>>;
}

/** The job that runs: of a job that calls another workflow, the one job of that, with what the caller hands on. */
function resolveCall(of: Preparation, { workflow, job }: Found): Called {
  const secrets = of.secrets ?? {};
  const inputs = { ...workflow.inputs, ...of.inputs };
  if (job.call === undefined) return { job, inputs, secrets };
  const path = of.workflows?.[job.call.uses];
  if (path === undefined) throw new NotUnderstood(`no file was given for the workflow "${job.call.uses}"`);
  const called = readWorkflow(readFileSync(path, "utf8"), path);
  if (!called.events.includes("workflow_call")) throw new NotUnderstood(`${path} is not "on: workflow_call"`);
  const [inner, ...others] = called.jobs.values();
  if (inner === undefined || others.length > 0)
    throw new NotUnderstood(`${path}: this runner calls workflows of one job`);
  checkJob(inner);
  const matrix = of.matrix ?? {};
  const scope: Scope = { contexts: { secrets, inputs, vars: of.vars ?? {}, needs: valueOf(of.needs ?? {}), matrix } };
  const filled = (values: Readonly<Record<string, string>>): Record<string, string> =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, fill(value, scope)]));
  return {
    // A called workflow never has more than its caller.
    job: {
      ...inner,
      permissions: within(inner.permissions, job.permissions ?? of.defaultPermissions ?? RESTRICTED, path),
    },
    inputs: { ...called.inputs, ...filled(job.call.with) },
    secrets: job.call.secrets === "inherit" ? secrets : filled(job.call.secrets),
  };
}

function within(inner: Permissions | undefined, outer: Permissions, path: string): Permissions {
  if (inner === undefined) return outer;
  const more = Object.keys(inner).find((name) => outer[name] !== "write" && outer[name] !== inner[name]);
  if (more === undefined) return inner;
  throw new NotUnderstood(
    `${path}: asks for "${more}: ${inner[more]}", but its caller allows "${outer[more] ?? "none"}"`,
  );
}

function refuseUnplayed(job: Job, of: Preparation): void {
  const simulated = of.simulate ?? [];
  const refuse = (what: string, flag: string): never => {
    throw new NotUnderstood(`jobs.${job.id}: this runner plays no ${what}, unless told to simulate "${flag}"`);
  };
  if (job.container !== undefined && !simulated.includes("container")) refuse("container job", "container");
  if (job.steps.some((step) => step.background) && !simulated.includes("background"))
    refuse("background step", "background");
  if (systemOf(job.runsOn) !== "Linux" && !simulated.includes("os")) refuse(`"runs-on: ${job.runsOn}"`, "os");
}

function jobName(job: Job, contexts: Readonly<Record<string, Value>>): string {
  const { github = null, needs = null, strategy = null, matrix = null, vars = null, inputs = null } = contexts;
  const name = fill(job.name, { contexts: { github, needs, strategy, matrix, vars, inputs } });
  const values = job.strategy === undefined || name !== job.name ? [] : isObject(matrix) ? Object.values(matrix) : [];
  return values.length === 0 ? name : `${name} (${values.map(toText).join(", ")})`;
}

function jobContext(job: Job, side: GitHubSide): Record<string, Value> {
  const container = job.container === undefined ? {} : { id: "simulated", network: "simulated" };
  return { check_run_id: side.checkRunId, container: { id: null, network: null, ...container }, services: {} };
}

function foldersOf(job: Job, actions: NonNullable<JobOptions["actions"]>): Record<string, ActionFolder> {
  const found: Record<string, ActionFolder> = {};
  for (const { uses } of job.steps) {
    if (uses === undefined || uses.startsWith("./")) continue;
    const [name = ""] = uses.split("@");
    const repository = name.split("/").slice(0, 2).join("/");
    const checkout = repository === "actions/checkout" ? CHECKOUT : undefined;
    const folder = actions[uses] ?? actions[name] ?? actions[repository] ?? checkout;
    if (folder === undefined) throw new NotUnderstood(`jobs.${job.id}: no folder was given for "uses: ${uses}"`);
    found[uses] = typeof folder === "string" ? { folder } : folder;
  }
  return found;
}

function machineOf(of: Preparation, folders: Folders): Record<string, string> {
  // Nothing of the tests' own environment but where programs are.
  return {
    PATH: process.env["PATH"] ?? "/usr/local/bin:/usr/bin:/bin",
    HOME: folders.home,
    USER: "runner",
    SHELL: "/bin/bash",
    LANG: "C.UTF-8",
    ...of.machine,
  };
}

function scaled(of: Preparation): Timings {
  const scale = of.timeScale ?? 1;
  const runner = Object.entries<number>({ ...TIMINGS }).map(([name, ms]): [string, number] => [
    name,
    name === "minuteMs" ? ms : ms * scale,
  ]);
  return { ...TIMINGS, ...Object.fromEntries(runner), ...of.timings };
}

function secretOrVariable(of: Preparation, name: string): string | undefined {
  return of.secrets?.[name] ?? of.vars?.[name];
}

/** How the jobs before stand together, for a job's `if`. */
function statusOf(of: Preparation): "success" | "failure" | "cancelled" {
  const results = Object.values(of.needs ?? {}).map((each) => each.result);
  if (results.includes("cancelled")) return "cancelled";
  return results.every((each) => each === "success") ? "success" : "failure";
}

function systemOf(runsOn: string): "Linux" | "Windows" | "macOS" {
  if (/windows/i.test(runsOn)) return "Windows";
  return /macos/i.test(runsOn) ? "macOS" : "Linux";
}

function handOver(folder: string, user: { readonly uid: number; readonly gid: number }): void {
  const inside = readdirSync(folder, { recursive: true, encoding: "utf8" });
  for (const path of [folder, ...inside.map((each) => join(folder, each))]) chownSync(path, user.uid, user.gid);
}
