/** Requests for people's answers, what people said, where it is shown on GitHub, and how fast GitHub may be written to. */
export const APPROVALS: readonly string[] = [
  `CREATE TABLE request (
     id text PRIMARY KEY,
     sid text NOT NULL REFERENCES session,
     -- Canonical JSON of the request as its gateway sent it. As text: jsonb holds no NUL.
     asked text NOT NULL,
     code text NOT NULL UNIQUE,
     state text NOT NULL
       CHECK (state IN ('pending', 'approved', 'refused', 'expired', 'withdrawn', 'used', 'void')),
     head_sha text NOT NULL,
     asked_at bigint NOT NULL,
     deadline bigint NOT NULL,
     -- When it was first shown whole, by GitHub's clock; 0 before.
     listed_at bigint NOT NULL DEFAULT 0,
     -- What the pull request was to be merged into then; empty where there is none.
     base_ref text NOT NULL DEFAULT '',
     base_sha text NOT NULL DEFAULT '',
     -- How many approve so far.
     approvals integer NOT NULL DEFAULT 0,
     answered_at bigint NOT NULL DEFAULT 0,
     -- JSON of what its gateway is given; empty while it waits.
     answered text NOT NULL DEFAULT '',
     -- JSON of the words that counted, as they were then.
     counted text NOT NULL DEFAULT '',
     -- Whether somebody must look again before it is handed out, and when somebody last did.
     recheck boolean NOT NULL DEFAULT false,
     rechecked_at bigint NOT NULL DEFAULT 0
   )`,
  "CREATE INDEX request_sid ON request (sid)",
  "CREATE INDEX request_waiting ON request (deadline) WHERE state = 'pending'",
  // Each stage of a word that was seen: GitHub does not tell of buttons, nor of what was edited or deleted since.
  `CREATE TABLE word (
     sid text NOT NULL REFERENCES session,
     key text NOT NULL,
     stage text NOT NULL,
     speaker bigint NOT NULL,
     -- JSON of the word, of who said it, and of why.
     said text NOT NULL,
     seen_at bigint NOT NULL,
     PRIMARY KEY (sid, key, stage)
   )`,
  "CREATE INDEX word_speaker ON word (sid, speaker)",
  // Webhooks that were taken, by X-GitHub-Delivery.
  "CREATE TABLE delivery (guid text PRIMARY KEY, at bigint NOT NULL)",
  "CREATE INDEX delivery_at ON delivery (at)",
  `CREATE TABLE surface (
     sid text PRIMARY KEY REFERENCES session,
     -- Unguessable: what the App made is found again by it.
     nonce text NOT NULL,
     -- The pull request of the run; 0 where it has none, -1 before that is known.
     pull bigint NOT NULL DEFAULT -1,
     -- Whether anybody could read the repository when it was first looked at; null before.
     public boolean,
     -- Whom the policy names, in numbers, and who had a hand in the run: JSON, empty before it was read.
     names text NOT NULL DEFAULT '',
     cause text NOT NULL DEFAULT '',
     check_run bigint NOT NULL DEFAULT 0,
     check_url text NOT NULL DEFAULT '',
     -- What it shows. Of each surface: that it was tried to be made is written first, so none is made twice.
     check_digest text NOT NULL DEFAULT '',
     check_tried boolean NOT NULL DEFAULT false,
     -- The pull request or issue whose comments may answer; -1 where there can be none.
     thread bigint NOT NULL DEFAULT 0,
     thread_tried boolean NOT NULL DEFAULT false,
     -- The comment on the pull request; 0 before there is one.
     comment bigint NOT NULL DEFAULT 0,
     thread_digest text NOT NULL DEFAULT ''
   )`,
  "CREATE INDEX surface_thread ON surface (thread)",
  // Comments that were told why they have no effect.
  `CREATE TABLE reply (
     key text PRIMARY KEY,
     sid text NOT NULL,
     speaker bigint NOT NULL,
     at bigint NOT NULL
   )`,
  "CREATE INDEX reply_speaker ON reply (sid, speaker)",
  `CREATE TABLE pace (
     installation bigint PRIMARY KEY,
     -- When the next write may go out.
     next_at bigint NOT NULL DEFAULT 0,
     -- Until when GitHub asked not to be asked.
     blocked_until bigint NOT NULL DEFAULT 0,
     -- What was made since this hour began.
     hour_at bigint NOT NULL DEFAULT 0,
     made integer NOT NULL DEFAULT 0
   )`,
];
