// Held commands against a real server: what people answer decides what runs, on that connection and on no other, and the
// journal says so in order.

import { hash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { ApprovalRequest } from "../../src/approval/ports.ts";
import type { People } from "../fakes/desk.ts";
import {
  bind,
  copyData,
  copyDone,
  errorFields,
  execute,
  openRaw,
  parse,
  query,
  type RawConnection,
  type ServerFrame,
  sync,
} from "./raw-client.ts";
import { type LivePostgres, startPostgres } from "./server.ts";
import { type LiveSession, startSession, type TestEvent } from "./session.ts";

const POLICY = `
version: 1
targets:
  shop: { protocol: postgres }
rules:
  - name: brief
    match: { effects: [delete], objects: ["*brief"] }
    decide: hold
    approval: { count: 1, expires: 300ms }
  - name: destructive
    match: { any: [ { effects: [delete] }, { effects: [write], objects: ["*inbox"] } ] }
    decide: hold
    message: Ask the owner of the table.
    approval: { count: 1, expires: 30m }
  - name: rest
    match: { effects: [read, session, write, execute] }
    decide: allow
masking:
  - { columns: [people.email], as: partial }
  - { columns: ["*.ssn"], as: redact }
limits: { hold-in-transaction: 20s }
`;

const TABLES = `
  DROP TABLE IF EXISTS people, inbox, brief;
  CREATE TABLE people (id integer PRIMARY KEY, email text, ssn text);
  INSERT INTO people SELECT n, 'person' || n || '@example.com', '900-00-' || (1000 + n) FROM generate_series(1, 10) AS n;
  CREATE TABLE inbox (id integer, body text);
  CREATE TABLE brief (id integer);
  INSERT INTO brief VALUES (1);
  ANALYZE people, brief`;

/** A held command's way through the journal when it was approved. */
const APPROVED = [
  "command.seen",
  "command.decided",
  "approval.requested",
  "approval.answered",
  "command.settled",
  "command.returned",
];
const REFUSED = APPROVED.slice(0, -1);

let server: LivePostgres;
let session: LiveSession;
let direct: pg.Client;
let people: People;
const clients: RawConnection[] = [];

beforeAll(async () => {
  server = await startPostgres();
  direct = new pg.Client({ connectionString: server.url });
  await direct.connect();
  await direct.query(TABLES);
  session = await startSession({
    policy: POLICY,
    target: "shop",
    url: server.url,
    people: async (request, signal) => await people(request, signal),
  });
});

afterAll(async () => {
  await session.close();
  await direct.end();
  await server.close();
});

beforeEach(async () => {
  await direct.query(TABLES);
  people = async () => await Promise.resolve("approved");
});

afterEach(() => {
  for (const client of clients.splice(0)) client.destroy();
  if (session.failure() !== "") fail(session.failure());
});

describe("a held DELETE", () => {
  it("runs once it is approved, and returns its rows", async () => {
    const client = await open();
    const frames = await ask(client, "DELETE FROM people WHERE id > 7 RETURNING id");
    expect(rowsOf(frames)).toEqual(["8", "9", "10"]);
    expect(tagsOf(frames)).toEqual(["DELETE 3"]);
    expect(await left("people")).toBe(7);
    await journalled(APPROVED, { outcome: "completed", rows: 3, code: "" });
  });

  it("is not said to have taken the time that people took to answer", async () => {
    people = async () => await sleep(1000, "approved" as const);
    const from = session.events().length;
    await ask(await open(), "DELETE FROM people WHERE id > 7");
    await journalled(APPROVED, { outcome: "completed", rows: 3, code: "" });
    const own = new Set(
      session
        .events()
        .flatMap(({ type, conn, body }) =>
          type === "connection.opened" && body["purpose"] !== "client" ? [conn] : [],
        ),
    );
    const returned = session
      .events()
      .slice(from)
      .filter(({ type, conn }) => type === "command.returned" && !own.has(conn));
    expect(returned).toHaveLength(1);
    expect(Number(returned[0]?.body["tookUs"])).toBeGreaterThan(0);
    expect(Number(returned[0]?.body["tookUs"])).toBeLessThan(900_000);
  });

  it("gives the reviewer's refusal as an error with rule, request and advice, and the session goes on", async () => {
    people = async () => await Promise.resolve("refused");
    const client = await open();
    const error = errorOf(await ask(client, "DELETE FROM people"));
    expect(error.get("C")).toBe("42501");
    expect(error.get("M")).toBe("A reviewer refused the command. Ask the owner of the table.");
    expect(error.get("D")).toContain('Rule "destructive" held it');
    expect(error.get("D")).toContain(`Request ${lastRequest().id} answered by rita.`);
    expect(error.get("H")).toContain("Talk to the reviewer");
    expect(await left("people")).toBe(10);
    await journalled(REFUSED);
    expect(rowsOf(await ask(client, "SELECT count(*) FROM people"))).toEqual(["10"]);
  });

  it("is cancelled when nobody answers in time", async () => {
    people = async (request, signal) => {
      await Promise.race([sleep(Date.parse(request.expiresAt) - Date.now()), aborted(signal)]);
      return "expired";
    };
    const client = await open();
    const since = performance.now();
    const error = errorOf(await ask(client, "DELETE FROM brief"));
    expect(performance.now() - since).toBeGreaterThan(250);
    expect(error.get("C")).toBe("57014");
    expect(error.get("M")).toContain("Nobody answered in time");
    expect(await left("brief")).toBe(1);
    await journalled(REFUSED);
    expect(answers().at(-1)).toMatchObject({ answer: "expired", by: [] });
  });

  it("tells the client by a notice, while it waits, that it waits and for which request", async () => {
    const hold = holdNext();
    const client = await open();
    client.send(query("DELETE FROM people WHERE id = 1"));
    const [notice] = await client.receive(1, ({ type }) => type === "N");
    const { id } = await hold.asked;
    expect(errorFields(notice?.body ?? Buffer.alloc(0)).get("M")).toBe(
      `countersign: held for approval (rule "destructive"), request ${id}`,
    );
    expect(await left("people")).toBe(10);
    hold.answer("approved");
    expect(tagsOf(await client.receive())).toEqual(["DELETE 1"]);
  });

  it("shows the reviewer masked text and parameters, and how many rows it would touch", async () => {
    const client = await open();
    client.send(
      parse("", "DELETE FROM people WHERE email = $1 OR ssn = '900-00-1002'"),
      bind({ params: ["person1@example.com"] }),
      execute(),
      sync,
    );
    expect(tagsOf(await client.receive())).toEqual(["DELETE 2"]);
    const request = lastRequest();
    expect(request.params).toEqual(["p***@example.com"]);
    expect(request.text).not.toContain("900-00");
    expect(request.text).toContain("DELETE FROM people WHERE email = $1");
    expect(request.maskedSpans).toBe(2);
    expect(request.impact.counted).toBe(2);
    expect(request.impact.estimated).toBeGreaterThan(0);
    // Opened, for in the file the values stand in base 64: neither the command nor the preview's questions tell them.
    const disclosed = readFileSync(join(session.directory, "disclosures.jsonl"), "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => Buffer.from((JSON.parse(line) as { disclosure: string }).disclosure, "base64url").toString("utf8"))
      .join("\n");
    expect(disclosed).toContain("EXPLAIN (FORMAT JSON) DELETE FROM people");
    expect(disclosed).not.toContain("900-00-1002");
    expect(disclosed).not.toContain("person1@");
  });

  it("is not previewed where its names may mean other tables than the preview's", async () => {
    await direct.query("DROP SCHEMA IF EXISTS other CASCADE; CREATE SCHEMA other; CREATE TABLE other.people (id int)");
    const client = await open();
    await ask(client, "SET search_path = other");
    expect(tagsOf(await ask(client, "DELETE FROM people"))).toEqual(["DELETE 0"]);
    expect(lastRequest().impact).toMatchObject({ counted: -1, estimated: -1 });
    expect(lastRequest().impact.note).toContain("search_path");
    await direct.query("DROP SCHEMA other CASCADE");
  });

  it("is previewed on a connection of the gateway's own, whose questions are recorded", async () => {
    const client = await open();
    await ask(client, "DELETE FROM people WHERE id = 3");
    const opened = session
      .events()
      .filter((each) => each.type === "connection.opened" && each.body["purpose"] === "preview");
    expect(opened).toHaveLength(1);
    const own = session.events().filter((each) => each.conn === opened[0]?.conn && each.type.startsWith("command."));
    expect(own.slice(-4).map((each) => each.type)).toEqual([
      "command.seen",
      "command.decided",
      "command.settled",
      "command.returned",
    ]);
    expect(new Set(own.filter((each) => each.type === "command.seen").flatMap((each) => each.body["effects"]))).toEqual(
      new Set(["read", "session"]),
    );
    expect(own.at(-1)?.body["outcome"]).toBe("completed");
  });

  it("keeps the signed answer, bound to the event by its digest", async () => {
    const client = await open();
    await ask(client, "DELETE FROM people WHERE id = 4");
    const { id } = lastRequest();
    expect(readdirSync(join(session.directory, "approvals"))).toContain(`${id}.dsse.json`);
    const file = readFileSync(join(session.directory, "approvals", `${id}.dsse.json`), "utf8");
    expect(answers().at(-1)).toMatchObject({
      request: id,
      answer: "approved",
      dsse: `sha256:${hash("sha256", file, "hex")}`,
    });
  });
});

describe("a request for approval", () => {
  it("is withdrawn when the client cancels, which is told 57014", async () => {
    const hold = holdNext();
    const client = await connected();
    const failed = errorFrom(client.query("DELETE FROM people"));
    const { id } = await hold.asked;
    cancel(client);
    expect(await failed).toMatchObject({ code: "57014", message: "canceling statement due to user request" });
    expect(hold.signal().aborted).toBe(true);
    await until(() => answers().at(-1)?.["request"] === id);
    expect(answers().at(-1)).toMatchObject({ answer: "withdrawn", by: [], dsse: "" });
    await journalled(REFUSED);
    expect(await left("people")).toBe(10);
    expect((await client.query("SELECT 1 AS one")).rows).toEqual([{ one: 1 }]);
    await client.end();
  });

  it("is withdrawn when the client leaves", async () => {
    const hold = holdNext();
    const client = await open();
    client.send(query("DELETE FROM people"));
    const { id } = await hold.asked;
    client.destroy();
    await until(() => answers().at(-1)?.["request"] === id);
    expect(answers().at(-1)).toMatchObject({ answer: "withdrawn" });
    expect(hold.signal().aborted).toBe(true);
    await until(() => eventsOf(cmdOf(id)).at(-1)?.type === "command.settled");
    expect(eventsOf(cmdOf(id)).at(-1)?.body).toMatchObject({ ruling: "refuse", cause: "withdrawn" });
    expect(await left("people")).toBe(10);
  });

  it("has no effect when it is approved after it was withdrawn", async () => {
    const hold = holdNext({ obeys: false });
    const client = await connected();
    const failed = errorFrom(client.query("DELETE FROM people"));
    const { id } = await hold.asked;
    cancel(client);
    await until(() => hold.signal().aborted);
    hold.answer("approved");
    expect(await failed).toMatchObject({ code: "57014" });
    expect(await left("people")).toBe(10);
    await journalled(REFUSED, { ruling: "refuse", cause: "withdrawn" });
    expect(answers().at(-1)).toMatchObject({ request: id, answer: "withdrawn" });
    await client.end();
  });

  it("holds its own connection only", async () => {
    const hold = holdNext();
    const held = await open();
    const free = await open();
    held.send(query("DELETE FROM people"), query("SELECT 'behind'"));
    await hold.asked;
    expect(rowsOf(await ask(free, "SELECT count(*) FROM people"))).toEqual(["10"]);
    expect(tagsOf(await ask(free, "UPDATE people SET email = 'x' WHERE id = 1"))).toEqual(["UPDATE 1"]);
    hold.answer("approved");
    const frames = await held.receive(2);
    expect(tagsOf(frames)).toEqual(["DELETE 10", "SELECT 1"]);
  });

  it("is made again for each execution of a prepared statement, with the same bytes", async () => {
    const client = await open();
    client.send(parse("gone", "DELETE FROM people WHERE id = $1"), sync);
    await client.receive();
    const before = session.desk.requests.length;
    for (const tag of ["DELETE 1", "DELETE 0"]) {
      client.send(bind({ statement: "gone", params: ["5"] }), execute(), sync);
      expect(tagsOf(await client.receive())).toEqual([tag]);
    }
    const [first, second, ...rest] = session.desk.requests.slice(before);
    expect(rest).toEqual([]);
    expect(first?.cmd).not.toBe(second?.cmd);
    expect(first?.digest).not.toBe(second?.digest);
    await journalled(APPROVED, { outcome: "completed" });
  });
});

describe("a pipeline with a held command in the middle", () => {
  const statement = (text: string): readonly Buffer[] => [parse("", text), bind(), execute()];
  const PIPELINE = [
    ...statement("SELECT 'before'"),
    ...statement("DELETE FROM people WHERE id = 6 RETURNING 'deleted'"),
    ...statement("SELECT 'behind'"),
    sync,
    ...statement("SELECT 'after'"),
    sync,
  ];

  it("keeps what is behind it waiting, and runs all of it in order when it is approved", async () => {
    const hold = holdNext();
    const client = await open();
    const from = session.events().length;
    client.send(...PIPELINE);
    await hold.asked;
    await sleep(50);
    expect(seenSince(from)).toHaveLength(2);
    hold.answer("approved");
    const frames = await client.receive(2);
    expect(rowsOf(frames)).toEqual(["before", "deleted", "behind", "after"]);
    expect(seenSince(from)).toHaveLength(4);
    await until(() => returnedSince(from).length === 4);
    expect(returnedSince(from)).toEqual(["completed", "completed", "completed", "completed"]);
  });

  it("skips to the Sync when it is refused, as the server does", async () => {
    people = async () => await Promise.resolve("refused");
    const client = await open();
    client.send(...PIPELINE);
    const [first, second] = split(await client.receive(2));
    expect(rowsOf(first)).toEqual(["before"]);
    expect(first?.filter(({ type }) => type === "E" || type === "Z").map(({ type }) => type)).toEqual(["E", "Z"]);
    expect(errorOf(first ?? []).get("C")).toBe("42501");
    expect(rowsOf(second)).toEqual(["after"]);
    expect(await left("people")).toBe(10);
  });
});

describe("a held command in an open transaction", () => {
  it("fails the transaction when it is refused", async () => {
    people = async () => await Promise.resolve("refused");
    const client = await open();
    await ask(client, "BEGIN");
    await ask(client, "UPDATE people SET email = 'y' WHERE id = 1");
    const refused = await ask(client, "DELETE FROM people WHERE id = 1");
    expect(errorOf(refused).get("C")).toBe("42501");
    expect(statusOf(refused)).toBe("E");
    expect(errorOf(await ask(client, "SELECT 1")).get("C")).toBe("25P02");
    expect(statusOf(await ask(client, "ROLLBACK"))).toBe("I");
    expect((await direct.query("SELECT email FROM people WHERE id = 1")).rows).toEqual([
      { email: "person1@example.com" },
    ]);
  });

  it("goes on in it when it is approved", async () => {
    const client = await open();
    await ask(client, "BEGIN");
    const deleted = await ask(client, "DELETE FROM people WHERE id = 1");
    expect(statusOf(deleted)).toBe("T");
    expect(await left("people")).toBe(10);
    await ask(client, "COMMIT");
    expect(await left("people")).toBe(9);
  });

  it("waits no longer than the policy lets it, and the request says that locks are kept", async () => {
    const client = await open();
    await ask(client, "BEGIN");
    await ask(client, "DELETE FROM people WHERE id = 2");
    const { inTransaction, requestedAt, expiresAt } = lastRequest();
    expect(inTransaction).toBe(true);
    expect(Date.parse(expiresAt) - Date.parse(requestedAt)).toBe(20_000);
    await ask(client, "ROLLBACK");
    await ask(client, "DELETE FROM people WHERE id = 2");
    expect(lastRequest().inTransaction).toBe(false);
    expect(Date.parse(lastRequest().expiresAt) - Date.parse(lastRequest().requestedAt)).toBe(30 * 60_000);
  });
});

describe("a held COPY FROM STDIN", () => {
  it("takes the rows after it was approved", async () => {
    const hold = holdNext();
    const client = await open();
    client.send(query("COPY inbox FROM STDIN"));
    await hold.asked;
    hold.answer("approved");
    await client.receive(1, ({ type }) => type === "G");
    client.send(copyData("1\thello\n"), copyData("2\tagain\n"), copyDone);
    expect(tagsOf(await client.receive())).toEqual(["COPY 2"]);
    expect(await left("inbox")).toBe(2);
    await journalled(APPROVED, { outcome: "completed" });
    // Two messages of 8 bytes of data and CopyDone, each with its header of 5.
    expect(eventsOf(cmdOf(lastRequest().id)).at(-1)?.body["copied"]).toMatchObject({ bytes: 31 });
  });

  it("takes none when it was refused", async () => {
    people = async () => await Promise.resolve("refused");
    const client = await open();
    expect(errorOf(await ask(client, "COPY inbox FROM STDIN")).get("C")).toBe("42501");
    expect(rowsOf(await ask(client, "SELECT count(*) FROM inbox"))).toEqual(["0"]);
  });
});

describe("a running command", () => {
  it("is cancelled at the server by the client's own key, and the request to cancel is recorded", async () => {
    const client = await connected();
    const failed = errorFrom(client.query("SELECT pg_sleep(20)"));
    await untilAsleep();
    const from = session.events().length;
    cancel(client);
    expect(await failed).toMatchObject({ code: "57014" });
    await until(() => typesSince(from).includes("command.returned"));
    const cancelled = session.events().slice(from);
    expect(cancelled.some((each) => each.type === "connection.opened" && each.body["purpose"] === "cancel")).toBe(true);
    expect(cancelled.find((each) => each.type === "command.returned")?.body).toMatchObject({
      outcome: "error",
      code: "57014",
    });
    await client.end();
  });

  it("is cancelled at a server that is reached by its Unix socket", async () => {
    const { socketDir, port, user, password } = server;
    const url = `postgresql://${user}:${password}@/postgres?host=${encodeURIComponent(socketDir)}&port=${port}`;
    const other = await startSession({ policy: POLICY, target: "shop", url, people: async () => "refused" });
    const client = await connected(other);
    const failed = errorFrom(client.query("SELECT pg_sleep(20)"));
    await untilAsleep();
    cancel(client, other);
    expect(await failed).toMatchObject({ code: "57014" });
    await client.end();
    await other.close();
  });
});

// ---- the client's side ----

async function open(): Promise<RawConnection> {
  const { host, port, user, password, database } = session.endpoint;
  const client = await openRaw({ host, port, user, password, database });
  clients.push(client);
  return client;
}

async function connected({ endpoint } = session): Promise<pg.Client> {
  const { host, port, user, password, database } = endpoint;
  const client = new pg.Client({ host, port, user, password, database });
  await client.connect();
  return client;
}

async function ask(client: RawConnection, text: string): Promise<readonly ServerFrame[]> {
  client.send(query(text));
  return await client.receive();
}

/** CancelRequest, with the key that this client was given. Protocol, section 54.7. */
function cancel(client: pg.Client, { endpoint } = session): void {
  const { processID, secretKey } = client as unknown as { readonly processID: number; readonly secretKey: number };
  const packet = Buffer.alloc(16);
  packet.writeInt32BE(16, 0);
  packet.writeInt32BE(80_877_102, 4);
  packet.writeInt32BE(processID, 8);
  packet.writeInt32BE(secretKey, 12);
  connect({ host: endpoint.host, port: endpoint.port }).end(packet);
}

async function errorFrom(work: Promise<unknown>): Promise<unknown> {
  return await work.then(
    () => fail("it was not refused"),
    (error: unknown) => error,
  );
}

function rowsOf(frames: readonly ServerFrame[] = []): readonly string[] {
  // DataRow with one column: count, length, value.
  return frames.filter(({ type }) => type === "D").map(({ body }) => body.toString("utf8", 6));
}

function tagsOf(frames: readonly ServerFrame[]): readonly string[] {
  return frames.filter(({ type }) => type === "C").map(({ body }) => body.toString("utf8", 0, body.length - 1));
}

function errorOf(frames: readonly ServerFrame[]): ReadonlyMap<string, string> {
  const found = frames.filter(({ type }) => type === "E");
  expect(found).toHaveLength(1);
  return errorFields(found[0]?.body ?? Buffer.alloc(0));
}

function statusOf(frames: readonly ServerFrame[]): string {
  return frames.at(-1)?.body.toString() ?? "";
}

/** Frames up to each ReadyForQuery. */
function split(frames: readonly ServerFrame[]): readonly (readonly ServerFrame[])[] {
  const end = frames.findIndex(({ type }) => type === "Z") + 1;
  return end === 0 || end === frames.length ? [frames] : [frames.slice(0, end), ...split(frames.slice(end))];
}

async function untilAsleep(): Promise<void> {
  const asleep = "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'";
  await until(async () => (await direct.query(asleep)).rows.length === 1);
}

/** Rows that the table really has, asked past the gateway. */
async function left(table: "people" | "inbox" | "brief"): Promise<number> {
  return Number((await direct.query<{ count: string }>(`SELECT count(*) FROM ${table}`)).rows[0]?.count);
}

// ---- people ----

interface Hold {
  /** Resolves to the request when it reached people. */
  readonly asked: Promise<ApprovalRequest>;
  readonly answer: (word: "approved" | "refused") => void;
  readonly signal: () => AbortSignal;
}

/** Lets the next request wait until the test answers; `obeys` gives way to a withdrawal, as a real desk does. */
function holdNext({ obeys = true } = {}): Hold {
  let answer: (word: "approved" | "refused") => void = () => fail("nobody was asked");
  const answered = new Promise<"approved" | "refused">((resolve) => (answer = resolve));
  let given = AbortSignal.abort();
  const asked = new Promise<ApprovalRequest>((resolve) => {
    people = async (request, signal) => {
      given = signal;
      resolve(request);
      if (!obeys) return await answered;
      return await Promise.race([answered, aborted(signal).then(() => "withdrawn" as const)]);
    };
  });
  return { asked, answer: (word) => answer(word), signal: () => given };
}

async function aborted(signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

function lastRequest(): ApprovalRequest {
  return session.desk.requests.at(-1) ?? fail("nobody was asked");
}

// ---- the journal ----

function eventsOf(cmd: string): readonly TestEvent[] {
  return session.events().filter((each) => each.body["cmd"] === cmd);
}

function cmdOf(request: string): string {
  return session.desk.requests.find(({ id }) => id === request)?.cmd ?? "";
}

function answers(): readonly TestEvent["body"][] {
  return session
    .events()
    .filter(({ type }) => type === "approval.answered")
    .map(({ body }) => body);
}

/** The last request's command has these events in this order, and its last one says this. */
async function journalled(types: readonly string[], last: Readonly<Record<string, unknown>> = {}): Promise<void> {
  const { cmd } = lastRequest();
  await until(() => eventsOf(cmd).length >= types.length);
  const events = eventsOf(cmd);
  expect(events.map((each) => each.type)).toEqual(types);
  expect(events.map((each) => each.seq)).toEqual(events.map((each) => each.seq).toSorted((one, other) => one - other));
  expect(events.at(-1)?.body).toMatchObject(last);
}

function typesSince(from: number): readonly string[] {
  return session
    .events()
    .slice(from)
    .map(({ type }) => type);
}

/** Commands of clients, not the gateway's own. */
function seenSince(from: number): readonly TestEvent[] {
  const own = new Set(
    session
      .events()
      .filter((each) => each.body["purpose"] === "preview")
      .map((each) => each.conn),
  );
  return session
    .events()
    .slice(from)
    .filter((each) => each.type === "command.seen" && !own.has(each.conn));
}

function returnedSince(from: number): readonly unknown[] {
  const seen = new Set(seenSince(from).map((each) => each.body["cmd"]));
  return session
    .events()
    .slice(from)
    .filter((each) => each.type === "command.returned" && seen.has(each.body["cmd"]))
    .map((each) => each.body["outcome"]);
}

function fail(why: string): never {
  throw new Error(why);
}

const UNTIL_MS_MAX = 5_000;

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + UNTIL_MS_MAX; !(await isSo()); ) {
    if (Date.now() > end) fail(`not so within ${UNTIL_MS_MAX} ms: ${isSo.toString()}`);
    // oxlint-disable-next-line no-await-in-loop -- it waits on purpose
    await sleep(10);
  }
}
