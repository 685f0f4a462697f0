// What the listener and its worker say to each other. Both are ours and of one version, so a message is known by its kind.

import { isShape } from "../standin/shape.ts";
import type { Value } from "./expression/value.ts";
import type { Seen } from "./processes.ts";
import type { Annotation, Outcome, PhaseName, PhaseResult } from "./result.ts";
import type { Job } from "./workflow.ts";

/** Where an action's files are, and which of them make up the action; all but git's and npm's folders unless said. */
export interface ActionFolder {
  readonly folder: string;
  readonly only?: readonly string[];
}

export interface Timings {
  /** How long the runner waits for the end of output after a process has exited. 5 s. */
  readonly eofMs: number;
  /** From SIGINT to SIGTERM. 7.5 s. */
  readonly interruptMs: number;
  /** From SIGTERM to SIGKILL. 2.5 s. */
  readonly terminateMs: number;
  /** From a job's cancellation to the end of its machine. 5 min. */
  readonly cancellationMs: number;
  /** What `timeout-minutes` counts in. */
  readonly minuteMs: number;
}

export interface Folders {
  readonly home: string;
  readonly work: string;
  readonly workspace: string;
  readonly temp: string;
  readonly tools: string;
  readonly pipes: string;
}

export interface JobOrder {
  readonly kind: "job";
  readonly job: Job;
  readonly folders: Folders;
  readonly trackingId: string;
  readonly node: string;
  /** What a process of this machine has as its environment, before the runner adds its own. */
  readonly machine: Readonly<Record<string, string>>;
  /** All but env, steps and job. */
  readonly contexts: Readonly<Record<string, Value>>;
  readonly jobContext: Readonly<Record<string, Value>>;
  readonly event: Value;
  readonly secrets: readonly string[];
  /** By `owner/name@ref` as it stands in the workflow. */
  readonly actions: Readonly<Record<string, ActionFolder>>;
  readonly timings: Timings;
  /** For actions alone, not for scripts. */
  readonly runtime: Readonly<Record<string, string>>;
  /** For actions and scripts. Empty without `id-token: write`. */
  readonly idToken: Readonly<Record<string, string>>;
  readonly isDebug: boolean;
}

export interface PhaseBegan {
  readonly kind: "phase-began";
  readonly index: number;
  readonly phase: PhaseName;
  readonly step: string | undefined;
  readonly name: string;
}

/** The order to the worker to cancel the job. */
export interface Cancel {
  readonly kind: "cancel";
}

export type WorkerMessage =
  | { readonly kind: "ready" }
  | PhaseBegan
  | { readonly kind: "process-began"; readonly index: number; readonly pid: number }
  | { readonly kind: "line"; readonly index: number; readonly text: string }
  | { readonly kind: "annotation"; readonly index: number; readonly annotation: Annotation }
  | { readonly kind: "problem"; readonly text: string }
  | {
      readonly kind: "phase-ended";
      readonly index: number;
      readonly result: Omit<PhaseResult, "log" | "annotations">;
    }
  | {
      readonly kind: "job-ended";
      readonly conclusion: Outcome;
      readonly outputs: Readonly<Record<string, string>>;
      readonly swept: readonly Seen[];
    }
  /** The workflow asks for what this runner does not play. The job is no job then, and its result an error. */
  | { readonly kind: "not-understood"; readonly text: string };

export function isWorkerMessage(value: unknown): value is WorkerMessage {
  return isShape(value) && typeof value["kind"] === "string";
}

export function isOrder(value: unknown): value is JobOrder | Cancel {
  return isShape(value) && (value["kind"] === "job" || value["kind"] === "cancel");
}
