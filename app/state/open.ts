/** Opens the App's state where the settings say it is, with all its tables. */

import { dirname } from "node:path";
import type { StateSettings } from "../config.ts";
import type { Database } from "./database.ts";
import { migrate } from "./migrations.ts";
import { beOnlyInstance } from "./only-instance.ts";
import { openPglite } from "./pglite.ts";
import { openPostgres } from "./postgres.ts";

/** Resolves to the state, ready. Rejects with StateError or the server's error where it cannot be had. */
export async function openState(settings: StateSettings): Promise<Database> {
  if (settings.kind === "postgres") return await migrated(await openPostgres(settings.url));
  const lock = await beOnlyInstance(dirname(settings.folder));
  try {
    const database = await migrated(await openPglite(settings.folder));
    return {
      ...database,
      async close() {
        await database.close();
        await lock.release();
      },
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function migrated(database: Database): Promise<Database> {
  try {
    await migrate(database);
    return database;
  } catch (error) {
    await database.close();
    throw error;
  }
}
