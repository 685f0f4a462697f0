// One of several processes that seal sessions into one ledger at once:
//
//   seal-some.ts git|dir|bundle PLACE KEYFILE [--die] SID...
//
// With --die it kills itself in the middle of the first.

import { createPrivateKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { sealSession } from "../../../src/evidence/layout.ts";
import { makeSession, party } from "../../evidence/sealed.ts";
import { openAt } from "./open-at.ts";

const [, , kind = "", place = "", keyFile = "", ...rest] = process.argv;
const by = party(createPrivateKey(readFileSync(keyFile)));
const ledger = openAt(kind, place);
const signer = rest.includes("--die") ? { ...by.signer, sign: die } : by.signer;
for (const sid of rest.filter((each) => each !== "--die")) {
  const session = makeSession(by, { sid });
  await sealSession(session, ledger, signer);
  await sealSession(session, ledger, signer);
}

function die(): never {
  process.kill(process.pid, "SIGKILL");
  throw new Error("a killed process goes on");
}
