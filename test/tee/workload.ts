// Everything that a client may do to a server, in one run: each shape of the protocol at least once. Used directly, to
// see that the decoder is right, and through the gateway, to see that the recording is.

import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import {
  bind,
  close,
  copyData,
  copyDone,
  copyFail,
  describe,
  execute,
  flush,
  openRaw,
  parse,
  query,
  type RawConnection,
  type RawOptions,
  sync,
} from "../live/raw-client.ts";

/** What must be there before `runWorkload`: run it once, with rights to create tables. */
export const WORKLOAD_TABLES = `
create table people (id int primary key, name text, email text, born date);
insert into people select i, 'person ' || i, 'p' || i || '@example.test', '2000-01-01' from generate_series(1, 500) i;
create table notes (id serial primary key, body text not null);
create table lines (a int, b text);
`;

/** Runs every shape once. Where a shape is refused, it goes on: what is refused is the policy's business. */
export async function runWorkload(endpoint: RawOptions): Promise<void> {
  await viaDriver(endpoint);
  await viaFrames(endpoint, simple);
  await viaFrames(endpoint, extended);
  await viaFrames(endpoint, pipelines);
  await viaFrames(endpoint, copies);
  await viaFrames(endpoint, large);
  await viaFrames(endpoint, cursors);
  await cancelled(endpoint);
}

/** Commands that a policy with a deny on `schema` and a short hold on unbounded deletes refuses; in each place where one can stand. */
export async function runRefusals(endpoint: RawOptions): Promise<void> {
  await viaFrames(endpoint, async (connection) => {
    connection.send(query("drop table lines"));
    await connection.receive();
    connection.send(query("select 1; drop table lines; select 2"));
    await connection.receive();
    connection.send(query("begin; select 1"));
    await connection.receive();
    connection.send(query("drop table lines"), query("select 'behind it'"), query("commit"));
    await connection.receive(3);
    connection.send(
      parse("", "insert into notes(body) values ('before')"),
      bind(),
      execute(),
      parse("", "drop table lines"),
      bind(),
      describe("P"),
      execute(),
      parse("", "insert into notes(body) values ('after')"),
      bind(),
      execute(),
      sync,
      parse("", "select count(*) from notes"),
      bind(),
      execute(),
      sync,
    );
    await connection.receive(2);
    // Held, and nobody answers: expired. What is behind it waits and then runs.
    connection.send(query("delete from lines"), query("select 'after the hold'"));
    await connection.receive(2);
    connection.send(parse("d", "delete from lines"), bind({ statement: "d" }), execute(), sync);
    await connection.receive();
    connection.send(bind({ statement: "d" }), execute(), bind({ statement: "d" }), execute(), sync);
    await connection.receive();
  });
  // Held, and the client leaves.
  const leaving = await openRaw(endpoint);
  leaving.send(query("select 'before leaving'"));
  await leaving.receive();
  leaving.send(query("delete from lines"));
  await sleep(100);
  leaving.destroy();
  await leaving.closed;
  // The gateway hears of it a moment later than we do.
  await sleep(500);
}

async function viaDriver(endpoint: RawOptions): Promise<void> {
  const client = new pg.Client({ ...endpoint, ssl: false });
  await client.connect();
  try {
    await client.query("select 1 as one");
    await client.query("select $1::int + $2::int as sum", [1, 2]);
    await client.query({ name: "by-id", text: "select * from people where id = $1", values: [7] });
    await client.query({ name: "by-id", text: "select * from people where id = $1", values: [8] });
    await client.query({ text: "select id, born from people limit 5", rowMode: "array" });
    await client.query("insert into notes(body) values ($1) returning id", ["O'Reilly \\ ünïcode 🐘"]);
    await client.query("select $1::bytea, $2::text", [Buffer.from([0, 1, 2, 255]), null]);
    await client.query("begin");
    await client.query("update notes set body = $1 where id = $2", ["changed", 1]);
    await client.query("rollback");
    await client.query("select 1/0").catch(() => undefined);
    await client.query("select from nowhere").catch(() => undefined);
    await client.query("");
  } finally {
    await client.end();
  }
}

async function viaFrames(endpoint: RawOptions, work: (connection: RawConnection) => Promise<void>): Promise<void> {
  const connection = await openRaw(endpoint);
  await work(connection);
  connection.end();
  await connection.closed;
}

async function simple(connection: RawConnection): Promise<void> {
  for (const text of [
    "select 1",
    "select 1; select 2, 'two'; select generate_series(1, 3)",
    "begin; insert into notes(body) values ('one'), ('two'); commit",
    "select 1; select 1/0; select 'never'",
    "",
    "  -- only a comment",
    "do $$ begin raise notice 'a notice of the server'; end $$",
    "listen channel; notify channel, 'payload'; unlisten channel",
    "set application_name = 'another'; show application_name",
    "prepare p(int) as select $1 * 2; execute p(21); deallocate p",
    "explain select * from people",
    "values (1, null), (2, 'x')",
    "nonsense",
    "select 'schrödinger', e'tab\\there', $tag$dollar 'quoted'$tag$",
  ]) {
    connection.send(query(text));
    await connection.receive();
  }
  // Several in one write, unanswered yet.
  connection.send(query("select 'a'"), query("select 'b'; select 'c'"), query("select 1/0"), query("select 'd'"));
  await connection.receive(4);
}

async function extended(connection: RawConnection): Promise<void> {
  const binary = Buffer.alloc(4);
  binary.writeInt32BE(42);
  connection.send(
    parse("s1", "select id, name, born from people where id < $1 order by id", [23]),
    describe("S", "s1"),
    bind({ portal: "c1", statement: "s1", params: [binary], resultFormat: 1 }),
    describe("P", "c1"),
    execute("c1"),
    close("P", "c1"),
    sync,
  );
  await connection.receive();
  // Bound twice with other values, executed in the other order; one never executed.
  connection.send(
    bind({ portal: "a", statement: "s1", params: ["3"] }),
    bind({ portal: "b", statement: "s1", params: ["5"] }),
    bind({ portal: "never", statement: "s1", params: ["9"] }),
    execute("b"),
    execute("a"),
    sync,
  );
  await connection.receive();
  // Row limits: suspended, again, and to the end; a portal that was read to its end gives nothing more.
  connection.send(bind({ portal: "p", statement: "s1", params: ["10"] }), execute("p", 4), flush);
  await connection.receive(1, ({ type }) => type === "s");
  connection.send(execute("p", 4), execute("p", 4), execute("p", 4), sync);
  await connection.receive();
  connection.send(parse("", ""), bind(), execute(), sync);
  await connection.receive();
  connection.send(parse("", "select $1::text, $2::int", [25, 23]), bind({ params: ["text", null] }), execute(), sync);
  await connection.receive();
  connection.send(close("S", "s1"), close("S", "no-such"), close("P", "no-such"), sync);
  await connection.receive();
  connection.send(parse("", "update notes set body = body where id = $1"), bind({ params: ["1"] }), execute(), sync);
  await connection.receive();
}

async function pipelines(connection: RawConnection): Promise<void> {
  // Many segments in one write.
  const segment = (n: number): Buffer[] => [parse("", `select ${n}`), bind(), describe("P"), execute(), sync];
  connection.send(...Array.from({ length: 50 }, (_, n) => segment(n)).flat());
  await connection.receive(50);
  // An error in the middle: what is before it in the segment is undone, what is behind it is ignored.
  connection.send(
    parse("", "insert into notes(body) values ('undone')"),
    bind(),
    execute(),
    parse("", "select 1/(id - id) from people"),
    bind(),
    execute(),
    parse("", "insert into notes(body) values ('ignored')"),
    bind(),
    execute(),
    sync,
    parse("", "select count(*) from notes"),
    bind(),
    execute(),
    sync,
  );
  await connection.receive(2);
  // Errors of each kind of message: Parse, Bind, Describe, Execute.
  connection.send(parse("", "not sql"), bind(), execute(), sync);
  await connection.receive();
  connection.send(parse("", "select $1::int"), bind({ params: ["not a number"] }), execute(), sync);
  await connection.receive();
  connection.send(describe("S", "unknown"), parse("", "select 1"), sync);
  await connection.receive();
  connection.send(parse("", "select 1"), bind(), execute("unknown-portal"), sync);
  await connection.receive();
  connection.send(bind({ statement: "unknown-statement" }), sync);
  await connection.receive();
  // An explicit transaction across Syncs, failed and rolled back.
  connection.send(parse("", "begin"), bind(), execute(), sync, parse("", "select 1/0"), bind(), execute(), sync);
  await connection.receive(2);
  connection.send(parse("", "select 1"), bind(), execute(), sync, parse("", "rollback"), bind(), execute(), sync);
  await connection.receive(2);
}

async function copies(connection: RawConnection): Promise<void> {
  const began = ({ type }: { readonly type: string }): boolean => type === "G";
  connection.send(query("copy lines from stdin"));
  await connection.receive(1, began);
  connection.send(copyData("1\tone\n2\ttwo\n"), copyData("3\tthr"), copyData("ee\n"), copyDone);
  await connection.receive();
  connection.send(query("copy lines from stdin"));
  await connection.receive(1, began);
  connection.send(copyData("4\tfour\n"), copyFail("changed my mind"));
  await connection.receive();
  connection.send(query("copy lines from stdin"));
  await connection.receive(1, began);
  connection.send(copyData("not a number\tx\n"), copyDone);
  await connection.receive();
  connection.send(parse("", "copy lines from stdin"), bind(), execute(), flush);
  await connection.receive(1, began);
  connection.send(copyData("5\tfive\n"), copyDone, sync);
  await connection.receive();
  connection.send(query("copy lines from stdin; select count(*) from lines"));
  await connection.receive(1, began);
  connection.send(copyData("6\tsix\n"), copyDone);
  await connection.receive();
  // The data sent along, before the server said that it wants it.
  connection.send(query("copy lines from stdin"), copyData("7\tseven\n"), copyDone, query("select 'behind'"));
  await connection.receive(2);
  connection.send(query("copy (select * from people order by id) to stdout"));
  await connection.receive();
  connection.send(parse("", "copy people to stdout (format binary)"), bind(), execute(), sync);
  await connection.receive();
  connection.send(query("copy (select 1/(id - 3) from people order by id) to stdout"));
  await connection.receive();
}

async function large(connection: RawConnection): Promise<void> {
  connection.send(query("select repeat('x', 3000000)"));
  await connection.receive();
  connection.send(query("select i, repeat('y', 1000) from generate_series(1, 5000) i"));
  await connection.receive();
  connection.send(parse("", "select $1::text"), bind({ params: ["z".repeat(1_000_000)] }), execute(), sync);
  await connection.receive();
}

async function cursors(connection: RawConnection): Promise<void> {
  connection.send(
    query("begin"),
    query("declare c cursor for select id from people order by id"),
    query("fetch 3 from c"),
  );
  await connection.receive(3);
  connection.send(execute("c", 2), sync);
  await connection.receive();
  connection.send(query("close c"), query("commit"));
  await connection.receive(2);
}

async function cancelled(endpoint: RawOptions): Promise<void> {
  const client = new pg.Client({ ...endpoint, ssl: false, statement_timeout: 200 });
  await client.connect();
  await client.query("select pg_sleep(30)").catch(() => undefined);
  await client.query("select 'still here'");
  await client.end();
}
