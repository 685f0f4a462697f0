// Files, branches and commits as people think of them.

import type { Call, Reply, Routes } from "../exchange.ts";
import { found, inPath, inRepository, listed, ok } from "../exchange.ts";
import { committerOf, namedPerson, personOf, signerFor } from "../git/commit-as.ts";
import { type Commit, isTree, type TreeEntry } from "../git/objects.ts";
import { invalid, notFound, Refusal } from "../refusal.ts";
import { apiOf, commitOf, fileOf, gitCommitOf, pageOf } from "../render/repository.ts";
import { maybeShape, maybeText, type Shape, textAt } from "../shape.ts";
import type { Repository } from "../world.ts";
import { wrapped } from "./git-data.ts";

export const contentRoutes: Routes = {
  "GET /repos/{owner}/{repo}/contents/{path}": inRepository("contents", "read", getContents),
  "PUT /repos/{owner}/{repo}/contents/{path}": inRepository("contents", "write", putContents),
  "DELETE /repos/{owner}/{repo}/contents/{path}": inRepository("contents", "write", deleteContents),
  "GET /repos/{owner}/{repo}/branches": inRepository("contents", "read", listBranches),
  "GET /repos/{owner}/{repo}/branches/{branch}": inRepository("contents", "read", getBranch),
  "GET /repos/{owner}/{repo}/commits": inRepository("contents", "read", listCommits),
  "GET /repos/{owner}/{repo}/commits/{ref}": inRepository("contents", "read", getCommit),
  "GET /repos/{owner}/{repo}/compare/{basehead}": inRepository("contents", "read", compare),
};

/** The commit that a name stands for: a branch before a tag before a commit's own name. */
export async function commitNamed(repository: Repository, name: string): Promise<Commit | undefined> {
  if (name === "HEAD") return await repository.git.commit(`refs/heads/${repository.defaultBranch}`);
  const plain = name.replace(/^refs\//, "");
  for (const each of [`refs/heads/${plain}`, `refs/${plain}`, `refs/tags/${plain}`]) {
    const commit = await repository.git.commit(each);
    if (commit !== undefined) return commit;
  }
  return /^[0-9a-f]{7,40}$/.test(name) ? await repository.git.commit(name) : undefined;
}

async function entryAt(repository: Repository, tree: string, path: string): Promise<TreeEntry | undefined> {
  let here: TreeEntry = { mode: "40000", name: "", oid: tree };
  for (const part of path.split("/").filter((each) => each !== "")) {
    if (!isTree(here)) return undefined;
    const next = (await repository.git.tree(here.oid))?.find((each) => each.name === part);
    if (next === undefined) return undefined;
    here = next;
  }
  return here;
}

async function getContents(call: Call): Promise<Reply> {
  const repository = call.repository();
  const asked = call.query.get("ref");
  const commit = await commitNamed(repository, asked ?? "HEAD");
  if (commit === undefined) {
    throw new Refusal(404, asked === null ? "This repository is empty." : `No commit found for the ref ${asked}`);
  }
  const path = inPath(call, "path").replace(/\/$/, "");
  const entry = found(await entryAt(repository, commit.tree, path));
  const ref = asked ?? repository.defaultBranch;
  if (!isTree(entry)) return await wholeFile(call, repository, { path, entry, ref });
  const inside = found(await repository.git.tree(entry.oid));
  return ok(
    await Promise.all(
      inside.map(async (each) => {
        const below = path === "" ? each.name : `${path}/${each.name}`;
        const size = isTree(each) ? 0 : ((await repository.git.read(each.oid))?.content.length ?? 0);
        return { ...outline(call, repository, { path: below, entry: each, ref }), size };
      }),
    ),
  );
}

interface Place {
  readonly path: string;
  readonly entry: TreeEntry;
  readonly ref: string;
}

/** Files above a megabyte come without their content, above a hundred not at all. */
const INLINE_BYTES_MAX = 1024 * 1024;

async function wholeFile(call: Call, repository: Repository, place: Place): Promise<Reply> {
  const blob = found(await repository.git.read(place.entry.oid));
  if ((call.headers.accept ?? "").includes("raw")) return ok(blob.content);
  const isInline = blob.content.length <= INLINE_BYTES_MAX;
  return ok({
    ...outline(call, repository, place),
    size: blob.content.length,
    content: isInline ? wrapped(blob.content) : "",
    encoding: isInline ? "base64" : "none",
  });
}

function outline(call: Call, repository: Repository, { path, entry, ref }: Place): Shape {
  const encoded = path.split("/").map(encodeURIComponent).join("/");
  const kind = isTree(entry) ? "tree" : "blob";
  const api = apiOf(call.world, repository);
  const url = `${api}/contents/${encoded}?ref=${encodeURIComponent(ref)}`;
  const git = `${api}/git/${kind}s/${entry.oid}`;
  const html = `${pageOf(call.world, repository)}/${kind}/${ref}/${encoded}`;
  return {
    name: path.split("/").at(-1) ?? "",
    path,
    sha: entry.oid,
    type: isTree(entry) ? "dir" : "file",
    url,
    html_url: html,
    git_url: git,
    download_url: isTree(entry) ? null : `${pageOf(call.world, repository)}/raw/${ref}/${encoded}`,
    _links: { self: url, git, html },
  };
}

async function putContents(call: Call): Promise<Reply> {
  const repository = call.repository();
  const content = Buffer.from(textAt(call.body, "content"), "base64");
  return await changeFile(call, async () => ({ mode: "100644", oid: await repository.git.write("blob", content) }));
}

async function deleteContents(call: Call): Promise<Reply> {
  return await changeFile(call, async () => await Promise.resolve(undefined));
}

async function changeFile(
  call: Call,
  change: () => Promise<Pick<TreeEntry, "mode" | "oid"> | undefined>,
): Promise<Reply> {
  const { world, body } = call;
  const repository = call.repository();
  const path = inPath(call, "path");
  const branch = maybeText(body, "branch") ?? repository.defaultBranch;
  return await repository.git.alone(async () => {
    const name = `refs/heads/${branch}`;
    const parent = await repository.git.commit(name);
    // The first file of an empty repository makes its first commit; elsewhere the branch has to be there.
    if (parent === undefined && (await repository.git.refs("refs/heads/")).length > 0) {
      throw new Refusal(404, `Branch ${branch} not found`);
    }
    const old = parent === undefined ? undefined : await entryAt(repository, parent.tree, path);
    const sha = maybeText(body, "sha");
    const isDeletion = call.method === "DELETE";
    if (isDeletion && old === undefined) throw notFound();
    if (old !== undefined && sha === undefined) throw invalid(`Invalid request.\n\n"sha" wasn't supplied.`);
    if (sha !== undefined && sha !== old?.oid) throw new Refusal(409, `${path} does not match ${sha}`);
    const changes = new Map([[path, await change()]]);
    const tree = await repository.git.changedTree(parent?.tree, changes);
    const author = maybeShape(body, "author") ?? maybeShape(body, "committer");
    const oid = await repository.git.writeCommit(
      {
        tree,
        parents: parent === undefined ? [] : [parent.oid],
        author: author === undefined ? personOf(world, call.principal) : namedPerson(call, author),
        committer:
          author === undefined ? committerOf(world) : namedPerson(call, maybeShape(body, "committer") ?? author),
        message: textAt(body, "message"),
      },
      signerFor(world, call.principal, author === undefined),
    );
    await repository.git.move([{ name, from: parent?.oid, to: oid }]);
    const entry = await entryAt(repository, tree, path);
    const commit = found(await repository.git.commit(oid));
    const outlined = entry === undefined ? null : outline(call, repository, { path, entry, ref: branch });
    return {
      status: old === undefined ? 201 : 200,
      body: { content: outlined, commit: gitCommitOf(world, repository, commit) },
    };
  });
}

async function listBranches(call: Call): Promise<Reply> {
  const repository = call.repository();
  const refs = await repository.git.refs("refs/heads/");
  return await listed(call, refs, ({ name, oid }) => ({
    name: name.slice("refs/heads/".length),
    commit: { sha: oid, url: `${apiOf(call.world, repository)}/commits/${oid}` },
    protected: false,
  }));
}

async function getBranch(call: Call): Promise<Reply> {
  const { world } = call;
  const repository = call.repository();
  const branch = inPath(call, "branch");
  const commit = await repository.git.commit(`refs/heads/${branch}`);
  if (commit === undefined) throw new Refusal(404, "Branch not found");
  const api = `${apiOf(world, repository)}/branches/${branch}`;
  return ok({
    name: branch,
    commit: commitOf(world, repository, commit),
    _links: { self: api, html: `${pageOf(world, repository)}/tree/${branch}` },
    protected: false,
    protection: { enabled: false, required_status_checks: { enforcement_level: "off", contexts: [], checks: [] } },
    protection_url: `${api}/protection`,
  });
}

async function listCommits(call: Call): Promise<Reply> {
  const repository = call.repository();
  const start = await commitNamed(repository, call.query.get("sha") ?? "HEAD");
  if (start === undefined) throw new Refusal(409, "Git Repository is empty.");
  const path = call.query.get("path");
  const range = ["rev-list", start.oid, ...(path === null ? [] : ["--", path])];
  return await listed(call, await oids(repository, range), async (oid) => await shown(call, repository, oid));
}

/** The commits that a `git rev-list` names. */
export async function oids(repository: Repository, args: readonly string[]): Promise<readonly string[]> {
  return (await repository.git.git(...args)).split("\n").filter((each) => each !== "");
}

/** One commit as the commits API lists it. */
export async function shown(call: Call, repository: Repository, oid: string): Promise<Shape> {
  return commitOf(call.world, repository, found(await repository.git.commit(oid)));
}

async function getCommit(call: Call): Promise<Reply> {
  const repository = call.repository();
  const name = inPath(call, "ref");
  const commit = await commitNamed(repository, name);
  if (commit === undefined) throw invalid(`No commit found for SHA: ${name}`);
  if ((call.headers.accept ?? "").includes("sha")) return ok(Buffer.from(commit.oid));
  const files = await changedFiles(call, repository, ["diff-tree", "--root", "-r", "-M", "--no-commit-id"], commit.oid);
  return ok({ ...commitOf(call.world, repository, commit), stats: totals(files), files });
}

function totals(files: readonly Shape[]): Shape {
  const sum = (key: string): number => files.reduce((total, each) => total + Number(each[key]), 0);
  return { total: sum("changes"), additions: sum("additions"), deletions: sum("deletions") };
}

/** What a diff changed; `command` is `git diff` or one like it, without what is compared. */
export async function changedFiles(
  call: Call,
  repository: Repository,
  command: readonly string[],
  range: string,
): Promise<readonly Shape[]> {
  const [first = "diff", ...rest] = command;
  const raw = (await repository.git.git(first, ...rest, "--raw", "-z", "--no-abbrev", range)).split("\0");
  const numbers = (await repository.git.git(first, ...rest, "--numstat", "-z", "--no-renames", range)).split("\0");
  const counts = new Map(
    numbers.map((line) => line.split("\t")).map(([a, d, path]) => [path, [Number(a) || 0, Number(d) || 0]]),
  );
  const sha = range.split(/\.+/).at(-1) ?? range;
  const files: Shape[] = [];
  for (let at = 0; at < raw.length; ) {
    const head = /^:\d+ \d+ ([0-9a-f]+) ([0-9a-f]+) ([A-Z])/.exec(raw[at] ?? "");
    if (head === null) break;
    const isRename = head[3] === "R" || head[3] === "C";
    const previous = raw[at + 1] ?? "";
    const filename = isRename ? (raw[at + 2] ?? "") : previous;
    at += isRename ? 3 : 2;
    const [additions = 0, deletions = 0] = counts.get(filename) ?? [];
    const status = { A: "added", D: "removed", R: "renamed", C: "copied" }[head[3] ?? ""] ?? "modified";
    const file = {
      sha: status === "removed" ? head[1] : head[2],
      filename,
      status,
      additions,
      deletions,
      changes: additions + deletions,
      ...(isRename ? { previous_filename: previous } : {}),
    };
    files.push(fileOf(call.world, repository, sha, file));
  }
  return files;
}

async function compare(call: Call): Promise<Reply> {
  const { world } = call;
  const repository = call.repository();
  const [left = "", right = ""] = inPath(call, "basehead").split("...");
  const base = found(await commitNamed(repository, left));
  const head = found(await commitNamed(repository, right));
  const middle = (await repository.git.git("merge-base", base.oid, head.oid).catch(() => "")).trim();
  if (middle === "") throw new Refusal(404, `No common ancestor between ${left} and ${right}.`);
  const ahead = await oids(repository, ["rev-list", "--reverse", `${base.oid}..${head.oid}`]);
  const behind = await oids(repository, ["rev-list", `${head.oid}..${base.oid}`]);
  const status =
    ahead.length > 0 ? (behind.length > 0 ? "diverged" : "ahead") : behind.length > 0 ? "behind" : "identical";
  const page = `${pageOf(world, repository)}/compare/${encodeURIComponent(left)}...${encodeURIComponent(right)}`;
  return ok({
    url: `${apiOf(world, repository)}/compare/${encodeURIComponent(left)}...${encodeURIComponent(right)}`,
    html_url: page,
    permalink_url: `${pageOf(world, repository)}/compare/${base.oid}...${head.oid}`,
    diff_url: `${page}.diff`,
    patch_url: `${page}.patch`,
    base_commit: commitOf(world, repository, base),
    merge_base_commit: await shown(call, repository, middle),
    status,
    ahead_by: ahead.length,
    behind_by: behind.length,
    total_commits: ahead.length,
    commits: await Promise.all(ahead.slice(0, 250).map(async (oid) => await shown(call, repository, oid))),
    files: await changedFiles(call, repository, ["diff", "-M"], `${base.oid}...${head.oid}`),
  });
}
