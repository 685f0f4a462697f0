/** Counts and times in Prometheus' text format 0.0.4. docs/operate.md says what each means. */

import type { Metrics } from "../context.ts";

type Labels = Readonly<Record<string, string>>;

/** Every name that is counted or timed, and what it counts. Names that are not here are not kept. */
export const METRICS: Readonly<Record<string, { readonly kind: "counter" | "histogram"; readonly help: string }>> = {
  countersign_http_requests_total: { kind: "counter", help: "Requests answered, by route, method and status." },
  countersign_http_request_seconds: { kind: "histogram", help: "From a request's head to its answer, by route." },
  countersign_webhooks_total: { kind: "counter", help: "Deliveries of GitHub, by event and outcome." },
  countersign_errand_failures_total: { kind: "counter", help: "Errands that failed and are tried again, by kind." },
  countersign_errand_seconds: { kind: "histogram", help: "How long an errand took, by kind." },
  countersign_sessions_registered_total: { kind: "counter", help: "Sessions that were registered." },
  countersign_sessions_contested_total: {
    kind: "counter",
    help: "Sessions ended because another key asked for their job.",
  },
  countersign_heads_total: { kind: "counter", help: "Heads that were to be cosigned, by the status of the answer." },
  countersign_head_seconds: { kind: "histogram", help: "From a head's arrival to its cosignature." },
  countersign_credentials_issued_total: { kind: "counter", help: "Credentials that were given to a session's key." },
  countersign_requests_asked_total: { kind: "counter", help: "Requests for approval that were taken." },
  countersign_requests_ended_total: { kind: "counter", help: "Requests for approval that ended, by answer." },
  countersign_answer_seconds: { kind: "histogram", help: "From a request to its answer, by answer." },
  countersign_sessions_handed_in_total: { kind: "counter", help: "Sealed sessions that were taken." },
  countersign_sessions_lost_total: { kind: "counter", help: "Sessions closed as lost, by reason." },
  countersign_entries_landed_total: { kind: "counter", help: "Entries committed to logs." },
  countersign_entries_refused_total: { kind: "counter", help: "Entries that could not be entered in a log." },
  countersign_landing_seconds: { kind: "histogram", help: "How long one landing in a repository took." },
  countersign_log_stopped_total: { kind: "counter", help: "Times that a log was found changed by somebody else." },
  countersign_bundles_released_total: { kind: "counter", help: "Months attached to releases." },
  countersign_github_seconds: { kind: "histogram", help: "How long GitHub took to answer, by status." },
};

/** A value that is asked for when the metrics are. */
export interface Gauge {
  readonly name: string;
  readonly help: string;
  /** A counter that somebody else counts; a gauge unless said. */
  readonly kind?: "counter";
  read(): Promise<readonly { readonly labels: Labels; readonly value: number }[]>;
}

/** From a head that is cosigned in a millisecond to an answer that took people half an hour. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800];
/** Labels are of few values each; beyond this something is wrong with them, and one series takes the rest. */
const SERIES_MAX = 300;

interface Series {
  readonly labels: Labels;
  readonly buckets: number[];
  count: number;
  sum: number;
}

export interface MetricsRegister extends Metrics {
  /** Everything, as Prometheus reads it. */
  text(gauges: readonly Gauge[]): Promise<string>;
}

export const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

export function createMetrics(): MetricsRegister {
  const kept = new Map<string, Map<string, Series>>();
  const seriesOf = (name: string, labels: Labels): Series | undefined => {
    if (METRICS[name] === undefined) return undefined;
    const all = kept.get(name) ?? new Map<string, Series>();
    kept.set(name, all);
    const key = labelText(labels);
    const found = all.get(key);
    if (found !== undefined) return found;
    const others = Object.fromEntries(Object.keys(labels).map((label) => [label, "other"]));
    if (all.size >= SERIES_MAX && key !== labelText(others)) return seriesOf(name, others);
    const made = { labels, buckets: BUCKETS.map(() => 0), count: 0, sum: 0 };
    all.set(key, made);
    return made;
  };
  return {
    count(name, labels = {}, by = 1) {
      const series = seriesOf(name, labels);
      if (series !== undefined) series.sum += by;
    },
    took(name, seconds, labels = {}) {
      const series = seriesOf(name, labels);
      if (series === undefined) return;
      series.count += 1;
      series.sum += seconds;
      for (const [at, bound] of BUCKETS.entries()) {
        if (seconds <= bound) series.buckets[at] = (series.buckets[at] ?? 0) + 1;
      }
    },
    async text(gauges) {
      const counted = Object.entries(METRICS).flatMap(([name, { kind, help }]) => [
        `# HELP ${name} ${help}`,
        `# TYPE ${name} ${kind}`,
        ...[...(kept.get(name)?.values() ?? [])].flatMap((series) =>
          kind === "counter" ? [`${name}${labelText(series.labels)} ${series.sum}`] : histogram(name, series),
        ),
      ]);
      const read = await Promise.all(
        gauges.map(async (gauge) => [
          `# HELP ${gauge.name} ${gauge.help}`,
          `# TYPE ${gauge.name} ${gauge.kind ?? "gauge"}`,
          ...(await gauge.read()).map(({ labels, value }) => `${gauge.name}${labelText(labels)} ${value}`),
        ]),
      );
      return `${[...counted, ...read.flat()].join("\n")}\n`;
    },
  };
}

function histogram(name: string, { labels, buckets, count, sum }: Series): readonly string[] {
  return [
    ...BUCKETS.map((bound, at) => `${name}_bucket${labelText({ ...labels, le: String(bound) })} ${buckets[at] ?? 0}`),
    `${name}_bucket${labelText({ ...labels, le: "+Inf" })} ${count}`,
    `${name}_sum${labelText(labels)} ${sum}`,
    `${name}_count${labelText(labels)} ${count}`,
  ];
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escaped(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n").slice(0, 200);
}
