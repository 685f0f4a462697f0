import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { isInteger, shaped } from "../../../src/evidence/shape.ts";
import { published } from "../../standin/standin.ts";
import { startTown, type Town } from "../../standin/town.ts";
import { KINDS, openStates, type States } from "../state/databases.ts";
import { type Clone, cloneOf, faultsIn, verdictsOf } from "./evidence-at.ts";
import {
  doErrand,
  handIn,
  landAll,
  type Office,
  openOffice,
  openShop,
  runSession,
  type Shop,
  sessionOf,
} from "./office.ts";

const descriptions = published();

describe.each(KINDS)("landing on %s", (kind) => {
  let states: States;
  let town: Town;
  let shop: Shop;
  let office: Office;
  const clones: Clone[] = [];
  beforeAll(async () => {
    states = await openStates(kind);
  });
  beforeEach(async () => {
    town = await startTown({ published: descriptions });
    shop = openShop(town, await states.fresh());
    office = openOffice(shop);
    return async () => {
      for (const clone of clones.splice(0)) clone.remove();
      await town.close();
    };
  });
  afterAll(async () => await states.close());
  const clone = async (branch?: string): Promise<Clone> => {
    const made = await cloneOf(shop, branch);
    clones.push(made);
    return made;
  };
  const handInOne = async () => {
    const ran = await runSession(shop);
    await handIn(office, ran);
    return ran;
  };
  const land = async (by = office) => await doErrand(by, "land", town.shop.id);
  const expectGood = async (sessions: number): Promise<Clone> => {
    const made = await clone();
    const { ours, theirs } = await verdictsOf(shop, made);
    expect(faultsIn(ours)).toEqual([]);
    expect(ours).toMatchObject({ verdict: "good", trust: "pinned" });
    expect(theirs).toMatch(`verdict: good, ${sessions} ${sessions === 1 ? "session" : "sessions"}`);
    return made;
  };

  it("makes both branches without a past at the first session, and both verifiers call a clone good", async () => {
    const ran = await handInOne();
    expect(await land()).toBe("done");
    const made = await expectGood(1);
    const session = await sessionOf(office, ran.sid);
    expect(session).toMatchObject({ state: "landed", folder: `sessions/2026/11/23/${ran.sid}` });
    expect(session.landed_in).toBe(await made.git("rev-parse", "HEAD"));
    expect(await made.git("rev-list", "--count", "HEAD")).toBe("1");
    const log = await clone("countersign/log");
    expect((await log.git("ls-tree", "--name-only", "HEAD")).split("\n")).toEqual(["log", "trust"]);
    expect(await log.git("rev-parse", "HEAD:log")).toBe(await made.git("rev-parse", "HEAD:log"));
    const parts = await shop.database.rows(
      "SELECT (SELECT count(*) FROM handed_part) + (SELECT count(*) FROM landing_part) AS count",
      [],
      shaped({ count: isInteger }),
    );
    expect(parts).toEqual([{ count: 0 }]);
  });

  it("goes on with one verified commit in each branch, by GraphQL", async () => {
    await handInOne();
    await landAll(office, shop);
    await handInOne();
    const before = town.standin.seen.length;
    await landAll(office, shop);
    const made = await expectGood(2);
    expect(await made.git("rev-list", "--count", "HEAD")).toBe("2");
    const writes = town.standin.seen.slice(before).filter(({ operation }) => /^(?:POST|PATCH|PUT)/.test(operation));
    expect(writes.map(({ operation }) => operation).filter((each) => !each.includes("access_tokens"))).toEqual([
      "POST /graphql",
      "POST /graphql",
    ]);
    const { data } = await town.octokit.rest.git.getCommit({
      ...town.at,
      commit_sha: await made.git("rev-parse", "HEAD"),
    });
    expect(data.verification).toMatchObject({ verified: true });
    expect(data.message).toContain("[skip ci]");
  });

  it("uses git's objects where GraphQL is refused, with the same result, and does not ask for it again at once", async () => {
    await handInOne();
    await landAll(office, shop);
    const refusing = openOffice(shop, {
      killer: {
        step(what) {
          if (what.startsWith("before POST /graphql")) throw Object.assign(new Error("Not Found"), { status: 404 });
        },
      },
    });
    await handInOne();
    await landAll(refusing, shop);
    const before = town.standin.seen.length;
    await handInOne();
    await landAll(refusing, shop);
    expect(town.standin.seen.slice(before).map(({ operation }) => operation)).not.toContain("POST /graphql");
    await expectGood(3);
  });

  it("says what to do with an empty repository, and lands when it has a commit", async () => {
    const empty = await town.standin.repository(town.acme, "empty", { empty: true });
    const ran = await handInOne();
    const name = "UPDATE session SET repository = $1, repository_id = $2";
    await shop.database.run(name, ["acme/empty", empty.id]);
    await shop.database.run("UPDATE hand_in SET repository_id = $1", [empty.id]);
    await shop.database.run("UPDATE session SET origin = replace(origin, 'acme/shop', 'acme/empty')");
    await expect(doErrand(office, "land", empty.id)).rejects.toThrow(/push a first commit/);
    expect(office.errors.join()).toContain("push a first commit");
    expect((await sessionOf(office, ran.sid)).state).toBe("handed-in");
  });

  it("finds the repository by its number where another has taken its name", async () => {
    const other = await town.standin.repository(town.acme, "other");
    const ran = await handInOne();
    await shop.database.run("UPDATE session SET repository = 'acme/other'");
    await landAll(office, shop);
    expect((await sessionOf(office, ran.sid)).state).toBe("landed");
    await expectGood(1);
    expect(await other.git.refs("refs/heads/countersign/")).toEqual([]);
  });

  it("puts a session of another log aside, says so, and enters the rest", async () => {
    const stray = await handInOne();
    const ran = await handInOne();
    await shop.database.run("UPDATE session SET origin = 'github.com/acme/old/countersign/s/' || sid WHERE sid = $1", [
      stray.sid,
    ]);
    await landAll(office, shop);
    expect(office.errors.join()).toContain(`put aside`);
    expect([await sessionOf(office, stray.sid), await sessionOf(office, ran.sid)]).toMatchObject([
      { state: "handed-in" },
      { state: "landed" },
    ]);
    await expectGood(1);
  });

  it("writes again after a commit of somebody else that touches none of it", async () => {
    await handInOne();
    await landAll(office, shop);
    for (const branch of ["countersign/evidence", "countersign/log"]) {
      await handInOne();
      town.standin.faults.next({ kind: "stale-head", branch }, { operation: "POST /graphql", times: 2 });
      await landAll(office, shop);
      town.standin.faults.clear();
    }
    const made = await clone();
    const { ours } = await verdictsOf(shop, made);
    expect(faultsIn(ours)).toEqual([]);
    expect(ours.sessions).toHaveLength(3);
  });

  it.each([
    ["a lost answer", { kind: "reset", after: true }],
    ["a lost request", { kind: "reset" }],
    ["502 after it was done", { kind: "bad-gateway", after: true }],
    ["502 before", { kind: "bad-gateway" }],
    ["a secondary limit", { kind: "secondary-limit", retryAfterSeconds: 30 }],
    ["403 with retry-after", { kind: "forbidden", retryAfterSeconds: 30 }],
  ] as const)("lands once after %s, at each branch", async (_what, fault) => {
    await handInOne();
    await landAll(office, shop);
    for (const passed of [0, 1]) {
      await handInOne();
      if (passed > 0) town.standin.faults.next({ kind: "slow", milliseconds: 1 }, { operation: "POST /graphql" });
      town.standin.faults.next(fault, { operation: "POST /graphql" });
      await expect(land()).rejects.toThrow(/./);
      await landAll(office, shop);
    }
    const made = await expectGood(3);
    expect(await made.git("rev-list", "--count", "HEAD")).toBe("3");
    expect(await (await clone("countersign/log")).git("rev-list", "--count", "HEAD")).toBe("3");
  });

  it("waits between landings, and enters together what came meanwhile", async () => {
    const slow = openOffice(shop, { paceMs: 5_000 });
    await handInOne();
    expect(await land(slow)).toBe("done");
    await handInOne();
    await handInOne();
    expect(await land(slow)).toBeGreaterThanOrEqual(shop.clock.now + 4_000);
    shop.clock.now += 6_000;
    expect(await land(slow)).toBe("done");
    const made = await expectGood(3);
    expect(await made.git("rev-list", "--count", "HEAD")).toBe("2");
    expect(await made.git("log", "-1", "--format=%s")).toBe("2 sessions");
  });
});
