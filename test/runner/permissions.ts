// What a job's token may do, from `permissions:` of its job or workflow.

import { isShape } from "../standin/shape.ts";
import { NotUnderstood } from "./expression/tree.ts";

export type Permissions = Readonly<Record<string, "read" | "write">>;

const NAMES = [
  "actions",
  "artifact-metadata",
  "attestations",
  "checks",
  "contents",
  "deployments",
  "discussions",
  "id-token",
  "issues",
  "models",
  "packages",
  "pages",
  "pull-requests",
  "repository-projects",
  "security-events",
  "statuses",
] as const;

/** What a token may do in a repository that is set to "read" and where no workflow says otherwise. */
export const RESTRICTED: Permissions = { contents: "read", packages: "read" };

/** What `permissions:` says; nothing where it is not there. What it does not name is not allowed. */
export function readPermissions(value: unknown, where: string): Permissions | undefined {
  if (value === undefined) return undefined;
  if (value === "read-all" || value === "write-all") {
    const access = value === "read-all" ? "read" : "write";
    // To read an id-token means nothing.
    const names = NAMES.filter((name) => access === "write" || name !== "id-token");
    return Object.fromEntries(names.map((name) => [name, access]));
  }
  if (value === null) return {};
  if (!isShape(value)) throw new NotUnderstood(`${where}: permissions are a mapping, read-all or write-all`);
  const entries = Object.entries(value).flatMap(([name, access]): [string, "read" | "write"][] => {
    if (!NAMES.some((each) => each === name)) throw new NotUnderstood(`${where}: there is no permission "${name}"`);
    if (access === "none") return [];
    if (access === "read" || access === "write") return [[name, access]];
    throw new NotUnderstood(`${where}.${name}: read, write or none`);
  });
  return Object.fromEntries(entries);
}

/** What is left of them for a pull request from a fork: reading. */
export function forFork(permissions: Permissions): Permissions {
  const names = Object.keys(permissions).filter((name) => name !== "id-token");
  return Object.fromEntries(names.map((name) => [name, "read"]));
}

/** As the API names them, for the job's token; `metadata` can always be read. */
export function forToken(permissions: Permissions): Permissions {
  const entries = Object.entries(permissions).flatMap(([name, access]): [string, "read" | "write"][] =>
    name === "id-token" ? [] : [[name.replaceAll("-", "_"), access]],
  );
  return { metadata: "read", ...Object.fromEntries(entries) };
}
