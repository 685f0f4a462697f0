import type { CommandId, Effects } from "../model/command.ts";
import type { Answer, ApprovalTerms } from "../model/decision.ts";
import type { Masked } from "../model/masked.ts";
import type { Identity, SessionId } from "../model/session.ts";

/** What people are asked, complete: they see this and nothing else. DESIGN.md 7. */
export interface ApprovalRequest {
  /** Unique in the world; names the request on every surface. 10 characters of Crockford's base 32. */
  readonly id: string;
  readonly sid: SessionId;
  readonly cmd: CommandId;
  readonly target: string;
  readonly text: Masked;
  readonly params: readonly Masked[];
  /** How many spans of text and parameters were masked. */
  readonly maskedSpans: number;
  /** base64url of the salted digest of the exact bytes (`command.seen`'s `digest`). The answer is bound to it. */
  readonly digest: string;
  /** base64url RFC 6962 leaf hash of the `command.seen` line. */
  readonly leaf: string;
  readonly bytes: number;
  readonly effects: Effects;
  readonly objects: readonly string[];
  readonly bounded: boolean;
  readonly why: readonly string[];
  readonly inTransaction: boolean;
  readonly impact: Impact;
  readonly rule: string;
  readonly message: string;
  readonly matched: readonly string[];
  readonly policy: string;
  readonly identity: Identity;
  readonly requestedAt: string;
  readonly expiresAt: string;
  readonly terms: ApprovalTerms;
}

/** One statement of a plan. What it has in common with the others is in the plan's request. */
export type PlanStatement = Pick<
  ApprovalRequest,
  "text" | "digest" | "bytes" | "effects" | "objects" | "bounded" | "impact" | "maskedSpans"
>;

/** An ordered list of statements in one request: its `digest` covers all of them in their order. DESIGN.md 7. */
export interface PlanRequest extends ApprovalRequest {
  readonly statements: readonly PlanStatement[];
}

/** What it would touch, as far as that could be found out without running it. */
export interface Impact {
  /** The plan's estimate of rows; -1 when the target gave none. */
  readonly estimated: number;
  /** Rows that the condition meets, counted; -1 when they could not be counted in time. */
  readonly counted: number;
  /** Why a number is missing; empty when none is. */
  readonly note: string;
}

/** How a request ended. `dsse` is the signed answer, whole, where people or the countersigner's clock gave one. */
export interface Answered {
  readonly answer: Answer;
  readonly by: readonly { readonly login: string; readonly via: string }[];
  readonly reason: string;
  readonly dsse: string;
  /** What the signed answer holds of the reason is a digest; this is what it is of. Empty where there is none. */
  readonly disclosure: string;
}

/** Where requests are shown to people and answered: the local countersigner's page, or the App. */
export interface ApprovalDesk {
  /**
   * Publishes the request and waits for its end. The caller verifies the signed answer before it believes it. `shown` is
   * told once people can see it, with the address where they answer; empty where there is none to tell.
   */
  ask(request: ApprovalRequest | PlanRequest, signal: AbortSignal, shown?: (where: string) => void): Promise<Answered>;
}
