// One session, from the first line to the last: every check that its own files, the log and the keys allow.

import { checkApprovals } from "./check-approvals.ts";
import { Digests } from "./check-disclosures.ts";
import { believed, checkEntry, readProof } from "./check-entry.ts";
import { checkErasures } from "./check-erasures.ts";
import { compareClocks, compareHeads, readHeads } from "./check-heads.ts";
import { checkLostBeside, checkLostSession } from "./check-lost.ts";
import { checkRepository } from "./check-repository.ts";
import { checkStatement } from "./check-statement.ts";
import { Course } from "./course.ts";
import { digestOfFile, encodeEntry } from "./entry.ts";
import { erasuresOf } from "./erasure.ts";
import { parseEvent } from "./event-shapes.ts";
import { type FolderFiles, readFolder } from "./folder-files.ts";
import type { EvidenceReader } from "./ledger.ts";
import { readLost } from "./lost.ts";
import { indexRow, sessionFolder } from "./pages.ts";
import { type EventsRead, readEvents } from "./read-events.ts";
import { Finding } from "./report.ts";
import { checkPolicy, type SessionChecked, type SessionContext } from "./session-checked.ts";
import { readKeys, type Started } from "./session-keys.ts";
import { type Beside, sessionPage } from "./session-page.ts";
import { linesOf } from "./story.ts";
import { Summariser, type Summary } from "./summary.ts";
import { SESSION_FILES, timeOfId } from "./where.ts";

/** Checks the session in this folder of the evidence. */
export async function checkSession(
  reader: EvidenceReader,
  folder: string,
  { trust, log, repository, policies }: SessionContext,
): Promise<SessionChecked> {
  const files = await readFolder(reader, folder);
  if (files.has(SESSION_FILES.lost) && !files.has(SESSION_FILES.events)) {
    return checkLostSession(files, folder, { trust, log, repository, policies });
  }
  const find = findings();
  const lost = files.has(SESSION_FILES.lost) ? readLost(files.text(SESSION_FILES.lost)) : undefined;
  const events = files.get(SESSION_FILES.events);
  const started = firstEvent(events);
  // A gateway that died leaves its own files and nothing that seals them: that is missing, and not false. In a ledger
  // there are only sealed sessions, so there its absence means that somebody took it away.
  const sealed = log !== undefined || [SESSION_FILES.dsse, SESSION_FILES.proof].some((name) => files.has(name));
  if (!sealed) {
    find.statement.miss("the session was never sealed: its gateway died before it could");
    find.entry.miss("the session is in no log");
    find.pages.miss("the session has no page");
  }
  const proof = sealed ? readProof(files.text(SESSION_FILES.proof), find.entry) : undefined;
  const keys = readKeys(started, trust, find.keys);
  if (started !== undefined && keys !== undefined) {
    const { body, sid } = started;
    checkRepository({ body, sid, signedFor: keys.gateway.name, log: proof?.origin, repository }, find.repository);
    checkPolicy(body.policy.digest, policies, find.policy);
  }
  const heads =
    keys?.countersigner === undefined
      ? []
      : readHeads(
          files.get(SESSION_FILES.checkpoints),
          { gateway: keys.gateway, countersigner: keys.countersigner },
          find,
        );

  const walk = walkEvents(events, [...heads.map(({ size }) => size), ...(lost === undefined ? [] : [lost.size])], find);
  const { read, summary } = walk;
  checkShape(walk, started, { sealed, finding: find.events });
  // What was closed as lost lies where its id says, and stays there.
  const filedAt = lost === undefined ? summary.startedAt : timeOfId(summary.sid);
  if (log !== undefined && started !== undefined && folder !== sessionFolder(filedAt, summary.sid)) {
    find.files.fail(`the session of ${filedAt} does not belong into this folder`);
  }
  if (!walk.course.ended) find.ended.miss("there is no session.ended: the session was cut off, or its gateway died");
  find.ended.detail = summary.ended?.outcome ?? "";

  if (keys?.countersigner !== undefined) compareHeads(heads, walk, { sealed, finding: find.heads });
  else if (keys === undefined) find.heads.fail("the session's keys cannot be read");
  else if (files.has(SESSION_FILES.checkpoints))
    find.heads.fail("there are heads, and nobody to have countersigned them");
  compareClocks(heads, walk.lastAt, find.times);
  find.heads.detail = keys?.countersigner === undefined ? "no countersigner" : `${heads.length} countersigned heads`;

  if (sealed) {
    const facts = { read, summary, covered: heads.at(-1)?.size ?? 0 };
    checkStatement(files.text(SESSION_FILES.dsse), keys, facts, find.statement);
  }
  const entry = encodeEntry({
    sid: summary.sid,
    root: read.root,
    size: read.size,
    dsse: digestOfFile(files.get(SESSION_FILES.dsse)),
  });
  if (proof !== undefined) {
    checkEntry(proof, entry, { trust, log, keys }, find.entry);
  }
  if (started !== undefined) {
    const asked = { held: walk.course.held(), plans: walk.course.plans() };
    const context = {
      sid: summary.sid,
      started: started.body,
      countersigner: keys?.countersigner?.publicKey,
      files: files.inFolder(SESSION_FILES.approvals),
      lost,
    };
    checkApprovals(asked, context, find.approvals);
  }
  walk.digests.compare(files.get(SESSION_FILES.disclosures));
  const erased = checkErasures(
    {
      sid: summary.sid,
      root: read.root,
      countersigners: believed(keys, trust).map(({ publicKey }) => publicKey),
      files: files.inFolder(SESSION_FILES.erasures),
      entries: log?.entries,
      places: walk.digests.places,
      disclosed: walk.digests.opened,
    },
    find.erasures,
  );
  walk.digests.missing(erased);
  const closed = files.has(SESSION_FILES.lost)
    ? [checkLostBeside(files, { lost, started, keys, roots: walk.roots, log })]
    : [];
  if (sealed) checkPage(files, { index: proof?.index, lost }, find.pages);
  for (const name of files.unknown) find.files.fail(`${name} is no file of a session`);

  const checks = [...Object.values(find), ...closed].map((each) => each.check());
  return {
    report: { sid: summary.sid, folder, checks },
    holds: { session: true, lost: files.has(SESSION_FILES.lost) },
    row: indexRow(summary, filedAt),
  };
}

function findings() {
  return {
    events: new Finding("events"),
    order: new Finding("order"),
    keys: new Finding("keys"),
    heads: new Finding("heads"),
    times: new Finding("times"),
    repository: new Finding("repository"),
    policy: new Finding("policy"),
    statement: new Finding("statement"),
    entry: new Finding("entry"),
    approvals: new Finding("approvals"),
    disclosures: new Finding("disclosures"),
    erasures: new Finding("erasures"),
    ended: new Finding("ended"),
    pages: new Finding("pages"),
    files: new Finding("files"),
  };
}

type Findings = ReturnType<typeof findings>;

function firstEvent(events: Uint8Array): Started | undefined {
  for (const line of linesOf(events)) {
    const event = parseEvent(line);
    return typeof event !== "string" && event.type === "session.started" ? event : undefined;
  }
  return undefined;
}

interface Walked {
  readonly read: EventsRead;
  readonly summary: Summary;
  readonly course: Course;
  readonly digests: Digests;
  readonly roots: ReadonlyMap<number, Uint8Array>;
  /** When the last event of each head happened, by the head's size. */
  readonly lastAt: ReadonlyMap<number, string>;
}

/** `at`: the sizes at which the root is wanted. */
function walkEvents(events: Uint8Array, at: readonly number[], find: Findings): Walked {
  const summariser = new Summariser();
  const course = new Course(find.order);
  const digests = new Digests(find.disclosures);
  const sizes = new Set(at);
  const roots = new Map<number, Uint8Array>();
  const lastAt = new Map<number, string>();
  let now = "";
  let sid: string | undefined;
  let next = 0;
  const read = readEvents(
    events,
    (event, leaf) => {
      sid ??= event.sid;
      if (event.sid !== sid) find.events.fail(`seq ${event.seq} is of another session, ${event.sid}`);
      if (event.seq !== next) find.events.fail(`seq ${event.seq} stands where ${next} belongs`);
      next = event.seq + 1;
      now = event.at;
      if (event.type === "gap") find.events.warn(`seq ${event.seq} says that something is missing: ${event.body.what}`);
      summariser.add(event);
      course.add(event, leaf);
      digests.add(event);
    },
    (frontier) => {
      if (!sizes.has(frontier.size)) return;
      roots.set(frontier.size, frontier.root());
      lastAt.set(frontier.size, now);
    },
  );
  return { read, summary: summariser.summary(), course, digests, roots, lastAt };
}

function checkShape(
  { read, course }: Walked,
  started: Started | undefined,
  { sealed, finding }: { readonly sealed: boolean; readonly finding: Finding },
): void {
  // A gateway that died may have died in the middle of a line.
  if (read.torn && !sealed) finding.miss("the last line has no newline: the gateway died as it wrote it");
  else if (read.torn) finding.fail("the last line has no newline: the file was cut");
  for (const fault of read.faults) finding.fail(fault);
  if (started === undefined) finding.fail("the first event is not session.started");
  finding.detail = `${read.size} events`;
  if (course.events < read.size && finding.good) finding.fail(`${read.size - course.events} lines could not be read`);
}

function checkPage(files: FolderFiles, { index, lost }: Pick<Beside, "index" | "lost">, finding: Finding): void {
  if (!files.has(SESSION_FILES.page)) finding.fail(`${SESSION_FILES.page} is missing`);
  const erasures = erasuresOf(files.inFolder(SESSION_FILES.erasures));
  const rendered = sessionPage(files.get(SESSION_FILES.events), files.get(SESSION_FILES.disclosures), {
    index,
    erasures,
    lost,
  });
  if (Buffer.compare(Buffer.from(rendered), files.get(SESSION_FILES.page)) !== 0) {
    finding.fail(`${SESSION_FILES.page} is not what the events say`);
  }
}
