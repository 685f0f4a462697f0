/** The write-ahead of landings, and how far each repository's log was signed. One writer at a time uses it: who holds the log. */

import { isInteger, isObject, isText, listOf, shaped } from "../../src/evidence/shape.ts";
import type { Landing, LandingStore, SignedHead } from "../../src/github/evidence-ledger.ts";
import { type Database, type RowClaim, type Sql, StateError } from "../state/database.ts";
import { joinParts, partsOf } from "./handed-files.ts";

const isBytes = (value: unknown): value is Uint8Array => value instanceof Uint8Array;

const isSigned: RowClaim<SignedHead> = shaped({
  origin: isText,
  size: isInteger,
  root: isBytes,
  checkpoint: isText,
  trust: isText,
});

const isBase = (value: unknown): value is Readonly<Record<string, string>> =>
  isObject(value) && Object.values(value).every(isText);
const isLanding = shaped({ message: isText, removed: listOf(isText), base: isBase });
const isPath = shaped({ path: isText });

/** The head of this repository's log that was signed last; undefined where none was. */
export async function signedHead(sql: Sql, repositoryId: number): Promise<SignedHead | undefined> {
  const [row] = await sql.rows(
    "SELECT origin, size, root, checkpoint, trust FROM ledger WHERE repository_id = $1",
    [repositoryId],
    isSigned,
  );
  return row;
}

/** The landings of one repository. */
export function landingStore(database: Database, repositoryId: number, clock: () => number): LandingStore {
  return {
    async pending() {
      const [row] = await database.rows(
        "SELECT message, removed, base FROM landing WHERE repository_id = $1",
        [repositoryId],
        isLanding,
      );
      if (row === undefined) return undefined;
      const paths = await database.rows(
        "SELECT DISTINCT path FROM landing_part WHERE repository_id = $1 ORDER BY path",
        [repositoryId],
        isPath,
      );
      const files: { path: string; bytes: Uint8Array }[] = [];
      for (const { path } of paths) {
        const select = "SELECT bytes FROM landing_part WHERE repository_id = $1 AND path = $2 ORDER BY part";
        files.push({ path, bytes: await joinParts(database, select, [repositoryId, path]) });
      }
      return { ...row, files };
    },
    signed: async () => await signedHead(database, repositoryId),
    async plan(landing, next, after) {
      await database.transaction(async (sql) => {
        await keepHead(sql, repositoryId, next, after);
        await keepLanding(sql, repositoryId, landing, clock());
      });
    },
    async adopt(head) {
      await database.transaction(async (sql) => {
        await keepHead(sql, repositoryId, head, await signedHead(sql, repositoryId));
      });
    },
    async done() {
      await database.run("DELETE FROM landing WHERE repository_id = $1", [repositoryId]);
    },
  };
}

/** Rejects when another instance signed meanwhile: it must have taken this one for dead. */
async function keepHead(
  sql: Sql,
  repositoryId: number,
  { origin, size, root, checkpoint, trust }: SignedHead,
  after: SignedHead | undefined,
): Promise<void> {
  const values = [repositoryId, origin, size, root, checkpoint, trust];
  const kept =
    after === undefined
      ? await sql.run(
          `INSERT INTO ledger (repository_id, origin, size, root, checkpoint, trust) VALUES ($1, $2, $3, $4, $5, $6)
           ON CONFLICT DO NOTHING`,
          values,
        )
      : await sql.run(
          `UPDATE ledger SET origin = $2, size = $3, root = $4, checkpoint = $5, trust = $6
           WHERE repository_id = $1 AND checkpoint = $7 AND size <= $3`,
          [...values, after.checkpoint],
        );
  if (kept !== 1)
    throw new StateError(`another checkpoint of the log of repository ${repositoryId} was signed meanwhile`);
}

async function keepLanding(sql: Sql, repositoryId: number, landing: Landing, atMs: number): Promise<void> {
  const { message, removed, base, files } = landing;
  await sql.run(
    `INSERT INTO landing (repository_id, message, removed, base, at)
     VALUES ($1, $2, $3::text::jsonb, $4::text::jsonb, $5)`,
    [repositoryId, message, JSON.stringify(removed), JSON.stringify(base), atMs],
  );
  for (const { path, bytes } of files) {
    for (const [part, each] of partsOf(bytes).entries()) {
      await sql.run("INSERT INTO landing_part (repository_id, path, part, bytes) VALUES ($1, $2, $3, $4)", [
        repositoryId,
        path,
        part,
        each,
      ]);
    }
  }
}
