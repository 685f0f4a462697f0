/** The App, running: puts key, state, GitHub and parts together, and takes them apart again in order. */

import type { KeyObject } from "node:crypto";
import { dsseSigner } from "../src/evidence/dsse.ts";
import { cosigner } from "../src/tlog/note.ts";
import type { AppIdentity, Config } from "./config.ts";
import type { Context } from "./context.ts";
import { healthRoutes } from "./health.ts";
import { createHeard } from "./heard.ts";
import type { Listener } from "./http/listener.ts";
import { createMetrics } from "./http/metrics.ts";
import { json, type Route } from "./http/route.ts";
import { createServing, type Serving } from "./http/server.ts";
import { errorFields, type Logs } from "./log.ts";
import type { Part } from "./part.ts";
import { openProbot } from "./probot.ts";
import type { Database } from "./state/database.ts";
import { type Doer, type RunningErrands, runErrands } from "./state/errands.ts";
import { politely } from "./state/politely.ts";

/** Makes one part of the App. */
export type MakePart = (context: Context, config: Config) => Part;

export interface AppOptions {
  readonly config: Config;
  readonly identity: AppIdentity;
  readonly key: KeyObject;
  readonly database: Database;
  readonly listener: Listener;
  readonly logs: Logs;
  readonly parts: readonly MakePart[];
  readonly clock: () => number;
  readonly random: (count: number) => Uint8Array;
  readonly version: string;
}

export interface RunningApp {
  readonly vkey: string;
  /** Answers who waits, ends what runs, and closes everything. Resolves when it is done; twice is once. */
  stop(): Promise<void>;
}

/** Requests that are being handled may take this long to end, and then are cut. */
const GRACE_MS = 20_000;

/** The vkey under which the App at this URL cosigns: its name is the URL's host. */
export function vkeyOf(url: string, key: KeyObject): string {
  return cosigner(new URL(url).host, key).verifier.vkey;
}

/** Starts the App on a listener that is open already. */
export async function startApp(options: AppOptions): Promise<RunningApp> {
  const { config, key, database, listener, logs, clock, random } = options;
  const heard = createHeard();
  const metrics = createMetrics();
  const late: Late = { errands: undefined, stopped: undefined };
  const parts: Part[] = [];
  const { door, webhooks } = await openProbot({
    identity: options.identity,
    github: config.github,
    logs,
    metrics,
    onWebhook: async (event) => {
      for (const { onWebhook } of parts) await onWebhook?.(event);
    },
  });
  const vkey = vkeyOf(config.url, key);
  const context: Context = {
    database,
    key,
    signer: dsseSigner(key),
    vkey,
    url: config.url,
    appId: options.identity.id,
    github: door,
    clock,
    random,
    log: logs.log,
    metrics,
    wake: () => late.errands?.wake(),
    heard: heard.heard,
  };
  parts.push(...options.parts.map((make) => make(context, config)));
  const health = healthRoutes({
    database,
    github: door,
    metrics,
    clock,
    version: options.version,
    waiting: heard.waiting,
    isStopping: () => late.stopped !== undefined,
  });
  const routes = [...health, keyRoute(vkey), ...parts.flatMap((part) => part.routes)];
  const serving = createServing({ context, routes, webhooks, proxies: config.proxies });
  await database.listen((subject) => {
    heard.tell(subject);
    if (subject === undefined || subject === "errands") late.errands?.wake();
  });
  for (const part of parts) await part.begin?.();
  late.errands = runErrands({
    database,
    doers: doersOf(parts, context),
    clock,
    random: () => Buffer.from(random(4)).readUInt32BE() / 2 ** 32,
    failed({ kind, subject }, fault, attempts) {
      metrics.count("countersign_errand_failures_total", { kind });
      logs.log.warn({ ...errorFields(fault), kind, subject, attempts }, "an errand failed and is tried again");
    },
  });
  listener.answerBy(serving.handle);
  logs.log.info({ url: config.url, listening: listener.origin, vkey, version: options.version }, "the App runs");
  return {
    vkey,
    async stop() {
      late.stopped ??= stop(options, { serving, errands: late.errands });
      await late.stopped;
    },
  };
}

/** What is there only after the parts that speak of it. */
interface Late {
  errands: RunningErrands | undefined;
  stopped: Promise<void> | undefined;
}

async function stop(
  { listener, logs, database }: AppOptions,
  { serving, errands }: { readonly serving: Serving; readonly errands: RunningErrands | undefined },
): Promise<void> {
  logs.log.info({ open: serving.inFlight() }, "the App stops");
  const closed = listener.stop(GRACE_MS);
  serving.drain();
  await Promise.all([closed, errands?.stop()]);
  await database.close();
  logs.log.info({}, "the App has stopped");
}

function keyRoute(vkey: string): Route {
  const reply = json(200, { vkey });
  return {
    method: "GET",
    path: /^\/v1\/key$/,
    bodyBytesMax: 0,
    who: "open",
    handle: async () => await Promise.resolve(reply),
  };
}

/** All doers, each of which asks GitHub again only when GitHub says so. Throws TypeError where two parts do the same. */
function doersOf(parts: readonly Part[], { clock, metrics }: Context): ReadonlyMap<string, Doer> {
  const doers = new Map<string, Doer>();
  for (const [kind, doer] of parts.flatMap((part) => [...part.doers])) {
    if (doers.has(kind)) throw new TypeError(`two parts do the errand "${kind}"`);
    const polite = politely(doer, clock);
    doers.set(kind, async (subject, signal) => {
      const startedMs = clock();
      try {
        return await polite(subject, signal);
      } finally {
        metrics.took("countersign_errand_seconds", (clock() - startedMs) / 1000, { kind });
      }
    });
  }
  return doers;
}
