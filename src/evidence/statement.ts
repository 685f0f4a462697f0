// The in-toto Statement v1 about a sealed session: which bytes, which root, and what the session came to.
// https://in-toto.io/Statement/v1. Every word follows from the events and the countersigned heads, so a verifier makes
// the statement again and compares the bytes.

import { canonical } from "../journal/jcs.ts";
import type { EventsRead } from "./read-events.ts";
import { isText, oneOf, shaped } from "./shape.ts";
import type { Summary } from "./summary.ts";

const STATEMENT = "https://in-toto.io/Statement/v1";
export const SESSION_PREDICATE = "https://countersign.dev/attestation/session/v0.1";

/** What the statement is made from. */
export interface StatementFacts {
  readonly events: Pick<EventsRead, "size" | "root" | "sha256">;
  readonly summary: Summary;
  /** The size of the newest countersigned head; 0 where there is no countersigner. */
  readonly countersigned: number;
}

/** The statement's canonical bytes, to be signed. */
export function sessionStatement({ events, summary, countersigned }: StatementFacts): string {
  const { started, ended } = summary;
  const commit = started?.identity.commit ?? "";
  const source = { digest: { gitCommit: commit }, name: sourceName(started?.identity.repository ?? "") };
  return canonical({
    _type: STATEMENT,
    predicate: {
      counts: summary.counts,
      countersigned: { by: started?.countersigner ?? "none", size: countersigned },
      finishedOn: summary.endedAt,
      gateway: started?.gateway ?? null,
      identity: started?.identity ?? null,
      outcome: ended?.outcome ?? "lost",
      policy: started?.policy ?? null,
      sid: summary.sid,
      size: events.size,
      startedOn: summary.startedAt,
      targets: started?.targets ?? [],
      tier: started?.tier ?? null,
    },
    predicateType: SESSION_PREDICATE,
    subject: [
      { digest: { sha256: events.sha256 }, name: "events.jsonl" },
      rootSubject(events.root),
      ...(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(commit) ? [source] : []),
    ],
  });
}

/** A session's RFC 6962 root as the subject of a statement about it. */
export function rootSubject(root: Uint8Array) {
  return { digest: { "rfc6962-sha256": Buffer.from(root).toString("hex") }, name: "session-root" };
}

/** A subject as `rootSubject` makes it. */
export const isRootSubject = shaped({
  digest: shaped({
    "rfc6962-sha256": (value: unknown): value is string => isText(value) && /^[0-9a-f]{64}$/.test(value),
  }),
  name: oneOf("session-root"),
});

/** A label only; a subject is matched by its digest. */
function sourceName(repository: string): string {
  return /^[\w.-]+\/[\w.-]+$/.test(repository) ? `git+https://github.com/${repository}` : "git";
}
