/**
 * The plans of a session that people approved, and which commands they cover. `src/approval/plan.ts` holds the law; here it
 * is decided whether a command is the very statement that people were shown.
 */
import { openPlan, type Plan, stopPlan, usePlan } from "../approval/plan.ts";
import type { Answered } from "../approval/ports.ts";
import type { Command, CommandId } from "../model/command.ts";
import type { ApprovalTerms, Decision } from "../model/decision.ts";
import type { Foreseen, Returned } from "../protocols/protocol.ts";

/** A statement as people were shown it. */
export interface PlannedStatement {
  readonly command: Foreseen;
  readonly digest: string;
}

export interface ApprovedPlan {
  readonly request: string;
  readonly sid: string;
  readonly target: string;
  readonly statements: readonly PlannedStatement[];
  /** Those of every rule that holds one of them. */
  readonly terms: ApprovalTerms;
  readonly rules: readonly string[];
  readonly answered: Answered;
}

/** What covers a command. */
export interface Cover {
  readonly request: string;
  readonly answered: Answered;
  /** `Statement 3 of 20 of the plan.` */
  readonly why: string;
  /** The statement's own text, as the record knows it. */
  readonly textKey: object;
}

interface InForce {
  readonly approved: ApprovedPlan;
  plan: Plan;
  /** The covered command that has not ended. */
  running: CommandId | undefined;
}

/** Law: at each target at most one plan is in force, and of it at most one statement runs at a time. */
export class Plans {
  readonly #inForce = new Map<string, InForce>();

  /** From here on it is the plan at its target; another one there is in force no more. */
  approve(approved: ApprovedPlan): void {
    const { sid, target, statements } = approved;
    const plan = openPlan({ sid, target, digests: statements.map(({ digest }) => digest) });
    this.#inForce.set(target, { approved, plan, running: undefined });
  }

  /**
   * What covers this command, which is then used; undefined where people have to be asked, or nobody. It must be the next
   * statement to the byte, and read and decided as it was when people were shown it.
   */
  cover(target: string, command: Command, decision: Decision): Cover | undefined {
    const now = this.#inForce.get(target);
    if (now === undefined || now.running !== undefined) return undefined;
    const { approved, plan } = now;
    const next = approved.statements[plan.used];
    if (next === undefined || !isSameStatement(command, next.command) || !isCovered(decision, approved))
      return undefined;
    const used = usePlan(plan, { sid: approved.sid, target, digest: next.digest });
    if (!used.covered) return undefined;
    now.plan = used.plan;
    now.running = command.id;
    return { request: approved.request, answered: approved.answered, why: used.why, textKey: next.command.textKey };
  }

  /** An execution ended. One that failed ends the plan: the rest was approved to follow it. */
  returned(target: string, { id, outcome }: Pick<Returned, "id" | "outcome">): void {
    const now = this.#inForce.get(target);
    if (now === undefined || now.running !== id || outcome === "suspended") return;
    now.running = undefined;
    if (outcome !== "completed") now.plan = stopPlan(now.plan);
  }
}

function isSameStatement(command: Command, stated: Foreseen): boolean {
  return (
    Buffer.concat(command.bytes).equals(Buffer.concat(stated.bytes)) &&
    command.bounded === stated.bounded &&
    isSameList(command.effects, stated.effects) &&
    isSameList(command.objects, stated.objects)
  );
}

function isSameList(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((each, at) => each === right[at]);
}

/** Policy's word on it now is one that the plan's answer is an answer to. */
function isCovered(decision: Decision, { terms, rules }: ApprovedPlan): boolean {
  switch (decision.kind) {
    case "allow":
      return true;
    case "deny":
      return false;
    case "hold":
      return rules.includes(decision.reason.rule) && areSameTerms(decision.approval, terms);
  }
}

/** Whether the same people could answer, as many, in the same ways. */
export function areSameTerms(left: ApprovalTerms, right: ApprovalTerms): boolean {
  const of = ({ teams, users, count, expiresMs, via }: ApprovalTerms): string =>
    JSON.stringify([teams, users, count, expiresMs, via]);
  return of(left) === of(right);
}
