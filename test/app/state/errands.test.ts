import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Database } from "../../../app/state/database.ts";
import { callFor, type Doer, type ErrandOptions, NotNow, runErrands } from "../../../app/state/errands.ts";
import { isInteger, shaped } from "../../../src/evidence/shape.ts";
import { KINDS, openStates, type States } from "./databases.ts";

describe.each(KINDS)("errands on %s", (kind) => {
  let states: States;
  beforeAll(async () => {
    states = await openStates(kind);
  });
  afterAll(async () => {
    await states.close();
  });

  function options(database: Database, doer: Doer, more: Partial<ErrandOptions> = {}): ErrandOptions {
    return {
      database,
      doers: new Map([["mend", doer]]),
      clock: Date.now,
      // No whole number of milliseconds comes of it.
      random: () => 0.123_456,
      failed: () => undefined,
      ...more,
    };
  }

  const left = async (database: Database): Promise<number> => {
    const [row] = await database.rows("SELECT count(*) AS count FROM errand", [], shaped({ count: isInteger }));
    return row?.count ?? -1;
  };

  it("does what is due once, and forgets it when it is done", async () => {
    const database = await states.fresh();
    const done: string[] = [];
    await callFor(database, { kind: "mend", subject: "one" }, 0);
    await callFor(database, { kind: "mend", subject: "one" }, 5);
    await callFor(database, { kind: "mend", subject: "later" }, Date.now() + 60_000);
    const running = runErrands(
      options(database, async (subject) => {
        done.push(subject);
        return await Promise.resolve("done");
      }),
    );
    await expect.poll(async () => await left(database)).toBe(1);
    await running.stop();
    expect(done).toEqual(["one"]);
  });

  it("does again what failed, later each time, and at the named moment where one is named", async () => {
    const database = await states.fresh();
    const faults: unknown[] = [];
    let tries = 0;
    await callFor(database, { kind: "mend", subject: "one" }, 0);
    const started = Date.now();
    const running = runErrands(
      options(
        database,
        async () => {
          tries += 1;
          if (tries === 1) throw new Error("GitHub is away");
          if (tries === 2) throw new NotNow("retry-after", Date.now() + 1_200);
          return await Promise.resolve("done");
        },
        { failed: (_errand, fault) => faults.push(fault) },
      ),
    );
    await expect.poll(async () => await left(database), { timeout: 10_000 }).toBe(0);
    await running.stop();
    expect(tries).toBe(3);
    expect(faults).toHaveLength(2);
    expect(Date.now() - started).toBeGreaterThan(1_400);
  });

  it("does again what was called for while it was done", async () => {
    const database = await states.fresh();
    let tries = 0;
    await callFor(database, { kind: "mend", subject: "one" }, 0);
    const running = runErrands(
      options(database, async () => {
        tries += 1;
        if (tries === 1) await callFor(database, { kind: "mend", subject: "one" }, Date.now());
        return "done";
      }),
    );
    await expect.poll(async () => await left(database)).toBe(0);
    await running.stop();
    expect(tries).toBe(2);
  });

  it("rests after it failed, though it called for itself", async () => {
    const database = await states.fresh();
    let tries = 0;
    await callFor(database, { kind: "mend", subject: "one" }, 0);
    const running = runErrands(
      options(database, async () => {
        tries += 1;
        await callFor(database, { kind: "mend", subject: "one" }, Date.now());
        throw new NotNow("later", Date.now() + 60_000);
      }),
    );
    await sleep(1_500);
    await running.stop();
    expect(tries).toBe(1);
  });

  it("is done by another instance soon after the one that was at it died", async () => {
    const database = await states.fresh();
    await callFor(database, { kind: "mend", subject: "one" }, 0);
    // As an instance leaves it that was killed: taken, and never renewed.
    await database.run("UPDATE errand SET leased_until = $1", [Date.now() + 1_500]);
    const started = Date.now();
    const running = runErrands(options(database, async () => await Promise.resolve("done")));
    await expect.poll(async () => await left(database), { timeout: 10_000 }).toBe(0);
    await running.stop();
    expect(Date.now() - started).toBeGreaterThan(1_400);
  });

  it("stays with the instance that is at it for as long as it takes", async () => {
    const database = await states.fresh();
    const other = await states.another();
    let times = 0;
    const doer: Doer = async () => {
      times += 1;
      await sleep(10_000);
      return "done";
    };
    await callFor(database, { kind: "mend", subject: "one" }, 0);
    const both = [runErrands(options(database, doer)), runErrands(options(other, doer))];
    await expect.poll(async () => await left(database), { timeout: 20_000 }).toBe(0);
    await Promise.all(both.map(async (each) => await each.stop()));
    expect(times).toBe(1);
  }, 40_000);

  it("is done by one of two instances at a time", async () => {
    const database = await states.fresh();
    const other = await states.another();
    let now = 0;
    let most = 0;
    let times = 0;
    const doer: Doer = async () => {
      now += 1;
      most = Math.max(most, now);
      times += 1;
      await sleep(50);
      now -= 1;
      return "done";
    };
    const both = [runErrands(options(database, doer)), runErrands(options(other, doer))];
    for (let count = 0; count < 5; count += 1) {
      await callFor(database, { kind: "mend", subject: "one" }, Date.now());
      for (const each of both) each.wake();
      await sleep(20);
    }
    await expect.poll(async () => await left(database)).toBe(0);
    await Promise.all(both.map(async (each) => await each.stop()));
    expect(most).toBe(1);
    expect(times).toBeGreaterThanOrEqual(2);
  });
});
