/** The App's state on a PostgreSQL server: several instances may share it. */

import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { CHANNEL, claimed, type Database, type Parameter, type Sql, StateError } from "./database.ts";

/** What one instance opens, listening and locks included. */
const CONNECTIONS_MAX = 16;
/** A statement of ours takes milliseconds; one that hangs must not hang the App. */
const STATEMENT_MS_MAX = 30_000;
const CONNECT_MS_MAX = 10_000;
/** Between two tries to listen again after the connection was lost. */
const LISTEN_AGAIN_MS = 1_000;

const INT8 = 20;

/** Opens a pool. Rejects with StateError when the server cannot be had; the message holds no password. */
export async function openPostgres(url: string): Promise<Database> {
  const settings = {
    connectionString: url,
    connectionTimeoutMillis: CONNECT_MS_MAX,
    statement_timeout: STATEMENT_MS_MAX,
    application_name: "countersign",
    types: { getTypeParser },
  };
  const pool = new pg.Pool({ ...settings, max: CONNECTIONS_MAX });
  // An idle connection that the server closes is replaced by the next query, which reports what is wrong.
  pool.on("error", () => undefined);
  const closed = new AbortController();
  let listener: pg.Client | undefined;
  try {
    await pool.query("SELECT 1");
  } catch (cause) {
    await pool.end();
    throw new StateError(`the database cannot be used: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
  return {
    ...sqlOn(pool),
    async transaction(work) {
      const client = await pool.connect();
      try {
        await client.query("BEGIN");
        const result = await work(sqlOn(client));
        await client.query("COMMIT");
        client.release();
        return result;
      } catch (error) {
        // A connection on which even this fails is of no more use, and the server rolls back by itself.
        await client.query("ROLLBACK").then(
          () => client.release(),
          () => client.release(true),
        );
        throw error;
      }
    },
    async alone(name, work) {
      // A connection of its own, not the pool's: what waits for a lock must not keep its holder from working.
      const client = new pg.Client({ ...settings, statement_timeout: 0 });
      let lost: Error | undefined;
      client.on("error", (error) => {
        lost = error;
      });
      await client.connect();
      try {
        await client.query("SELECT pg_advisory_lock(hashtextextended($1, 0))", [name]);
        const result = await work();
        if (lost !== undefined) throw new StateError(`the lock "${name}" was lost while it was held`, { cause: lost });
        return result;
      } finally {
        await client.end().catch(() => undefined);
      }
    },
    async notify(subject) {
      await pool.query("SELECT pg_notify($1, $2)", [CHANNEL, subject]);
    },
    async listen(heard) {
      const open = async (): Promise<void> => {
        const client = new pg.Client({ ...settings, statement_timeout: 0 });
        client.on("notification", ({ payload }) => heard(payload ?? ""));
        client.on("error", () => undefined);
        await client.connect();
        await client.query(`LISTEN ${CHANNEL}`);
        listener = client;
        client.on("end", () => void again());
      };
      const again = async (): Promise<void> => {
        while (!closed.signal.aborted) {
          try {
            await open();
            heard(undefined);
            return;
          } catch {
            // The server is away; everybody who waits looks again by the clock meanwhile.
            await sleep(LISTEN_AGAIN_MS, undefined, { ref: false });
          }
        }
      };
      await open();
    },
    async close() {
      closed.abort();
      await listener?.end().catch(() => undefined);
      await pool.end();
    },
  };
}

function sqlOn(on: pg.Pool | pg.PoolClient): Sql {
  return {
    async rows(text, parameters, claim) {
      const { rows }: { readonly rows: readonly unknown[] } = await on.query(text, values(parameters));
      return claimed(rows, claim, text);
    },
    async run(text, parameters = []) {
      const { rowCount } = await on.query(text, values(parameters));
      return rowCount ?? 0;
    },
  };
}

function values(parameters: readonly Parameter[]): unknown[] {
  return parameters.map((each) => (each instanceof Uint8Array ? Buffer.from(each) : each));
}

// Every number of ours is below 2^53: times in milliseconds, GitHub's ids, sizes.
function getTypeParser(oid: number): (text: string) => unknown {
  // oxlint-disable-next-line typescript/no-unsafe-return, typescript/no-unsafe-enum-assignment -- rows are claimed anyway
  return oid === INT8 ? Number : pg.types.getTypeParser(oid, "text");
}
