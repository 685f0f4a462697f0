// People as GitHub knows them at this moment: by number, with what they may do here and which of the named teams they are in.

import type { Octokit } from "@octokit/core";
import type { PersonFacts } from "../approval/eligibility.ts";
import { told } from "./refusal.ts";
import type { RepositoryFacts } from "./repository.ts";

/** Numbers of whom a policy names; `unknown` for a name that nobody had when it was first looked up. */
export interface Names {
  readonly users: Readonly<Record<string, number | "unknown">>;
  readonly teams: Readonly<Record<string, number | "unknown">>;
}

/** Looks up the names that `known` lacks. What was found once stays: a login can be given up and taken by another. */
export async function resolveNames(
  octokit: Octokit,
  { at, isPersonal }: RepositoryFacts,
  asked: { readonly users: readonly string[]; readonly teams: readonly string[] },
  known: Names,
): Promise<Names> {
  const users: Record<string, number | "unknown"> = { ...known.users };
  const teams: Record<string, number | "unknown"> = { ...known.teams };
  for (const username of asked.users) {
    if (Object.hasOwn(users, username)) continue;
    const found = await told(async () => await octokit.request("GET /users/{username}", { username }));
    if (found === "refused") continue;
    users[username] = found === "gone" ? "unknown" : Number(found.data.id);
  }
  for (const slug of asked.teams) {
    if (Object.hasOwn(teams, slug)) continue;
    const id = isPersonal ? "gone" : await teamNumber(octokit, at.owner, slug);
    if (id !== "refused") teams[slug] = id === "gone" ? "unknown" : id;
  }
  return { users, teams };
}

async function teamNumber(octokit: Octokit, org: string, slug: string): Promise<number | "gone" | "refused"> {
  const found = await told(
    async () => await octokit.request("GET /orgs/{org}/teams/{team_slug}", { org, team_slug: slug }),
  );
  return typeof found === "string" ? found : found.data.id;
}

/** Somebody who said something, and which of the policy's teams matter. */
export interface PersonAsked {
  readonly id: number;
  /** As it was when they said it. */
  readonly login: string;
  readonly teams: Names["teams"];
  /** Where policy names nobody, it matters whether they belong to the organisation. */
  readonly needsAffiliation: boolean;
}

/** What counts about a person, read now. Undefined where GitHub does not know the number any more. */
export async function readPerson(
  octokit: Octokit,
  repository: RepositoryFacts,
  asked: PersonAsked,
): Promise<PersonFacts | undefined> {
  const here = await permissionOf(octokit, repository, asked);
  if (here === undefined) return undefined;
  const { login } = here;
  return {
    id: asked.id,
    login,
    type: here.type,
    permission: here.permission,
    affiliation: asked.needsAffiliation ? await affiliationOf(octokit, repository, login) : "unknown",
    teams: repository.isPersonal ? new Map() : await teamsOf(octokit, repository.at.owner, login, asked.teams),
  };
}

interface Here {
  readonly login: string;
  readonly type: string;
  /** `unknown` where GitHub does not tell. */
  readonly permission: string;
}

async function permissionOf(
  octokit: Octokit,
  { at }: RepositoryFacts,
  { id, login }: PersonAsked,
): Promise<Here | undefined> {
  const ask = async (username: string): Promise<Here | "other"> => {
    const found = await told(
      async () =>
        await octokit.request("GET /repos/{owner}/{repo}/collaborators/{username}/permission", { ...at, username }),
    );
    if (typeof found === "string") return "other";
    const { user } = found.data;
    if (user === null || Number(user.id) !== id) return "other";
    return { login: user.login, type: user.type, permission: found.data.permission };
  };
  const first = await ask(login);
  if (first !== "other") return first;
  // Another has that name now, or nobody: who is meant has the number.
  const now = await told(async () => await octokit.request("GET /user/{account_id}", { account_id: id }));
  if (typeof now === "string" || Number(now.data.id) !== id) return undefined;
  const second = await ask(now.data.login);
  return second === "other" ? { login: now.data.login, type: now.data.type, permission: "unknown" } : second;
}

async function affiliationOf(
  octokit: Octokit,
  { at, isPersonal }: RepositoryFacts,
  username: string,
): Promise<PersonFacts["affiliation"]> {
  if (isPersonal) return "personal";
  const org = at.owner;
  const member = await told(async () => await octokit.request("GET /orgs/{org}/members/{username}", { org, username }));
  if (typeof member !== "string") return "member";
  const found = await told(
    async () => await octokit.request("GET /orgs/{org}/memberships/{username}", { org, username }),
  );
  if (found === "refused") return "unknown";
  return found !== "gone" && found.data.state === "active" ? "member" : "outside";
}

async function teamsOf(
  octokit: Octokit,
  org: string,
  username: string,
  teams: Names["teams"],
): Promise<PersonFacts["teams"]> {
  const states = new Map<number, "active" | "pending" | "unknown">();
  for (const [slug, id] of Object.entries(teams)) {
    if (id === "unknown") continue;
    // Another team may have the name by now.
    if ((await teamNumber(octokit, org, slug)) !== id) {
      states.set(id, "unknown");
      continue;
    }
    const found = await told(
      async () =>
        await octokit.request("GET /orgs/{org}/teams/{team_slug}/memberships/{username}", {
          org,
          team_slug: slug,
          username,
        }),
    );
    if (found === "gone") continue;
    if (found === "refused") {
      states.set(id, "unknown");
      continue;
    }
    const { state } = found.data;
    states.set(id, state);
  }
  return states;
}
