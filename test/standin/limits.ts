// GitHub's limits: how much each token has used, and whether anybody asked on while told to wait.

import { Refusal } from "./refusal.ts";

/** Requests an hour: an installation's, a job's token, nobody's. */
const HOURLY = { installation: 5000, user: 5000, job: 1000, nobody: 60, app: 5000 } as const;
/** Requests that make content, which GitHub bounds further. */
const CONTENT = { perMinute: 80, perHour: 500 } as const;
const HOUR = 3_600_000;
const MINUTE = 60_000;

export type Bucket = keyof typeof HOURLY;

export interface Limits {
  /** Counts a request. Throws GitHub's refusal when there are too many. Gives the headers that every answer carries. */
  count(of: { readonly key: string; readonly bucket: Bucket; readonly isContent: boolean }): Record<string, string>;
  /** Uses up what is left of the hour. */
  exhaust(key: string): void;
  /** Notes that a token's holder was told to wait, and that it asked. */
  toldToWait(token: string, milliseconds: number): void;
  heard(token: string): void;
  /** Requests that came while their sender had been told to wait. */
  readonly tooEarly: number;
  /** The most content that was made in any minute, and in any hour. */
  readonly content: { readonly inMinute: number; readonly inHour: number };
}

export function createLimits(now: () => number, isStrict: boolean): Limits {
  const used = new Map<string, { count: number; resetAt: number }>();
  const waits = new Map<string, number>();
  const made: number[] = [];
  const content = { inMinute: 0, inHour: 0 };
  let tooEarly = 0;
  const windowOf = (key: string): { count: number; resetAt: number } => {
    const known = used.get(key);
    if (known !== undefined && known.resetAt > now()) return known;
    const fresh = { count: 0, resetAt: now() + HOUR };
    used.set(key, fresh);
    return fresh;
  };
  const countContent = (): void => {
    const at = now();
    made.push(at);
    while (made[0] !== undefined && made[0] <= at - HOUR) made.shift();
    const inMinute = made.filter((each) => each > at - MINUTE).length;
    content.inMinute = Math.max(content.inMinute, inMinute);
    content.inHour = Math.max(content.inHour, made.length);
    if (isStrict && (inMinute > CONTENT.perMinute || made.length > CONTENT.perHour)) {
      throw new Refusal(403, "You have exceeded a secondary rate limit.", { headers: { "retry-after": "60" } });
    }
  };
  return {
    count({ key, bucket, isContent }) {
      const window = windowOf(key);
      window.count += 1;
      const most = HOURLY[bucket];
      const headers = {
        "x-ratelimit-limit": String(most),
        "x-ratelimit-remaining": String(Math.max(most - window.count, 0)),
        "x-ratelimit-used": String(Math.min(window.count, most)),
        "x-ratelimit-reset": String(Math.ceil(window.resetAt / 1000)),
        "x-ratelimit-resource": key.endsWith(":graphql") ? "graphql" : "core",
      };
      if (window.count > most) throw new Refusal(403, "API rate limit exceeded for installation.", { headers });
      if (isContent) countContent();
      return headers;
    },
    exhaust(key) {
      windowOf(key).count = Number.MAX_SAFE_INTEGER;
    },
    toldToWait(token, milliseconds) {
      waits.set(token, now() + milliseconds);
    },
    heard(token) {
      if ((waits.get(token) ?? 0) > now()) tooEarly += 1;
    },
    get tooEarly() {
      return tooEarly;
    },
    content,
  };
}
