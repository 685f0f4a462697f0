// What is known of a job when it has ended.

import type { Seen } from "./processes.ts";

export type Outcome = "success" | "failure" | "cancelled" | "skipped";

export type PhaseName = "set up job" | "pre" | "main" | "post" | "complete job";

export interface Annotation {
  readonly level: "error" | "warning" | "notice";
  /** At most 4,096 characters. */
  readonly message: string;
  /** As the command had them: file, line, endLine, col, endColumn, title. */
  readonly properties: Readonly<Record<string, string>>;
}

/** One row of the list of steps that a person sees: a step's pre, main or post, or the runner's own first and last. */
export interface PhaseResult {
  readonly phase: PhaseName;
  /** The step's id, or the name that the runner gave it; nothing for the runner's own. */
  readonly step: string | undefined;
  readonly name: string;
  /** Before `continue-on-error`. */
  readonly outcome: Outcome;
  readonly conclusion: Outcome;
  /** 128 and the signal's number for a process that a signal ended; nothing where none was started. */
  readonly exitCode: number | undefined;
  readonly pid: number | undefined;
  readonly durationMs: number;
  /** From start to exit of the process, and from there to the end of its output: 5 s where something kept it open. */
  readonly exitMs: number | undefined;
  readonly openMs: number | undefined;
  /** Whether something had the output open still when the runner went on. */
  readonly leftOpen: boolean;
  /** As in the log that can be downloaded: masked, with `##[group]` and the like. */
  readonly log: readonly string[];
  /** At most ten of each level. */
  readonly annotations: readonly Annotation[];
  readonly outputs: Readonly<Record<string, string>>;
  /** Masked; nothing where it was empty or refused. */
  readonly summary: string | undefined;
}

export interface JobResult {
  /** As it is in the workflow, with the values of the matrix where there are any. */
  readonly name: string;
  readonly conclusion: Outcome;
  readonly phases: readonly PhaseResult[];
  readonly outputs: Readonly<Record<string, string>>;
  /** What the runner ended at "Complete job", by `RUNNER_TRACKING_ID`. */
  readonly swept: readonly Seen[];
  /** What is alive with the job's `RUNNER_TRACKING_ID` after the job: nothing, if all is well. */
  readonly left: readonly Seen[];
  /** Whether the worker ended without saying that the job had. */
  readonly workerDied: boolean;
  /** Whether the job outlived the five minutes that it has after its cancellation, and its machine was taken away. */
  readonly takenAway: boolean;
  /** What works today and should not be used: `set-output` and the like. */
  readonly problems: readonly string[];
  readonly durationMs: number;
  /** The whole log, phase after phase. */
  readonly log: readonly string[];
  readonly annotations: readonly Annotation[];
  readonly folders: { readonly home: string; readonly workspace: string; readonly temp: string };
  readonly trackingId: string;
  /** The phase of that step. Throws where there is none. */
  phase(phase: PhaseName, step?: string): PhaseResult;
  /** Ends what is left and takes the job's folders away. */
  close(): Promise<void>;
}
