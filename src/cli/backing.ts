// What stands behind a session: who countersigns it, who is asked, where its evidence goes. The local countersigner, or the App.

import { ConfigError, type ConfigIssue } from "../config/config-error.ts";
import { unenforceable } from "../config/enforceable.ts";
import type { OpenParts, SessionOwn } from "../gateway/local.ts";
import type { Ended } from "../gateway/seal.ts";
import type { Session } from "../gateway/session.ts";
import type { SessionDesk } from "../gateway/session-desk.ts";
import type { Destination, UnsealedSessions } from "../gateway/unsealed.ts";
import type { Identity } from "../model/session.ts";
import type { Policy } from "../policy/policy.ts";
import { postgresControls } from "../protocols/postgres/index.ts";
import { type RunOptions, UsageError } from "./options.ts";
import type { RunIo } from "./run.ts";

export interface BackingParts {
  readonly options: RunOptions;
  readonly io: RunIo;
  /** Tells the person something, unless they want to hear errors only. */
  readonly say: (line: string) => void;
  /** A folder for this run alone. */
  readonly temporary: string;
  readonly sessions: UnsealedSessions;
  /** The person at the terminal wants the job to stop. */
  readonly interrupt: () => void;
}

export interface Backing {
  /** Undefined where the session names itself. */
  readonly own: SessionOwn | undefined;
  readonly policy: Policy;
  readonly targets: OpenParts["targets"];
  readonly identity: Identity;
  readonly logOrigin: string;
  readonly desk: SessionDesk;
  readonly destination: Destination;
  /** Where people answer, for the first line. */
  readonly answeredAt: string;
  /** Is the terminal's input ours and not the job's. */
  readonly readsTerminal: boolean;
  /** Variables that the job does not get; known once the session is open. */
  secret(): readonly string[];
  opened(session: Session): void;
  jobEnded(): void;
  /** Keeps an ended session. Rejects when it was not taken; its files are left as they are. */
  keep(ended: Ended): Promise<Kept>;
  close(): void;
}

/** What became of the evidence, in words: `sealed` 3 commands `in dir:evidence, sessions/...`. */
export interface Kept {
  readonly verb: string;
  readonly where: string;
  readonly folder: string;
  readonly commit: string;
}

/** Throws ConfigError where this version would not keep the policy; `unanswerable` are the holds that nobody could answer. */
export function checkPolicy(policy: Policy, unanswerable: readonly ConfigIssue[]): void {
  const controlsOf = (name: string) => (name === "postgres" ? postgresControls : undefined);
  const issues = [...unenforceable(policy, controlsOf), ...unanswerable];
  if (issues.length > 0) throw new ConfigError(issues);
}

/** Throws UsageError for a target that the policy does not have. */
export function checkTargets(policy: Policy, names: readonly string[]): void {
  for (const name of names) {
    if (!policy.targets.has(name)) {
      const known = [...policy.targets.keys()].join(", ");
      throw new UsageError(`--target ${name}: the policy ${policy.file} has no such target; it has ${known}`);
    }
  }
}
