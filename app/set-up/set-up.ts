/**
 * The first run: leads through creating the App on GitHub, in a browser. Who may do it has the one-time link that the terminal
 * shows: whoever created the App here would hold its keys. GitHub's code is exchanged once, and never logged.
 * https://docs.github.com/en/apps/sharing-github-apps/registering-a-github-app-from-a-manifest
 */

import { hash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Octokit } from "@octokit/core";
import type { Context } from "../context.ts";
import { readBody } from "../http/body.ts";
import type { Handler } from "../http/listener.ts";
import { Problem } from "../http/route.ts";
import { WEBHOOK_PATH } from "../http/server.ts";
import { errorFields } from "../log.ts";
import { type Blueprint, type Choice, creationUrl, manifestOf } from "./manifest.ts";
import { type ChoiceFaults, choosePage, confirmPage, donePage, faultPage } from "./page.ts";

/** The App as GitHub made it. */
export interface CreatedApp {
  readonly id: number;
  readonly name: string;
  readonly page: string;
  readonly privateKey: string;
  readonly webhookSecret: string;
  readonly url: string;
}

export interface SetUpOptions {
  readonly blueprint: Blueprint;
  /** GitHub's API and what a browser opens. */
  readonly github: { readonly api: string; readonly web: string };
  /** What COUNTERSIGN_URL says; empty where it says nothing. */
  readonly url: string;
  /** The channel of webhooks, where one is used. */
  readonly webhookProxy: string | undefined;
  readonly settingsPath: string;
  readonly random: (count: number) => Uint8Array;
  readonly clock: () => number;
  readonly log: Context["log"];
  /** Keeps what GitHub gave. Throws where it cannot. */
  readonly keep: (created: CreatedApp) => void;
}

export interface SetUp {
  readonly handle: Handler;
  /** The path and query that the person opens. */
  readonly path: string;
  /** Resolves when the App was created, kept, and told to the browser. */
  readonly created: Promise<CreatedApp>;
}

/** GitHub keeps a code for an hour. */
const STATE_MS_MAX = 3_600_000;
/** One person creates one App; each look at the second page makes a state. */
const STATES_MAX = 32;
const FORM_BYTES_MAX = 8 * 1024;
const ANSWER_MS_MAX = 30_000;

interface Begun {
  readonly choice: Choice;
  readonly atMs: number;
}

export function openSetUp(options: SetUpOptions): SetUp {
  const token = Buffer.from(options.random(24)).toString("base64url");
  const states = new Map<string, Begun>();
  let resolveCreated: (created: CreatedApp) => void = () => undefined;
  const created = new Promise<CreatedApp>((resolve) => {
    resolveCreated = resolve;
  });
  const parts: Parts = { ...options, token, states, path: `/set-up?token=${token}` };
  return {
    path: parts.path,
    created,
    handle(request, response) {
      answer(parts, request)
        .catch((error: unknown): Page => faultOf(parts, error))
        .then((shown) => show(parts, response, shown))
        .then((made) => (made === undefined ? undefined : resolveCreated(made)))
        .catch((error: unknown) => {
          options.log.error(errorFields(error), "the set-up could not answer");
          response.destroy();
        });
    },
  };
}

interface Parts extends SetUpOptions {
  readonly token: string;
  readonly states: Map<string, Begun>;
  readonly path: string;
}

interface Page {
  readonly status: number;
  readonly html: string;
  readonly created?: CreatedApp;
}

async function answer(parts: Parts, request: IncomingMessage): Promise<Page> {
  const url = new URL(request.url ?? "/", "http://localhost");
  switch (`${request.method} ${url.pathname}`) {
    case "GET /healthz":
      return { status: 200, html: faultPage("Not set up", "Open the link that the terminal shows.") };
    case "GET /set-up":
      admit(parts, url);
      return choose(parts, request, firstChoice(parts, request), {});
    case "POST /set-up":
      admit(parts, url);
      return confirm(parts, request, await readChoice(parts, request));
    case "GET /set-up/created":
      return await finish(parts, url);
    default:
      throw new Problem(
        404,
        "Not set up yet",
        "Countersign waits to be set up: open the link that its terminal shows.",
      );
  }
}

function admit({ token }: Parts, url: URL): void {
  const given = hash("sha256", url.searchParams.get("token") ?? "", "buffer");
  if (timingSafeEqual(given, hash("sha256", token, "buffer"))) return;
  throw new Problem(403, "Not this link", "Open the link that the terminal of countersign app shows.");
}

function firstChoice(parts: Parts, request: IncomingMessage): Choice {
  return { name: parts.blueprint.name, organization: "", url: parts.url === "" ? originOf(request) : parts.url };
}

async function readChoice(parts: Parts, request: IncomingMessage): Promise<Choice> {
  // A form of another site cannot know the token; this is for browsers that would tell it where they come from.
  const { origin } = request.headers;
  if (origin !== undefined && origin !== "null" && origin !== originOf(request)) {
    throw new Problem(403, "Not this page", "Use the page that the terminal's link opens.");
  }
  const form = new URLSearchParams((await readBody(request, FORM_BYTES_MAX)).toString("utf8"));
  const given = (name: string): string => (form.get(name) ?? "").trim();
  const url = parts.url === "" ? given("url").replace(/\/+$/, "").toLowerCase() : parts.url;
  return { name: given("name"), organization: given("organization"), url };
}

function confirm(parts: Parts, request: IncomingMessage, choice: Choice): Page {
  const faults = faultsOf(choice);
  if (Object.keys(faults).length > 0) return choose(parts, request, choice, faults);
  const state = Buffer.from(parts.random(24)).toString("base64url");
  const [oldest] = parts.states.keys();
  if (parts.states.size >= STATES_MAX && oldest !== undefined) parts.states.delete(oldest);
  parts.states.set(state, { choice, atMs: parts.clock() });
  const webhooks = parts.webhookProxy ?? `${choice.url}${WEBHOOK_PATH}`;
  const manifest = manifestOf(parts.blueprint, choice, {
    returnTo: `${originOf(request)}/set-up/created`,
    webhooks,
  });
  const creation = creationUrl(parts.github.web, choice, state);
  const { settingsPath, path } = parts;
  return { status: 200, html: confirmPage({ choice, manifest, creation, webhooks, settingsPath, back: path }) };
}

function choose(parts: Parts, _request: IncomingMessage, choice: Choice, faults: ChoiceFaults): Page {
  const { blueprint, path } = parts;
  const html = choosePage({ blueprint, choice, faults, isUrlFixed: parts.url !== "", action: path });
  return { status: Object.keys(faults).length > 0 ? 422 : 200, html };
}

function faultsOf({ name, organization, url }: Choice): ChoiceFaults {
  const isName = name.length > 0 && name.length <= 34 && !/[\p{Cc}\p{Cf}]/u.test(name);
  const isOrganization = organization === "" || /^[a-z\d](?:[a-z\d-]{0,37}[a-z\d])?$/i.test(organization);
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const isLocal = parsed?.protocol === "http:" && /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(parsed.hostname);
  const isUrl = parsed !== undefined && parsed.origin === url && (parsed.protocol === "https:" || isLocal);
  return {
    ...(isName ? {} : { name: "A name has 1 to 34 characters." }),
    ...(isOrganization ? {} : { organization: "This is no organisation's name on GitHub." }),
    ...(isUrl ? {} : { url: "Give an https URL without a path, as https://countersign.example.com." }),
  };
}

async function finish(parts: Parts, url: URL): Promise<Page> {
  const state = url.searchParams.get("state") ?? "";
  const begun = parts.states.get(state);
  // Taken before GitHub is asked: a second time with this state, or a second tab, asks nothing.
  parts.states.delete(state);
  if (begun === undefined || parts.clock() - begun.atMs > STATE_MS_MAX) {
    throw new Problem(
      403,
      "This way back was used",
      "It works once, for an hour. Open the terminal's link and begin again.",
    );
  }
  const code = url.searchParams.get("code") ?? "";
  if (!/^[\w-]{1,200}$/.test(code)) throw new Problem(400, "No code", "GitHub gave no code. Begin again.");
  const created = await exchange(parts, code, begun.choice);
  parts.keep(created);
  parts.states.clear();
  const { settingsPath } = parts;
  const html = donePage({ name: created.name, install: `${created.page}/installations/new`, settingsPath });
  return { status: 200, html, created };
}

async function exchange({ github, log }: Parts, code: string, choice: Choice): Promise<CreatedApp> {
  const octokit = new Octokit({
    baseUrl: github.api,
    userAgent: "countersign",
    log: { debug() {}, info() {}, warn() {}, error() {} },
  });
  try {
    const { data } = await octokit.request("POST /app-manifests/{code}/conversions", {
      code,
      request: { signal: AbortSignal.timeout(ANSWER_MS_MAX) },
    });
    const { id, name, html_url: page, pem: privateKey, webhook_secret: webhookSecret } = data;
    if (webhookSecret === null) throw new TypeError("GitHub gave no webhook secret");
    return { id, name, page, privateKey, webhookSecret, url: choice.url };
  } catch (cause) {
    log.error(errorFields(cause), "the code of the manifest could not be exchanged");
    const detail =
      "GitHub did not give the App's key for its code. If the App is in your settings on GitHub, delete it there; then begin again.";
    throw new Problem(502, "GitHub did not answer", detail, { cause });
  }
}

function faultOf({ log }: Parts, error: unknown): Page {
  if (error instanceof Problem) return { status: error.status, html: faultPage(error.title, error.detail) };
  log.error(errorFields(error), "the set-up failed");
  const text = "What GitHub gave could not be kept; the terminal says why. Delete the App on GitHub and begin again.";
  return { status: 500, html: faultPage("It failed here", text) };
}

async function show(parts: Parts, response: ServerResponse, shown: Page): Promise<CreatedApp | undefined> {
  const style = "style-src 'unsafe-inline'";
  const forms = `form-action 'self' ${parts.github.web}`;
  response.writeHead(shown.status, {
    "content-type": "text/html; charset=utf-8",
    "content-length": Buffer.byteLength(shown.html),
    "content-security-policy": `default-src 'none'; ${style}; img-src data:; ${forms}; frame-ancestors 'none'; base-uri 'none'`,
    "cache-control": "no-store",
    // GitHub sees which host the form came from, and nothing of the link.
    "referrer-policy": "strict-origin",
    "x-content-type-options": "nosniff",
    // The set-up ends when the App begins: nobody keeps a connection to it.
    connection: "close",
  });
  await new Promise<void>((resolve) => {
    response.once("close", resolve);
    response.end(shown.html);
  });
  return shown.created;
}

/** Where the browser reached us. A proxy in front says which scheme it was asked by. */
function originOf({ headers }: IncomingMessage): string {
  const host = /^[\w.:[\]-]{1,255}$/.test(headers.host ?? "") ? (headers.host ?? "") : "localhost";
  const scheme = headers["x-forwarded-proto"] === "https" ? "https" : "http";
  return `${scheme}://${host}`;
}
