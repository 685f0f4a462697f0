/** What operators ask: does the process answer, can it do its work, and how is it doing. */

import { isInteger, isText, shaped } from "../src/evidence/shape.ts";
import type { GithubDoor } from "./context.ts";
import { type Gauge, METRICS_TYPE, type MetricsRegister } from "./http/metrics.ts";
import { json, type Reply, type Route } from "./http/route.ts";
import type { Database } from "./state/database.ts";

export interface HealthOptions {
  readonly database: Database;
  readonly github: GithubDoor;
  readonly metrics: MetricsRegister;
  readonly clock: () => number;
  readonly version: string;
  readonly waiting: () => number;
  readonly isStopping: () => boolean;
}

/** Probes come every few seconds, from several places. */
const KEPT_MS = 10_000;
const PROBE_MS_MAX = 5_000;

/** `/healthz`, `/readyz` and `/metrics`. */
export function healthRoutes(options: HealthOptions): readonly Route[] {
  const ready = kept(async () => await probe(options), options.clock);
  const gauges = gaugesOf(options);
  return [
    route(/^\/healthz$/, async () => await Promise.resolve(json(200, { status: "ok" }))),
    route(/^\/readyz$/, async () => {
      if (options.isStopping()) return json(503, { database: "ok", github: "ok", stopping: true });
      const found = await ready();
      return json(found.database === "ok" && found.github === "ok" ? 200 : 503, found);
    }),
    route(/^\/metrics$/, async () => {
      return { status: 200, contentType: METRICS_TYPE, body: await options.metrics.text(gauges) };
    }),
  ];
}

function route(path: RegExp, handle: () => Promise<Reply>): Route {
  return { method: "GET", path, bodyBytesMax: 0, who: "open", handle };
}

interface Found {
  readonly database: "ok" | "away";
  readonly github: "ok" | "away";
}

async function probe({ database, github }: HealthOptions): Promise<Found> {
  const asks = async (work: () => Promise<unknown>): Promise<"ok" | "away"> => {
    try {
      await within(work());
      return "ok";
    } catch {
      return "away";
    }
  };
  const [ofDatabase, ofGithub] = await Promise.all([
    asks(async () => await database.run("SELECT 1")),
    asks(async () => {
      const octokit = await github.app();
      await octokit.request("GET /app", { request: { signal: AbortSignal.timeout(PROBE_MS_MAX) } });
    }),
  ]);
  return { database: ofDatabase, github: ofGithub };
}

async function within<T>(work: Promise<T>): Promise<T> {
  return await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("no answer in time")), PROBE_MS_MAX);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** The newest value, asked for again when it is old; those who come meanwhile share one asking. */
function kept<T>(ask: () => Promise<T>, clock: () => number): () => Promise<T> {
  let asked: { readonly atMs: number; readonly value: Promise<T> } | undefined;
  return async () => {
    if (asked === undefined || clock() - asked.atMs >= KEPT_MS) asked = { atMs: clock(), value: ask() };
    return await asked.value;
  };
}

const isBacklog = shaped({ kind: isText, due: isInteger, oldest: isInteger });
const isStates = shaped({ state: isText, count: isInteger });

function gaugesOf({ database, clock, version, waiting }: HealthOptions): readonly Gauge[] {
  const backlog = kept(
    async () =>
      await orNothing(
        database.rows(
          "SELECT kind, count(*) AS due, min(due_at) AS oldest FROM errand WHERE due_at <= $1 GROUP BY kind",
          [clock()],
          isBacklog,
        ),
      ),
    clock,
  );
  const states = kept(
    async () =>
      await orNothing(
        database.rows(
          "SELECT state, count(*) AS count FROM session WHERE state IN ('open', 'contested', 'handed-in') GROUP BY state",
          [],
          isStates,
        ),
      ),
    clock,
  );
  const one = (value: number) => [{ labels: {}, value }];
  return [
    {
      name: "countersign_info",
      help: "1, labelled with the version that runs.",
      read: async () => await Promise.resolve([{ labels: { version }, value: 1 }]),
    },
    {
      name: "countersign_waiting_requests",
      help: "Long polls that wait in this instance.",
      read: async () => await Promise.resolve(one(waiting())),
    },
    {
      name: "countersign_errands_due",
      help: "Errands that are due and not done, by kind.",
      read: async () => (await backlog()).map(({ kind, due }) => ({ labels: { kind }, value: due })),
    },
    {
      name: "countersign_errand_oldest_seconds",
      help: "How long the oldest of them has been due, by kind.",
      read: async () =>
        (await backlog()).map(({ kind, oldest }) => ({
          labels: { kind },
          value: Math.max(0, clock() - oldest) / 1000,
        })),
    },
    {
      name: "countersign_sessions",
      help: "Sessions that have not ended, by state.",
      read: async () => (await states()).map(({ state, count }) => ({ labels: { state }, value: count })),
    },
    {
      name: "process_resident_memory_bytes",
      help: "Memory of this process.",
      read: async () => await Promise.resolve(one(process.memoryUsage.rss())),
    },
    {
      name: "process_cpu_seconds_total",
      kind: "counter",
      help: "Processor time of this process.",
      read: async () => {
        const { user, system } = process.cpuUsage();
        return await Promise.resolve(one((user + system) / 1e6));
      },
    },
  ];
}

// The database may be away: the rest of the metrics are wanted then more than ever.
async function orNothing<T>(rows: Promise<readonly T[]>): Promise<readonly T[]> {
  return await rows.catch(() => []);
}
