// One of several processes that seal sessions into one ledger at once: seal-some.ts git|dir PLACE KEYFILE SID...

import { createPrivateKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { sealSession } from "../../../src/evidence/layout.ts";
import { dirLedger } from "../../../src/gateway/ledger/dir.ts";
import { gitLedger } from "../../../src/gateway/ledger/git.ts";
import { makeSession, party } from "../../evidence/sealed.ts";

const [, , kind = "", place = "", keyFile = "", ...sids] = process.argv;
const by = party(createPrivateKey(readFileSync(keyFile)));
const ledger =
  kind === "git"
    ? gitLedger({
        repository: place,
        evidenceBranch: "countersign/evidence",
        logBranch: "countersign/log",
        nowSeconds: () => 1_795_000_000,
      })
    : dirLedger(place);
for (const sid of sids) {
  const session = makeSession(by, { sid });
  await sealSession(session, ledger, by.signer);
  await sealSession(session, ledger, by.signer);
}
