import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { KINDS } from "../state/databases.ts";
import { type Gateway, newGateway, problem } from "./gateway.ts";
import { type Office, openOffice } from "./office.ts";

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

describe.each(KINDS)("how a session stands on %s", (kind) => {
  let office: Office;

  beforeAll(async () => {
    office = await openOffice(kind);
  });
  afterAll(async () => {
    await office.close();
  });

  const look = async (gateway: Gateway, query = ""): Promise<Response> =>
    await gateway.ask(office.second.origin, "GET", `/v1/sessions/${gateway.sid}${query}`);

  /** Changes the session as another instance would, while somebody waits at this one; gives what and when it was told. */
  async function woken(
    gateway: Gateway,
    change: string,
  ): Promise<{ readonly body: unknown; readonly afterMs: number }> {
    const waiting = look(gateway, "?wait=30");
    await new Promise((done) => setTimeout(done, 300));
    const changedMs = performance.now();
    await office.database.run(`UPDATE session SET ${change} WHERE sid = $1`, [gateway.sid]);
    await office.database.notify(`session:${gateway.sid}`);
    const response = await waiting;
    return { body: await response.json(), afterMs: performance.now() - changedMs };
  }

  it("is told at once where nobody waits", async () => {
    const gateway = await office.quickSession();
    const response = await look(gateway);
    expect([response.status, await response.json()]).toEqual([200, { state: "open", folder: "", commit: "" }]);
  });

  it("is told to its own key alone", async () => {
    const [gateway, other] = [await office.quickSession(), await office.quickSession()];
    const target = `/v1/sessions/${gateway.sid}`;
    expect(await problem(await other.ask(office.url, "GET", target))).toMatch(/^403 /);
    expect(await problem(await newGateway().ask(office.url, "GET", target))).toMatch(/^401 /);
  });

  it.each([
    ["state = 'contested'", { state: "contested", folder: "", commit: "" }],
    ["state = 'handed-in'", { state: "handed-in", folder: "", commit: "" }],
    ["state = 'landed', folder = 'f', landed_in = 'c'", { state: "landed", folder: "f", commit: "c" }],
    ["state = 'lost', folder = 'f', landed_in = 'c'", { state: "lost", folder: "f", commit: "c" }],
  ])("wakes who waits at another instance on %s", async (change, told) => {
    const { body, afterMs } = await woken(await office.quickSession(), change);
    expect(body).toEqual(told);
    // By the notification, and not by the look that is taken every five seconds anyhow.
    expect(afterMs).toBeLessThan(3_000);
  });

  it("wakes who waits for a lost session to be entered in the log", async () => {
    const gateway = await office.quickSession();
    await office.database.run("UPDATE session SET state = 'lost' WHERE sid = $1", [gateway.sid]);
    const { body, afterMs } = await woken(gateway, "folder = 'f', landed_in = 'c'");
    expect(body).toEqual({ state: "lost", folder: "f", commit: "c" });
    expect(afterMs).toBeLessThan(3_000);
  });

  it("is found out without a notification too", async () => {
    const gateway = await office.quickSession();
    const waiting = look(gateway, "?wait=30");
    await new Promise((done) => setTimeout(done, 300));
    await office.database.run("UPDATE session SET state = 'contested' WHERE sid = $1", [gateway.sid]);
    expect(await (await waiting).json()).toMatchObject({ state: "contested" });
  });

  it("is told after the wait where nothing changed, whatever else was notified", async () => {
    const gateway = await office.quickSession();
    const startedMs = performance.now();
    const waiting = look(gateway, "?wait=2");
    await new Promise((done) => setTimeout(done, 200));
    await office.database.notify(`session:${gateway.sid}`);
    expect(await (await waiting).json()).toMatchObject({ state: "open" });
    expect(performance.now() - startedMs).toBeGreaterThan(1_800);
  });

  it("is told at once of what changes no more", async () => {
    const gateway = await office.quickSession();
    await office.database.run("UPDATE session SET state = 'landed', landed_in = 'c' WHERE sid = $1", [gateway.sid]);
    const startedMs = performance.now();
    expect(await (await look(gateway, "?wait=30")).json()).toMatchObject({ state: "landed" });
    expect(performance.now() - startedMs).toBeLessThan(5_000);
  });

  it.each(["31", "-1", "1.5", "1e1", "0x10", "", "ten", "100000"])("refuses to wait %j seconds", async (wait) => {
    const gateway = await office.quickSession();
    expect(await problem(await look(gateway, `?wait=${wait}`))).toMatch(/^400 Not a wait/);
  });

  it("stays as it was heard of by `alive`, which an ended session cannot lengthen", async () => {
    const gateway = await office.quickSession();
    const alive = async (): Promise<unknown> =>
      await (await gateway.ask(office.url, "POST", `/v1/sessions/${gateway.sid}/alive`)).json();
    office.clock.aheadMs = 60_000;
    try {
      expect(await alive()).toEqual({ state: "open" });
      await office.database.run("UPDATE session SET state = 'lost' WHERE sid = $1", [gateway.sid]);
      office.clock.aheadMs = 120_000;
      expect(await alive()).toEqual({ state: "lost" });
    } finally {
      office.clock.aheadMs = 0;
    }
    const isSeen = (row: unknown): row is { seen_at: number } => typeof row === "object" && row !== null;
    const [row] = await office.database.rows("SELECT seen_at FROM session WHERE sid = $1", [gateway.sid], isSeen);
    expect(Math.abs((row?.seen_at ?? 0) - Date.now() - 60_000)).toBeLessThan(30_000);
  });
});
