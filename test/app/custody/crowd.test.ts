// Many sessions at once, and two instances of the App on one state: each session lands once, in batches, within GitHub's bounds.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runErrands } from "../../../app/state/errands.ts";
import { isInteger, shaped } from "../../../src/evidence/shape.ts";
import { published } from "../../standin/standin.ts";
import { startTown, type Town } from "../../standin/town.ts";
import { KINDS, openStates, type States } from "../state/databases.ts";
import { faultsIn, gitAt, reportOf } from "./evidence-at.ts";
import { handIn, landAll, openOffice, openShop, runSession } from "./office.ts";

const descriptions = published();
const SESSIONS = 300;

describe.each(KINDS)("a crowd of sessions on %s", (kind) => {
  let states: States;
  let town: Town;
  beforeAll(async () => {
    town = await startTown({ published: descriptions });
    states = await openStates(kind);
  });
  afterAll(async () => {
    await states.close();
    await town.close();
  });

  const empty = async (): Promise<void> => {
    const { git } = town.shop;
    for (const { name, oid } of await git.refs("refs/heads/countersign/"))
      await git.move([{ name, from: oid, to: undefined }]);
  };

  it("lands three hundred in few commits, with few requests", { timeout: 300_000 }, async () => {
    await empty();
    const shop = openShop(town, await states.fresh());
    const office = openOffice(shop, { paceMs: 5_000 });
    for (let count = 0; count < SESSIONS; count += 1) await handIn(office, await runSession(shop));
    const before = town.standin.seen.length;
    const began = shop.clock.now;
    await landAll(office, shop);
    const report = await reportOf(shop);
    expect(faultsIn(report)).toEqual([]);
    expect(report.sessions).toHaveLength(SESSIONS);
    expect(Number(await gitAt(shop, "rev-list", "--count", "countersign/evidence"))).toBeLessThanOrEqual(12);
    const writes = town.standin.seen.slice(before).filter(({ operation }) => /^(?:POST|PATCH)/.test(operation)).length;
    expect(writes).toBeLessThan(150);
    // In any minute of the App's clock less than GitHub allows.
    expect(writes / ((shop.clock.now - began) / 60_000 + 1)).toBeLessThan(80);
  });

  it("lands each once when two instances do what they can", { timeout: 300_000 }, async () => {
    await empty();
    const database = await states.fresh();
    const shop = openShop(town, database);
    const offices = [openOffice(shop), openOffice(shop, { database: await states.another() })];
    const faults: unknown[] = [];
    const running = offices.map(({ context, custody }) =>
      runErrands({
        database: context.database,
        doers: new Map([...custody.doers].filter(([name]) => name === "land")),
        clock: Date.now,
        random: () => 0,
        failed: (_errand, fault) => void faults.push(fault),
      }),
    );
    const rans = [];
    for (let count = 0; count < 20; count += 1) {
      const ran = await runSession(shop);
      await handIn(offices[count % 2] ?? offices[0] ?? openOffice(shop), ran);
      for (const each of running) each.wake();
      rans.push(ran);
    }
    const landed = async (): Promise<number> => {
      const [row] = await database.rows(
        "SELECT count(*) AS count FROM session WHERE state = 'landed'",
        [],
        shaped({ count: isInteger }),
      );
      return row?.count ?? 0;
    };
    await expect.poll(landed, { timeout: 120_000, interval: 500 }).toBe(rans.length);
    await Promise.all(running.map(async (each) => await each.stop()));
    expect(faults).toEqual([]);
    const report = await reportOf(shop);
    expect(faultsIn(report)).toEqual([]);
    expect(report.sessions).toHaveLength(rans.length);
  });
});
