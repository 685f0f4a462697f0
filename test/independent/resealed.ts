// Seals whatever bytes it is given as the events of a session, with true heads, statement, entry and proof. So a wrong
// event is not hidden behind a wrong hash, and only the check that looks at the event itself can speak.

import type { KeyObject } from "node:crypto";
import { dsseSigner, signDsse } from "../../src/evidence/dsse.ts";
import { type SealedSession, sealedStatement, statementOf } from "../../src/evidence/layout.ts";
import { checkpointText, noteSigner } from "../../src/tlog/note.ts";
import { leafHash, rootHash } from "../../src/tlog/tree.ts";
import { ORIGIN, type Party } from "../evidence/sealed.ts";

/** The session with these bytes for events, signed anew by the same keys. `stated`: what the statement is about, if others. */
export function resealed(
  by: Party,
  session: SealedSession & { readonly sid: string; readonly gateway: KeyObject },
  events: Buffer,
  stated = events,
): SealedSession {
  const signer = noteSigner(`${ORIGIN}/s/${session.sid}`, session.gateway);
  const lines = events.toString("latin1").split("\n");
  if (lines.at(-1) === "") lines.pop();
  const leaves = lines.map((line) => leafHash(Buffer.from(line, "latin1")));
  const text = checkpointText({ origin: signer.verifier.name, size: leaves.length, root: rootHash(leaves) });
  const head = `${text}\n${signer.sign(text)}${by.app.cosign(text, 1_795_000_050)}`;
  const statement = statementOf(stated, leaves.length);
  const signatures = [signDsse(statement, dsseSigner(session.gateway)), signDsse(statement, by.dsse)];
  return { ...session, events, checkpoints: Buffer.from(head), dsse: sealedStatement(statement, signatures) };
}
