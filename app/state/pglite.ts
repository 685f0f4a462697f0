/** The App's state in a folder, by PGlite: PostgreSQL in this process. One instance at a time. */

import { PGlite } from "@electric-sql/pglite";
import { CHANNEL, claimed, type Database, type Parameter, type Sql, StateError } from "./database.ts";

const INT8 = 20;

/** Opens the folder, which is made when it is not there; the name `memory` keeps nothing. Rejects with StateError. */
export async function openPglite(folder: string): Promise<Database> {
  let lite: PGlite;
  try {
    lite = await PGlite.create({
      dataDir: folder === "memory" ? "memory://" : folder,
      relaxedDurability: false,
      parsers: { [INT8]: Number },
    });
  } catch (cause) {
    throw new StateError(
      `the state in ${folder} cannot be opened: ${cause instanceof Error ? cause.message : String(cause)}`,
      {
        cause,
      },
    );
  }
  const turns = new Map<string, Promise<unknown>>();
  return {
    ...sqlOn(lite),
    async transaction(work) {
      return await lite.transaction(async (transaction) => await work(sqlOn(transaction)));
    },
    async alone(name, work) {
      // There is no other instance, so a queue of this process is the lock.
      const before = turns.get(name) ?? Promise.resolve();
      const turn = before.then(work, work);
      const settled = turn.then(
        () => undefined,
        () => undefined,
      );
      turns.set(name, settled);
      try {
        return await turn;
      } finally {
        if (turns.get(name) === settled) turns.delete(name);
      }
    },
    async notify(subject) {
      await lite.query("SELECT pg_notify($1, $2)", [CHANNEL, subject]);
    },
    async listen(heard) {
      await lite.listen(CHANNEL, (payload) => heard(payload));
    },
    async close() {
      await lite.close();
    },
  };
}

/** What `PGlite` and its transactions have in common. */
interface Queries {
  query(text: string, parameters?: unknown[]): Promise<{ readonly rows: unknown[]; readonly affectedRows?: number }>;
}

function sqlOn(on: Queries): Sql {
  return {
    async rows(text, parameters, claim) {
      const { rows } = await on.query(text, [...parameters]);
      return claimed(rows, claim, text);
    },
    async run(text: string, parameters: readonly Parameter[] = []) {
      const { affectedRows } = await on.query(text, [...parameters]);
      return affectedRows ?? 0;
    },
  };
}
