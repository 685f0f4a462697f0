import { verify } from "@octokit/webhooks-methods";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { containing } from "./containing.ts";
import type { Received } from "./receiver.ts";
import { isShape, parseJson, type Shape } from "./shape.ts";
import { startTown, type Town } from "./town.ts";

const BUTTONS = [
  { label: "Approve once", description: "Let this command run, once", identifier: "approve" },
  { label: "Deny", description: "Refuse this command", identifier: "deny" },
];

describe("approvals on the stand-in", () => {
  let town: Town;
  beforeAll(async () => {
    town = await startTown();
  });
  afterAll(async () => {
    await town.close();
  });

  let before = 0;
  beforeEach(async () => {
    await town.standin.hooks.settled();
    before = town.receiver.received.length;
  });
  /** What arrived since the test began, of one event. */
  const arrived = async (event: string, action?: string): Promise<readonly (Received & { body: Shape })[]> => {
    await town.standin.hooks.settled();
    return town.receiver.received
      .slice(before)
      .map((each) => ({ ...each, body: bodyOf(each) }))
      .filter(
        ({ headers, body }) =>
          headers["x-github-event"] === event && (action === undefined || body["action"] === action),
      );
  };
  const held = async (name = "countersign / app #1"): Promise<number> => {
    const { data } = await town.octokit.rest.checks.create({
      ...town.at,
      name,
      head_sha: town.head,
      external_id: "request-1",
      status: "completed",
      conclusion: "action_required",
      output: { title: "Held", summary: "A command waits" },
      actions: BUTTONS,
    });
    return data.id;
  };

  it("shows buttons once the check completed, and to whoever may write", async () => {
    const { ada, eve } = town.people;
    const { data } = await town.octokit.rest.checks.create({
      ...town.at,
      name: "running",
      head_sha: town.head,
      status: "in_progress",
      actions: BUTTONS,
    });
    const check = town.standin.check(town.shop, data.id);
    expect(town.standin.buttons(check, ada)).toEqual([]);
    await town.octokit.rest.checks.update({ ...town.at, check_run_id: data.id, conclusion: "action_required" });
    expect(town.standin.buttons(check, ada)).toEqual(["Approve once", "Deny"]);
    expect(town.standin.buttons(check, eve)).toEqual([]);
    await expect(town.standin.press(check, "Deny", eve)).rejects.toThrow("sees no button");
    await town.octokit.rest.checks.update({ ...town.at, check_run_id: data.id, conclusion: "success", actions: [] });
    expect(town.standin.buttons(check, ada)).toEqual([]);
  });

  it("delivers a pressed button signed, complete, and to the check's own App", async () => {
    const id = await held();
    await town.standin.press(town.standin.check(town.shop, id), "Approve once", town.people.ada);
    const [delivery, ...others] = await arrived("check_run", "requested_action");
    expect(others).toEqual([]);
    if (delivery === undefined) throw new Error("nothing arrived");
    const signature = String(delivery.headers["x-hub-signature-256"]);
    expect(await verify(town.receiver.secret, delivery.text, signature)).toBe(true);
    expect(await verify("another secret", delivery.text, signature)).toBe(false);
    expect(delivery.headers["x-github-delivery"]).toMatch(/^[0-9a-f-]{36}$/);
    expect(delivery.body).toMatchObject({
      action: "requested_action",
      requested_action: { identifier: "approve" },
      check_run: { id, external_id: "request-1", head_sha: town.head, check_suite: { head_sha: town.head } },
      repository: { id: town.shop.id, full_name: "acme/shop" },
      sender: { login: "ada", id: town.people.ada.id, type: "User" },
      installation: { id: town.installation.id },
    });
  });

  it("lists the newest check of each name on a commit", async () => {
    await held("twice");
    const id = await held("twice");
    const at = { ...town.at, ref: "main", check_name: "twice" };
    const latest = await town.octokit.rest.checks.listForRef(at);
    expect(latest.data.check_runs.map((each) => each.id)).toEqual([id]);
    const all = await town.octokit.rest.checks.listForRef({ ...at, filter: "all" });
    expect(all.data.total_count).toBe(2);
    expect((await town.octokit.rest.checks.get({ ...town.at, check_run_id: id })).data).toMatchObject({
      status: "completed",
      conclusion: "action_required",
      external_id: "request-1",
      app: { id: town.app.id },
    });
  });

  it("takes three buttons and 65,535 characters, and one more of either is a violation", async () => {
    const at = { ...town.at, name: "bounds", head_sha: town.head };
    const output = (length: number): { title: string; summary: string; text: string } => ({
      title: "t",
      summary: "s",
      text: "x".repeat(length),
    });
    const three = [...BUTTONS, { label: "More", description: "More", identifier: "more" }];
    await town.octokit.rest.checks.create({ ...at, output: output(65_535), actions: three });
    const refused = [
      { ...at, output: output(65_536) },
      { ...at, actions: [...three, { label: "Again", description: "Again", identifier: "again" }] },
      { ...at, actions: [{ label: "x".repeat(21), description: "Long", identifier: "long" }] },
    ];
    for (const each of refused) {
      await expect(town.octokit.rest.checks.create(each)).rejects.toMatchObject({ status: 422 });
    }
    expect(town.standin.takeViolations()).toHaveLength(3);
  });

  it("lets an App change no other App's check", async () => {
    const id = await held();
    const job = town.withToken(town.standin.jobToken(town.shop, { checks: "write" }));
    await expect(job.rest.checks.update({ ...town.at, check_run_id: id, conclusion: "success" })).rejects.toMatchObject(
      { status: 403 },
    );
    await expect(
      town.octokit.rest.checks.create({ ...town.at, name: "x", head_sha: "0".repeat(40) }),
    ).rejects.toMatchObject({ status: 422, message: containing("No commit found for SHA") });
  });

  it("delivers comments as they are made and edited, and says through which App", async () => {
    const { ada, bob } = town.people;
    const issue = town.standin.openIssue(town.shop, ada, "A run on no pull request");
    const comment = town.standin.comment(issue, ada, "/countersign approve abcd1234");
    town.standin.editComment(comment, bob, "/countersign deny abcd1234");
    const at = { ...town.at, issue_number: issue.number };
    await town.octokit.rest.issues.createComment({ ...at, body: "From the App" });
    const token = town.standin.userToServerToken(ada, town.app);
    await town.withToken(token).rest.issues.createComment({ ...at, body: "For Ada" });
    const bodies = (await arrived("issue_comment")).map(({ body }) => body);
    expect(bodies.find((each) => each["action"] === "edited")).toMatchObject({
      sender: { login: "bob" },
      comment: { user: { login: "ada" }, body: "/countersign deny abcd1234" },
      changes: { body: { from: "/countersign approve abcd1234" } },
    });
    const { data } = await town.octokit.rest.issues.listComments(at);
    expect(data.map((each) => [each.user?.login, each.performed_via_github_app?.slug])).toEqual([
      ["ada", undefined],
      ["countersign[bot]", "countersign"],
      ["ada", "countersign"],
    ]);
    const first = data[0]?.id ?? 0;
    await town.octokit.rest.issues.updateComment({ ...town.at, comment_id: first, body: "changed" });
    expect((await town.octokit.rest.issues.getComment({ ...town.at, comment_id: first })).data.body).toBe("changed");
    await town.octokit.rest.issues.update({ ...at, state: "closed" });
    expect((await town.octokit.rest.issues.get(at)).data).toMatchObject({ state: "closed", state_reason: "completed" });
    const opened = await town.octokit.rest.issues.create({ ...town.at, title: "Mine", labels: ["countersign"] });
    const labelled = await town.octokit.rest.issues.listForRepo({ ...town.at, labels: "countersign" });
    expect(labelled.data.map(({ number }) => number)).toEqual([opened.data.number]);
  });

  it("delivers reviews as they are given and dismissed, each on its commit", async () => {
    const { ada, bob } = town.people;
    const first = await town.standin.commit(town.shop, { branch: "feature", files: { a: "1" }, author: ada });
    const pull = await town.standin.openPull({ repository: town.shop, head: "feature", author: ada });
    const review = await town.standin.review(pull, bob, { state: "APPROVED", body: "Good" });
    const second = await town.standin.commit(town.shop, { branch: "feature", files: { a: "2" }, author: ada });
    await town.standin.dismiss(review, ada);
    const seen = (await arrived("pull_request_review")).map(({ body }) => body);
    expect(seen.find((each) => each["action"] === "submitted")).toMatchObject({
      review: { state: "approved", commit_id: first, user: { login: "bob" } },
      pull_request: { number: pull.number },
      sender: { login: "bob" },
    });
    expect(seen.find((each) => each["action"] === "dismissed")).toMatchObject({ review: { state: "dismissed" } });
    const at = { ...town.at, pull_number: pull.number };
    const { data } = await town.octokit.rest.pulls.listReviews(at);
    expect(data).toMatchObject([{ id: review.id, state: "DISMISSED", commit_id: first }]);
    const got = await town.octokit.rest.pulls.get(at);
    expect(got.data).toMatchObject({ commits: 2, changed_files: 1, head: { sha: second }, user: { login: "ada" } });
    const commits = await town.octokit.rest.pulls.listCommits(at);
    expect(commits.data.map(({ sha, author }) => [sha, author?.login])).toEqual([
      [first, "ada"],
      [second, "ada"],
    ]);
    const around = { ...town.at, commit_sha: first };
    const pulls = await town.octokit.rest.repos.listPullRequestsAssociatedWithCommit(around);
    expect(pulls.data.map(({ number }) => number)).toEqual([pull.number]);
    await town.octokit.rest.pulls.listFiles(at);
    await town.octokit.rest.pulls.list({ ...town.at, head: "acme:feature" });
  });

  it("tells a check of no fork's pull request", async () => {
    const { eve } = town.people;
    const fork = await town.standin.fork(town.shop, eve);
    const head = await town.standin.commit(fork, { branch: "theirs", files: { b: "1" }, author: eve });
    const from = { repository: town.shop, head: "theirs", author: eve, from: fork };
    const pull = await town.standin.openPull(from);
    const { data } = await town.octokit.rest.checks.create({ ...town.at, name: "on a fork", head_sha: head });
    expect(data.pull_requests).toEqual([]);
    expect((await town.octokit.rest.pulls.get({ ...town.at, pull_number: pull.number })).data.head).toMatchObject({
      sha: head,
      label: "eve:theirs",
      repo: { full_name: "eve/shop", fork: true },
    });
  });

  it("loses, doubles, delays and turns round deliveries on order, and sends them again when asked", async () => {
    const check = town.standin.check(town.shop, await held());
    await town.standin.hooks.settled();
    before = town.receiver.received.length;
    const { ada } = town.people;
    const pressed = async (): Promise<unknown[]> =>
      (await arrived("check_run", "requested_action")).map(({ body }) => body["requested_action"]);

    town.standin.hooks.drop(1);
    await town.standin.press(check, "Deny", ada);
    expect(await pressed()).toEqual([]);
    const { data } = await town.client.octokit.rest.apps.listWebhookDeliveries();
    const lost = data.find(({ status_code }) => status_code === 502);
    expect(lost).toMatchObject({ event: "check_run", action: "requested_action", redelivery: false });
    await town.client.octokit.rest.apps.redeliverWebhookDelivery({ delivery_id: lost?.id ?? 0 });
    expect(await pressed()).toEqual([{ identifier: "deny" }]);
    const whole = await town.client.octokit.rest.apps.getWebhookDelivery({ delivery_id: lost?.id ?? 0 });
    expect(whole.data.guid).toBe((await arrived("check_run"))[0]?.headers["x-github-delivery"]);

    town.standin.hooks.double(1);
    await town.standin.press(check, "Deny", ada);
    const twice = await arrived("check_run", "requested_action");
    expect(twice).toHaveLength(3);
    expect(twice[1]?.headers["x-github-delivery"]).toBe(twice[2]?.headers["x-github-delivery"]);

    town.standin.hooks.hold();
    await town.standin.press(check, "Approve once", ada);
    await town.standin.press(check, "Deny", ada);
    expect(await pressed()).toHaveLength(3);
    town.standin.hooks.release((letters) => letters.toReversed());
    const last = (await pressed()).slice(3);
    expect(last).toHaveLength(2);
  });
});

function bodyOf({ text }: Received): Shape {
  const body = parseJson(text);
  if (!isShape(body)) throw new TypeError("a webhook is an object");
  return body;
}
