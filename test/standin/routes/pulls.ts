// Pull requests, their commits and their reviews.

import type { Call, Reply, Routes } from "../exchange.ts";
import { found, inPath, inRepository, listed, ok } from "../exchange.ts";
import { notFound } from "../refusal.ts";
import { endsOf, isPull, type PullIssue, pullOf, reviewOf, simplePullOf } from "../render/pull.ts";
import type { Repository, Review } from "../world.ts";
import { changedFiles, oids, shown } from "./contents.ts";
import { issueIn } from "./issues.ts";

export const pullRoutes: Routes = {
  "GET /repos/{owner}/{repo}/pulls": inRepository("pull_requests", "read", listPulls),
  "GET /repos/{owner}/{repo}/pulls/{pull_number}": inRepository("pull_requests", "read", async (call) =>
    ok(await pullOf(call.world, pullIn(call))),
  ),
  "GET /repos/{owner}/{repo}/pulls/{pull_number}/commits": inRepository("pull_requests", "read", listCommits),
  "GET /repos/{owner}/{repo}/pulls/{pull_number}/files": inRepository("pull_requests", "read", listFiles),
  "GET /repos/{owner}/{repo}/commits/{commit_sha}/pulls": inRepository("pull_requests", "read", pullsWithCommit),
  "GET /repos/{owner}/{repo}/pulls/{pull_number}/reviews": inRepository(
    "pull_requests",
    "read",
    async (call) => await listed(call, pullIn(call).pull.reviews, (each) => reviewOf(call.world, each)),
  ),
  "GET /repos/{owner}/{repo}/pulls/{pull_number}/reviews/{review_id}": inRepository("pull_requests", "read", (call) =>
    ok(reviewOf(call.world, reviewIn(call))),
  ),
};

function pullIn(call: Call): PullIssue {
  const issue = issueIn(call, "pull_number");
  if (!isPull(issue)) throw notFound();
  return issue;
}

function reviewIn(call: Call): Review {
  return found(pullIn(call).pull.reviews.find((each) => String(each.id) === inPath(call, "review_id")));
}

function ownerOf(repository: Repository): string {
  return repository.owner.login;
}

async function listPulls(call: Call): Promise<Reply> {
  const state = call.query.get("state") ?? "open";
  const head = call.query.get("head");
  const base = call.query.get("base");
  const pulls = call
    .repository()
    .issues.filter(isPull)
    .filter((each) => state === "all" || each.state === state)
    .filter((each) => base === null || each.pull.base === base)
    .filter((each) => head === null || head === `${ownerOf(each.pull.headRepository)}:${each.pull.head}`)
    .toReversed();
  return await listed(call, pulls, async (each) => await simplePullOf(call.world, each));
}

async function listCommits(call: Call): Promise<Reply> {
  const issue = pullIn(call);
  const { base, head } = await endsOf(issue);
  // GitHub lists at most 250 of them.
  const all = (await oids(issue.repository, ["rev-list", "--reverse", `${base}..${head}`])).slice(0, 250);
  return await listed(call, all, async (oid) => await shown(call, issue.repository, oid));
}

async function listFiles(call: Call): Promise<Reply> {
  const issue = pullIn(call);
  const { base, head } = await endsOf(issue);
  const files = await changedFiles(call, issue.repository, ["diff", "-M"], `${base}...${head}`);
  return await listed(call, files, (each) => each);
}

async function pullsWithCommit(call: Call): Promise<Reply> {
  const repository = call.repository();
  const sha = inPath(call, "commit_sha");
  const pulls: PullIssue[] = [];
  for (const issue of repository.issues.filter(isPull)) {
    const { base, head } = await endsOf(issue);
    const inside = await oids(repository, ["rev-list", `${base}..${head}`]);
    if (inside.includes(sha) || issue.pull.mergeCommit === sha) pulls.push(issue);
  }
  return await listed(call, pulls, async (each) => await simplePullOf(call.world, each));
}
