// The evidence in two branches of a repository on GitHub: `countersign/log` with the log and its keys alone, and
// `countersign/evidence` with everything. Each takes one commit of each step.
//
// GitHub moves one branch at a time, so a step is written down, signed and whole, before the first branch moves, and after a
// crash or an answer that was lost the very same bytes are written: a checkpoint that was once signed is never replaced by
// another of its size. The log's branch moves first. What is there already is not written again, and where something else is
// there nothing is written at all.

import type { Octokit } from "@octokit/core";
import { extendsFrom } from "../evidence/check-since.ts";
import { decodeUtf8 } from "../evidence/dsse.ts";
import type { Change, EvidenceFile, Ledger } from "../evidence/ledger.ts";
import { CHECKPOINT_PATH, LOG_FOLDER } from "../evidence/log.ts";
import { TRUST_PATH } from "../evidence/where.ts";
import { NoteError, parseCheckpoint, parseNote, type Verifier, verifierFor, verifySignatures } from "../tlog/note.ts";
import {
  type BranchCommit,
  BranchMovedError,
  type CommitMade,
  commitByGitData,
  commitByGraphql,
  fitsGraphql,
  GraphqlRefusedError,
  readBranch,
} from "./evidence-branch.ts";
import { blobOid, type GitObjects, githubObjects, type ObjectCache, type RepositoryName } from "./evidence-objects.ts";
import { type TreeReader, treeReader } from "./evidence-reader.ts";

export const EVIDENCE_BRANCH = "countersign/evidence";
export const LOG_BRANCH = "countersign/log";

/** What belongs into the log's own branch as well. */
const LOG_PATHS = /^(?:log|trust)\//;
/** Both of them, as folders. */
const LOG_FOLDERS = [LOG_FOLDER, "trust"] as const;

/** A change that both branches are to hold. */
export interface Landing {
  readonly files: readonly EvidenceFile[];
  readonly removed: readonly string[];
  readonly message: string;
  /** What it was made for: git's ids of the log's folders and of every other path that it writes; "" for what was not there. */
  readonly base: Readonly<Record<string, string>>;
}

/** The newest checkpoint of a log that its countersigner signed. */
export interface SignedHead {
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
  /** The whole note. */
  readonly checkpoint: string;
  /** `trust/policy` beside it. */
  readonly trust: string;
}

/** What must not be forgotten while a landing is on its way. One writer at a time uses it. */
export interface LandingStore {
  pending(): Promise<Landing | undefined>;
  /** The newest checkpoint that was signed, whether or not a branch holds it yet; undefined for a log that is not known. */
  signed(): Promise<SignedHead | undefined>;
  /**
   * Keeps a landing and its checkpoint, which follows `after`. Resolves when it would survive a crash; rejects, keeping nothing,
   * when another is pending or another checkpoint was signed since.
   */
  plan(landing: Landing, next: SignedHead, after: SignedHead | undefined): Promise<void>;
  /** Takes a checkpoint of our own for the newest that was signed: one that holds all that the last one did. */
  adopt(head: SignedHead): Promise<void>;
  /** Both branches hold it. */
  done(): Promise<void>;
}

export interface GithubLedgerOptions {
  readonly octokit: Octokit;
  readonly at: RepositoryName;
  readonly cache: ObjectCache;
  readonly store: LandingStore;
  /** The countersigner's cosigning key; the log's own key has the same bytes. */
  readonly countersigner: Verifier;
  /** Remembers, for all repositories of one GitHub, until when GraphQL is not tried again. */
  readonly graphql: { refusedUntilMs: number };
  readonly clock: () => number;
  /** Between two writes it is given up when this aborts. */
  readonly signal: AbortSignal;
}

/** A ledger that also tells what its last update came to. */
export interface GithubLedger extends Ledger {
  /** The commit of the evidence that holds what was asked for. */
  readonly commit: string;
  /** Requests that wrote something, since it was opened. */
  readonly requests: number;
}

/** A branch holds something that this log's writer did not write. Nothing was changed; a person must look at it. */
export class StrangeBranchError extends Error {
  override readonly name = "StrangeBranchError";
}

/** Somebody else may move a branch now and then; that many times in a row is a fault. */
const ATTEMPTS_MAX = 5;
const GRAPHQL_AGAIN_MS = 600_000;
/** Files that are written are read again soon, but for the large ones. */
const KEPT_BYTES_MAX = 64 * 1024;

/** Opens both branches as one ledger. They are made, without parents, at the first update. */
export function githubLedger(options: GithubLedgerOptions): GithubLedger {
  const { octokit, at, cache, store } = options;
  const objects = githubObjects(octokit, at, cache);
  let commit = "";
  let requests = 0;
  const put = async (branch: string, landing: Landing): Promise<string> => {
    const made = await write(options, objects, { branch, landing });
    requests += made.requests;
    return made.oid;
  };
  const land = async (landing: Landing): Promise<void> => {
    await put(LOG_BRANCH, logOnly(landing));
    commit = await put(EVIDENCE_BRANCH, landing);
    await store.done();
    for (const { bytes } of landing.files) {
      if (bytes.length <= KEPT_BYTES_MAX) cache.put(blobOid(bytes), { kind: "blob", bytes });
    }
  };
  return {
    get commit() {
      return commit;
    },
    get requests() {
      return requests;
    },
    async update(plan) {
      const left = await store.pending();
      if (left !== undefined) await land(left);
      const log = await readBranch(octokit, at, LOG_BRANCH);
      const evidence = await readBranch(octokit, at, EVIDENCE_BRANCH);
      const reader = treeReader(objects, evidence?.tree);
      const before = await lastSigned(options, reader, treeReader(objects, log?.tree));
      commit = evidence?.commit ?? "";
      const change = await plan(reader);
      if (change === "nothing") return "nothing";
      const landing = await landingFor(change, reader);
      await store.plan(landing, headOf(landing), before);
      await land(landing);
      return "done";
    },
  };
}

function logOnly({ files, removed, message, base }: Landing): Landing {
  return {
    files: files.filter(({ path }) => LOG_PATHS.test(path)),
    removed: removed.filter((path) => LOG_PATHS.test(path)),
    message,
    base: Object.fromEntries(LOG_FOLDERS.map((path) => [path, base[path] ?? ""])),
  };
}

async function landingFor({ files, removed, message, past }: Change, reader: TreeReader): Promise<Landing> {
  if (past !== undefined) throw new Error("an erasure is not made through GitHub; countersign erase makes it");
  const base: Record<string, string> = {};
  const others = files.map(({ path }) => path).filter((path) => !LOG_PATHS.test(path));
  for (const path of [...LOG_FOLDERS, ...others]) base[path] = (await reader.oidOf(path)) ?? "";
  return { files, removed, message, base };
}

function headOf({ files }: Pick<Landing, "files">): SignedHead {
  const textOf = (name: string): string =>
    decodeUtf8(files.find(({ path }) => path === name)?.bytes ?? new Uint8Array()) ?? "";
  const checkpoint = textOf(CHECKPOINT_PATH);
  const { origin, size, root } = parseCheckpoint(parseNote(checkpoint).text);
  return { origin, size, root, checkpoint, trust: textOf(TRUST_PATH) };
}

/** Writes what the branch does not hold yet; gives the commit that holds it. */
async function write(
  options: GithubLedgerOptions,
  objects: GitObjects,
  { branch, landing }: { readonly branch: string; readonly landing: Landing },
): Promise<CommitMade> {
  const { octokit, at, signal } = options;
  const planned = blobOid(Buffer.from(headOf(landing).checkpoint));
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
    signal.throwIfAborted();
    const head = await readBranch(octokit, at, branch);
    const reader = treeReader(objects, head?.tree);
    // One commit brings all of a landing, so who has its checkpoint has the rest.
    if (head !== undefined && (await reader.oidOf(CHECKPOINT_PATH)) === planned) {
      return { oid: head.commit, requests: 0 };
    }
    await refuseOtherBase(reader, branch, landing);
    const removed: string[] = [];
    for (const path of landing.removed) if ((await reader.oidOf(path)) !== undefined) removed.push(path);
    const { files, message } = landing;
    try {
      return await commitOn(options, { branch, head, files, removed, message });
    } catch (error) {
      if (!(error instanceof BranchMovedError)) throw error;
    }
  }
  throw new BranchMovedError(`${branch} was moved by somebody else ${ATTEMPTS_MAX} times in a row`);
}

/**
 * A commit of somebody else that touches nothing of what the change was made for is no hindrance, nor is an erasure that
 * only cut off the past. Anything else is.
 */
async function refuseOtherBase(reader: TreeReader, branch: string, { base }: Landing): Promise<void> {
  for (const [path, oid] of Object.entries(base)) {
    if (((await reader.oidOf(path)) ?? "") === oid) continue;
    throw new StrangeBranchError(
      `${path} in the branch ${branch} is not what this App wrote there, so nothing is added. Find out who moved the branch; then restore it from a clone (git push --force origin COMMIT:refs/heads/${branch}), and what waits is entered by itself`,
    );
  }
}

async function commitOn(
  { octokit, at, graphql, clock }: GithubLedgerOptions,
  commit: BranchCommit,
): Promise<CommitMade> {
  if (fitsGraphql(commit) && clock() >= graphql.refusedUntilMs) {
    try {
      return await commitByGraphql(octokit, at, commit);
    } catch (error) {
      if (!(error instanceof GraphqlRefusedError)) throw error;
      graphql.refusedUntilMs = clock() + GRAPHQL_AGAIN_MS;
    }
  }
  return await commitByGitData(octokit, at, commit);
}

/**
 * The newest checkpoint that was signed, when both branches stand at it. A newer one of our own is taken over if the log
 * holds all that we signed before: an erasure adds an entry. Rejects with StrangeBranchError for anything else.
 */
async function lastSigned(
  { store, countersigner }: GithubLedgerOptions,
  evidence: TreeReader,
  log: TreeReader,
): Promise<SignedHead | undefined> {
  for (const path of LOG_FOLDERS) {
    if ((await evidence.oidOf(path)) === (await log.oidOf(path))) continue;
    throw strange(`${path} is not the same in ${LOG_BRANCH} and ${EVIDENCE_BRANCH}`);
  }
  const known = await store.signed();
  const bytes = await log.read(CHECKPOINT_PATH);
  if (bytes === undefined) {
    if (known === undefined) return undefined;
    throw strange(`${LOG_BRANCH} has no ${CHECKPOINT_PATH}, and this App signed one of ${known.size} entries`);
  }
  const note = decodeUtf8(bytes) ?? "";
  const trust = decodeUtf8((await log.read(TRUST_PATH)) ?? new Uint8Array()) ?? "";
  if (known !== undefined && trust !== known.trust) throw strange(`${TRUST_PATH} is not what this App wrote`);
  if (note === known?.checkpoint) return known;
  const found = ownHead(note, trust, countersigner);
  if (found === undefined) throw strange(`${CHECKPOINT_PATH} is not signed by this App's key`);
  if (known !== undefined && (found.origin !== known.origin || !(await extendsFrom(known, found, log)))) {
    throw strange(
      `${CHECKPOINT_PATH} has ${found.size} entries, which do not go on from the ${known.size} that this App signed`,
    );
  }
  await store.adopt(found);
  return found;
}

function strange(what: string): StrangeBranchError {
  return new StrangeBranchError(
    `${what}, so nothing is added. Restore both branches from a clone to the newest commits that countersign verify calls good, or, if they hold the log of another countersigner, rename them; what waits is entered by itself`,
  );
}

function ownHead(note: string, trust: string, countersigner: Verifier): SignedHead | undefined {
  try {
    const parsed = parseNote(note);
    const { origin, size, root } = parseCheckpoint(parsed.text);
    const keys = [verifierFor(origin, "log", countersigner.publicKey), countersigner];
    return verifySignatures(parsed, keys).length === keys.length
      ? { origin, size, root, checkpoint: note, trust }
      : undefined;
  } catch (error) {
    if (error instanceof NoteError) return undefined;
    throw error;
  }
}
