// People, teams, and who may do what to a repository.

import type { Call, Reply, Route, Routes } from "../exchange.ts";
import { found, inPath, inRepository, listed, ok } from "../exchange.ts";
import { notFound, Refusal } from "../refusal.ts";
import { organizationOf, profileOf, teamOf, userOf } from "../render/account.ts";
import { fullRepositoryOf } from "../render/repository.ts";
import type { Shape } from "../shape.ts";
import { type Account, accountOf, reaches, roleOf, type Team } from "../world.ts";

export const peopleRoutes: Routes = {
  "GET /user": { needs: { kind: "user" }, handle: currentUser },
  "GET /users/{username}": {
    needs: { kind: "anyone" },
    handle: (call) => ok(profileOf(call.world, found(accountOf(call.world, inPath(call, "username"))))),
  },
  "GET /user/{account_id}": {
    needs: { kind: "anyone" },
    handle(call) {
      const account = [...call.world.accounts.values()].find((each) => String(each.id) === inPath(call, "account_id"));
      return ok(profileOf(call.world, found(account)));
    },
  },
  "GET /repos/{owner}/{repo}": inRepository("metadata", "read", (call) =>
    ok(fullRepositoryOf(call.world, call.repository())),
  ),
  "GET /repos/{owner}/{repo}/collaborators/{username}/permission": inRepository("metadata", "read", permissionLevel),
  "GET /orgs/{org}/teams": inOrganization(
    async (call) => await listed(call, teamsOf(call), (team) => teamOf(call.world, team)),
  ),
  "GET /orgs/{org}/teams/{team_slug}": inOrganization((call) => ok(wholeTeamOf(call, teamIn(call)))),
  "GET /orgs/{org}/teams/{team_slug}/members": inOrganization(
    async (call) =>
      await listed(
        call,
        [...teamIn(call).members].filter(([, { state }]) => state === "active").map(([login]) => login),
        (login) => userOf(call.world, found(accountOf(call.world, login))),
      ),
  ),
  "GET /orgs/{org}/teams/{team_slug}/memberships/{username}": inOrganization(membership),
  "GET /orgs/{org}/members/{username}": inOrganization(isMember),
  "GET /orgs/{org}/memberships/{username}": inOrganization(organizationMembership),
};

function inOrganization(handle: Route["handle"]): Route {
  return { needs: { kind: "organization", permission: "members", level: "read" }, handle };
}

function currentUser(call: Call): Reply {
  if (call.principal.kind !== "user") throw new Refusal(403, "Resource not accessible by integration");
  return ok(profileOf(call.world, call.principal.account));
}

// `permission` folds triage into read and maintain into write; only `role_name` tells them apart.
function permissionLevel(call: Call): Reply {
  const account = accountOf(call.world, inPath(call, "username"));
  if (account === undefined) throw new Refusal(404, `${inPath(call, "username")} is not a user`);
  const { name, base } = roleOf(call.repository(), account.login);
  const permission =
    base === "admin" ? "admin" : reaches(base, "write") ? "write" : reaches(base, "read") ? "read" : "none";
  const permissions = {
    admin: base === "admin",
    maintain: reaches(base, "maintain"),
    push: reaches(base, "write"),
    triage: reaches(base, "triage"),
    pull: reaches(base, "read"),
  };
  const user = { ...userOf(call.world, account), permissions, role_name: name };
  return ok({ permission, role_name: name, user });
}

function teamsOf(call: Call): readonly Team[] {
  const organization = found(accountOf(call.world, inPath(call, "org")));
  return call.world.teams.filter((each) => each.organization === organization);
}

function teamIn(call: Call): Team {
  const slug = inPath(call, "team_slug").toLowerCase();
  return found(teamsOf(call).find((each) => each.slug === slug));
}

function wholeTeamOf(call: Call, team: Team): Shape {
  const born = "2026-01-01T00:00:00Z";
  const organization = {
    ...userOf(call.world, team.organization),
    ...organizationOf(call.world, team.organization),
    description: null,
    has_organization_projects: true,
    has_repository_projects: true,
    public_repos: 0,
    public_gists: 0,
    followers: 0,
    following: 0,
    archived_at: null,
    created_at: born,
    updated_at: born,
  };
  const count = [...team.members.values()].filter(({ state }) => state === "active").length;
  return {
    ...teamOf(call.world, team),
    created_at: born,
    updated_at: born,
    members_count: count,
    repos_count: 0,
    organization,
  };
}

/** Who has a role in a repository of the organisation is a member of it, unless named an outsider. */
function memberIn(call: Call): Account {
  const { world } = call;
  const organization = found(accountOf(world, inPath(call, "org")));
  const account = found(accountOf(world, inPath(call, "username")));
  const login = account.login.toLowerCase();
  const isIn =
    world.repositories.some(({ owner, roles }) => owner === organization && roles.has(login)) ||
    world.teams.some(({ organization: of, members }) => of === organization && members.get(login)?.state === "active");
  return found(isIn && !world.outsiders.has(account) ? account : undefined);
}

function isMember(call: Call): Reply {
  memberIn(call);
  return { status: 204 };
}

function organizationMembership(call: Call): Reply {
  const { world } = call;
  const organization = found(accountOf(world, inPath(call, "org")));
  const account = memberIn(call);
  const url = `${world.origin}/orgs/${organization.login}/memberships/${account.login}`;
  return ok({
    url,
    state: "active",
    role: "member",
    organization_url: `${world.origin}/orgs/${organization.login}`,
    organization: organizationOf(world, organization),
    user: userOf(world, account),
  });
}

function membership(call: Call): Reply {
  const team = teamIn(call);
  const login = inPath(call, "username");
  const member = team.members.get(login.toLowerCase());
  // GitHub says the same of somebody who is no member and of a name that nobody has.
  if (member === undefined) throw notFound();
  const url = `${call.world.origin}/organizations/${team.organization.id}/team/${team.id}/memberships/${login}`;
  return ok({ url, role: member.role, state: member.state });
}
