// A small GitHub for tests: an organisation with a repository, a few people, and an App that is installed there.

import { App, Octokit } from "octokit";
import { type Receiver, startReceiver } from "./receiver.ts";
import { type Standin, type StandinOptions, startStandin } from "./standin.ts";
import type { Account, Installation, Permissions, App as RegisteredApp, Repository } from "./world.ts";

const PERMISSIONS: Permissions = {
  metadata: "read",
  checks: "write",
  contents: "write",
  pull_requests: "write",
  issues: "write",
  actions: "read",
  members: "read",
};

export interface Town {
  readonly standin: Standin;
  readonly receiver: Receiver;
  readonly acme: Account;
  readonly shop: Repository;
  /** The first commit of the shop. */
  readonly head: string;
  readonly people: { readonly ada: Account; readonly bob: Account; readonly eve: Account };
  readonly app: RegisteredApp;
  readonly privateKey: string;
  readonly installation: Installation;
  /** The App as its own client would be made. */
  readonly client: App;
  /** The App's client for its installation. */
  readonly octokit: Octokit;
  readonly at: { readonly owner: string; readonly repo: string };
  withToken(token: string): Octokit;
  /** Closes everything. Throws when anything was asked or answered against GitHub's descriptions: every test ends so. */
  close(): Promise<void>;
}

export interface TownOptions extends StandinOptions {
  readonly permissions?: Permissions;
  readonly isPrivate?: boolean;
}

/** Ada writes, Bob maintains and is in the team `dba`, Eve only reads. */
export async function startTown(options: TownOptions = {}): Promise<Town> {
  const standin = await startStandin(options);
  const receiver = await startReceiver("a secret of the tests");
  const acme = standin.organization("acme");
  const [ada, bob, eve] = [standin.user("ada", "Ada"), standin.user("bob"), standin.user("eve")];
  const shop = await standin.repository(acme, "shop", { isPrivate: options.isPrivate ?? false });
  shop.roles.set("ada", "write").set("bob", "maintain").set("eve", "triage");
  standin.team(acme, "dba", { bob: "active", eve: "pending" });
  const { app, privateKey } = standin.app({
    slug: "countersign",
    owner: acme,
    permissions: options.permissions ?? PERMISSIONS,
    events: ["check_run", "issue_comment", "pull_request_review"],
    hook: { url: receiver.url, secret: receiver.secret },
  });
  const installation = standin.install(app, acme);
  const Client = Octokit.defaults({
    baseUrl: standin.origin,
    // A test sees GitHub's first answer, and waits for nobody.
    retry: { enabled: false },
    throttle: { enabled: false },
    log: { debug() {}, info() {}, warn() {}, error() {} },
  });
  const client = new App({ appId: app.id, privateKey, Octokit: Client });
  const head = await shop.git.commit("refs/heads/main");
  if (head === undefined) throw new Error("the shop has no commit");
  const octokit = await client.getInstallationOctokit(installation.id);
  // The token is fetched by the first request: faults that a test orders are for those that follow.
  await octokit.auth({ type: "installation" });
  return {
    standin,
    receiver,
    acme,
    shop,
    head: head.oid,
    people: { ada, bob, eve },
    app,
    privateKey,
    installation,
    client,
    octokit,
    at: { owner: "acme", repo: "shop" },
    withToken: (token) => new Client({ auth: token }),
    async close() {
      await standin.close();
      await receiver.close();
      if (standin.violations.length > 0) throw new Error(`against the descriptions:\n${standin.violations.join("\n")}`);
    },
  };
}
