// The parts of GitHub's graph that the stand-in serves, as objects whose functions take the arguments of their fields.

import type { Commit } from "../git/objects.ts";
import { may, type Need, sees } from "../principal.ts";
import { nodeId } from "../render/account.ts";
import { endsOf, isPull, type PullIssue } from "../render/pull.ts";
import { authorOf, fullName, pageOf, verificationOf } from "../render/repository.ts";
import { commitNamed } from "../routes/contents.ts";
import { maybeNumber, maybeText, type Shape } from "../shape.ts";
import { type Account, type Principal, type Repository, repositoryOf, type World } from "../world.ts";
import { GraphqlRefusal } from "./answer.ts";

export interface Viewer {
  readonly world: World;
  readonly principal: Principal;
}

/** The repository, as far as whoever asks may see it. */
export function visible({ principal }: Viewer, repository: Repository | undefined, name: string): Repository {
  if (repository !== undefined && sees(principal, repository)) return repository;
  throw new GraphqlRefusal("NOT_FOUND", `Could not resolve to a Repository with the name '${name}'.`);
}

export function named(viewer: Viewer, full: string): Repository {
  const [owner = "", name = ""] = full.split("/");
  return visible(viewer, repositoryOf(viewer.world, owner, name), full);
}

export function byNodeId(viewer: Viewer, id: string): Repository {
  const repository = viewer.world.repositories.find((each) => nodeId("R", each.id) === id);
  if (repository !== undefined && sees(viewer.principal, repository)) return repository;
  throw new GraphqlRefusal("NOT_FOUND", `Could not resolve to a node with the global id of '${id}'`);
}

export function demand({ principal }: Viewer, repository: Repository, need: Need): void {
  if (!may(principal, repository, need))
    throw new GraphqlRefusal("FORBIDDEN", "Resource not accessible by integration");
}

export function accountNode(world: World, account: Account): Shape {
  return {
    __typename: account.kind,
    id: nodeId(account.kind === "Organization" ? "O" : account.kind === "Bot" ? "BOT" : "U", account.id),
    databaseId: account.id,
    login: account.login,
    name: account.name === "" ? null : account.name,
    url: `${world.origin}/${account.login}`,
  };
}

export function repositoryNode(viewer: Viewer, repository: Repository): Shape {
  const { world } = viewer;
  const contents = { permission: "contents", level: "read" } as const;
  return {
    __typename: "Repository",
    id: nodeId("R", repository.id),
    databaseId: repository.id,
    name: repository.name,
    nameWithOwner: fullName(repository),
    isPrivate: repository.isPrivate,
    isFork: repository.fork,
    isArchived: false,
    visibility: repository.isPrivate ? "PRIVATE" : "PUBLIC",
    url: pageOf(world, repository),
    owner: accountNode(world, repository.owner),
    defaultBranchRef: async () => await refNode(viewer, repository, `refs/heads/${repository.defaultBranch}`),
    async ref(args: Shape) {
      demand(viewer, repository, contents);
      const asked = maybeText(args, "qualifiedName") ?? "";
      return await refNode(viewer, repository, asked.startsWith("refs/") ? asked : `refs/heads/${asked}`);
    },
    async object(args: Shape) {
      demand(viewer, repository, contents);
      const [name = "", ...path] = (maybeText(args, "oid") ?? maybeText(args, "expression") ?? "").split(":");
      const commit = await commitNamed(repository, name);
      const start = commit?.oid ?? name;
      return await objectNode(viewer, repository, path.length === 0 ? start : `${start}:${path.join(":")}`);
    },
    async pullRequest(args: Shape) {
      demand(viewer, repository, { permission: "pull_requests", level: "read" });
      const number = maybeNumber(args, "number");
      const issue = repository.issues.filter(isPull).find((each) => each.number === number);
      if (issue !== undefined) return await pullNode(viewer, issue);
      throw new GraphqlRefusal("NOT_FOUND", `Could not resolve to a PullRequest with the number of ${number}.`);
    },
  };
}

export async function refNode(viewer: Viewer, repository: Repository, name: string): Promise<Shape | null> {
  const ref = (await repository.git.refs(name)).find((each) => each.name === name);
  if (ref === undefined) return null;
  const cut = name.indexOf("/", "refs/".length) + 1;
  return {
    __typename: "Ref",
    id: nodeId("REF", `${repository.id}:${name}`),
    name: name.slice(cut),
    prefix: name.slice(0, cut),
    target: async () => await objectNode(viewer, repository, ref.oid),
    repository: () => repositoryNode(viewer, repository),
  };
}

async function objectNode(viewer: Viewer, repository: Repository, expression: string): Promise<Shape | null> {
  const object = await repository.git.read(expression);
  if (object === undefined) return null;
  const { oid, kind, content } = object;
  const common = { oid, abbreviatedOid: oid.slice(0, 7), repository: () => repositoryNode(viewer, repository) };
  if (kind === "commit") {
    const commit = await repository.git.commit(oid);
    return commit === undefined ? null : commitNode(viewer, repository, commit);
  }
  if (kind === "tree") {
    const entries = (await repository.git.tree(oid)) ?? [];
    return {
      ...common,
      __typename: "Tree",
      id: nodeId("T", `${repository.id}:${oid}`),
      entries: entries.map((entry) => ({
        __typename: "TreeEntry",
        name: entry.name,
        oid: entry.oid,
        mode: Number.parseInt(entry.mode, 8),
        type: entry.mode === "40000" ? "tree" : "blob",
        object: async () => await objectNode(viewer, repository, entry.oid),
      })),
    };
  }
  const isBinary = content.includes(0);
  return {
    ...common,
    __typename: "Blob",
    id: nodeId("B", `${repository.id}:${oid}`),
    byteSize: content.length,
    isBinary,
    isTruncated: false,
    text: isBinary ? null : content.toString("utf8"),
  };
}

export function commitNode(viewer: Viewer, repository: Repository, commit: Commit): Shape {
  const { world } = viewer;
  const verification = verificationOf(world, commit);
  const actor = (person: Commit["author"]): Shape => {
    const account = authorOf(world, person.email);
    const user = account?.kind === "User" ? accountNode(world, account) : null;
    return { __typename: "GitActor", name: person.name, email: person.email, date: person.date, user };
  };
  const signature = {
    __typename: "GpgSignature",
    isValid: verification["verified"],
    state: verification["verified"] === true ? "VALID" : "UNKNOWN_KEY",
    wasSignedByGitHub: verification["verified"],
    email: commit.committer.email,
    payload: commit.payload,
    signature: commit.signature ?? "",
    signer: null,
    keyId: null,
  };
  const [headline = "", ...rest] = commit.message.split("\n");
  return {
    __typename: "Commit",
    id: nodeId("C", `${repository.id}:${commit.oid}`),
    oid: commit.oid,
    abbreviatedOid: commit.oid.slice(0, 7),
    url: `${pageOf(world, repository)}/commit/${commit.oid}`,
    message: commit.message,
    messageHeadline: headline,
    messageBody: rest.join("\n").trim(),
    committedDate: commit.committer.date,
    authoredDate: commit.author.date,
    author: actor(commit.author),
    committer: actor(commit.committer),
    signature: commit.signature === undefined ? null : signature,
    tree: async () => await objectNode(viewer, repository, commit.tree),
    repository: () => repositoryNode(viewer, repository),
    async parents() {
      const all = await Promise.all(commit.parents.map(async (oid) => await objectNode(viewer, repository, oid)));
      return { totalCount: all.length, nodes: all };
    },
  };
}

async function pullNode(viewer: Viewer, issue: PullIssue): Promise<Shape> {
  const { base, head } = await endsOf(issue);
  return {
    __typename: "PullRequest",
    id: nodeId("PR", issue.pull.id),
    databaseId: issue.pull.id,
    number: issue.number,
    title: issue.title,
    url: `${pageOf(viewer.world, issue.repository)}/pull/${issue.number}`,
    state: issue.pull.mergedAt === undefined ? issue.state.toUpperCase() : "MERGED",
    isDraft: issue.pull.draft,
    isCrossRepository: issue.pull.headRepository !== issue.repository,
    author: accountNode(viewer.world, issue.author),
    baseRefName: issue.pull.base,
    baseRefOid: base,
    headRefName: issue.pull.head,
    headRefOid: head,
  };
}
