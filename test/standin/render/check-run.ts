// Check runs as GitHub shows them. Buttons are shown to people only: no answer carries them.

import type { Shape } from "../shape.ts";
import type { CheckRun, Repository, World } from "../world.ts";
import { integrationOf, nodeId } from "./account.ts";
import { openPullsAt, pullRefOf } from "./pull.ts";
import { apiOf, minimalRepositoryOf, pageOf, simpleCommitOf } from "./repository.ts";

export async function checkRunOf(world: World, check: CheckRun): Promise<Shape> {
  const { repository, output } = check;
  const api = `${apiOf(world, repository)}/check-runs/${check.id}`;
  const page = `${pageOf(world, repository)}/runs/${check.id}`;
  return {
    id: check.id,
    node_id: nodeId("CR", check.id),
    name: check.name,
    head_sha: check.headSha,
    external_id: check.externalId ?? "",
    url: api,
    html_url: page,
    details_url: check.detailsUrl ?? page,
    status: check.status,
    conclusion: check.conclusion ?? null,
    started_at: check.startedAt ?? null,
    completed_at: check.completedAt ?? null,
    output: {
      title: output.title ?? null,
      summary: output.summary ?? null,
      text: output.text ?? null,
      annotations_count: output.annotations.length,
      annotations_url: `${api}/annotations`,
    },
    check_suite: { id: check.suite },
    app: integrationOf(world, check.app),
    pull_requests: await pullsOf(world, repository, check.headSha),
  };
}

/** A check run inside a webhook: its suite whole, and whatever else GitHub puts there. */
export async function hookCheckRunOf(world: World, check: CheckRun): Promise<Shape> {
  const { repository } = check;
  const commit = await repository.git.commit(check.headSha);
  const pulls = await pullsOf(world, repository, check.headSha);
  const tips = await repository.git.refs("refs/heads/");
  const suite = {
    id: check.suite,
    node_id: nodeId("CS", check.suite),
    // Nothing where the commit is no branch's tip, as for a fork's.
    head_branch: tips.find(({ oid }) => oid === check.headSha)?.name.slice("refs/heads/".length) ?? null,
    head_sha: check.headSha,
    status: check.status,
    conclusion: check.conclusion ?? null,
    url: `${apiOf(world, repository)}/check-suites/${check.suite}`,
    before: commit?.parents[0] ?? null,
    after: check.headSha,
    pull_requests: pulls,
    app: integrationOf(world, check.app),
    created_at: check.startedAt ?? repository.createdAt,
    updated_at: check.completedAt ?? check.startedAt ?? repository.createdAt,
    repository: minimalRepositoryOf(world, repository),
    latest_check_runs_count: 1,
    check_runs_url: `${apiOf(world, repository)}/check-suites/${check.suite}/check-runs`,
    ...(commit === undefined ? {} : { head_commit: simpleCommitOf(commit) }),
  };
  return { ...(await checkRunOf(world, check)), check_suite: suite };
}

async function pullsOf(world: World, repository: Repository, sha: string): Promise<readonly Shape[]> {
  const pulls = await openPullsAt(repository, sha);
  return await Promise.all(pulls.map(async (issue) => await pullRefOf(world, issue)));
}
