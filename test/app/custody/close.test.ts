import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { isText, shaped } from "../../../src/evidence/shape.ts";
import { containing } from "../../standin/containing.ts";
import { published } from "../../standin/standin.ts";
import { startTown, type Town } from "../../standin/town.ts";
import { KINDS, openStates, type States } from "../state/databases.ts";
import { cloneOf, faultsIn, reportOf, verdictsOf } from "./evidence-at.ts";
import {
  doErrand,
  handIn,
  landAll,
  NOW_MS,
  type Office,
  openOffice,
  openShop,
  runSession,
  type Shop,
  sessionOf,
} from "./office.ts";

const descriptions = published();
const MINUTE = 60_000;

describe.each(KINDS)("closing sessions on %s", (kind) => {
  let states: States;
  let town: Town;
  let shop: Shop;
  let office: Office;
  beforeAll(async () => {
    town = await startTown({ published: descriptions });
    states = await openStates(kind);
  });
  afterAll(async () => {
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
  const close = async (sid: string) => await doErrand(office, "close", sid);
  const seen = async (sid: string, ms: number) =>
    await shop.database.run("UPDATE session SET seen_at = $2 WHERE sid = $1", [sid, ms]);
  const startJob = () => {
    const run = town.standin.run({ repository: town.shop, headSha: town.head, actor: town.people.ada });
    return { run, job: town.standin.job(run) };
  };

  it("looks at an open session again, and closes it as lost when it was silent for five minutes, with its last head", async () => {
    const { run, job } = startJob();
    const ran = await runSession(shop, { job: { run: run.id, check: job.id } });
    await seen(ran.sid, NOW_MS);
    expect(await close(ran.sid)).toBe(NOW_MS + MINUTE);
    shop.clock.now = NOW_MS + 4 * MINUTE;
    expect(await close(ran.sid)).toBe(NOW_MS + 5 * MINUTE);
    shop.clock.now = NOW_MS + 5 * MINUTE;
    expect(await close(ran.sid)).toBe("done");
    expect(office.ended).toEqual([ran.sid]);
    expect(await close(ran.sid)).toBe("done");
    await landAll(office, shop);
    expect(await sessionOf(office, ran.sid)).toMatchObject({ state: "lost", folder: `sessions/2026/11/23/${ran.sid}` });
    const clone = await cloneOf(shop);
    const { ours, theirs } = await verdictsOf(shop, clone);
    expect(faultsIn(ours)).toEqual([
      "events: there are no events: the gateway's files were never handed in",
      "ended: the session was lost: silent",
    ]);
    expect(ours.verdict).toBe("incomplete");
    expect(theirs).toMatch(/^verdict: INCOMPLETE/);
    const lost = JSON.parse(
      Buffer.from(
        (
          JSON.parse(await clone.git("show", `HEAD:sessions/2026/11/23/${ran.sid}/lost.dsse.json`)) as {
            payload: string;
          }
        ).payload,
        "base64",
      ).toString(),
    ) as { predicate: object };
    expect(lost.predicate).toMatchObject({ reason: "silent", closedAt: new Date(NOW_MS + 5 * MINUTE).toISOString() });
    clone.remove();
  });

  it("takes the files of one that comes back after all, and enters them as well", async () => {
    const ran = await runSession(shop);
    shop.clock.now = NOW_MS + 10 * MINUTE;
    await close(ran.sid);
    await landAll(office, shop);
    expect(await handIn(office, ran)).toMatchObject({ status: 202 });
    await landAll(office, shop);
    expect(await sessionOf(office, ran.sid)).toMatchObject({ state: "landed" });
    const report = await reportOf(shop);
    expect(faultsIn(report)).toEqual([]);
    expect(report.sessions).toHaveLength(1);
  });

  it("closes one whose job was completed more than two minutes ago, and not sooner", async () => {
    const { run, job } = startJob();
    const ran = await runSession(shop, { job: { run: run.id, check: job.id } });
    town.standin.finish(run, "success");
    const endedAt = Date.parse(job.checkRun.completedAt ?? "");
    shop.clock.now = endedAt + MINUTE;
    await seen(ran.sid, shop.clock.now - 80_000);
    expect(await close(ran.sid)).toBe(endedAt + 2 * MINUTE);
    shop.clock.now = endedAt + 2 * MINUTE + 1;
    expect(await close(ran.sid)).toBe("done");
    const rows = await shop.database.rows("SELECT dsse FROM lost_session", [], shaped({ dsse: isText }));
    const payload = Buffer.from((JSON.parse(rows[0]?.dsse ?? "") as { payload: string }).payload, "base64").toString();
    expect(payload).toContain('"reason":"job ended"');
  });

  it("enters a contested session as lost, and one without a head too", async () => {
    const [one, two] = [await runSession(shop, { state: "contested" }), await runSession(shop, { heads: "none" })];
    expect(await close(one.sid)).toBe("done");
    shop.clock.now = NOW_MS + 10 * MINUTE;
    shop.answers.delete(two.sid);
    expect(await close(two.sid)).toBe("done");
    expect(office.ended).toEqual([two.sid]);
    await landAll(office, shop);
    expect(await sessionOf(office, one.sid)).toMatchObject({
      state: "contested",
      folder: containing(one.sid),
    });
    const report = await reportOf(shop);
    expect(report.verdict).toBe("incomplete");
    expect(faultsIn(report).filter((each) => !each.includes("never handed in"))).toEqual([
      "ended: the session was lost: contested",
      "ended: the session was lost: silent",
    ]);
  });

  it("lets one live that spoke while it was looked at, and one that was handed in", async () => {
    const [one, two] = [await runSession(shop), await runSession(shop)];
    await handIn(office, two);
    shop.clock.now = NOW_MS + 10 * MINUTE;
    await seen(one.sid, shop.clock.now);
    expect(await close(one.sid)).toBeGreaterThan(shop.clock.now);
    expect(await close(two.sid)).toBe("done");
    expect(await sessionOf(office, two.sid)).toMatchObject({ state: "handed-in" });
  });

  it("says of each day which sessions it saw, once, and what became of them", async () => {
    const [landed, open] = [await runSession(shop), await runSession(shop)];
    await handIn(office, landed);
    await landAll(office, shop);
    expect(await doErrand(office, "heartbeat", town.shop.id)).toBe(Date.parse("2026-11-24T00:05:00.000Z"));
    shop.clock.now = Date.parse("2026-11-25T00:06:00.000Z");
    await doErrand(office, "heartbeat", town.shop.id);
    await doErrand(office, "heartbeat", town.shop.id);
    await landAll(office, shop);
    const clone = await cloneOf(shop);
    const days = await clone.git("ls-tree", "-r", "--name-only", "HEAD", "heartbeats");
    expect(days.split("\n")).toEqual(["heartbeats/2026/11/23.dsse.json", "heartbeats/2026/11/24.dsse.json"]);
    const told = async (day: string) =>
      JSON.parse(
        Buffer.from(
          (JSON.parse(await clone.git("show", `HEAD:heartbeats/2026/11/${day}.dsse.json`)) as { payload: string })
            .payload,
          "base64",
        ).toString(),
      ) as object;
    expect(await told("23")).toMatchObject({
      predicate: {
        sessions: [
          { sid: landed.sid, state: "landed", job: "migrate" },
          { sid: open.sid, state: "open" },
        ],
      },
    });
    expect(await told("24")).toMatchObject({ predicate: { sessions: [{ sid: open.sid, state: "open" }] } });
    const { ours, theirs } = await verdictsOf(shop, clone);
    expect(faultsIn(ours)).toEqual([]);
    expect(theirs).toMatch(/^verdict: good/);
    clone.remove();
  });
});
