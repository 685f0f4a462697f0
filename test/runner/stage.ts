// One phase of one step: its inputs, its process, and what it left in the runner's files.

import { randomUUID } from "node:crypto";
import { existsSync, statSync, writeFileSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import type { ActionFile } from "./action-file.ts";
import type { Console } from "./console.ts";
import { stepEnvironment } from "./environment.ts";
import { fill, type Scope } from "./expression/evaluate.ts";
import { isObject } from "./expression/value.ts";
import { type CommandFiles, createCommandFiles, readPairs, readPaths, readSummary } from "./file-commands.ts";
import type { JobOrder } from "./order.ts";
import { type Ended, type StepProcess, startStepProcess } from "./step-process.ts";
import type { Step } from "./workflow.ts";

/** What of a step lives from one phase to the next. */
export interface StepState {
  readonly plan: Step;
  /** Of a remote action from the start; of a local one from when its main is reached. */
  action: ActionFile | undefined;
  readonly state: Map<string, string>;
  hasPost: boolean;
}

export interface Stage {
  readonly phase: "pre" | "main" | "post";
  readonly step: StepState;
  readonly name: string;
  readonly condition: string;
}

export interface StageRun {
  readonly order: JobOrder;
  readonly stage: Stage;
  readonly scope: Scope;
  readonly env: Readonly<Record<string, string>>;
  readonly paths: readonly string[];
  readonly console: Console;
  onProcess(process: StepProcess): void;
  onOutput(name: string, value: string): void;
  onEnv(name: string, value: string): void;
  onPath(path: string): void;
}

export interface StageEnd {
  readonly ended: Ended;
  readonly summary: string | undefined;
}

/** Runs it to its end. Throws where it cannot begin, as for a script of an action that is not there. */
export async function runStage(run: StageRun): Promise<StageEnd> {
  const { order, stage, console } = run;
  const { action, plan, state } = stage.step;
  const files = createCommandFiles(order.folders.temp, randomUUID());
  try {
    const inputs = action === undefined ? {} : evaluateInputs(run, action);
    const { github, runner } = run.scope.contexts;
    const environment = stepEnvironment({
      order,
      env: run.env,
      state,
      inputs,
      paths: run.paths,
      action,
      files: files.environment,
      github: github ?? null,
      runner: runner ?? null,
    });
    const command = action === undefined ? script(run, environment) : program(run, action, inputs);
    const process = await startStepProcess({
      ...command,
      environment,
      pipes: order.folders.pipes,
      timings: order.timings,
      onLine: console.take,
    });
    run.onProcess(process);
    const ended = await process.ended;
    if (ended.exitCode !== 0 && !ended.wasCancelled && plan.run !== undefined) {
      console.annotate("error", `Process completed with exit code ${ended.exitCode}.`);
    }
    return { ended, summary: takeFiles(run, files) };
  } finally {
    files.remove();
  }
}

function evaluateInputs(run: StageRun, action: ActionFile): Record<string, string> {
  const { plan } = run.stage.step;
  const inputs: Record<string, string> = {};
  for (const [name, value] of Object.entries(plan.with)) inputs[name] = fill(value, run.scope);
  const given = Object.keys(inputs).map((name) => name.toLowerCase());
  const known = Object.keys(action.inputs);
  // A default may ask only for what does not differ from step to step.
  const { github, strategy, matrix, job, runner } = run.scope.contexts;
  const contexts = Object.entries({ github, strategy, matrix, job, runner }).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  for (const [name, input] of Object.entries(action.inputs)) {
    if (!given.includes(name.toLowerCase()))
      inputs[name] = fill(input.default, { contexts: Object.fromEntries(contexts) });
    else if (input.deprecation !== undefined) {
      run.console.annotate("warning", `Input '${name}' has been deprecated with message: ${input.deprecation}`);
    }
  }
  const strange = Object.keys(plan.with).filter(
    (name) => !known.some((each) => each.toLowerCase() === name.toLowerCase()),
  );
  if (strange.length > 0) {
    const text = `Unexpected input(s) '${strange.join("', '")}', valid inputs are ['${known.join("', '")}']`;
    run.console.annotate("warning", text);
  }
  return inputs;
}

interface Program {
  readonly file: string;
  readonly args: readonly string[];
  readonly folder: string;
}

function program(run: StageRun, action: ActionFile, inputs: Readonly<Record<string, string>>): Program {
  const { order, stage, console } = run;
  const { phase, step } = stage;
  const name = { pre: action.pre, main: action.main, post: action.post }[phase];
  const path = join(action.folder, name ?? "");
  if (phase === "post") console.write("Post job cleanup.");
  else {
    console.write(`##[group]Run ${step.plan.uses}`);
    const shown = Object.entries(inputs).filter(([, value]) => value !== "");
    if (shown.length > 0) console.write("with:");
    for (const [key, value] of shown) console.write(`  ${key}: ${value}`);
    writeEnv(run);
  }
  if (!existsSync(path) || !statSync(path).isFile()) throw new Error(`File not found: '${path}'`);
  return { file: order.node, args: [path], folder: order.folders.workspace };
}

/** The built-in shells: what they are called with, and what their scripts' names end in. */
const SHELLS: Readonly<Record<string, { readonly args: string; readonly ending: string }>> = {
  bash: { args: "--noprofile --norc -e -o pipefail {0}", ending: ".sh" },
  sh: { args: "-e {0}", ending: ".sh" },
  python: { args: "{0}", ending: ".py" },
};

function script(run: StageRun, environment: Readonly<Record<string, string>>): Program {
  const { order, stage, console, scope } = run;
  const { plan } = stage.step;
  const text = fill(plan.run ?? "", scope);
  // Without a shell it is bash, where there is one, called as sh would be: pipefail is for those who ask for bash.
  const [name = "", ...more] = fill(plan.shell ?? "", scope).split(" ");
  const isPlain = name === "";
  const found = isPlain ? (which("bash", environment) ?? which("sh", environment)) : which(name, environment);
  if (found === undefined) throw new Error(`${name || "sh"}: command not found`);
  const shell = SHELLS[isPlain ? "sh" : name];
  const format = more.length > 0 ? more.join(" ") : (shell?.args ?? "");
  if (!format.includes("{0}")) {
    throw new Error(
      "Invalid shell option. Shell must be a valid built-in (bash, sh, cmd, powershell, pwsh) or a format string containing '{0}'",
    );
  }
  const path = join(order.folders.temp, `${randomUUID()}${shell?.ending ?? ""}`);
  writeFileSync(path, text);
  console.write(`##[group]Run ${text.trimStart().split("\n")[0]}`);
  for (const line of text.replace(/\n+$/, "").split("\n")) console.write(`\u001b[36;1m${line}\u001b[0m`);
  console.write(`shell: ${found} ${format}`);
  writeEnv(run);
  const args = format.split(" ").map((each) => each.replace("{0}", path));
  const folder = resolve(order.folders.workspace, fill(plan.workingDirectory ?? "", scope));
  if (!existsSync(folder)) throw new Error(`No such file or directory: working-directory ${folder}`);
  return { file: found, args, folder };
}

function writeEnv(run: StageRun): void {
  const shown = Object.entries(run.env);
  if (shown.length > 0) run.console.write("env:");
  for (const [name, value] of shown) run.console.write(`  ${name}: ${value}`);
  run.console.write("##[endgroup]");
}

function which(name: string, environment: Readonly<Record<string, string>>): string | undefined {
  if (name.includes("/")) return existsSync(name) ? name : undefined;
  const folders = (environment["PATH"] ?? "").split(delimiter).filter((each) => each !== "");
  return folders.map((each) => join(each, name)).find((path) => existsSync(path));
}

function takeFiles(run: StageRun, files: CommandFiles): string | undefined {
  const { console, stage } = run;
  const take = (name: string, read: () => void): void => {
    try {
      read();
    } catch (error) {
      console.fail(`Unable to process file command '${name}' successfully.`);
      console.fail(error instanceof Error ? error.message : String(error));
    }
  };
  take("path", () => {
    for (const path of readPaths(files.path)) run.onPath(path);
  });
  take("env", () => {
    for (const [name, value] of readPairs(files.env)) {
      if (/^NODE_OPTIONS$/i.test(name)) {
        console.annotate("error", "Can't store NODE_OPTIONS output parameter using '$GITHUB_ENV' command.");
      } else run.onEnv(name, value);
    }
  });
  take("output", () => {
    for (const [name, value] of readPairs(files.output)) run.onOutput(name, value);
  });
  take("save_state", () => {
    for (const [name, value] of readPairs(files.state)) stage.step.state.set(name, value);
  });
  try {
    return readSummary(files.summary);
  } catch (error) {
    // An error to be seen, yet one that fails no step.
    console.annotate("error", error instanceof Error ? error.message : String(error));
    return undefined;
  }
}

/** The `github` context as this step sees it: which action it is. */
export function githubOf(order: JobOrder, step: Step): Scope["contexts"][string] {
  const github = order.contexts["github"] ?? null;
  const [repository = "", ref = ""] = step.uses === undefined || step.uses.startsWith("./") ? [] : step.uses.split("@");
  const name = repository.split("/").slice(0, 2).join("/");
  const action = { action: step.key, action_repository: name, action_ref: ref };
  return isObject(github) ? { ...github, ...action } : action;
}
