import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { StateError } from "../../../app/state/database.ts";
import { migrate } from "../../../app/state/migrations.ts";
import { isInteger, isText, shaped } from "../../../src/evidence/shape.ts";
import { KINDS, openStates, type States } from "./databases.ts";

const isCounted = shaped({ count: isInteger });

describe.each(KINDS)("the state on %s", (kind) => {
  let states: States;
  beforeAll(async () => {
    states = await openStates(kind);
  });
  afterAll(async () => {
    await states.close();
  });

  it("is brought to its tables once, however often it is asked", async () => {
    const database = await states.fresh();
    await Promise.all([migrate(database), migrate(database)]);
    const steps = await database.rows(
      "SELECT version FROM migration ORDER BY version",
      [],
      shaped({ version: isInteger }),
    );
    expect(steps.map(({ version }) => version)).toEqual(steps.map((_, at) => at + 1));
  });

  it("refuses the tables of a newer version", async () => {
    const database = await states.fresh();
    await database.run("INSERT INTO migration (version, name) VALUES (999, 'later')");
    await expect(migrate(database)).rejects.toThrow(StateError);
  });

  it("keeps all of a transaction or nothing", async () => {
    const database = await states.fresh();
    const insert = "INSERT INTO errand (kind, subject, due_at) VALUES ('a', $1, 0)";
    await expect(
      database.transaction(async (sql) => {
        await sql.run(insert, ["one"]);
        throw new Error("changed my mind");
      }),
    ).rejects.toThrow("changed my mind");
    await database.transaction(async (sql) => await sql.run(insert, ["two"]));
    expect(await database.rows("SELECT subject FROM errand", [], shaped({ subject: isText }))).toEqual([
      { subject: "two" },
    ]);
  });

  it("gives back numbers, bytes, lists and JSON as they were given", async () => {
    const database = await states.fresh();
    const isRow = (row: unknown): row is Record<string, unknown> => typeof row === "object" && row !== null;
    const [row] = await database.rows(
      "SELECT $1::bigint AS big, $2::bytea AS bytes, $3::text::jsonb AS json, $4::bigint[] AS list",
      [2 ** 52, Buffer.from([0, 255]), JSON.stringify({ a: ["b"] }), [1, 2]],
      isRow,
    );
    expect(row?.["big"]).toBe(2 ** 52);
    expect(Buffer.from(row?.["bytes"] as Uint8Array)).toEqual(Buffer.from([0, 255]));
    expect(row?.["json"]).toEqual({ a: ["b"] });
  });

  it("says so when a row is not as it was written", async () => {
    const database = await states.fresh();
    await expect(database.rows("SELECT 'x' AS count", [], isCounted)).rejects.toThrow(StateError);
  });

  it("lets one at a time do what is done alone, in another instance too", async () => {
    const database = await states.fresh();
    const other = await states.another();
    let now = 0;
    let most = 0;
    const work = async (): Promise<void> => {
      now += 1;
      most = Math.max(most, now);
      await sleep(20);
      now -= 1;
    };
    await Promise.all([database, other, database, other].map(async (each) => await each.alone("log", work)));
    expect(most).toBe(1);
    await expect(database.alone("log", async () => await Promise.reject(new Error("no")))).rejects.toThrow("no");
    await other.alone("log", work);
  });

  it("wakes who listens, in another instance too", async () => {
    const database = await states.fresh();
    const heard: (string | undefined)[] = [];
    await database.listen((subject) => heard.push(subject));
    await (await states.another()).notify("request:1");
    await expect.poll(() => heard).toEqual(["request:1"]);
  });
});
