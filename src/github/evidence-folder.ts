// Reads a whole folder of evidence at once: its list in one request, and its files fifty to a request by GraphQL. One by one
// a busy month would take more requests than GitHub grants in an hour.

import type { Octokit } from "@octokit/core";
import type { EvidenceReader } from "../evidence/ledger.ts";
import { isObject } from "../evidence/shape.ts";
import { blobOid, type GitObjects, type RepositoryName } from "./evidence-objects.ts";
import { type TreeReader, treeReader } from "./evidence-reader.ts";
import { statusOf } from "./failure.ts";

/** An answer of GraphQL holds about a megabyte of files then. */
const FILES_PER_QUERY = 50;

/** A reader of the same evidence that has this folder at hand. */
export async function withFolder(
  octokit: Octokit,
  at: RepositoryName,
  { objects, reader, folder }: { readonly objects: GitObjects; readonly reader: TreeReader; readonly folder: string },
): Promise<EvidenceReader> {
  const root = await reader.oidOf(folder);
  if (root === undefined) return reader;
  const { data } = await octokit.request("GET /repos/{owner}/{repo}/git/trees/{tree_sha}", {
    ...at,
    tree_sha: root,
    recursive: "1",
  });
  // One that is cut is walked.
  if (data.truncated) return reader;
  const oids = data.tree.flatMap(({ type, sha }) => (type === "blob" ? [sha] : []));
  const texts = new Map<string, Uint8Array>();
  for (let from = 0; from < oids.length; from += FILES_PER_QUERY) {
    for (const bytes of await textsOf(octokit, at, oids.slice(from, from + FILES_PER_QUERY)))
      texts.set(blobOid(bytes), bytes);
  }
  const inside = treeReader(
    { tree: async (oid) => await objects.tree(oid), blob: async (oid) => texts.get(oid) ?? (await objects.blob(oid)) },
    root,
  );
  const within = (path: string): string | undefined =>
    path === folder ? "" : path.startsWith(`${folder}/`) ? path.slice(folder.length + 1) : undefined;
  return {
    async read(path) {
      const name = within(path);
      return name === undefined ? await reader.read(path) : await inside.read(name);
    },
    async list(path) {
      const name = within(path);
      return name === undefined ? await reader.list(path) : await inside.list(name);
    },
  };
}

/** Those of these files that GraphQL gives as text; the rest is read one by one. What it gives is known by its id. */
async function textsOf(octokit: Octokit, at: RepositoryName, oids: readonly string[]): Promise<Uint8Array[]> {
  const fields = oids.map((oid, number) => `f${number}: object(oid: "${oid}") { ... on Blob { text } }`);
  const query = `query ($owner: String!, $repo: String!) {
    repository(owner: $owner, name: $repo) { ${fields.join(" ")} }
  }`;
  try {
    const { repository } = await octokit.graphql<{ readonly repository: unknown }>(query, { ...at });
    if (!isObject(repository)) return [];
    return Object.values(repository).flatMap((each) =>
      isObject(each) && typeof each["text"] === "string" ? [Buffer.from(each["text"])] : [],
    );
  } catch (error) {
    if ([403, 404, 410].includes(statusOf(error))) return [];
    throw error;
  }
}
