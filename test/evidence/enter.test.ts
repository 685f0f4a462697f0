import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { digestOfFile } from "../../src/evidence/entry.ts";
import {
  HEARTBEAT_SESSIONS_MAX,
  heartbeatOf,
  readHeartbeat,
  signHeartbeat,
  verifyHeartbeat,
} from "../../src/evidence/heartbeat.ts";
import { type Batch, enter, sealSession } from "../../src/evidence/layout.ts";
import type { Ledger } from "../../src/evidence/ledger.ts";
import { LogError } from "../../src/evidence/log.ts";
import type { Report } from "../../src/evidence/report.ts";
import { verifyLedger, verifySession } from "../../src/evidence/verify.ts";
import { lostFolder } from "../../src/evidence/where.ts";
import { canonical } from "../../src/journal/jcs.ts";
import { answerOf, heartbeat, LOST, LOST_FOLDER, lostOf, OTHER, seen, wholeSession } from "./custody.ts";
import { countersigner, type Files, gatewayKey } from "./forge.ts";
import { memoryLedger, memoryReader } from "./memory-ledger.ts";

const { signer } = countersigner();
const into = async (files: Files, batch: Batch) => await enter(batch, memoryLedger(files), signer);
const verified = async (files: Files): Promise<Report> =>
  await verifyLedger(memoryReader(files), { pinned: undefined });
const other = wholeSession({ sid: OTHER, gateway: gatewayKey(OTHER) });

function notGood({ checks, sessions }: Report): string[] {
  const all = [...checks, ...sessions.flatMap((each) => each.checks)];
  return all.flatMap(({ id, outcome }) => (outcome === "good" ? [] : [`${id} ${outcome}`])).toSorted();
}

describe("a batch", () => {
  it("enters sessions, lost ones and a heartbeat in one step, under one checkpoint", async () => {
    const files: Files = new Map();
    let steps = 0;
    let message = "";
    const ledger: Ledger = {
      async update(plan) {
        return await memoryLedger(files).update(async (now) => {
          const change = await plan(now);
          steps += 1;
          if (change !== "nothing") message = change.message;
          return change;
        });
      },
    };
    const batch = {
      sessions: [other],
      lost: [lostOf(wholeSession())],
      heartbeats: [heartbeat("2026-11-24", [seen(LOST, "lost"), seen(OTHER, "landed")])],
    };
    expect(await enter(batch, ledger, signer)).toEqual({
      outcome: "done",
      sessions: [{ fate: "entered", path: lostFolder(OTHER) }],
      lost: [{ fate: "entered", path: LOST_FOLDER }],
      heartbeats: [{ fate: "entered", path: "heartbeats/2026/11/24.dsse.json" }],
    });
    expect({ steps, message }).toEqual({ steps: 1, message: "1 session, 1 lost, 1 heartbeat" });
    const report = await verified(files);
    expect(report.verdict).toBe("incomplete");
    expect(notGood(report)).toEqual(["ended incomplete", "events incomplete"]);
    const reasons = report.sessions.flatMap(({ checks }) => checks.flatMap((each) => each.reasons));
    expect(reasons).toEqual([
      "there are no events: the gateway's files were never handed in",
      "the session was lost: silent",
    ]);
    expect(Buffer.from(files.get("README.md") ?? "").toString()).toContain(
      "| Newest heartbeat | [2026-11-24](heartbeats/2026/11/24.dsse.json) |",
    );
    expect(Buffer.from(files.get("sessions/2026/11/index.csv") ?? "").toString()).toContain(
      `${LOST},2026-11-24T05:00:00.000Z,lost,acme/shop,alice,appdb,,,,\n`,
    );
    expect(Buffer.from(files.get("sessions/2026/11/README.md") ?? "").toString()).toContain(
      `| [${LOST}](24/${LOST}/README.md) | **lost** | \`alice\` | – |`,
    );
  });

  it("changes nothing when all of it is there, and says so of each", async () => {
    const files: Files = new Map();
    const batch = {
      sessions: [other],
      lost: [lostOf(wholeSession())],
      heartbeats: [heartbeat("2026-11-24")],
    };
    await into(files, batch);
    const before = new Map(files);
    const again = await into(files, batch);
    expect(again.outcome).toBe("nothing");
    expect([...again.sessions, ...again.lost, ...again.heartbeats].map(({ fate }) => fate)).toEqual([
      "there",
      "there",
      "there",
    ]);
    expect(files).toEqual(before);
  });

  it("of nothing is nothing", async () => {
    const files: Files = new Map();
    expect(await into(files, {})).toEqual({ outcome: "nothing", sessions: [], lost: [], heartbeats: [] });
    expect(files.size).toBe(0);
  });

  it("may hold a session with the statement that closed it, and then has the session's files", async () => {
    const whole = wholeSession();
    const both: Files = new Map();
    const entered = await into(both, { sessions: [whole], lost: [lostOf(whole)] });
    expect(entered.sessions).toEqual([{ fate: "entered", path: LOST_FOLDER }]);
    expect(notGood(await verified(both))).toEqual([]);
    const inTurn: Files = new Map();
    await into(inTurn, { lost: [lostOf(whole)] });
    await into(inTurn, { sessions: [whole] });
    expect([...both.keys()].toSorted()).toEqual([...inTurn.keys()].toSorted());
  });

  it("in whatever pieces and however often it is handed in, comes to a ledger in which nothing is false", async () => {
    const whole = wholeSession();
    const parts: readonly Batch[] = [
      { lost: [lostOf(whole, { answers: [answerOf({ request: "NEVERCAME1" })] })] },
      { sessions: [whole] },
      { sessions: [other] },
      { lost: [lostOf(other, { sid: OTHER, heads: 0 })] },
      { heartbeats: [heartbeat("2026-11-24")] },
      { heartbeats: [heartbeat("2026-11-25"), heartbeat("2026-11-24", [seen(LOST, "open")])] },
      { sessions: [whole, other], lost: [lostOf(whole)] },
    ];
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: parts.length - 1 }), { minLength: 1 }), async (order) => {
        const files: Files = new Map();
        for (const at of order) await into(files, parts[at] ?? {});
        expect((await verified(files)).verdict).not.toBe("failed");
      }),
      { numRuns: 60 },
    );
  });
});

describe("a lost session", () => {
  it("that landed before is late, and the log stays as it is", async () => {
    const files: Files = new Map();
    const whole = wholeSession();
    await into(files, { sessions: [whole] });
    const before = new Map(files);
    const entered = await into(files, { lost: [lostOf(whole)] });
    expect(entered).toMatchObject({ outcome: "nothing", lost: [{ fate: "late", path: LOST_FOLDER }] });
    expect(files).toEqual(before);
  });

  it("that was found since is there", async () => {
    const files: Files = new Map();
    const whole = wholeSession();
    await into(files, { lost: [lostOf(whole)] });
    await into(files, { sessions: [whole] });
    expect((await into(files, { lost: [lostOf(whole)] })).lost).toEqual([{ fate: "there", path: LOST_FOLDER }]);
    expect((await into(files, { sessions: [whole] })).sessions).toEqual([{ fate: "there", path: LOST_FOLDER }]);
  });

  it.each([
    ["closed otherwise", async (files: Files) => await into(files, { lost: [lostOf(wholeSession(), { heads: 0 })] })],
    ["found with other events", async (files: Files) => await into(files, { sessions: [wholeSession()] })],
  ])("cannot be %s: the batch is refused, and names the session", async (_name, again) => {
    const files: Files = new Map();
    await into(files, { lost: [lostOf(wholeSession())] });
    const before = new Map(files);
    await expect(again(files)).rejects.toMatchObject({ name: "ConflictError", sid: LOST });
    expect(files).toEqual(before);
  });

  it.each([
    ["a statement that is none", { dsse: "{}\n", checkpoint: "", approvals: [] }],
    [
      "another head than its statement names",
      { ...lostOf(wholeSession()), checkpoint: lostOf(other, { sid: OTHER }).checkpoint },
    ],
    ["no head, though its statement names one", { ...lostOf(wholeSession()), checkpoint: "" }],
  ])("with %s is refused", async (_name, session) => {
    const files: Files = new Map();
    await expect(into(files, { lost: [session] })).rejects.toThrow(LogError);
    expect(files.size).toBe(0);
  });

  it("and a session and a heartbeat are each given once", async () => {
    const twice = lostOf(wholeSession());
    const files: Files = new Map();
    await expect(into(files, { lost: [twice, twice] })).rejects.toThrow(/lost session .* is given twice/);
    await expect(into(files, { sessions: [other, other] })).rejects.toThrow(/session .* is given twice/);
    const days = [heartbeat("2026-11-24"), heartbeat("2026-11-24", [seen(LOST, "open")])];
    await expect(into(files, { heartbeats: days })).rejects.toThrow(/heartbeat of 2026-11-24 is given twice/);
    await expect(into(files, { heartbeats: ["{}\n"] })).rejects.toThrow(LogError);
    expect(files.size).toBe(0);
  });

  it("lies where its id says, and so do its events, whatever day they say it was", async () => {
    const files: Files = new Map();
    const late = wholeSession({ startedAt: "2026-11-25T00:00:01.000Z" });
    await into(files, {
      lost: [lostOf(late, { says: (lost) => ({ ...lost, closedAt: "2026-11-25T01:00:00.000Z" }) })],
    });
    expect((await into(files, { sessions: [late] })).sessions).toEqual([{ fate: "entered", path: LOST_FOLDER }]);
    expect(notGood(await verified(files))).toEqual([]);
  });

  it("has a page that says plainly what is known and what is missing", async () => {
    const files: Files = new Map();
    const answers = [answerOf({ by: [{ login: "carol|<img>", via: "check" }] })];
    await into(files, { lost: [lostOf(wholeSession(), { answers })] });
    const page = Buffer.from(files.get(`${LOST_FOLDER}/README.md`) ?? "").toString();
    for (const each of [
      "**Lost**: the gateway fell silent, and the countersigner closed the session. Nothing of it was handed in",
      "| Outcome | **lost**, silent |",
      "| Last head | 2026-11-24 05:00:01.400 UTC |",
      "## What is known\n\nThe countersigner signed a commitment to the first 13 events",
      "## What is missing\n\nThe 13 events themselves, and all that came behind them",
      "| [`7Q2M4N8X3K`](approvals/7Q2M4N8X3K.dsse.json) | `1/3` | `appdb` | `destructive` | approved by `carol\\u{7c}<img>` (`check`) |",
      `countersign verify ${LOST_FOLDER}`,
    ]) {
      expect(page).toContain(each);
    }
  });

  it("is incomplete by itself too, and good by itself once it was found", async () => {
    const alone = (files: Files): Files => {
      const inside = `${LOST_FOLDER}/`;
      return new Map(
        [...files].flatMap(([path, bytes]) => (path.startsWith(inside) ? [[path.slice(inside.length), bytes]] : [])),
      );
    };
    const files: Files = new Map();
    const whole = wholeSession();
    await into(files, { lost: [lostOf(whole)] });
    const options = { pinned: undefined, policy: undefined };
    const lost = await verifySession(memoryReader(alone(files)), "", options);
    expect({ verdict: lost.verdict, notGood: notGood(lost) }).toEqual({
      verdict: "incomplete",
      notGood: ["ended incomplete", "events incomplete"],
    });
    await into(files, { sessions: [whole] });
    expect((await verifySession(memoryReader(alone(files)), "", options)).verdict).toBe("good");
    const page = Buffer.from(files.get(`${LOST_FOLDER}/README.md`) ?? "").toString();
    expect(page).toContain("## Closed as lost, and handed in later\n\nAt 2026-11-24 05:10:00.000 UTC");
  });
});

describe("a heartbeat", () => {
  it("of a day that has one is left out, whatever it says", async () => {
    const files: Files = new Map();
    await into(files, { heartbeats: [heartbeat("2026-11-24")] });
    await sealSession(other, memoryLedger(files), signer);
    const before = new Map(files);
    const entered = await into(files, { heartbeats: [heartbeat("2026-11-24", [seen(OTHER, "landed")])] });
    expect(entered).toMatchObject({ outcome: "nothing", heartbeats: [{ fate: "there" }] });
    expect(files).toEqual(before);
  });

  it("names the days that have none, and no other", async () => {
    const files: Files = new Map();
    const days = ["2026-11-23", "2026-11-24", "2026-11-26", "2026-12-01"];
    await into(files, { heartbeats: days.map((day) => heartbeat(day)) });
    const check = (await verified(files)).checks.find(({ id }) => id === "heartbeats");
    expect(check).toMatchObject({
      outcome: "incomplete",
      reasons: ["there is no heartbeat of 2026-11-25", "there is no heartbeat of 2026-11-27 to 2026-11-30"],
    });
  });

  it("that was missing may come later", async () => {
    const files: Files = new Map();
    for (const day of ["2026-11-23", "2026-11-25", "2026-11-24"]) await into(files, { heartbeats: [heartbeat(day)] });
    expect(notGood(await verified(files))).toEqual([]);
  });

  it("lists sessions in order of their ids, so many and no more, and the rest by count and digest", () => {
    const sidOf = (at: number): string => `01M85YSN40M3T4ZS5R6X${String(at).padStart(6, "0")}`;
    const all = Array.from({ length: HEARTBEAT_SESSIONS_MAX + 3 }, (_, at) => seen(sidOf(at), "landed"));
    const cut = heartbeatOf("2026-11-24", "acme/shop", all.toReversed());
    expect(cut.sessions).toEqual(all.slice(0, HEARTBEAT_SESSIONS_MAX));
    expect(cut.more).toEqual({ count: 3, digest: digestOfFile(canonical(all.slice(-3))) });
    expect(heartbeatOf("2026-11-24", "acme/shop", all.slice(-3)).more).toEqual({ count: 0, digest: "" });
    expect(readHeartbeat(heartbeat("2026-11-24", all))).toEqual(cut);
  });

  it("of more than it lists is not looked through for what was open before, and one of more than it may list fails", async () => {
    const sidOf = (at: number): string => `01M85YSN40M3T4ZS5R6X${String(at).padStart(6, "0")}`;
    const all = Array.from({ length: HEARTBEAT_SESSIONS_MAX + 1 }, (_, at) => seen(sidOf(at), "open"));
    const files: Files = new Map();
    await into(files, { heartbeats: [heartbeat("2026-11-24", [seen(LOST, "open")]), heartbeat("2026-11-25", all)] });
    expect(notGood(await verified(files))).toEqual([]);
    const { dsse, app } = countersigner();
    const long = { ...heartbeatOf("2026-11-24", "acme/shop", []), sessions: all };
    expect(verifyHeartbeat(signHeartbeat(long, dsse), [app.verifier.publicKey])).toEqual({
      kind: "bad",
      reasons: ["it lists more than 5000 sessions"],
    });
  });

  it("with long names of jobs still fits into an envelope that a verifier takes", async () => {
    const sidOf = (at: number): string => `01M85YSN40M3T4ZS5R6X${String(at).padStart(6, "0")}`;
    const all = Array.from({ length: 2000 }, (_, at) => ({ ...seen(sidOf(at), "open"), job: "j".repeat(1000) }));
    const files: Files = new Map();
    await into(files, { heartbeats: [heartbeat("2026-11-24", all)] });
    expect(notGood(await verified(files))).toEqual([]);
    expect(heartbeatOf("2026-11-24", "acme/shop", all).more.count).toBeGreaterThan(0);
  });
});
