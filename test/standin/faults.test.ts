import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { containing } from "./containing.ts";
import { published } from "./standin.ts";
import { startTown, type Town } from "./town.ts";

const COMMIT = `mutation ($input: CreateCommitOnBranchInput!) {
  createCommitOnBranch(input: $input) { commit { oid } }
}`;

const descriptions = published();

describe("a GitHub that fails on order", () => {
  let town: Town;
  beforeEach(async () => {
    town = await startTown({ published: descriptions });
  });
  afterEach(async () => {
    await town.close();
  });
  const ask = async (): Promise<unknown> => await town.octokit.rest.repos.get(town.at);

  it("refuses with a time to wait, and counts who does not wait", async () => {
    town.standin.faults.next({ kind: "forbidden", retryAfterSeconds: 60 });
    await expect(ask()).rejects.toMatchObject({ status: 403, response: { headers: { "retry-after": "60" } } });
    expect(town.standin.limits.tooEarly).toBe(0);
    await ask();
    town.standin.faults.next({ kind: "too-many", retryAfterSeconds: 60 });
    await expect(town.octokit.graphql("{ viewer { login } }")).rejects.toMatchObject({ status: 429 });
    expect(town.standin.limits.tooEarly).toBe(2);
  });

  it("speaks of secondary limits with and without a time", async () => {
    town.standin.faults.next({ kind: "secondary-limit", retryAfterSeconds: 7 });
    town.standin.faults.next({ kind: "secondary-limit", retryAfterSeconds: undefined });
    const message = containing("secondary rate limit");
    await expect(ask()).rejects.toMatchObject({ status: 403, message, response: { headers: { "retry-after": "7" } } });
    const error: unknown = await ask().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ status: 403, message });
    expect(error).not.toHaveProperty("response.headers.retry-after");
    town.standin.faults.next({ kind: "too-many", retryAfterSeconds: 1 });
    await expect(ask()).rejects.toMatchObject({ status: 429 });
  });

  it("counts each token's requests and refuses past the hour's", async () => {
    const { headers } = await town.octokit.rest.repos.get(town.at);
    expect(headers).toMatchObject({ "x-ratelimit-limit": "5000", "x-ratelimit-resource": "core" });
    const job = town.withToken(town.standin.jobToken(town.shop, { contents: "read" }));
    expect((await job.rest.repos.get(town.at)).headers).toMatchObject({
      "x-ratelimit-limit": "1000",
      "x-ratelimit-remaining": "999",
    });
    town.standin.faults.next({ kind: "primary-limit" });
    const over = { status: 403, response: { headers: { "x-ratelimit-remaining": "0" } } };
    await expect(ask()).rejects.toMatchObject(over);
    await expect(ask()).rejects.toMatchObject(over);
    await job.rest.repos.get(town.at);
    town.standin.faults.next({ kind: "primary-limit" });
    await expect(town.octokit.graphql("{ viewer { login } }")).rejects.toMatchObject({
      errors: [{ type: "RATE_LIMITED" }],
      headers: { "x-ratelimit-remaining": "0", "x-ratelimit-resource": "graphql" },
    });
  });

  it("answers 502 with a page, and with `after` does what was asked all the same", async () => {
    const create = async (): Promise<unknown> =>
      await town.octokit.rest.checks.create({ ...town.at, name: "a", head_sha: town.head });
    town.standin.faults.next({ kind: "bad-gateway" });
    await expect(create()).rejects.toMatchObject({
      status: 502,
      response: { data: containing("<html>") },
    });
    expect(town.shop.checkRuns).toHaveLength(0);
    town.standin.faults.next({ kind: "bad-gateway", after: true });
    await expect(create()).rejects.toMatchObject({ status: 502 });
    expect(town.shop.checkRuns).toHaveLength(1);
  });

  it("cuts the connection, before or after it did what was asked", async () => {
    const open = async (): Promise<unknown> => await town.octokit.rest.issues.create({ ...town.at, title: "t" });
    const operation = "POST /repos/{owner}/{repo}/issues";
    town.standin.faults.next({ kind: "reset" }, { operation });
    await expect(open()).rejects.toMatchObject({ status: 500 });
    expect(town.shop.issues).toHaveLength(0);
    town.standin.faults.next({ kind: "reset", after: true }, { operation });
    await expect(open()).rejects.toMatchObject({ status: 500 });
    expect(town.shop.issues).toHaveLength(1);
    expect(town.standin.seen.filter(({ status }) => status === 0)).toHaveLength(2);
    expect(town.standin.faults.met).toBe(2);
  });

  it("answers late, and only where it was ordered to", async () => {
    town.standin.faults.always({ kind: "slow", milliseconds: 300 }, { operation: "GET /repos/{owner}/{repo}" });
    const started = performance.now();
    await town.octokit.rest.users.getByUsername({ username: "ada" });
    const between = performance.now();
    await ask();
    expect(performance.now() - between).toBeGreaterThanOrEqual(290);
    expect(between - started).toBeLessThan(290);
    town.standin.faults.clear();
  });

  it("moves the branch under a commit, and says 422 where it is told to", async () => {
    const input = {
      branch: { repositoryNameWithOwner: "acme/shop", branchName: "main" },
      expectedHeadOid: town.head,
      message: { headline: "x" },
      fileChanges: { additions: [] },
    };
    town.standin.faults.next({ kind: "stale-head", branch: "main" });
    await expect(town.octokit.graphql(COMMIT, { input })).rejects.toMatchObject({ errors: [{ type: "STALE_DATA" }] });
    town.standin.faults.next({ kind: "unprocessable", message: "Validation Failed" });
    await expect(ask()).rejects.toMatchObject({ status: 422, message: containing("Validation Failed") });
  });

  it("answers 304 to the mark of the same answer, until the token changes", async () => {
    const { headers } = await town.octokit.rest.repos.getContent({ ...town.at, path: "README.md" });
    const again = { ...town.at, path: "README.md", headers: { "if-none-match": headers.etag ?? "" } };
    await expect(town.octokit.rest.repos.getContent(again)).rejects.toMatchObject({ status: 304 });
    const { data } = await town.client.octokit.rest.apps.createInstallationAccessToken({
      installation_id: town.installation.id,
    });
    expect((await town.withToken(data.token).rest.repos.getContent(again)).status).toBe(200);
  });
});

describe("a GitHub that keeps its bounds on making content", () => {
  it("refuses the 81st piece in a minute, and counts what was made", async () => {
    const town = await startTown({ strictLimits: true, published: descriptions });
    for (let at = 0; at < 80; at += 1) await town.octokit.rest.issues.create({ ...town.at, title: `${at}` });
    await expect(town.octokit.rest.issues.create({ ...town.at, title: "one more" })).rejects.toMatchObject({
      status: 403,
      response: { headers: { "retry-after": "60" } },
    });
    expect(town.standin.limits.content).toEqual({ inMinute: 81, inHour: 81 });
    expect(town.standin.violations).toEqual([]);
    await town.close();
  });
});
