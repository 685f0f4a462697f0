// Fetches a repository's commit into the workspace, as actions/checkout does.

import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { resolve } from "node:path";

const input = (name) => process.env[`INPUT_${name.toUpperCase()}`] ?? "";
const folder = resolve(process.env.GITHUB_WORKSPACE, input("path"));
const url = `${process.env.GITHUB_SERVER_URL}/${input("repository")}`;
const header = `AUTHORIZATION: basic ${Buffer.from(`x-access-token:${input("token")}`).toString("base64")}`;
const depth = input("fetch-depth") === "0" ? [] : [`--depth=${input("fetch-depth")}`];
const isOwn = input("repository") === process.env.GITHUB_REPOSITORY;
const ref = input("ref") || (isOwn ? process.env.GITHUB_SHA : "HEAD");

process.stdout.write(`::add-mask::${header.slice("AUTHORIZATION: basic ".length)}\n`);
mkdirSync(folder, { recursive: true });
if (!readdirSync(folder).includes(".git")) git("init", "--quiet", "--initial-branch=main", folder);
git("-C", folder, "remote", "add", "origin", url);
git("-C", folder, "-c", `http.extraheader=${header}`, "fetch", "--quiet", "--no-tags", ...depth, "origin", ref);
git("-C", folder, "checkout", "--quiet", "--force", "--detach", "FETCH_HEAD");
if (input("persist-credentials") === "true") {
  git("-C", folder, "config", "--local", `http.${process.env.GITHUB_SERVER_URL}/.extraheader`, header);
}

function git(...args) {
  const done = spawnSync("git", args, { stdio: ["ignore", "inherit", "inherit"] });
  if (done.status === 0) return;
  process.stdout.write(`::error::The process 'git' failed with exit code ${done.status}\n`);
  process.exit(1);
}
