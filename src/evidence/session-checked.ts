// What a session in the evidence is held against, and what comes of it.

import type { LogRead } from "./check-log.ts";
import type { Finding, SessionReport } from "./report.ts";
import type { Trust } from "./trust.ts";

/** What a session is held against. */
export interface SessionContext {
  /** Keys to believe. Undefined: those that the session itself names, because nothing else does. */
  readonly trust: Trust | undefined;
  /** The log as read; undefined when only the session is at hand. */
  readonly log: LogRead | undefined;
  /** The repository that the caller asks about, `owner/name`; undefined to take the session's word. */
  readonly repository?: string | undefined;
  /** Digests of the policies that the caller knows; undefined to take any. */
  readonly policies?: ReadonlySet<string> | undefined;
}

/** The report, and what pages of the month and the log's population are compared with. */
export interface SessionChecked {
  readonly report: SessionReport;
  /** Are there the session's own files, is there the statement that closed it as lost. */
  readonly holds: { readonly session: boolean; readonly lost: boolean };
  /** This session's line of `index.csv`. */
  readonly row: string;
}

/** Holds the digest of the policy to its form, and to those that were given. */
export function checkPolicy(digest: string, known: ReadonlySet<string> | undefined, finding: Finding): void {
  finding.detail = digest;
  if (!/^sha256:[0-9a-f]{64}$/.test(digest)) finding.fail("session.started names no digest of a policy");
  else if (known !== undefined && !known.has(digest)) finding.fail(`${digest} is no policy that you gave`);
}
