// The statement about a session: signed by the gateway and the countersigner, and saying what the events say.

import { CanonicalError } from "../journal/jcs.ts";
import { verifyDsse } from "./dsse.ts";
import type { EventsRead } from "./read-events.ts";
import type { Finding } from "./report.ts";
import type { Keys } from "./session-keys.ts";
import { sessionStatement } from "./statement.ts";
import type { Summary } from "./summary.ts";

/** What a statement is held against. `covered`: the size of the last countersigned head. */
interface StatedFacts {
  readonly read: EventsRead;
  readonly summary: Summary;
  readonly covered: number;
}

/** Checks `session.dsse.json`. */
export function checkStatement(dsse: string, keys: Keys | undefined, facts: StatedFacts, finding: Finding): void {
  const signers = [keys?.gateway.publicKey, keys?.countersigner?.publicKey].flatMap((key) => key ?? []);
  if (signers.length === 0) {
    finding.fail("the session's keys cannot be read");
    return;
  }
  const result = verifyDsse(dsse, signers);
  if (result.kind === "bad") {
    finding.fail(result.why);
    return;
  }
  if (result.payload !== expectedStatement(facts)) finding.fail("it says something else than the events do");
  finding.detail = `${signers.length} signatures`;
}

/** The statement that follows from the events; undefined where they count to more than JSON keeps. */
function expectedStatement({ read, summary, covered }: StatedFacts): string | undefined {
  try {
    return sessionStatement({ events: read, summary, countersigned: covered });
  } catch (error) {
    if (error instanceof CanonicalError) return undefined;
    throw error;
  }
}
