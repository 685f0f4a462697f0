// Reads a workflow file. Every key that this runner does not play is an error that names its place.

import { isShape, type Shape } from "../standin/shape.ts";
import { NotUnderstood } from "./expression/tree.ts";
import { readStrategy, type Strategy } from "./matrix.ts";
import { type Permissions, readPermissions } from "./permissions.ts";
import { mapping, maybeMapping, maybeScalar, onlyKeys, readYaml, scalars, sequence } from "./reading.ts";

export interface Workflow {
  readonly name: string;
  readonly events: readonly string[];
  /** Defaults of inputs of `workflow_dispatch` and `workflow_call`. */
  readonly inputs: Readonly<Record<string, string>>;
  readonly jobs: ReadonlyMap<string, Job>;
}

export interface Job {
  readonly id: string;
  readonly name: string;
  readonly condition: string;
  /** Nothing where neither the job nor the workflow says. */
  readonly permissions: Permissions | undefined;
  readonly strategy: Strategy | undefined;
  readonly runsOn: string;
  readonly container: string | undefined;
  readonly environment: string | undefined;
  /** The workflow's, then the job's: an expression of the later may use the earlier. */
  readonly env: readonly Readonly<Record<string, string>>[];
  readonly outputs: Readonly<Record<string, string>>;
  readonly timeoutMinutes: number;
  readonly continueOnError: boolean;
  readonly steps: readonly Step[];
  /** A job that calls another workflow has this, and no steps. */
  readonly call: Call | undefined;
}

export interface Call {
  readonly uses: string;
  readonly with: Readonly<Record<string, string>>;
  readonly secrets: "inherit" | Readonly<Record<string, string>>;
}

export interface Step {
  /** What GITHUB_ACTION says: the id, or a name that the runner makes. */
  readonly key: string;
  readonly id: string | undefined;
  readonly name: string | undefined;
  readonly condition: string;
  readonly uses: string | undefined;
  readonly run: string | undefined;
  readonly with: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  readonly shell: string | undefined;
  readonly workingDirectory: string | undefined;
  readonly continueOnError: string;
  readonly timeoutMinutes: string;
  readonly background: boolean;
}

interface Defaults {
  readonly shell: string | undefined;
  readonly workingDirectory: string | undefined;
}

/** GitHub's own bound on a job. */
const TIMEOUT_MINUTES = 360;

/** The workflow in `text`. Throws `NotUnderstood`, naming `path` and the place in it. */
export function readWorkflow(text: string, path: string): Workflow {
  const file = readYaml(text, path);
  onlyKeys(file, ["name", "run-name", "on", "permissions", "env", "defaults", "concurrency", "jobs"], path);
  const env = scalars(file["env"], `${path}: env`);
  const defaults = readDefaults(file["defaults"], `${path}: defaults`);
  const permissions = readPermissions(file["permissions"], `${path}: permissions`);
  const jobs = Object.entries(mapping(file["jobs"], `${path}: jobs`)).map(([id, job]): [string, Job] => {
    const where = `${path}: jobs.${id}`;
    return [id, readJob(id, mapping(job, where), { env, defaults, permissions, where })];
  });
  const on = isShape(file["on"]) ? file["on"] : undefined;
  const events = on === undefined ? [file["on"]].flat().map(String) : Object.keys(on);
  return { name: maybeScalar(file["name"], path) ?? path, events, inputs: inputsOf(on, path), jobs: new Map(jobs) };
}

interface Around extends Pick<Job, "permissions"> {
  readonly env: Readonly<Record<string, string>>;
  readonly defaults: Defaults;
  readonly where: string;
}

function readJob(id: string, job: Shape, around: Around): Job {
  const { where } = around;
  const common = ["name", "needs", "if", "permissions", "strategy", "concurrency"];
  const isCall = job["uses"] !== undefined;
  const own = [
    "runs-on",
    "environment",
    "env",
    "defaults",
    "outputs",
    "timeout-minutes",
    "continue-on-error",
    "container",
  ];
  onlyKeys(job, isCall ? [...common, "uses", "with", "secrets"] : [...common, ...own, "steps"], where);
  const jobDefaults = readDefaults(job["defaults"], `${where}.defaults`);
  const defaults = {
    shell: jobDefaults.shell ?? around.defaults.shell,
    workingDirectory: jobDefaults.workingDirectory ?? around.defaults.workingDirectory,
  };
  const steps = sequence(job["steps"], `${where}.steps`);
  if (!isCall && steps.length === 0) throw new NotUnderstood(`${where}: a job needs steps`);
  const timeout = job["timeout-minutes"];
  if (timeout !== undefined && typeof timeout !== "number") {
    throw new NotUnderstood(`${where}.timeout-minutes: this runner takes a number here`);
  }
  return {
    id,
    name: maybeScalar(job["name"], `${where}.name`) ?? id,
    condition: maybeScalar(job["if"], `${where}.if`) ?? "",
    permissions: readPermissions(job["permissions"], `${where}.permissions`) ?? around.permissions,
    strategy: readStrategy(job["strategy"], `${where}.strategy`),
    runsOn: [job["runs-on"]].flat().join(" "),
    container: nameOrKey(job["container"], "image", `${where}.container`),
    environment: nameOrKey(job["environment"], "name", `${where}.environment`),
    env: [around.env, scalars(job["env"], `${where}.env`)],
    outputs: scalars(job["outputs"], `${where}.outputs`),
    timeoutMinutes: timeout ?? TIMEOUT_MINUTES,
    continueOnError: job["continue-on-error"] === true,
    steps: readSteps(steps, defaults, where),
    call: isCall ? readCall(job, where) : undefined,
  };
}

function readSteps(steps: readonly unknown[], defaults: Defaults, where: string): readonly Step[] {
  const keys = new Map<string, number>();
  return steps.map((each, index) => {
    const place = `${where}.steps[${index}]`;
    const step = mapping(each, place);
    const common = ["id", "name", "if", "env", "continue-on-error", "timeout-minutes", "background"];
    const uses = maybeScalar(step["uses"], `${place}.uses`);
    const run = maybeScalar(step["run"], `${place}.run`);
    if ((uses === undefined) === (run === undefined))
      throw new NotUnderstood(`${place}: a step has either uses or run`);
    onlyKeys(
      step,
      [...common, ...(uses === undefined ? ["run", "shell", "working-directory"] : ["uses", "with"])],
      place,
    );
    const id = maybeScalar(step["id"], `${place}.id`);
    // As GitHub names them: __run, __run_2; an action by its repository.
    const made = uses === undefined ? "__run" : `__${uses.replace(/@.*$/, "").replaceAll(/[^A-Za-z0-9-]+/g, "_")}`;
    const count = (keys.get(made) ?? 0) + 1;
    if (id === undefined) keys.set(made, count);
    return {
      key: id ?? (count === 1 ? made : `${made}_${count}`),
      id,
      name: maybeScalar(step["name"], `${place}.name`),
      condition: maybeScalar(step["if"], `${place}.if`) ?? "",
      uses,
      run,
      with: scalars(step["with"], `${place}.with`),
      env: scalars(step["env"], `${place}.env`),
      shell: maybeScalar(step["shell"], `${place}.shell`) ?? defaults.shell,
      workingDirectory: maybeScalar(step["working-directory"], place) ?? defaults.workingDirectory,
      continueOnError: maybeScalar(step["continue-on-error"], place) ?? "false",
      timeoutMinutes: maybeScalar(step["timeout-minutes"], place) ?? "0",
      background: step["background"] === true,
    };
  });
}

function readDefaults(value: unknown, where: string): Defaults {
  const defaults = maybeMapping(value, where);
  onlyKeys(defaults, ["run"], where);
  const run = maybeMapping(defaults["run"], `${where}.run`);
  onlyKeys(run, ["shell", "working-directory"], `${where}.run`);
  return { shell: maybeScalar(run["shell"], where), workingDirectory: maybeScalar(run["working-directory"], where) };
}

function readCall(job: Shape, where: string): Call {
  const { secrets } = job;
  return {
    uses: maybeScalar(job["uses"], `${where}.uses`) ?? "",
    with: scalars(job["with"], `${where}.with`),
    secrets: secrets === "inherit" ? secrets : scalars(secrets, `${where}.secrets`),
  };
}

function nameOrKey(value: unknown, key: string, where: string): string | undefined {
  return isShape(value) ? maybeScalar(value[key], where) : maybeScalar(value, where);
}

function inputsOf(on: Shape | undefined, where: string): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const event of ["workflow_dispatch", "workflow_call"]) {
    const inputs = maybeMapping(maybeMapping(on?.[event], `${where}: on.${event}`)["inputs"], `${where}: on.${event}`);
    for (const [name, input] of Object.entries(inputs)) {
      found[name] = maybeScalar(maybeMapping(input, where)["default"], where) ?? "";
    }
  }
  return found;
}
