// The listener: starts a worker, hears what it says, cancels, and sees what is left when it is gone.

import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import { NotUnderstood } from "./expression/tree.ts";
import { createLedger, type Ledger } from "./ledger.ts";
import type { JobHandle, JobOptions, Moment } from "./options.ts";
import { isWorkerMessage } from "./order.ts";
import type { Prepared } from "./preparation.ts";
import { carrying, kill, running } from "./processes.ts";
import type { JobResult, Outcome } from "./result.ts";

interface Waiting {
  readonly moment: Moment;
  resolve(): void;
  reject(error: Error): void;
}

/** Starts the worker of a prepared job. */
export function listen(prepared: Prepared, options: JobOptions): JobHandle {
  const { order, side, remove } = prepared;
  const before = running();
  const began = performance.now();
  const ledger = createLedger();
  const waiting = new Set<Waiting>();
  const fate: {
    isOver: boolean;
    takenAway: boolean;
    isTaken?: Promise<void>;
    notUnderstood?: string;
    timer?: NodeJS.Timeout;
  } = {
    isOver: false,
    takenAway: false,
  };
  const worker = spawnWorker(options);
  const end = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    worker.once("exit", (code, signal) => resolve({ code, signal }));
  });

  const cancel = (): void => {
    if (fate.isOver || fate.timer !== undefined) return;
    if (worker.connected) worker.send({ kind: "cancel" }, () => undefined);
    fate.timer = setTimeout(() => {
      // The service has waited long enough: the machine goes, and all on it.
      fate.takenAway = true;
      worker.kill("SIGKILL");
      fate.isTaken = endAll(order.trackingId, before);
    }, order.timings.cancellationMs);
  };
  const jobTimer = setTimeout(cancel, order.job.timeoutMinutes * order.timings.minuteMs);

  const killWorker = (): void => {
    worker.kill("SIGKILL");
  };

  const until = async (moment: Moment): Promise<void> => {
    await new Promise<void>((resolve, reject) => {
      if (fate.isOver) reject(new Error("the job is over"));
      else waiting.add({ moment, resolve, reject });
    });
    const { afterMs = 0 } = moment;
    if (afterMs > 0) await new Promise((resolve) => setTimeout(resolve, afterMs));
  };

  const wake = (index: number, line: string | undefined): void => {
    const here = ledger.began(index);
    for (const each of waiting) {
      const { phase, step, line: pattern } = each.moment;
      if (here === undefined || here.phase !== phase || (step !== undefined && here.step !== step)) continue;
      if (pattern === undefined ? line !== undefined : line === undefined || !pattern.test(line)) continue;
      waiting.delete(each);
      each.resolve();
    }
  };

  worker.on("message", (message: unknown) => {
    if (!isWorkerMessage(message)) return;
    if (message.kind === "ready" && ledger.isEmpty()) worker.send(order);
    if (message.kind === "not-understood") fate.notUnderstood = message.text;
    ledger.take(message);
    if (message.kind === "line") {
      const here = ledger.began(message.index);
      if (here !== undefined) options.onLine?.(message.text, here);
      if (here !== undefined && (here.step === undefined || ledger.hasProcess(message.index))) {
        wake(message.index, message.text);
      }
    }
    const isRunners = message.kind === "phase-began" && /^(?:set up|complete) job$/.test(message.phase);
    if (message.kind === "process-began" || isRunners) wake(message.index, undefined);
  });

  const planned = [
    plan(options.cancelAt, "cancelAt", until, cancel),
    plan(options.killWorkerAt, "killWorkerAt", until, killWorker),
  ];

  const result = end.then(async ({ code, signal }): Promise<JobResult> => {
    fate.isOver = true;
    clearTimeout(jobTimer);
    clearTimeout(fate.timer);
    for (const each of waiting) each.reject(new Error(`the job ended before ${describe(each.moment)}`));
    await fate.isTaken;
    const close = async (): Promise<void> => {
      await endAll(order.trackingId, before);
      remove();
    };
    const fail = async (error: Error): Promise<never> => {
      await close();
      throw error;
    };
    if (fate.notUnderstood !== undefined) return await fail(new NotUnderstood(fate.notUnderstood));
    // A worker that dies of itself is a fault of this runner's, not something that is played.
    if (code !== null && code !== 0) return await fail(new Error(`the runner's worker ended with code ${code}`));
    const wrong = (await Promise.all(planned)).find((each) => each !== undefined);
    if (wrong !== undefined) return await fail(wrong);
    const conclusion = ledger.conclusion() ?? (fate.takenAway ? "cancelled" : "failure");
    side.ended(conclusion);
    return resultOf(ledger, {
      prepared,
      conclusion,
      close,
      workerDied: signal !== null,
      takenAway: fate.takenAway,
      left: carrying(order.trackingId, before),
      durationMs: performance.now() - began,
    });
  });
  // Whoever started the job awaits it; this only says that nobody need do so before it is over.
  result.catch(() => undefined);
  return { result, trackingId: order.trackingId, folders: publicFolders(prepared), until, cancel, killWorker };
}

/** What a job is whose `if` does not hold: over, with nothing done. */
export function skip(prepared: Prepared): JobHandle {
  const { order, remove } = prepared;
  const result = resultOf(createLedger(), {
    prepared,
    conclusion: "skipped",
    workerDied: false,
    takenAway: false,
    left: [],
    durationMs: 0,
    close: async () => await Promise.resolve(remove()),
  });
  return {
    result: Promise.resolve(result),
    trackingId: order.trackingId,
    folders: publicFolders(prepared),
    until: async () => await Promise.reject(new Error("the job was skipped")),
    cancel: () => undefined,
    killWorker: () => undefined,
  };
}

interface Ending extends Pick<JobResult, "workerDied" | "takenAway" | "left" | "durationMs" | "close"> {
  readonly prepared: Prepared;
  readonly conclusion: Outcome;
}

function resultOf(ledger: Ledger, ending: Ending): JobResult {
  const { prepared, ...rest } = ending;
  const phases = ledger.phases();
  return {
    ...rest,
    name: prepared.order.job.name,
    phases,
    outputs: ledger.outputs(),
    swept: ledger.swept(),
    problems: ledger.problems(),
    log: phases.flatMap((each) => each.log),
    annotations: phases.flatMap((each) => each.annotations),
    folders: publicFolders(prepared),
    trackingId: prepared.order.trackingId,
    phase(phase, step) {
      const found = phases.find((each) => each.phase === phase && (step === undefined || each.step === step));
      if (found !== undefined) return found;
      const there = phases.map((each) => `${each.phase} ${each.step ?? ""}`.trim());
      throw new Error(`the job had no ${phase} ${step ?? ""}; it had ${there.join(", ")}`);
    },
  };
}

function spawnWorker(options: JobOptions): ChildProcess {
  const [program, ...prefix] = [...(options.workerCommand ?? []), process.execPath];
  return fork(join(import.meta.dirname, "worker.ts"), {
    execPath: program,
    execArgv: prefix,
    // The runner's worker has its own environment, and none of the tests' settings.
    env: { PATH: process.env["PATH"] ?? "", LANG: "C.UTF-8" },
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    // Keeps what is undefined.
    serialization: "advanced",
    ...options.user,
  });
}

async function plan(
  moment: Moment | undefined,
  name: string,
  until: JobHandle["until"],
  act: () => void,
): Promise<Error | undefined> {
  if (moment === undefined) return undefined;
  try {
    await until(moment);
    act();
    return undefined;
  } catch (error) {
    // Handed to whoever awaits the job: a test that cancels nothing must not pass for one that does.
    return new Error(`${name} never came`, { cause: error });
  }
}

function describe(moment: Moment): string {
  return `${moment.phase} ${moment.step ?? ""} ${moment.line === undefined ? "" : `said ${moment.line.source}`}`.trim();
}

function publicFolders(prepared: Prepared): JobResult["folders"] {
  const { home, workspace, temp } = prepared.order.folders;
  return { home, workspace, temp };
}

async function endAll(trackingId: string, before: ReadonlyMap<number, string>): Promise<void> {
  // A process that is being born while others are killed is found the next time.
  for (let tries = 0; tries < 20; tries += 1) {
    const left = carrying(trackingId, before);
    if (left.length === 0) return;
    for (const seen of left) kill(seen);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
