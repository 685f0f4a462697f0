// Git's objects as bytes: their names, and the layouts of trees and commits (git's Documentation/gitformat-*, "Git Objects").

import { createHash } from "node:crypto";

export type ObjectKind = "blob" | "tree" | "commit" | "tag";

export interface TreeEntry {
  readonly mode: string;
  readonly name: string;
  readonly oid: string;
}

export interface Person {
  readonly name: string;
  readonly email: string;
  /** ISO 8601 */
  readonly date: string;
}

export interface Commit {
  readonly oid: string;
  readonly tree: string;
  readonly parents: readonly string[];
  readonly author: Person;
  readonly committer: Person;
  readonly message: string;
  readonly signature: string | undefined;
  /** The commit without its signature: what was signed. */
  readonly payload: string;
}

/** The bytes that are hashed and stored. */
export function framed(kind: ObjectKind, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${kind} ${content.length}\0`), content]);
}

export function oidOf(kind: ObjectKind, content: Buffer): string {
  return createHash("sha1").update(framed(kind, content)).digest("hex");
}

export function isTree(entry: TreeEntry): boolean {
  return entry.mode === "40000";
}

/** `mode SP name NUL oid`, in git's order: a folder sorts as if its name ended in a slash. */
export function encodeTree(entries: readonly TreeEntry[]): Buffer {
  const key = (entry: TreeEntry): Buffer => Buffer.from(isTree(entry) ? `${entry.name}/` : entry.name);
  const sorted = entries.toSorted((a, b) => Buffer.compare(key(a), key(b)));
  return Buffer.concat(
    sorted.map((entry) => Buffer.concat([Buffer.from(`${entry.mode} ${entry.name}\0`), Buffer.from(entry.oid, "hex")])),
  );
}

export function decodeTree(bytes: Buffer): readonly TreeEntry[] {
  const entries: TreeEntry[] = [];
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const nul = bytes.indexOf(0, space);
    entries.push({
      mode: bytes.toString("latin1", at, space),
      name: bytes.toString("utf8", space + 1, nul),
      oid: bytes.toString("hex", nul + 1, nul + 21),
    });
    at = nul + 21;
  }
  return entries;
}

export interface CommitDraft {
  readonly tree: string;
  readonly parents: readonly string[];
  readonly author: Person;
  readonly committer: Person;
  readonly message: string;
}

/** The commit as text, signed where `sign` gives a signature over the text without one. */
export function encodeCommit(draft: CommitDraft, sign?: (payload: string) => string): Buffer {
  const head = [
    `tree ${draft.tree}`,
    ...draft.parents.map((parent) => `parent ${parent}`),
    `author ${encodePerson(draft.author)}`,
    `committer ${encodePerson(draft.committer)}`,
  ].join("\n");
  const payload = `${head}\n\n${draft.message}`;
  if (sign === undefined) return Buffer.from(payload);
  const signature = sign(payload).trimEnd().replaceAll("\n", "\n ");
  return Buffer.from(`${head}\ngpgsig ${signature}\n\n${draft.message}`);
}

export function decodeCommit(oid: string, bytes: Buffer): Commit {
  const text = bytes.toString("utf8");
  const end = text.indexOf("\n\n");
  const headers = text.slice(0, end).split(/\n(?! )/);
  const valuesOf = (name: string): string[] =>
    headers.filter((line) => line.startsWith(`${name} `)).map((line) => line.slice(name.length + 1));
  const message = text.slice(end + 2);
  const signature = valuesOf("gpgsig")[0]?.replaceAll("\n ", "\n");
  return {
    oid,
    tree: valuesOf("tree")[0] ?? "",
    parents: valuesOf("parent"),
    author: decodePerson(valuesOf("author")[0] ?? ""),
    committer: decodePerson(valuesOf("committer")[0] ?? ""),
    message,
    signature,
    payload: `${headers.filter((line) => !line.startsWith("gpgsig ")).join("\n")}\n\n${message}`,
  };
}

function encodePerson(person: Person): string {
  return `${person.name} <${person.email}> ${Math.floor(Date.parse(person.date) / 1000)} +0000`;
}

function decodePerson(text: string): Person {
  const match = /^(.*) <(.*)> (\d+) [+-]\d{4}$/s.exec(text);
  if (match === null) throw new TypeError("a commit names nobody");
  const date = new Date(Number(match[3]) * 1000).toISOString().replace(".000Z", "Z");
  return { name: match[1] ?? "", email: match[2] ?? "", date };
}
