// What a test says of a job that it wants run, and what it holds while the job runs.

import type { GitHubSide } from "./github.ts";
import type { Combination } from "./matrix.ts";
import type { ActionFolder, Timings } from "./order.ts";
import type { Permissions } from "./permissions.ts";
import type { JobResult, PhaseName } from "./result.ts";

export interface JobOptions {
  /** The workflow's file. */
  readonly workflow: string;
  /** Its text, where it is in no file; `workflow` names it then. */
  readonly text?: string;
  /** Which job; may be left out where there is one. */
  readonly job?: string;
  /** Folders of actions, by `owner/name@ref` or `owner/name` for any ref. `actions/checkout` is there already. */
  readonly actions?: Readonly<Record<string, string | ActionFolder>>;
  readonly github?: GitHubSide;
  readonly secrets?: Readonly<Record<string, string>>;
  readonly vars?: Readonly<Record<string, string>>;
  readonly inputs?: Readonly<Record<string, string>>;
  /** What of earlier jobs `needs` says. */
  readonly needs?: Readonly<
    Record<string, { readonly result: string; readonly outputs: Readonly<Record<string, string>> }>
  >;
  /** The webhook that began the run; `github.event`. */
  readonly event?: Readonly<Record<string, unknown>>;
  /** One combination of the job's matrix. */
  readonly matrix?: Combination;
  /** Workflows that a job may call, by what its `uses` says: their files. */
  readonly workflows?: Readonly<Record<string, string>>;
  /** A folder whose content the workspace has from the start, for local actions without a checkout. */
  readonly workspaceFrom?: string;
  /** What a token may do where no workflow says: reading, unless said. */
  readonly defaultPermissions?: Permissions;
  readonly timings?: Partial<Timings>;
  /** Makes the runner's own times (not a step's `timeout-minutes`) shorter or longer. */
  readonly timeScale?: number;
  /** Presses "Cancel" then. */
  readonly cancelAt?: Moment;
  /** Kills the worker with SIGKILL then. */
  readonly killWorkerAt?: Moment;
  /** Plays, as far as a job can see it, what this runner would refuse. */
  readonly simulate?: readonly ("background" | "container" | "os")[];
  /** More variables of the machine, or others. */
  readonly machine?: Readonly<Record<string, string>>;
  /** Runs the worker, and so all steps, as that user. */
  readonly user?: { readonly uid: number; readonly gid: number };
  /** Put before the worker's own command, as `["ip", "netns", "exec", "job"]`. Must keep open files. */
  readonly workerCommand?: readonly string[];
  /** Called with each line of the log as it comes. */
  onLine?(line: string, phase: { readonly phase: PhaseName; readonly step: string | undefined }): void;
}

export interface JobHandle {
  readonly result: Promise<JobResult>;
  readonly trackingId: string;
  readonly folders: JobResult["folders"];
  /** Resolves then; rejects when the job ends before. */
  until(moment: Moment): Promise<void>;
  /** As a person would press "Cancel". */
  cancel(): void;
  /** SIGKILL, as the kernel's out-of-memory killer sends it. */
  killWorker(): void;
}

/** A moment of a job: when a phase's process has begun, or has printed a line. */
export interface Moment {
  readonly phase: PhaseName;
  /** The step's id or the name that the runner gave it. */
  readonly step?: string;
  /** Of what the phase's process printed, as it is masked; not of the script that the runner shows before. */
  readonly line?: RegExp;
  readonly afterMs?: number;
}
