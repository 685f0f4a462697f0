// An App that is killed between any two steps of a landing, and another that goes on from there.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { published } from "../../standin/standin.ts";
import { startTown, type Town } from "../../standin/town.ts";
import { KINDS, openStates, type States } from "../state/databases.ts";
import { faultsIn, gitAt, reportOf } from "./evidence-at.ts";
import {
  doErrand,
  handIn,
  Killed,
  type Killer,
  landAll,
  openOffice,
  openShop,
  runSession,
  type Shop,
  sessionOf,
} from "./office.ts";

const descriptions = published();

/** Kills at the step of this number, of those that change something somewhere: what only looks cannot be half done. */
function killAt(number: number): Killer & { readonly struck: string } {
  let count = 0;
  let struck = "";
  return {
    step(what) {
      if (!/^\w+ (?:POST \/(?!app)|PATCH|INSERT|UPDATE|DELETE|COMMIT)/.test(what)) return;
      // One row of many in a transaction is like another.
      if (what.includes("landing_part")) return;
      count += 1;
      if (count < number) return;
      struck ||= what;
      throw new Killed(struck);
    },
    get struck() {
      return struck;
    },
  };
}

describe.each(KINDS)("an App that is killed, on %s", (kind) => {
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

  /** Hands in a session, is killed at the step of this number while it lands, and lands it by another instance. */
  const killed = async (shop: Shop, number: number): Promise<string> => {
    const ran = await runSession(shop);
    // Long enough for the pace to allow the next landing at once.
    shop.clock.now += 120_000;
    const killer = killAt(number);
    const office = openOffice(shop, { killer });
    await handIn(openOffice(shop), ran);
    await doErrand(office, "land", town.shop.id).catch((error: unknown) => {
      if (!(error instanceof Killed)) throw error;
    });
    const next = openOffice(shop);
    await landAll(next, shop);
    expect({ struck: killer.struck, ...(await sessionOf(next, ran.sid)) }).toMatchObject({ state: "landed" });
    return killer.struck;
  };

  const forget = async (): Promise<void> => {
    const { git } = town.shop;
    for (const { name, oid } of await git.refs("refs/heads/countersign/"))
      await git.move([{ name, from: oid, to: undefined }]);
  };

  const expectCommits = async (shop: Shop, count: number): Promise<void> => {
    const report = await reportOf(shop);
    expect(faultsIn(report)).toEqual([]);
    expect(report.sessions).toHaveLength(count);
    for (const branch of ["countersign/evidence", "countersign/log"]) {
      expect(await gitAt(shop, "rev-list", "--count", branch)).toBe(String(count));
    }
    expect(await gitAt(shop, "rev-parse", "countersign/log:log")).toBe(
      await gitAt(shop, "rev-parse", "countersign/evidence:log"),
    );
  };

  it("enters each session once, wherever it was killed as it went on", { timeout: 300_000 }, async () => {
    await forget();
    const shop = openShop(town, await states.fresh());
    const struck: string[] = [];
    for (let number = 1; ; number += 1) {
      const at = await killed(shop, number);
      struck.push(at);
      if (at === "") break;
    }
    expect(struck.filter((each) => /graphql/.test(each))).toHaveLength(4);
    expect(struck.length).toBeGreaterThan(20);
    await expectCommits(shop, struck.length);
  });

  it("makes the branches once, wherever it was killed as it made them", { timeout: 300_000 }, async () => {
    const struck: string[] = [];
    for (let number = 1; ; number += 4) {
      await forget();
      const shop = openShop(town, await states.fresh());
      const at = await killed(shop, number);
      if (at === "") break;
      struck.push(at);
      await expectCommits(shop, 1);
    }
    expect(struck.some((each) => /git\/(?:trees|commits|refs)/.test(each))).toBe(true);
  });
});
