// Apps, their installations and tokens, and what an App may ask about its webhook's deliveries.

import { randomBytes } from "node:crypto";
import type { Call, Reply, Routes } from "../exchange.ts";
import { counted, found, inPath, listed, ok } from "../exchange.ts";
import type { Hooks } from "../hooks.ts";
import { holds } from "../principal.ts";
import { invalid, notFound, Refusal } from "../refusal.ts";
import { installationOf, integrationOf } from "../render/account.ts";
import { fullRepositoryOf, minimalRepositoryOf } from "../render/repository.ts";
import { listAt, maybeShape, maybeText, type Shape, textsAt } from "../shape.ts";
import { type App, accountOf, covers, type Installation, isoOf, type Permissions, type Repository } from "../world.ts";

/** An installation's token lasts an hour. */
const TOKEN_MILLISECONDS = 3_600_000;

export function appRoutes(hooks: Hooks): Routes {
  const asApp = { kind: "app" } as const;
  return {
    "GET /app": { needs: asApp, handle: (call) => ok(showApp(call)) },
    "GET /app/installations": {
      needs: asApp,
      handle: async (call) => await listed(call, installationsOf(call), (each) => installationOf(call.world, each)),
    },
    "GET /app/installations/{installation_id}": {
      needs: asApp,
      handle: (call) => ok(installationOf(call.world, installationIn(call))),
    },
    "POST /app/installations/{installation_id}/access_tokens": { needs: asApp, handle: createToken },
    "GET /repos/{owner}/{repo}/installation": { needs: asApp, handle: repositoryInstallation },
    "GET /orgs/{org}/installation": { needs: asApp, handle: (call) => accountInstallation(call, "org") },
    "GET /users/{username}/installation": { needs: asApp, handle: (call) => accountInstallation(call, "username") },
    "GET /installation/repositories": { needs: { kind: "installation" }, handle: installationRepositories },
    "DELETE /installation/token": { needs: { kind: "installation" }, handle: revokeToken },
    "POST /app-manifests/{code}/conversions": { needs: { kind: "anyone" }, handle: convertManifest },
    "GET /app/hook/config": { needs: asApp, handle: (call) => ok(hookConfig(appIn(call))) },
    "PATCH /app/hook/config": { needs: asApp, handle: changeHook },
    "GET /app/hook/deliveries": {
      needs: asApp,
      handle: async (call) => await listed(call, hooks.deliveriesOf(appIn(call)).toReversed(), (each) => each.item),
    },
    "GET /app/hook/deliveries/{delivery_id}": {
      needs: asApp,
      handle: (call) => ok(found(deliveryIn(hooks, call)).whole),
    },
    "POST /app/hook/deliveries/{delivery_id}/attempts": {
      needs: asApp,
      handle(call) {
        hooks.redeliver(found(deliveryIn(hooks, call)).guid);
        return { status: 202, body: {} };
      },
    },
  };
}

function deliveryIn(hooks: Hooks, call: Call): ReturnType<Hooks["deliveriesOf"]>[number] | undefined {
  return hooks.deliveriesOf(appIn(call)).find(({ item }) => String(item["id"]) === inPath(call, "delivery_id"));
}

function appIn(call: Call): App {
  if (call.principal.kind !== "app") throw new Refusal(401, "A JSON web token could not be decoded");
  return call.principal.app;
}

function showApp(call: Call): Shape {
  return { ...integrationOf(call.world, appIn(call)), installations_count: installationsOf(call).length };
}

function installationsOf(call: Call): readonly Installation[] {
  const app = appIn(call);
  return call.world.installations.filter((each) => each.app === app);
}

function installationIn(call: Call): Installation {
  const id = inPath(call, "installation_id");
  return found(installationsOf(call).find((each) => String(each.id) === id));
}

function repositoryInstallation(call: Call): Reply {
  const { world } = call;
  const owner = inPath(call, "owner").toLowerCase();
  const name = inPath(call, "repo").toLowerCase();
  const repository = world.repositories.find(
    (each) => each.owner.login.toLowerCase() === owner && each.name.toLowerCase() === name,
  );
  // An App that is not installed there does not learn whether there is such a repository.
  return ok(installationOf(world, found(installationsOf(call).find((each) => covers(each, found(repository))))));
}

function accountInstallation(call: Call, name: string): Reply {
  const account = found(accountOf(call.world, inPath(call, name)));
  return ok(installationOf(call.world, found(installationsOf(call).find((each) => each.account === account))));
}

function createToken(call: Call): Reply {
  const { world, body } = call;
  const installation = installationIn(call);
  if (installation.suspendedAt !== undefined) throw new Refusal(403, "This installation has been suspended");
  const repositories = narrowedRepositories(call, installation);
  const permissions = narrowedPermissions(body, installation);
  // Some 520 characters, as GitHub's are since 2026: nothing may take their length or alphabet for granted.
  const value = `ghs_${installation.app.id}_${randomBytes(190).toString("base64url")}.${randomBytes(190).toString("base64url")}`;
  const expiresAt = world.now() + TOKEN_MILLISECONDS;
  world.tokens.set(value, {
    principal: { kind: "installation", installation, permissions, repositories },
    expiresAt,
  });
  const shown = repositories === undefined ? undefined : [...repositories];
  return {
    status: 201,
    body: {
      token: value,
      expires_at: isoOf(expiresAt),
      permissions,
      repository_selection: shown === undefined && installation.repositories === "all" ? "all" : "selected",
      ...(shown === undefined ? {} : { repositories: shown.map((each) => fullRepositoryOf(world, each)) }),
    },
  };
}

function narrowedRepositories(call: Call, installation: Installation): ReadonlySet<Repository> | undefined {
  const names = textsAt(call.body, "repositories");
  const ids = listAt(call.body, "repository_ids");
  if (names.length === 0 && ids.length === 0) return undefined;
  const given = call.world.repositories.filter((each) => covers(installation, each));
  const wanted = [
    ...names.map((name) => given.find((each) => each.name.toLowerCase() === name.toLowerCase())),
    ...ids.map((id) => given.find((each) => each.id === id)),
  ];
  return new Set(
    wanted.map((each) => {
      if (each !== undefined) return each;
      throw invalid(
        "There is at least one repository that does not exist or is not accessible to the parent installation.",
      );
    }),
  );
}

function narrowedPermissions(body: Shape, installation: Installation): Permissions {
  const asked = maybeShape(body, "permissions");
  if (asked === undefined || Object.keys(asked).length === 0) return { metadata: "read", ...installation.permissions };
  const narrowed: Record<string, "read" | "write"> = { metadata: "read" };
  for (const permission of Object.keys(asked)) {
    const level = maybeText(asked, permission) === "read" ? "read" : "write";
    if (!holds(installation.permissions, { permission, level })) {
      throw invalid("The permissions requested are not granted to this installation.");
    }
    narrowed[permission] = level;
  }
  return narrowed;
}

async function installationRepositories(call: Call): Promise<Reply> {
  const { world, principal } = call;
  if (principal.kind !== "installation") throw notFound();
  const { installation, repositories } = principal;
  const given = world.repositories.filter(
    (each) => covers(installation, each) && (repositories === undefined || repositories.has(each)),
  );
  return await counted(call, "repositories", given, (each) => ({
    ...minimalRepositoryOf(world, each),
    ...fullRepositoryOf(world, each),
  }));
}

function revokeToken(call: Call): Reply {
  const value = (call.headers.authorization ?? "").split(/ +/)[1] ?? "";
  call.world.tokens.delete(value);
  return { status: 204 };
}

function convertManifest(call: Call): Reply {
  const code = inPath(call, "code");
  const registered = found(call.world.manifests.get(code));
  call.world.manifests.delete(code); // a code is good once
  const shown = integrationOf(call.world, registered.app);
  return {
    status: 201,
    body: {
      ...shown,
      client_secret: randomBytes(20).toString("hex"),
      webhook_secret: registered.secret,
      pem: registered.privateKey,
    },
  };
}

function hookConfig(app: App): Shape {
  return { content_type: "json", insecure_ssl: "0", url: app.hook?.url ?? "", secret: "********" };
}

function changeHook(call: Call): Reply {
  const app = appIn(call);
  const url = maybeText(call.body, "url") ?? app.hook?.url;
  const secret = maybeText(call.body, "secret") ?? app.hook?.secret;
  if (url !== undefined && secret !== undefined) app.hook = { url, secret };
  return ok(hookConfig(app));
}
