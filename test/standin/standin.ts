// A GitHub on 127.0.0.1 that remembers: its test door. Everything a client may do goes over HTTP; what only people, runners
// and GitHub itself can do, as pressing a button, goes through this object.

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type HookContract, hookContract } from "./contract/hooks.ts";
import { type RestContract, restContract } from "./contract/rest.ts";
import { createFaults, type Faults } from "./faults.ts";
import { type GraphqlContract, graphqlContract } from "./graphql/answer.ts";
import { createHooks, type Hooks } from "./hooks.ts";
import { lazily } from "./lazily.ts";
import { createLimits, type Limits } from "./limits.ts";
import { createOidc, type OidcIssuer } from "./oidc.ts";
import { createPages } from "./pages.ts";
import { createPeople, type People } from "./people.ts";
import { appRoutes } from "./routes/apps.ts";
import { checkRoutes } from "./routes/checks.ts";
import { contentRoutes } from "./routes/contents.ts";
import { gitDataRoutes } from "./routes/git-data.ts";
import { issueRoutes } from "./routes/issues.ts";
import { peopleRoutes } from "./routes/people.ts";
import { pullRoutes } from "./routes/pulls.ts";
import { releaseRoutes } from "./routes/releases.ts";
import { runRoutes } from "./routes/runs.ts";
import { type Parts, type Seen, serve } from "./server.ts";
import { commitFiles, createSetup, type Setup } from "./setup.ts";
import { createWorld, type World } from "./world.ts";

export interface Standin extends Setup, People {
  /** As `http://127.0.0.1:40123`: the API's base, the pages' and git's, and the issuer of jobs' tokens. */
  readonly origin: string;
  readonly faults: Faults;
  readonly limits: Limits;
  readonly hooks: Omit<Hooks, "announce">;
  readonly oidc: OidcIssuer;
  /** Every request so far, with its answer's status; 0 where the connection was cut. */
  readonly seen: readonly Seen[];
  /** What was asked or answered against GitHub's descriptions. A test ends by expecting none. */
  readonly violations: readonly string[];
  /** Gives the violations so far and forgets them, for a test that provokes one. */
  takeViolations(): readonly string[];
  readonly world: World;
  close(): Promise<void>;
}

export interface StandinOptions {
  /** 0, and so any free one, unless said. */
  readonly port?: number;
  /** Refuses what goes past GitHub's bounds on making content, and does not only count it. */
  readonly strictLimits?: boolean;
  /** Serves a browser: a list of what is there, and checks with their buttons. */
  readonly withPages?: boolean;
  /** Descriptions that another stand-in has read already, to save reading them again. */
  readonly published?: Published;
}

/** GitHub's descriptions, each read when it is first asked for. */
export interface Published {
  readonly rest: () => RestContract;
  readonly graphql: () => GraphqlContract;
  readonly hooks: () => HookContract;
}

export function published(): Published {
  return { rest: lazily(restContract), graphql: lazily(graphqlContract), hooks: lazily(hookContract) };
}

/** Starts a GitHub with nobody on it. Its folder is gone when it is closed. */
export async function startStandin(options: StandinOptions = {}): Promise<Standin> {
  const folder = mkdtempSync(join(tmpdir(), "countersign-standin-"));
  const now = (): number => Date.now();
  const contract = options.published ?? published();
  // The server needs its address before anything that shows addresses can be made.
  const late: { parts: Parts | undefined } = { parts: undefined };
  const partsNow = (): Parts => {
    if (late.parts === undefined) throw new Error("the stand-in has not begun");
    return late.parts;
  };
  const server = serve(partsNow);
  server.listen(options.port ?? 0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the stand-in has no port");
  const origin = `http://127.0.0.1:${address.port}`;

  const hooks = createHooks(() => partsNow().world, contract.hooks);
  const world = createWorld(origin, { now, announce: hooks.announce, firstId: 1000 });
  const faults = createFaults();
  const limits = createLimits(now, options.strictLimits ?? false);
  const oidc = createOidc(world);
  const seen: Seen[] = [];
  const routes = {
    ...appRoutes(hooks),
    ...peopleRoutes,
    ...contentRoutes,
    ...gitDataRoutes,
    ...checkRoutes,
    ...pullRoutes,
    ...issueRoutes,
    ...runRoutes,
    ...releaseRoutes,
  };
  const disturb = async (branch: string): Promise<void> => {
    for (const repository of world.repositories) {
      if ((await repository.git.commit(`refs/heads/${branch}`)) === undefined) continue;
      await commitFiles(world, repository, { branch, files: { "somebody-else.txt": randomBytes(8).toString("hex") } });
    }
  };
  const people = createPeople(world);
  const pages = options.withPages === true ? createPages(world, people) : undefined;
  late.parts = { world, routes, faults, limits, oidc, seen, pages, disturb, ...contract };
  return {
    ...createSetup(world, folder),
    ...people,
    origin,
    faults,
    limits,
    hooks,
    oidc,
    seen,
    world,
    get violations() {
      return world.violations;
    },
    takeViolations: () => world.violations.splice(0),
    async close() {
      await hooks.settled();
      server.closeAllConnections();
      server.close();
      await once(server, "close");
      for (const repository of world.repositories) repository.git.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
