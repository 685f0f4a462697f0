// A session that the countersigner closed as lost: what it signed about it, by itself or beside the events that came later.

import { rootHash } from "../tlog/tree.ts";
import { faultsOfUnrecorded } from "./check-approvals.ts";
import { checkEntry, readProof } from "./check-entry.ts";
import { CLOCK_SECONDS_MAX, readHeads } from "./check-heads.ts";
import type { LogRead } from "./check-log.ts";
import { checkRepository } from "./check-repository.ts";
import { digestOfFile, encodeLostEntry } from "./entry.ts";
import type { FolderFiles } from "./folder-files.ts";
import { faultsOfLost, type Lost, NOT_LOST, readLost } from "./lost.ts";
import { lostPage } from "./lost-page.ts";
import { lostRow } from "./pages.ts";
import { Finding, isoSeconds } from "./report.ts";
import { checkPolicy, type SessionChecked, type SessionContext } from "./session-checked.ts";
import { type Keys, readNamed, type Started } from "./session-keys.ts";
import { lostFolder, SESSION_FILES, timeOfId } from "./where.ts";

/** The files of a session that was lost and never handed in, besides its answers. */
const LOST_FILES: readonly string[] = [
  SESSION_FILES.page,
  SESSION_FILES.lost,
  SESSION_FILES.checkpoints,
  SESSION_FILES.proof,
];

function findings() {
  return {
    lost: new Finding("lost"),
    events: new Finding("events"),
    keys: new Finding("keys"),
    heads: new Finding("heads"),
    times: new Finding("times"),
    repository: new Finding("repository"),
    policy: new Finding("policy"),
    entry: new Finding("entry"),
    approvals: new Finding("approvals"),
    ended: new Finding("ended"),
    pages: new Finding("pages"),
    files: new Finding("files"),
  };
}

type Findings = ReturnType<typeof findings>;

/** Checks a folder that has a statement of loss and no events: at its best it is incomplete. */
export function checkLostSession(
  files: FolderFiles,
  folder: string,
  { trust, log, repository, policies }: SessionContext,
): SessionChecked {
  const find = findings();
  const lost = readLost(files.text(SESSION_FILES.lost));
  find.events.miss("there are no events: the gateway's files were never handed in");
  find.ended.miss(`the session was lost${lost === undefined ? "" : `: ${lost.reason}`}`);
  const proof = readProof(files.text(SESSION_FILES.proof), find.entry);
  if (lost === undefined) {
    find.lost.fail(NOT_LOST);
    for (const each of [find.keys, find.heads, find.entry]) each.fail("the statement of loss cannot be read");
  } else {
    const { sid, identity } = lost;
    const named = { gateway: lost.gateway.vkey, countersigner: lost.countersigner, by: SESSION_FILES.lost };
    const keys = readNamed(named, trust, find.keys);
    checkFile(files, { lost, keys, log }, find.lost);
    checkHeads(files, lost, keys, find);
    if (keys !== undefined) {
      const facts = { body: { identity }, sid, signedFor: keys.gateway.name, log: proof?.origin, repository };
      checkRepository(facts, find.repository);
    }
    checkPolicy(lost.policy.digest, policies, find.policy);
    if (proof !== undefined) checkEntry(proof, entryOfLost(files, lost), { trust, log, keys }, find.entry);
    if (log !== undefined && folder !== lostFolder(sid))
      find.files.fail(`session ${sid} does not belong into this folder`);
  }
  const approvals = files.inFolder(SESSION_FILES.approvals);
  for (const [name, file] of approvals) {
    const faults =
      lost === undefined ? ["no session that it answers for is here"] : faultsOfUnrecorded(name, file, lost);
    for (const fault of faults) find.approvals.fail(`${SESSION_FILES.approvals}/${name}: ${fault}`);
  }
  find.approvals.detail = `${approvals.size} signed answers`;
  checkPage(files, lost, { index: proof?.index, approvals }, find.pages);
  const strangers = files.names.filter(
    (name) => !LOST_FILES.includes(name) && !name.startsWith(`${SESSION_FILES.approvals}/`),
  );
  for (const name of [...files.unknown, ...strangers]) find.files.fail(`${name} is no file of a lost session`);
  return {
    report: { sid: lost?.sid ?? "", folder, checks: Object.values(find).map((each) => each.check()) },
    holds: { session: false, lost: true },
    row: lost === undefined ? "" : lostRow(lost, timeOfId(lost.sid)),
  };
}

/** A session whose events came after it was closed as lost, as the statement of that is held against it. */
interface FoundAgain {
  readonly lost: Lost | undefined;
  readonly started: Started | undefined;
  readonly keys: Keys | undefined;
  /** The root of the first events, by how many, at the size that the statement names. */
  readonly roots: ReadonlyMap<number, Uint8Array>;
  readonly log: LogRead | undefined;
}

/** Checks the statement of loss beside the events of the session: it is signed, in the log, and they agree. */
export function checkLostBeside(files: FolderFiles, { lost, started, keys, roots, log }: FoundAgain): Finding {
  const finding = new Finding("lost");
  if (lost === undefined) {
    finding.fail(NOT_LOST);
    return finding;
  }
  checkFile(files, { lost, keys, log }, finding);
  const root = lost.size === 0 ? rootHash([]) : roots.get(lost.size);
  if (root === undefined || Buffer.compare(root, lost.root) !== 0) {
    finding.fail(`the events do not begin with the ${lost.size} that were countersigned before it was lost`);
  }
  if (started === undefined) {
    finding.fail("there is no session.started to hold it against");
    return finding;
  }
  const { body } = started;
  const names = (all: readonly string[]): string => JSON.stringify([...new Set(all)].toSorted());
  const same: readonly (readonly [string, string, string])[] = [
    ["session", lost.sid, started.sid],
    ["key of the gateway", lost.gateway.vkey, body.gateway.vkey],
    ["countersigner", lost.countersigner, body.countersigner],
    ["policy", lost.policy.digest, body.policy.digest],
    ["repository", lost.identity.repository, body.identity.repository],
    ["run", lost.identity.run, body.identity.run],
    ["attempt", lost.identity.attempt, body.identity.attempt],
    ["targets", names(lost.targets), names(body.targets.map(({ name }) => name))],
  ];
  for (const [what, one, other] of same) {
    if (one !== other) finding.fail(`it was closed under another ${what} than session.started names`);
  }
  return finding;
}

/** The file by itself, and the entry that the log has for it. */
function checkFile(
  files: FolderFiles,
  { lost, keys, log }: { readonly lost: Lost; readonly keys: Keys | undefined; readonly log: LogRead | undefined },
  finding: Finding,
): void {
  finding.detail = `${lost.reason}, closed ${lost.closedAt}, ${lost.size} events countersigned`;
  if (keys?.countersigner === undefined) finding.fail("there is no countersigner whose signature could be believed");
  else
    for (const fault of faultsOfLost(files.text(SESSION_FILES.lost), keys.countersigner.publicKey)) finding.fail(fault);
  if (log === undefined) return;
  const entry = entryOfLost(files, lost);
  const entered = log.entries.flatMap((each) => (each?.kind === "lost" && each.sid === lost.sid ? [each] : []));
  if (!entered.some((each) => encodeLostEntry(each) === entry)) finding.fail("the log does not hold this statement");
}

function entryOfLost(files: FolderFiles, { sid, root, size }: Lost): string {
  return encodeLostEntry({ sid, root, size, dsse: digestOfFile(files.get(SESSION_FILES.lost)) });
}

function checkHeads(files: FolderFiles, lost: Lost, keys: Keys | undefined, { heads: finding, times }: Findings): void {
  const { size, registeredAt, lastHeadAt, closedAt } = lost;
  const inOrder = [registeredAt, lastHeadAt === "" ? registeredAt : lastHeadAt, closedAt].map(
    (at) => Date.parse(at) / 1000,
  );
  // Several machines of the countersigner's may write these.
  if (inOrder.some((at, place) => at + CLOCK_SECONDS_MAX < (inOrder[place - 1] ?? at))) {
    times.fail("it was not registered, countersigned and closed in this order");
  }
  times.detail = `${registeredAt} to ${closedAt}`;
  if (size === 0) {
    if (files.has(SESSION_FILES.checkpoints))
      finding.fail("there are heads, and the statement says that there were none");
    finding.detail = "none";
    return;
  }
  if (keys?.countersigner === undefined) {
    finding.fail("the session's keys cannot be read");
    return;
  }
  const both = { gateway: keys.gateway, countersigner: keys.countersigner };
  const heads = readHeads(files.get(SESSION_FILES.checkpoints), both, { heads: finding, times });
  const last = heads.at(-1);
  if (last === undefined || last.size !== size || Buffer.compare(last.root, lost.root) !== 0) {
    finding.fail("the last head is not the one that the statement names");
  } else if (Math.floor(Date.parse(lastHeadAt) / 1000) !== last.at) {
    times.fail(`the last head was countersigned at ${isoSeconds(last.at)}, the statement says ${lastHeadAt}`);
  }
  finding.detail = `${heads.length} countersigned heads, ${size} events`;
}

function checkPage(
  files: FolderFiles,
  lost: Lost | undefined,
  beside: Parameters<typeof lostPage>[1],
  finding: Finding,
): void {
  if (!files.has(SESSION_FILES.page)) finding.fail(`${SESSION_FILES.page} is missing`);
  const rendered = lost === undefined ? "" : lostPage(lost, beside);
  if (Buffer.compare(Buffer.from(rendered), files.get(SESSION_FILES.page)) !== 0) {
    finding.fail(`${SESSION_FILES.page} is not what the statement says`);
  }
}
