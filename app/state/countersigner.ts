/** Holds the App to the key that its state was made with: another key would be another countersigner, and nobody would know. */

import { isText, shaped } from "../../src/evidence/shape.ts";
import { parseVkey } from "../../src/tlog/note.ts";
import type { Fault } from "../fault.ts";
import type { Database } from "./database.ts";

const isRow = shaped({ vkey: isText });

export interface Countersigner {
  readonly vkey: string;
  /** The key id that an operator accepts as the next countersigner's; undefined when none. */
  readonly accepted: string | undefined;
  /** Milliseconds since 1970. */
  readonly nowMs: number;
}

/** Keeps the first key, and says what is wrong with any other that the operator has not accepted. */
export async function holdToKey(
  database: Database,
  { vkey, accepted, nowMs }: Countersigner,
): Promise<Fault | undefined> {
  return await database.alone("countersigner", async () => {
    const [kept] = await database.rows("SELECT vkey FROM countersigner ORDER BY since DESC LIMIT 1", [], isRow);
    if (kept?.vkey === vkey) return undefined;
    const next = parseVkey(vkey);
    if (kept !== undefined && accepted !== next.keyId) return faultOf(parseVkey(kept.vkey), next);
    await database.run(
      `INSERT INTO countersigner (vkey, since)
       VALUES ($1, greatest($2::bigint, (SELECT coalesce(max(since), 0) + 1 FROM countersigner)))
       ON CONFLICT (vkey) DO UPDATE SET since = excluded.since`,
      [vkey, nowMs],
    );
    return undefined;
  });
}

function faultOf(kept: ReturnType<typeof parseVkey>, next: ReturnType<typeof parseVkey>): Fault {
  const isRenamed = kept.publicKey.equals(next.publicKey);
  return {
    variable: isRenamed ? "COUNTERSIGN_URL" : "COUNTERSIGN_KEY",
    what: isRenamed
      ? `names another host (${next.name}) than this state's countersigner has (${kept.name})`
      : `is another key (${next.keyId}) than this state was made with (${kept.keyId})`,
    todo: `Put the old one back; or, to change countersigners on purpose, start once with --accept-key ${next.keyId} (docs/operate.md, Keys).`,
  };
}
