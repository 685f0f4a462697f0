// `countersign run --app` end to end: a real PostgreSQL server, psql and node-postgres as jobs, and an App in memory with
// real keys. What people answer decides what runs; what the App cannot be had for does not run.

import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { makeSessionCertificate } from "../../src/gateway/certificate.ts";
import { type Fault, fakeAppMemory, startFakeApp } from "../fakes/app.ts";
import type { People } from "../fakes/desk.ts";
import { type AppPlace, appPlace } from "./app-run.ts";
import { type LivePostgres, startPostgres } from "./server.ts";

const POLICY = `version: 1
targets:
  appdb: { protocol: postgres }
rules:
  - name: destructive
    match: { effects: [delete, schema] }
    decide: hold
    approval: { from: { teams: [dba] }, count: 1, expires: 20s }
  - name: brief
    match: { effects: [execute] }
    decide: hold
    approval: { expires: 1s }
  - name: rest
    match: { effects: [read, session, write] }
    decide: allow
`;

// Each starts programs and waits for them, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000 });

let server: LivePostgres;
let setup: pg.Client;
let places: AppPlace[] = [];

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
  await setup.query("DROP TABLE IF EXISTS carts; CREATE TABLE carts (id int); INSERT INTO carts VALUES (1), (2), (3)");
});

afterEach(async () => {
  for (const each of places.splice(0)) await each.close();
});

const approve: People = async () => "approved";

async function place(parts: Partial<Parameters<typeof appPlace>[0]> = {}): Promise<AppPlace> {
  const made = await appPlace({ policy: POLICY, people: approve, target: server.url, ...parts });
  places = [...places, made];
  return made;
}

async function left(): Promise<number> {
  const { rows } = await setup.query<{ n: number }>("SELECT count(*)::int AS n FROM carts");
  return rows[0]?.n ?? -1;
}

/** The first time that a method and path begin so, this happens; or every time. */
function faultAt(start: string, fault: Fault, times = 1): (method: string, path: string) => Fault | undefined {
  let done = 0;
  return (method, path) => {
    if (!`${method} ${path}`.startsWith(start) || done >= times) return undefined;
    done += 1;
    return fault;
  };
}

const DELETE = 'psql -X -v ON_ERROR_STOP=1 -c "DELETE FROM carts"';

function everyFile(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile());
}

describe("a held command", () => {
  it("runs once people approved it, tells the client where they are asked, and lands as good evidence", async () => {
    const { app, ledger, run, countersign } = await place({ answerUrl: "https://github.test/octo/shop/runs/9" });
    const { exited, output } = await run(DELETE, { args: ["--app-key", app.vkey] });
    expect({ code: await exited, said: output() }).toMatchObject({ code: 0 });
    expect(await left()).toBe(0);
    expect(output()).toMatch(
      /NOTICE: {2}countersign: request \w{10} waits for an answer at https:\/\/github.test\/octo/,
    );
    expect(output()).toMatch(/countersign: held: request \w{10} on appdb .* waits for people: https:\/\/github.test/);
    expect(output()).toMatch(/landed 1 command \(1 held, 0 refused\) in sessions\/[\w/]+, commit a{40}/);
    expect(app.requests.map(({ terms }) => terms.teams)).toEqual([["dba"]]);
    const verified = await countersign("verify", ledger, "--key", app.vkey, "--repository", "octo/shop");
    expect(verified.output).toContain("verdict: good, 1 sessions");
  });

  it("names the commit's checks where the App gave no closer address", async () => {
    const { run } = await place();
    const { exited, output } = await run(DELETE);
    expect(await exited).toBe(0);
    expect(output()).toContain(`waits for people: https://github.com/octo/shop/commit/${"b".repeat(40)}/checks`);
  });

  it.each([
    ["refused", "A reviewer refused the command"],
    ["expired", "Nobody answered in time"],
  ] as const)("that is %s does not run, and the job is told", async (answer, words) => {
    const { run, ledger, countersign } = await place({ people: async () => answer });
    const { exited, output } = await run(DELETE);
    expect(await exited).toBe(1);
    expect(output()).toContain(words);
    expect(await left()).toBe(3);
    expect((await countersign("verify", ledger)).output).toContain("verdict: good");
  });

  it("that nobody answers ends by the gateway's own clock, and is withdrawn", async () => {
    await setup.query("CREATE OR REPLACE FUNCTION purge() RETURNS void LANGUAGE sql AS 'DELETE FROM carts'");
    const { run, app } = await place({ people: async (_request, signal) => await never(signal) });
    const { exited, output } = await run('psql -X -v ON_ERROR_STOP=1 -c "SELECT purge()"');
    expect(await exited).toBe(1);
    expect(output()).toContain("Nobody answered in time");
    expect(await left()).toBe(3);
    expect(app.withdrawn).toEqual(app.requests.map(({ id }) => id));
  });

  it("whose client leaves is withdrawn, and an answer that comes later releases nothing", async () => {
    let answer: () => void = () => undefined;
    const late = new Promise<void>((resolve) => (answer = resolve));
    const { run, app, folder } = await place({ people: async () => await late.then(() => "approved" as const) });
    const wait = "while [ ! -e go ]; do sleep 0.1; done";
    const { exited, output } = await run(`${DELETE} & p=$!; ${wait}; kill -9 $p; wait $p; sleep 1; exit 3`);
    await until(() => app.requests.length === 1);
    writeFileSync(join(folder, "go"), "");
    await until(() => app.withdrawn.length === 1);
    answer();
    expect({ code: await exited, said: output() }).toMatchObject({ code: 3 });
    expect(await left()).toBe(3);
  });

  it("runs with node-postgres as the job too", async () => {
    const { run } = await place();
    const script = [
      "import pg from 'pg'",
      "const c = new pg.Client({ connectionString: process.env.COUNTERSIGN_APPDB_URL })",
      "await c.connect()",
      "const r = await c.query('DELETE FROM carts WHERE id = $1', [2])",
      "console.log('rows', r.rowCount)",
      "await c.end()",
    ].join(";");
    const job = `cd ${process.cwd()} && ${process.execPath} --input-type=module -e "${script.replaceAll("$", "\\$")}"`;
    const { exited, output } = await run(job);
    expect({ code: await exited, said: output() }).toMatchObject({ code: 0 });
    expect(output()).toContain("rows 1");
    expect(await left()).toBe(2);
  });
});

describe("an App that is not there", () => {
  it("as the job runs: nothing is released, the job is stopped, and the files are kept", async () => {
    const { run, app, state } = await place();
    const { exited, output } = await run(`psql -X -c 'SELECT 1'; touch started; sleep 2; ${DELETE}; echo after`);
    await until(() => output().includes("(1 row)"));
    await app.close();
    expect(await exited).toBe(1);
    expect(await left()).toBe(3);
    expect(output()).toContain("the session failed: the App at http://127.0.0.1");
    expect(output()).toContain("countersign recover");
    expect(everyFile(state).some((path) => path.endsWith("events.jsonl"))).toBe(true);
  }, 60_000);

  it("while a command is held: it is not released, and the session ends well before its request would", async () => {
    const { run, app } = await place({ people: async (_request, signal) => await never(signal) });
    const { exited, output } = await run(`(${DELETE}) & sleep 1; psql -X -c 'SELECT 1'; wait`);
    await until(() => app.requests.length === 1);
    await app.close();
    expect(await exited).toBe(1);
    expect(await left()).toBe(3);
    expect(output()).toContain("the session failed");
  }, 60_000);

  it("at the start: the job does not run", async () => {
    const { run, app } = await place({ fault: faultAt("POST /v1/sessions", { kind: "answer", status: 403 }) });
    const { exited, output } = await run("echo the job ran");
    expect(await exited).toBe(1);
    expect(output()).toBe("countersign: the App answered 403: A fault. The test wanted it.\n");
    expect(app.heard).toEqual(["POST /v1/sessions"]);
  });

  it.each([
    ["is told to come back later", { kind: "answer", status: 429, retryAfter: "1" }],
    ["meets an error of the App's", { kind: "answer", status: 502 }],
    ["is cut off before it was heard", { kind: "drop" }],
    ["is cut off after it was heard", { kind: "lose" }],
    ["waits for an answer", { kind: "slow", ms: 1_500 }],
  ] as const)(
    "for a moment: whatever %s is asked again, and the job goes on",
    async (_what, fault) => {
      const starts = [
        "POST /v1/sessions",
        "POST /v1/requests",
        "GET /v1/requests",
        "PUT ",
        "POST /v1/sessions/",
        "GET /v1/sessions/",
      ];
      const faults = starts.map((start) => faultAt(start, fault));
      const heads = faultAt("POST /add-checkpoint", fault, 3);
      const { run, ledger, countersign, app } = await place({
        fault: (method, path) =>
          heads(method, path) ?? faults.map((each) => each(method, path)).find((each) => each !== undefined),
      });
      const { exited, output } = await run(`${DELETE} && psql -X -c 'SELECT 1'`);
      expect({ code: await exited, said: output() }).toMatchObject({ code: 0 });
      expect(await left()).toBe(0);
      expect(app.requests).toHaveLength(1);
      expect((await countersign("verify", ledger)).output).toContain("verdict: good, 1 sessions");
    },
    60_000,
  );

  it("restarted while a command is held: its answer still comes, and the command runs once", async () => {
    const memory = fakeAppMemory();
    let answer: () => void = () => undefined;
    const asked = new Promise<void>((resolve) => (answer = resolve));
    const people: People = async () => await asked.then(() => "approved" as const);
    const first = await appPlace({ policy: POLICY, people, target: server.url }, memory);
    places = [...places, first];
    const { exited, output } = await first.run(DELETE);
    await until(() => first.app.requests.length === 1);
    await first.app.close();
    await sleep(1_000);
    const port = Number(new URL(first.app.url).port);
    const again = await startFakeApp({ policy: POLICY, people, ledger: first.ledger, port }, memory);
    answer();
    expect({ code: await exited, said: output() }).toMatchObject({ code: 0 });
    expect(await left()).toBe(0);
    await again.close();
  });
});

describe("a session that the App does not want any more", () => {
  it("is contested by a second registration for its job: both end, and nothing more is released", async () => {
    const { run, app } = await place();
    const first = await run(`psql -X -c 'SELECT 1'; sleep 3; ${DELETE}`);
    await until(() => first.output().includes("(1 row)"));
    const second = await run("echo the second job ran");
    expect(await second.exited).toBe(1);
    expect(second.output()).toContain("the App answered 409: This job attempt has a session under another key");
    expect(second.output()).not.toContain("the second job ran");
    expect(await first.exited).toBe(1);
    expect(first.output()).toContain("the session failed");
    expect(await left()).toBe(3);
    expect([...app.sessions.values()].map(({ state }) => state)).toEqual(["contested"]);
  });
});

describe("a wrong start", () => {
  it("is an App with another key than the one that was pinned", async () => {
    const { run } = await place();
    const other = await startFakeApp({ policy: POLICY, people: approve, ledger: "" });
    await other.close();
    const { exited, output } = await run("echo the job ran", { args: ["--app-key", other.vkey] });
    expect(await exited).toBe(1);
    expect(output()).toContain("the App's key is not the one of --app-key");
    expect(output()).not.toContain("the job ran");
  });

  it.each([
    [["--policy", "x.yml"], "--policy does not go with --app"],
    [["--ledger", "dir:x"], "--ledger does not go with --app"],
    [["--target", "other=app"], "--target other: the policy .github/countersign.yml has no such target"],
  ])("is %s", async (args, words) => {
    const { run } = await place();
    const { exited, output } = await run("echo the job ran", { args });
    expect(await exited).toBe(2);
    expect(output()).toContain(words);
    expect(output()).not.toContain("the job ran");
  });

  it.each([
    ["no runner", { GITHUB_ACTIONS: "" }, "this is no GitHub Actions runner"],
    ["a job without the permission", { GITHUB_ACTIONS: "true" }, "permissions: { id-token: write"],
  ])("is %s", async (_what, env, words) => {
    const { run, app } = await place();
    const none = {
      COUNTERSIGN_ID_TOKEN_FILE: "",
      ACTIONS_ID_TOKEN_REQUEST_URL: "",
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: "",
    };
    const { exited, output } = await run("echo the job ran", { env: { ...none, ...env } });
    expect(await exited).toBe(2);
    expect(output()).toContain(words);
    expect(app.heard).toEqual([]);
  });
});

describe("an App behind TLS", () => {
  it("is believed by an authority of NODE_EXTRA_CA_CERTS, in the thread of the heads too, and by no other", async () => {
    const { caPem, certPem, keyPem } = makeSessionCertificate(["127.0.0.1"], new Date());
    const made = await place({ tls: { cert: certPem, key: keyPem } });
    const authority = join(made.folder, "ca.pem");
    writeFileSync(authority, caPem);
    const good = await made.run(DELETE, { env: { NODE_EXTRA_CA_CERTS: authority } });
    expect({ code: await good.exited, said: good.output() }).toMatchObject({ code: 0 });
    expect(await left()).toBe(0);
    const bad = await made.run("echo the job ran", { env: { NODE_EXTRA_CA_CERTS: "" } });
    await until(() => bad.output() !== "", 75_000);
    expect(await bad.exited).toBe(1);
    expect(bad.output()).toMatch(/the App at https:\/\/127.0.0.1:\d+ cannot be reached: [A-Z_]*(?:CERT|VERIFY)/);
  }, 90_000);
});

describe("a credential that the App keeps", () => {
  const secretOf = (): string => server.password;

  it("lets the job reach the target, is recorded, and stands nowhere else", async () => {
    const credentials = new Map([["appdb", server.url]]);
    const { run, folder, ledger, countersign } = await place({ target: "app", credentials });
    const { exited, output } = await run(`env > job-env; psql -X -c 'SELECT 41 + 1 AS n'`);
    expect({ code: await exited, said: output() }).toMatchObject({ code: 0 });
    expect(output()).toContain("42");
    expect(readFileSync(join(folder, "job-env"), "utf8")).not.toMatch(/ACTIONS_ID_TOKEN|COUNTERSIGN_ID_TOKEN_FILE/);
    expect(everyFile(folder).filter((path) => readFileSync(path, "utf8").includes(secretOf()))).toEqual([]);
    expect(output()).not.toContain(secretOf());
    const events = everyFile(ledger).find((path) => path.endsWith("events.jsonl")) ?? "";
    const types = readFileSync(events, "utf8")
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line) as { type: string });
    expect(types.slice(0, 2).map(({ type }) => type)).toEqual(["session.started", "credential.issued"]);
    expect((await countersign("verify", ledger)).output).toContain("verdict: good, 1 sessions");
  });

  it("that the App does not have stops the start, and says how to go on", async () => {
    const { run } = await place({ target: "app" });
    const { exited, output } = await run("echo the job ran");
    expect(await exited).toBe(2);
    expect(output()).toContain("--target appdb=app: the App has no credential of appdb");
  });

  it("that is no URL stops the start without repeating it", async () => {
    const { run } = await place({ target: "app", credentials: new Map([["appdb", "mysql://u:hunter22@h/x"]]) });
    const { exited, output } = await run("echo the job ran");
    expect(await exited).toBe(1);
    expect(output()).toContain('the App\'s credential of appdb: target "appdb": the URL must begin with postgresql://');
    expect(output()).not.toContain("hunter22");
  });
});

describe("a gateway that was killed", () => {
  it("leaves a session that recover hands in, with a note that it has no end", async () => {
    const { run, app, ledger, state, countersign } = await place();
    const { child, output } = await run(`psql -X -c 'SELECT 1'; sleep 30`);
    await until(() => output().includes("(1 row)"));
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
    const { code, output: said } = await countersign("recover");
    expect({ code, said }).toMatchObject({ code: 0 });
    expect(said).toContain("has no end, for its gateway died");
    expect([...app.sessions.values()].map((session) => session.state)).toEqual(["landed"]);
    expect(everyFile(state).filter((path) => path.endsWith("events.jsonl"))).toEqual([]);
    const verified = await countersign("verify", ledger);
    expect(verified.output).toContain("verdict: INCOMPLETE, 1 sessions");
    expect(verified.output).not.toContain("FAILED");
  });

  it("whose hand-in failed leaves a whole session, which the next run hands in", async () => {
    const { run, ledger, countersign } = await place({
      fault: faultAt("PUT /v1/sessions/", { kind: "answer", status: 403 }),
    });
    const first = await run("psql -X -c 'SELECT 1'");
    expect(await first.exited).toBe(1);
    expect(first.output()).toContain("the App answered 403");
    expect(first.output()).toContain("the next run seals it");
    const second = await countersign("recover");
    expect(second.output).toContain("had ended and was not sealed; it is now");
    expect((await countersign("verify", ledger)).output).toContain("verdict: good, 1 sessions");
  });
});

async function never(signal: AbortSignal): Promise<"withdrawn"> {
  return await new Promise((resolve) => signal.addEventListener("abort", () => resolve("withdrawn")));
}

async function until(met: () => boolean, waitMsMax = 20_000): Promise<void> {
  for (const end = performance.now() + waitMsMax; !met(); await sleep(20)) {
    if (performance.now() > end) throw new Error("it did not come to that");
  }
}
