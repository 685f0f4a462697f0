// Keeps what a worker says of its job, and puts it together when the job is over.

import type { PhaseBegan, WorkerMessage } from "./order.ts";
import type { Seen } from "./processes.ts";
import type { Annotation, Outcome, PhaseResult } from "./result.ts";

export interface Ledger {
  take(message: WorkerMessage): void;
  began(index: number): PhaseBegan | undefined;
  /** Whether the phase's process has begun; what was in its log before is the runner's own. */
  hasProcess(index: number): boolean;
  isEmpty(): boolean;
  /** In the order in which they began. One that never ended counts as cancelled. */
  phases(): readonly PhaseResult[];
  conclusion(): Outcome | undefined;
  outputs(): Readonly<Record<string, string>>;
  swept(): readonly Seen[];
  problems(): readonly string[];
}

interface Entry {
  readonly began: PhaseBegan;
  readonly log: string[];
  readonly annotations: Annotation[];
  pid: number | undefined;
  result: Omit<PhaseResult, "log" | "annotations"> | undefined;
}

export function createLedger(): Ledger {
  const entries = new Map<number, Entry>();
  const problems = new Set<string>();
  let ended: Extract<WorkerMessage, { kind: "job-ended" }> | undefined;
  return {
    take(message) {
      switch (message.kind) {
        case "ready":
        case "not-understood":
          return;
        case "phase-began":
          entries.set(message.index, { began: message, log: [], annotations: [], pid: undefined, result: undefined });
          return;
        case "process-began": {
          const entry = entries.get(message.index);
          if (entry !== undefined) entry.pid = message.pid;
          return;
        }
        case "line":
          entries.get(message.index)?.log.push(message.text);
          return;
        case "annotation":
          entries.get(message.index)?.annotations.push(message.annotation);
          return;
        case "problem":
          problems.add(message.text);
          return;
        case "phase-ended": {
          const entry = entries.get(message.index);
          if (entry !== undefined) entry.result = message.result;
          return;
        }
        case "job-ended":
          ended = message;
      }
    },
    began: (index) => entries.get(index)?.began,
    hasProcess: (index) => entries.get(index)?.pid !== undefined,
    isEmpty: () => entries.size === 0,
    phases: () =>
      [...entries.values()].map(({ log, annotations, ...of }) => ({ ...(of.result ?? unended(of)), log, annotations })),
    conclusion: () => ended?.conclusion,
    outputs: () => ended?.outputs ?? {},
    swept: () => ended?.swept ?? [],
    problems: () => [...problems],
  };
}

function unended({ began, pid }: Pick<Entry, "began" | "pid">): Omit<PhaseResult, "log" | "annotations"> {
  const { phase, step, name } = began;
  return {
    phase,
    step,
    name,
    pid,
    outcome: "cancelled",
    conclusion: "cancelled",
    durationMs: 0,
    exitCode: undefined,
    exitMs: undefined,
    openMs: undefined,
    leftOpen: false,
    outputs: {},
    summary: undefined,
  };
}
