// The corpus's wire and session cases through the gateway with the reference policy, against a real server: what is risky
// is held or refused, and nobody answering, the database is afterwards what it was before.

import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dial } from "../../src/gateway/dial.ts";
import { OwnConnection } from "../../src/gateway/query.ts";
import { readTarget } from "../../src/protocols/postgres/target.ts";
import {
  bind,
  close,
  copyData,
  copyDone,
  copyFail,
  describe as describeFrame,
  execute,
  flush,
  frame,
  openRaw,
  parse,
  query,
  type RawConnection,
  sync,
} from "./raw-client.ts";
import { type LivePostgres, startPostgres } from "./server.ts";
import { type LiveSession, startSession } from "./session.ts";

interface Message {
  readonly m?: string;
  readonly sql?: string;
  readonly name?: string;
  readonly stmt?: string;
  readonly portal?: string;
  readonly kind?: "S" | "P";
  readonly types?: readonly (number | string)[];
  readonly formats?: readonly number[];
  readonly params?: readonly (string | null | { readonly b64: string })[];
  readonly max?: number;
  readonly data?: string;
  readonly reason?: string;
  readonly b64?: string;
  readonly wait?: number;
  readonly wait_types?: string;
}

interface Case {
  readonly id: string;
  readonly input: string;
  readonly input_b64?: string;
  readonly expect: Verdict;
  readonly acceptable?: readonly Verdict[];
  readonly decidable: string;
  readonly setup?: readonly string[];
  readonly startup?: Readonly<Record<string, string>>;
  readonly wire?: readonly Message[];
  readonly fragment?: number;
  /** The major version of PostgreSQL that brought what the case makes itself; there it is the server's own. */
  readonly builtInSince?: number;
}

type Verdict = "harmless" | "risky" | "blockable";

/** Texts alone are judged by the reader's own tests. */
const onWire = casesOf("test/corpus/postgres.jsonl").filter(({ decidable }) => ["wire", "session"].includes(decidable));

/** A case that is told in words alone has no messages to play here: it is a test by its name elsewhere. */
const told = onWire.filter(
  ({ decidable, wire, startup }) => decidable === "wire" && wire === undefined && startup === undefined,
);

/** What was once got past the gateway is played whatever it is. */
const cases = [...onWire.filter((one) => !told.includes(one)), ...casesOf("test/corpus/evasions.jsonl")];

function casesOf(path: string): readonly Case[] {
  return readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Case);
}

/** Everything that a case may change: rows, definitions, roles, settings. */
const STATE = `
  SELECT md5(string_agg(x, ';' ORDER BY x)) FROM (
    SELECT 'c' || c::text FROM customers c UNION ALL SELECT 'o' || o::text FROM orders o
    UNION ALL SELECT 's' || s::text FROM staging s UNION ALL SELECT 'a' || a::text FROM audit a
    UNION ALL SELECT 'k' || k::text FROM attacker.customers k UNION ALL SELECT 'i' || i::text FROM inbox i
    UNION ALL SELECT 't' || t::text FROM trg_t t UNION ALL SELECT 'u' || u::text FROM "update" u
    UNION ALL SELECT 'r' || oid || relname || relfilenode FROM pg_class WHERE relnamespace <> 'pg_toast'::regnamespace AND relpersistence = 'p' AND relkind <> 'i'
    UNION ALL SELECT 'p' || oid || md5(prosrc) FROM pg_proc UNION ALL SELECT 'l' || rolname || rolsuper FROM pg_roles
    UNION ALL SELECT 'd' || setrole || array_to_string(setconfig, ',') FROM pg_db_role_setting
    UNION ALL SELECT 'g' || name || setting FROM pg_settings WHERE source NOT IN ('session', 'client')
    UNION ALL SELECT 'b' || oid FROM pg_largeobject_metadata
    UNION ALL SELECT 'q' || last_value || is_called FROM s1
  ) AS all_of_it(x)`;

let server: LivePostgres;
let session: LiveSession;
let own: OwnConnection;
let settingUp = false;

beforeAll(async () => {
  server = await startPostgres({
    fixture: "test/corpus/postgres-fixture.sql",
    settings: { max_prepared_transactions: "10" },
  });
  session = await startSession({
    policy: readFileSync("test/corpus/policy.yml", "utf8"),
    target: "fixture",
    url: server.url,
    people: async () => await Promise.resolve(settingUp ? "approved" : "refused"),
  });
  own = await OwnConnection.open(await dial(readTarget("own", server.url), new Map()), { timeoutMs: 5_000 });
});

afterAll(async () => {
  own.close();
  await session.close();
  await server.close();
});

describe("cases through the gateway", () => {
  it("sees the cases it is judging", () => {
    expect(onWire).toHaveLength(55);
    expect(cases.filter((one) => onWire.includes(one))).toHaveLength(46);
    expect(cases.length).toBeGreaterThanOrEqual(90);
  });

  it.each(told)("$id is told in words, and is a test of who comes in", ({ id }) => {
    expect(readFileSync("test/live/entrance.live.test.ts", "utf8")).toContain(`(${id})`);
  });

  it.each(cases)("$id: $expect", async (one) => {
    const before = await state();
    const played = await play(one);
    const verdict = verdictOf(played.from);
    // Where policy refused the very setting that makes the input dangerous, the input is what it looks like.
    // So is it where what the case makes itself is the server's own: harmless, if the gateway knows that.
    const isServersOwn = server.majorVersion >= (one.builtInSince ?? Number.POSITIVE_INFINITY);
    const harmless = played.disarmed || isServersOwn ? ["harmless"] : [];
    const allowed = [...(one.acceptable ?? accepted(one.expect)), ...harmless];
    expect(allowed, `it was called ${verdict}`).toContain(verdict);
    expect(await state(), "the database changed though nobody approved it").toBe(before);
    expect(session.failure()).toBe("");
  });
});

function accepted(verdict: Verdict): readonly Verdict[] {
  return verdict === "risky" ? ["risky", "blockable"] : [verdict];
}

async function state(): Promise<string> {
  const { rows } = await own.query(STATE);
  return rows[0]?.[0] ?? "";
}

/** Plays a case; gives the events from before its first message on. */
async function play(one: Case): Promise<{ readonly from: number; readonly disarmed: boolean }> {
  const { host, port, user, password, database } = session.endpoint;
  let client: RawConnection;
  const from = session.events().length;
  try {
    client = await openRaw({
      host,
      port,
      user,
      password,
      database,
      ...(one.startup === undefined ? {} : { parameters: one.startup }),
    });
  } catch {
    return { from: -1, disarmed: false };
  }
  let disarmed = false;
  try {
    settingUp = true;
    for (const statement of one.setup ?? []) {
      client.send(query(statement));
      disarmed ||= (await client.receive()).some(({ type }) => type === "E");
    }
  } finally {
    settingUp = false;
  }
  await settled(from);
  const start = session.events().length;
  try {
    if (one.wire === undefined) {
      const bytes = one.input_b64 === undefined ? Buffer.from(one.input) : Buffer.from(one.input_b64, "base64");
      client.send(frame("Q", [bytes, "\0"]));
      await within(client.receive());
    } else await playWire(client, one);
  } catch {
    // Closed by the gateway, or no answer comes where the case sends no Sync: the journal says what was decided.
  }
  client.destroy();
  await settled(start);
  return { from: start, disarmed };
}

async function playWire(client: RawConnection, { wire = [], fragment }: Case): Promise<void> {
  let batch: Buffer[] = [];
  let answers = 0;
  const send = async (): Promise<void> => {
    const bytes = Buffer.concat(batch);
    batch = [];
    const size = fragment ?? bytes.length;
    for (let at = 0; at < bytes.length; at += size) {
      client.send(bytes.subarray(at, at + size));
      if (fragment !== undefined) await new Promise((resolve) => setImmediate(resolve));
    }
    if (answers > 0) await within(client.receive(answers));
    answers = 0;
  };
  for (const message of wire) {
    if (message.wait !== undefined || message.wait_types !== undefined) {
      await send();
      if (message.wait_types !== undefined) await new Promise((resolve) => setTimeout(resolve, 200));
      continue;
    }
    batch.push(await encode(message));
    if (message.m === "Q" || message.m === "S") answers += 1;
  }
  await send();
}

async function encode(message: Message): Promise<Buffer> {
  switch (message.m ?? "raw") {
    case "Q":
      return query(message.sql ?? "");
    case "P": {
      const types = await Promise.all((message.types ?? []).map(typeOid));
      return parse(message.name ?? "", message.sql ?? "", types);
    }
    case "B":
      return bind({
        portal: message.portal ?? "",
        statement: message.stmt ?? "",
        params: (message.params ?? []).map((each) =>
          each === null || typeof each === "string" ? each : Buffer.from(each.b64, "base64"),
        ),
      });
    case "D":
      return describeFrame(message.kind ?? "S", message.name ?? "");
    case "E":
      return execute(message.portal ?? "", message.max ?? 0);
    case "C":
      return close(message.kind ?? "S", message.name ?? "");
    case "S":
      return sync;
    case "H":
      return flush;
    case "F":
      return frame("F", [Buffer.from(message.b64 ?? "", "base64")]);
    case "X":
      return frame("X", []);
    case "d":
      return copyData(message.data ?? "");
    case "c":
      return copyDone;
    case "f":
      return copyFail(message.reason ?? "");
    default:
      return Buffer.from(message.b64 ?? "", "base64");
  }
}

async function typeOid(type: number | string): Promise<number> {
  if (typeof type === "number") return type;
  const { rows } = await own.query("SELECT $1::pg_catalog.regtype::oid", [type.replace(/^type:/, "")]);
  return Number(rows[0]?.[0] ?? 0);
}

/** The worst that was decided since. A connection that was refused, or closed for what it sent, is a block. */
function verdictOf(start: number): Verdict {
  if (start === -1) return "blockable";
  const events = session.events().slice(start);
  const decisions = events.filter(({ type }) => type === "command.decided").map(({ body }) => body["decision"]);
  const closed = events.some(({ type, body }) => type === "connection.closed" && body["why"] !== "client left");
  if (decisions.includes("deny") || closed) return "blockable";
  return decisions.includes("hold") ? "risky" : "harmless";
}

/** Waits until every command since has been ruled on and its connection's facts are written. */
async function settled(from: number): Promise<void> {
  for (let tries = 0; tries < 100; tries += 1) {
    const events = session.events().slice(from);
    const seen = events.filter(({ type }) => type === "command.seen").length;
    const done = events.filter(({ type }) => type === "command.settled").length;
    await new Promise((resolve) => setTimeout(resolve, tries < 2 ? 5 : 20));
    if (seen === done && session.events().length === from + events.length) return;
  }
}

async function within<T>(promise: Promise<T>): Promise<T> {
  return await Promise.race([
    promise,
    new Promise<never>((_resolve, reject) => setTimeout(() => reject(new Error("no answer")), 1_500)),
  ]);
}
