// `countersign plan` end to end in local mode: a real server, psql as it is, and one answer on the page for a list of
// statements. What is not the next of them is asked about as ever.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { appPlace } from "./app-run.ts";
import { COUNTERSIGN, type LocalPlace, localPlace } from "./local-run.ts";
import { type LivePostgres, startPostgres } from "./server.ts";

const POLICY = `version: 1
targets:
  appdb: { protocol: postgres }
rules:
  - name: no-privilege-changes
    match: { effects: [grant] }
    decide: deny
    message: Change roles elsewhere.
  - name: destructive
    match: { effects: [delete] }
    decide: hold
    approval: { expires: 20s }
  - name: structure
    match: { effects: [schema] }
    decide: hold
    approval: { expires: 20s }
  - name: rest
    match: { effects: [read, session, write] }
    decide: allow
`;

/** Twenty statements as people write them: comments, empty lines, a semicolon in a string, an allowed one in between. */
const MIGRATION = `-- a migration
BEGIN;
${Array.from({ length: 16 }, (_, at) => `\n/* step ${at + 1} */\nDELETE FROM carts\n\n  WHERE id = ${at + 1}; -- one`).join("\n")}
INSERT INTO carts VALUES (100, 'a;b');
ALTER TABLE carts ADD COLUMN note text;
COMMIT;
`;

const PLAN = `${COUNTERSIGN} plan m.sql --target appdb`;
const PSQL = "psql -X -q -v ON_ERROR_STOP=1";

// Each starts programs and waits for them, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000 });

let server: LivePostgres;
let setup: pg.Client;
let place: LocalPlace;

beforeAll(async () => {
  server = await startPostgres();
  setup = new pg.Client({ connectionString: server.url });
  await setup.connect();
});

afterAll(async () => {
  await setup.end();
  await server.close();
});

beforeEach(async () => {
  await setup.query("DROP TABLE IF EXISTS carts; CREATE TABLE carts (id int, name text)");
  await setup.query("INSERT INTO carts SELECT n, 'x' FROM generate_series(1, 20) n");
  place = localPlace({ policy: POLICY, target: server.url });
});

afterEach(() => place.close());

function plan(sql: string): void {
  writeFileSync(join(place.folder, "m.sql"), sql);
}

async function ids(): Promise<readonly number[]> {
  const { rows } = await setup.query<{ id: number }>("SELECT id FROM carts ORDER BY id");
  return rows.map(({ id }) => id);
}

interface Line {
  readonly type: string;
  readonly body: Readonly<Record<string, unknown>>;
}

function events(ledger = place.ledger): readonly Line[] {
  const file = readdirSync(ledger, { recursive: true, encoding: "utf8" }).find((name) => name.endsWith("events.jsonl"));
  const lines = readFileSync(join(ledger, file ?? ""), "utf8").split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as Line);
}

describe("a plan of twenty statements that was approved once", () => {
  it("is shown whole, and psql -f runs all of it without another question; the evidence is good", async () => {
    plan(MIGRATION);
    const run = place.run(`${PLAN} && ${PSQL} -f m.sql`);
    const request = await run.waiting();
    const text = request.text.map((span) => span.text).join("");
    expect(request.headline).toContain("A plan of 20 statements");
    expect(text).toContain("Statement 18 of 20: write on carts");
    expect(text).toContain("DELETE FROM carts\n  WHERE id = 16;");
    expect(text).toContain("would touch 1 rows");
    await run.answer(request, "approve");
    expect({ code: await run.exited, said: run.output() }).toMatchObject({ code: 0 });
    expect(await ids()).toEqual([17, 18, 19, 20, 100]);
    const all = events();
    expect(all.filter(({ type }) => type === "plan.requested")).toHaveLength(1);
    expect(all.filter(({ type }) => type === "approval.requested")).toHaveLength(0);
    const answers = all.filter(({ type }) => type === "approval.answered");
    expect(answers.map(({ body }) => body["request"])).toEqual(Array.from({ length: 17 }, () => request.id));
    const verified = await place.countersign("verify", place.ledger);
    expect(verified.output).toContain("verdict: good, 1 sessions");
  });

  it("covers nothing that is not its next statement: another command is asked about, and leaves it where it is", async () => {
    plan("DELETE FROM carts WHERE id = 1;\nDELETE FROM carts WHERE id = 2;\n");
    const job = [
      PLAN,
      `${PSQL} -c 'DELETE FROM carts WHERE id = 3'`,
      `${PSQL} -f m.sql`,
      `${PSQL} -c 'DELETE FROM carts WHERE id = 1;'`,
    ];
    const run = place.run(job.join("\n"));
    await run.answer(await run.waiting(), "approve");
    const other = await run.waiting();
    expect(other.text.map(({ text }) => text).join("")).toBe("DELETE FROM carts WHERE id = 3");
    await run.answer(other, "refuse");
    const again = await run.waiting();
    expect(again.text.map(({ text }) => text).join("")).toBe("DELETE FROM carts WHERE id = 1;");
    await run.answer(again, "refuse");
    expect(await run.exited).toBe(1);
    expect((await ids()).slice(0, 2)).toEqual([3, 4]);
    expect((await place.countersign("verify", place.ledger)).output).toContain("verdict: good");
  });

  it("ends with the first statement that fails: what was to follow is asked about anew", async () => {
    plan("DELETE FROM carts WHERE id = 1;\nDELETE FROM carts WHERE id = 1 / 0;\nDELETE FROM carts WHERE id = 3;\n");
    const run = place.run(`${PLAN} && psql -X -q -f m.sql`);
    await run.answer(await run.waiting(), "approve");
    const rest = await run.waiting();
    expect(rest.text.map(({ text }) => text).join("")).toBe("DELETE FROM carts WHERE id = 3;");
    await run.answer(rest, "refuse");
    expect(await run.exited).toBe(0);
    expect((await ids()).slice(0, 2)).toEqual([2, 3]);
    expect((await place.countersign("verify", place.ledger)).output).toContain("verdict: good");
  });

  it("with --whole is one command, as psql -c sends it", async () => {
    plan("DELETE FROM carts WHERE id = 1; DELETE FROM carts WHERE id = 2");
    const run = place.run(`${PLAN} --whole && ${PSQL} -c "$(cat m.sql)"`);
    const request = await run.waiting();
    expect(request.headline).toContain("A plan of 1 statements");
    await run.answer(request, "approve");
    expect({ code: await run.exited, said: run.output() }).toMatchObject({ code: 0 });
    expect((await ids())[0]).toBe(3);
  });

  it("covers no prepared statement, whose bytes are others", async () => {
    plan("DELETE FROM carts WHERE id = 1;");
    const script = [
      "import pg from 'pg'",
      "const c = new pg.Client({ connectionString: process.env.COUNTERSIGN_APPDB_URL })",
      "await c.connect()",
      "await c.query({ name: 'n', text: 'DELETE FROM carts WHERE id = 1;' }).catch((e) => console.log(e.message))",
      "await c.end()",
    ].join(";");
    const run = place.run(`${PLAN} && cd ${process.cwd()} && ${process.execPath} --input-type=module -e "${script}"`);
    await run.answer(await run.waiting(), "approve");
    await run.answer(await run.waiting(), "refuse");
    await run.exited;
    expect(run.output()).toContain("A reviewer refused the command");
    expect((await ids())[0]).toBe(1);
  });
});

describe("a plan that is not approved", () => {
  it("ends with 1 when it is refused, and nothing is in force", async () => {
    plan(MIGRATION);
    const run = place.run(`${PLAN} && ${PSQL} -f m.sql`);
    await run.answer(await run.waiting(), "refuse");
    expect(await run.exited).toBe(1);
    expect(run.output()).toMatch(/countersign: plan \w{10} refused by/);
    expect(await ids()).toHaveLength(20);
    expect((await place.countersign("verify", place.ledger)).output).toContain("verdict: good");
  });

  it.each([
    [
      "a statement that policy denies",
      "DELETE FROM carts;\nGRANT ALL ON carts TO PUBLIC;",
      'statement 2 is denied by rule "no-privilege',
    ],
    [
      "what does not parse",
      "\\set x 1\nDELETE FROM carts WHERE id = :x;",
      "the file cannot be planned: PostgreSQL's parser",
    ],
    ["no statement", "-- nothing\n", "the file holds no statement"],
    ["data behind COPY", "COPY carts FROM STDIN;", "statement 1 takes data from the client"],
  ])("is not asked about with %s", async (_what, sql, words) => {
    plan(sql);
    const run = place.run(PLAN);
    expect(await run.exited).toBe(1);
    expect(run.output()).toContain(words);
    expect(events().filter(({ type }) => type === "plan.requested")).toEqual([]);
    expect((await place.countersign("verify", place.ledger)).output).toContain("verdict: good");
  });

  it("is not asked about where nothing in it is held", async () => {
    plan("SELECT 1;\nINSERT INTO carts VALUES (21);");
    const run = place.run(PLAN);
    expect(await run.exited).toBe(0);
    expect(run.output()).toContain("no statement of the plan is held");
  });

  it("is withdrawn when who proposed it leaves", async () => {
    plan("DELETE FROM carts WHERE id = 1;");
    const wait = "while [ ! -e go ]; do sleep 0.1; done";
    const run = place.run(`${PLAN} & p=$!; ${wait}; kill $p; wait $p; sleep 1; exit 5`);
    await run.waiting();
    writeFileSync(join(place.folder, "go"), "");
    expect(await run.exited).toBe(5);
    const answered = events().find(({ type }) => type === "plan.answered");
    expect(answered?.body["answer"]).toBe("withdrawn");
    expect((await place.countersign("verify", place.ledger)).output).toContain("verdict: good");
  });

  it("is no plan outside of a job, nor with another's token", async () => {
    plan("DELETE FROM carts WHERE id = 1;");
    const outside = await place.countersign("plan", "m.sql", "--target", "appdb");
    expect(outside.code).toBe(2);
    expect(outside.output).toContain("there is no gateway to ask");
    const run = place.run(`COUNTERSIGN_CONTROL_TOKEN=guessed ${PLAN}; stat -c %a "$COUNTERSIGN_CONTROL"`);
    expect(await run.exited).toBe(0);
    expect(run.output()).toContain("this socket belongs to the job of another countersign run");
    expect(run.output()).toContain("600\n");
  });
});

describe("a plan with the App", () => {
  it("is one request with its statements, whose signed answer covers them", async () => {
    const made = await appPlace({
      policy: POLICY,
      people: async () => "approved",
      target: server.url,
    });
    const { app, folder, ledger, run, countersign } = made;
    try {
      writeFileSync(join(folder, "m.sql"), MIGRATION);
      const { exited, output } = await run(`${PLAN} && ${PSQL} -f m.sql`);
      expect({ code: await exited, said: output() }).toMatchObject({ code: 0 });
      expect(app.requests).toHaveLength(1);
      expect(app.requests[0]).toMatchObject({ rule: "destructive", cmd: expect.stringMatching(/^\d+\/1$/) as string });
      expect(await ids()).toEqual([17, 18, 19, 20, 100]);
      expect((await countersign("verify", ledger, "--key", app.vkey)).output).toContain("verdict: good, 1 sessions");
    } finally {
      await made.close();
    }
  });
});
