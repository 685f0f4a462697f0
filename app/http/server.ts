/**
 * Answers requests by the parts' routes: finds the route, bounds the request, finds out who asks, and tells every failure by
 * RFC 9457. A request is believed before its body is read, and counted whatever becomes of it.
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Context } from "../context.ts";
import { errorFields } from "../log.ts";
import type { SessionRow } from "../sessions/session.ts";
import { isConflict } from "../state/database.ts";
import { addressOf } from "./address.ts";
import { bodyBytes, createRoom, type Room, readBody } from "./body.ts";
import { createRateLimit, type Rate, type RateLimit } from "./rate.ts";
import { type Exchange, Problem, type Reply, type Route } from "./route.ts";
import { type Head, holdToDigest, signerOf } from "./signer.ts";

/** Takes a delivery of GitHub's, whose body was read, and answers it. */
export type Webhooks = (request: IncomingMessage, response: ServerResponse, body: Buffer) => Promise<void>;

export interface ServingOptions {
  readonly context: Pick<Context, "database" | "clock" | "random" | "log" | "metrics" | "url">;
  readonly routes: readonly Route[];
  readonly webhooks: Webhooks;
  /** See `addressOf`. */
  readonly proxies: number;
}

export interface Serving {
  readonly handle: (request: IncomingMessage, response: ServerResponse) => void;
  /** Requests that are not answered yet. */
  inFlight(): number;
  /** Aborts the signal of all exchanges: who waits is answered, and nobody stays. */
  drain(): void;
}

export const WEBHOOK_PATH = "/api/github/webhooks";

/** GitHub's own bound on a payload is 25 MB. */
const WEBHOOK_BYTES_MAX = 25 * 1024 * 1024;
/** A registration or a request for approval; files are larger and are bounded by themselves. */
const SMALL_BYTES_MAX = 1024 * 1024;
/** What the bodies of all requests may hold together: four files of a session; small ones; deliveries. */
const ROOM_BYTES = { large: 256 * 1024 * 1024, small: 64 * 1024 * 1024, webhooks: 64 * 1024 * 1024 };
const TARGET_CHARACTERS_MAX = 2048;
/** A poll waits 30 seconds at most; nothing takes longer than this. */
const HANDLE_MS_MAX = 60_000;

/** A session polls, says that it lives, and asks for approvals. */
const SESSION_RATE: Rate = { perSecond: 50, burst: 500 };
/** Open routes cost a signature of GitHub's or of a session. Many runners may share one address. */
const OPEN_RATE: Rate = { perSecond: 20, burst: 200 };
/** Heads: one for each command that writes, from all runners of an address. Each costs the asker a signature and a proof. */
const HEAD_RATE: Rate = { perSecond: 2000, burst: 4000 };
/** Of anybody's requests for signed routes, whose signature is yet to be believed. */
const UNBELIEVED_RATE: Rate = { perSecond: 500, burst: 2000 };
/** All of GitHub's deliveries come from a few addresses. */
const WEBHOOK_RATE: Rate = { perSecond: 200, burst: 2000 };

/** What an open request for which there is a route needs nothing of; a probe is never refused for asking often. */
const UNLIMITED = /^\/(?:healthz|readyz)$/;

export function createServing(options: ServingOptions): Serving {
  const drained = new AbortController();
  const parts: Parts = {
    ...options,
    drained: drained.signal,
    limit: createRateLimit(),
    rooms: {
      large: createRoom(ROOM_BYTES.large),
      small: createRoom(ROOM_BYTES.small),
      webhooks: createRoom(ROOM_BYTES.webhooks),
    },
  };
  const open = new Set<ServerResponse>();
  return {
    handle: (request, response) => {
      open.add(response);
      response.once("close", () => open.delete(response));
      void answer(parts, request, response);
    },
    inFlight: () => open.size,
    drain: () => drained.abort(),
  };
}

interface Parts extends ServingOptions {
  readonly drained: AbortSignal;
  readonly limit: RateLimit;
  readonly rooms: { readonly large: Room; readonly small: Room; readonly webhooks: Room };
}

/** One request on its way. */
interface Asked {
  readonly id: string;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly startedMs: number;
  /** The pattern of its route, for counting; `none` where there is none. */
  route: string;
}

async function answer(parts: Parts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { context } = parts;
  const id = Buffer.from(context.random(8)).toString("hex");
  const asked: Asked = { id, request, response, startedMs: context.clock(), route: "none" };
  setHeaders(parts, asked);
  response.once("close", () => count(parts, asked));
  response.on("error", () => undefined);
  try {
    await exchange(parts, asked);
  } catch (error) {
    send(parts, asked, replyTo(tellable(parts, asked, error), id));
  }
}

function setHeaders({ context }: Parts, { id, response }: Asked): void {
  response.setHeader("x-request-id", id);
  response.setHeader("cache-control", "no-store");
  response.setHeader("content-security-policy", "default-src 'none'; frame-ancestors 'none'");
  response.setHeader("referrer-policy", "no-referrer");
  response.setHeader("x-content-type-options", "nosniff");
  if (context.url.startsWith("https:")) response.setHeader("strict-transport-security", "max-age=31536000");
}

async function exchange(parts: Parts, asked: Asked): Promise<void> {
  const { request } = asked;
  const target = request.url ?? "";
  // One spelling of a path: nothing is decoded or resolved, so what is signed is what is routed.
  if (target.length > TARGET_CHARACTERS_MAX || !/^\/[\w.~:@+/-]*(?:\?[\w.~:@+/%&=,-]*)?$/.test(target)) {
    throw new Problem(400, "Bad target", "Ask for a path of docs/app-api.md, in its plain spelling.");
  }
  const at = target.indexOf("?");
  const path = at === -1 ? target : target.slice(0, at);
  const address = addressOf(request, parts.proxies);
  if (path === WEBHOOK_PATH) {
    await deliver(parts, asked, address);
    return;
  }
  const { route, caught } = routeFor(parts.routes, request.method ?? "", path);
  asked.route = labelOf(route);
  const head: Head = { method: request.method ?? "", target, headers: plainHeaders(request) };
  const reply = await byRoute(parts, asked, { route, caught, head, address });
  send(parts, asked, reply);
}

interface Found {
  readonly route: Route;
  readonly caught: readonly string[];
  readonly head: Head;
  readonly address: string;
}

async function byRoute(parts: Parts, asked: Asked, { route, caught, head, address }: Found): Promise<Reply> {
  const { context } = parts;
  const bytes = bodyBytes(asked.request, route.bodyBytesMax);
  let session: SessionRow | undefined;
  if (route.who === "session") {
    limitTo(parts, `unbelieved ${address}`, UNBELIEVED_RATE);
    session = await signerOf(head, context.database, context.clock());
    limitTo(parts, `session ${session.sid} ${route.rate === undefined ? "" : asked.route}`, route.rate ?? SESSION_RATE);
  } else if (!UNLIMITED.test(head.target)) {
    const usual = asked.route === "/add-checkpoint" ? HEAD_RATE : OPEN_RATE;
    limitTo(parts, `open ${address} ${asked.route}`, route.rate ?? usual);
  }
  const giveBack = parts.rooms[bytes > SMALL_BYTES_MAX ? "large" : "small"].reserve(bytes);
  try {
    const body = await bodyOf(asked, route.bodyBytesMax);
    const { signal, done } = signalOf(parts, asked);
    const query = new URLSearchParams(head.target.includes("?") ? head.target.slice(head.target.indexOf("?")) : "");
    const made: Exchange = { caught, query, headers: head.headers, body, signal };
    try {
      if (route.who === "open") return await route.handle(made);
      holdToDigest(head, body);
      if (session === undefined) throw new TypeError("a signed route has a session");
      return await route.handle(made, session);
    } finally {
      done();
    }
  } finally {
    giveBack();
  }
}

async function deliver(parts: Parts, asked: Asked, address: string): Promise<void> {
  const { request, response } = asked;
  asked.route = WEBHOOK_PATH;
  if (request.method !== "POST") throw notAllowed(["POST"]);
  limitTo(parts, `webhooks ${address}`, WEBHOOK_RATE);
  const giveBack = parts.rooms.webhooks.reserve(bodyBytes(request, WEBHOOK_BYTES_MAX));
  try {
    const body = await bodyOf(asked, WEBHOOK_BYTES_MAX);
    if (parts.drained.aborted) response.setHeader("connection", "close");
    await parts.webhooks(request, response, body);
  } finally {
    giveBack();
  }
}

/** The route as people write it, as `/v1/requests/*`, for counting: never the path, which names sessions. */
function labelOf({ path }: Route): string {
  return path.source
    .replaceAll(/^\^|\$$/g, "")
    .replaceAll("\\/", "/")
    .replaceAll(/\((?:\?:)?[^()]*\)/g, "*")
    .replaceAll("\\", "");
}

function routeFor(
  routes: readonly Route[],
  asked: string,
  path: string,
): { readonly route: Route; readonly caught: readonly string[] } {
  const method = asked === "HEAD" ? "GET" : asked;
  const there = routes.flatMap((route) => {
    const match = route.path.exec(path);
    return match?.[0] === path ? [{ route, caught: match.slice(1) }] : [];
  });
  if (there.length === 0) throw new Problem(404, "Not found", "There is no such path; docs/app-api.md lists all.");
  const found = there.find(({ route }) => route.method === method);
  if (found !== undefined) return found;
  throw notAllowed(there.map(({ route }) => (route.method === "GET" ? "GET, HEAD" : route.method)));
}

class NotAllowed extends Problem {
  readonly allow: string;
  constructor(allow: string) {
    super(405, "Not allowed", `This path takes ${allow}.`);
    this.allow = allow;
  }
}

function notAllowed(methods: readonly string[]): Problem {
  return new NotAllowed([...new Set(methods)].join(", "));
}

function limitTo({ limit, context }: Parts, asker: string, rate: Rate): void {
  const retryAfter = limit.take(asker, rate, context.clock());
  if (retryAfter > 0) throw new Problem(429, "Too often", `Ask again in ${retryAfter} seconds.`, { retryAfter });
}

async function bodyOf({ request, response }: Asked, bytesMax: number): Promise<Buffer> {
  // Whoever asks first whether to send the body is told so only now, when everything else was found good.
  if (/^100-continue$/i.test(request.headers.expect ?? "")) response.writeContinue();
  return await readBody(request, bytesMax);
}

function signalOf(
  { drained }: Parts,
  { response }: Asked,
): { readonly signal: AbortSignal; readonly done: () => void } {
  const gone = new AbortController();
  const abort = (): void => gone.abort();
  const timer = setTimeout(abort, HANDLE_MS_MAX);
  response.once("close", abort);
  drained.addEventListener("abort", abort, { once: true });
  if (drained.aborted) abort();
  return {
    signal: gone.signal,
    done() {
      clearTimeout(timer);
      response.off("close", abort);
      drained.removeEventListener("abort", abort);
    },
  };
}

// Headers that came twice are joined by Node, or come as a list: then no reader of ours takes them for one.
function plainHeaders({ headers }: IncomingMessage): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(", ") : value]),
  );
}

/** What of a failure may be told. All else is ours, goes to the log without its words, and is told by the request's id. */
function tellable({ context }: Parts, { id, route }: Asked, error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (isConflict(error)) return new Problem(503, "In each other's way", "Send it again.", { retryAfter: 1 });
  context.log.error({ ...errorFields(error), request: id, route }, "a request failed");
  return new Problem(500, "It failed here", `Send it again later; the App's log has it as request ${id}.`);
}

function replyTo(problem: Problem, id: string): Reply {
  const { status, title, detail, retryAfter } = problem;
  return {
    status,
    contentType: "application/problem+json",
    body: JSON.stringify({ type: "about:blank", status, title, detail, instance: `urn:countersign:request:${id}` }),
    headers: {
      ...(retryAfter > 0 ? { "retry-after": String(retryAfter) } : {}),
      ...(problem instanceof NotAllowed ? { allow: problem.allow } : {}),
      ...(status === 401 ? { "www-authenticate": "Signature" } : {}),
    },
  };
}

/** What is left of a refused body is not waited for any longer than this. */
const LINGER_MS = 1_000;

function send(parts: Parts, { request, response }: Asked, reply: Reply): void {
  if (response.headersSent || response.destroyed) return;
  const bytes = Buffer.from(reply.body);
  // A body that was not read to its end would be taken for the next request.
  const isUnread = !request.complete;
  const isClosing = isUnread || parts.drained.aborted;
  response.writeHead(reply.status, {
    ...reply.headers,
    "content-type": reply.contentType,
    "content-length": bytes.length,
    ...(isClosing ? { connection: "close" } : {}),
  });
  response.end(request.method === "HEAD" ? undefined : bytes);
  if (isUnread) setTimeout(() => request.destroy(), LINGER_MS).unref();
}

function count({ context }: Parts, { route, request, response, startedMs }: Asked): void {
  const labels = {
    route,
    method: request.method ?? "",
    status: String(response.headersSent ? response.statusCode : 0),
  };
  context.metrics.count("countersign_http_requests_total", labels);
  context.metrics.took("countersign_http_request_seconds", (context.clock() - startedMs) / 1000, { route });
}
