// Who a request comes from, by its Authorization header, and what they may do: in GitHub's words where they may not.

import { verify } from "node:crypto";
import { Refusal } from "./refusal.ts";
import { isShape, maybeNumber, parseJson, type Shape } from "./shape.ts";
import { covers, type Permissions, type Principal, type Repository, reaches, roleOf, type World } from "./world.ts";

/** An App may say that it will be somebody for ten minutes. */
const JWT_SECONDS_MAX = 600;
/** GitHub takes clocks that are a little ahead. */
const CLOCK_SECONDS_AHEAD_MAX = 60;

/** Reads an Authorization header; basic authentication carries the token as the password, as git sends it. */
export function principalOf(world: World, header: string | undefined): Principal {
  if (header === undefined) return { kind: "nobody" };
  const [scheme = "", rest = ""] = header.split(/ +/, 2);
  const value = scheme.toLowerCase() === "basic" ? passwordOf(rest) : rest;
  if (/^[\w-]+\.[\w-]+\.[\w-]+$/.test(value)) return appOf(world, value);
  const token = world.tokens.get(value);
  if (token === undefined) throw new Refusal(401, "Bad credentials");
  if (token.expiresAt !== undefined && token.expiresAt <= world.now()) throw new Refusal(401, "Bad credentials");
  const { principal } = token;
  if (principal.kind === "installation" && principal.installation.suspendedAt !== undefined) {
    throw new Refusal(403, "This installation has been suspended");
  }
  return principal;
}

function passwordOf(encoded: string): string {
  const text = Buffer.from(encoded, "base64").toString("utf8");
  return text.slice(text.indexOf(":") + 1);
}

function appOf(world: World, jwt: string): Principal {
  const [head = "", claims = "", signature = ""] = jwt.split(".");
  const header = decoded(head);
  const body = decoded(claims);
  if (header === undefined || body === undefined || header["alg"] !== "RS256") {
    throw new Refusal(401, "A JSON web token could not be decoded");
  }
  const app = world.apps.find((each) => String(each.id) === String(body["iss"]) && each.publicKey !== undefined);
  if (app?.publicKey === undefined) throw new Refusal(404, "Integration not found");
  const isSigned = verify(
    "sha256",
    Buffer.from(`${head}.${claims}`),
    app.publicKey,
    Buffer.from(signature, "base64url"),
  );
  if (!isSigned) throw new Refusal(401, "A JSON web token could not be decoded");
  const now = Math.floor(world.now() / 1000);
  const issued = maybeNumber(body, "iat");
  const expires = maybeNumber(body, "exp");
  if (issued === undefined || issued > now + CLOCK_SECONDS_AHEAD_MAX) {
    throw new Refusal(
      401,
      "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued",
    );
  }
  if (expires === undefined || expires <= now) {
    throw new Refusal(
      401,
      "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires",
    );
  }
  if (expires > now + JWT_SECONDS_MAX + CLOCK_SECONDS_AHEAD_MAX) {
    throw new Refusal(401, "'Expiration time' claim ('exp') is too far in the future");
  }
  return { kind: "app", app };
}

function decoded(part: string): Shape | undefined {
  try {
    const value = parseJson(Buffer.from(part, "base64url").toString("utf8"));
    return isShape(value) ? value : undefined;
  } catch {
    return undefined; // the caller refuses what is no JSON
  }
}

/** Whether the repository exists as far as this principal is concerned. */
export function sees(principal: Principal, repository: Repository): boolean {
  switch (principal.kind) {
    case "nobody":
    case "app":
      return !repository.isPrivate;
    case "user":
      return reaches(roleOf(repository, principal.account.login).base, "read");
    case "installation":
      return isGiven(principal, repository) || !repository.isPrivate;
  }
}

/** What one level of one permission is called, as `checks: write`. */
export interface Need {
  readonly permission: string;
  readonly level: "read" | "write";
}

/** Whether the principal may do to the repository what needs `need`. */
export function may(principal: Principal, repository: Repository, need: Need): boolean {
  switch (principal.kind) {
    case "nobody":
    case "app":
      return !repository.isPrivate && need.level === "read";
    case "user":
      return reaches(roleOf(repository, principal.account.login).base, need.level);
    case "installation": {
      if (!isGiven(principal, repository)) return false;
      // A pull request is an issue: whoever has either permission may comment on it.
      const names = need.permission.split("|");
      return names.some((name) => holds(principal.permissions, { ...need, permission: name }));
    }
  }
}

/** Whether these permissions hold what is needed. Everybody may read metadata. */
export function holds(permissions: Permissions, need: Need): boolean {
  const has = permissions[need.permission];
  if (need.permission === "metadata" && need.level === "read") return true;
  return has === "write" || has === "admin" || (has === "read" && need.level === "read");
}

function isGiven(principal: Extract<Principal, { kind: "installation" }>, repository: Repository): boolean {
  if (principal.repositories !== undefined && !principal.repositories.has(repository)) return false;
  return covers(principal.installation, repository);
}
