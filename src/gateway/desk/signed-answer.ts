/** Turns the end of a request into the signed statement that the gateway verifies before it releases anything. */
import type { Answered, ApprovalRequest } from "../../approval/ports.ts";
import { type Asked, signApproval } from "../../evidence/approval-statement.ts";
import type { DsseSigner } from "../../evidence/dsse.ts";
import { redact, type Salts } from "../../journal/disclosure.ts";
import { structure } from "../../masking/mask.ts";
import type { Ending } from "./book.ts";

/** The DSSE envelope of an answer, and what its reason's digest is of; empty for `withdrawn`, which nobody said. */
export function signEnding(
  { request, answer, by, reason, atMs }: Ending,
  { signer, salts }: { readonly signer: DsseSigner; readonly salts: Salts },
): Pick<Answered, "dsse" | "disclosure"> {
  if (answer === "withdrawn") {
    return { dsse: "", disclosure: "" };
  }
  const said = reason === "" ? undefined : redact(structure(reason), salts);
  const facts = {
    ...asked(request),
    answer,
    by,
    reason: said === undefined ? [] : [said.redacted],
    decidedAt: new Date(atMs).toISOString(),
  };
  return { dsse: signApproval(facts, signer), disclosure: said?.disclosure ?? "" };
}

/** What a signed answer to `request` must name: hand it to `verifyApproval`. */
export function asked(request: ApprovalRequest): Asked {
  const { id, sid, cmd, target, digest, leaf, policy, rule, requestedAt, expiresAt } = request;
  return { request: id, sid, cmd, target, digest, leaf, policy, rule, requestedAt, expiresAt };
}
