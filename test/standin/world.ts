// What the stand-in remembers: everything a GitHub with a few accounts, Apps and repositories would.

import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import type { GitRepository } from "./git/repository.ts";
import type { Shape } from "./shape.ts";

/** As `role_name` says it; a custom role has another name and a base. */
export type Role = "none" | "read" | "triage" | "write" | "maintain" | "admin";

export interface Account {
  readonly id: number;
  readonly login: string;
  readonly name: string;
  readonly kind: "User" | "Bot" | "Organization";
}

export interface Team {
  readonly id: number;
  readonly slug: string;
  readonly name: string;
  readonly organization: Account;
  readonly members: Map<string, { readonly role: "member" | "maintainer"; readonly state: "active" | "pending" }>;
}

export type Permissions = Readonly<Record<string, "read" | "write" | "admin">>;

export interface App {
  readonly id: number;
  readonly slug: string;
  readonly name: string;
  readonly owner: Account;
  readonly bot: Account;
  /** Nothing for GitHub's own App, whose tokens jobs have. */
  readonly publicKey: KeyObject | undefined;
  readonly permissions: Permissions;
  readonly events: readonly string[];
  hook: { url: string; secret: string } | undefined;
}

export interface Installation {
  readonly id: number;
  readonly app: App;
  readonly account: Account;
  readonly repositories: "all" | Set<Repository>;
  permissions: Permissions;
  suspendedAt: string | undefined;
}

/** Who a request comes from. */
export type Principal =
  | { readonly kind: "nobody" }
  | { readonly kind: "app"; readonly app: App }
  | InstallationPrincipal
  | { readonly kind: "user"; readonly account: Account; readonly via: App | undefined };

export interface InstallationPrincipal {
  readonly kind: "installation";
  readonly installation: Installation;
  readonly permissions: Permissions;
  /** Nothing where the token was not narrowed. */
  readonly repositories: ReadonlySet<Repository> | undefined;
}

export interface Token {
  readonly principal: Principal;
  /** Milliseconds since 1970; nothing for a token that does not end. */
  expiresAt: number | undefined;
}

export interface CheckRun {
  readonly id: number;
  readonly repository: Repository;
  readonly app: App;
  readonly suite: number;
  readonly headSha: string;
  name: string;
  status: string;
  conclusion: string | undefined;
  detailsUrl: string | undefined;
  externalId: string | undefined;
  startedAt: string | undefined;
  completedAt: string | undefined;
  output: {
    title: string | undefined;
    summary: string | undefined;
    text: string | undefined;
    annotations: readonly Shape[];
  };
  actions: readonly { readonly label: string; readonly description: string; readonly identifier: string }[];
}

export interface Issue {
  readonly id: number;
  readonly number: number;
  readonly repository: Repository;
  readonly author: Account;
  readonly via: App | undefined;
  title: string;
  body: string | undefined;
  state: "open" | "closed";
  stateReason: string | undefined;
  labels: readonly string[];
  readonly createdAt: string;
  updatedAt: string;
  closedAt: string | undefined;
  readonly comments: Comment[];
  /** Set where the issue is a pull request. */
  readonly pull: Pull | undefined;
}

export interface Comment {
  readonly id: number;
  readonly issue: Issue;
  readonly author: Account;
  readonly via: App | undefined;
  body: string;
  readonly createdAt: string;
  updatedAt: string;
}

export interface Pull {
  readonly id: number;
  readonly base: string;
  readonly head: string;
  /** Where the head branch is: this repository or a fork of it. */
  readonly headRepository: Repository;
  mergedAt: string | undefined;
  mergeCommit: string | undefined;
  draft: boolean;
  readonly reviews: Review[];
}

export interface Review {
  readonly id: number;
  readonly issue: Issue;
  readonly author: Account;
  body: string;
  state: "APPROVED" | "CHANGES_REQUESTED" | "COMMENTED" | "DISMISSED";
  readonly commit: string;
  readonly submittedAt: string;
}

export interface Run {
  readonly id: number;
  readonly repository: Repository;
  readonly name: string;
  readonly path: string;
  readonly event: string;
  readonly headSha: string;
  readonly headBranch: string;
  /** Where the head commit is: the repository, or a fork of it. */
  readonly headRepository: Repository;
  readonly number: number;
  attempt: number;
  readonly actor: Account;
  triggeringActor: Account;
  status: string;
  conclusion: string | undefined;
  readonly createdAt: string;
  updatedAt: string;
  readonly jobs: Job[];
}

export interface Job {
  readonly id: number;
  readonly run: Run;
  readonly attempt: number;
  readonly name: string;
  /** The check run that GitHub keeps for the job. */
  readonly checkRun: CheckRun;
  readonly startedAt: string;
}

export interface Release {
  readonly id: number;
  readonly author: Account;
  tag: string;
  target: string;
  name: string | undefined;
  body: string | undefined;
  draft: boolean;
  prerelease: boolean;
  readonly createdAt: string;
  publishedAt: string | undefined;
  readonly assets: Asset[];
}

export interface Asset {
  readonly id: number;
  readonly name: string;
  readonly label: string | undefined;
  readonly contentType: string;
  readonly content: Buffer;
  readonly uploader: Account;
  readonly createdAt: string;
}

export interface Repository {
  readonly id: number;
  readonly owner: Account;
  readonly name: string;
  isPrivate: boolean;
  readonly fork: boolean;
  defaultBranch: string;
  readonly createdAt: string;
  readonly git: GitRepository;
  /** By login; teams' roles are not modelled apart. A name that is not a `Role` is a custom one, and stands for write. */
  readonly roles: Map<string, string>;
  readonly checkRuns: CheckRun[];
  readonly suites: { readonly id: number; readonly app: App; readonly headSha: string }[];
  /** Pull requests too: they share the numbers. */
  readonly issues: Issue[];
  readonly runs: Run[];
  readonly releases: Release[];
}

export interface World {
  /** Where the stand-in is reached, without a slash at the end. */
  readonly origin: string;
  readonly accounts: Map<string, Account>;
  readonly teams: Team[];
  /** Collaborators who are no members of the organisation whose repository they may use. */
  readonly outsiders: Set<Account>;
  readonly apps: App[];
  readonly installations: Installation[];
  readonly repositories: Repository[];
  readonly tokens: Map<string, Token>;
  /** Registered Apps whose manifest waits for its code to be exchanged. */
  readonly manifests: Map<string, { readonly app: App; readonly privateKey: string; readonly secret: string }>;
  /** GitHub's own, as whom jobs' tokens act. */
  readonly actions: App;
  /** Milliseconds since 1970. */
  now(): number;
  nextId(): number;
  /** GitHub's signature under what it commits. */
  readonly sign: (payload: string) => string;
  violations: string[];
  /** Tells the Apps that listen. */
  readonly announce: (event: string, repository: Repository, payload: Shape, only?: App) => void;
}

/** The time as GitHub writes it: to the second. */
export function isoOf(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(/\.\d+Z$/, "Z");
}

/** Makes the accounts that are always there. */
export function createWorld(
  origin: string,
  more: Pick<World, "now" | "announce"> & { readonly firstId: number },
): World {
  let last = more.firstId;
  const { privateKey } = generateKeyPairSync("ed25519");
  const owner: Account = { id: 9919, login: "github", name: "GitHub", kind: "Organization" };
  const bot: Account = { id: 41_898_282, login: "github-actions[bot]", name: "", kind: "Bot" };
  const actions: App = {
    id: 15_368,
    slug: "github-actions",
    name: "GitHub Actions",
    owner,
    bot,
    publicKey: undefined,
    permissions: { metadata: "read" },
    events: [],
    hook: undefined,
  };
  return {
    origin,
    accounts: new Map([owner, bot].map((each) => [each.login.toLowerCase(), each])),
    teams: [],
    outsiders: new Set(),
    apps: [actions],
    installations: [],
    repositories: [],
    tokens: new Map(),
    manifests: new Map(),
    actions,
    now: more.now,
    nextId: () => {
      last += 1;
      return last;
    },
    sign(payload) {
      const lines =
        sign(null, Buffer.from(payload), privateKey)
          .toString("base64")
          .match(/.{1,64}/g) ?? [];
      return `-----BEGIN PGP SIGNATURE-----\n\n${lines.join("\n")}\n-----END PGP SIGNATURE-----\n`;
    },
    violations: [],
    announce: more.announce,
  };
}

export function accountOf(world: World, login: string): Account | undefined {
  return world.accounts.get(login.toLowerCase());
}

export function repositoryOf(world: World, owner: string, name: string): Repository | undefined {
  return world.repositories.find(
    (each) => each.owner.login.toLowerCase() === owner.toLowerCase() && each.name.toLowerCase() === name.toLowerCase(),
  );
}

const ROLES = ["none", "read", "triage", "write", "maintain", "admin"] as const;

/** The person's role by name, and what it amounts to. An owner is an administrator; anybody reads what is public. */
export function roleOf(repository: Repository, login: string): { readonly name: string; readonly base: Role } {
  const isOwner = repository.owner.login.toLowerCase() === login.toLowerCase();
  const name = isOwner ? "admin" : repository.roles.get(login.toLowerCase());
  if (name === undefined) return repository.isPrivate ? { name: "none", base: "none" } : { name: "read", base: "read" };
  return { name, base: ROLES.find((each) => each === name) ?? "write" };
}

export function reaches(base: Role, level: Role): boolean {
  return ROLES.indexOf(base) >= ROLES.indexOf(level);
}

/** Whether an installation was given the repository. */
export function covers(installation: Installation, repository: Repository): boolean {
  if (installation.account !== repository.owner) return false;
  return installation.repositories === "all" || installation.repositories.has(repository);
}
