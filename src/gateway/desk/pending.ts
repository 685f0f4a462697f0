// A request that waits for people, seen from the gateway: looked at again and again until it ends, withdrawn when nobody
// waits for it any more.

import type { Answered, ApprovalRequest } from "../../approval/ports.ts";
import { DeskError, isObject } from "./call.ts";

/** How a request stands. `approvals` of `terms.count` people have approved while it is pending. */
export type RequestStanding =
  | { readonly state: "pending"; readonly approvals: number }
  | { readonly state: "answered"; readonly answered: Answered };

/** Where requests wait. */
export interface Pending {
  /** How the request stands, after at most `waitSeconds` (0 to 30) of waiting for its end. */
  standing(id: string, waitSeconds: number, signal: AbortSignal): Promise<RequestStanding>;
  withdraw(id: string): Promise<void>;
}

const WAIT_SECONDS = 25;
// How long after its expiry a request may still bring the countersigner's own signed `expired`.
const EXPIRY_GRACE_MS = 2_000;
const NOBODY = { by: [], reason: "", dsse: "", disclosure: "" } as const;

/** How a request ends whose client left. */
export const WITHDRAWN: Answered = { answer: "withdrawn", ...NOBODY };

/** Waits for the end: an answer, the caller's abort (which withdraws), or the request's lifetime by this clock. */
export async function followRequest(
  pending: Pending,
  request: Pick<ApprovalRequest, "id" | "requestedAt" | "expiresAt">,
  signal: AbortSignal,
): Promise<Answered> {
  const lifetimeMs = Math.max(0, Date.parse(request.expiresAt) - Date.parse(request.requestedAt));
  const late = AbortSignal.timeout(lifetimeMs + EXPIRY_GRACE_MS);
  const over = AbortSignal.any([signal, late]);
  try {
    for (;;) {
      const standing = await pending.standing(request.id, WAIT_SECONDS, over);
      if (standing.state === "answered") return standing.answered;
    }
  } catch (error) {
    if (!over.aborted) throw error;
    await pending.withdraw(request.id);
    // What was answered in the last moment counts for nothing: the caller has given up, or time was up.
    return signal.aborted ? WITHDRAWN : { answer: "expired", ...NOBODY };
  }
}

/** What a desk said of a request. Throws `DeskError` for what cannot be read. */
export function standingOf(value: Readonly<Record<string, unknown>>): RequestStanding {
  if (value["state"] === "pending") return { state: "pending", approvals: Number(value["approvals"]) };
  const { answered } = value;
  if (!isAnswered(answered)) throw new DeskError(200, "the countersigner's answer cannot be read");
  return { state: "answered", answered };
}

function isAnswered(value: unknown): value is Answered {
  return (
    isObject(value) &&
    ["approved", "refused", "expired", "withdrawn"].some((each) => each === value["answer"]) &&
    typeof value["reason"] === "string" &&
    typeof value["dsse"] === "string" &&
    typeof value["disclosure"] === "string" &&
    Array.isArray(value["by"]) &&
    value["by"].every((each) => isObject(each) && typeof each["login"] === "string" && typeof each["via"] === "string")
  );
}
