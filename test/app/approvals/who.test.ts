import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Database } from "../../../app/state/database.ts";
import type { PullIssue } from "../../standin/render/pull.ts";
import { published } from "../../standin/standin.ts";
import { startTown, type Town } from "../../standin/town.ts";
import type { Account } from "../../standin/world.ts";
import { KINDS, openStates, type States } from "../state/databases.ts";
import { type Asking, issueOf, type Office, openOffice } from "./office.ts";

const descriptions = published();

describe.each(KINDS)("whoever answers on GitHub, with the state on %s,", (kind) => {
  let states: States;
  let town: Town;
  let database: Database;
  let office: Office;
  beforeAll(async () => {
    states = await openStates(kind);
  });
  afterAll(async () => {
    await states.close();
  });
  beforeEach(async () => {
    town = await startTown({ published: descriptions, isPrivate: true });
    database = await states.fresh();
    office = await openOffice(town, database);
  });
  afterEach(async () => {
    await office.stop();
    await town.close();
  });
  const ANY = "{ count: 1, expires: 30m }";
  const stateOf = async (asking: Asking, id: string): Promise<unknown> =>
    (await office.send(asking, "GET", `/v1/requests/${id}`)).body["state"];

  /** A pull request that Maria opened, with commits by Maria, and with Cleo as co-author. */
  const pullOf = async (): Promise<{
    readonly pull: PullIssue;
    readonly headSha: string;
    readonly cleo: Account;
    readonly maria: Account;
  }> => {
    const maria = town.standin.user("maria");
    const cleo = town.standin.user("cleo");
    for (const login of ["maria", "cleo"]) town.shop.roles.set(login, "write");
    const address = `${cleo.id}+cleo@users.noreply.github.com`;
    const headSha = await town.standin.commit(town.shop, {
      branch: "work",
      files: { "a.sql": "DELETE" },
      author: maria,
      message: `Delete\n\nCo-authored-by: Cleo <${address}>`,
    });
    return {
      pull: await town.standin.openPull({ repository: town.shop, head: "work", author: maria }),
      headSha,
      cleo,
      maria,
    };
  };

  it("is heard only with write permission, not having caused the run, as a person, and is told so", async () => {
    const { pull, headSha, cleo, maria } = await pullOf();
    const outsider = town.standin.user("olga");
    town.shop.roles.set("olga", "write");
    town.standin.world.outsiders.add(outsider);
    const asking = await office.session({ approval: ANY, pull, headSha });
    const request = await office.ask(asking);
    await office.check(asking);
    await expect.poll(() => pull.comments.length, { timeout: 20_000 }).toBe(1);
    const code = await office.codeOf(request);
    const refused: readonly (readonly [Account, string])[] = [
      [town.people.eve, "Only people with write permission on the repository answer."],
      [maria, "this person started it."],
      [cleo, "this person wrote or committed some of its commits."],
      [outsider, "An outside collaborator answers only where the policy names them."],
    ];
    for (const [person, why] of refused) {
      town.standin.comment(pull, person, `/countersign approve ${code}`);
      await expect.poll(() => pull.comments.at(-1)?.body, { timeout: 20_000 }).toContain(why);
      expect(pull.comments.at(-1)?.body).toContain(`@${person.login}, your comment had no effect.`);
    }
    expect(await stateOf(asking, request.id)).toBe("pending");
    town.standin.comment(pull, town.people.ada, `/countersign approve ${code}`);
    expect(await office.answer(asking, request)).toMatchObject({
      answer: "approved",
      by: [{ login: "ada", via: "comment" }],
    });
  });

  it("is who the policy names, by team or by login, and a pending member is not one yet", async () => {
    const asking = await office.session({
      approval: "{ from: { teams: [dba], users: [ada] }, count: 2, expires: 30m }",
    });
    const request = await office.ask(asking);
    const check = await office.check(asking);
    town.shop.roles.set("eve", "write");
    const zoe = town.standin.user("zoe");
    town.shop.roles.set("zoe", "admin");
    for (const person of [town.people.eve, zoe]) await town.standin.press(check, "Approve once", person);
    await town.standin.hooks.settled();
    await town.standin.press(check, "Approve once", town.people.ada);
    await expect
      .poll(async () => (await office.send(asking, "GET", `/v1/requests/${request.id}`)).body, { timeout: 20_000 })
      .toEqual({
        state: "pending",
        approvals: 1,
      });
    await town.standin.press(check, "Approve once", town.people.ada);
    await town.standin.press(check, "Approve once", town.people.bob);
    const answer = await office.answer(asking, request);
    expect(answer.by).toEqual([
      { login: "ada", via: "check" },
      { login: "bob", via: "check" },
    ]);
  });

  it("is not who took the login of somebody whom the policy named", async () => {
    const asking = await office.session({ approval: "{ from: { users: [bob] }, count: 1, expires: 30m }" });
    const first = await office.ask(asking);
    await town.standin.press(await office.check(asking), "Deny", town.people.bob);
    await office.answer(asking, first);
    // Bob gives his login up, and another takes it.
    const { accounts } = town.standin.world;
    const { bob } = town.people;
    accounts.delete("bob");
    accounts.set("bobby", { ...bob, login: "bobby" });
    town.shop.roles.set("bobby", "write");
    const other = town.standin.user("bob");
    const second = await office.ask(asking);
    const check = await office.check(asking);
    await town.standin.press(check, "Approve once", other);
    await town.standin.hooks.settled();
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(await stateOf(asking, second.id)).toBe("pending");
    await town.standin.press(check, "Approve once", { ...bob, login: "bobby" });
    expect(await office.answer(asking, second)).toMatchObject({
      answer: "approved",
      by: [{ login: "bobby", via: "check" }],
    });
  });

  it("is no App, nor whoever speaks through one", async () => {
    const asking = await office.session({ approval: "{ count: 1, expires: 30m, via: [comment] }" });
    const request = await office.ask(asking);
    await expect.poll(() => issueOf(town)?.number, { timeout: 20_000 }).toBe(1);
    const body = `/countersign approve ${await office.codeOf(request)}`;
    const tokens = [
      town.standin.jobToken(town.shop, { metadata: "read", issues: "write" }),
      town.standin.userToServerToken(town.people.ada, town.app),
    ];
    for (const token of tokens) {
      await town.withToken(token).rest.issues.createComment({ ...town.at, issue_number: 1, body });
    }
    await town.standin.hooks.settled();
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(await stateOf(asking, request.id)).toBe("pending");
  });

  it("is not heard by an edited comment, nor any more after five wrong codes, whatever became of those", async () => {
    const asking = await office.session({ approval: "{ count: 1, expires: 30m, via: [check, comment] }" });
    const request = await office.ask(asking);
    const check = await office.check(asking);
    await expect.poll(() => issueOf(town)?.number, { timeout: 20_000 }).toBe(1);
    const issue = issueOf(town);
    if (issue === undefined) throw new Error("no issue");
    const code = await office.codeOf(request);
    const old = town.standin.comment(issue, town.people.ada, "Looks good.");
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    town.standin.editComment(old, town.people.ada, `/countersign approve ${code}`);
    for (let guess = 0; guess < 5; guess += 1) {
      const wrong = town.standin.comment(issue, town.people.ada, `/countersign approve 0000${guess}-00000`);
      town.standin.editComment(wrong, town.people.ada, "never mind");
    }
    await town.standin.hooks.settled();
    await town.standin.press(check, "Approve once", town.people.ada);
    town.standin.comment(issue, town.people.ada, `/countersign approve ${code}`);
    await town.standin.hooks.settled();
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(await stateOf(asking, request.id)).toBe("pending");
    // A person is told a few times, and then no more.
    expect(issue.comments.filter(({ author }) => author.kind === "Bot").length).toBeLessThanOrEqual(5);
    await town.standin.press(check, "Approve once", town.people.bob);
    expect(await office.answer(asking, request)).toMatchObject({
      answer: "approved",
      by: [{ login: "bob", via: "check" }],
    });
  });

  it("reviews in vain once the base has changed, and may still press the button", async () => {
    const { pull, headSha } = await pullOf();
    const asking = await office.session({ approval: ANY, pull, headSha });
    const request = await office.ask(asking);
    const check = await office.check(asking);
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    await town.standin.commit(town.shop, { files: { "other.txt": "x" }, author: town.people.bob });
    await town.standin.review(pull, town.people.ada, { state: "APPROVED" });
    await town.standin.hooks.settled();
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(await stateOf(asking, request.id)).toBe("pending");
    await town.standin.press(check, "Approve once", town.people.ada);
    expect(await office.answer(asking, request)).toMatchObject({ by: [{ login: "ada", via: "check" }] });
  });

  it("is not who pushed to the pull request meanwhile, and no review of what was pushed counts", async () => {
    const { pull, headSha } = await pullOf();
    const asking = await office.session({ approval: ANY, pull, headSha });
    const request = await office.ask(asking);
    const check = await office.check(asking);
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    await town.standin.commit(town.shop, { branch: "work", files: { "b.sql": "x" }, author: town.people.ada });
    await town.standin.review(pull, town.people.bob, { state: "APPROVED" });
    await town.standin.press(check, "Approve once", town.people.ada);
    await town.standin.hooks.settled();
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(await stateOf(asking, request.id)).toBe("pending");
    await town.standin.press(check, "Approve once", town.people.bob);
    expect(await office.answer(asking, request)).toMatchObject({ by: [{ login: "bob", via: "check" }] });
  });

  it("is nobody any more when the repository is made public, and nothing said is shown there then", async () => {
    const asking = await office.session({ approval: "{ count: 1, expires: 30m, via: [check] }" });
    const request = await office.ask(asking);
    const check = await office.check(asking);
    town.shop.isPrivate = false;
    await town.standin.press(check, "Approve once", town.people.ada);
    expect(await office.answer(asking, request)).toMatchObject({ answer: "withdrawn" });
    const ended = await office.check(asking, ({ conclusion }) => conclusion === "cancelled");
    expect(`${ended.output.summary} ${ended.output.text}`).not.toContain("orders");
  });

  it("is nobody any more when the App is suspended, and waits for nothing", async () => {
    const asking = await office.session({ approval: "{ count: 1, expires: 30m, via: [check] }" });
    const request = await office.ask(asking);
    const check = await office.check(asking);
    town.installation.suspendedAt = new Date().toISOString();
    await office.approvals.onWebhook({
      id: "suspended",
      name: "installation",
      payload: { action: "suspend", installation: { id: town.installation.id } },
    });
    expect(await office.answer(asking, request)).toMatchObject({ answer: "withdrawn" });
    expect(check.conclusion).toBe("action_required");
  });

  it("shows the same again by Re-run, which answers nothing", async () => {
    const asking = await office.session({ approval: "{ count: 1, expires: 30m, via: [check] }" });
    const request = await office.ask(asking);
    const check = await office.check(asking);
    const writes = (): number => town.standin.seen.filter(({ operation }) => operation.startsWith("PATCH")).length;
    await new Promise((resolve) => setTimeout(resolve, 500));
    const before = writes();
    await town.standin.rerequest(check, town.people.ada);
    await expect.poll(writes, { timeout: 20_000 }).toBe(before + 1);
    expect(check.output.text).toContain(request.id);
    expect(await stateOf(asking, request.id)).toBe("pending");
  });

  it("answers on one thread for two jobs, each by its own code, and is not taken for guessing", async () => {
    const { pull, headSha } = await pullOf();
    const both = [
      await office.session({ approval: ANY, pull, headSha }),
      await office.session({ approval: ANY, pull, headSha }),
    ];
    for (const asking of both) {
      for (let count = 0; count < 4; count += 1) await office.ask(asking);
      await office.check(asking);
    }
    await expect.poll(() => pull.comments.length, { timeout: 20_000 }).toBe(2);
    for (const asking of both) {
      const rows = await database.rows(
        "SELECT id, code FROM request WHERE sid = $1",
        [asking.sid],
        (value): value is { id: string; code: string } =>
          typeof value === "object" && value !== null && "code" in value,
      );
      for (const { code } of rows) town.standin.comment(pull, town.people.ada, `/countersign approve ${code}`);
      for (const { id } of rows)
        await expect.poll(async () => await stateOf(asking, id), { timeout: 20_000 }).toBe("answered");
    }
    expect(pull.comments.filter(({ body }) => body.includes("had no effect"))).toEqual([]);
  });

  it("is not heard through another installation, another repository or another App", async () => {
    const asking = await office.session({ approval: "{ count: 1, expires: 30m, via: [check] }" });
    const request = await office.ask(asking);
    const check = await office.check(asking);
    const good = {
      action: "requested_action",
      requested_action: { identifier: `approve:${request.id}` },
      check_run: { id: check.id, external_id: asking.sid, head_sha: check.headSha, app: { id: town.app.id } },
      repository: { id: town.shop.id },
      installation: { id: town.installation.id },
      sender: { id: town.people.ada.id, login: "ada", type: "User" },
    };
    const forged = [
      { ...good, installation: { id: town.installation.id + 1 } },
      { ...good, repository: { id: town.shop.id + 1 } },
      { ...good, check_run: { ...good.check_run, app: { id: town.app.id + 1 } } },
      { ...good, check_run: { ...good.check_run, id: check.id + 1 } },
      { ...good, check_run: { ...good.check_run, head_sha: "0".repeat(40) } },
      { ...good, check_run: { ...good.check_run, external_id: "01ARZ3NDEKTSV4RRFFQ69G5FAV" } },
    ];
    for (const [at, payload] of forged.entries()) {
      await office.approvals.onWebhook({ id: `forged ${at}`, name: "check_run", payload });
    }
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(await stateOf(asking, request.id)).toBe("pending");
    await office.approvals.onWebhook({ id: "good", name: "check_run", payload: good });
    expect(await office.answer(asking, request)).toMatchObject({ answer: "approved" });
  });
});
