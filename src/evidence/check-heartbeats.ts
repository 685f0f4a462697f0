// The heartbeats: a signed word for each day, which says what the log says, and no day between them without one.

import type { LogRead } from "./check-log.ts";
import { decodeUtf8 } from "./dsse.ts";
import { digestOfFile } from "./entry.ts";
import { type Heartbeat, verifyHeartbeat } from "./heartbeat.ts";
import type { EvidenceReader } from "./ledger.ts";
import { logOriginOf } from "./origin.ts";
import { Finding } from "./report.ts";
import type { Trust } from "./trust.ts";
import { heartbeatDays, heartbeatPath } from "./where.ts";

const DAY_MS = 86_400_000;

/** Sessions by how the log speaks of them. */
interface Entered {
  readonly landed: ReadonlySet<string>;
  readonly lost: ReadonlySet<string>;
}

/** Checks every heartbeat. Undefined where there are none: a ledger without an App has none, and nothing is said of it. */
export async function checkHeartbeats(
  reader: EvidenceReader,
  log: LogRead,
  { witnesses }: Trust,
): Promise<Finding | undefined> {
  const files = await heartbeatDays(reader, "all");
  const digests = new Map<string, string>();
  const finding = new Finding("heartbeats");
  for (const [at, entry] of log.entries.entries()) {
    if (entry?.kind !== "heartbeat") continue;
    if (digests.has(entry.day)) finding.fail(`entry ${at} is a second heartbeat of ${entry.day}`);
    else digests.set(entry.day, entry.dsse);
  }
  if (files.length === 0 && digests.size === 0) return undefined;
  for (const day of files) if (!digests.has(day)) finding.fail(`${heartbeatPath(day)} is in no entry of the log`);
  const keys = witnesses.map(({ publicKey }) => publicKey);
  const entered: Entered = { landed: sidsOf(log, "session"), lost: sidsOf(log, "lost") };
  const days = [...digests.keys()].toSorted();
  let before: Heartbeat | undefined;
  for (const day of days) {
    const bytes = await reader.read(heartbeatPath(day));
    const heartbeat =
      bytes === undefined ? undefined : opened(bytes, { day, digest: digests.get(day) ?? "", keys }, finding);
    if (bytes === undefined) finding.fail(`${heartbeatPath(day)} is missing`);
    if (heartbeat === undefined) continue;
    compareWithLog(heartbeat, log.origin, entered, finding);
    if (before !== undefined) compareWithNext(before, heartbeat, entered, finding);
    before = heartbeat;
  }
  for (const gap of gapsBetween(days)) finding.miss(`there is no heartbeat of ${gap}`);
  finding.detail = `${days.length} days, ${days[0] ?? ""} to ${days.at(-1) ?? ""}`;
  return finding;
}

function sidsOf(log: LogRead, kind: "session" | "lost"): ReadonlySet<string> {
  return new Set(log.entries.flatMap((entry) => (entry?.kind === kind ? [entry.sid] : [])));
}

function opened(
  bytes: Uint8Array,
  { day, digest, keys }: { readonly day: string; readonly digest: string; readonly keys: readonly Uint8Array[] },
  finding: Finding,
): Heartbeat | undefined {
  const path = heartbeatPath(day);
  if (digestOfFile(bytes) !== digest) finding.fail(`${path} is not the one that the log holds`);
  const result = verifyHeartbeat(decodeUtf8(bytes) ?? "", keys);
  if (result.kind === "bad") {
    for (const reason of result.reasons) finding.fail(`${path}: ${reason}`);
    return undefined;
  }
  if (result.heartbeat.day !== day) finding.fail(`${path} is the heartbeat of ${result.heartbeat.day}`);
  return result.heartbeat;
}

function compareWithLog(
  { day, repository, sessions }: Heartbeat,
  origin: string,
  entered: Entered,
  finding: Finding,
): void {
  if (logOriginOf(repository) !== origin) {
    finding.fail(`the heartbeat of ${day} is of ${JSON.stringify(repository)}, and the log is ${origin}`);
  }
  for (const { sid, state } of sessions) {
    if (state !== "open" && !entered[state].has(sid)) {
      finding.fail(`the heartbeat of ${day} says that session ${sid} is ${state}, and the log does not hold that`);
    }
  }
}

/** What was open is in the next heartbeat, or in the log by now; else nobody knows what became of it. */
function compareWithNext(
  { day, sessions }: Heartbeat,
  next: Heartbeat,
  { landed, lost }: Entered,
  finding: Finding,
): void {
  // What the next one leaves out cannot be looked for there.
  if (next.more.count > 0) return;
  const told = new Set(next.sessions.map(({ sid }) => sid));
  for (const { sid, state } of sessions) {
    if (state === "open" && !told.has(sid) && !landed.has(sid) && !lost.has(sid)) {
      finding.miss(
        `session ${sid} was open on ${day}, and neither the next heartbeat nor the log says what became of it`,
      );
    }
  }
}

/** The days between these that are not among them: `2026-11-26`, `2026-11-28 to 2026-12-01`. */
function gapsBetween(days: readonly string[]): readonly string[] {
  return days.slice(1).flatMap((day, at) => {
    const first = Date.parse(days[at] ?? day) + DAY_MS;
    const last = Date.parse(day) - DAY_MS;
    if (first > last) return [];
    return [first === last ? dayOf(first) : `${dayOf(first)} to ${dayOf(last)}`];
  });
}

function dayOf(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 10);
}
