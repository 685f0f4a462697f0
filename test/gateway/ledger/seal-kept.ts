// One of a crowd: seals a session that was made before. seal-kept.ts git|dir|bundle PLACE KEYFILE FOLDER

import { createPrivateKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { sealSession } from "../../../src/evidence/layout.ts";
import { party } from "../../evidence/sealed.ts";
import { readKept } from "./kept-session.ts";
import { openAt } from "./open-at.ts";

const [, , kind = "", place = "", keyFile = "", folder = ""] = process.argv;
const by = party(createPrivateKey(readFileSync(keyFile)));
await sealSession(readKept(folder), openAt(kind, place), by.signer);
