import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { containing } from "./containing.ts";
import { startTown, type Town } from "./town.ts";

describe("an App on the stand-in", () => {
  let town: Town;
  beforeAll(async () => {
    town = await startTown({ isPrivate: true });
  });
  afterAll(async () => {
    await town.close();
  });

  it("says who it is by a token that its key signed", async () => {
    const { data } = await town.client.octokit.rest.apps.getAuthenticated();
    expect(data).toMatchObject({ id: town.app.id, slug: "countersign", installations_count: 1 });
  });

  it("is nobody with another App's key", async () => {
    const other = town.standin.app({ slug: "other", owner: town.acme, permissions: {} });
    const { App, Octokit } = await import("octokit");
    const impostor = new App({
      appId: town.app.id,
      privateKey: other.privateKey,
      Octokit: Octokit.defaults({ baseUrl: town.standin.origin, retry: { enabled: false } }),
    });
    await expect(impostor.octokit.rest.apps.getAuthenticated()).rejects.toMatchObject({
      status: 401,
      message: containing("A JSON web token could not be decoded"),
    });
  });

  it("finds its installation on a repository, and none where it is not installed", async () => {
    const { data } = await town.client.octokit.rest.apps.getRepoInstallation(town.at);
    expect(data).toMatchObject({ id: town.installation.id, app_id: town.app.id, repository_selection: "all" });
    await town.standin.repository(town.people.ada, "elsewhere");
    await expect(
      town.client.octokit.rest.apps.getRepoInstallation({ owner: "ada", repo: "elsewhere" }),
    ).rejects.toMatchObject({ status: 404 });
    await town.client.octokit.rest.apps.getOrgInstallation({ org: "acme" });
  });

  it("gets tokens that are narrowed as asked, and no wider than the installation", async () => {
    const at = { installation_id: town.installation.id };
    const { data } = await town.client.octokit.rest.apps.createInstallationAccessToken({
      ...at,
      repositories: ["shop"],
      permissions: { checks: "read" },
    });
    expect(data.permissions).toEqual({ metadata: "read", checks: "read" });
    expect(data.token.length).toBeGreaterThan(500);
    const narrow = town.withToken(data.token);
    const refused = narrow.rest.checks.create({ ...town.at, name: "x", head_sha: town.head });
    await expect(refused).rejects.toMatchObject({
      status: 403,
      message: containing("Resource not accessible by integration"),
      response: { headers: { "x-accepted-github-permissions": "checks=write" } },
    });
    await expect(
      town.client.octokit.rest.apps.createInstallationAccessToken({ ...at, permissions: { secrets: "write" } }),
    ).rejects.toMatchObject({ status: 422 });
    await expect(
      town.client.octokit.rest.apps.createInstallationAccessToken({ ...at, repositories: ["nowhere"] }),
    ).rejects.toMatchObject({ status: 422 });
  });

  it("is refused with a token that has ended, and gets another", async () => {
    const { data } = await town.client.octokit.rest.apps.createInstallationAccessToken({
      installation_id: town.installation.id,
    });
    const client = town.withToken(data.token);
    await client.rest.repos.get(town.at);
    town.standin.faults.next({ kind: "expired-token" });
    await expect(client.rest.repos.get(town.at)).rejects.toMatchObject({ status: 401 });
    await expect(client.rest.repos.get(town.at)).rejects.toMatchObject({ status: 401 });
  });

  it("sees nothing of a private repository that it was not given", async () => {
    await town.standin.repository(town.people.ada, "diary", { isPrivate: true });
    await expect(town.octokit.rest.repos.get({ owner: "ada", repo: "diary" })).rejects.toMatchObject({ status: 404 });
  });

  it("writes to no repository that its token, or its installation, was not given", async () => {
    const other = await town.standin.repository(town.acme, "other");
    const theirs = await town.standin.repository(town.people.ada, "theirs");
    const { data } = await town.client.octokit.rest.apps.createInstallationAccessToken({
      installation_id: town.installation.id,
      repository_ids: [town.shop.id],
    });
    const narrow = town.withToken(data.token);
    const write = async (owner: string, repo: string, client = narrow): Promise<number> =>
      (await client.rest.issues.create({ owner, repo, title: "t" })).status;
    expect(await write("acme", "shop")).toBe(201);
    await expect(write("acme", "other")).rejects.toMatchObject({ status: 403 });
    expect(await write("acme", "other", town.octokit)).toBe(201);
    await expect(write("ada", "theirs", town.octokit)).rejects.toMatchObject({ status: 403 });
    expect([other.issues.length, theirs.issues.length]).toEqual([1, 0]);
  });

  it("lists the repositories of its installation, a page at a time", async () => {
    for (let at = 0; at < 4; at += 1) await town.standin.repository(town.acme, `extra-${at}`);
    const all = await town.octokit.paginate(town.octokit.rest.apps.listReposAccessibleToInstallation, { per_page: 2 });
    expect(all.map(({ name }) => name)).toEqual(["shop", "other", "extra-0", "extra-1", "extra-2", "extra-3"]);
  });

  it("may do nothing while it is suspended", async () => {
    town.installation.suspendedAt = "2026-11-01T00:00:00Z";
    await expect(town.octokit.rest.repos.get(town.at)).rejects.toMatchObject({ status: 403 });
    town.installation.suspendedAt = undefined;
    await town.octokit.rest.repos.get(town.at);
  });

  it("is born from a manifest, whose code is good once", async () => {
    const code = town.standin.registerManifest({
      slug: "born",
      owner: town.acme,
      permissions: { checks: "write" },
      events: ["check_run"],
      hookUrl: town.receiver.url,
    });
    const { Octokit } = await import("octokit");
    const nobody = new Octokit({ baseUrl: town.standin.origin, retry: { enabled: false } });
    const { data } = await nobody.rest.apps.createFromManifest({ code });
    expect(data.pem).toContain("BEGIN RSA PRIVATE KEY");
    expect(data.webhook_secret).toMatch(/^[0-9a-f]{40}$/);
    await expect(nobody.rest.apps.createFromManifest({ code })).rejects.toMatchObject({ status: 404 });
  });
});

describe("people and jobs on the stand-in", () => {
  let town: Town;
  beforeAll(async () => {
    town = await startTown();
  });
  afterAll(async () => {
    await town.close();
  });

  it("tells roles apart by role_name alone, as permission folds them", async () => {
    const levels = await Promise.all(
      ["acme", "ada", "bob", "eve"].map(async (username) => {
        const { data } = await town.octokit.rest.repos.getCollaboratorPermissionLevel({ ...town.at, username });
        return [username, data.permission, data.role_name];
      }),
    );
    expect(levels).toEqual([
      ["acme", "admin", "admin"],
      ["ada", "write", "write"],
      ["bob", "write", "maintain"],
      ["eve", "read", "triage"],
    ]);
  });

  it("says of a team's members who is active and who only invited, and nothing of others", async () => {
    const membership = async (username: string): Promise<string> => {
      const at = { org: "acme", team_slug: "dba", username };
      return (await town.octokit.rest.teams.getMembershipForUserInOrg(at)).data.state;
    };
    expect(await membership("bob")).toBe("active");
    expect(await membership("eve")).toBe("pending");
    await expect(membership("ada")).rejects.toMatchObject({ status: 404 });
    const { data } = await town.octokit.rest.teams.listMembersInOrg({ org: "acme", team_slug: "dba" });
    expect(data.map(({ login }) => login)).toEqual(["bob"]);
    await town.octokit.rest.teams.getByName({ org: "acme", team_slug: "dba" });
  });

  it("gives a job's token no sight of teams", async () => {
    const job = town.withToken(town.standin.jobToken(town.shop, { contents: "read", pull_requests: "write" }));
    await expect(
      job.rest.teams.getMembershipForUserInOrg({ org: "acme", team_slug: "dba", username: "bob" }),
    ).rejects.toMatchObject({ status: 403, message: containing("Resource not accessible") });
  });

  it("knows people by name and by token", async () => {
    const { data } = await town.octokit.rest.users.getByUsername({ username: "Ada" });
    expect(data).toMatchObject({ login: "ada", id: town.people.ada.id, type: "User" });
    const ada = town.withToken(town.standin.personalToken(town.people.ada));
    expect((await ada.rest.users.getAuthenticated()).data.login).toBe("ada");
    await expect(ada.rest.checks.create({ ...town.at, name: "mine", head_sha: town.head })).rejects.toMatchObject({
      status: 403,
      message: containing("You must authenticate via a GitHub App"),
    });
  });

  it("shows the run of a job and its attempts, with who asked for each", async () => {
    const { ada, bob } = town.people;
    const run = town.standin.run({ repository: town.shop, headSha: town.head, actor: ada });
    town.standin.rerun(run, bob);
    const { data } = await town.octokit.rest.actions.getWorkflowRun({ ...town.at, run_id: run.id });
    expect(data).toMatchObject({ run_attempt: 2, status: "in_progress", head_sha: town.head });
    expect([data.actor?.login, data.triggering_actor?.login]).toEqual(["ada", "bob"]);
    const first = await town.octokit.rest.actions.getWorkflowRunAttempt({
      ...town.at,
      run_id: run.id,
      attempt_number: 1,
    });
    expect([first.data.status, first.data.triggering_actor?.login]).toEqual(["completed", "ada"]);
    const jobs = await town.octokit.rest.actions.listJobsForWorkflowRun({ ...town.at, run_id: run.id });
    const job = town.standin.job(run);
    expect(jobs.data.jobs.map(({ id }) => id)).toEqual([job.id]);
    town.standin.finish(run, "success");
    const ended = await town.octokit.rest.actions.getJobForWorkflowRun({ ...town.at, job_id: job.id });
    expect(ended.data).toMatchObject({ status: "completed", conclusion: "success", run_attempt: 2 });
  });
});
