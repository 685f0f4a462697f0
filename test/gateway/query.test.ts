import { connect, createServer, type Socket } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { dial } from "../../src/gateway/dial.ts";
import { OwnConnection, QueryError } from "../../src/gateway/query.ts";
import { readTarget } from "../../src/protocols/postgres/index.ts";
import { encodeFrame } from "../../src/protocols/postgres/wire.ts";
import { type LivePostgres, startPostgres } from "../live/server.ts";

let server: LivePostgres;
let own: OwnConnection;

async function open(url = server.url, startup = new Map<string, string>()): Promise<OwnConnection> {
  return await OwnConnection.open(await dial(readTarget("appdb", url), startup), { timeoutMs: 5000 });
}

async function failure(work: Promise<unknown>): Promise<QueryError> {
  const error: unknown = await work.catch((thrown: unknown) => thrown);
  if (!(error instanceof QueryError)) throw new Error(`no QueryError, but ${String(error)}`);
  return error;
}

async function sessions(watcher: OwnConnection, pid: string): Promise<string | null | undefined> {
  const { rows } = await watcher.query("SELECT count(*) FROM pg_stat_activity WHERE pid = $1::int", [pid]);
  return rows[0]?.[0];
}

beforeAll(async () => {
  server = await startPostgres({ auth: "trust" });
});
beforeEach(async () => {
  own = await open();
});
afterEach(() => own.close());
afterAll(async () => await server.close());

describe("asking", () => {
  it("gives columns and rows as text, and nulls as null", async () => {
    const result = await own.query("SELECT 1 AS one, 'ä' AS letter, NULL AS nothing, true AS yes");
    expect(result).toEqual({ columns: ["one", "letter", "nothing", "yes"], rows: [["1", "ä", null, "t"]] });
    expect(await own.query("SELECT generate_series(1, 3)")).toMatchObject({ rows: [["1"], ["2"], ["3"]] });
    expect(await own.query("")).toEqual({ columns: [], rows: [] });
  });

  it("passes parameters as values, whatever is in them", async () => {
    const params = ["'; DROP TABLE x; --", null, ""];
    expect((await own.query("SELECT $1::text, $2::text, $3::text", params)).rows).toEqual([params]);
  });

  it("runs one statement and no more", async () => {
    expect((await failure(own.query("SELECT 1; SELECT 2"))).code).toBe("42601");
    expect((await failure(own.query("SELECT '\0'"))).code).toBe("22021");
  });

  it("answers many at once in their order", async () => {
    const all = await Promise.all([1, 2, 3, 4].map(async (each) => await own.query("SELECT $1::int", [String(each)])));
    expect(all.map(({ rows }) => rows[0]?.[0])).toEqual(["1", "2", "3", "4"]);
  });

  it("stays good after an error of the server's", async () => {
    const error = await failure(own.query("SELECT 1/0"));
    expect([error.code, error.message]).toEqual(["22012", "division by zero"]);
    expect((await own.query("SELECT 1")).rows).toEqual([["1"]]);
  });

  it("keeps to the settings that its connection was opened with", async () => {
    const guarded = await open(
      server.url,
      new Map([
        ["default_transaction_read_only", "on"],
        ["statement_timeout", "100ms"],
      ]),
    );
    expect((await failure(guarded.query("CREATE TABLE x ()"))).code).toBe("25006");
    expect((await failure(guarded.query("SELECT pg_sleep(5)"))).code).toBe("57014");
    expect(guarded.reported.get("default_transaction_read_only")).toBe(server.majorVersion < 14 ? undefined : "on");
    guarded.close();
  });
});

describe("bounds", () => {
  it("closes the connection when the answer is late, and fails all that wait", async () => {
    const pid = (await own.query("SELECT pg_backend_pid()")).rows[0]?.[0] ?? "";
    const slow = own.query("SELECT pg_sleep(0.3)", [], { timeoutMs: 50 });
    const next = own.query("SELECT 1");
    expect((await failure(slow)).message).toBe("no answer within 50 ms");
    expect(await failure(next)).toBeInstanceOf(QueryError);
    expect(await failure(own.query("SELECT 1"))).toBeInstanceOf(QueryError);
    const watcher = await open();
    await expect.poll(async () => await sessions(watcher, pid), { timeout: 5000 }).toBe("0");
    watcher.close();
  });

  it("takes no answer of more rows or bytes than it says", async () => {
    expect((await failure(own.query("SELECT generate_series(1, 200001)"))).message).toContain("200000 rows");
    const other = await open();
    expect((await other.query("SELECT repeat('x', 1000000)")).rows[0]?.[0]).toHaveLength(1_000_000);
    // The bound is for one answer, not for all of them.
    for (let round = 0; round < 2; round += 1) {
      expect((await other.query("SELECT repeat('x', 1000000) FROM generate_series(1, 40)")).rows).toHaveLength(40);
    }
    const much = "SELECT repeat('x', 1000000) FROM generate_series(1, 70)";
    expect((await failure(other.query(much, [], { timeoutMs: 20_000 }))).message).toContain("67108864 bytes");
  });

  it("lets no more than 64 wait", async () => {
    const waiting = Array.from({ length: 64 }, async () => await own.query("SELECT 1"));
    expect((await failure(own.query("SELECT 1"))).message).toContain("too many");
    expect(await Promise.all(waiting)).toHaveLength(64);
  });

  it("does not take data of COPY for an answer", async () => {
    expect((await failure(own.query("COPY (SELECT 1) TO STDOUT"))).code).toBe("08P01");
  });
});

describe("the end", () => {
  it("fails what is under way when the server goes, in the server's words", async () => {
    const pid = (await own.query("SELECT pg_backend_pid()")).rows[0]?.[0] ?? "";
    const slow = failure(own.query("SELECT pg_sleep(5)"));
    const killer = await open();
    await killer.query("SELECT pg_terminate_backend($1::int)", [pid]);
    killer.close();
    expect((await slow).code).toBe("57P01");
  });

  it("fails what is under way when it is closed itself, and leaves no session behind", async () => {
    const watcher = await open();
    const pid = (await own.query("SELECT pg_backend_pid()")).rows[0]?.[0] ?? "";
    const slow = own.query("SELECT 1");
    own.close();
    expect(await failure(slow)).toBeInstanceOf(QueryError);
    await expect.poll(async () => await sessions(watcher, pid)).toBe("0");
    watcher.close();
  });

  it("tells of a database that is not there", async () => {
    expect((await failure(open(server.url.replace(/postgres$/, "nowhere")))).code).toBe("3D000");
  });

  it("believes no answer that was not asked for", async () => {
    const ready = encodeFrame("Z", Buffer.from("I"));
    const fake = createServer((socket: Socket) => socket.write(Buffer.concat([ready, ready, ready])));
    await new Promise<void>((resolve) => {
      fake.listen(0, "127.0.0.1", resolve);
    });
    const address = fake.address();
    const socket = connect(typeof address === "object" ? (address?.port ?? 0) : 0, "127.0.0.1");
    const early = await OwnConnection.open({ socket, rest: Buffer.of() }, { timeoutMs: 1000 });
    expect(await failure(early.query("SELECT 1").then(async () => await early.query("SELECT 2")))).toBeInstanceOf(
      QueryError,
    );
    fake.close();
  });
});
