/**
 * The head of a session that is contested or handed in never moves again: the row itself says so, to whoever is about to
 * move it. One that was lost may be found, and then its heads go on to its end.
 */
export const HEADS: readonly string[] = [
  "ALTER TABLE head ADD COLUMN closed boolean NOT NULL DEFAULT false",
  `CREATE FUNCTION close_head() RETURNS trigger LANGUAGE plpgsql AS $$
     BEGIN
       UPDATE head SET closed = (NEW.state NOT IN ('open', 'lost')) WHERE origin = NEW.origin;
       RETURN NULL;
     END $$`,
  `CREATE TRIGGER session_closes_head AFTER UPDATE OF state ON session
     FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION close_head()`,
];
