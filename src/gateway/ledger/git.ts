// Evidence in two branches of a git repository: `countersign/evidence` with everything, `countersign/log` with only the
// log and the keys. One commit to each, both moved in one transaction; index, work tree and configuration untouched.

import { type ChildProcessByStdio, spawn } from "node:child_process";
import { rm, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Readable, Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { FILE_BYTES_MAX, LedgerError, safePath } from "../../evidence/evidence-path.ts";
import type { Change, EvidenceReader, Ledger } from "../../evidence/ledger.ts";
import { holding } from "./lock.ts";

export interface GitLedgerOptions {
  /** A folder inside the repository. */
  readonly repository: string;
  /** Short branch names. */
  readonly evidenceBranch: string;
  readonly logBranch: string;
  /** POSIX seconds, for the commits. */
  readonly nowSeconds: () => number;
}

/** What belongs into the log's own branch as well. */
const LOG_PATHS = /^(?:log|trust)\//;

/** With the lock held, a conflict means somebody outside of it moved a branch; that many times in a row is a fault. */
const ATTEMPTS_MAX = 20;

/** Between two attempts, times the number of the attempt: all together about ten seconds. */
const PAUSE_MS = 50;

/**
 * Git holds the lock file of a branch for some milliseconds. One as old as this was left by a git that was killed, and git
 * itself would never remove it.
 */
const REF_LOCK_MS_MAX = 5_000;

/** Our commits are made by a program and say so; the address can receive nothing. */
const COMMITTER = "Countersign <countersign@localhost>";

/**
 * Hooks are for people's own commits. And git as it comes does not wait until small objects are on the disk, but does for
 * the branch that names them: after a power cut the branch would be of nothing.
 */
const SETTINGS = ["-c", "core.hooksPath=/dev/null", "-c", "core.fsync=committed,loose-object"] as const;

/** Opens two branches as one ledger. They are made, without parents, at the first update. */
export function gitLedger(options: GitLedgerOptions): Ledger {
  const { repository } = options;
  const refs = [`refs/heads/${options.evidenceBranch}`, `refs/heads/${options.logBranch}`] as const;
  let opened: Promise<string> | undefined;
  return {
    async update(plan) {
      opened ??= commonFolder(repository, refs);
      const common = await opened;
      return await holding(
        join(common, "countersign.lock"),
        async () => await updateRefs(options, refs, common, plan),
        {
          // What keeps two writers apart is git's own compare-and-swap of the branches.
          courtesy: true,
        },
      );
    },
  };
}

/** Where all worktrees of the repository keep their branches; in a bare one its own folder. Checks the names on the way. */
async function commonFolder(repository: string, refs: readonly string[]): Promise<string> {
  const [common] = await Promise.all([
    run(repository, ["rev-parse", "--git-common-dir"]),
    ...refs.map(async (ref) => await run(repository, ["check-ref-format", ref])),
  ]);
  return resolve(repository, common.toString().trim());
}

async function updateRefs(
  { repository, nowSeconds, evidenceBranch }: GitLedgerOptions,
  [evidenceRef, logRef]: readonly [string, string],
  common: string,
  plan: (now: EvidenceReader) => Promise<Change | "nothing">,
): Promise<"done" | "nothing"> {
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
    const before = await heads(repository, [evidenceRef, logRef]);
    const reader = openCommit(repository, before.get(evidenceRef));
    let change: Change | "nothing";
    try {
      change = await plan(reader);
    } finally {
      await reader.close();
    }
    if (change === "nothing") return "nothing";
    const logOnly: Change = {
      message: change.message,
      files: change.files.filter(isLog),
      removed: change.removed.filter((path) => LOG_PATHS.test(path)),
    };
    const [evidence, log] = await writeCommits(repository, nowSeconds(), [
      { change, parent: before.get(evidenceRef) },
      { change: logOnly, parent: before.get(logRef) },
    ]);
    const moves = [
      { ref: evidenceRef, to: evidence, from: before.get(evidenceRef) },
      { ref: logRef, to: log, from: before.get(logRef) },
    ];
    if (await move(repository, moves)) {
      if (change.past === "forgotten") await forget(repository, evidenceRef);
      return "done";
    }
    for (const ref of [evidenceRef, logRef]) await removeLeftLock(join(common, `${ref}.lock`));
    await sleep(PAUSE_MS * attempt);
  }
  throw new LedgerError(
    `${evidenceBranch} could not be moved in ${ATTEMPTS_MAX} attempts: others move it, or a git that was killed left ${join(common, `${evidenceRef}.lock`)} or ${join(common, "packed-refs.lock")}; if no git runs here, remove that file and run countersign recover`,
  );
}

/**
 * Whoever reads one file of a session reads all, so the files of a folder with no more than this are asked for at once: a
 * question for each would have two processes wait for each other a hundred thousand times in a large branch.
 */
const READ_AHEAD_MAX = 16;

/** Only of our own two branches, which nothing but Countersign and a fetch or push of theirs ever locks. */
async function removeLeftLock(path: string): Promise<void> {
  const left = await stat(path).catch(() => undefined); // there is none, as almost always
  if (left !== undefined && Date.now() - left.mtimeMs > REF_LOCK_MS_MAX) await rm(path, { force: true });
}

/** A reader that keeps a git process until it is closed. */
export interface GitReader extends EvidenceReader {
  close(): Promise<void>;
}

/** Reads the evidence at the tip of a branch or at any other revision. Throws LedgerError when there is none. */
export async function gitReader(repository: string, revision: string): Promise<GitReader> {
  // A name that starts with a dash would be an option.
  if (revision.startsWith("-")) throw new LedgerError(`${revision} is not a branch`);
  const id = await run(repository, ["rev-parse", "--verify", "--quiet", "--end-of-options", `${revision}^{commit}`]);
  return openCommit(repository, id.toString().trim());
}

function isLog({ path }: { readonly path: string }): boolean {
  return LOG_PATHS.test(path);
}

async function heads(repository: string, refs: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const lines = await run(repository, ["for-each-ref", "--format=%(refname) %(objectname)", ...refs]);
  const pairs = lines
    .toString()
    .split("\n")
    .flatMap((line): [string, string][] => {
      const [ref, oid] = line.split(" ");
      return ref !== undefined && oid !== undefined ? [[ref, oid]] : [];
    });
  return new Map(pairs.filter(([ref]) => refs.includes(ref)));
}

interface Draft {
  readonly change: Change;
  readonly parent: string | undefined;
}

/** Writes commits, one stream for all, and gives their ids. No branch moves. */
async function writeCommits(repository: string, seconds: number, drafts: readonly Draft[]): Promise<readonly string[]> {
  const stream: Uint8Array[] = [];
  const say = (text: string): void => void stream.push(Buffer.from(text));
  const data = (bytes: Uint8Array): void => {
    say(`data ${bytes.length}\n`);
    stream.push(bytes);
    say("\n");
  };
  for (const [at, { change, parent }] of drafts.entries()) {
    // The name is fast-import's own; it is taken back below, before fast-import would write it.
    const ref = `refs/countersign/draft-${at}`;
    say(`commit ${ref}\nmark :${at + 1}\ncommitter ${COMMITTER} ${seconds} +0000\n`);
    data(Buffer.from(`${change.message}\n`));
    if (parent !== undefined && change.past === "forgotten") {
      // All files as they were, and no parent: git reaches nothing of the past from here.
      const tree = await run(repository, ["rev-parse", "--verify", "--end-of-options", `${parent}^{tree}`]);
      say(`M 040000 ${tree.toString().trim()} \n`);
    } else if (parent !== undefined) say(`from ${parent}\n`);
    for (const path of change.removed) say(`D ${safePath(path)}\n`);
    for (const { path, bytes } of change.files) {
      say(`M 100644 inline ${safePath(path)}\n`);
      data(bytes);
    }
    say("\n");
  }
  for (const at of drafts.keys()) say(`get-mark :${at + 1}\n`);
  for (const at of drafts.keys()) say(`reset refs/countersign/draft-${at}\nfrom ${"0".repeat(40)}\n\n`);
  say("done\n");
  const answer = await run(
    repository,
    ["fast-import", "--quiet", "--done", "--date-format=raw"],
    Buffer.concat(stream),
  );
  const ids = answer.toString().trim().split("\n");
  if (ids.length !== drafts.length || !ids.every((id) => /^[0-9a-f]{40,64}$/.test(id))) {
    throw new LedgerError("git fast-import did not say which commits it made");
  }
  return ids;
}

interface Move {
  readonly ref: string;
  readonly to: string | undefined;
  readonly from: string | undefined;
}

/** Moves all refs, if each still is where it was; false when one is not. */
async function move(repository: string, moves: readonly Move[]): Promise<boolean> {
  const lines = moves.map(({ ref, to, from }) => `update ${ref} ${to ?? ""} ${from ?? "0".repeat(to?.length ?? 40)}\n`);
  const script = ["start\n", ...lines, "prepare\n", "commit\n"].join("");
  try {
    await run(
      repository,
      ["update-ref", "--no-deref", "--stdin", "-m", "countersign: seal a session"],
      Buffer.from(script),
    );
    return true;
  } catch (error) {
    // Somebody else moved or holds a ref: look again. Anything else is a fault that must be seen.
    if (
      error instanceof LedgerError &&
      /but expected|reference already exists|unable to (?:lock|create)|cannot lock ref/i.test(error.message)
    )
      return false;
    throw error;
  }
}

/** The branch's own memory of where it was keeps old commits alive, so that goes as well. */
async function forget(repository: string, ref: string): Promise<void> {
  await run(repository, ["reflog", "expire", "--expire=all", "--expire-unreachable=all", ref]);
}

/** Runs git to its end. Throws LedgerError with what it printed. */
async function run(repository: string, args: readonly string[], input: Uint8Array = new Uint8Array()): Promise<Buffer> {
  const child = start(repository, args);
  child.stdin.on("error", () => undefined); // git may end before it read everything; its exit code tells
  child.stdin.end(input);
  const [out, complaint, code] = await Promise.all([collect(child.stdout), collect(child.stderr), ended(child)]);
  if (code !== 0) {
    throw new LedgerError(
      `git ${args[0]} failed in ${repository}: ${complaint.toString().trim() || `exit code ${code}`}`,
    );
  }
  return out;
}

function start(repository: string, args: readonly string[]): ChildProcessByStdio<Writable, Readable, Readable> {
  // An index named in the environment (we may run inside a hook) is not ours.
  const { GIT_INDEX_FILE: _index, ...env } = process.env;
  return spawn("git", [...SETTINGS, ...args], {
    cwd: repository,
    env: { ...env, LC_ALL: "C", GIT_OPTIONAL_LOCKS: "0" },
    stdio: ["pipe", "pipe", "pipe"],
  });
}

async function collect(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) if (Buffer.isBuffer(chunk)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function ended(child: ChildProcessByStdio<Writable, Readable, Readable>): Promise<number | null> {
  return await new Promise((done, failed) => {
    child.once("error", (cause) => failed(new LedgerError("git could not be started; is it installed?", { cause })));
    child.once("close", (code) => done(code));
  });
}

/**
 * Reads objects of one commit through one `git cat-file --batch`, which is started when first needed. Folders on the way
 * are looked up here and kept while the next path goes through them too: asked for a path, git would go down from the root
 * every time, and unpack all of a large folder for each file in it.
 */
function openCommit(repository: string, commit: string | undefined): GitReader {
  let batch: Batch | undefined;
  /** The folders on the way to the last path, from the root. */
  let way: { readonly path: string; readonly entries: ReadonlyMap<string, TreeEntry> }[] = [];
  /** What was read ahead, by id. */
  let ahead: ReadonlyMap<string, GitObject> = new Map();

  const fetch = async (oid: string, besides: readonly string[] = []): Promise<GitObject> => {
    const known = ahead.get(oid);
    if (known !== undefined) return known;
    batch ??= new Batch(start(repository, ["cat-file", "--batch"]));
    const objects = new Map<string, GitObject>();
    const wanted = [...new Set([oid, ...besides])];
    for (const [at, object] of (await batch.ask(wanted)).entries()) {
      if (object === undefined) throw new LedgerError(`the repository has no object ${wanted[at]}; git fsck says more`);
      objects.set(wanted[at] ?? "", object);
    }
    if (besides.length > 0) ahead = objects;
    const found = objects.get(oid);
    if (found === undefined) throw new LedgerError(`git did not answer for ${oid}`);
    return found;
  };
  const entriesOf = async (path: string): Promise<ReadonlyMap<string, TreeEntry> | undefined> => {
    way = way.filter((each) => each.path === "" || path === each.path || path.startsWith(`${each.path}/`));
    const known = way.at(-1)?.path === path ? way.at(-1) : undefined;
    if (known !== undefined) return known.entries;
    const oid = path === "" ? `${commit ?? ""}^{tree}` : await find(path, "tree");
    if (oid === undefined) return undefined;
    const entries = entriesIn(await fetch(oid));
    way.push({ path, entries });
    return entries;
  };
  const find = async (path: string, kind: "blob" | "tree"): Promise<string | undefined> => {
    const slash = path.lastIndexOf("/");
    const entry = (await entriesOf(path.slice(0, Math.max(0, slash))))?.get(path.slice(slash + 1));
    return entry?.kind === kind ? entry.oid : undefined;
  };
  return {
    async read(path) {
      const oid = commit === undefined ? safeOnly(path) : await find(safePath(path), "blob");
      if (oid === undefined) return undefined;
      // The folder that it is in is the last on the way.
      const besides = [...(way.at(-1)?.entries.values() ?? [])].filter(({ kind }) => kind !== "other");
      return (await fetch(oid, besides.length > READ_AHEAD_MAX ? [] : besides.map((each) => each.oid))).bytes;
    },
    async list(folder) {
      if (folder !== "") safePath(folder);
      return commit === undefined ? [] : [...((await entriesOf(folder))?.keys() ?? [])];
    },
    async close() {
      await batch?.close();
    },
  };
}

/** In a branch that is not there yet nothing is found, but a path that no evidence has is refused all the same. */
function safeOnly(path: string): undefined {
  safePath(path);
}

interface GitObject {
  readonly oid: string;
  readonly bytes: Buffer;
}

/** `other`: a link or a submodule. It is listed, so that a verifier sees it, and it has no bytes. */
interface TreeEntry {
  readonly kind: "blob" | "tree" | "other";
  readonly oid: string;
}

/** A tree: mode SP name NUL id, again and again; the id has as many bytes as the repository's hash. */
function entriesIn({ oid, bytes }: GitObject): Map<string, TreeEntry> {
  const entries = new Map<string, TreeEntry>();
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(32, at);
    const end = bytes.indexOf(0, space);
    const mode = bytes.toString("latin1", at, space);
    at = end + 1 + oid.length / 2;
    const kind = mode === "40000" ? "tree" : mode === "100644" || mode === "100755" ? "blob" : "other";
    entries.set(bytes.toString("utf8", space + 1, end), { kind, oid: bytes.toString("hex", end + 1, at) });
  }
  return entries;
}

/** For each question `<name>\n` in, `<oid> <type> <size>\n<bytes>\n` or `<name> missing\n` out. */
class Batch {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #chunks: AsyncIterator<unknown, unknown>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(child: ChildProcessByStdio<Writable, Readable, Readable>) {
    this.#child = child;
    this.#chunks = child.stdout[Symbol.asyncIterator]();
    child.stdin.on("error", () => undefined); // the answer that does not come tells
    child.stderr.resume();
  }

  /** The objects of these names, in their order; undefined for one that is missing. One call at a time. */
  async ask(names: readonly string[]): Promise<(GitObject | undefined)[]> {
    this.#child.stdin.write(names.map((name) => `${name}\n`).join(""));
    const objects: (GitObject | undefined)[] = [];
    for (const name of names) objects.push(await this.#answer(name));
    return objects;
  }

  async #answer(name: string): Promise<GitObject | undefined> {
    const header = (await this.#line()).split(" ");
    if (header.at(-1) === "missing") return undefined;
    const [oid = "", , digits = ""] = header;
    const size = Number(digits);
    if (!Number.isSafeInteger(size)) throw new LedgerError(`git cat-file answered ${header.join(" ")}`);
    if (size > FILE_BYTES_MAX) throw new LedgerError(`${name} is larger than ${FILE_BYTES_MAX} bytes`);
    const bytes = await this.#take(size + 1);
    return { oid, bytes: bytes.subarray(0, size) };
  }

  async close(): Promise<void> {
    const closed = ended(this.#child);
    this.#child.stdin.end();
    await this.#chunks.return?.();
    await closed;
  }

  async #line(): Promise<string> {
    let end = this.#rest.indexOf(10);
    while (end === -1) {
      await this.#more();
      end = this.#rest.indexOf(10);
    }
    const line = this.#rest.toString("utf8", 0, end);
    this.#rest = this.#rest.subarray(end + 1);
    return line;
  }

  async #take(count: number): Promise<Buffer> {
    const parts = [this.#rest];
    let have = this.#rest.length;
    while (have < count) {
      const chunk = await this.#chunk();
      parts.push(chunk);
      have += chunk.length;
    }
    const all = Buffer.concat(parts);
    this.#rest = all.subarray(count);
    return all.subarray(0, count);
  }

  async #more(): Promise<void> {
    this.#rest = Buffer.concat([this.#rest, await this.#chunk()]);
  }

  async #chunk(): Promise<Buffer> {
    const next: IteratorResult<unknown, unknown> = await this.#chunks.next();
    if (!Buffer.isBuffer(next.value)) throw new LedgerError("git cat-file ended before it answered");
    return next.value;
  }
}
