// Both databases that the App's state may live in, so that every test of the state runs on each.

import pg from "pg";
import type { Database } from "../../../app/state/database.ts";
import { migrate } from "../../../app/state/migrations.ts";
import { openPglite } from "../../../app/state/pglite.ts";
import { openPostgres } from "../../../app/state/postgres.ts";
import { type LivePostgres, startPostgres } from "../../live/server.ts";

export type DatabaseKind = "PGlite" | "PostgreSQL";

export const KINDS: readonly DatabaseKind[] = ["PGlite", "PostgreSQL"];

export interface States {
  /** An empty state with all its tables; one more opens the same state, as another instance would. */
  fresh(): Promise<Database>;
  /** Another instance's view of the newest state; PGlite has one instance only, so it is the same there. */
  another(): Promise<Database>;
  close(): Promise<void>;
}

/** Starts what states of this kind need. Each `fresh` is a database of its own. */
export async function openStates(kind: DatabaseKind): Promise<States> {
  const opened: Database[] = [];
  const server: LivePostgres | undefined =
    kind === "PostgreSQL" ? await startPostgres({ settings: { max_connections: "400" } }) : undefined;
  let count = 0;
  const urlOf = (number: number): string => `${server?.url.replace(/\/[^/]*$/, "")}/state${number}`;
  const lite = server === undefined ? await openPglite("memory") : undefined;
  const open = async (): Promise<Database> => {
    const database = lite ?? (await openPostgres(urlOf(count)));
    opened.push(database);
    return database;
  };
  return {
    async fresh() {
      if (server !== undefined) {
        count += 1;
        const client = new pg.Client(server.url);
        await client.connect();
        await client.query(`CREATE DATABASE state${count}`);
        await client.end();
      }
      // A PGlite takes two seconds to begin, so one is emptied for each.
      await lite?.run("DROP SCHEMA public CASCADE");
      await lite?.run("CREATE SCHEMA public");
      const database = await open();
      await migrate(database);
      return database;
    },
    another: async () => (server === undefined ? (opened.at(-1) ?? (await open())) : await open()),
    async close() {
      for (const each of new Set(opened)) await each.close();
      await server?.close();
    },
  };
}
