/**
 * An ordered list of statements that was approved in one request: `countersign plan`. DESIGN.md 7.
 *
 * Each statement is used once, in that order, in one session at one target. Any other command is asked about anew, and
 * leaves the plan where it is.
 */

/** An approved plan, and how far it was used. */
export interface Plan {
  readonly sid: string;
  readonly target: string;
  /** What the statements are told by, in their order. The same statement may stand in it more than once. */
  readonly digests: readonly string[];
  /** How many of them were used. */
  readonly used: number;
  /** True once its session ended or one of its statements failed: the rest was approved to follow it. */
  readonly stopped: boolean;
}

/** A command that may be the next of a plan. */
interface Presented {
  readonly sid: string;
  readonly target: string;
  readonly digest: string;
}

// One that nobody reads is no plan; and all of it has to be on one page.
export const STATEMENTS_MAX = 500;

/** Opens an approved plan. Throws RangeError for an empty one, and for one of more statements than people read. */
export function openPlan({ sid, target, digests }: Pick<Plan, "sid" | "target" | "digests">): Plan {
  if (digests.length === 0 || digests.length > STATEMENTS_MAX) {
    throw new RangeError(`a plan has 1 to ${STATEMENTS_MAX} statements, not ${digests.length}; make several plans`);
  }
  return { sid, target, digests: [...digests], used: 0, stopped: false };
}

/** Whether the plan's approval covers this command, which then is used; where it does not, people are asked. */
export function usePlan(
  plan: Plan,
  { sid, target, digest }: Presented,
): { readonly plan: Plan; readonly covered: boolean; readonly why: string } {
  const ask = (why: string): ReturnType<typeof usePlan> => ({ plan, covered: false, why });
  if (sid !== plan.sid || target !== plan.target) {
    return ask("The plan was approved for another session or target.");
  }
  if (plan.stopped) {
    return ask("The plan was stopped; the rest of it needs to be asked again.");
  }
  const next = plan.digests[plan.used];
  if (next === undefined) {
    return ask("Every statement of the plan was used.");
  }
  if (next !== digest) {
    return ask(`It is not the plan's next statement, which is number ${plan.used + 1} of ${plan.digests.length}.`);
  }
  const used = plan.used + 1;
  return { plan: { ...plan, used }, covered: true, why: `Statement ${used} of ${plan.digests.length} of the plan.` };
}

/** Ends a plan whose session ended, or of which a statement failed. Nothing more is used of it. */
export function stopPlan(plan: Plan): Plan {
  return { ...plan, stopped: true };
}
