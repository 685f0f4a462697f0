import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Database } from "../../../app/state/database.ts";
import { statement } from "../../approval/checks.ts";
import { published } from "../../standin/standin.ts";
import { startTown, type Town } from "../../standin/town.ts";
import { KINDS, openStates, type States } from "../state/databases.ts";
import { issueOf, newKeys, type Office, openOffice, QUICK } from "./office.ts";

const descriptions = published();
const CREATE = "POST /repos/{owner}/{repo}/check-runs";
const CHANGE = "PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}";

describe.each(KINDS)("an approval that meets faults, with the state on %s,", (kind) => {
  let states: States;
  let town: Town;
  let database: Database;
  let office: Office;
  const keys = newKeys();
  beforeAll(async () => {
    states = await openStates(kind);
  });
  afterAll(async () => {
    await states.close();
  });
  beforeEach(async () => {
    town = await startTown({ published: descriptions });
    database = await states.fresh();
    office = await openOffice(town, database, { keys });
  });
  afterEach(async () => {
    await office.stop();
    await town.close();
  });
  const ANY = "{ count: 1, expires: 30m }";

  it("makes one check, one issue and no more when the answers to their making are lost", async () => {
    for (const kindOfLoss of ["bad-gateway", "reset"] as const) {
      town.standin.faults.next({ kind: kindOfLoss, after: true }, { operation: CREATE });
      town.standin.faults.next({ kind: kindOfLoss, after: true }, { operation: "POST /repos/{owner}/{repo}/issues" });
      const asking = await office.session({ approval: ANY });
      const before = town.shop.issues.length;
      const request = await office.ask(asking);
      const check = await office.check(asking);
      await expect.poll(() => town.shop.issues.length, { timeout: 20_000 }).toBe(before + 1);
      await town.standin.press(check, "Approve once", town.people.ada);
      expect(await office.answer(asking, request)).toMatchObject({ answer: "approved" });
      await expect.poll(() => issueOf(town)?.body, { timeout: 20_000 }).toContain("nothing waits");
      await office.check(asking, ({ conclusion }) => conclusion === "success");
      expect(office.checksOf(asking)).toHaveLength(1);
      expect(town.shop.issues).toHaveLength(before + 1);
    }
  });

  it("makes one comment when the answer to its making is lost", async () => {
    const maria = town.standin.user("maria");
    const headSha = await town.standin.commit(town.shop, { branch: "work", files: { a: "b" }, author: maria });
    const pull = await town.standin.openPull({ repository: town.shop, head: "work", author: maria });
    town.standin.faults.next(
      { kind: "reset", after: true },
      { operation: "POST /repos/{owner}/{repo}/issues/{issue_number}/comments" },
    );
    const asking = await office.session({ approval: ANY, pull, headSha });
    const request = await office.ask(asking);
    const check = await office.check(asking);
    await expect.poll(() => pull.comments.length, { timeout: 20_000 }).toBe(1);
    await town.standin.press(check, "Deny", town.people.ada);
    await office.answer(asking, request);
    await expect.poll(() => pull.comments.at(-1)?.body, { timeout: 15_000 }).toContain("nothing waits");
    expect(pull.comments).toHaveLength(1);
  });

  it.each([
    ["403 with retry-after", { kind: "forbidden", retryAfterSeconds: 1 }],
    ["a secondary limit", { kind: "secondary-limit", retryAfterSeconds: 1 }],
    ["429", { kind: "too-many", retryAfterSeconds: 1 }],
    ["422", { kind: "unprocessable", message: "Validation Failed" }],
    ["502", { kind: "bad-gateway" }],
    ["a slow answer", { kind: "slow", milliseconds: 700 }],
    ["a cut connection", { kind: "reset" }],
  ] as const)("is lost by nothing of GitHub's: %s", async (_name, fault) => {
    town.standin.faults.next(fault, { operation: CREATE });
    const asking = await office.session({ approval: "{ count: 1, expires: 30m, via: [check] }" });
    const request = await office.ask(asking);
    const check = await office.check(asking);
    town.standin.faults.next(fault, { operation: "GET /repos/{owner}/{repo}/collaborators/{username}/permission" });
    town.standin.faults.next(fault, { operation: CHANGE });
    await town.standin.press(check, "Approve once", town.people.ada);
    expect(await office.answer(asking, request)).toMatchObject({ answer: "approved" });
    await office.check(asking, ({ conclusion }) => conclusion === "success");
    expect(town.standin.faults.met).toBe(3);
    expect(town.standin.limits.tooEarly).toBe(0);
  });

  it("expires by the App's clock while GitHub answers nothing, and is shown when it answers again", async () => {
    const asking = await office.session({ approval: "{ count: 1, expires: 30m, via: [check] }" });
    const request = await office.ask(asking);
    await office.check(asking);
    town.standin.faults.always({ kind: "bad-gateway" });
    office.pass(30 * 60_000);
    expect(await office.answer(asking, request)).toMatchObject({ answer: "expired" });
    town.standin.faults.clear();
    await office.check(asking, ({ conclusion }) => conclusion === "timed_out");
  });

  it("takes a doubled webhook once, and one that comes after the end for nothing", async () => {
    const asking = await office.session({ approval: "{ count: 2, expires: 30m, via: [check] }" });
    const request = await office.ask(asking);
    const check = await office.check(asking);
    town.standin.hooks.double(1);
    await town.standin.press(check, "Approve once", town.people.ada);
    await town.standin.hooks.settled();
    const approvals = async (): Promise<unknown> =>
      (await office.send(asking, "GET", `/v1/requests/${request.id}`)).body["approvals"];
    await expect.poll(approvals, { timeout: 20_000 }).toBe(1);
    town.standin.hooks.hold();
    await town.standin.press(check, "Approve once", town.people.bob);
    const late = office.checksOf(asking);
    expect(late).toHaveLength(1);
    await office.send(asking, "DELETE", `/v1/requests/${request.id}`);
    town.standin.hooks.release();
    await town.standin.hooks.settled();
    expect(await office.answer(asking, request)).toMatchObject({ answer: "withdrawn" });
  });

  it("counts webhooks in whatever order they come, and a refusal wins that came with an approval", async () => {
    const asking = await office.session({ approval: "{ count: 2, expires: 30m, via: [check] }" });
    const request = await office.ask(asking);
    const check = await office.check(asking);
    town.standin.hooks.hold();
    await town.standin.press(check, "Approve once", town.people.ada);
    await town.standin.press(check, "Deny", town.people.bob);
    town.standin.hooks.release((all) => all.toReversed());
    expect(await office.answer(asking, request)).toMatchObject({
      answer: "refused",
      by: [{ login: "bob", via: "check" }],
    });
  });

  it("finds a button whose webhook was lost among the deliveries that failed", async () => {
    await office.stop();
    office = await openOffice(town, database, { keys, options: { ...QUICK, sweepMs: 500 } });
    const asking = await office.session({ approval: "{ count: 1, expires: 30m, via: [check] }" });
    const request = await office.ask(asking);
    const check = await office.check(asking);
    town.standin.hooks.drop(1);
    await town.standin.press(check, "Approve once", town.people.ada);
    expect(await office.answer(asking, request)).toMatchObject({
      answer: "approved",
      by: [{ login: "ada", via: "check" }],
    });
  });

  it("finds a comment whose webhook was lost when it looks again", async () => {
    await office.stop();
    office = await openOffice(town, database, { keys, options: { ...QUICK, pollMs: 500, sweepMs: 600_000 } });
    const asking = await office.session({ approval: "{ count: 1, expires: 30m, via: [comment] }" });
    const request = await office.ask(asking);
    await expect.poll(() => issueOf(town)?.number, { timeout: 20_000 }).toBe(1);
    town.standin.hooks.drop(1);
    const issue = issueOf(town);
    if (issue === undefined) throw new Error("no issue");
    town.standin.comment(issue, town.people.ada, `/countersign approve ${await office.codeOf(request)}`);
    expect(await office.answer(asking, request)).toMatchObject({ answer: "approved" });
  });

  it("goes on after a restart in every state of a request", async () => {
    const restart = async (): Promise<void> => {
      await office.stop();
      office = await openOffice(town, database, { keys });
    };
    const asking = await office.session({ approval: "{ count: 1, expires: 30m, via: [check] }" });
    // Asked and not shown: GitHub is away.
    town.standin.faults.always({ kind: "bad-gateway" });
    const request = await office.ask(asking);
    await restart();
    town.standin.faults.clear();
    // Shown and not answered.
    const check = await office.check(asking);
    await restart();
    // Answered while nobody was there, and so not delivered.
    await office.stop();
    await town.standin.press(check, "Approve once", town.people.ada);
    await town.standin.hooks.settled();
    office = await openOffice(town, database, { keys });
    // Approved and not handed out, then handed out and asked for again.
    await office.check(asking, ({ conclusion }) => conclusion === "success");
    await restart();
    const answered = await office.answer(asking, request);
    expect(answered.answer).toBe("approved");
    await restart();
    expect(await office.answer(asking, request)).toEqual(answered);
    expect(office.checksOf(asking)).toHaveLength(1);
  });

  it("looks again before it hands out an approval that is a minute old, and hands out none that is not one any more", async () => {
    const asking = await office.session({ approval: "{ count: 1, expires: 30m, via: [check] }" });
    const requests = [await office.ask(asking), await office.ask(asking)];
    for (const request of requests) {
      const check = await office.check(asking, ({ actions }) =>
        actions.some(({ identifier }) => identifier.endsWith(request.id)),
      );
      await town.standin.press(check, "Approve once", town.people.ada);
    }
    await office.check(asking, ({ conclusion }) => conclusion === "success");
    office.pass(61_000);
    const [first, second] = requests;
    if (first === undefined || second === undefined) throw new Error("two were asked");
    expect(await office.answer(asking, first)).toMatchObject({ answer: "approved" });
    town.shop.roles.set("ada", "read");
    office.pass(61_000);
    expect(await office.answer(asking, second)).toMatchObject({ answer: "withdrawn", dsse: "" });
    expect((await office.answer(asking, first)).answer).toBe("approved");
    await office.check(asking, ({ conclusion }) => conclusion === "cancelled");
  });

  it("shows twenty requests on one check, written a few times, and takes no more", async () => {
    const asking = await office.session({ approval: "{ count: 1, expires: 30m, via: [check] }" });
    const all = await Promise.all(Array.from({ length: 20 }, async () => await office.ask(asking)));
    const more = await office.send(asking, "POST", "/v1/requests", office.request(asking));
    expect(more.status).toBe(429);
    const last = all.map(({ id }) => id);
    await office.check(asking, ({ output }) => last.every((id) => (output.text ?? "").includes(id)));
    expect(office.checksOf(asking)).toHaveLength(1);
    const writes = town.standin.seen.filter(({ operation }) => operation === CREATE || operation === CHANGE);
    expect(writes.length).toBeLessThan(8);
  });

  it("leaves a second between two writes, whoever makes them", async () => {
    await office.stop();
    office = await openOffice(town, database, { keys, options: { ...QUICK, writeGapMs: 1_000 } });
    const both = [await office.session({ approval: ANY }), await office.session({ approval: ANY })];
    for (const asking of both) await office.ask(asking);
    await expect.poll(() => town.shop.issues.length, { timeout: 15_000 }).toBe(2);
    const writes = town.standin.seen.filter(
      ({ operation }) => operation.startsWith("P") && !operation.includes("access_tokens"),
    );
    const gaps = writes.slice(1).map(({ at }, index) => at - (writes[index]?.at ?? 0));
    expect(writes.length).toBeGreaterThanOrEqual(4);
    // Seen from GitHub's end, where a busy machine makes one later and the next seem sooner.
    for (const gap of gaps) expect(gap).toBeGreaterThan(500);
    expect((writes.at(-1)?.at ?? 0) - (writes[0]?.at ?? 0)).toBeGreaterThan((writes.length - 1) * 1_000 - 500);
  });

  it("shows a plan whole and alone, and what waits behind it when the plan is answered", async () => {
    const asking = await office.session({ approval: ANY });
    const statements = [statement("DROP TABLE one"), statement("DROP TABLE two")];
    const plan = await office.ask(asking, { statements });
    const other = await office.ask(asking);
    const check = await office.check(asking, ({ output }) => (output.summary ?? "").includes("1 more wait"));
    expect(check.output.title).toBe("Approval needed: a plan of 2 statements");
    expect(check.output.text).toContain("DROP TABLE two");
    expect(check.output.text).not.toContain(other.id);
    await town.standin.press(check, "Approve once", town.people.ada);
    expect(await office.answer(asking, plan)).toMatchObject({ answer: "approved" });
    await office.check(asking, ({ output }) => (output.text ?? "").includes(other.id));
  });
});
