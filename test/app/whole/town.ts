// Everything at once, each in a process of its own as it would really run: a GitHub, a PostgreSQL server, one or more
// instances of the App from dist/, and jobs behind `countersign run --app` from dist/.

import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parse } from "yaml";
import { type LivePostgres, startPostgres } from "../../live/server.ts";
import type { NewRun } from "../../standin/setup.ts";
import { type Standin, type StandinOptions, startStandin } from "../../standin/standin.ts";
import type { Account, CheckRun, Installation, Job, Permissions, Repository, Run } from "../../standin/world.ts";

const PROGRAM = resolve("dist/countersign.cjs");
export const WEBHOOK_SECRET = "f3b1a09c57d2e864f3b1a09c57d2e86475a0c1d9";

/** A process of ours, and what it said so far. */
export interface Running {
  readonly child: ChildProcess;
  readonly output: () => string;
  /** The exit code; 128 when a signal ended it. */
  readonly exited: Promise<number>;
}

export interface Whole {
  readonly standin: Standin;
  readonly server: LivePostgres;
  readonly shop: Repository;
  readonly installation: Installation;
  /** Ada's commits run; Bob and Cal are in the team `dba`; Eve only reads. */
  readonly people: { readonly ada: Account; readonly bob: Account; readonly cal: Account; readonly eve: Account };
  /** Where gateways and GitHub find the App. */
  readonly url: string;
  readonly folder: string;
  /** Starts the App and waits until it is ready. */
  readonly startApp: (more?: { readonly env?: NodeJS.ProcessEnv; readonly port?: number }) => Promise<Running>;
  /** A run of the newest commit of a branch, with one job. */
  readonly newJob: (more?: Partial<NewRun>) => Promise<{ readonly run: Run; readonly job: Job }>;
  /** `countersign run --app` as a step of the job, with a shell script as what it runs. */
  readonly step: (job: Job, script: string, more?: StepOptions) => Running;
  /** Any other command of ours. */
  readonly countersign: (...args: readonly string[]) => Promise<{ readonly code: number; readonly output: string }>;
  /** The App's check that waits for an answer on a commit, once it is there. */
  readonly waitingCheck: (sha: string) => Promise<CheckRun>;
  /** Clones a branch, the evidence's unless said, with git as it comes, and gives the folder. */
  readonly clone: (branch?: string) => Promise<string>;
  readonly close: () => Promise<void>;
}

export interface StepOptions {
  readonly target?: string;
  readonly args?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** What the job's token says otherwise. */
  readonly claims?: Readonly<Record<string, unknown>>;
}

export interface WholeOptions extends StandinOptions {
  readonly policy: string;
  /** The App's state: a folder, or a database of the PostgreSQL server's. */
  readonly state?: "folder" | "postgres";
  readonly fixture?: string;
}

export async function startWhole(options: WholeOptions): Promise<Whole> {
  const folder = mkdtempSync(join(tmpdir(), "cs-whole-"));
  const server = await startPostgres(options.fixture === undefined ? {} : { fixture: options.fixture });
  const standin = await startStandin(options);
  const acme = standin.organization("acme");
  const [ada, bob, cal, eve] = ["ada", "bob", "cal", "eve"].map((login) => standin.user(login));
  if (ada === undefined || bob === undefined || cal === undefined || eve === undefined)
    throw new Error("four are four");
  const shop = await standin.repository(acme, "shop");
  shop.roles.set("ada", "write").set("bob", "maintain").set("cal", "write").set("eve", "read");
  standin.team(acme, "dba", { bob: "active", cal: "active" });
  await standin.commit(shop, { files: { ".github/countersign.yml": options.policy }, author: ada });
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const manifest = readManifest();
  const { app, privateKey } = standin.app({
    slug: "countersign",
    owner: acme,
    permissions: manifest.permissions,
    events: manifest.events,
    hook: { url: `${url}/api/github/webhooks`, secret: WEBHOOK_SECRET },
  });
  const installation = standin.install(app, acme);
  const credentials = join(folder, "credentials.yml");
  writeFileSync(credentials, `acme/shop:\n  appdb: ${server.url}\n`, { mode: 0o600 });
  const children: ChildProcess[] = [];
  const start = (args: readonly string[], env: NodeJS.ProcessEnv, cwd = folder): Running => {
    const child = spawn(process.execPath, [PROGRAM, ...args], {
      cwd,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...env },
    });
    children.push(child);
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => (output += text));
    }
    const exited = new Promise<number>((done) => child.on("close", (code) => done(code ?? 128)));
    return { child, output: () => output, exited };
  };
  let jobs = 0;
  return {
    standin,
    server,
    shop,
    installation,
    people: { ada, bob, cal, eve },
    url,
    folder,
    async startApp({ env = {}, port: own = port } = {}) {
      const running = start(["app"], {
        APP_ID: String(app.id),
        PRIVATE_KEY: privateKey,
        WEBHOOK_SECRET,
        COUNTERSIGN_URL: url,
        HOST: "127.0.0.1",
        PORT: String(own),
        GITHUB_API_URL: standin.origin,
        GITHUB_SERVER_URL: standin.origin,
        COUNTERSIGN_OIDC_ISSUERS: standin.oidc.issuer,
        COUNTERSIGN_CREDENTIALS_FILE: credentials,
        COUNTERSIGN_STATE_DIR: join(folder, "app"),
        ...env,
      });
      await ready(running, `http://127.0.0.1:${own}/readyz`);
      return running;
    },
    async newJob(more = {}) {
      const commit = await shop.git.commit(`refs/heads/${more.headBranch ?? "main"}`);
      if (commit === undefined) throw new Error("the branch has no commit");
      const run = standin.run({ repository: shop, headSha: commit.oid, actor: ada, ...more });
      return { run, job: standin.job(run) };
    },
    step(job, script, { target = "app", args = [], env = {}, claims = {} } = {}) {
      jobs += 1;
      const own = join(folder, `job-${jobs}`);
      const [state, temporary] = [join(own, "state"), join(own, "tmp")];
      mkdirSync(temporary, { recursive: true });
      const token = join(own, "token");
      writeFileSync(token, standin.oidc.token(job, url, claims), { mode: 0o600 });
      const variables = { COUNTERSIGN_ID_TOKEN_FILE: token, COUNTERSIGN_STATE_DIR: state, TMPDIR: temporary };
      return start(
        ["run", "--app", url, "--target", `appdb=${target}`, ...args, "--", "/bin/sh", "-c", script],
        { ...variables, ...env },
        own,
      );
    },
    async countersign(...args) {
      const { exited, output } = start(args, {});
      return { code: await exited, output: output() };
    },
    async waitingCheck(sha) {
      return await until(`a check on ${sha} that waits`, () =>
        shop.checkRuns.find(
          (each) => each.app === app && each.headSha === sha && each.conclusion === "action_required",
        ),
      );
    },
    async clone(branch = "countersign/evidence") {
      const to = mkdtempSync(join(folder, "clone-"));
      const child = spawn("git", ["clone", "-q", "-b", branch, `${standin.origin}/acme/shop.git`, to]);
      children.push(child);
      const code = await new Promise<number | null>((done) => child.on("close", done));
      if (code !== 0) throw new Error(`git clone ended with ${code}`);
      return to;
    },
    async close() {
      for (const child of children) kill(child);
      await Promise.all(children.map(async (child) => await gone(child)));
      await standin.close();
      await server.close();
      rmSync(folder, { recursive: true, force: true });
      if (standin.violations.length > 0) throw new Error(`against the descriptions:\n${standin.violations.join("\n")}`);
    },
  };
}

/** What `found` gives, once it gives anything. Rejects after half a minute. */
export async function until<T>(what: string, found: () => T | undefined, withinMs = 30_000): Promise<T> {
  const end = Date.now() + withinMs;
  while (Date.now() < end) {
    const value = found();
    if (value !== undefined) return value;
    await sleep(20);
  }
  throw new Error(`${what} did not come within ${withinMs} ms`);
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  await new Promise<void>((done) => server.close(() => done()));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

// The App is registered with what app.yml asks for and nothing more: what it does with less is what it can do.
function readManifest(): { readonly permissions: Permissions; readonly events: readonly string[] } {
  const manifest = parse(readFileSync("app.yml", "utf8")) as {
    readonly default_permissions: Permissions;
    readonly default_events: readonly string[];
  };
  return { permissions: manifest.default_permissions, events: manifest.default_events };
}

async function ready({ exited, output }: Running, url: string): Promise<void> {
  let ended: number | undefined;
  void exited.then((code) => (ended = code));
  for (let tries = 0; tries < 600; tries += 1) {
    if (ended !== undefined) throw new Error(`the App ended with ${ended}:\n${output()}`);
    try {
      if ((await fetch(url)).status === 200) return;
    } catch {
      // It does not listen yet.
    }
    await sleep(50);
  }
  throw new Error(`the App did not get ready:\n${output()}`);
}

function kill(child: ChildProcess): void {
  try {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, "SIGKILL");
  } catch {
    // It and all that it started have ended.
  }
}

async function gone(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  await new Promise<void>((done) => child.once("close", () => done()));
}
