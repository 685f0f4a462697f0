/** A head of a session that is not open never moves again: the row itself says so, to whoever is about to move it. */
export const HEADS: readonly string[] = [
  "ALTER TABLE head ADD COLUMN closed boolean NOT NULL DEFAULT false",
  `CREATE FUNCTION close_head() RETURNS trigger LANGUAGE plpgsql AS $$
     BEGIN
       UPDATE head SET closed = (NEW.state <> 'open') WHERE origin = NEW.origin;
       RETURN NULL;
     END $$`,
  `CREATE TRIGGER session_closes_head AFTER UPDATE OF state ON session
     FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION close_head()`,
];
