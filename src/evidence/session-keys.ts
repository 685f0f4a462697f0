// Whose keys a session was begun under: the gateway's own, made for this session, and the countersigner's.

import { NoteError, parseVkey, type Verifier } from "../tlog/note.ts";
import { isAmong } from "./check-log.ts";
import type { KnownEvent } from "./event-shapes.ts";
import type { Finding } from "./report.ts";
import type { Trust } from "./trust.ts";

export type Started = Extract<KnownEvent, { type: "session.started" }>;

/** The keys of a session. */
export interface Keys {
  readonly gateway: Verifier;
  /** Undefined where the session says that it had none. */
  readonly countersigner: Verifier | undefined;
}

/** The keys that the first event names; what is wrong with them goes to the finding. */
export function readKeys(started: Started | undefined, trust: Trust | undefined, finding: Finding): Keys | undefined {
  if (started === undefined) {
    finding.fail("there is no session.started to name them");
    return undefined;
  }
  const { countersigner, gateway } = started.body;
  return readNamed({ countersigner, gateway: gateway.vkey, by: "session.started" }, trust, finding);
}

/** Verifier keys as something names them; `none` for a countersigner that there was not. */
interface Named {
  readonly gateway: string;
  readonly countersigner: string;
  /** What names them, for people. */
  readonly by: string;
}

/** The same, whoever names them. */
export function readNamed(
  { gateway: own, countersigner: named, by }: Named,
  trust: Trust | undefined,
  finding: Finding,
) {
  try {
    const gateway = parseVkey(own);
    if (gateway.kind !== "log") finding.fail("the gateway's key has not type 0x01");
    const countersigner = named === "none" ? undefined : parseVkey(named);
    if (countersigner?.kind === "log") finding.fail("the countersigner's key has not type 0x04");
    // Two signatures of one key are one signature.
    if (countersigner !== undefined && isAmong([countersigner], gateway.publicKey)) {
      finding.fail("the gateway and the countersigner have one and the same key");
    }
    if (trust !== undefined && countersigner !== undefined && !isAmong(trust.witnesses, countersigner.publicKey)) {
      finding.fail(`the countersigner ${countersigner.name} has a key that is not trusted`);
    }
    if (trust !== undefined && countersigner === undefined && trust.witnesses.length > 0) {
      finding.fail("the session had no countersigner, and the trusted keys ask for one");
    }
    finding.detail = countersigner === undefined ? "no countersigner" : countersigner.name;
    return { gateway, countersigner };
  } catch (error) {
    if (!(error instanceof NoteError)) throw error;
    finding.fail(`${by} names ${error.message}`);
    return undefined;
  }
}
