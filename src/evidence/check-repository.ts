// Whose session it is: the repository that it says it ran for, the log that its key was made for, and the log that it was
// entered in must be one. So a session of one repository proves nothing in the log of another.

import { sessionOrigin } from "../journal/session-log.ts";
import type { EventBodies } from "../model/event.ts";
import type { SessionId } from "../model/session.ts";
import { logOriginOf } from "./origin.ts";
import type { Finding } from "./report.ts";

export interface RepositoryFacts {
  readonly sid: SessionId;
  readonly body: Pick<EventBodies["session.started"], "identity">;
  /** The name of the gateway's key, under which it signed every head. */
  readonly signedFor: string;
  /** The origin of the log in the session's proof; undefined where it is in none. */
  readonly log: string | undefined;
  /** `owner/name` that the caller asks about; undefined to take the session's word. */
  readonly repository: string | undefined;
}

/** Holds all that names a repository against each other. */
export function checkRepository({ sid, body, signedFor, log, repository }: RepositoryFacts, finding: Finding): void {
  const own = body.identity.repository;
  const origin = logOriginOf(own);
  finding.detail = own === "" ? "none" : own;
  if (signedFor !== sessionOrigin(origin, sid)) {
    finding.fail(`the session says that it ran for ${JSON.stringify(own)}, and was signed for ${signedFor}`);
  }
  if (log !== undefined && signedFor !== sessionOrigin(log, sid)) {
    finding.fail(`the session was signed for ${signedFor}, and entered in the log ${log}`);
  }
  if (repository !== undefined && own !== repository) {
    finding.fail(`the session ran for ${JSON.stringify(own)}, not for ${JSON.stringify(repository)}`);
  }
}
