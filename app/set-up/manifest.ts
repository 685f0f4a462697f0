/** The App's manifest: `app.yml` as GitHub takes it, with the addresses of this App in it. */

import { parse } from "yaml";
import { isObject, isText, listOf } from "../../src/evidence/shape.ts";

/** What `app.yml` says, and why each permission is asked for, as its comments say. */
export interface Blueprint {
  readonly name: string;
  readonly description: string;
  readonly url: string;
  readonly isPublic: boolean;
  readonly permissions: readonly { readonly name: string; readonly level: string; readonly why: string }[];
  readonly events: readonly string[];
}

/** What a person chose on the page. */
export interface Choice {
  readonly name: string;
  /** The App's public URL. */
  readonly url: string;
  /** The organisation that is to own it; empty for the person's own account. */
  readonly organization: string;
}

export class ManifestError extends Error {
  override readonly name = "ManifestError";
}

/** Reads `app.yml`. Throws ManifestError: it is ours, and a permission without a reason is a fault of ours. */
export function readBlueprint(text: string): Blueprint {
  const value: unknown = parse(text);
  const {
    name,
    description,
    url,
    public: isPublic,
    default_permissions: asked,
    default_events: events,
  } = fields(value);
  if (!isText(name) || !isText(description) || !isText(url) || !isObject(asked) || !listOf(isText)(events)) {
    throw new ManifestError("app.yml is not a manifest");
  }
  const permissions = Object.entries(asked).map(([permission, level]) => {
    const why = reasonOf(text, permission);
    if (!isText(level) || why === "") throw new ManifestError(`app.yml gives no reason for ${permission}`);
    return { name: permission, level, why };
  });
  return { name, description, url, isPublic: isPublic === true, permissions, events };
}

/** The manifest for GitHub. `home` is where the browser comes back to. */
export function manifestOf(
  blueprint: Blueprint,
  choice: Choice,
  { returnTo, webhooks }: { readonly returnTo: string; readonly webhooks: string },
): object {
  const isPersonal = choice.organization === "";
  const permissions = blueprint.permissions.filter(({ name }) => !isPersonal || name !== "members");
  return {
    name: choice.name,
    description: blueprint.description,
    url: choice.url,
    hook_attributes: { url: webhooks, active: true },
    redirect_url: returnTo,
    public: blueprint.isPublic,
    default_permissions: Object.fromEntries(permissions.map(({ name, level }) => [name, level])),
    default_events: blueprint.events,
  };
}

/** Where the manifest is sent by a form. */
export function creationUrl(web: string, { organization }: Choice, state: string): string {
  const owner = organization === "" ? "" : `/organizations/${encodeURIComponent(organization)}`;
  return `${web}${owner}/settings/apps/new?state=${encodeURIComponent(state)}`;
}

/** The comment lines right above a permission. */
function reasonOf(text: string, permission: string): string {
  const lines = text.split("\n");
  const at = lines.findIndex((line) => line.startsWith(`  ${permission}:`));
  const above = lines.slice(0, Math.max(0, at));
  const first = above.findLastIndex((line) => !line.startsWith("  # "));
  return above
    .slice(first + 1)
    .map((line) => line.replace(/^ {2}# /, ""))
    .join(" ");
}

function fields(value: unknown): Readonly<Record<string, unknown>> {
  return isObject(value) ? value : {};
}
