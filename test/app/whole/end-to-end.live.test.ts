// A job, its gateway, the App, GitHub and a database, each a process of its own: held, shown, answered, run, kept, verified.

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { CheckRun, Issue } from "../../standin/world.ts";
import { type Running, startWhole, until, type Whole } from "./town.ts";

const POLICY = `version: 1
targets:
  appdb: { protocol: postgres }
rules:
  - name: destructive
    match: { effects: [delete, schema] }
    decide: hold
    approval: { from: { teams: [dba] }, count: 1, expires: 60s }
  - name: brief
    match: { effects: [execute] }
    decide: hold
    approval: { expires: 2s }
  - name: rest
    match: { effects: [read, session, write] }
    decide: allow
`;

const DELETE = 'psql -X -v ON_ERROR_STOP=1 -c "DELETE FROM carts"';

let whole: Whole;
let app: Running;
let setup: pg.Client;

beforeAll(async () => {
  whole = await startWhole({ policy: POLICY });
  app = await whole.startApp();
  setup = new pg.Client({ connectionString: whole.server.url });
  await setup.connect();
}, 120_000);

afterAll(async () => {
  if (process.env["APP_LOG"] !== undefined) process.stdout.write(app.output());
  await setup.end();
  await whole.close();
}, 60_000);

vi.setConfig({ testTimeout: 120_000 });

beforeEach(async () => {
  await setup.query("DROP TABLE IF EXISTS carts; CREATE TABLE carts (id int); INSERT INTO carts VALUES (1), (2), (3)");
});

async function left(): Promise<number> {
  const { rows } = await setup.query<{ n: number }>("SELECT count(*)::int AS n FROM carts");
  return rows[0]?.n ?? -1;
}

async function ended(step: Running, code: number): Promise<void> {
  expect(await step.exited, `${step.output()}\n--- the App:\n${app.output().slice(-4000)}`).toBe(code);
}

/** A pull request of Ada's with a run on its head. */
async function pullRequest(branch: string) {
  const { standin, shop, people, newJob } = whole;
  const head = await standin.commit(shop, {
    branch,
    files: { [`${branch}.sql`]: "DELETE FROM carts" },
    author: people.ada,
  });
  const pull = await standin.openPull({ repository: shop, head: branch, author: people.ada });
  const made = await newJob({ headBranch: branch, headSha: head, event: "pull_request" });
  const claims = {
    event_name: "pull_request",
    ref: `refs/pull/${pull.number}/merge`,
    head_ref: branch,
    base_ref: "main",
  };
  return { head, pull, ...made, claims };
}

/** The code that answers the request that the check shows. */
function codeIn(check: CheckRun): string {
  const [, code] = /\/countersign approve ([0-9A-Z]{5}-[0-9A-Z]{5})/.exec(check.output.text ?? "") ?? [];
  if (code === undefined) throw new Error(`no code in:\n${check.output.text}`);
  return code;
}

const commentsOfTheApp = (issue: Issue): readonly string[] =>
  issue.comments.filter(({ author }) => author.kind === "Bot").map(({ body }) => body);

async function expectGoodEvidence(): Promise<void> {
  const folder = await whole.clone();
  const ours = await whole.countersign("verify", folder, "--repository", "acme/shop");
  expect(ours.output).toContain("verdict: good");
  expect(ours.code).toBe(0);
  const { status, stdout, stderr } = spawnSync("python3", ["test/independent/verify.py", folder], { encoding: "utf8" });
  expect({ status, said: status === 0 ? "" : stdout + stderr }).toEqual({ status: 0, said: "" });
}

describe("by the button of the check", () => {
  it("what was approved runs, and its evidence verifies from a stock clone", async () => {
    const { newJob, step, waitingCheck, standin, people } = whole;
    const { run, job } = await newJob();
    const running = step(job, DELETE);
    const check = await waitingCheck(run.headSha);
    expect(check.output.text).toContain("DELETE FROM carts");
    expect(await left()).toBe(3);
    await standin.press(check, "Approve once", people.bob);
    await ended(running, 0);
    expect(await left()).toBe(0);
    await until("the check says so", () => (check.conclusion === "success" ? true : undefined));
    expect(`${check.output.title}${check.output.summary}${check.output.text}`).toContain("bob");
    expect(check.actions).toEqual([]);
    await expectGoodEvidence();
  });

  it("what was refused does not run, and the job is told", async () => {
    const { newJob, step, waitingCheck, standin, people } = whole;
    const { run, job } = await newJob();
    const running = step(job, DELETE);
    await standin.press(await waitingCheck(run.headSha), "Deny", people.cal);
    await ended(running, 1);
    expect(running.output()).toContain("refused");
    expect(await left()).toBe(3);
    await expectGoodEvidence();
  });

  it("nothing is approved by who caused the run, by who only reads, or by who is in no named team", async () => {
    const { newJob, step, waitingCheck, standin, people } = whole;
    const { run, job } = await newJob();
    const running = step(job, DELETE);
    const check = await waitingCheck(run.headSha);
    await standin.press(check, "Approve once", people.ada);
    await standin.hooks.settled();
    expect(await left()).toBe(3);
    expect(check.conclusion).toBe("action_required");
    await standin.press(check, "Approve once", people.bob);
    await ended(running, 0);
  });

  it("what nobody answers expires", async () => {
    const { newJob, step } = whole;
    const { run, job } = await newJob();
    await setup.query("CREATE OR REPLACE FUNCTION purge() RETURNS void LANGUAGE sql AS 'DELETE FROM carts'");
    await ended(step(job, 'psql -X -v ON_ERROR_STOP=1 -c "SELECT purge()"'), 1);
    expect(await left()).toBe(3);
    const { shop } = whole;
    const check = shop.checkRuns.find(({ headSha, externalId }) => headSha === run.headSha && externalId !== undefined);
    expect(check?.actions ?? []).toEqual([]);
    await expectGoodEvidence();
  });

  it("what its client gave up is withdrawn", async () => {
    const { newJob, step, waitingCheck } = whole;
    const { run, job } = await newJob();
    const running = step(job, `timeout -s INT 4 ${DELETE}`);
    const check = await waitingCheck(run.headSha);
    expect(await running.exited).not.toBe(0);
    await until("the check is closed", () => (check.conclusion === "action_required" ? undefined : true));
    expect(check.actions).toEqual([]);
    expect(await left()).toBe(3);
    await expectGoodEvidence();
  });
});

describe("by comment on the pull request", () => {
  it.each([
    ["approve", 0, 0],
    ["deny", 1, 3],
  ] as const)("%s with the code of the request does so", async (word, code, rows) => {
    const { step, waitingCheck, standin, people } = whole;
    const { head, pull, job, claims } = await pullRequest(`comment-${word}`);
    const running = step(job, DELETE, { claims });
    const check = await waitingCheck(head);
    await until("the App's comment", () => commentsOfTheApp(pull)[0]);
    standin.comment(pull, people.ada, `/countersign approve ${codeIn(check)}`);
    standin.comment(pull, people.bob, "/countersign approve 00000-00000");
    await standin.hooks.settled();
    expect(await left()).toBe(3);
    standin.comment(pull, people.bob, `/countersign ${word} ${codeIn(check)}`);
    await ended(running, code);
    expect(await left()).toBe(rows);
    await expectGoodEvidence();
  });
});

describe("by review of the pull request", () => {
  it.each([
    ["APPROVED", 0, 0],
    ["CHANGES_REQUESTED", 1, 3],
  ] as const)("%s after it was listed does so, and before it does not", async (state, code, rows) => {
    const { step, waitingCheck, standin, people } = whole;
    const { head, pull, job, claims } = await pullRequest(`review-${state.toLowerCase().replaceAll("_", "-")}`);
    await standin.review(pull, people.cal, { state: "APPROVED" });
    const running = step(job, DELETE, { claims });
    await waitingCheck(head);
    // GitHub's times are whole seconds: what is of the same second is not later.
    await new Promise((done) => setTimeout(done, 2_100));
    expect(await left()).toBe(3);
    await standin.review(pull, people.bob, { state });
    await ended(running, code);
    expect(await left()).toBe(rows);
    await expectGoodEvidence();
  });
});

describe("when nothing waits any more", () => {
  it("GitHub is left alone", async () => {
    await whole.standin.hooks.settled();
    await new Promise((done) => setTimeout(done, 3_000));
    const before = whole.standin.seen.length;
    await new Promise((done) => setTimeout(done, 3_000));
    expect(whole.standin.seen.length - before).toBeLessThan(10);
  });
});

describe("what the workflow never holds", () => {
  it("is the target's credential, which the App alone has", async () => {
    const { newJob, step, folder, server } = whole;
    const { job } = await newJob();
    const running = step(job, "env; psql -X -c 'SELECT 1'; cat /proc/$PPID/environ | tr '\\0' '\\n'");
    await ended(running, 0);
    expect(server.password.length).toBeGreaterThan(8);
    expect(running.output()).not.toContain(server.password);
    expect(app.output()).not.toContain(server.password);
    expect(existsSync(join(folder, "credentials.yml"))).toBe(true);
    const clone = await whole.clone();
    const grep = spawnSync("grep", ["-r", server.password, clone], { encoding: "utf8" });
    expect(grep.stdout).toBe("");
    expect(readFileSync(join(clone, "README.md"), "utf8")).toContain("Evidence of what jobs did in production");
  });
});
