// With the App: it vouches for who runs, gives the policy and perhaps credentials, countersigns, asks people on GitHub, and
// keeps the evidence. DESIGN.md 9.

import type { KeyObject } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { unanswerableByApp } from "../config/answerable.ts";
import { readPolicy } from "../config/policy-file.ts";
import { logOriginOf } from "../evidence/origin.ts";
import { fieldsOf, isText } from "../evidence/shape.ts";
import { keepAlive } from "../gateway/app-desk/alive.ts";
import { type AppClient, type Landing, openAppClient } from "../gateway/app-desk/client.ts";
import { ID_TOKEN_VARIABLES, idToken } from "../gateway/app-desk/id-token.ts";
import { JweError, makeEncryptionKey, openJwe } from "../gateway/app-desk/jwe.ts";
import { registerSession } from "../gateway/app-desk/registration.ts";
import { DeskError } from "../gateway/desk/call.ts";
import { type AwaitedTarget, makeSessionOwn } from "../gateway/local.ts";
import type { Session } from "../gateway/session.ts";
import { JournalError } from "../journal/ports.ts";
import type { Identity } from "../model/session.ts";
import { readTarget, type Target, TargetError } from "../protocols/postgres/index.ts";
import { type Backing, type BackingParts, checkPolicy, checkTargets, type Kept } from "./backing.ts";
import { secretVariables } from "./job.ts";
import { FROM_APP, type RunOptions, UsageError } from "./options.ts";
import { recover } from "./recover.ts";
import { version } from "./version.ts";

/** How long the end of a run waits for the evidence to be in its branch; then the App has it, and enters it by itself. */
const LANDING_MS_MAX = 60_000;
/** How long the App is tried to be reached with a session that failed. */
const FAILED_MS_MAX = 3_000;
/** Who waits longer than this is told for what. */
const SAID_AFTER_MS = 2_000;
const LANDING_WAIT_SECONDS = 20;

const TIER = "cooperative";

/** Registers the session. Throws for wrong use, and `DeskError` where the App does not want it. */
export async function appBacking(parts: BackingParts, app: NonNullable<RunOptions["app"]>): Promise<Backing> {
  const { options, io, say, sessions } = parts;
  const names = options.targets.map(({ name }) => name);
  // What can be seen to be wrong is said before the App hears of the session.
  const given = options.targets.filter(({ url }) => url !== FROM_APP).map(({ name, url }) => readTarget(name, url));
  const { token, repository } = await idToken(io.env, app.url);
  const own = makeSessionOwn();
  const encryption = makeEncryptionKey();
  const logOrigin = logOriginOf(repository);
  const registered = await registerSession({
    ...own,
    url: app.url,
    appKey: app.key,
    logOrigin,
    encryption: encryption.publicKey,
    token,
    targets: names,
    tier: TIER,
    version,
  });
  const { registration, vkey } = registered;
  const policy = readPolicy(registered.policy.text, registered.policy.path);
  checkPolicy(policy, unanswerableByApp(policy, registration.identity.event));
  checkTargets(policy, names);
  for (const { name, url } of options.targets) {
    if (url === FROM_APP && !registered.credentials.includes(name)) {
      throw new UsageError(
        `--target ${name}=app: the App has no credential of ${name}; give it one, or write --target ${name}=postgres://...`,
      );
    }
  }
  if (app.key === undefined) say(`the App's key is ${vkey}; pin it with --app-key`);
  for (const line of await recover({ sessions, desk: undefined })) say(line);

  const checks = checksUrl(io.env, registration.identity);
  const client = openAppClient({
    ...own,
    url: app.url,
    vkey,
    onShown: ({ id, target, rule }, where) =>
      io.err(
        `countersign: held: request ${id} on ${target} (rule "${rule}") waits for people: ${where === "" ? checks : where}`,
      ),
  });
  const known: Target[] = [...given];
  const targets = options.targets.map(({ name, url }): Target | AwaitedTarget => {
    const here = given.find((target) => target.name === name);
    if (url !== FROM_APP && here !== undefined) return here;
    return {
      name,
      async fetch() {
        const target = await targetFromApp(client, name, encryption.privateKey);
        known.push(target);
        return target;
      },
    };
  });
  let session: Session | undefined;
  let beats: ReturnType<typeof keepAlive> | undefined;
  return {
    own,
    policy,
    targets,
    identity: registration.identity,
    logOrigin,
    desk: client,
    destination: { ledger: options.ledger, directory: io.cwd },
    answeredAt: `approvals at ${checks}`,
    readsTerminal: false,
    secret: () => {
      const holding = secretVariables(io.env, options.secretVariables, known);
      for (const name of holding) say(`${name} holds a target's password and is kept from the job`);
      return [...holding, ...ID_TOKEN_VARIABLES];
    },
    opened(begun) {
      session = begun;
      beats = keepAlive(client, (why) => begun.fail(new JournalError(why)));
    },
    jobEnded: () => undefined,
    async keep(ended) {
      beats?.stop();
      // The App that a session failed for is not waited for long: its files stay, for a recovery.
      if (session?.failure === "") await client.handIn(ended);
      else await client.handIn(ended, FAILED_MS_MAX);
      return await landed(client, say);
    },
    close() {
      beats?.stop();
      client.close();
    },
  };
}

/** The target whose URL only the App had. No error repeats anything of it. */
async function targetFromApp(client: AppClient, name: string, key: KeyObject): Promise<Target> {
  const jwe = await client.credential(name);
  try {
    const value: unknown = JSON.parse(openJwe(jwe, key).toString("utf8"));
    const credential = fieldsOf(value, { url: isText });
    if (credential !== undefined) return readTarget(name, credential.url);
  } catch (error) {
    if (error instanceof JweError || error instanceof TargetError) {
      throw new DeskError(0, `the App's credential of ${name}: ${error.message}`, { cause: error });
    }
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new DeskError(0, `the App's credential of ${name} is not what it should be; look at the App's settings`);
}

/** Waits for the evidence to be in its branch. */
async function landed(client: AppClient, say: (line: string) => void): Promise<Kept> {
  const started = performance.now();
  const told = setTimeout(() => say("the App has the session; waiting for it in the evidence branch"), SAID_AFTER_MS);
  try {
    while (performance.now() - started < LANDING_MS_MAX) {
      const landing = await lookedAt(client);
      switch (landing?.state) {
        case "landed": {
          const { folder, commit } = landing;
          return { verb: "landed", where: `in ${folder}, commit ${commit}`, folder, commit };
        }
        case "contested":
        case "lost":
          throw new DeskError(409, `the App has the session as ${landing.state}: it was not entered as a whole one`);
        case "open":
        case "handed-in":
        case undefined:
          // An App that answers at once must not be asked without a pause.
          await sleep(250);
      }
    }
  } finally {
    clearTimeout(told);
  }
  return {
    verb: "handed in",
    where: `to ${client.url}, which enters it in the evidence branch by itself`,
    folder: "",
    commit: "",
  };
}

/** Undefined where the App cannot be asked now: it has the session, so that is no failure of this run. */
async function lookedAt(client: AppClient): Promise<Landing | undefined> {
  try {
    return await client.landing(LANDING_WAIT_SECONDS);
  } catch (error) {
    if (error instanceof DeskError) return undefined;
    throw error;
  }
}

/** Where a commit's checks are looked at, for an App that gave no closer address. */
function checksUrl(env: Readonly<Record<string, string | undefined>>, { repository, commit }: Identity): string {
  const server = env["GITHUB_SERVER_URL"] ?? "https://github.com";
  return `${server}/${repository}/commit/${commit}/checks`;
}
