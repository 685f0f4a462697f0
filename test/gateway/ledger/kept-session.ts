// A sealed session in a folder of its own, so that one process can make it and another enter it in a ledger.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { SealedSession } from "../../../src/evidence/layout.ts";

export function keepSession(folder: string, session: SealedSession): void {
  mkdirSync(join(folder, "approvals"), { recursive: true });
  writeFileSync(join(folder, "events"), session.events);
  writeFileSync(join(folder, "disclosures"), session.disclosures);
  writeFileSync(join(folder, "checkpoints"), session.checkpoints);
  writeFileSync(join(folder, "dsse"), session.dsse);
  for (const { request, dsse } of session.approvals) writeFileSync(join(folder, "approvals", request), dsse);
}

export function readKept(folder: string): SealedSession {
  return {
    events: readFileSync(join(folder, "events")),
    disclosures: readFileSync(join(folder, "disclosures")),
    checkpoints: readFileSync(join(folder, "checkpoints")),
    dsse: readFileSync(join(folder, "dsse"), "utf8"),
    approvals: readdirSync(join(folder, "approvals")).map((request) => ({
      request,
      dsse: readFileSync(join(folder, "approvals", request), "utf8"),
    })),
  };
}
