// A job as the worker runs it: every pre, the steps, the posts in reverse, the sweep; conditions; cancellation.

import { cpSync, existsSync, mkdirSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { type ActionFile, readActionFile } from "./action-file.ts";
import { createConsole } from "./console.ts";
import { fill, holds, type Scope, type Status } from "./expression/evaluate.ts";
import { NotUnderstood } from "./expression/tree.ts";
import type { Value } from "./expression/value.ts";
import { createMasker } from "./masker.ts";
import type { ActionFolder, JobOrder, WorkerMessage } from "./order.ts";
import { carrying, kill, running, type Seen } from "./processes.ts";
import type { Outcome, PhaseName } from "./result.ts";
import { githubOf, runStage, type Stage, type StepState } from "./stage.ts";
import type { StepProcess } from "./step-process.ts";

export interface RunningJob {
  readonly ended: Promise<void>;
  /** Cancels what runs, if its condition does not hold for a cancelled job, and goes on with what then holds. */
  cancel(): void;
}

/** Starts a job. Its `ended` rejects with `NotUnderstood` where the workflow asks for what is not played. */
export function startJob(order: JobOrder, report: (message: WorkerMessage) => void): RunningJob {
  const before = running();
  const masker = createMasker();
  for (const secret of order.secrets) masker.add(secret);
  let status: Status = "success";
  let count = 0;
  const env: Record<string, string> = {};
  const paths: string[] = [];
  const steps: Record<string, Value> = {};
  const posts: Stage[] = [];
  const cancellers = new Set<() => void>();

  const scopeOf = (withEnv: Readonly<Record<string, string>>, step?: StepState): Scope => {
    const github = step === undefined ? (order.contexts["github"] ?? null) : githubOf(order, step.plan);
    const job = { ...order.jobContext, status };
    return { contexts: { ...order.contexts, github, job, env: withEnv, steps } };
  };

  const phase = (name: PhaseName, step: StepState | undefined, title: string) => {
    const index = count;
    count += 1;
    const began = performance.now();
    const outputs: Record<string, string> = {};
    report({ kind: "phase-began", index, phase: name, step: step?.plan.key, name: title });
    const console = createConsole({
      masker,
      isDebug: order.isDebug,
      allowsUnsecure: env["ACTIONS_ALLOW_UNSECURE_COMMANDS"] === "true",
      onLine: (text) => {
        for (const line of text.split("\n")) report({ kind: "line", index, text: line });
      },
      onAnnotation: (annotation) => report({ kind: "annotation", index, annotation }),
      onOutput: (key, value) => {
        outputs[key] = value;
      },
      onState: (key, value) => step?.state.set(key, value),
      onEnv: (key, value) => {
        env[key] = value;
      },
      onPath: addPath,
      onProblem: (text) => report({ kind: "problem", text }),
    });
    return {
      index,
      console,
      outputs,
      end(
        outcome: Outcome,
        conclusion: Outcome,
        of?: Awaited<ReturnType<typeof runStage>> & { pid: number | undefined },
      ) {
        const summary = of?.summary?.split("\n").map(masker.mask).join("\n");
        report({
          kind: "phase-ended",
          index,
          result: {
            phase: name,
            step: step?.plan.key,
            name: title,
            outcome,
            conclusion,
            outputs,
            summary,
            pid: of?.pid,
            durationMs: performance.now() - began,
            exitCode: of?.ended.exitCode,
            exitMs: of?.ended.exitMs,
            openMs: of?.ended.openMs,
            leftOpen: of?.ended.leftOpen ?? false,
          },
        });
      },
    };
  };

  const addPath = (path: string): void => {
    const known = paths.indexOf(path);
    if (known >= 0) paths.splice(known, 1);
    paths.push(path);
  };

  const pushPost = (step: StepState): void => {
    const { action, plan } = step;
    if (action?.post === undefined || step.hasPost) return;
    step.hasPost = true;
    posts.push({ phase: "post", step, name: `Post ${titleOf(plan)}`, condition: action.postIf });
  };

  const run = async (stage: Stage): Promise<void> => {
    const { step } = stage;
    const { plan } = step;
    const ownEnv: Record<string, string> = { ...env };
    let scope = scopeOf(ownEnv, step);
    for (const [name, value] of Object.entries(plan.env)) ownEnv[name] = fill(value, scope);
    scope = scopeOf(ownEnv, step);
    const here = phase(stage.phase, step, masker.mask(fill(stage.name, scope)));
    const finish = (outcome: Outcome, of?: Parameters<typeof here.end>[2]): void => {
      const continues = outcome === "failure" && fill(plan.continueOnError, scope) === "true";
      const conclusion = continues ? "success" : outcome;
      if (stage.phase === "main" && plan.id !== undefined) {
        steps[plan.id] = { outputs: { ...here.outputs }, outcome, conclusion };
      }
      if (conclusion === "failure" && status !== "cancelled") status = "failure";
      here.end(outcome, conclusion, of);
    };
    if (!holds(stage.condition, { ...scope, status })) {
      finish("skipped");
      return;
    }
    let reason: "cancelled" | "timeout" | undefined;
    let process: StepProcess | undefined;
    const stop = (why: "cancelled" | "timeout"): void => {
      reason ??= why;
      process?.cancel();
    };
    // What would run in a cancelled job too, as with `always()`, is not cancelled.
    const onCancel = (): void => {
      if (!holds(stage.condition, { ...scope, status })) stop("cancelled");
    };
    cancellers.add(onCancel);
    const minutes = Number(fill(plan.timeoutMinutes, scope));
    const timer = minutes > 0 ? setTimeout(stop, minutes * order.timings.minuteMs, "timeout") : undefined;
    try {
      beginMain(stage, here.console.annotate);
      const end = await runStage({
        order,
        stage,
        scope,
        env: ownEnv,
        paths,
        console: here.console,
        onPath: addPath,
        onProcess(started) {
          process = started;
          report({ kind: "process-began", index: here.index, pid: started.pid });
          if (reason !== undefined) process.cancel();
        },
        onOutput(name, value) {
          here.outputs[name] = value;
        },
        onEnv(name, value) {
          env[name] = value;
        },
      });
      const stopped = end.ended.wasCancelled ? reason : undefined;
      if (stopped === "timeout") {
        here.console.annotate("error", `The action '${titleOf(plan)}' has timed out after ${minutes} minutes.`);
      }
      if (stopped === "cancelled") here.console.annotate("error", "The operation was canceled.");
      const hasFailed = stopped === "timeout" || end.ended.exitCode !== 0 || here.console.hasFailed;
      finish(stopped === "cancelled" ? "cancelled" : hasFailed ? "failure" : "success", { ...end, pid: process?.pid });
    } catch (error) {
      if (error instanceof NotUnderstood) throw error;
      here.console.annotate("error", error instanceof Error ? error.message : String(error));
      finish("failure");
    } finally {
      cancellers.delete(onCancel);
      clearTimeout(timer);
    }
  };

  /** A local action is read only now, for it comes with the checkout; and its pre has been missed. */
  const beginMain = (stage: Stage, annotate: ReturnType<typeof phase>["console"]["annotate"]): void => {
    const { step } = stage;
    const { uses } = step.plan;
    if (stage.phase === "main" && uses?.startsWith("./") === true) {
      step.action = readActionFile(resolve(order.folders.workspace, uses));
      if (step.action.pre !== undefined) {
        annotate("warning", `\`pre\` execution is not supported for local action from '${uses}'`);
      }
    }
    if (stage.phase !== "post") pushPost(step);
  };

  const setUp = (): readonly StepState[] | undefined => {
    const here = phase("set up job", undefined, "Set up job");
    here.console.write("Current runner version: '2.336.0'");
    try {
      const loaded = order.job.steps.map((plan): StepState => {
        const action =
          plan.uses?.startsWith("./") === false ? download(order, plan.uses, here.console.write) : undefined;
        return { plan, action, state: new Map(), hasPost: false };
      });
      for (const layer of order.job.env) {
        const scope = scopeOf({ ...env });
        for (const [name, value] of Object.entries(layer)) env[name] = fill(value, scope);
      }
      here.console.write(`Complete job name: ${order.job.name}`);
      here.end("success", "success");
      return loaded;
    } catch (error) {
      if (error instanceof NotUnderstood) throw error;
      here.console.annotate("error", error instanceof Error ? error.message : String(error));
      status = "failure";
      here.end("failure", "failure");
      return undefined;
    }
  };

  const complete = (): readonly Seen[] => {
    const here = phase("complete job", undefined, "Complete job");
    here.console.write("Cleaning up orphan processes");
    const swept = carrying(order.trackingId, before).filter((seen) => {
      here.console.write(`Terminate orphan process: pid (${seen.pid}) (${basename(seen.command.split(" ")[0] ?? "")})`);
      return kill(seen);
    });
    here.end("success", "success");
    return swept;
  };

  const outputsOf = (): Record<string, string> => {
    const scope = scopeOf({ ...env });
    const filled = Object.entries(order.job.outputs).map(([name, value]) => [name, fill(value, scope)] as const);
    // An output that may hold a secret is not handed on.
    return Object.fromEntries(filled.filter(([, value]) => masker.mask(value) === value));
  };

  const runAll = async (): Promise<void> => {
    const loaded = setUp();
    const beside: Promise<unknown>[] = [];
    if (loaded !== undefined) {
      for (const step of loaded) {
        const { action, plan } = step;
        if (action?.pre === undefined) continue;
        await run({ phase: "pre", step, name: `Pre ${titleOf(plan)}`, condition: action.preIf });
      }
      for (const step of loaded) {
        const stage: Stage = { phase: "main", step, name: titleOf(step.plan), condition: step.plan.condition };
        const ended = run(stage);
        // Caught at once, so that what goes wrong beside others is no unhandled rejection meanwhile.
        if (step.plan.background) beside.push(ended.catch((error: unknown) => error));
        else await ended;
      }
      const wrong = (await Promise.all(beside)).find((each) => each !== undefined);
      if (wrong !== undefined) throw new Error("a background step could not be played", { cause: wrong });
      for (let post = posts.pop(); post !== undefined; post = posts.pop()) await run(post);
    }
    const swept = complete();
    report({ kind: "job-ended", conclusion: status, outputs: outputsOf(), swept });
  };

  return {
    ended: runAll(),
    cancel() {
      status = "cancelled";
      for (const each of cancellers) each();
    },
  };
}

function titleOf(plan: StepState["plan"]): string {
  return plan.name ?? `Run ${plan.uses ?? (plan.run ?? "").trimStart().split("\n")[0]}`;
}

/** Copies an action's files to where the runner has what it downloaded. */
function download(order: JobOrder, uses: string, write: (text: string) => void): ActionFile {
  const [name = "", ref = ""] = uses.split("@");
  const [owner = "", repository = "", ...inside] = name.split("/");
  const from: ActionFolder | undefined = order.actions[uses];
  if (from === undefined) throw new NotUnderstood(`no folder was given for "uses: ${uses}"`);
  write(`Download action repository '${owner}/${repository}@${ref}'`);
  const to = join(order.folders.work, "_actions", owner, repository, ref.replaceAll("/", "_"));
  if (!existsSync(to)) {
    mkdirSync(dirname(to), { recursive: true });
    const isPart = (path: string): boolean => {
      const part = relative(from.folder, path);
      if (part === "") return true;
      if (/(?:^|\/)(?:\.git|node_modules)$/.test(part)) return false;
      return from.only?.some((each) => part === each || part.startsWith(`${each}/`)) ?? true;
    };
    cpSync(from.folder, to, { recursive: true, filter: isPart });
  }
  return readActionFile(join(to, ...inside));
}
