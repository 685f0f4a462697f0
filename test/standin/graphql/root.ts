// Where GraphQL queries and mutations begin.

import { actorOf } from "../exchange.ts";
import { committerOf, personOf, signerFor } from "../git/commit-as.ts";
import type { TreeEntry } from "../git/objects.ts";
import { nodeId } from "../render/account.ts";
import { isAncestor } from "../routes/git-data.ts";
import { flagAt, maybeShape, maybeText, type Shape, shapeAt, shapesAt, textAt } from "../shape.ts";
import type { Repository } from "../world.ts";
import { GraphqlRefusal } from "./answer.ts";
import { accountNode, byNodeId, commitNode, demand, named, refNode, repositoryNode, type Viewer } from "./nodes.ts";

const NOTHING = "0".repeat(40);
const WRITE = { permission: "contents", level: "write" } as const;

/** The fields of `Query` and of `Mutation`, for whoever asks. */
export function rootFor(viewer: Viewer): Shape {
  return {
    repository(args: Shape) {
      return repositoryNode(viewer, named(viewer, `${textAt(args, "owner")}/${textAt(args, "name")}`));
    },
    node: (args: Shape) => repositoryNode(viewer, byNodeId(viewer, textAt(args, "id"))),
    viewer: () => accountNode(viewer.world, actorOf(viewer.principal)),
    rateLimit: () => ({
      limit: 5000,
      cost: 1,
      remaining: 4999,
      used: 1,
      nodeCount: 0,
      resetAt: "2026-01-01T00:00:00Z",
    }),
    createCommitOnBranch: async (args: Shape) => await createCommitOnBranch(viewer, shapeAt(args, "input")),
    createRef: async (args: Shape) => await createRef(viewer, shapeAt(args, "input")),
    updateRefs: async (args: Shape) => await updateRefs(viewer, shapeAt(args, "input")),
  };
}

async function branchIn(viewer: Viewer, branch: Shape): Promise<{ repository: Repository; name: string }> {
  const id = maybeText(branch, "id");
  if (id === undefined) {
    const repository = named(viewer, maybeText(branch, "repositoryNameWithOwner") ?? "");
    const given = maybeText(branch, "branchName") ?? "";
    return { repository, name: given.startsWith("refs/heads/") ? given : `refs/heads/${given}` };
  }
  for (const repository of viewer.world.repositories) {
    const refs = await repository.git.refs("refs/heads/");
    const ref = refs.find(({ name }) => nodeId("REF", `${repository.id}:${name}`) === id);
    if (ref !== undefined) return { repository, name: ref.name };
  }
  throw new GraphqlRefusal("NOT_FOUND", `Could not resolve to a node with the global id of '${id}'`);
}

async function createCommitOnBranch(viewer: Viewer, input: Shape): Promise<Shape> {
  const { world, principal } = viewer;
  const { repository, name } = await branchIn(viewer, shapeAt(input, "branch"));
  demand(viewer, repository, WRITE);
  const expected = textAt(input, "expectedHeadOid");
  return await repository.git.alone(async () => {
    const head = await repository.git.commit(name);
    if (head === undefined) {
      throw new GraphqlRefusal("NOT_FOUND", `Branch '${name.slice("refs/heads/".length)}' does not exist`);
    }
    if (head.oid !== expected) {
      throw new GraphqlRefusal(
        "STALE_DATA",
        `Expected branch to point to "${expected}" but it did not.  Pull and try again.`, // two spaces, as GitHub has it
      );
    }
    const tree = await changedTree(repository, head, maybeShape(input, "fileChanges") ?? {});
    const message = shapeAt(input, "message");
    const body = maybeText(message, "body") ?? "";
    const headline = textAt(message, "headline");
    const oid = await repository.git.writeCommit(
      {
        tree,
        parents: [head.oid],
        author: personOf(world, principal),
        committer: committerOf(world),
        message: body === "" ? headline : `${headline}\n\n${body}`,
      },
      // GitHub signs these for people too.
      signerFor(world, principal, true) ?? world.sign,
    );
    if (!(await repository.git.move([{ name, from: head.oid, to: oid }]))) {
      throw new GraphqlRefusal(
        "STALE_DATA",
        `Expected branch to point to "${expected}" but it did not.  Pull and try again.`, // two spaces, as GitHub has it
      );
    }
    const commit = await repository.git.commit(oid);
    if (commit === undefined) throw new Error("the commit is gone");
    return {
      clientMutationId: maybeText(input, "clientMutationId") ?? null,
      commit: commitNode(viewer, repository, commit),
      ref: async () => await refNode(viewer, repository, name),
    };
  });
}

async function changedTree(
  repository: Repository,
  head: { readonly oid: string; readonly tree: string },
  fileChanges: Shape,
): Promise<string> {
  const changes = new Map<string, Pick<TreeEntry, "mode" | "oid"> | undefined>();
  for (const deletion of shapesAt(fileChanges, "deletions")) {
    const path = checkedPath(textAt(deletion, "path"));
    if ((await repository.git.read(`${head.oid}:${path}`)) === undefined) {
      throw new GraphqlRefusal(
        "UNPROCESSABLE",
        `A path was requested for deletion which does not exist as of commit oid \`${head.oid}\``,
      );
    }
    changes.set(path, undefined);
  }
  for (const addition of shapesAt(fileChanges, "additions")) {
    const path = checkedPath(textAt(addition, "path"));
    const text = textAt(addition, "contents");
    if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) {
      throw new GraphqlRefusal("UNPROCESSABLE", `The contents of ${path} are not Base64`);
    }
    changes.set(path, { mode: "100644", oid: await repository.git.write("blob", Buffer.from(text, "base64")) });
  }
  return await repository.git.changedTree(head.tree, changes);
}

function checkedPath(path: string): string {
  if (path.split("/").some((part) => part === "" || part === "." || part === ".." || part.toLowerCase() === ".git")) {
    throw new GraphqlRefusal("UNPROCESSABLE", `The path ${path} is malformed`);
  }
  return path;
}

async function createRef(viewer: Viewer, input: Shape): Promise<Shape> {
  const repository = byNodeId(viewer, textAt(input, "repositoryId"));
  demand(viewer, repository, WRITE);
  const name = textAt(input, "name");
  const to = textAt(input, "oid");
  return await repository.git.alone(async () => {
    if (!name.startsWith("refs/")) throw new GraphqlRefusal("UNPROCESSABLE", "Ref names must start with 'refs/'");
    if ((await repository.git.read(to)) === undefined)
      throw new GraphqlRefusal("UNPROCESSABLE", "Object does not exist");
    if (!(await repository.git.move([{ name, from: undefined, to }]))) {
      const short = name.replace(/^refs\/heads\//, "");
      throw new GraphqlRefusal("UNPROCESSABLE", `A ref named "${short}" already exists in the repository.`);
    }
    return {
      clientMutationId: maybeText(input, "clientMutationId") ?? null,
      ref: async () => await refNode(viewer, repository, name),
    };
  });
}

async function updateRefs(viewer: Viewer, input: Shape): Promise<Shape> {
  const repository = byNodeId(viewer, textAt(input, "repositoryId"));
  demand(viewer, repository, WRITE);
  return await repository.git.alone(async () => {
    const moves = [];
    for (const update of shapesAt(input, "refUpdates")) {
      const name = textAt(update, "name");
      const now = (await repository.git.refs(name)).find((each) => each.name === name)?.oid;
      const before = maybeText(update, "beforeOid");
      const after = textAt(update, "afterOid");
      if (before !== undefined && before !== (now ?? NOTHING)) {
        throw new GraphqlRefusal(
          "STALE_DATA",
          `Reference cannot be updated: ${name} is at ${now ?? NOTHING}, expected ${before}`,
        );
      }
      if (after !== NOTHING && (await repository.git.read(after)) === undefined) {
        throw new GraphqlRefusal("UNPROCESSABLE", "Object does not exist");
      }
      const isForced = flagAt(update, "force", false) || now === undefined || after === NOTHING;
      if (!isForced && !(await isAncestor(repository, now, after))) {
        throw new GraphqlRefusal("UNPROCESSABLE", "Update is not a fast forward");
      }
      moves.push({ name, from: now, to: after === NOTHING ? undefined : after });
    }
    if (!(await repository.git.move(moves))) throw new GraphqlRefusal("STALE_DATA", "A reference moved meanwhile");
    return { clientMutationId: maybeText(input, "clientMutationId") ?? null };
  });
}
