// Git's own objects and refs, one by one (GitHub's "Git database").

import type { Call, Reply, Routes } from "../exchange.ts";
import { found, inPath, inRepository, ok } from "../exchange.ts";
import { namedPerson, signerFor } from "../git/commit-as.ts";
import { isTree, type TreeEntry } from "../git/objects.ts";
import { invalid, notFound, Refusal } from "../refusal.ts";
import { nodeId } from "../render/account.ts";
import { apiOf, gitCommitOf, refOf } from "../render/repository.ts";
import { flagAt, maybeShape, maybeText, type Shape, shapesAt, textAt, textsAt } from "../shape.ts";
import type { Repository } from "../world.ts";

const OID = /^[0-9a-f]{40}$/;

export const gitDataRoutes: Routes = {
  "GET /repos/{owner}/{repo}/git/ref/{ref}": inRepository("contents", "read", getRef),
  "GET /repos/{owner}/{repo}/git/matching-refs/{ref}": inRepository("contents", "read", matchingRefs),
  "POST /repos/{owner}/{repo}/git/refs": inRepository("contents", "write", createRef),
  "PATCH /repos/{owner}/{repo}/git/refs/{ref}": inRepository("contents", "write", updateRef),
  "DELETE /repos/{owner}/{repo}/git/refs/{ref}": inRepository("contents", "write", deleteRef),
  "GET /repos/{owner}/{repo}/git/commits/{commit_sha}": inRepository("contents", "read", getCommit),
  "POST /repos/{owner}/{repo}/git/commits": inRepository("contents", "write", createCommit),
  "GET /repos/{owner}/{repo}/git/trees/{tree_sha}": inRepository("contents", "read", getTree),
  "POST /repos/{owner}/{repo}/git/trees": inRepository("contents", "write", createTree),
  "GET /repos/{owner}/{repo}/git/blobs/{file_sha}": inRepository("contents", "read", getBlob),
  "POST /repos/{owner}/{repo}/git/blobs": inRepository("contents", "write", createBlob),
};

/** GitHub keeps no objects for a repository that has no commit yet. */
export async function refuseEmpty(repository: Repository): Promise<void> {
  if ((await repository.git.refs("refs/")).length === 0) throw new Refusal(409, "Git Repository is empty.");
}

async function getRef(call: Call): Promise<Reply> {
  const repository = call.repository();
  const name = `refs/${inPath(call, "ref")}`;
  const ref = (await repository.git.refs(name)).find((each) => each.name === name);
  return ok(await shown(call, repository, found(ref)));
}

async function matchingRefs(call: Call): Promise<Reply> {
  const repository = call.repository();
  const refs = await repository.git.refs(`refs/${inPath(call, "ref")}`);
  const visible = refs.filter(({ name }) => !name.startsWith("refs/pull/"));
  return ok(await Promise.all(visible.map(async (ref) => await shown(call, repository, ref))));
}

async function shown(call: Call, repository: Repository, ref: { name: string; oid: string }): Promise<Shape> {
  const object = await repository.git.read(ref.oid);
  return refOf(call.world, repository, ref, object?.kind);
}

async function createRef(call: Call): Promise<Reply> {
  const repository = call.repository();
  const name = textAt(call.body, "ref");
  const oid = textAt(call.body, "sha");
  if (!/^refs\/[^/]+\/.+/.test(name))
    throw invalid("Reference name must start with 'refs/' and have at least two slashes.");
  const isNamed = await repository.git.git("check-ref-format", name).then(
    () => true,
    () => false,
  );
  if (!isNamed) throw invalid(`${name} is not a valid ref name.`);
  return await repository.git.alone(async () => {
    await refuseEmpty(repository);
    if (!OID.test(oid)) throw invalid("The sha parameter must be exactly 40 characters and contain only [0-9a-f].");
    if ((await repository.git.read(oid)) === undefined) throw invalid("Object does not exist");
    if (!(await repository.git.move([{ name, from: undefined, to: oid }]))) throw invalid("Reference already exists");
    return { status: 201, body: await shown(call, repository, { name, oid }) };
  });
}

async function updateRef(call: Call): Promise<Reply> {
  const repository = call.repository();
  const name = `refs/${inPath(call, "ref")}`;
  const to = textAt(call.body, "sha");
  return await repository.git.alone(async () => {
    const from = (await repository.git.refs(name)).find((each) => each.name === name)?.oid;
    if (from === undefined) throw invalid("Reference does not exist");
    if ((await repository.git.commit(to)) === undefined) throw invalid("Object does not exist");
    if (!flagAt(call.body, "force", false) && !(await isAncestor(repository, from, to))) {
      throw invalid("Update is not a fast forward");
    }
    if (!(await repository.git.move([{ name, from, to }]))) throw new Refusal(409, "Reference could not be locked");
    return ok(await shown(call, repository, { name, oid: to }));
  });
}

/** Whether moving from one commit to the other is a fast forward. */
export async function isAncestor(repository: Repository, from: string, to: string): Promise<boolean> {
  return await repository.git.git("merge-base", "--is-ancestor", from, to).then(
    () => true,
    () => false,
  );
}

async function deleteRef(call: Call): Promise<Reply> {
  const repository = call.repository();
  const name = `refs/${inPath(call, "ref")}`;
  return await repository.git.alone(async () => {
    const from = (await repository.git.refs(name)).find((each) => each.name === name)?.oid;
    if (from === undefined) throw invalid("Reference does not exist");
    await repository.git.move([{ name, from, to: undefined }]);
    return { status: 204 };
  });
}

async function getCommit(call: Call): Promise<Reply> {
  const repository = call.repository();
  const oid = inPath(call, "commit_sha");
  const commit = OID.test(oid) ? await repository.git.commit(oid) : undefined;
  return ok(gitCommitOf(call.world, repository, found(commit)));
}

async function createCommit(call: Call): Promise<Reply> {
  const { world, body } = call;
  const repository = call.repository();
  await refuseEmpty(repository);
  const tree = textAt(body, "tree");
  if ((await repository.git.read(tree))?.kind !== "tree") throw invalid("Tree SHA does not exist");
  const parents = textsAt(body, "parents");
  for (const parent of parents) {
    if ((await repository.git.read(parent))?.kind !== "commit") {
      throw invalid("Parent SHA does not exist or is not a commit object");
    }
  }
  const author = maybeShape(body, "author");
  const named = maybeShape(body, "committer");
  const draft = {
    tree,
    parents,
    author: namedPerson(call, author),
    committer: namedPerson(call, named ?? author),
    message: textAt(body, "message"),
  };
  const given = maybeText(body, "signature");
  const isOwn = author === undefined && named === undefined && given === undefined;
  const signer = given === undefined ? signerFor(world, call.principal, isOwn) : () => given;
  const oid = await repository.git.writeCommit(draft, signer);
  return { status: 201, body: gitCommitOf(world, repository, found(await repository.git.commit(oid))) };
}

async function getTree(call: Call): Promise<Reply> {
  const repository = call.repository();
  const name = inPath(call, "tree_sha");
  const root = found(await repository.git.read(`${name}^{tree}`));
  const isDeep = call.query.has("recursive"); // whatever it says, as GitHub has it
  return ok(await shownTree(call, repository, root.oid, isDeep));
}

async function shownTree(call: Call, repository: Repository, oid: string, isDeep: boolean): Promise<Shape> {
  const api = apiOf(call.world, repository);
  const rows: Shape[] = [];
  const walk = async (tree: string, prefix: string): Promise<void> => {
    for (const entry of found(await repository.git.tree(tree))) {
      const type = kindOf(entry);
      const path = `${prefix}${entry.name}`;
      const size = type === "blob" ? (await repository.git.read(entry.oid))?.content.length : undefined;
      rows.push({
        path,
        mode: entry.mode.padStart(6, "0"),
        type,
        sha: entry.oid,
        ...(size === undefined ? {} : { size }),
        ...(type === "commit" ? {} : { url: `${api}/git/${type}s/${entry.oid}` }),
      });
      if (isDeep && type === "tree") await walk(entry.oid, `${path}/`);
    }
  };
  await walk(oid, "");
  return { sha: oid, url: `${api}/git/trees/${oid}`, tree: rows, truncated: false };
}

function kindOf(entry: TreeEntry): "tree" | "blob" | "commit" {
  if (isTree(entry)) return "tree";
  return entry.mode === "160000" ? "commit" : "blob";
}

async function createTree(call: Call): Promise<Reply> {
  const repository = call.repository();
  await refuseEmpty(repository);
  const base = maybeText(call.body, "base_tree");
  if (base !== undefined && (await repository.git.tree(base)) === undefined) {
    throw invalid("base_tree is not a valid tree oid");
  }
  const changes = new Map<string, Pick<TreeEntry, "mode" | "oid"> | undefined>();
  for (const row of shapesAt(call.body, "tree")) {
    const path = maybeText(row, "path") ?? "";
    if (path.split("/").some((part) => part === "" || part === "." || part === ".." || part === ".git")) {
      throw invalid(
        path.startsWith("/") ? "tree.path cannot start with a slash" : "tree.path contains a malformed path component",
      );
    }
    const content = maybeText(row, "content");
    const mode = (maybeText(row, "mode") ?? "100644").replace(/^0/, "");
    if (content !== undefined) {
      changes.set(path, { mode, oid: await repository.git.write("blob", Buffer.from(content)) });
      continue;
    }
    const oid = maybeText(row, "sha");
    if (oid !== undefined && mode !== "160000" && (await repository.git.read(oid)) === undefined) {
      throw invalid(`tree.sha ${oid} is not a valid ${maybeText(row, "type") ?? "blob"}`);
    }
    changes.set(path, oid === undefined ? undefined : { mode, oid });
  }
  const oid = await repository.git.changedTree(base, changes);
  return { status: 201, body: await shownTree(call, repository, oid, false) };
}

async function getBlob(call: Call): Promise<Reply> {
  const repository = call.repository();
  const oid = inPath(call, "file_sha");
  const blob = OID.test(oid) ? await repository.git.read(oid) : undefined;
  if (blob?.kind !== "blob") throw notFound();
  if ((call.headers.accept ?? "").includes("raw")) return ok(blob.content);
  return ok({
    sha: oid,
    node_id: nodeId("B", `${repository.id}:${oid}`),
    size: blob.content.length,
    url: `${apiOf(call.world, repository)}/git/blobs/${oid}`,
    content: wrapped(blob.content),
    encoding: "base64",
  });
}

/** Base64 in lines of sixty, as GitHub writes it. */
export function wrapped(content: Buffer): string {
  return content.toString("base64").replaceAll(/.{1,60}/g, "$&\n");
}

async function createBlob(call: Call): Promise<Reply> {
  const repository = call.repository();
  await refuseEmpty(repository);
  const encoding = maybeText(call.body, "encoding") === "base64" ? "base64" : "utf8";
  const sha = await repository.git.write("blob", Buffer.from(textAt(call.body, "content"), encoding));
  return { status: 201, body: { sha, url: `${apiOf(call.world, repository)}/git/blobs/${sha}` } };
}
