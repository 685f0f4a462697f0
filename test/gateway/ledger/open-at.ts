// Opens a ledger of each kind for tests.

import type { Ledger } from "../../../src/evidence/ledger.ts";
import { bundleLedger } from "../../../src/gateway/ledger/bundle.ts";
import { dirLedger } from "../../../src/gateway/ledger/dir.ts";
import { gitLedger } from "../../../src/gateway/ledger/git.ts";

export function openAt(kind: string, place: string): Ledger {
  switch (kind) {
    case "git":
      return gitLedger({
        repository: place,
        evidenceBranch: "countersign/evidence",
        logBranch: "countersign/log",
        nowSeconds: () => 1_795_000_000,
      });
    case "dir":
      return dirLedger(place);
    case "bundle":
      return bundleLedger(place);
    default:
      throw new Error(`there is no ledger of the kind ${kind}`);
  }
}
