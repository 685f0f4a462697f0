// What drivers of Node do beside node-postgres: postgres.js, which pipelines by itself and has its own reading of the
// protocol, and the cursors and COPY streams of node-postgres. As text, to be compared between two sides.

import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import pg from "pg";
import { from, to } from "pg-copy-streams";
import Cursor from "pg-cursor";
import postgres from "postgres";
import type { Side } from "./endpoint.ts";

/** Runs postgres.js through most of what it can do. */
export async function postgresJs(side: Side): Promise<string> {
  const lines: unknown[] = [];
  const { host, port, user: username, password, database } = side;
  const sql = postgres({
    host,
    port,
    username,
    password,
    database,
    max: 3,
    connection: { application_name: "postgres.js" },
    onnotice: ({ message }) => void lines.push(["notice", message]),
  });
  try {
    lines.push(await sql`select 1 as one, null as nothing, array[1, 2] as list, '{"a": 1}'::jsonb as doc`);
    lines.push(await sql`select ${41}::int + 1 as n, ${"text"}::text as t, ${sql.json({ b: [2] })}::jsonb as j`);
    lines.push(await sql`select id, name from people where id in ${sql([1, 2, 3])} order by id`);
    lines.push((await sql`select * from people where id = ${3}`.describe()).columns);
    // Sent together, on a few connections.
    const many = Array.from({ length: 60 }, async (_, n) => (await sql<{ n: number }[]>`select ${n}::int as n`)[0]?.n);
    lines.push(await Promise.all(many));
    lines.push(
      await sql
        .begin("isolation level serializable", async (one) => {
          await one`insert into people ${one({ id: 2000, name: "O'Reilly" })}`;
          await one
            .savepoint(async (two) => await two`insert into people (id, name) values (2000, 'again')`)
            .catch(failed);
          lines.push(await one`select count(*)::int from people`);
          throw new Error("changed my mind");
        })
        .catch(failed),
    );
    const sizes: number[] = [];
    await sql`select id from people order by id`.cursor(
      60,
      async (rows) => await Promise.resolve(sizes.push(rows.length)),
    );
    lines.push(sizes);
    lines.push(await sql.unsafe("select 1 as a; select 2 as b"));
    lines.push(await sql`do $$begin raise notice 'noticed'; end$$`);
    const heard: string[] = [];
    const listening = await sql.listen("news", (payload) => void heard.push(payload));
    await sql.notify("news", "hello");
    await until(() => heard.length > 0);
    await listening.unlisten();
    lines.push(heard);
    const out = await sql`copy (select id, name from people order by id limit 3) to stdout`.readable();
    lines.push((await out.toArray()).join(""));
    const into = await sql`copy other.things (id) from stdin`.writable();
    await pipeline(Readable.from(["71\n", "72\n"]), into);
    lines.push(await sql`delete from other.things where id in (71, 72) returning id`);
    lines.push(await sql`select 1/0`.catch(failed), await sql`selec 1`.catch(failed));
    const late = sql`select pg_sleep(30)`;
    setTimeout(() => late.cancel(), 300);
    lines.push(await late.catch(failed));
  } finally {
    await sql.end();
  }
  return lines.map((line) => JSON.stringify(line)).join("\n");
}

/** Reads by portions and copies both ways with node-postgres. */
export async function nodePostgresStreams(side: Side): Promise<string> {
  const lines: unknown[] = [];
  const { host, port, user, password, database } = side;
  const client = new pg.Client({ host, port, user, password, database, ssl: false });
  await client.connect();
  try {
    const cursor = client.query(new Cursor<{ id: number }>("select id from people where id > $1 order by id", [10]));
    lines.push(
      (await cursor.read(7)).length,
      (await cursor.read(50)).map(({ id }) => id),
    );
    await cursor.close(); // with rows left in it
    lines.push((await client.query("select 'after the cursor'")).rows);
    const out = client.query(to("copy (select * from people order by id) to stdout (format csv)"));
    lines.push((await out.toArray()).join(""));
    const rows = Array.from({ length: 5000 }, (_, n) => `${n + 100_000}\t{}\t{"row ${n}"}\n`);
    await pipeline(Readable.from(rows), client.query(from("copy other.things from stdin")));
    lines.push((await client.query("delete from other.things where id >= 100000")).rowCount);
    const wrong = pipeline(Readable.from(["not a number\n"]), client.query(from("copy other.things (id) from stdin")));
    lines.push(await wrong.catch(failed));
    lines.push((await client.query("select count(*)::int from other.things")).rows);
  } finally {
    await client.end();
  }
  return lines.map((line) => JSON.stringify(line)).join("\n");
}

/** What a driver's error says, without what differs from run to run. */
function failed(error: unknown): unknown {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  return [code, error.message];
}

async function until(isSo: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error("nothing was heard");
    // oxlint-disable-next-line no-await-in-loop -- it waits for another connection
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
