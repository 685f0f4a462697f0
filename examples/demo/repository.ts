// The demo's repository: the policy in one commit, and what can be asked of it with git.

import { execFileSync } from "node:child_process";
import { copyFileSync, globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Runs git in a folder and gives what it printed, without the newline at the end. */
export function git(folder: string, ...args: readonly string[]): string {
  // Were this run by a hook, git's variables would name another repository.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("GIT_")));
  return execFileSync("git", ["-C", folder, ...args], { encoding: "utf8", env, maxBuffer: 64 * 1024 * 1024 }).trimEnd();
}

/** Makes a repository with one commit in an empty folder. */
export function makeRepository(folder: string): void {
  mkdirSync(join(folder, ".github"));
  copyFileSync(join(import.meta.dirname, "countersign.yml"), join(folder, ".github/countersign.yml"));
  writeFileSync(join(folder, "README.md"), "# A shop\n\nA repository of the Countersign demo; it may be removed.\n");
  git(folder, "init", "--quiet", "--initial-branch=main");
  git(folder, "add", ".");
  const author = ["-c", "user.name=Countersign demo", "-c", "user.email=demo@countersign.invalid"];
  git(folder, ...author, "-c", "commit.gpgSign=false", "commit", "--quiet", "--message", "Begin with a policy");
}

/** Which of the values are in any of the branch's files: as they are, or within what is encoded in base64. */
export function valuesFound(folder: string, files: readonly string[], values: readonly string[]): readonly string[] {
  const found = new Set<string>();
  for (const file of files) {
    const text = git(folder, "show", `countersign/evidence:${file}`);
    const encoded = text.match(/[\w+/-]{16,}/g) ?? [];
    const all = [text, ...encoded.map((each) => Buffer.from(each, "base64url").toString())].join("\n");
    for (const value of values) if (all.includes(value)) found.add(value);
  }
  return [...found];
}

/** Copies the evidence out of the branch, and changes one word in the copy: a DELETE then claims to have read. */
export function forge(folder: string, copy: string): void {
  git(folder, "clone", "--quiet", "--single-branch", "--branch", "countersign/evidence", folder, copy);
  for (const file of globSync(join(copy, "sessions/*/*/*/*/events.jsonl"))) {
    writeFileSync(file, readFileSync(file, "utf8").replace('"effects":["delete"]', '"effects":["read"]'));
  }
}
