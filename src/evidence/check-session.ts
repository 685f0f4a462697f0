// One session, from the first line to the last: every check that its own files, the log and the keys allow.

import { isKeyName, NoteError, parseCheckpoint, parseNote, type Verifier, verifierFor } from "../tlog/note.ts";
import { parseProof } from "../tlog/proof.ts";
import { leafHash, verifyInclusion } from "../tlog/tree.ts";
import { checkApprovals } from "./check-approvals.ts";
import { Digests } from "./check-disclosures.ts";
import { checkErasures } from "./check-erasures.ts";
import { type CountersignedHead, compareClocks, compareHeads, readHeads } from "./check-heads.ts";
import { type LogRead, openLogCheckpoint } from "./check-log.ts";
import { checkRepository } from "./check-repository.ts";
import { checkStatement } from "./check-statement.ts";
import { Course } from "./course.ts";
import { decodeUtf8 } from "./dsse.ts";
import { digestOfFile, encodeEntry } from "./entry.ts";
import { erasuresOf } from "./erasure.ts";
import { parseEvent } from "./event-shapes.ts";
import { SESSION_FILES } from "./layout.ts";
import type { EvidenceReader } from "./ledger.ts";
import { indexRow, sessionFolder } from "./pages.ts";
import { type EventsRead, readEvents } from "./read-events.ts";
import { Finding, type SessionReport } from "./report.ts";
import { type Keys, readKeys, type Started } from "./session-keys.ts";
import { sessionPage } from "./session-page.ts";
import { linesOf } from "./story.ts";
import { Summariser, type Summary } from "./summary.ts";
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

/** The report, and what pages of the month are made from. */
export interface SessionChecked {
  readonly report: SessionReport;
  readonly summary: Summary;
  /** This session's line of `index.csv`. */
  readonly row: string;
}

/** Checks the session in this folder of the evidence. */
export async function checkSession(
  reader: EvidenceReader,
  folder: string,
  { trust, log, repository, policies }: SessionContext,
): Promise<SessionChecked> {
  const at = (name: string): string => (folder === "" ? name : `${folder}/${name}`);
  const files = new Files(await readFiles(reader, folder, at));
  const find = findings();
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

  const walk = walkEvents(events, heads, find);
  const { read, summary } = walk;
  checkShape(walk, started, { sealed, finding: find.events });
  if (log !== undefined && started !== undefined && folder !== sessionFolder(summary.startedAt, summary.sid)) {
    find.files.fail(`the session of ${summary.startedAt} does not belong into this folder`);
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
    // A policy that names no log, or no policy at all: then the countersigner keeps the log as well.
    const keeping = trust === undefined || trust.logs.length === 0 ? ownTrust(keys, proof.origin) : trust;
    checkEntry(proof, entry, { trust: keeping, log }, find.entry);
  }
  if (started !== undefined) {
    const context = { sid: summary.sid, started: started.body, countersigner: keys?.countersigner?.publicKey };
    const asked = { held: walk.course.held(), plans: walk.course.plans() };
    checkApprovals(asked, { ...context, files: files.inFolder(SESSION_FILES.approvals) }, find.approvals);
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
  if (sealed) checkPage(files, proof?.index, find.pages);
  for (const name of files.unknown) find.files.fail(`${name} is no file of a session`);

  const report = { sid: summary.sid, folder, checks: Object.values(find).map((each) => each.check()) };
  return { report, summary, row: indexRow(summary) };
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

/** Folders in the folder of a session. */
const FOLDERS: readonly string[] = [SESSION_FILES.approvals, SESSION_FILES.erasures];

/** The files of one session, by their path in its folder. */
class Files {
  readonly #files: ReadonlyMap<string, Uint8Array>;
  readonly #unknown: readonly string[];

  constructor({ files, unknown }: Awaited<ReturnType<typeof readFiles>>) {
    this.#files = files;
    this.#unknown = unknown;
  }

  /** A file's bytes; of a missing one none. */
  get(name: string): Uint8Array {
    return this.#files.get(name) ?? new Uint8Array();
  }

  has(name: string): boolean {
    return this.#files.has(name);
  }

  text(name: string): string {
    return decodeUtf8(this.get(name)) ?? "\ufffd";
  }

  inFolder(folder: string): ReadonlyMap<string, Uint8Array> {
    const inside = `${folder}/`;
    const pairs = [...this.#files].filter(([path]) => path.startsWith(inside));
    return new Map(pairs.map(([path, bytes]) => [path.slice(inside.length), bytes]));
  }

  /** Names in the folder that are none of a session's. */
  get unknown(): readonly string[] {
    return this.#unknown;
  }
}

const PLAIN: readonly string[] = Object.values(SESSION_FILES).filter((name) => !FOLDERS.includes(name));

/** Reads the files of a session. What is none of them is named and not opened: it may be anything, of any size. */
async function readFiles(reader: EvidenceReader, folder: string, at: (name: string) => string) {
  const files = new Map<string, Uint8Array>();
  const unknown: string[] = [];
  const read = async (name: string): Promise<void> =>
    void files.set(name, (await reader.read(at(name))) ?? new Uint8Array());
  for (const name of await reader.list(folder)) {
    if (PLAIN.includes(name)) await read(name);
    else if (!FOLDERS.includes(name) || (await reader.read(at(name))) !== undefined) unknown.push(name);
  }
  for (const inside of FOLDERS) {
    for (const name of await reader.list(at(inside))) {
      if (/^[\w-]+\.dsse\.json$/.test(name)) await read(`${inside}/${name}`);
      else unknown.push(`${inside}/${name}`);
    }
  }
  return { files, unknown };
}

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

function walkEvents(events: Uint8Array, heads: readonly CountersignedHead[], find: Findings): Walked {
  const summariser = new Summariser();
  const course = new Course(find.order);
  const digests = new Digests(find.disclosures);
  const sizes = new Set(heads.map(({ size }) => size));
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

function checkPolicy(digest: string, known: ReadonlySet<string> | undefined, finding: Finding): void {
  finding.detail = digest;
  if (!/^sha256:[0-9a-f]{64}$/.test(digest)) finding.fail("session.started names no digest of a policy");
  else if (known !== undefined && !known.has(digest)) finding.fail(`${digest} is no policy that you gave`);
}

interface ProofRead {
  readonly index: number;
  readonly path: readonly Uint8Array[];
  readonly checkpoint: string;
  readonly origin: string;
}

function readProof(text: string, finding: Finding): ProofRead | undefined {
  try {
    const { index, path, checkpoint, extra } = parseProof(text);
    if (extra !== undefined) finding.fail("the proof holds extra data, which nothing vouches for");
    return { index, path, checkpoint, origin: parseCheckpoint(parseNote(checkpoint).text).origin };
  } catch (error) {
    if (!(error instanceof NoteError)) throw error;
    finding.fail(`${SESSION_FILES.proof}: ${error.message}`);
    return undefined;
  }
}

function checkEntry(
  proof: ProofRead,
  entry: string,
  { trust, log }: { readonly trust: Trust; readonly log: LogRead | undefined },
  finding: Finding,
): void {
  const head = openLogCheckpoint(proof.checkpoint, trust);
  if (typeof head === "string") {
    finding.fail(`the proof's checkpoint ${head}`);
    return;
  }
  const { size, root } = head;
  if (!verifyInclusion({ index: proof.index, size, leaf: leafHash(entry), proof: proof.path, root })) {
    finding.fail("the log does not hold this session: its digests are not those of the entry");
  }
  if (log !== undefined) {
    const then = log.roots[size];
    if (head.origin !== log.origin) finding.fail(`the proof is of the log ${head.origin}`);
    else if (then === undefined) finding.fail(`the proof's checkpoint has ${size} sessions, the log only ${log.size}`);
    else if (Buffer.compare(then, root) !== 0) {
      finding.fail(`two checkpoints of size ${size} differ: the log was forked, or rewritten since`);
    }
  }
  finding.detail = `entry ${proof.index} of ${head.origin}`;
}

/** The countersigners whose word counts: those that are trusted; with no other word on keys, the session's own. */
function believed(keys: Keys | undefined, trust: Trust | undefined): readonly Verifier[] {
  return trust?.witnesses ?? (keys?.countersigner === undefined ? [] : [keys.countersigner]);
}

/** With no other word on keys: the countersigner that the session names, who then keeps the log as well. */
function ownTrust(keys: Keys | undefined, origin: string): Trust {
  const { countersigner } = keys ?? {};
  // The proof says what its log is called; what no key may be called is the name of no log.
  if (countersigner === undefined || !isKeyName(origin)) return { logs: [], witnesses: [] };
  return { logs: [verifierFor(origin, "log", countersigner.publicKey)], witnesses: [countersigner] };
}

function checkPage(files: Files, index: number | undefined, finding: Finding): void {
  if (!files.has(SESSION_FILES.page)) finding.fail(`${SESSION_FILES.page} is missing`);
  const erasures = erasuresOf(files.inFolder(SESSION_FILES.erasures));
  const rendered = sessionPage(files.get(SESSION_FILES.events), files.get(SESSION_FILES.disclosures), {
    index,
    erasures,
  });
  if (Buffer.compare(Buffer.from(rendered), files.get(SESSION_FILES.page)) !== 0) {
    finding.fail(`${SESSION_FILES.page} is not what the events say`);
  }
}
