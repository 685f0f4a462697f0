import type { IncomingMessage } from "node:http";
import { describe, expect, it } from "vitest";
import { createHeard } from "../../../app/heard.ts";
import { addressOf } from "../../../app/http/address.ts";
import { createRoom } from "../../../app/http/body.ts";
import { createMetrics } from "../../../app/http/metrics.ts";
import { createRateLimit } from "../../../app/http/rate.ts";

describe("a rate limit", () => {
  const rate = { perSecond: 2, burst: 3 };

  it("gives what a bucket holds at once, then as it fills, and says how long to wait", () => {
    const limit = createRateLimit();
    expect([0, 0, 0, 0].map((at) => limit.take("a", rate, at))).toEqual([0, 0, 0, 1]);
    expect(limit.take("a", rate, 499)).toBe(1);
    expect(limit.take("a", rate, 500)).toBe(0);
    expect(limit.take("a", rate, 500)).toBe(1);
    expect(limit.take("b", rate, 500)).toBe(0);
  });

  it("fills no further than it holds, and is not emptied by a clock that goes back", () => {
    const limit = createRateLimit();
    expect([1e9, 1e9, 1e9, 1e9].map((at) => limit.take("a", rate, at) > 0)).toEqual([false, false, false, true]);
    expect([2e9, 2e9, 2e9, 2e9].map((at) => limit.take("a", rate, at) > 0)).toEqual([false, false, false, true]);
    expect(limit.take("a", rate, 0)).toBe(1);
  });

  it("remembers so many askers, and forgets the one of longest ago", () => {
    const limit = createRateLimit(2);
    for (const asker of ["a", "a", "a", "b", "c"]) limit.take(asker, rate, 0);
    expect(limit.take("a", rate, 0)).toBe(0);
  });
});

describe("an asker's address", () => {
  const asked = (remoteAddress: string, forwarded?: string): IncomingMessage => {
    const request: unknown = {
      socket: { remoteAddress },
      headers: forwarded === undefined ? {} : { "x-forwarded-for": forwarded },
    };
    return request as IncomingMessage;
  };

  it.each([
    ["the peer's", asked("192.0.2.1"), 0, "192.0.2.1"],
    ["the peer's, whatever it says of itself", asked("192.0.2.1", "198.51.100.7"), 0, "192.0.2.1"],
    ["whom the proxy saw", asked("10.0.0.1", "203.0.113.9, 198.51.100.7"), 1, "198.51.100.7"],
    ["whom the first of two proxies saw", asked("10.0.0.1", "6.6.6.6, 198.51.100.7, 10.0.0.2"), 2, "198.51.100.7"],
    ["the peer's where the proxy says nothing", asked("10.0.0.1"), 1, "10.0.0.1"],
    ["IPv4 in its plain form", asked("::ffff:192.0.2.1"), 0, "192.0.2.1"],
    ["a network of IPv6", asked("2001:DB8:1:2:3:4:5:6"), 0, "2001:db8:1:2::/64"],
    ["a network of IPv6 with zeros", asked("2001:db8::1"), 0, "2001:db8:0:0::/64"],
  ])("is %s", (_what, request, proxies, address) => {
    expect(addressOf(request, proxies)).toBe(address);
  });
});

describe("room for bodies", () => {
  it("is given back once, and refused when it is taken", () => {
    const room = createRoom(100);
    const back = room.reserve(60);
    expect(() => room.reserve(60)).toThrow("Too much at once");
    back();
    back();
    expect(room.reserved()).toBe(0);
    room.reserve(100);
  });
});

describe("metrics", () => {
  it("add up, by label, in buckets that hold all below them", async () => {
    const metrics = createMetrics();
    metrics.count("countersign_webhooks_total", { event: 'a"b\\c\n', outcome: "taken" });
    metrics.count("countersign_webhooks_total", { event: 'a"b\\c\n', outcome: "taken" }, 2);
    metrics.took("countersign_errand_seconds", 0.02, { kind: "land" });
    metrics.took("countersign_errand_seconds", 99, { kind: "land" });
    metrics.count("countersign_nobody_knows_total");
    const text = await metrics.text([]);
    expect(text).toContain('countersign_webhooks_total{event="a\\"b\\\\c\\n",outcome="taken"} 3\n');
    expect(text).toContain('countersign_errand_seconds_bucket{kind="land",le="0.01"} 0\n');
    expect(text).toContain('countersign_errand_seconds_bucket{kind="land",le="0.025"} 1\n');
    expect(text).toContain('countersign_errand_seconds_bucket{kind="land",le="30"} 1\n');
    expect(text).toContain('countersign_errand_seconds_bucket{kind="land",le="+Inf"} 2\n');
    expect(text).toContain('countersign_errand_seconds_sum{kind="land"} 99.02\n');
    expect(text).not.toContain("nobody_knows");
  });

  it("keep no more series than a bound", async () => {
    const metrics = createMetrics();
    for (let each = 0; each < 5_000; each += 1)
      metrics.count("countersign_errand_failures_total", { kind: `k${each}` });
    const series = (await metrics.text([])).match(/^countersign_errand_failures_total\{/gm) ?? [];
    expect(series.length).toBeLessThan(400);
    expect(await metrics.text([])).toContain('{kind="other"} 4700');
  });
});

describe("who waits", () => {
  it("is woken by its subject, by everybody's, by time, and by its signal", async () => {
    const heard = createHeard();
    const never = new AbortController();
    const one = heard.heard("request:1", 60_000, never.signal);
    const two = heard.heard("request:2", 60_000, never.signal);
    heard.tell("request:1");
    await one;
    expect(heard.waiting()).toBe(1);
    heard.tell(undefined);
    await two;
    await heard.heard("request:3", 20, never.signal);
    const gone = new AbortController();
    const four = heard.heard("request:4", 60_000, gone.signal);
    gone.abort();
    await four;
    await heard.heard("request:5", 60_000, gone.signal);
    expect(heard.waiting()).toBe(0);
  });

  it("is refused beyond a bound", async () => {
    const heard = createHeard();
    const never = new AbortController();
    const all = Array.from({ length: 8192 }, async () => await heard.heard("a", 60_000, never.signal));
    await expect(heard.heard("a", 60_000, never.signal)).rejects.toMatchObject({ status: 503, retryAfter: 5 });
    heard.tell("a");
    await Promise.all(all);
    expect(heard.waiting()).toBe(0);
  });
});
