import { hash, randomBytes, randomFillSync } from "node:crypto";
import type { Answered, ApprovalDesk, ApprovalRequest, Impact, PlanRequest } from "../approval/ports.ts";
import { ID_RANDOM_BYTES, lifetimeMs, requestId } from "../approval/request.ts";
import { verifyApproval } from "../evidence/approval-statement.ts";
import { digestOf, openDisclosure, type Redaction, redact, SaltPool, type Salts } from "../journal/disclosure.ts";
import { structure } from "../masking/mask.ts";
import type { Command } from "../model/command.ts";
import type { Identity } from "../model/session.ts";
import { parseVkey } from "../tlog/note.ts";
import type { AskPeople, HoldEnd } from "./judge.ts";
import type { Session } from "./session.ts";

// Asks people about one held command: finds out what it would touch, publishes the request, and believes the answer
// only when the countersigner signed it for exactly this request.

export interface HoldParts {
  readonly session: Session;
  readonly desk: ApprovalDesk;
  /** The countersigner's key, C2SP type 0x04. */
  readonly vkey: string;
  readonly identity: Identity;
  readonly policyDigest: string;
  /** The longest wait inside an open transaction, where it keeps the target's locks. */
  readonly transactionMsMax: number;
  readonly impactOf: (target: string, command: Command) => Promise<Impact>;
}

const NOBODY: Answered = { answer: "expired", by: [], reason: "", dsse: "", disclosure: "" };

/** Makes the function with which the judge asks people. */
export function askPeople(parts: HoldParts): AskPeople {
  const { session } = parts;
  const salts = new SaltPool((bytes) => randomFillSync(bytes));
  const publicKey = parseVkey(parts.vkey).publicKey;

  return async ({ asker, command, shown, leaf, decision }, signal): Promise<HoldEnd> => {
    const id = requestId(randomBytes(ID_RANDOM_BYTES));
    asker.tell(`countersign: held for approval (rule "${decision.reason.rule}"), request ${id}`);
    const impact = await parts.impactOf(asker.target, command);
    const waitMs = lifetimeMs(decision.approval, {
      inTransaction: command.inTransaction,
      transactionMsMax: parts.transactionMsMax,
    });
    const requestedAt = new Date();
    const request: ApprovalRequest = {
      id,
      sid: session.sid,
      cmd: command.id,
      target: asker.target,
      text: shown.text,
      params: shown.params,
      maskedSpans: shown.maskedSpans,
      digest: shown.digest,
      leaf,
      bytes: command.bytes.reduce((sum, each) => sum + each.length, 0),
      effects: command.effects,
      objects: command.objects.map(structure),
      bounded: command.bounded,
      why: command.why,
      inTransaction: command.inTransaction,
      impact,
      rule: decision.reason.rule,
      message: decision.reason.message,
      matched: decision.reason.matched,
      policy: parts.policyDigest,
      identity: parts.identity,
      requestedAt: requestedAt.toISOString(),
      expiresAt: new Date(requestedAt.getTime() + waitMs).toISOString(),
      terms: decision.approval,
    };
    session.log.append("approval.requested", asker.number, {
      approvers: { count: request.terms.count, teams: request.terms.teams, users: request.terms.users },
      cmd: command.id,
      expiresAt: request.expiresAt,
      impact: { counted: impact.counted, estimated: impact.estimated },
      leaf,
      request: id,
    });
    session.turn.wake();
    const onShown = (where: string): void => {
      if (where !== "") asker.tell(`countersign: request ${id} waits for an answer at ${where}`);
    };
    const answered = await believed(
      parts,
      request,
      publicKey,
      await ask(parts.desk, { request, waitMs, signal, onShown }),
    );
    if (answered.dsse !== "") session.keepApproval(id, answered.dsse);
    const reason = reasonOf(answered, salts);
    const seq = session.log.append("approval.answered", asker.number, {
      answer: answered.answer,
      by: saidBy(answered),
      cmd: command.id,
      dsse: dsseDigest(answered),
      reason: reason === undefined ? [] : [reason.redacted],
      request: id,
    });
    if (reason !== undefined) session.log.disclose(reason, `/${seq}/body/reason/0`);
    const who = answered.by.map((each) => each.login).join(", ");
    const said = answered.reason === "" ? "" : `: ${answered.reason}`;
    return { answer: answered.answer, words: `Request ${id}${who === "" ? "" : ` answered by ${who}`}${said}.` };
  };
}

/** Who answered, as an event has it. */
export function saidBy({ by }: Answered): Answered["by"] {
  return by.map(({ login, via }) => ({ login: structure(login), via: structure(via) }));
}

/** The signed answer's file by its digest; empty where nobody signed. */
export function dsseDigest({ dsse }: Answered): string {
  return dsse === "" ? "" : `sha256:${hash("sha256", dsse, "hex")}`;
}

/** Waits for the desk, no longer than the request lives by this machine's monotonic clock. */
export async function ask(
  desk: ApprovalDesk,
  {
    request,
    waitMs,
    signal,
    onShown,
  }: {
    readonly request: ApprovalRequest | PlanRequest;
    readonly waitMs: number;
    readonly signal: AbortSignal;
    readonly onShown: (where: string) => void;
  },
): Promise<Answered> {
  const late = AbortSignal.timeout(waitMs + GRACE_MS);
  try {
    const answered = await desk.ask(request, AbortSignal.any([signal, late]), onShown);
    // The client cancelled or left while the answer was on its way: nothing may run for it any more.
    return signal.aborted ? { ...NOBODY, answer: "withdrawn" } : answered;
  } catch (error) {
    if (signal.aborted) return { ...NOBODY, answer: "withdrawn" };
    // Nobody can answer: that refuses, and the record says so.
    return { ...NOBODY, reason: error instanceof Error ? error.message : "the approval desk failed" };
  }
}

/** The desk itself ends a request when it expires; this is only for one that does not. */
const GRACE_MS = 5_000;

/** An approval counts only with a signature over exactly this request; everything else may only refuse. */
export async function believed(
  parts: HoldParts,
  request: ApprovalRequest,
  publicKey: Uint8Array,
  answered: Answered,
): Promise<Answered> {
  if (answered.answer !== "approved") return answered;
  const { cmd, digest, expiresAt, id, leaf, policy, requestedAt, rule, sid, target } = request;
  const expected = { cmd, digest, expiresAt, leaf, policy, request: id, requestedAt, rule, sid, target };
  const result = verifyApproval(answered.dsse, publicKey, expected);
  const reason = answered.disclosure === "" ? [] : [{ "...": digestOf(answered.disclosure) }];
  const same = result.kind === "good" && JSON.stringify(result.facts.reason) === JSON.stringify(reason);
  if (same && result.facts.answer === "approved") return answered;
  parts.session.recorder.gap(0, request.cmd, `an approval of request ${request.id} did not verify`);
  return { answer: "refused", by: [], reason: "the approval's signature did not verify", dsse: "", disclosure: "" };
}

/** The reason as it is recorded: by the digest that was signed, where it is one of this reason. */
export function reasonOf({ reason, disclosure }: Answered, salts: Salts): Redaction | undefined {
  if (reason === "") return undefined;
  const text = structure(reason);
  if (openDisclosure(disclosure)?.value !== text) return redact(text, salts);
  return { redacted: { "...": digestOf(disclosure) }, disclosure };
}
