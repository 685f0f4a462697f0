/** Signs how a request ended: the statement that its gateway verifies before it releases anything. */

import type { Answered } from "../../src/approval/ports.ts";
import { signApproval } from "../../src/evidence/approval-statement.ts";
import { redact } from "../../src/journal/disclosure.ts";
import { structure } from "../../src/masking/mask.ts";
import type { Context } from "../context.ts";
import { askedOf, type End, type RequestRow, WITHDRAWN } from "./requests.ts";

/** Whoever decided it, by what, and why. */
export interface Decision {
  readonly by: Answered["by"];
  readonly reason: string;
  /** The words, whole: kept, because comments can be edited and deleted. */
  readonly words: readonly unknown[];
}

export const NOBODY: Decision = { by: [], reason: "", words: [] };

/** The end of `row` in this state. `withdrawn` and `void` are nobody's answers and are not signed. */
export function endOf(
  { signer, random }: Pick<Context, "signer" | "random">,
  row: RequestRow,
  { state, atMs, decision }: { readonly state: string; readonly atMs: number; readonly decision: Decision },
): End {
  if (state !== "approved" && state !== "refused" && state !== "expired") return { answered: WITHDRAWN, counted: [] };
  const { by, reason, words } = state === "expired" ? NOBODY : decision;
  const { id, sid, cmd, target, digest, leaf, policy, rule, requestedAt, expiresAt } = askedOf(row);
  const salts = { next: () => Buffer.from(random(16)).toString("base64url") };
  const said = reason === "" ? undefined : redact(structure(reason), salts);
  const dsse = signApproval(
    {
      request: id,
      sid,
      cmd,
      target,
      digest,
      leaf,
      policy,
      rule,
      requestedAt,
      expiresAt,
      answer: state,
      by,
      reason: said === undefined ? [] : [said.redacted],
      decidedAt: new Date(atMs).toISOString(),
    },
    signer,
  );
  return { answered: { answer: state, by, reason, dsse, disclosure: said?.disclosure ?? "" }, counted: words };
}
