// What people's clients do, as checks that print the same directly and through the gateway: psql, pg_dump, pg_restore,
// pgbench, PostgreSQL's other programs, and node-postgres.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { nodePostgresStreams, postgresJs } from "./drivers.ts";
import { runProgram, type Side } from "./endpoint.ts";

export interface Check {
  readonly name: string;
  /** Everything worth comparing, as text. */
  readonly run: (side: Side, folder: string) => Promise<string>;
  /** Where it cannot be the same: why, and what it prints instead. Also listed in docs/compatibility.md. */
  readonly differs?: { readonly why: string; readonly prints: RegExp };
}

/** A shop, with one of most kinds of thing that a catalogue query could list. */
export const SHOP: readonly string[] = [
  `create table people (id int primary key, name text not null, email text unique, born date, balance numeric(10,2) default 0);
   comment on table people is 'who buys';
   create table orders (id serial primary key, person int references people, at timestamptz not null default '2026-01-01', total numeric);
   create index orders_at on orders (at);
   create view rich as select * from people where balance > 100;
   create materialized view totals as select person, sum(total) as total from orders group by person;
   create sequence tickets;
   create type mood as enum ('sad', 'ok', 'happy');
   create domain percent as int check (value between 0 and 100);
   create function double(n int) returns int language sql immutable as 'select n * 2';
   create procedure nothing() language sql as 'select 1';
   create function touch() returns trigger language plpgsql as $$begin return new; end$$;
   create trigger touched before update on people for each row execute function touch();
   create table parted (id int, at date) partition by range (at);
   create table parted_2026 partition of parted for values from ('2026-01-01') to ('2027-01-01');
   alter table people enable row level security;
   create policy everyone on people using (true);
   create schema other;
   create table other.things (id int, data jsonb, tags text[]);
   create role reader;
   grant select on people to reader;
   insert into people select i, 'person ' || i, 'p' || i || '@example.test', '2000-01-01'::date + i, i from generate_series(1, 200) i;
   insert into orders (person, total) select i % 200 + 1, i from generate_series(1, 500) i;
   insert into other.things values (1, '{"a": [1, null]}', '{x,"y z"}'), (2, null, null);
   refresh materialized view totals;
   analyze`,
];

const DESCRIBE = String.raw`\d
\d people
\d+ people
\d orders
\d+ rich
\d other.*
\da
\dA+
\db
\dc
\dC
\dconfig work_mem
\dd
\dD+
\ddp
\des
\df
\df+ double
\dFd
\dg
\di+ orders_at
\dl
\dL
\dm+
\dn+
\do =
\dO
\dp
\dP+
\drds
\dRp
\ds
\dS pg_database
\dt *.*
\dtS pg_c*
\dT+ mood
\du
\dv+
\dx
\dX
\dy
\l
\sf double
\sv rich
\z people
`;

const TALK = String.raw`select 1 as one, null as nothing, 'ünïcode 🐘' as text;
\x on
select * from people where id = 3;
\x off
select 1 as a, 2 as b \gset
\echo :a :b
select :'a', :"a" from (select 5 as "1") t;
select * from people where id < 4 \gdesc
select 'select ' || i from generate_series(1, 3) i \gexec
select id % 2 as row, id % 3 as col, count(*) from people group by 1, 2 \crosstabview
select 1/0;
\echo :SQLSTATE :LAST_ERROR_MESSAGE
select * from nowhere;
begin;
insert into people values (1, 'twice');
select 1;
rollback;
\set ON_ERROR_ROLLBACK on
begin;
select 1/0;
select 'goes on';
commit;
\set ON_ERROR_ROLLBACK off
\set FETCH_COUNT 50
select id from people order by id;
\unset FETCH_COUNT
select 1\; select 2\; select 3;
\set AUTOCOMMIT off
insert into orders (person, total) values (1, 1);
rollback;
\set AUTOCOMMIT on
prepare by_id (int) as select name from people where id = $1;
execute by_id(5);
deallocate by_id;
set search_path = other, public;
select count(*) from things;
reset search_path;
set role reader;
select count(*) from people;
delete from people;
reset role;
listen news;
notify news, 'hello';
explain (costs off) select * from people where id = 1;
show client_encoding;
show standard_conforming_strings;
\encoding
do $$begin raise notice 'a notice'; raise warning 'a warning'; end$$;
copy (select id, name from people where id < 4 order by id) to stdout;
copy other.things from stdin;
3	{}	{}
\.
select count(*) from other.things;
call nothing();
vacuum people;
\timing off
\errverbose
`;

/** In the order in which they run; later ones see what earlier ones did. */
export const CHECKS: readonly Check[] = [
  { name: String.raw`psql \d and its family`, run: async (side) => await psql(side, DESCRIBE) },
  { name: "psql in conversation", run: async (side) => await psql(side, TALK) },
  {
    name: String.raw`psql \copy to and from`,
    run: async (side, folder) => {
      const file = join(folder, "people.csv");
      const script = String.raw`\copy people to '${file}' csv header
create table copied (like people);
\copy copied from '${file}' csv header
select count(*), sum(id) from copied;
\copy copied from '/nonexistent'
drop table copied;
`;
      return `${await psql(side, script)}\n${readFileSync(file, "utf8")}`;
    },
  },
  {
    name: String.raw`psql \watch, until Ctrl-C`,
    run: async (side) => {
      const ran = await runProgram(side, "psql", {
        args: ["-X", "-A", "-t"],
        input: "select 'watched' \\watch 0.1\n",
        interruptAfterMs: 1500,
      });
      const times = ran.output.match(/^watched$/gm)?.length ?? 0;
      return `${times >= 3 ? "several times" : `${times} times`}, code ${ran.code}`;
    },
  },
  {
    name: "psql Ctrl-C on a long command",
    run: async (side) => {
      const ran = await runProgram(side, "psql", {
        args: ["-X", "-c", "select pg_sleep(30)", "-c", "select 'not reached'"],
        interruptAfterMs: 700,
      });
      return `${ran.output}code ${ran.code}, ${ran.tookMs < 10_000 ? "soon" : `after ${ran.tookMs} ms`}`;
    },
  },
  { name: "pg_dump as text", run: async (side) => await program(side, "pg_dump", ["--no-sync"]) },
  { name: "pg_dump --schema-only", run: async (side) => await program(side, "pg_dump", ["--schema-only"]) },
  { name: "pg_dump --inserts", run: async (side) => await program(side, "pg_dump", ["--inserts", "-t", "people"]) },
  { name: "pg_dump and pg_restore, there and back", run: thereAndBack },
  { name: "pgbench, initialise", run: async (side) => await pgbench(side, ["-i", "-q", "-s", "1"]) },
  ...["simple", "extended", "prepared"].map((mode) => ({
    name: `pgbench -M ${mode}`,
    run: async (side: Side) => await pgbench(side, ["-n", "-M", mode, "-c", "4", "-j", "2", "-t", "25"]),
  })),
  {
    name: "libpq pipelines",
    run: async (side, folder) => {
      const file = join(folder, "pipeline.sql");
      writeFileSync(file, PIPELINE);
      const ran = await pgbench(side, ["-n", "-M", "extended", "-c", "4", "-j", "2", "-t", "25", "-f", file]);
      return `${ran}\n${await pgbench(side, ["-n", "-M", "prepared", "-c", "4", "-j", "2", "-t", "25", "-f", file])}`;
    },
  },
  {
    name: "vacuumdb",
    run: async (side) => await program(side, "vacuumdb", ["--analyze", "--echo", "--table", "people"]),
  },
  { name: "reindexdb", run: async (side) => await program(side, "reindexdb", ["--echo", "--table", "people"]) },
  { name: "clusterdb", run: async (side) => await program(side, "clusterdb", ["--echo"]) },
  {
    name: "createuser and dropuser",
    run: createAndDrop,
    differs: {
      why: "they connect to the database template1 whatever they are told, and a target is one database",
      prints: /database "template1" is not behind this target/,
    },
  },
  { name: "pg_isready", run: async (side) => await program(side, "pg_isready", ["--quiet"]) },
  { name: "node-postgres", run: nodePostgres },
  { name: "node-postgres, cursors and COPY streams", run: nodePostgresStreams },
  { name: "postgres.js", run: postgresJs },
];

const PIPELINE = String.raw`\set aid random(1, 100000)
\startpipeline
update pgbench_accounts set abalance = abalance + 1 where aid = :aid;
select abalance from pgbench_accounts where aid = :aid;
insert into pgbench_history (tid, bid, aid, delta, mtime) values (1, 1, :aid, 1, now());
\endpipeline
\startpipeline
begin;
select 1;
select 2;
end;
\endpipeline
`;

/** The checks' outputs, side by side: what differs after what must differ was taken out. */
export async function runChecks(sides: readonly [Side, Side], check: Check): Promise<readonly [string, string]> {
  const outputs: string[] = [];
  for (const side of sides) {
    const folder = mkdtempSync(join(tmpdir(), "countersign-compat-"));
    try {
      outputs.push(withoutAddress(await check.run(side, folder), side, folder));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  return [outputs[0] ?? "", outputs[1] ?? ""];
}

function withoutAddress(output: string, side: Side, folder: string): string {
  return (
    output
      .replaceAll(folder, "FOLDER")
      .replaceAll(side.password, "PASSWORD")
      .replaceAll(new RegExp(`\\b${side.port}\\b`, "g"), "PORT")
      .replaceAll(/server process with PID \d+/g, "server process with PID N")
      // pg_dump of late minor versions guards its output with a random key.
      .replaceAll(/^\\(un)?restrict \w+$/gm, "\\$1restrict KEY")
  );
}

async function psql(side: Side, script: string): Promise<string> {
  const ran = await runProgram(side, "psql", { args: ["-X", "-a"], input: script });
  return `${ran.output}\ncode ${ran.code}`;
}

async function program(side: Side, name: string, args: readonly string[]): Promise<string> {
  const ran = await runProgram(side, name, { args });
  return `${ran.output}\ncode ${ran.code}`;
}

// Speeds differ every time; what must agree is what was done.
async function pgbench(side: Side, args: readonly string[]): Promise<string> {
  const ran = await runProgram(side, "pgbench", { args });
  const kept = ran.output
    .split("\n")
    .filter((line) => !/^(?:latency|initial connection|tps|done in|vacuuming|creating|\d+ of \d+ tuples)/.test(line));
  return `${kept.join("\n")}\ncode ${ran.code}`;
}

async function thereAndBack(side: Side, folder: string): Promise<string> {
  const file = join(folder, "shop.dump");
  const before = await program(side, "pg_dump", ["--no-sync"]);
  const said = [
    await program(side, "pg_dump", ["--no-sync", "-Fc", "-f", file]),
    await program(side, "pg_restore", ["--clean", "--if-exists", "-d", side.database, file]),
    await program(side, "pg_dump", ["--no-sync", "-Fd", "-j", "2", "-f", join(folder, "parallel")]),
    await program(side, "pg_restore", [
      "--clean",
      "--if-exists",
      "-j",
      "2",
      "-d",
      side.database,
      join(folder, "parallel"),
    ]),
    await program(side, "pg_restore", ["--clean", "--if-exists", "-1", "-d", side.database, file]),
  ];
  const after = await program(side, "pg_dump", ["--no-sync"]);
  const same = withoutAddress(before, side, folder) === withoutAddress(after, side, folder);
  return `${said.join("\n")}\nthe same after as before: ${same}`;
}

async function createAndDrop(side: Side): Promise<string> {
  const created = await program(side, "createuser", ["--echo", "--no-login", "somebody"]);
  return `${created}\n${await program(side, "dropuser", ["--echo", "somebody"])}`;
}

async function nodePostgres(side: Side): Promise<string> {
  const lines: unknown[] = [];
  const settings = {
    host: side.host,
    port: side.port,
    user: side.user,
    password: side.password,
    database: side.database,
  };
  const client = new pg.Client({ ...settings, ssl: false });
  client.on("notification", ({ channel, payload }) => lines.push(["notification", channel, payload]));
  client.on("notice", ({ message }) => lines.push(["notice", message]));
  await client.connect();
  const ask = async (text: string | pg.QueryConfig, values?: unknown[]): Promise<void> => {
    try {
      const { rows, rowCount, command, fields } = await client.query<Record<string, unknown>>(text, values);
      lines.push([command, rowCount, rows, fields.map(({ name, dataTypeID }) => [name, dataTypeID])]);
    } catch (error) {
      lines.push(
        error instanceof pg.DatabaseError ? [error.code, error.message, error.detail, error.position] : String(error),
      );
    }
  };
  await ask(
    "select 1::int, 'x'::text, null, now() - now(), array[1,2], '{\"a\":1}'::jsonb, true, 1.5::numeric, '\\x00ff'::bytea",
  );
  await ask("select $1::int + 1 as n, $2::text as t, $3::timestamptz as d", [41, "text", "2026-01-01T00:00:00Z"]);
  await ask({ name: "one", text: "select name from people where id = $1", values: [1] });
  await ask({ name: "one", text: "select name from people where id = $1", values: [2] });
  await ask("begin");
  await ask("insert into people (id, name) values ($1, $2) returning *", [1000, "O'Reilly"]);
  await ask("savepoint a");
  await ask("insert into people (id, name) values ($1, $2)", [1000, "again"]);
  await ask("rollback to savepoint a");
  await ask("select count(*) from people");
  await ask("rollback");
  await ask("select * from nowhere");
  await ask("selec 1");
  await ask("select $1::int", ["not a number"]);
  await ask("listen news");
  await ask("select pg_notify('news', 'hello')");
  await ask("do $$begin raise notice 'noticed'; end$$");
  await ask("");
  await client.end();
  const pool = new pg.Pool({ ...settings, ssl: false, max: 5 });
  const sums = await Promise.all(
    Array.from(
      { length: 40 },
      async (_, n) => (await pool.query<{ n: number }>("select $1::int as n", [n])).rows[0]?.n,
    ),
  );
  lines.push(sums);
  await pool.end();
  const wrong = new pg.Client({ ...settings, password: "wrong", ssl: false });
  lines.push(
    await wrong.connect().catch((error: unknown) => (error instanceof pg.DatabaseError ? error.code : String(error))),
  );
  return lines.map((line) => JSON.stringify(line)).join("\n");
}
