import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { withdrawAll } from "../../../app/approvals/approvals.ts";
import { isObject } from "../../../src/evidence/shape.ts";
import type { PullIssue } from "../../standin/render/pull.ts";
import { published } from "../../standin/standin.ts";
import { startTown, type Town } from "../../standin/town.ts";
import { KINDS, openStates, type States } from "../state/databases.ts";
import { issueOf, type Office, openOffice } from "./office.ts";

const descriptions = published();

describe.each(KINDS)("an answer on GitHub, with the state on %s,", (kind) => {
  let states: States;
  let town: Town;
  let office: Office;
  beforeAll(async () => {
    states = await openStates(kind);
  });
  afterAll(async () => {
    await states.close();
  });
  beforeEach(async () => {
    town = await startTown({ published: descriptions });
    office = await openOffice(town, await states.fresh());
  });
  afterEach(async () => {
    await office.stop();
    await town.close();
  });

  /** A pull request by Maria, whose commit runs. */
  const pullOf = async (): Promise<{ readonly pull: PullIssue; readonly headSha: string }> => {
    const maria = town.standin.user("maria");
    town.shop.roles.set("maria", "write");
    const headSha = await town.standin.commit(town.shop, {
      branch: "work",
      files: { "a.sql": "DELETE" },
      author: maria,
    });
    const pull = await town.standin.openPull({ repository: town.shop, head: "work", author: maria });
    return { pull, headSha };
  };
  const ANY = "{ count: 1, expires: 30m }";

  it("by a button approves, and the check ends in success with who and when", async () => {
    const asking = await office.session({ approval: ANY });
    const request = await office.ask(asking);
    const check = await office.check(asking);
    expect(check).toMatchObject({ name: "countersign", headSha: town.head, status: "completed" });
    expect(check.output.text).toContain(request.id);
    expect(town.standin.buttons(check, town.people.ada)).toEqual(["Approve once", "Deny"]);
    await town.standin.press(check, "Approve once", town.people.ada);
    expect(await office.answer(asking, request)).toMatchObject({
      answer: "approved",
      by: [{ login: "ada", via: "check" }],
    });
    const ended = await office.check(asking, ({ conclusion }) => conclusion === "success");
    expect(ended.actions).toEqual([]);
    expect(ended.output.text).toContain(`${request.id} approved by ada (check) at `);
    expect(office.checksOf(asking)).toHaveLength(1);
  });

  it("by a button refuses", async () => {
    const asking = await office.session({ approval: ANY });
    const request = await office.ask(asking);
    await town.standin.press(await office.check(asking), "Deny", town.people.bob);
    expect(await office.answer(asking, request)).toMatchObject({
      answer: "refused",
      by: [{ login: "bob", via: "check" }],
    });
    await office.check(asking, ({ conclusion }) => conclusion === "failure");
  });

  it("by a comment with its code approves, with the reason that was given", async () => {
    const { pull, headSha } = await pullOf();
    const asking = await office.session({ approval: ANY, pull, headSha });
    const request = await office.ask(asking);
    await office.check(asking);
    const code = await office.codeOf(request);
    await expect.poll(() => pull.comments.length, { timeout: 20_000 }).toBe(1);
    expect(pull.comments[0]?.body).toContain("one command waits");
    expect(pull.comments[0]?.body).not.toContain(code);
    town.standin.comment(pull, town.people.bob, `/countersign approve ${code}\nIt is the old table.`);
    expect(await office.answer(asking, request)).toMatchObject({
      answer: "approved",
      by: [{ login: "bob", via: "comment" }],
      reason: "It is the old table.",
    });
    await expect.poll(() => pull.comments[0]?.body, { timeout: 20_000 }).toContain("nothing waits");
    expect(pull.comments.filter(({ author }) => author.kind === "Bot")).toHaveLength(1);
  });

  it("keeps the comment that counted as it was, whatever becomes of it", async () => {
    const { pull, headSha } = await pullOf();
    const asking = await office.session({ approval: ANY, pull, headSha });
    const request = await office.ask(asking);
    await office.check(asking);
    await expect.poll(() => pull.comments.length, { timeout: 20_000 }).toBe(1);
    const body = `/countersign approve ${await office.codeOf(request)}\nAs agreed.`;
    const comment = town.standin.comment(pull, town.people.bob, body);
    const answered = await office.answer(asking, request);
    town.standin.editComment(comment, town.people.bob, "I never said that.");
    await town.standin.hooks.settled();
    const [row] = await office.context.database.rows(
      "SELECT counted FROM request WHERE id = $1",
      [request.id],
      (value): value is { counted: string } => isObject(value) && typeof value["counted"] === "string",
    );
    expect(JSON.parse(row?.counted ?? "")).toMatchObject([
      { word: { kind: "comment", body, stage: "created", by: town.people.bob.id } },
    ]);
    expect(await office.answer(asking, request)).toEqual(answered);
  });

  it("by a comment refuses", async () => {
    const { pull, headSha } = await pullOf();
    const asking = await office.session({ approval: ANY, pull, headSha });
    const request = await office.ask(asking);
    await office.check(asking);
    await expect.poll(() => pull.comments.length, { timeout: 20_000 }).toBe(1);
    town.standin.comment(pull, town.people.ada, `/countersign deny ${await office.codeOf(request)}`);
    expect(await office.answer(asking, request)).toMatchObject({ answer: "refused" });
  });

  it("by a review submitted after it was listed approves, and an earlier one does not", async () => {
    const { pull, headSha } = await pullOf();
    await town.standin.review(pull, town.people.ada, { state: "APPROVED" });
    const asking = await office.session({ approval: ANY, pull, headSha });
    const request = await office.ask(asking);
    await office.check(asking);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect((await office.send(asking, "GET", `/v1/requests/${request.id}`)).body).toEqual({
      state: "pending",
      approvals: 0,
    });
    await town.standin.review(pull, town.people.bob, { state: "APPROVED", body: "fine" });
    expect(await office.answer(asking, request)).toMatchObject({
      answer: "approved",
      by: [{ login: "bob", via: "review" }],
      reason: "fine",
    });
  });

  it("by a review that asks for changes answers nothing, and a dismissed one is revoked", async () => {
    const { pull, headSha } = await pullOf();
    const asking = await office.session({ approval: "{ count: 2, expires: 30m }", pull, headSha });
    const request = await office.ask(asking);
    await office.check(asking);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const review = await town.standin.review(pull, town.people.bob, { state: "APPROVED" });
    const approvals = async (): Promise<unknown> =>
      (await office.send(asking, "GET", `/v1/requests/${request.id}`)).body["approvals"];
    await expect.poll(approvals, { timeout: 20_000 }).toBe(1);
    await town.standin.dismiss(review, town.people.ada);
    await expect.poll(approvals, { timeout: 20_000 }).toBe(0);
    await town.standin.review(pull, town.people.ada, { state: "CHANGES_REQUESTED" });
    await town.standin.hooks.settled();
    expect((await office.send(asking, "GET", `/v1/requests/${request.id}`)).body["state"]).toBe("pending");
  });

  it("by nobody expires at its deadline, and the check says that it did", async () => {
    const asking = await office.session({ approval: ANY });
    const request = await office.ask(asking);
    await office.check(asking);
    office.pass(30 * 60_000);
    expect(await office.answer(asking, request)).toMatchObject({ answer: "expired", by: [] });
    await office.check(asking, ({ conclusion }) => conclusion === "timed_out");
  });

  it("comes too late when its gateway took the request back, and the check says so", async () => {
    const asking = await office.session({ approval: ANY });
    const request = await office.ask(asking);
    const check = await office.check(asking);
    await office.send(asking, "DELETE", `/v1/requests/${request.id}`);
    await town.standin.press(check, "Approve once", town.people.ada).catch(() => undefined);
    expect(await office.answer(asking, request)).toMatchObject({ answer: "withdrawn", dsse: "" });
    await office.check(asking, ({ conclusion }) => conclusion === "cancelled");
  });

  it("is not waited for when the job has ended", async () => {
    const asking = await office.session({ approval: ANY });
    const request = await office.ask(asking);
    const check = await office.check(asking);
    town.standin.finish(asking.run, "cancelled");
    await town.standin.press(check, "Approve once", town.people.ada);
    expect(await office.answer(asking, request)).toMatchObject({ answer: "withdrawn" });
    await office.check(asking, ({ conclusion }) => conclusion === "cancelled");
  });

  it("to a run on no pull request is given on an issue, which is one and is closed at the end", async () => {
    const asking = await office.session({ approval: "{ count: 1, expires: 30m, via: [comment] }" });
    const [first, second] = [await office.ask(asking), await office.ask(asking)];
    const check = await office.check(asking, ({ output }) => (output.text ?? "").includes(second.id));
    expect(check.actions).toEqual([]);
    await expect.poll(() => issueOf(town)?.body, { timeout: 20_000 }).toContain("2 commands wait");
    const issue = issueOf(town);
    if (issue === undefined) throw new Error("no issue");
    for (const request of [first, second]) {
      town.standin.comment(issue, town.people.ada, `/countersign approve ${await office.codeOf(request)}`);
      expect(await office.answer(asking, request)).toMatchObject({ answer: "approved" });
    }
    await office.context.database.transaction(async (sql) => {
      await sql.run("UPDATE session SET state = 'handed-in' WHERE sid = $1", [asking.sid]);
      await withdrawAll(sql, asking.sid, Date.now());
    });
    office.context.wake();
    await expect.poll(() => issue.state, { timeout: 20_000 }).toBe("closed");
    expect(town.shop.issues).toHaveLength(1);
  });
});
