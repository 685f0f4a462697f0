import type { Target } from "../protocols/postgres/index.ts";
import type { OwnConnection } from "./query.ts";

// Tells a primary from a standby, for target_session_attrs.

export type WantedSession = Exclude<Target["sessionAttributes"], "prefer-standby">;

/** What to look for, in as many passes over the hosts. */
export function wantedSessions({ sessionAttributes }: Target): readonly WantedSession[] {
  return sessionAttributes === "prefer-standby" ? ["standby", "any"] : [sessionAttributes];
}

export interface SessionKind {
  readonly standby: boolean;
  readonly readOnly: boolean;
}

/** Asks nothing of PostgreSQL 14 and later, which report it by themselves. Throws QueryError. */
export async function readSession(own: OwnConnection, timeoutMs: number): Promise<SessionKind> {
  const standby = own.reported.get("in_hot_standby");
  const readOnly = own.reported.get("default_transaction_read_only");
  if (standby !== undefined && readOnly !== undefined)
    return { standby: standby === "on", readOnly: readOnly === "on" };
  const question = "SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('default_transaction_read_only')";
  const { rows } = await own.query(question, [], { timeoutMs });
  return { standby: rows[0]?.[0] === "t", readOnly: rows[0]?.[1] === "on" };
}

/** Whether a server will do. */
export function isWanted(wanted: WantedSession, { standby, readOnly }: SessionKind): boolean {
  switch (wanted) {
    case "any":
      return true;
    case "read-write":
      return !readOnly;
    case "read-only":
      return readOnly;
    case "primary":
      return !standby;
    case "standby":
      return standby;
  }
}
