import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { MakePart } from "../../app/app.ts";
import { json } from "../../app/http/route.ts";
import type { Database } from "../../app/state/database.ts";
import { callFor, type Doer } from "../../app/state/errands.ts";
import { startTown, type Town } from "../standin/town.ts";
import { runApp } from "./running.ts";
import { addSession } from "./sessions-in.ts";
import { KINDS, openStates, type States } from "./state/databases.ts";

describe.each(KINDS)("an App on %s that stops", (kind) => {
  let town: Town;
  let states: States;
  beforeAll(async () => {
    town = await startTown();
    states = await openStates(kind);
  });
  afterAll(async () => {
    await states.close();
    await town.close();
  });

  const poll: MakePart = (context) => ({
    doers: new Map<string, Doer>([
      [
        "close",
        async (_subject, signal) => {
          await sleep(60_000, undefined, { signal });
          return "done";
        },
      ],
    ]),
    routes: [
      {
        method: "GET",
        path: /^\/v1\/requests\/([^/]+)$/,
        bodyBytesMax: 0,
        who: "session",
        async handle({ caught: [id = ""], signal }) {
          await context.heard(`request:${id}`, 30_000, signal);
          return json(200, { state: "pending" });
        },
      },
    ],
  });

  it("answers who waits when it is notified, in this instance or another", async () => {
    const database = await states.fresh();
    const other = await states.another();
    const running = await runApp({ town, database: keptOpen(database).database, parts: [poll] });
    const session = await addSession(database);
    const started = Date.now();
    const asked = session.ask(running.origin, { method: "GET", target: "/v1/requests/one" });
    await expect
      .poll(async () => await (await fetch(`${running.origin}/metrics`)).text())
      .toContain("countersign_waiting_requests 1");
    await other.notify("request:another");
    await sleep(100);
    await other.notify("request:one");
    expect(await (await asked).json()).toEqual({ state: "pending" });
    expect(Date.now() - started).toBeLessThan(10_000);
    await running.app.stop();
  });

  it("answers who waits, ends its errands, takes nothing new, and closes its state", async () => {
    const database = await states.fresh();
    const state = keptOpen(database);
    const running = await runApp({ town, database: state.database, parts: [poll] });
    const session = await addSession(database);
    await callFor(database, { kind: "close", subject: session.sid }, 0);
    const asked = session.ask(running.origin, { method: "GET", target: "/v1/requests/one" });
    await expect
      .poll(async () => await (await fetch(`${running.origin}/metrics`)).text())
      .toContain("countersign_waiting_requests 1");
    const started = Date.now();
    const stopped = running.app.stop();
    const answered = await asked;
    expect(await answered.json()).toEqual({ state: "pending" });
    expect(answered.headers.get("connection")).toBe("close");
    await stopped;
    await running.app.stop();
    expect(Date.now() - started).toBeLessThan(5_000);
    await expect(fetch(`${running.origin}/healthz`)).rejects.toThrow("fetch failed");
    expect(state.closed()).toBe(1);
    expect(running.logged.at(-1)).toContain("the App has stopped");
  });
});

/** The same state, whose closing is counted and left to whoever opened it. */
function keptOpen(database: Database): { readonly database: Database; readonly closed: () => number } {
  let closed = 0;
  const close = async (): Promise<void> => {
    closed += 1;
    await Promise.resolve();
  };
  return { database: { ...database, close }, closed: () => closed };
}
