/**
 * Asks people about a plan: records each statement as it was read and judged, publishes all of them in one request, and
 * puts the plan in force when it was approved and the answer is signed for exactly this list.
 */
import { randomBytes, randomFillSync } from "node:crypto";
import { STATEMENTS_MAX } from "../approval/plan.ts";
import type { Impact, PlanRequest, PlanStatement } from "../approval/ports.ts";
import { ID_RANDOM_BYTES, lifetimeMs, requestId } from "../approval/request.ts";
import { planDigest, planRule } from "../evidence/plans.ts";
import { SaltPool } from "../journal/disclosure.ts";
import { structure } from "../masking/mask.ts";
import type { Command, Effects } from "../model/command.ts";
import type { Decision } from "../model/decision.ts";
import type { Foreseen, Foresight } from "../protocols/protocol.ts";
import { parseVkey } from "../tlog/note.ts";
import { ask, believed, dsseDigest, type HoldParts, reasonOf, saidBy } from "./hold.ts";
import { areSameTerms, type Plans } from "./plans.ts";
import type { Shown } from "./recorder.ts";

export interface ProposeParts extends HoldParts {
  readonly plans: Plans;
  /** A number for a connection that nothing is connected by. */
  readonly number: () => number;
  readonly decide: (target: string, command: Command) => Decision;
  /** Undefined for a target that there is not. */
  readonly foresee: (target: string, text: string, how: "file" | "whole") => Foresight | undefined;
}

export interface Proposal {
  readonly target: string;
  readonly text: string;
  readonly how: "file" | "whole";
}

/** What became of a plan, in words for whoever proposed it. */
export interface PlanEnd {
  /** Can the statements run now as they are: nothing stands against them, or people approved. */
  readonly kind: "good" | "bad";
  readonly words: string;
}

interface Stated {
  readonly command: Foreseen;
  readonly shown: Shown;
  readonly decision: Decision;
}

const UNTOLD: Impact = { estimated: -1, counted: -1, note: "" };

/** `say` is told what happens while it is waited for. Throws JournalError where it cannot be recorded. */
export async function propose(
  parts: ProposeParts,
  { target, text, how }: Proposal,
  { signal, say }: { readonly signal: AbortSignal; readonly say: (words: string) => void },
): Promise<PlanEnd> {
  const foreseen = parts.foresee(target, text, how);
  if (foreseen === undefined) return bad(`there is no target "${target}"`);
  if (foreseen.kind === "unreadable") return bad(`the file cannot be planned: ${foreseen.why}`);
  const { commands } = foreseen;
  if (commands.length === 0) return bad("the file holds no statement");
  if (commands.length > STATEMENTS_MAX) {
    return bad(`a plan has at most ${STATEMENTS_MAX} statements, and these are ${commands.length}; make several`);
  }
  const conn = parts.number();
  const { recorder, turn } = parts.session;
  const opened = { user: "", database: "", application: "countersign plan" };
  recorder.opened(conn, { target, purpose: "plan", opened, tls: { client: false, target: false } });
  const stated = commands.map((command, at): Stated => {
    const numbered: Command = { ...command, id: `${conn}/${at + 1}` };
    const shown = recorder.seen(conn, target, numbered);
    const decision = parts.decide(target, numbered);
    recorder.decided(conn, numbered.id, decision);
    return { command, shown, decision };
  });
  try {
    return await judged(parts, { conn, target, stated }, { signal, say });
  } finally {
    recorder.closed(conn, { commands: 0, received: 0, sent: 0, why: "the plan was dealt with" });
    turn.wake();
  }
}

interface Listed {
  readonly conn: number;
  readonly target: string;
  readonly stated: readonly Stated[];
}

async function judged(
  parts: ProposeParts,
  listed: Listed,
  { signal, say }: { readonly signal: AbortSignal; readonly say: (words: string) => void },
): Promise<PlanEnd> {
  const { stated } = listed;
  const denied = stated.findIndex(({ decision }) => decision.kind === "deny");
  const refused = stated[denied];
  if (refused !== undefined) {
    const { rule, message } = refused.decision.reason;
    return bad(`statement ${denied + 1} is denied by rule "${rule}"; nothing was asked. ${message}`.trim());
  }
  const held = stated.flatMap(({ decision }, at) => (decision.kind === "hold" ? [{ decision, at }] : []));
  const [first] = held;
  if (first === undefined) return { kind: "good", words: "no statement of the plan is held; nobody has to be asked" };
  const other = held.find(({ decision }) => !areSameTerms(decision.approval, first.decision.approval));
  if (other !== undefined) {
    return bad(
      `statements ${first.at + 1} and ${other.at + 1} are for different people to approve (rules ` +
        `"${first.decision.reason.rule}" and "${other.decision.reason.rule}"); make a plan for each`,
    );
  }
  return await askedOf(parts, listed, { signal, say });
}

async function askedOf(
  parts: ProposeParts,
  { conn, target, stated }: Listed,
  { signal, say }: { readonly signal: AbortSignal; readonly say: (words: string) => void },
): Promise<PlanEnd> {
  const { session } = parts;
  const holds = stated.flatMap(({ decision }) => (decision.kind === "hold" ? [decision] : []));
  const [hold] = holds;
  if (hold === undefined) return bad("nothing of the plan is held");
  const rules = [...new Set(holds.map(({ reason }) => reason.rule))];
  const statements: PlanStatement[] = [];
  for (const [at, { command, shown, decision }] of stated.entries()) {
    const impact =
      // oxlint-disable-next-line no-await-in-loop -- the preview's one connection takes one question at a time
      decision.kind === "hold" ? await parts.impactOf(target, { ...command, id: `${conn}/${at + 1}` }) : UNTOLD;
    statements.push({
      text: shown.text,
      digest: shown.digest,
      bytes: sizeOf(command),
      effects: command.effects,
      objects: command.objects.map(structure),
      bounded: command.bounded,
      impact,
      maskedSpans: shown.maskedSpans,
    });
  }
  const id = requestId(randomBytes(ID_RANDOM_BYTES));
  const waitMs = lifetimeMs(hold.approval, { inTransaction: false, transactionMsMax: parts.transactionMsMax });
  const requestedAt = new Date();
  const expiresAt = new Date(requestedAt.getTime() + waitMs).toISOString();
  const digests = statements.map(({ digest }) => digest);
  const { count, teams, users } = hold.approval;
  session.log.append("plan.requested", conn, {
    approvers: { count, teams, users },
    digests,
    expiresAt,
    request: id,
    rules,
    target,
  });
  const request: PlanRequest = {
    id,
    sid: session.sid,
    cmd: `${conn}/1`,
    target,
    text: structure(`A plan of ${statements.length} statements, each used once, in this order`),
    params: [],
    maskedSpans: statements.reduce((sum, each) => sum + each.maskedSpans, 0),
    digest: planDigest(digests),
    leaf: session.log.leafOfLast(),
    bytes: statements.reduce((sum, each) => sum + each.bytes, 0),
    effects: effectsOf(stated),
    objects: [...new Set(statements.flatMap(({ objects }) => objects))],
    bounded: statements.every(({ bounded }) => bounded),
    why: [...new Set(stated.flatMap(({ command }) => command.why))],
    inTransaction: false,
    impact: { estimated: -1, counted: -1, note: "each statement has its own" },
    rule: planRule(rules),
    message: [...new Set(holds.map(({ reason }) => reason.message).filter((each) => each !== ""))].join(" "),
    matched: [...new Set(holds.flatMap(({ reason }) => reason.matched))],
    policy: parts.policyDigest,
    identity: parts.identity,
    requestedAt: requestedAt.toISOString(),
    expiresAt,
    terms: hold.approval,
    statements,
  };
  session.turn.wake();
  say(`asking people about ${statements.length} statements in request ${id}, until ${expiresAt}`);
  const onShown = (where: string): void => {
    if (where !== "") say(`request ${id} waits for an answer at ${where}`);
  };
  const publicKey = parseVkey(parts.vkey).publicKey;
  const answered = await believed(
    parts,
    request,
    publicKey,
    await ask(parts.desk, { request, waitMs, signal, onShown }),
  );
  if (answered.dsse !== "") session.keepApproval(id, answered.dsse);
  const reason = reasonOf(answered, new SaltPool((bytes) => randomFillSync(bytes)));
  const seq = session.log.append("plan.answered", conn, {
    answer: answered.answer,
    by: saidBy(answered),
    dsse: dsseDigest(answered),
    reason: reason === undefined ? [] : [reason.redacted],
    request: id,
  });
  if (reason !== undefined) session.log.disclose(reason, `/${seq}/body/reason/0`);
  if (answered.answer === "approved") {
    const list = stated.map(({ command, shown: { digest } }) => ({ command, digest }));
    parts.plans.approve({
      request: id,
      sid: session.sid,
      target,
      statements: list,
      terms: hold.approval,
      rules,
      answered,
    });
  }
  const who = answered.by.map(({ login }) => login).join(", ");
  const said = answered.reason === "" ? "" : `: ${answered.reason}`;
  const words = `plan ${id} ${answered.answer}${who === "" ? "" : ` by ${who}`}${said}`;
  return { kind: answered.answer === "approved" ? "good" : "bad", words };
}

function sizeOf({ bytes }: Foreseen): number {
  return bytes.reduce((sum, each) => sum + each.length, 0);
}

function effectsOf(stated: readonly Stated[]): Effects {
  const [first, ...rest] = new Set(stated.flatMap(({ command }) => command.effects));
  return first === undefined ? ["unknown"] : [first, ...rest];
}

function bad(words: string): PlanEnd {
  return { kind: "bad", words };
}
