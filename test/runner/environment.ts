// The variables of a step's process, in the order in which the runner lays them over each other.

import { delimiter } from "node:path";
import type { ActionFile } from "./action-file.ts";
import { isObject, toText, type Value } from "./expression/value.ts";
import type { JobOrder } from "./order.ts";

/** The properties of `github` that steps have as variables too. */
const GITHUB = [
  "action",
  "action_ref",
  "action_repository",
  "actor",
  "actor_id",
  "api_url",
  "base_ref",
  "event_name",
  "event_path",
  "graphql_url",
  "head_ref",
  "job",
  "ref",
  "ref_name",
  "ref_protected",
  "ref_type",
  "repository",
  "repository_id",
  "repository_owner",
  "repository_owner_id",
  "retention_days",
  "run_attempt",
  "run_id",
  "run_number",
  "server_url",
  "sha",
  "triggering_actor",
  "workflow",
  "workflow_ref",
  "workflow_sha",
  "workspace",
];

export interface StepEnvironment {
  readonly order: JobOrder;
  /** The workflow's, the job's, what GITHUB_ENV added, the step's own. */
  readonly env: Readonly<Record<string, string>>;
  readonly state: ReadonlyMap<string, string>;
  readonly inputs: Readonly<Record<string, string>>;
  readonly paths: readonly string[];
  readonly github: Value;
  readonly runner: Value;
  readonly files: Readonly<Record<string, string>>;
  /** Nothing for a script: the service's addresses and tokens are for actions. */
  readonly action: ActionFile | undefined;
}

/** What a workflow sets cannot replace what the runner sets as GITHUB_*, RUNNER_* and ACTIONS_*. */
export function stepEnvironment(of: StepEnvironment): Readonly<Record<string, string>> {
  const { order } = of;
  const states = [...of.state].map(([name, value]): [string, string] => [`STATE_${name}`, value]);
  const inputs = Object.entries(of.inputs).map(([name, value]): [string, string] => [inputVariable(name), value]);
  const environment: Record<string, string> = {
    ...order.machine,
    RUNNER_TRACKING_ID: order.trackingId,
    ...of.env,
    ...Object.fromEntries(states),
    ...(of.action === undefined ? {} : Object.fromEntries(inputs)),
  };
  environment["PATH"] = [...of.paths.toReversed(), environment["PATH"] ?? ""].join(delimiter);
  Object.assign(environment, variables(of.github, "GITHUB_", GITHUB), variables(of.runner, "RUNNER_"), of.files);
  if (of.action !== undefined) Object.assign(environment, order.runtime);
  Object.assign(environment, order.idToken);
  environment["GITHUB_ACTIONS"] = "true";
  environment["CI"] ??= "true";
  return environment;
}

/** The variable of an input: spaces become underscores, dashes stay. */
export function inputVariable(name: string): string {
  return `INPUT_${name.replaceAll(" ", "_").toUpperCase()}`;
}

function variables(context: Value, prefix: string, names?: readonly string[]): Record<string, string> {
  if (!isObject(context)) return {};
  const entries = Object.entries(context).filter(([name, value]) => value !== null && names?.includes(name) !== false);
  return Object.fromEntries(entries.map(([name, value]) => [`${prefix}${name.toUpperCase()}`, toText(value)]));
}
