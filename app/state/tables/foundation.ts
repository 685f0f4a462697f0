/** Sessions, the heads that were countersigned of them, and what is still to be done. */
export const FOUNDATION: readonly string[] = [
  // A session is one attempt of one job; GitHub's numbers are what it is told by.
  `CREATE TABLE session (
     sid text PRIMARY KEY,
     repository_id bigint NOT NULL,
     repository text NOT NULL,
     installation_id bigint NOT NULL,
     run_id bigint NOT NULL,
     run_attempt integer NOT NULL,
     check_run_id bigint NOT NULL,
     origin text NOT NULL UNIQUE,
     vkey text NOT NULL,
     encryption text NOT NULL,
     head_sha text NOT NULL,
     -- The App's statement, as it was signed; everything about the session that never changes is in it.
     registration text NOT NULL,
     -- The same, as src/model/registration.ts has it.
     facts jsonb NOT NULL,
     policy_text text NOT NULL,
     state text NOT NULL CHECK (state IN ('open', 'contested', 'handed-in', 'landed', 'lost')),
     registered_at bigint NOT NULL,
     -- When its gateway was last heard of.
     seen_at bigint NOT NULL,
     -- When it left the state open; 0 while it is.
     ended_at bigint NOT NULL DEFAULT 0,
     -- Where it lies once it landed, and in which commit.
     folder text NOT NULL DEFAULT '',
     landed_in text NOT NULL DEFAULT ''
   )`,
  "CREATE UNIQUE INDEX session_job ON session (repository_id, run_id, run_attempt, check_run_id)",
  "CREATE INDEX session_open ON session (seen_at) WHERE state IN ('open', 'contested', 'handed-in')",
  // The C2SP witness's memory: one size never twice with two roots.
  `CREATE TABLE head (
     origin text PRIMARY KEY,
     size bigint NOT NULL,
     root bytea NOT NULL,
     -- The checkpoint that was cosigned last, with the session's signature and ours; empty before the first.
     note text NOT NULL DEFAULT '',
     at bigint NOT NULL
   )`,
  `CREATE TABLE credential (
     sid text NOT NULL REFERENCES session,
     target text NOT NULL,
     issued_at bigint NOT NULL,
     PRIMARY KEY (sid, target)
   )`,
  // What is to be done for a subject, as often as it takes. Doing it twice does no harm, so a lease is a courtesy.
  `CREATE TABLE errand (
     kind text NOT NULL,
     subject text NOT NULL,
     due_at bigint NOT NULL,
     attempts integer NOT NULL DEFAULT 0,
     -- Until when an instance is at it; 0 when none is.
     leased_until bigint NOT NULL DEFAULT 0,
     -- Rises with every call for it: what came while it was being done is done after.
     called bigint NOT NULL DEFAULT 0,
     fault text NOT NULL DEFAULT '',
     PRIMARY KEY (kind, subject)
   )`,
  "CREATE INDEX errand_due ON errand (due_at)",
];
