/** A ULID: 26 characters of Crockford's base 32, sortable by the time it was made. One gateway lifetime for one job attempt. */
export type SessionId = string;

/** How much the place where the gateway runs can promise. DESIGN.md 9; printed in every record. */
export type Tier = "cooperative" | "contained" | "remote";

/**
 * Who asked for this session and from where. Every field is what the runner or the local machine says of itself;
 * an empty string means that it said nothing.
 */
export interface Identity {
  readonly repository: string;
  readonly workflowRef: string;
  readonly run: string;
  readonly attempt: string;
  readonly job: string;
  readonly actor: string;
  readonly triggeringActor: string;
  readonly commit: string;
  readonly ref: string;
  readonly environment: string;
  readonly event: string;
}
