import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Database } from "../../../app/state/database.ts";
import type { PlanRequest } from "../../../src/approval/ports.ts";
import { isObject } from "../../../src/evidence/shape.ts";
import { published } from "../../standin/standin.ts";
import { startTown, type Town } from "../../standin/town.ts";
import { KINDS, openStates, type States } from "../state/databases.ts";
import { type Asking, crockford, type Office, openOffice } from "./office.ts";

const descriptions = published();

describe.each(KINDS)("what a gateway asks, with the state on %s,", (kind) => {
  let states: States;
  let town: Town;
  let database: Database;
  let office: Office;
  let asking: Asking;
  beforeAll(async () => {
    states = await openStates(kind);
  });
  afterAll(async () => {
    await states.close();
  });
  beforeEach(async () => {
    town = await startTown({ published: descriptions });
    database = await states.fresh();
    office = await openOffice(town, database);
    asking = await office.session({ approval: "{ from: { teams: [dba] }, count: 2, expires: 30m, via: [check] }" });
  });
  afterEach(async () => {
    await office.stop();
    await town.close();
  });
  const post = async (changes: Partial<PlanRequest> = {}): Promise<number> =>
    (await office.send(asking, "POST", "/v1/requests", office.request(asking, changes))).status;

  it("is who may answer as the policy says it, whatever the gateway says", async () => {
    const { terms } = office.request(asking);
    expect(await post({ terms: { ...terms, count: 1 } })).toBe(409);
    expect(await post({ terms: { ...terms, teams: [] } })).toBe(409);
    expect(await post({ terms: { ...terms, users: ["maria"] } })).toBe(409);
    expect(await post({ terms: { ...terms, via: ["check", "comment"] } })).toBe(409);
    expect(await post({ terms: { ...terms, expiresMs: terms.expiresMs * 2 } })).toBe(409);
    expect(await post({ rule: "rest" })).toBe(409);
    expect(await post({ rule: "another" })).toBe(409);
    expect(await post()).toBe(201);
  });

  it("is of its own session, policy, target and run, and no other's", async () => {
    expect(await post({ sid: crockford(26) })).toBe(403);
    expect(await post({ policy: `sha256:${"0".repeat(64)}` })).toBe(409);
    expect(await post({ target: "billing" })).toBe(409);
    expect(await post({ identity: { ...asking.identity, actor: "somebody" } })).toBe(409);
    expect(await post({ requestedAt: new Date(Date.now() + 3_600_000).toISOString() })).toBe(422);
    expect((await office.send(asking, "POST", "/v1/requests", { id: "x" })).status).toBe(400);
    await database.run("UPDATE session SET state = 'lost' WHERE sid = $1", [asking.sid]);
    expect(await post()).toBe(403);
  });

  it("is asked once however often it is sent, and its id stands for nothing else", async () => {
    const request = office.request(asking);
    const send = async (body: object): Promise<number> =>
      (await office.send(asking, "POST", "/v1/requests", body)).status;
    expect(await send(request)).toBe(201);
    expect(await send(request)).toBe(200);
    expect(await send({ ...request, bytes: request.bytes + 1 })).toBe(409);
    const both = office.request(asking);
    expect((await Promise.all([send(both), send(both)])).toSorted((one, other) => one - other)).toEqual([200, 201]);
  });

  it("is nothing to another session", async () => {
    const request = await office.ask(asking);
    const other = await office.session({ approval: "{ count: 1 }" });
    expect((await office.send(other, "GET", `/v1/requests/${request.id}`)).status).toBe(404);
    expect((await office.send(other, "DELETE", `/v1/requests/${request.id}`)).status).toBe(404);
    expect((await office.send(asking, "GET", `/v1/requests/${request.id}?wait=31`)).status).toBe(400);
  });

  it("waits no longer than the policy lets it, whatever the gateway says, and shorter in a transaction", async () => {
    const far = new Date(Date.now() + 86_400_000).toISOString();
    const now = Date.now();
    const usual = await office.ask(asking, { expiresAt: far });
    const short = await office.ask(asking, { expiresAt: far, inTransaction: true });
    const rows = await database.rows(
      "SELECT id, deadline FROM request",
      [],
      (value): value is { id: string; deadline: number } => isObject(value) && typeof value["deadline"] === "number",
    );
    const left = (id: string): number =>
      Math.round(((rows.find((row) => row.id === id)?.deadline ?? 0) - now) / 10_000) * 10;
    expect(left(usual.id)).toBe(1_800);
    expect(left(short.id)).toBe(60);
  });

  it("keeps text that a database would not: the character of no value", async () => {
    const request = office.request(asking, { message: "a\u0000b" });
    expect((await office.send(asking, "POST", "/v1/requests", request)).status).toBe(201);
    expect((await office.send(asking, "POST", "/v1/requests", request)).status).toBe(200);
  });

  it("is at most a hundred requests of one repository", async () => {
    const askings = await Promise.all(
      Array.from({ length: 6 }, async () => await office.session({ approval: "{ count: 1, via: [check] }" })),
    );
    const statuses: number[] = [];
    for (const each of askings) {
      for (let count = 0; count < 20; count += 1) {
        statuses.push((await office.send(each, "POST", "/v1/requests", office.request(each))).status);
      }
    }
    expect(statuses.filter((status) => status === 201)).toHaveLength(100);
    expect(statuses.filter((status) => status === 429)).toHaveLength(20);
  });
});
