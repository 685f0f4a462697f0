/** What gateways handed in, what is to be entered in the logs of repositories, and how far each log was signed. */
export const CUSTODY: readonly string[] = [
  // A file that a gateway handed in. Its parts go when its session landed; the digest stays, to tell whether the same came again.
  `CREATE TABLE handed_file (
     sid text NOT NULL REFERENCES session,
     name text NOT NULL CHECK (name IN ('events.jsonl', 'disclosures.jsonl', 'checkpoints.txt')),
     sha256 text NOT NULL,
     size bigint NOT NULL,
     PRIMARY KEY (sid, name)
   )`,
  `CREATE TABLE handed_part (
     sid text NOT NULL,
     name text NOT NULL,
     part integer NOT NULL,
     bytes bytea NOT NULL,
     PRIMARY KEY (sid, name, part),
     FOREIGN KEY (sid, name) REFERENCES handed_file ON DELETE CASCADE
   )`,
  // A session that is the App's now. It stays when the files went, so that who asks again is told the same.
  `CREATE TABLE hand_in (
     sid text PRIMARY KEY REFERENCES session,
     repository_id bigint NOT NULL,
     -- session.dsse.json, signed by the session's key and by the App.
     dsse text NOT NULL,
     approvals jsonb NOT NULL,
     -- Over the names, digests and the signature, so that other content is told apart.
     digest text NOT NULL,
     size bigint NOT NULL,
     at bigint NOT NULL,
     landed boolean NOT NULL DEFAULT false,
     -- Why it can never be entered; empty as it should be. An operator looks at it.
     refused text NOT NULL DEFAULT ''
   )`,
  "CREATE INDEX hand_in_waiting ON hand_in (repository_id, at) WHERE NOT landed",
  `CREATE TABLE lost_session (
     sid text PRIMARY KEY REFERENCES session,
     repository_id bigint NOT NULL,
     dsse text NOT NULL,
     checkpoint text NOT NULL,
     approvals jsonb NOT NULL,
     at bigint NOT NULL,
     landed boolean NOT NULL DEFAULT false,
     refused text NOT NULL DEFAULT ''
   )`,
  "CREATE INDEX lost_session_waiting ON lost_session (repository_id, at) WHERE NOT landed",
  `CREATE TABLE heartbeat (
     repository_id bigint NOT NULL,
     day text NOT NULL,
     dsse text NOT NULL,
     landed boolean NOT NULL DEFAULT false,
     PRIMARY KEY (repository_id, day)
   )`,
  // The log of a repository, as far as the App signed it: no size is ever signed again over other entries.
  `CREATE TABLE ledger (
     repository_id bigint PRIMARY KEY,
     origin text NOT NULL,
     size bigint NOT NULL,
     root bytea NOT NULL,
     checkpoint text NOT NULL,
     trust text NOT NULL,
     -- Of what was written to GitHub lately; docs of app/custody/pace.ts.
     load double precision NOT NULL DEFAULT 0,
     paced_at bigint NOT NULL DEFAULT 0
   )`,
  // A change that was planned and signed, until both branches hold it: after a crash the very same bytes are written.
  `CREATE TABLE landing (
     repository_id bigint PRIMARY KEY,
     message text NOT NULL,
     removed jsonb NOT NULL,
     -- Ids by path of what the change was made for; docs of app/custody/landing.ts.
     base jsonb NOT NULL,
     at bigint NOT NULL
   )`,
  `CREATE TABLE landing_part (
     repository_id bigint NOT NULL REFERENCES landing ON DELETE CASCADE,
     path text NOT NULL,
     part integer NOT NULL,
     bytes bytea NOT NULL,
     PRIMARY KEY (repository_id, path, part)
   )`,
  // Months whose sessions hang on a release.
  `CREATE TABLE month_bundle (
     repository_id bigint NOT NULL,
     month text NOT NULL,
     asset text NOT NULL,
     -- The id of the month's list of sessions that it was made of.
     made_of text NOT NULL,
     at bigint NOT NULL,
     PRIMARY KEY (repository_id, month)
   )`,
];
