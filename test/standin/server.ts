// The stand-in's door on the network: says who asks, holds request and answer against the description, and goes wrong on order.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { HookContract } from "./contract/hooks.ts";
import type { Operation, RestContract } from "./contract/rest.ts";
import { bodyOf, type Call, type Needs, type Reply, type Routes } from "./exchange.ts";
import { type Fault, type FaultQueue, limitRefusal } from "./faults.ts";
import { gitRequestOf, serveGit } from "./git/smart-http.ts";
import type { GraphqlContract } from "./graphql/answer.ts";
import { rootFor } from "./graphql/root.ts";
import type { Bucket, Limits } from "./limits.ts";
import type { OidcIssuer } from "./oidc.ts";
import type { Pages } from "./pages.ts";
import { holds, may, principalOf, sees } from "./principal.ts";
import { notAccessible, notFound, Refusal } from "./refusal.ts";
import { markOf } from "./render/repository.ts";
import { parseJson } from "./shape.ts";
import { accountOf, type Principal, type Repository, repositoryOf, type World } from "./world.ts";

/** Nothing bigger is taken: GitHub's own bounds are lower for all but release assets. */
const BODY_BYTES_MAX = 128 * 1024 * 1024;

/** What was asked and answered, for tests that count. */
export interface Seen {
  readonly at: number;
  /** As `GET /app`, or `git` with its service. */
  readonly operation: string;
  readonly path: string;
  readonly status: number;
}

export interface Parts {
  readonly world: World;
  readonly routes: Routes;
  readonly faults: FaultQueue;
  readonly limits: Limits;
  readonly oidc: OidcIssuer;
  readonly seen: Seen[];
  rest(): RestContract;
  graphql(): GraphqlContract;
  hooks(): HookContract;
  /** Where a browser is served too. */
  readonly pages: Pages | undefined;
  /** Moves a branch as somebody else would. */
  disturb(branch: string): Promise<void>;
}

export function serve(parts: () => Parts): Server {
  return createServer((request, response) => {
    answer(parts(), request, response).catch((error: unknown) => {
      parts().world.violations.push(`the stand-in failed at ${request.method} ${request.url}: ${String(error)}`);
      send(response, { status: 500, body: { message: "Server Error" } });
    });
  });
}

async function answer(parts: Parts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? "/", parts.world.origin);
  // An Enterprise Server has its API below this path.
  const path = url.pathname
    .replace(/^\/api\/v3(?=\/)/, "")
    .replace(/^\/api\/graphql$/, "/graphql")
    .replace(/^\/uploads(?=\/repos\/)/, "");
  const method = request.method ?? "GET";
  const git = gitRequestOf(method, url);
  if (git !== undefined) {
    answerGit(parts, git, request, response);
    return;
  }
  if (parts.pages !== undefined && (await parts.pages(request, response))) return;
  const issued = issuerAnswer(parts, path, url, request);
  if (issued !== undefined) {
    send(response, issued);
    return;
  }
  const raw = await readBody(request);
  const operation = path === "/graphql" ? undefined : parts.rest().find(method, path);
  const name = operation?.name ?? `${method} ${path}`;
  parts.limits.heard(bearerOf(request));
  const fault = parts.faults.take(name);
  const reply = await faulty(
    parts,
    { fault, response, request, name },
    async () => await exchange(parts, { operation, name, method, path, url, request, raw }),
  );
  if (reply === undefined) return;
  parts.seen.push({ at: parts.world.now(), operation: name, path, status: reply.status });
  noteWait(parts, request, reply);
  send(response, reply);
}

interface Struck {
  readonly fault: Fault | undefined;
  readonly name: string;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

// Gives nothing where the connection was cut.
async function faulty(
  parts: Parts,
  { fault, name, request, response }: Struck,
  work: () => Promise<Reply>,
): Promise<Reply | undefined> {
  const refusal = fault === undefined ? undefined : limitRefusal(fault);
  if (refusal !== undefined) {
    const headers = { "x-ratelimit-remaining": "4000", ...refusal.headers };
    return { status: refusal.status, body: refusal.body(), headers };
  }
  if (fault === undefined) return await work();
  const isAfter = "after" in fault && fault.after;
  if (fault.kind === "bad-gateway") {
    if (isAfter) await work();
    const page = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>502 Bad Gateway</body>\r\n</html>\r\n";
    return { status: 502, body: Buffer.from(page), headers: { "content-type": "text/html" } };
  }
  if (fault.kind === "reset") {
    if (isAfter) await work();
    parts.seen.push({ at: parts.world.now(), operation: name, path: request.url ?? "", status: 0 });
    response.socket?.resetAndDestroy();
    return undefined;
  }
  await hinder(parts, { fault, name, request });
  return await work();
}

/** What goes wrong before GitHub turns to the request, which it then does. */
async function hinder(
  parts: Parts,
  { fault, name, request }: Pick<Struck, "fault" | "name" | "request">,
): Promise<void> {
  if (fault?.kind === "slow") await new Promise((resolve) => setTimeout(resolve, fault.milliseconds));
  if (fault?.kind === "stale-head") await parts.disturb(fault.branch);
  if (fault?.kind === "primary-limit") parts.limits.exhaust(keyOf(request, name));
  const token = parts.world.tokens.get(bearerOf(request));
  if (fault?.kind === "expired-token" && token !== undefined) token.expiresAt = parts.world.now();
}

interface Asked {
  readonly operation: Operation | undefined;
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly url: URL;
  readonly request: IncomingMessage;
  readonly raw: Buffer;
}

async function exchange(parts: Parts, asked: Asked): Promise<Reply> {
  const { world } = parts;
  let headers: Record<string, string> = {};
  try {
    const principal = principalOf(world, asked.request.headers.authorization);
    const isContent = asked.method !== "GET" && !/access_tokens|hook/.test(asked.path);
    headers = parts.limits.count({
      key: keyOf(asked.request, asked.name),
      bucket: bucketOf(world, principal),
      isContent,
    });
    const reply =
      asked.path === "/graphql" ? await graphql(parts, asked, principal) : await rest(parts, asked, principal);
    return conditional(asked, { ...reply, headers: { ...headers, ...reply.headers } });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const all = { ...headers, ...error.headers };
    // GraphQL says so of its hourly limit with a status of 200.
    if (asked.path === "/graphql" && error.message.startsWith("API rate limit exceeded")) {
      return { status: 200, body: { errors: [{ type: "RATE_LIMITED", message: error.message }] }, headers: all };
    }
    return { status: error.status, body: error.body(), headers: all };
  }
}

async function graphql(parts: Parts, { raw, method }: Asked, principal: Principal): Promise<Reply> {
  if (method !== "POST") throw notFound();
  if (principal.kind === "nobody") throw new Refusal(401, "This endpoint requires you to be authenticated.");
  const body = bodyOf(jsonOf(raw));
  const root = rootFor({ world: parts.world, principal });
  return { status: 200, body: await parts.graphql().answer(body, root, parts.world.violations) };
}

async function rest(parts: Parts, asked: Asked, principal: Principal): Promise<Reply> {
  const { world, routes } = parts;
  const { operation, url, raw } = asked;
  if (operation === undefined) return violation(world, `GitHub has no ${asked.method} ${asked.path}`);
  const route = routes[operation.name];
  if (route === undefined) return violation(world, `the stand-in does not serve ${operation.name}`);
  const isUpload = operation.name.endsWith("/releases/{release_id}/assets");
  const body = isUpload || raw.length === 0 ? undefined : jsonOf(raw);
  const faults = parts.rest().request(operation, url.searchParams, body);
  if (faults.length > 0) {
    world.violations.push(...faults.map((fault) => `${operation.name}: ${fault}`));
    throw new Refusal(422, `Invalid request.\n\n${faults.join("\n")}`);
  }
  const call: Call = {
    world,
    principal,
    method: asked.method,
    path: operation.path,
    query: url.searchParams,
    headers: asked.request.headers,
    body: bodyOf(body),
    raw,
    address: `${world.origin}${url.pathname}`,
    repository: () => visible(world, principal, operation.path),
  };
  admit(call, route.needs);
  const reply = await route.handle(call);
  if (Buffer.isBuffer(reply.body)) return reply;
  const wrong = parts.rest().response(operation, reply.status, reply.body);
  if (wrong.length > 0) return violation(world, `${operation.name}: ${wrong.join("; ")}`);
  return reply;
}

function violation(world: World, what: string): Reply {
  world.violations.push(what);
  return { status: 500, body: { message: what } };
}

function visible(world: World, principal: Principal, path: Readonly<Record<string, string>>): Repository {
  const repository = repositoryOf(world, path["owner"] ?? "", path["repo"] ?? "");
  if (repository === undefined || !sees(principal, repository)) throw notFound();
  return repository;
}

function admit(call: Call, needs: Needs): void {
  const { principal } = call;
  switch (needs.kind) {
    case "anyone":
      return;
    case "app":
      if (principal.kind !== "app") throw new Refusal(401, "A JSON web token could not be decoded");
      return;
    case "installation":
      if (principal.kind !== "installation")
        throw new Refusal(
          403,
          "You must authenticate with an installation access token in order to list repositories for an installation.",
        );
      return;
    case "user":
      if (principal.kind === "nobody") throw new Refusal(401, "Requires authentication");
      return;
    case "organization": {
      const organization = accountOf(call.world, call.path["org"] ?? "");
      if (organization === undefined) throw notFound();
      if (principal.kind === "user") return;
      if (principal.kind !== "installation") throw notFound();
      const isThere = principal.installation.account === organization;
      if (!isThere || !holds(principal.permissions, needs)) throw notAccessible(`${needs.permission}=${needs.level}`);
      return;
    }
    case "repository":
      admitToRepository(call, needs);
  }
}

function admitToRepository(call: Call, needs: Extract<Needs, { kind: "repository" }>): void {
  const { principal } = call;
  if (principal.kind === "app") throw new Refusal(401, "Bad credentials"); // an App's JWT opens no repository
  if (may(principal, call.repository(), needs)) return;
  if (principal.kind === "installation") {
    throw notAccessible(
      needs.permission
        .split("|")
        .map((each) => `${each}=${needs.level}`)
        .join("; "),
    );
  }
  if (principal.kind === "nobody") throw new Refusal(401, "Requires authentication");
  throw new Refusal(403, "Must have write access to the repository.");
}

function answerGit(
  parts: Parts,
  git: Exclude<ReturnType<typeof gitRequestOf>, undefined>,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const { world } = parts;
  const refuse = (status: number, text: string): void => {
    response.writeHead(status, { "content-type": "text/plain", "www-authenticate": 'Basic realm="GitHub"' });
    response.end(text);
  };
  try {
    const principal = principalOf(world, request.headers.authorization);
    const repository = repositoryOf(world, git.owner, git.name);
    const level = git.service === "git-receive-pack" ? "write" : "read";
    if (repository === undefined || !may(principal, repository, { permission: "contents", level })) {
      refuse(principal.kind === "nobody" ? 401 : level === "write" ? 403 : 404, "Repository not found.");
      return;
    }
    parts.seen.push({ at: world.now(), operation: `git ${git.service}`, path: request.url ?? "", status: 200 });
    serveGit(repository.git.folder, git, request, response);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    refuse(error.status, "Invalid username or token.");
  }
}

function issuerAnswer(parts: Parts, path: string, url: URL, request: IncomingMessage): Reply | undefined {
  const issued = parts.oidc.answer(path);
  if (issued !== undefined) return { status: 200, body: issued };
  if (path !== "/_services/pipelines/idtoken") return undefined;
  const token = parts.oidc.exchange(bearerOf(request), url.searchParams.get("audience"));
  return token === undefined ? { status: 401, body: { message: "Unauthorized" } } : { status: 200, body: token };
}

function jsonOf(raw: Buffer): unknown {
  try {
    return parseJson(raw.toString("utf8"));
  } catch {
    throw new Refusal(400, "Problems parsing JSON");
  }
}

// An answer's mark hangs on the token too, so that it changes when an App's token does.
function conditional({ method, request }: Asked, reply: Reply): Reply {
  if (method !== "GET" || reply.status !== 200 || Buffer.isBuffer(reply.body)) return reply;
  const etag = `W/"${markOf(`${request.headers.authorization ?? ""}\n${JSON.stringify(reply.body)}`)}"`;
  const headers = { ...reply.headers, etag };
  return request.headers["if-none-match"] === etag ? { status: 304, headers } : { ...reply, headers };
}

function bearerOf(request: IncomingMessage): string {
  return (request.headers.authorization ?? "").split(/ +/)[1] ?? "";
}

function keyOf(request: IncomingMessage, name: string): string {
  return `${bearerOf(request)}${name === "POST /graphql" ? ":graphql" : ""}`;
}

function bucketOf(world: World, principal: Principal): Bucket {
  if (principal.kind !== "installation") return principal.kind;
  return principal.installation.app === world.actions ? "job" : "installation";
}

function noteWait(parts: Parts, request: IncomingMessage, reply: Reply): void {
  const seconds = Number(reply.headers?.["retry-after"]);
  if (seconds > 0) parts.limits.toldToWait(bearerOf(request), seconds * 1000);
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    if (!Buffer.isBuffer(chunk)) throw new TypeError("a body comes in bytes");
    size += chunk.length;
    if (size > BODY_BYTES_MAX) throw new Error("the body is too big for the stand-in");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function send(response: ServerResponse, reply: Reply): void {
  if (response.headersSent || response.destroyed) return;
  const headers: Record<string, string> = {
    server: "github.com",
    "x-github-media-type": "github.v3; format=json",
    "x-github-request-id": "standin",
    ...reply.headers,
  };
  const bytes = Buffer.isBuffer(reply.body)
    ? reply.body
    : reply.body === undefined
      ? undefined
      : Buffer.from(JSON.stringify(reply.body));
  const type = reply.headers?.["content-type"];
  response.writeHead(reply.status, {
    ...headers,
    ...(bytes === undefined ? {} : { "content-type": type ?? "application/json; charset=utf-8" }),
  });
  response.end(bytes);
}
