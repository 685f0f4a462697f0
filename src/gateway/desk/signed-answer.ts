/** Turns the end of a request into the signed statement that the gateway verifies before it releases anything. */
import type { ApprovalRequest } from "../../approval/ports.ts";
import { type Asked, signApproval } from "../../evidence/approval-statement.ts";
import type { DsseSigner } from "../../evidence/dsse.ts";
import type { Ending } from "./book.ts";

/** The DSSE envelope of an answer; empty for `withdrawn`, which nobody said. */
export function signEnding({ request, answer, by, reason, atMs }: Ending, signer: DsseSigner): string {
  if (answer === "withdrawn") {
    return "";
  }
  return signApproval({ ...asked(request), answer, by, reason, decidedAt: new Date(atMs).toISOString() }, signer);
}

/** What a signed answer to `request` must name: hand it to `verifyApproval`. */
export function asked(request: ApprovalRequest): Asked {
  const { id, sid, cmd, target, digest, leaf, policy, rule, requestedAt, expiresAt } = request;
  return { request: id, sid, cmd, target, digest, leaf, policy, rule, requestedAt, expiresAt };
}
