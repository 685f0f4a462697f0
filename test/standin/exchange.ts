// One request as a route sees it, what it may answer, and the paging that all lists share.

import type { IncomingHttpHeaders } from "node:http";
import type { Need } from "./principal.ts";
import { notFound, Refusal } from "./refusal.ts";
import { isShape, type Shape } from "./shape.ts";
import type { Account, App, Principal, Repository, World } from "./world.ts";

export interface Call {
  readonly world: World;
  readonly principal: Principal;
  readonly method: string;
  readonly path: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** What the body says, or an empty object where there is none. */
  readonly body: Shape;
  readonly raw: Buffer;
  /** The request's address without its query, for `Link`. */
  readonly address: string;
  /** The repository that the path names, as far as the principal may see it. */
  repository(): Repository;
}

export interface Reply {
  readonly status: number;
  /** JSON, or bytes as they are. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Who may take a route. */
export type Needs =
  | { readonly kind: "anyone" }
  | { readonly kind: "app" }
  | { readonly kind: "installation" }
  | { readonly kind: "user" }
  | ({ readonly kind: "organization" } & Need)
  | ({ readonly kind: "repository" } & Need);

export interface Route {
  readonly needs: Needs;
  readonly handle: (call: Call) => Promise<Reply> | Reply;
}

/** Routes by the operation they serve, as `GET /repos/{owner}/{repo}`. */
export type Routes = Readonly<Record<string, Route>>;

export function inRepository(permission: string, level: "read" | "write", handle: Route["handle"]): Route {
  return { needs: { kind: "repository", permission, level }, handle };
}

export function ok(body: unknown): Reply {
  return { status: 200, body };
}

/** Bounds of GitHub's pages. */
const PER_PAGE = { usual: 30, most: 100 } as const;

/** The page of a list that was asked for, with the `Link` header that leads to the others. */
export function page<T>(
  call: Call,
  items: readonly T[],
): { readonly items: readonly T[]; readonly headers: Record<string, string> } {
  const size = Math.min(Math.max(numberOf(call.query.get("per_page")) ?? PER_PAGE.usual, 1), PER_PAGE.most);
  const number = Math.max(numberOf(call.query.get("page")) ?? 1, 1);
  const last = Math.max(Math.ceil(items.length / size), 1);
  const link = (to: number, name: string): string => {
    const query = new URLSearchParams(call.query);
    query.set("page", String(to));
    return `<${call.address}?${query.toString()}>; rel="${name}"`;
  };
  const links = [
    ...(number > 1 ? [link(number - 1, "prev")] : []),
    ...(number < last ? [link(number + 1, "next"), link(last, "last")] : []),
    ...(number > 1 ? [link(1, "first")] : []),
  ];
  return {
    items: items.slice((number - 1) * size, number * size),
    headers: links.length === 0 ? {} : { link: links.join(", ") },
  };
}

/** A page of a list, each item as `render` shows it. */
export async function listed<T>(call: Call, items: readonly T[], render: (item: T) => unknown): Promise<Reply> {
  const part = page(call, items);
  return { status: 200, headers: part.headers, body: await Promise.all(part.items.map(render)) };
}

/** A page of a list that GitHub wraps in an object with its length. */
export async function counted<T>(
  call: Call,
  name: string,
  items: readonly T[],
  render: (item: T) => unknown,
): Promise<Reply> {
  const part = page(call, items);
  const body = { total_count: items.length, [name]: await Promise.all(part.items.map(render)) };
  return { status: 200, headers: part.headers, body };
}

function numberOf(text: string | null): number | undefined {
  return text !== null && /^\d+$/.test(text) ? Number(text) : undefined;
}

/** What the path's `name` says, which the description vouches for. */
export function inPath(call: Call, name: string): string {
  const value = call.path[name];
  if (value === undefined) throw new TypeError(`the path has no ${name}`);
  return value;
}

export function found<T>(value: T | undefined): T {
  if (value === undefined) throw notFound();
  return value;
}

/** The account that acts: a person, or the bot of an App. */
export function actorOf(principal: Principal): Account {
  if (principal.kind === "user") return principal.account;
  if (principal.kind === "installation") return principal.installation.app.bot;
  throw new Refusal(401, "Requires authentication");
}

/** The App through which somebody acts, if one does. */
export function appBehind(principal: Principal): App | undefined {
  if (principal.kind === "user") return principal.via;
  return principal.kind === "installation" ? principal.installation.app : undefined;
}

/** Reads a JSON body that may be absent. */
export function bodyOf(value: unknown): Shape {
  return isShape(value) ? value : {};
}
