import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import type { HeadSource } from "../../src/gateway/head-follower.ts";
import { Heads } from "../../src/gateway/heads.ts";
import { SessionLog } from "../../src/journal/session-log.ts";

// Heads are asked for over what was written, and for nothing else: what is only appended leaves with the turn's flush.

it("asks for each head once, while more is recorded that is not written yet", async () => {
  const sink = { add: () => undefined, flush: () => undefined, bytes: 0 };
  const log = new SessionLog({
    sid: "01KANAV0Q8M3T4ZS5R6X7Y8Z9A",
    events: sink,
    disclosures: sink,
    now: () => "2026-11-23T05:00:00.000Z",
  });
  const asked: number[] = [];
  // Answers within the turn in which it is asked.
  const source: HeadSource = {
    async countersign({ size }) {
      asked.push(size);
      // Asking without an end would keep this turn from ending, and the test with it.
      if (asked.length > 20) throw new Error("asked again and again");
      return await Promise.resolve({ size, atSeconds: 1_764_000_000 });
    },
    close: async () => await Promise.resolve(),
  };
  const failures: unknown[] = [];
  const heads = new Heads({ log, source, failed: (error) => void failures.push(error) });
  const released: string[] = [];
  const waiter = { countersigned: (id: string): void => void released.push(id) };
  const append = (): void => void log.append("gap", 1, { cmd: "1/1", what: "something" });
  append();
  heads.wait(waiter, "1/1");
  log.flush();
  heads.flushed();
  append(); // a later turn's flush will write it
  heads.wait(waiter, "1/2");
  await nextTurn();
  expect({ asked, failures, released }).toEqual({ asked: [1], failures: [], released: ["1/1"] });
  log.flush();
  heads.flushed();
  await nextTurn();
  expect({ asked, failures, released }).toEqual({ asked: [1, 2], failures: [], released: ["1/1", "1/2"] });
  heads.stop();
});

/** Heads over a log whose countersigner answers when it is told to. */
function behind() {
  const sink = { add: () => undefined, flush: () => undefined, bytes: 0 };
  const log = new SessionLog({
    sid: "01KANAV0Q8M3T4ZS5R6X7Y8Z9A",
    events: sink,
    disclosures: sink,
    now: () => "2026-11-23T05:00:00.000Z",
  });
  let answer: () => void = () => undefined;
  const source: HeadSource = {
    countersign: async ({ size }) =>
      await new Promise((resolve) => {
        answer = () => resolve({ size, atSeconds: 1_764_000_000 });
      }),
    close: async () => await Promise.resolve(),
  };
  const heads = new Heads({ log, source, failed: () => undefined });
  const append = (count: number): void => {
    for (let at = 0; at < count; at += 1) log.append("gap", 1, { cmd: "1/1", what: "something" });
    log.flush();
    heads.flushed();
  };
  return { heads, append, answer: () => answer() };
}

it("lags once 512 events are not countersigned, and no longer when they are", async () => {
  const { heads, append, answer } = behind();
  append(511);
  expect(heads.lagging).toBe(false);
  append(1);
  expect(heads.lagging).toBe(true);
  answer();
  await nextTurn();
  expect([heads.lagging, heads.size]).toEqual([false, 511]);
  heads.stop();
});

it("lags once the oldest event has not been countersigned for 250 ms", async () => {
  const { heads, append } = behind();
  append(1);
  expect(heads.lagging).toBe(false);
  await sleep(300);
  expect(heads.lagging).toBe(true);
  heads.stop();
});
