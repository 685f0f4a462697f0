// What is there before a test begins: accounts, repositories, Apps and their installations, tokens, runs.

import { createPublicKey, generateKeyPairSync, randomBytes } from "node:crypto";
import { join } from "node:path";
import { createRepository, type GitRepository } from "./git/repository.ts";
import { emailOf } from "./render/repository.ts";
import { newCheck } from "./routes/checks.ts";
import {
  type Account,
  type App,
  type Installation,
  isoOf,
  type Job,
  type Permissions,
  type Repository,
  type Run,
  type Team,
  type World,
} from "./world.ts";

export interface NewApp {
  readonly app: App;
  /** PEM, PKCS #1, as GitHub hands it out. */
  readonly privateKey: string;
}

export interface NewFiles {
  readonly branch?: string;
  /** Contents by path. */
  readonly files: Readonly<Record<string, string | Buffer>>;
  readonly message?: string;
  readonly author?: Account;
  /** Where the branch starts when it is not there yet; the default branch unless said. */
  readonly from?: string;
}

export interface NewRun {
  readonly repository: Repository;
  readonly headSha: string;
  readonly headBranch?: string;
  readonly headRepository?: Repository;
  readonly event?: string;
  readonly actor: Account;
  readonly path?: string;
  readonly jobs?: readonly string[];
}

export interface Setup {
  user(login: string, name?: string): Account;
  organization(login: string): Account;
  /** `members` by login; pending ones were invited and have not answered. */
  team(organization: Account, slug: string, members: Readonly<Record<string, "active" | "pending">>): Team;
  /** A repository, with a first commit on its default branch unless it is to be empty. */
  repository(
    owner: Account,
    name: string,
    more?: Partial<Pick<Repository, "isPrivate" | "defaultBranch" | "fork">> & { readonly empty?: boolean },
  ): Promise<Repository>;
  /** A fork with everything that is in the repository. */
  fork(repository: Repository, owner: Account): Promise<Repository>;
  /** Commits files to a branch, as if somebody had pushed; gives the commit's name. */
  commit(repository: Repository, what: NewFiles): Promise<string>;
  app(of: {
    readonly slug: string;
    readonly owner: Account;
    readonly permissions: Permissions;
    readonly events?: readonly string[];
    readonly hook?: App["hook"];
  }): NewApp;
  /** Registers an App as from a manifest in a browser, and gives the code that GitHub sends back. */
  registerManifest(of: {
    readonly slug: string;
    readonly owner: Account;
    readonly permissions: Permissions;
    readonly events: readonly string[];
    readonly hookUrl: string;
  }): string;
  install(
    app: App,
    account: Account,
    more?: { readonly repositories?: readonly Repository[]; readonly permissions?: Permissions },
  ): Installation;
  /** A personal access token. */
  personalToken(account: Account): string;
  /** A token with which an App acts for a person. */
  userToServerToken(account: Account, app: App): string;
  /** What a job has as `GITHUB_TOKEN`. */
  jobToken(repository: Repository, permissions: Permissions): string;
  /** Ends every token of an installation now. */
  expireTokens(installation: Installation): void;
  run(of: NewRun): Run;
  /** Runs it again, which resets nothing but the attempt and who asked for it. */
  rerun(run: Run, by: Account): void;
  job(run: Run, name?: string): Job;
}

export function createSetup(world: World, folder: string): Setup {
  return {
    user: (login, name = "") => account(world, { login, name, kind: "User" }),
    organization: (login) => account(world, { login, name: login, kind: "Organization" }),
    team(organization, slug, members) {
      const entries = Object.entries(members).map(
        ([login, state]) => [login.toLowerCase(), { role: "member", state }] as const,
      );
      const team: Team = { id: world.nextId(), slug, name: slug, organization, members: new Map(entries) };
      world.teams.push(team);
      return team;
    },
    async repository(owner, name, more = {}) {
      const id = world.nextId();
      const defaultBranch = more.defaultBranch ?? "main";
      const git = await createRepository(join(folder, `${id}.git`), defaultBranch);
      const repository = newRepository(world, {
        id,
        owner,
        name,
        git,
        defaultBranch,
        fork: more.fork ?? false,
        isPrivate: more.isPrivate ?? false,
      });
      if (more.empty !== true) await commitFiles(world, repository, { files: { "README.md": `# ${name}\n` } });
      return repository;
    },
    async fork(repository, owner) {
      const id = world.nextId();
      const git = await createRepository(join(folder, `${id}.git`), repository.defaultBranch);
      await git.git("fetch", "--quiet", repository.git.folder, "+refs/heads/*:refs/heads/*");
      const { name, defaultBranch, isPrivate } = repository;
      return newRepository(world, { id, owner, name, git, defaultBranch, isPrivate, fork: true });
    },
    commit: async (repository, what) => await commitFiles(world, repository, what),
    app(of) {
      const { privateKey, publicKey } = keyPair();
      const app = newApp(world, { ...of, publicKey, hook: of.hook });
      world.apps.push(app);
      return { app, privateKey };
    },
    registerManifest(of) {
      const { privateKey, publicKey } = keyPair();
      const secret = randomBytes(20).toString("hex");
      const app = newApp(world, { ...of, publicKey, hook: { url: of.hookUrl, secret } });
      world.apps.push(app);
      const code = randomBytes(20).toString("hex");
      world.manifests.set(code, { app, privateKey, secret });
      return code;
    },
    install(app, owner, more = {}) {
      const installation: Installation = {
        id: world.nextId(),
        app,
        account: owner,
        repositories: more.repositories === undefined ? "all" : new Set(more.repositories),
        permissions: more.permissions ?? app.permissions,
        suspendedAt: undefined,
      };
      world.installations.push(installation);
      return installation;
    },
    personalToken(owner) {
      return keep(world, `ghp_${randomBytes(27).toString("hex").slice(0, 36)}`, {
        kind: "user",
        account: owner,
        via: undefined,
      });
    },
    userToServerToken(owner, app) {
      return keep(world, `ghu_${randomBytes(27).toString("hex").slice(0, 36)}`, {
        kind: "user",
        account: owner,
        via: app,
      });
    },
    jobToken(repository, permissions) {
      const installation: Installation = {
        id: world.nextId(),
        app: world.actions,
        account: repository.owner,
        repositories: new Set([repository]),
        permissions,
        suspendedAt: undefined,
      };
      const principal = { kind: "installation", installation, permissions, repositories: undefined } as const;
      return keep(world, `ghs_${world.actions.id}_${randomBytes(190).toString("base64url")}`, principal);
    },
    expireTokens(installation) {
      for (const token of world.tokens.values()) {
        if (token.principal.kind === "installation" && token.principal.installation === installation) {
          token.expiresAt = world.now();
        }
      }
    },
    run: (of) => newRun(world, of),
    rerun(run, by) {
      run.attempt += 1;
      run.triggeringActor = by;
      run.status = "in_progress";
      run.conclusion = undefined;
      run.updatedAt = isoOf(world.now());
      const names = run.jobs.filter((job) => job.attempt === run.attempt - 1).map((job) => job.name);
      for (const name of names) run.jobs.push(newJob(world, run, name));
    },
    job(run, name) {
      const job = run.jobs.find((each) => each.attempt === run.attempt && (name === undefined || each.name === name));
      if (job === undefined) throw new TypeError(`the run has no job ${name ?? ""}`);
      return job;
    },
  };
}

function account(world: World, of: Omit<Account, "id">): Account {
  const made = { ...of, id: world.nextId() };
  world.accounts.set(made.login.toLowerCase(), made);
  return made;
}

function keep(world: World, value: string, principal: Parameters<World["tokens"]["set"]>[1]["principal"]): string {
  world.tokens.set(value, { principal, expiresAt: undefined });
  return value;
}

function keyPair(): { privateKey: string; publicKey: ReturnType<typeof createPublicKey> } {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const pem = privateKey.export({ type: "pkcs1", format: "pem" }).toString();
  return { privateKey: pem, publicKey: createPublicKey(pem) };
}

function newApp(
  world: World,
  of: Pick<App, "slug" | "owner" | "permissions" | "publicKey" | "hook"> & { readonly events?: readonly string[] },
): App {
  const { slug, owner, permissions, publicKey, hook } = of;
  const bot = account(world, { login: `${slug}[bot]`, name: "", kind: "Bot" });
  return { id: world.nextId(), slug, name: slug, owner, bot, publicKey, permissions, events: of.events ?? [], hook };
}

function newRepository(
  world: World,
  of: Pick<Repository, "id" | "owner" | "name" | "defaultBranch" | "fork" | "isPrivate"> & {
    readonly git: GitRepository;
  },
): Repository {
  const repository: Repository = {
    ...of,
    createdAt: isoOf(world.now()),
    roles: new Map(),
    checkRuns: [],
    suites: [],
    issues: [],
    runs: [],
    releases: [],
  };
  world.repositories.push(repository);
  return repository;
}

/** Commits files to a branch, which is made where it is not there. Gives the commit's name. */
export async function commitFiles(world: World, repository: Repository, what: NewFiles): Promise<string> {
  const { git } = repository;
  const author = what.author ?? repository.owner;
  const name = `refs/heads/${what.branch ?? repository.defaultBranch}`;
  return await git.alone(async () => {
    const tip = await git.commit(name);
    const parent = tip ?? (await git.commit(`refs/heads/${what.from ?? repository.defaultBranch}`));
    const changes = new Map<string, { mode: string; oid: string }>();
    for (const [path, content] of Object.entries(what.files)) {
      changes.set(path, { mode: "100644", oid: await git.write("blob", Buffer.from(content)) });
    }
    const person = {
      name: author.name === "" ? author.login : author.name,
      email: emailOf(author),
      date: isoOf(world.now()),
    };
    const oid = await git.writeCommit({
      tree: await git.changedTree(parent?.tree, changes),
      parents: parent === undefined ? [] : [parent.oid],
      author: person,
      committer: person,
      message: what.message ?? "Change files",
    });
    if (!(await git.move([{ name, from: tip?.oid, to: oid }]))) throw new Error(`${name} moved meanwhile`);
    return oid;
  });
}

function newRun(world: World, of: NewRun): Run {
  const now = isoOf(world.now());
  const run: Run = {
    id: world.nextId(),
    repository: of.repository,
    name: "deploy",
    path: of.path ?? ".github/workflows/deploy.yml",
    event: of.event ?? "push",
    headSha: of.headSha,
    headBranch: of.headBranch ?? of.repository.defaultBranch,
    headRepository: of.headRepository ?? of.repository,
    number: of.repository.runs.length + 1,
    attempt: 1,
    actor: of.actor,
    triggeringActor: of.actor,
    status: "in_progress",
    conclusion: undefined,
    createdAt: now,
    updatedAt: now,
    jobs: [],
  };
  of.repository.runs.push(run);
  for (const name of of.jobs ?? ["migrate"]) run.jobs.push(newJob(world, run, name));
  return run;
}

function newJob(world: World, run: Run, name: string): Job {
  const checkRun = newCheck(world, { repository: run.repository, app: world.actions, headSha: run.headSha, name });
  checkRun.status = "in_progress";
  return { id: checkRun.id, run, attempt: run.attempt, name, checkRun, startedAt: isoOf(world.now()) };
}
