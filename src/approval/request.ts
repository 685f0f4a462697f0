/**
 * Follows one approval request from asked to ended: what each answer adds up to, and when time is up.
 *
 * It does not know who may answer (whoever calls it has struck those already), reads no clock and makes no chance:
 * both are arguments. A request that ended never changes again, whatever comes late, twice or out of order.
 */
import type { Answer, ApprovalTerms } from "../model/decision.ts";

/** `pending` while people may answer; anything else is an end, and ends are final. */
type RequestState = "pending" | Answer;

/** One person's word. */
export interface Vote {
  readonly word: "approve" | "refuse";
  readonly login: string;
  /** Where it was given: `page`, `terminal`, or one of the surfaces of DESIGN.md 7. */
  readonly via: string;
  /** Why, in the person's words; may be empty. */
  readonly reason: string;
  readonly atMs: number;
}

/** The whole state of one request. Times are milliseconds since 1970 by the countersigner's clock. */
export interface Ballot {
  readonly state: RequestState;
  /** How many distinct people must approve; at least 1. */
  readonly need: number;
  /** The first moment at which an answer comes too late. */
  readonly deadlineMs: number;
  /** When it ended; 0 while pending. */
  readonly endedAtMs: number;
  /** The votes that counted, in order. Fewer than `need` while pending, so bounded by it. */
  readonly votes: readonly Vote[];
}

/** What a vote did. `counted` is false when it changed nothing, and `why` is the sentence to tell its sender. */
export interface Cast {
  readonly ballot: Ballot;
  readonly counted: boolean;
  readonly why: string;
}

/** Random bytes that `requestId` uses up: 7 bytes hold the 50 bits of 10 characters. */
export const ID_RANDOM_BYTES = 7;

/** Nobody watches a page for longer than a day; a longer lifetime in a policy is cut to this. */
export const LIFETIME_MS_MAX = 24 * 60 * 60 * 1000;

// Crockford's base 32: no I, L, O or U, so nothing is misread aloud.
const CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const ID_CHARACTERS = 10;

/** The name of a request on every surface: 10 characters of Crockford's base 32 from 7 unguessable bytes. */
export function requestId(random: Uint8Array): string {
  if (random.length < ID_RANDOM_BYTES) {
    throw new RangeError(`a request's id needs ${ID_RANDOM_BYTES} random bytes, got ${random.length}`);
  }
  let bits = 0n;
  for (const byte of random.subarray(0, ID_RANDOM_BYTES)) {
    bits = (bits << 8n) | BigInt(byte);
  }
  let text = "";
  for (let at = 0; at < ID_CHARACTERS; at += 1) {
    text = CROCKFORD.charAt(Number(bits & 31n)) + text;
    bits >>= 5n;
  }
  return text;
}

/**
 * How long a request may wait, in milliseconds: what the terms say, and no longer than `transactionMsMax` inside an open
 * transaction, where it keeps the target's locks. DESIGN.md 7.
 */
export function lifetimeMs(
  terms: Pick<ApprovalTerms, "expiresMs">,
  held: { readonly inTransaction: boolean; readonly transactionMsMax: number },
): number {
  const most = held.inTransaction ? Math.min(held.transactionMsMax, LIFETIME_MS_MAX) : LIFETIME_MS_MAX;
  // A lifetime that is no number is no lifetime: the request is over at once, which refuses.
  const least = Math.min(terms.expiresMs, most);
  return Number.isFinite(least) ? Math.max(0, least) : 0;
}

/** How many people a policy's count asks for: never nobody, and more than there are for what is no number. */
export function needOf(count: number): number {
  return Number.isFinite(count) ? Math.max(1, Math.ceil(count)) : Number.MAX_SAFE_INTEGER;
}

/** A fresh request that waits for `count` people until `deadlineMs`. A count below 1 is taken as 1, never as nobody. */
export function openBallot(terms: { readonly count: number; readonly deadlineMs: number }): Ballot {
  return { state: "pending", need: needOf(terms.count), deadlineMs: terms.deadlineMs, endedAtMs: 0, votes: [] };
}

/** Counts one person's word. One refusal refuses; an approval counts once per person; a late word counts for nothing. */
export function castVote(ballot: Ballot, vote: Vote): Cast {
  if (ballot.state !== "pending") {
    return { ballot, counted: false, why: `This request is already ${ballot.state}: your answer had no effect.` };
  }
  if (vote.atMs >= ballot.deadlineMs) {
    const expired = expireBallot(ballot, vote.atMs);
    return { ballot: expired, counted: false, why: "This request expired before your answer came: it had no effect." };
  }
  if (vote.word === "refuse") {
    return {
      ballot: { ...ballot, state: "refused", endedAtMs: vote.atMs, votes: [...ballot.votes, vote] },
      counted: true,
      why: "Refused.",
    };
  }
  if (ballot.votes.some((each) => isSamePerson(each.login, vote.login))) {
    const missing = ballot.need - ballot.votes.length;
    return { ballot, counted: false, why: `You approved already; ${missing} more must, and each person counts once.` };
  }
  const votes = [...ballot.votes, vote];
  if (votes.length < ballot.need) {
    return { ballot: { ...ballot, votes }, counted: true, why: `Approved by ${votes.length} of ${ballot.need}.` };
  }
  return { ballot: { ...ballot, state: "approved", endedAtMs: vote.atMs, votes }, counted: true, why: "Approved." };
}

/** Ends a pending request whose time is up, and leaves every other as it is. */
export function expireBallot(ballot: Ballot, nowMs: number): Ballot {
  if (ballot.state !== "pending" || nowMs < ballot.deadlineMs) {
    return ballot;
  }
  return { ...ballot, state: "expired", endedAtMs: nowMs };
}

/** Ends a pending request because its client cancelled or left, and leaves every other as it is. */
export function withdrawBallot(ballot: Ballot, nowMs: number): Ballot {
  return ballot.state === "pending" ? { ...ballot, state: "withdrawn", endedAtMs: nowMs } : ballot;
}

// GitHub's logins differ by more than case; two spellings of one login are one person.
function isSamePerson(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}
