/** Brings the state to this version's tables, one step after another, each once, by one instance. */

import { isInteger, shaped } from "../../src/evidence/shape.ts";
import { type Database, StateError } from "./database.ts";
import { APPROVALS } from "./tables/approvals.ts";
import { COUNTERSIGNER } from "./tables/countersigner.ts";
import { CUSTODY } from "./tables/custody.ts";
import { FOUNDATION } from "./tables/foundation.ts";
import { HEADS } from "./tables/heads.ts";

/** A step that was ever released never changes; what follows is a step of its own. */
const STEPS: readonly { readonly name: string; readonly statements: readonly string[] }[] = [
  { name: "foundation", statements: FOUNDATION },
  { name: "countersigner", statements: COUNTERSIGNER },
  { name: "custody", statements: CUSTODY },
  { name: "approvals", statements: APPROVALS },
  { name: "heads", statements: HEADS },
];

const isVersion = shaped({ version: isInteger });

/** Resolves when all tables are there. Rejects with StateError where they are a newer version's. */
export async function migrate(database: Database): Promise<void> {
  await database.alone("migrate", async () => {
    await database.run("CREATE TABLE IF NOT EXISTS migration (version integer PRIMARY KEY, name text NOT NULL)");
    const [newest] = await database.rows(
      "SELECT coalesce(max(version), 0)::integer AS version FROM migration",
      [],
      isVersion,
    );
    const done = newest?.version ?? 0;
    if (done > STEPS.length) {
      throw new StateError(`the state is that of a newer version (${done} steps, this one knows ${STEPS.length})`);
    }
    for (const [at, { name, statements }] of STEPS.entries()) {
      if (at < done) continue;
      await database.transaction(async (sql) => {
        for (const statement of statements) await sql.run(statement);
        await sql.run("INSERT INTO migration (version, name) VALUES ($1, $2)", [at + 1, name]);
      });
    }
  });
}
