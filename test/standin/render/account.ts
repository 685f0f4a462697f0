// Accounts, teams and Apps as GitHub shows them.

import type { Shape } from "../shape.ts";
import { type Account, type App, type Installation, isoOf, type Team, type World } from "../world.ts";

/** GitHub's opaque name of a thing. Opaque, so the stand-in's are not GitHub's. */
export function nodeId(kind: string, id: number | string): string {
  return `${kind}_${Buffer.from(String(id)).toString("base64url")}`;
}

export function userOf(world: World, account: Account): Shape {
  const api = `${world.origin}/users/${encodeURIComponent(account.login)}`;
  const page = account.kind === "Bot" ? `apps/${account.login.replace("[bot]", "")}` : account.login;
  return {
    login: account.login,
    id: account.id,
    node_id: nodeId(account.kind === "Organization" ? "O" : account.kind === "Bot" ? "BOT" : "U", account.id),
    avatar_url: `${world.origin}/avatars/${account.id}`,
    gravatar_id: "",
    url: api,
    html_url: `${world.origin}/${page}`,
    followers_url: `${api}/followers`,
    following_url: `${api}/following{/other_user}`,
    gists_url: `${api}/gists{/gist_id}`,
    starred_url: `${api}/starred{/owner}{/repo}`,
    subscriptions_url: `${api}/subscriptions`,
    organizations_url: `${api}/orgs`,
    repos_url: `${api}/repos`,
    events_url: `${api}/events{/privacy}`,
    received_events_url: `${api}/received_events`,
    type: account.kind,
    user_view_type: "public",
    site_admin: false,
  };
}

export function profileOf(world: World, account: Account): Shape {
  const born = "2020-01-01T00:00:00Z";
  return {
    ...userOf(world, account),
    name: account.name === "" ? null : account.name,
    company: null,
    blog: "",
    location: null,
    email: null,
    hireable: null,
    bio: null,
    twitter_username: null,
    public_repos: 0,
    public_gists: 0,
    followers: 0,
    following: 0,
    created_at: born,
    updated_at: born,
  };
}

export function organizationOf(world: World, account: Account): Shape {
  const api = `${world.origin}/orgs/${account.login}`;
  return {
    login: account.login,
    id: account.id,
    node_id: nodeId("O", account.id),
    url: api,
    repos_url: `${api}/repos`,
    events_url: `${api}/events`,
    hooks_url: `${api}/hooks`,
    issues_url: `${api}/issues`,
    members_url: `${api}/members{/member}`,
    public_members_url: `${api}/public_members{/member}`,
    avatar_url: `${world.origin}/avatars/${account.id}`,
    description: "",
  };
}

export function integrationOf(world: World, app: App): Shape {
  return {
    id: app.id,
    client_id: `Iv1.${app.id.toString(16).padStart(16, "0")}`,
    slug: app.slug,
    node_id: nodeId("A", app.id),
    owner: userOf(world, app.owner),
    name: app.name,
    description: "",
    external_url: `${world.origin}/${app.owner.login}`,
    html_url: `${world.origin}/apps/${app.slug}`,
    created_at: "2026-01-01T00:00:00Z",
    updated_at: "2026-01-01T00:00:00Z",
    permissions: app.permissions,
    events: app.events,
  };
}

export function installationOf(world: World, installation: Installation): Shape {
  const { app, account } = installation;
  return {
    id: installation.id,
    client_id: `Iv1.${app.id.toString(16).padStart(16, "0")}`,
    account: userOf(world, account),
    repository_selection: installation.repositories === "all" ? "all" : "selected",
    access_tokens_url: `${world.origin}/app/installations/${installation.id}/access_tokens`,
    repositories_url: `${world.origin}/installation/repositories`,
    html_url: `${world.origin}/settings/installations/${installation.id}`,
    app_id: app.id,
    app_slug: app.slug,
    target_id: account.id,
    target_type: account.kind,
    permissions: installation.permissions,
    events: app.events,
    created_at: "2026-01-01T00:00:00Z",
    updated_at: isoOf(world.now()),
    single_file_name: null,
    has_multiple_single_files: false,
    single_file_paths: [],
    suspended_by: null,
    suspended_at: installation.suspendedAt ?? null,
  };
}

export function teamOf(world: World, team: Team): Shape {
  const api = `${world.origin}/organizations/${team.organization.id}/team/${team.id}`;
  return {
    id: team.id,
    node_id: nodeId("T", team.id),
    url: api,
    html_url: `${world.origin}/orgs/${team.organization.login}/teams/${team.slug}`,
    name: team.name,
    slug: team.slug,
    description: null,
    privacy: "closed",
    notification_setting: "notifications_enabled",
    permission: "pull",
    members_url: `${api}/members{/member}`,
    repositories_url: `${api}/repos`,
    type: "organization",
    organization_id: team.organization.id,
    parent: null,
  };
}
