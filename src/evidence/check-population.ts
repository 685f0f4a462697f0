// Every entry of the log has what it speaks of among the evidence, once, and all that lies there has its entry.

import type { LogRead } from "./check-log.ts";
import type { Finding } from "./report.ts";
import type { SessionChecked } from "./session-checked.ts";

/** Holds the sessions that were found to the log's entries. Heartbeats have a check of their own. */
export function checkPopulation(log: LogRead, sessions: readonly SessionChecked[], finding: Finding): void {
  const there = (what: "session" | "lost"): ReadonlySet<string> =>
    new Set(sessions.flatMap(({ report, holds }) => (holds[what] ? [report.sid] : [])));
  const found = { session: there("session"), lost: there("lost") };
  const entered = { session: new Set<string>(), lost: new Set<string>() };
  for (const [at, entry] of log.entries.entries()) {
    if (entry === undefined) finding.fail(`entry ${at} of the log is not one of this version`);
    else if (entry.kind === "erasure") {
      if (!entered.session.has(entry.sid)) {
        finding.fail(`entry ${at} erases from session ${entry.sid}, which was not entered`);
      }
    } else if (entry.kind !== "heartbeat") {
      const { kind, sid } = entry;
      const how = kind === "lost" ? "closes as lost" : "enters";
      if (entered[kind].has(sid)) finding.fail(`entry ${at} ${how} session ${sid} a second time`);
      else if (!found[kind].has(sid)) {
        finding.fail(
          `entry ${at}: session ${sid}${kind === "lost" ? ", closed as lost," : ""} is not among the evidence`,
        );
      }
      if (kind === "lost" && entered.session.has(sid)) {
        finding.fail(`entry ${at} closes session ${sid} as lost, which was entered before`);
      }
      entered[kind].add(sid);
    }
  }
  for (const { report, holds } of sessions) {
    if (holds.session && !entered.session.has(report.sid)) finding.fail(`${report.folder} is in no entry of the log`);
    if (holds.lost && !entered.lost.has(report.sid))
      finding.fail(`${report.folder} is closed as lost in no entry of the log`);
  }
  finding.detail = `${log.entries.length} entries, ${sessions.length} sessions`;
}
