// A bare repository on disk. Objects are written as git writes loose ones and read through one `git cat-file`; refs move by
// `git update-ref`, which compares and swaps.

import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { mkdir, rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import {
  type Commit,
  type CommitDraft,
  decodeCommit,
  decodeTree,
  encodeCommit,
  encodeTree,
  framed,
  isTree,
  type ObjectKind,
  oidOf,
  type TreeEntry,
} from "./objects.ts";

export interface StoredObject {
  readonly oid: string;
  readonly kind: ObjectKind;
  readonly content: Buffer;
}

export interface Ref {
  /** As `refs/heads/main`. */
  readonly name: string;
  readonly oid: string;
}

export interface GitRepository {
  readonly folder: string;
  /** An object by its name, or by any expression that git resolves, as `refs/heads/main^{tree}`. */
  read(expression: string): Promise<StoredObject | undefined>;
  write(kind: ObjectKind, content: Buffer): Promise<string>;
  commit(expression: string): Promise<Commit | undefined>;
  writeCommit(draft: CommitDraft, sign?: (payload: string) => string): Promise<string>;
  tree(expression: string): Promise<readonly TreeEntry[] | undefined>;
  /** Writes the tree `base` with the files at these paths put in, or taken out where there is none. */
  changedTree(
    base: string | undefined,
    changes: ReadonlyMap<string, Pick<TreeEntry, "mode" | "oid"> | undefined>,
  ): Promise<string>;
  refs(prefix: string): Promise<readonly Ref[]>;
  /** Moves refs, all or none. `from` is what each must be now; undefined says that there must be none. False when one is not. */
  move(moves: readonly RefMove[]): Promise<boolean>;
  /** Runs git here and gives what it printed. Throws with git's own words. */
  git(...args: readonly string[]): Promise<string>;
  /** Runs `work` when everything else that changes this repository has ended. */
  alone<T>(work: () => Promise<T>): Promise<T>;
  close(): void;
}

export interface RefMove {
  readonly name: string;
  readonly from: string | undefined;
  readonly to: string | undefined;
}

const NOTHING = "0".repeat(40);

/** Makes an empty bare repository in `folder`. */
export async function createRepository(folder: string, defaultBranch: string): Promise<GitRepository> {
  await run(["init", "--quiet", "--bare", `--initial-branch=${defaultBranch}`, folder]);
  for (const [key, value] of [
    ["http.receivepack", "true"],
    ["uploadpack.allowAnySHA1InWant", "true"],
    ["gc.auto", "0"],
  ] as const) {
    await run(["-C", folder, "config", key, value]);
  }
  return openRepository(folder);
}

function openRepository(folder: string): GitRepository {
  const reader = objectReader(folder);
  let queue: Promise<unknown> = Promise.resolve();
  const repository: GitRepository = {
    folder,
    read: async (expression) => await reader.read(expression),
    write: async (kind, content) => await writeLoose(folder, kind, content),
    async commit(expression) {
      const found = await reader.read(`${expression}^{commit}`);
      return found === undefined ? undefined : decodeCommit(found.oid, found.content);
    },
    writeCommit: async (draft, sign) => await repository.write("commit", encodeCommit(draft, sign)),
    async tree(expression) {
      const found = await reader.read(`${expression}^{tree}`);
      return found === undefined ? undefined : decodeTree(found.content);
    },
    changedTree: async (base, changes) =>
      (await changed(repository, base, changes)) ?? (await repository.write("tree", Buffer.alloc(0))),
    async refs(prefix) {
      const text = await repository.git("for-each-ref", "--format=%(objectname) %(refname)");
      const all = text.split("\n").filter((line) => line !== "");
      return all
        .map((line) => ({ oid: line.slice(0, 40), name: line.slice(41) }))
        .filter(({ name }) => name.startsWith(prefix));
    },
    async move(moves) {
      const lines = moves.map(({ name, from, to }) => `update ${name} ${to ?? NOTHING} ${from ?? NOTHING}`);
      const text = ["start", ...lines, "prepare", "commit", ""].join("\n");
      return await run(["-C", folder, "update-ref", "--stdin"], text).then(
        () => true,
        (error: unknown) => {
          if (/cannot lock ref|reference already exists/.test(String(error))) return false;
          throw error;
        },
      );
    },
    git: async (...args) => await run(["-C", folder, ...args]),
    async alone(work) {
      const mine = queue.then(work, work);
      queue = mine.catch(() => undefined);
      return await mine;
    },
    close: () => reader.close(),
  };
  return repository;
}

async function changed(
  repository: GitRepository,
  base: string | undefined,
  changes: ReadonlyMap<string, Pick<TreeEntry, "mode" | "oid"> | undefined>,
): Promise<string | undefined> {
  const entries = new Map<string, TreeEntry>();
  for (const entry of (base === undefined ? undefined : await repository.tree(base)) ?? [])
    entries.set(entry.name, entry);
  const deeper = new Map<string, Map<string, Pick<TreeEntry, "mode" | "oid"> | undefined>>();
  for (const [path, change] of changes) {
    const slash = path.indexOf("/");
    const name = slash === -1 ? path : path.slice(0, slash);
    if (slash !== -1) {
      const inner = deeper.get(name) ?? new Map<string, Pick<TreeEntry, "mode" | "oid"> | undefined>();
      deeper.set(name, inner.set(path.slice(slash + 1), change));
    } else if (change === undefined) entries.delete(name);
    else entries.set(name, { name, ...change });
  }
  for (const [name, inner] of deeper) {
    const old = entries.get(name);
    const oid = await changed(repository, old !== undefined && isTree(old) ? old.oid : undefined, inner);
    if (oid === undefined) entries.delete(name);
    else entries.set(name, { name, mode: "40000", oid });
  }
  // Git knows no empty folder.
  return entries.size === 0 ? undefined : await repository.write("tree", encodeTree([...entries.values()]));
}

async function writeLoose(folder: string, kind: ObjectKind, content: Buffer): Promise<string> {
  const oid = oidOf(kind, content);
  const inside = join(folder, "objects", oid.slice(0, 2));
  const file = join(inside, oid.slice(2));
  const isThere = await stat(file).then(
    () => true,
    () => false,
  );
  if (isThere) return oid;
  await mkdir(inside, { recursive: true });
  const unfinished = `${file}.${process.hrtime.bigint()}`;
  await writeFile(unfinished, deflateSync(framed(kind, content), { level: 1 }));
  await rename(unfinished, file);
  return oid;
}

interface ObjectReader {
  read(expression: string): Promise<StoredObject | undefined>;
  close(): void;
}

// `git cat-file --batch` answers `<oid> SP <type> SP <size> LF <contents> LF`, or a line that ends in `missing`, in order.
function objectReader(folder: string): ObjectReader {
  let child: ChildProcessWithoutNullStreams | undefined;
  let inbox = Buffer.alloc(0);
  const waiting: { resolve(found: StoredObject | undefined): void; reject(error: Error): void }[] = [];
  const take = (): void => {
    for (;;) {
      const newline = inbox.indexOf(0x0a);
      if (newline === -1) return;
      const line = inbox.toString("utf8", 0, newline);
      const match = /^([0-9a-f]{40}) (blob|tree|commit|tag) (\d+)$/.exec(line);
      if (match === null) {
        inbox = inbox.subarray(newline + 1);
        waiting.shift()?.resolve(undefined);
        continue;
      }
      const end = newline + 1 + Number(match[3]);
      if (inbox.length < end + 1) return;
      const content = Buffer.from(inbox.subarray(newline + 1, end));
      inbox = inbox.subarray(end + 1);
      waiting.shift()?.resolve({ oid: match[1] ?? "", kind: kindOf(match[2]), content });
    }
  };
  const start = (): ChildProcessWithoutNullStreams => {
    const started = spawn("git", ["-C", folder, "cat-file", "--batch"], { env: gitEnvironment() });
    started.stdout.on("data", (chunk: Buffer) => {
      inbox = Buffer.concat([inbox, chunk]);
      take();
    });
    started.stdin.on("error", () => undefined); // said by "close", which follows
    started.on("close", () => {
      child = undefined;
      for (const each of waiting.splice(0)) each.reject(new Error("git cat-file ended"));
    });
    return started;
  };
  return {
    async read(expression) {
      if (/[\n\0]/.test(expression)) return undefined;
      child ??= start();
      const { stdin } = child;
      return await new Promise((resolve, reject) => {
        waiting.push({ resolve, reject });
        stdin.write(`${expression}\n`);
      });
    },
    close: () => child?.stdin.end(),
  };
}

function kindOf(text: string | undefined): ObjectKind {
  if (text === "blob" || text === "tree" || text === "commit" || text === "tag") return text;
  throw new TypeError("git has no such kind of object");
}

/** Git without anybody's own settings. */
export function gitEnvironment(): NodeJS.ProcessEnv {
  return {
    PATH: process.env["PATH"],
    HOME: "/nonexistent",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    LC_ALL: "C",
  };
}

async function run(args: readonly string[], input = ""): Promise<string> {
  return await new Promise((resolve, reject) => {
    const child = spawn("git", args, { env: gitEnvironment() });
    const out: Buffer[] = [];
    const words: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => words.push(chunk));
    child.once("error", reject);
    child.stdin.on("error", () => undefined); // git's exit says more
    child.once("close", (code) => {
      if (code === 0) resolve(Buffer.concat(out).toString("utf8"));
      else reject(new Error(`git ${args.join(" ")}: ${Buffer.concat(words).toString("utf8").trim()}`));
    });
    child.stdin.end(input);
  });
}
