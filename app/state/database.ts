/**
 * The App's state is SQL that is the same on PGlite and PostgreSQL; this is all that the rest of the App knows of either.
 *
 * Times are milliseconds since 1970 in `bigint` columns, JSON is `jsonb` given as text, and every row that is read is
 * checked: the database is as much outside as the network.
 */

/** A value that a statement takes. JSON goes as its text. */
export type Parameter = string | number | boolean | null | Uint8Array | readonly string[] | readonly number[];

/** A claim that a row is of a type; `shaped` of src/evidence/shape.ts makes them. */
export type RowClaim<T> = (row: unknown) => row is T;

/** Runs statements: the database itself, or one transaction on it. */
export interface Sql {
  /** The rows, each of which must be as claimed: anything else is a fault of ours, and throws StateError. */
  rows<T>(text: string, parameters: readonly Parameter[], claim: RowClaim<T>): Promise<readonly T[]>;
  /** Runs a statement and says how many rows it touched. */
  run(text: string, parameters?: readonly Parameter[]): Promise<number>;
}

/** The state of one or more instances of the App. */
export interface Database extends Sql {
  /**
   * All of `work`'s statements or none. They see one another's effects; a conflict with another transaction (40001,
   * 40P01) rejects with `isConflict`, and the caller does it all again.
   */
  transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T>;
  /** Runs `work` while no other instance runs anything of that name. `work` may use the database as it likes. */
  alone<T>(name: string, work: () => Promise<T>): Promise<T>;
  /** Wakes everybody, in every instance, who listens to this subject: once what was written before is seen by all. */
  notify(subject: string): Promise<void>;
  /** Calls `heard` with each subject that somebody notified; after a lost connection, with `undefined`: look at all. */
  listen(heard: (subject: string | undefined) => void): Promise<void>;
  close(): Promise<void>;
}

/** What the database says is not what was written to it, or it cannot be used. */
export class StateError extends Error {
  override readonly name = "StateError";
}

/** The channel of every instance on one database. */
export const CHANNEL = "countersign";

/** Was this transaction in another's way, so that doing it again may succeed. */
export function isConflict(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "40001" || error.code === "40P01");
}

/** The rows if all are as claimed. Throws StateError. */
export function claimed<T>(rows: readonly unknown[], claim: RowClaim<T>, text: string): readonly T[] {
  return rows.map((row) => {
    if (claim(row)) return row;
    throw new StateError(`a row of "${text.trim().slice(0, 80)}" is not as it was written`);
  });
}
