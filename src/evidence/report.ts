// What a verifier says: one verdict for each check, each with what was looked at and every reason against it.

/** What one check found. `incomplete`: nothing is false, and something that belongs there is missing. */
export interface Check {
  readonly id: CheckId;
  readonly outcome: "good" | "failed" | "incomplete";
  /** What was looked at, for people: `19 events`. */
  readonly detail: string;
  /** Why it is not good; empty when it is. */
  readonly reasons: readonly string[];
  /** What a reader should know although nothing is false: a clock that was off. It changes no verdict. */
  readonly warnings: readonly string[];
}

/** Stable names. Of a session: */
export type CheckId =
  /** Each line is canonical JSON of a known event; seq has no gaps; all is one session, begun by session.started. */
  | "events"
  /** Nothing was released that was not allowed or approved, and nothing returned that was not released. */
  | "order"
  /** The session was begun under keys that are trusted. */
  | "keys"
  /** Every countersigned head is signed by both, holds for these events, and covers them to the end. */
  | "heads"
  /** What was signed as this session's time never goes back. */
  | "times"
  /** The session ran for the repository whose log this is. */
  | "repository"
  /** The policy is named by its digest, and is one of those that were given. */
  | "policy"
  /** The statement is signed by gateway and countersigner and says what the events say. */
  | "statement"
  /** The log holds this very session. */
  | "entry"
  /** Each answer of people is signed, for that very command, in time, by somebody else. */
  | "approvals"
  /** Each disclosed value is the one whose digest was recorded. */
  | "disclosures"
  /** Each erasure is signed, entered in the log, and names values that are gone. */
  | "erasures"
  /** Where the session was closed as lost: the countersigner signed that, and it agrees with everything else. */
  | "lost"
  /** The session has an end. */
  | "ended"
  /** Pages are what the events say. */
  | "pages"
  /** No file lies there that nothing speaks of. */
  | "files"
  // Of the whole ledger:
  /** The log's checkpoint is signed and countersigned by trusted keys. */
  | "checkpoint"
  /** The tiles have the checkpoint's root. */
  | "tiles"
  /** Every entry of the log has its session, and every session its entry. */
  | "population"
  /** Where there are heartbeats: each is signed, in the log, and says what the log says; no day is missing. */
  | "heartbeats"
  /** The log begins with all that a checkpoint which was kept elsewhere says. */
  | "since"
  /** The log's checkpoint was countersigned lately enough. */
  | "age";

export interface SessionReport {
  readonly sid: string;
  readonly folder: string;
  readonly checks: readonly Check[];
}

export type Verdict = "good" | "failed" | "incomplete";

export interface Report {
  readonly verdict: Verdict;
  /** Whose keys were believed: those the evidence names, or one the caller pinned. */
  readonly trust: "evidence" | "pinned";
  /** The countersigner's keys that were believed. */
  readonly keys: readonly string[];
  /** Checks of the ledger as a whole; empty when only a session was looked at. */
  readonly checks: readonly Check[];
  readonly sessions: readonly SessionReport[];
}

/** A list of a million reasons helps nobody. */
const REASONS_MAX = 20;

/** Collects reasons for one check. */
export class Finding {
  readonly #id: CheckId;
  readonly #reasons: string[] = [];
  readonly #warnings: string[] = [];
  #more = 0;
  #missing = false;
  #false = false;
  detail = "";

  constructor(id: CheckId) {
    this.#id = id;
  }

  /** Something is false. */
  fail(reason: string): void {
    this.#missing = false;
    this.#false = true;
    this.#add(reason);
  }

  /** Something is missing and nothing shows that it was taken away. What is false besides outweighs it. */
  miss(reason: string): void {
    this.#missing = !this.#false;
    this.#add(reason);
  }

  #add(reason: string): void {
    if (this.#reasons.length < REASONS_MAX) this.#reasons.push(reason);
    else this.#more += 1;
  }

  /** Nothing is false, and somebody should know. */
  warn(warning: string): void {
    if (this.#warnings.length < REASONS_MAX) this.#warnings.push(warning);
  }

  get good(): boolean {
    return this.#reasons.length === 0;
  }

  check(): Check {
    const more = this.#more === 0 ? [] : [`and ${this.#more} more`];
    const outcome = this.good ? "good" : this.#missing ? "incomplete" : "failed";
    return {
      id: this.#id,
      outcome,
      detail: this.detail,
      reasons: [...this.#reasons, ...more],
      warnings: [...this.#warnings],
    };
  }
}

/** What several checks come to: one failure fails, one incompleteness leaves it incomplete. */
export function verdictOf(checks: readonly Check[]): Verdict {
  if (checks.some(({ outcome }) => outcome === "failed")) return "failed";
  return checks.some(({ outcome }) => outcome === "incomplete") ? "incomplete" : "good";
}

/** POSIX seconds for people. */
export function isoSeconds(at: number): string {
  // Beyond this no date exists.
  return at > 8_640_000_000_000 ? `at ${at}` : new Date(at * 1000).toISOString().replace(".000Z", "Z");
}
