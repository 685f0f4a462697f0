// One of a crowd: seals a session that was made before. seal-kept.ts git|dir|bundle PLACE KEYFILE SESSIONFILE

import { createPrivateKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { sealSession } from "../../../src/evidence/layout.ts";
import { party } from "../../evidence/sealed.ts";
import { openAt } from "./open-at.ts";

const [, , kind = "", place = "", keyFile = "", sessionFile = ""] = process.argv;
const by = party(createPrivateKey(readFileSync(keyFile)));
const { texts, dsse, approvals } = JSON.parse(readFileSync(sessionFile, "utf8"));
const [events, disclosures, checkpoints] = texts.map((text: string) => Buffer.from(text, "base64"));
await sealSession({ events, disclosures, checkpoints, dsse, approvals }, openAt(kind, place), by.signer);
