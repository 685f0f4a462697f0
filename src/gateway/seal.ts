import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { dsseSigner, signDsse } from "../evidence/dsse.ts";
import { sealedStatement, sealSession, statementOf } from "../evidence/layout.ts";
import type { Ledger } from "../evidence/ledger.ts";
import type { DeskClient } from "./desk/client.ts";
import type { Session } from "./session.ts";

// Seals an ended session: the statement about it, signed by its own key and the countersigner, entered in the ledger.

/** Where the sealed session stands in the ledger. Throws when it could not be sealed; then its files are left as they are. */
export async function seal(
  session: Session,
  { desk, ledger, logOrigin }: { readonly desk: DeskClient; readonly ledger: Ledger; readonly logOrigin: string },
): Promise<{ readonly folder: string }> {
  const events = readFileSync(join(session.directory, "events.jsonl"));
  const statement = statementOf(events, session.heads.size);
  const own = signDsse(statement, dsseSigner(session.key));
  const dsse = sealedStatement(statement, [own, await desk.signStatement(session.origin, statement)]);
  const folder = join(session.directory, "approvals");
  const approvals = readdirSync(folder).map((name) => ({
    request: name.replace(/\.dsse\.json$/, ""),
    dsse: readFileSync(join(folder, name), "utf8"),
  }));
  const sealed = {
    events,
    disclosures: readFileSync(join(session.directory, "disclosures.jsonl")),
    checkpoints: readFileSync(join(session.directory, "checkpoints.txt")),
    dsse,
    approvals,
  };
  const logVkey = await desk.logVkey(logOrigin);
  return await sealSession(sealed, ledger, {
    logVkey,
    countersignerVkey: desk.vkey,
    sign: async (text) => await desk.signCheckpoint(logOrigin, text),
  });
}
