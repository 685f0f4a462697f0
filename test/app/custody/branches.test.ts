// Branches that somebody else moved: by an erasure, which the log goes on from, and by anything else, which it does not.

import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { signDsse } from "../../../src/evidence/dsse.ts";
import { eraseValues } from "../../../src/evidence/erase.ts";
import { gitLedger } from "../../../src/gateway/ledger/git.ts";
import { published } from "../../standin/standin.ts";
import { startTown, type Town } from "../../standin/town.ts";
import { openStates, type States } from "../state/databases.ts";
import { faultsIn, gitAt, reportOf } from "./evidence-at.ts";
import {
  doErrand,
  handIn,
  Killed,
  landAll,
  type Office,
  openOffice,
  openShop,
  type Ran,
  runSession,
  type Shop,
  sessionOf,
} from "./office.ts";

const run = promisify(execFile);

describe("branches that moved", () => {
  let states: States;
  let town: Town;
  let shop: Shop;
  let office: Office;
  let place: string;
  beforeAll(async () => {
    town = await startTown({ published: published() });
    states = await openStates("PGlite");
    place = mkdtempSync(join(tmpdir(), "countersign-branches-"));
  });
  afterAll(async () => {
    rmSync(place, { recursive: true, force: true });
    await states.close();
    await town.close();
  });
  beforeEach(async () => {
    const { git } = town.shop;
    for (const { name, oid } of await git.refs("refs/heads/countersign/"))
      await git.move([{ name, from: oid, to: undefined }]);
    shop = openShop(town, await states.fresh());
    office = openOffice(shop);
  });
  const handInOne = async (): Promise<Ran> => {
    const ran = await runSession(shop);
    await handIn(office, ran);
    return ran;
  };
  const landOne = async (): Promise<Ran> => {
    const ran = await handInOne();
    await landAll(office, shop);
    return ran;
  };
  /** Erases everything that a session disclosed, in a clone and with the App's key, as its operator would. */
  const erase = async (ran: Ran): Promise<void> => {
    const { signer, dsse } = shop.countersigner;
    const lines = Buffer.from(ran.sealed.disclosures).toString().trim().split("\n");
    const digests = new Set(lines.map((line) => (JSON.parse(line) as { digest: string }).digest));
    const folder = (await sessionOf(office, ran.sid)).folder;
    const clone = mkdtempSync(join(place, "clone-"));
    const branches = "+refs/heads/countersign/*:refs/heads/countersign/*";
    await run("git", ["init", "--quiet", clone]);
    await run("git", ["-C", clone, "fetch", "--quiet", town.shop.git.folder, branches]);
    const ledger = gitLedger({
      repository: clone,
      evidenceBranch: "countersign/evidence",
      logBranch: "countersign/log",
      nowSeconds: () => 1,
    });
    const wish = { folder, digests, by: "dana", reason: "asked for", at: "2026-11-24T00:00:00.000Z" };
    await eraseValues(wish, ledger, {
      ...signer,
      signErasure: async (statement) => await Promise.resolve(signDsse(statement, dsse)),
    });
    await gitAt(shop, "fetch", "--quiet", clone, branches);
  };
  /** Plans a landing, signs it and writes it down, and dies before anything is written to GitHub. */
  const dieBeforeWriting = async (): Promise<void> => {
    const dying = openOffice(shop, {
      killer: {
        step(what) {
          if (what.startsWith("before POST /graphql")) throw new Killed(what);
        },
      },
    });
    await expect(doErrand(dying, "land", town.shop.id)).rejects.toThrow(Killed);
  };
  const dieBetweenBranches = async (): Promise<void> => {
    const dying = openOffice(shop, {
      killer: {
        step(what) {
          if (what.startsWith("after POST /graphql")) throw new Killed(what);
        },
      },
    });
    await expect(doErrand(dying, "land", town.shop.id)).rejects.toThrow(Killed);
  };
  const move = async (branch: string, to: string): Promise<void> =>
    void (await gitAt(shop, "update-ref", `refs/heads/${branch}`, to));
  /** How many sessions there are when all is good, and what is wrong when it is not. */
  const found = async (): Promise<number | string[]> => {
    const report = await reportOf(shop);
    const faults = faultsIn(report);
    return faults.length === 0 ? report.sessions.length : faults;
  };
  const expectStopped = async (why: RegExp): Promise<void> => {
    const before = await gitAt(shop, "for-each-ref");
    await expect(doErrand(office, "land", town.shop.id)).rejects.toThrow(why);
    expect(office.errors.join()).toMatch(/nothing is entered in the log/);
    expect(office.counts.get("countersign_log_stopped_total")).toBeGreaterThan(0);
    expect(await gitAt(shop, "for-each-ref")).toBe(before);
  };

  it("goes on from an erasure, in the branch that lost its past", async () => {
    const ran = await landOne();
    await erase(ran);
    expect(await gitAt(shop, "rev-list", "--count", "countersign/evidence")).toBe("1");
    await landOne();
    expect(await gitAt(shop, "rev-list", "--count", "countersign/evidence")).toBe("2");
    expect(await gitAt(shop, "rev-list", "--count", "countersign/log")).toBe("3");
    expect(await found()).toBe(2);
    expect(await gitAt(shop, "show", `countersign/evidence:sessions/2026/11/23/${ran.sid}/disclosures.jsonl`)).toBe("");
  });

  it("writes what was planned when only the past of the evidence was cut off meanwhile", async () => {
    await landOne();
    await handInOne();
    await dieBetweenBranches();
    const tree = await gitAt(shop, "rev-parse", "countersign/evidence^{tree}");
    await move(
      "countersign/evidence",
      await run("git", [
        "-C",
        town.shop.git.folder,
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@b",
        "commit-tree",
        tree,
        "-m",
        "cut",
      ]).then(({ stdout }) => stdout.trim()),
    );
    await landAll(office, shop);
    expect(await found()).toBe(2);
  });

  it("stops when an erasure came between the plan and the branch, for its checkpoint may not be replaced", async () => {
    const ran = await landOne();
    const good = await gitAt(shop, "rev-parse", "countersign/evidence", "countersign/log");
    const waiting = await handInOne();
    await dieBeforeWriting();
    await erase(ran);
    await expectStopped(/git push --force/);
    expect((await sessionOf(office, waiting.sid)).state).toBe("handed-in");
    const [evidence = "", log = ""] = good.split("\n");
    await move("countersign/evidence", evidence);
    await move("countersign/log", log);
    await landAll(office, shop);
    expect(await found()).toBe(2);
  });

  it("stops at a log that was rolled back, at one that is gone, and at branches that differ, and goes on when they are restored", async () => {
    await landOne();
    const before = (await gitAt(shop, "rev-parse", "countersign/evidence", "countersign/log")).split("\n");
    await landOne();
    const good = (await gitAt(shop, "rev-parse", "countersign/evidence", "countersign/log")).split("\n");
    await handInOne();
    await move("countersign/evidence", before[0] ?? "");
    await expectStopped(/not the same/);
    await move("countersign/log", before[1] ?? "");
    await expectStopped(/do not go on from the 2/);
    await gitAt(shop, "update-ref", "-d", "refs/heads/countersign/evidence");
    await gitAt(shop, "update-ref", "-d", "refs/heads/countersign/log");
    await expectStopped(/has no log\/checkpoint/);
    await move("countersign/evidence", good[0] ?? "");
    await move("countersign/log", good[1] ?? "");
    await landAll(office, shop);
    expect(await found()).toBe(3);
  });

  it("never adds to the log of another countersigner, nor under keys that somebody else named", async () => {
    await landOne();
    const stranger = openShop(town, await states.fresh());
    const ran = await runSession(stranger);
    const other = openOffice(stranger);
    await handIn(other, ran);
    await expect(doErrand(other, "land", town.shop.id)).rejects.toThrow(/not signed by this App's key/);
  });

  it("goes on with a log of its own although its state was lost", async () => {
    await landOne();
    shop = { ...openShop(town, await states.fresh()), countersigner: shop.countersigner, minted: 1 };
    office = openOffice(shop);
    await landOne();
    expect(await found()).toBe(2);
  });
});
