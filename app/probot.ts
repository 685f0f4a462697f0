/**
 * Probot, as the App uses it: its door to GitHub's API, and its reader of webhooks. Its client throws at once, whatever GitHub
 * says: errands wait in the state, where a restart does not lose them, and not in a client that sleeps.
 */

import type { IncomingMessage } from "node:http";
import { Octokit } from "@octokit/core";
import { Probot, ProbotOctokit } from "probot";
import type { AppIdentity, GithubSettings } from "./config.ts";
import type { Context, GithubDoor } from "./context.ts";
import { WEBHOOK_PATH, type Webhooks } from "./http/server.ts";
import { errorFields, type Logs } from "./log.ts";
import type { WebhookEvent } from "./part.ts";

export interface ProbotOptions {
  readonly identity: AppIdentity;
  readonly github: GithubSettings;
  readonly logs: Logs;
  readonly metrics: Context["metrics"];
  /** Resolves soon: GitHub waits ten seconds. */
  readonly onWebhook: (event: WebhookEvent) => Promise<void>;
}

export interface OpenProbot {
  readonly door: GithubDoor;
  readonly webhooks: Webhooks;
}

/** GitHub's slowest answers, of large trees, take ten seconds. */
const ANSWER_MS_MAX = 30_000;

/** Starts Probot. Calls nobody yet. */
export async function openProbot(options: ProbotOptions): Promise<OpenProbot> {
  const { identity, github, logs, metrics } = options;
  const bounded = boundedFetch(metrics);
  const plain = new Octokit({ baseUrl: github.api, request: { fetch: bounded } });
  const probot = new Probot({
    appId: identity.id,
    privateKey: identity.privateKey,
    secret: identity.webhookSecret,
    baseUrl: github.api,
    log: logs.library,
    webhookPath: WEBHOOK_PATH,
    request: { fetch: bounded },
    Octokit: ProbotOctokit.defaults((given: { readonly auth?: object }) => ({
      ...given,
      // Probot's own would ask api.github.com for a new token, whatever the API's address is.
      auth: { ...given.auth, request: plain.request },
      retry: { enabled: false },
      throttle: { enabled: false },
    })),
  });
  await probot.ready();
  probot.onAny(async ({ id, name, payload }) => await handled({ id, name, payload }, options));
  const middleware = await probot.getNodeMiddleware();
  return {
    door: {
      app: async () => await probot.auth(),
      installation: async (id) => renewing(await probot.auth(id)),
    },
    async webhooks(request, response, body) {
      const event = String(request.headers["x-github-event"] ?? "");
      response.once("finish", () => {
        const outcome = response.statusCode < 300 ? "taken" : response.statusCode < 500 ? "refused" : "failed";
        const isKnown = outcome !== "refused" && /^[a-z_]{1,50}$/.test(event);
        metrics.count("countersign_webhooks_total", { event: isKnown ? event : "unknown", outcome });
      });
      // The middleware takes a body that was read from where body parsers put it.
      await middleware(withBody(request, body), response);
    },
  };
}

/** What went wrong is the App's own affair: GitHub shows whoever owns the App what a delivery was answered with. */
async function handled(event: WebhookEvent, { logs, onWebhook }: ProbotOptions): Promise<void> {
  try {
    await onWebhook(event);
  } catch (error) {
    logs.log.error({ ...errorFields(error), event: event.name, delivery: event.id }, "a delivery was not handled");
    throw new DeliveryError("this delivery was not handled; what it was about is looked at by the clock");
  }
}

class DeliveryError extends Error {
  override readonly name = "DeliveryError";
}

function withBody(request: IncomingMessage, body: Buffer): IncomingMessage {
  return Object.assign(request, { body: body.toString("utf8") });
}

/** A token that GitHub took back, as after a change of permissions, is replaced once. Octokit would keep it for an hour. */
function renewing<Client extends ProbotOctokit>(octokit: Client): Client {
  octokit.hook.wrap("request", async (request, options) => {
    try {
      return await request(options);
    } catch (error) {
      if (!(error instanceof Error && "status" in error && error.status === 401)) throw error;
      await octokit.auth({ type: "installation", refresh: true });
      return await request(options);
    }
  });
  return octokit;
}

/** Fetch with an end, and a count of how long GitHub takes. */
function boundedFetch(metrics: Context["metrics"]): typeof fetch {
  return async (input, init) => {
    const started = performance.now();
    const end = AbortSignal.timeout(ANSWER_MS_MAX);
    const signal = init?.signal === undefined || init.signal === null ? end : AbortSignal.any([init.signal, end]);
    let status = "none";
    try {
      const response = await fetch(input, { ...init, signal });
      status = String(response.status);
      return response;
    } finally {
      metrics.took("countersign_github_seconds", (performance.now() - started) / 1000, { status });
    }
  };
}
