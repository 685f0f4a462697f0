// The plans of a session: which statements people were asked about in one request, and which commands that answer covers.
// A covered command is the plan's next statement, byte for byte by its digest, after the one before it was completed.

import { hash } from "node:crypto";
import type { EventBodies } from "../model/event.ts";
import type { KnownEvent } from "./event-shapes.ts";

/** A plan that people were asked about. */
export interface AskedPlan {
  readonly requested: EventBodies["plan.requested"];
  /** RFC 6962 leaf hash of `plan.requested`, base64url. */
  readonly leaf: string;
  /** The first of its statements. */
  readonly cmd: string;
  readonly answered: EventBodies["plan.answered"] | undefined;
}

interface Plan extends AskedPlan {
  answered: EventBodies["plan.answered"] | undefined;
  used: number;
  stopped: boolean;
  /** The covered command that has not ended; empty for none. */
  running: string;
}

/** What was seen on a plan's connection. */
interface Stated {
  readonly target: string;
  readonly cmds: string[];
  readonly digests: string[];
  readonly rules: string[];
  asked: boolean;
}

/** What an answer to a plan is bound to: the digests of its statements in their order. */
export function planDigest(digests: readonly string[]): string {
  return hash("sha256", digests.join("\n"), "base64url");
}

/** The rule that an answer to a plan names: the first of them. All ask the same people; the line that is signed has all. */
export function planRule([first = ""]: readonly string[]): string {
  return first;
}

/** Follows plans through a session. `wrong` is told what cannot be. */
export class Plans {
  readonly #wrong: (event: KnownEvent, what: string) => void;
  readonly #stated = new Map<number, Stated>();
  readonly #plans = new Map<string, Plan>();
  /** The plan that is in force at a target: the newest that was approved. */
  readonly #inForce = new Map<string, Plan>();
  readonly #covered = new Map<string, Plan>();

  constructor(wrong: (event: KnownEvent, what: string) => void) {
    this.#wrong = wrong;
  }

  opened({ conn }: KnownEvent, { purpose, target }: EventBodies["connection.opened"]): void {
    if (purpose === "plan") this.#stated.set(conn, { target, cmds: [], digests: [], rules: [], asked: false });
  }

  /** Was it seen on a connection that nothing was connected by. */
  isStatement(conn: number): boolean {
    return this.#stated.has(conn);
  }

  seen(event: KnownEvent, body: EventBodies["command.seen"]): void {
    const stated = this.#stated.get(event.conn);
    if (stated === undefined) {
      this.#cover(body);
      return;
    }
    if (stated.asked) this.#wrong(event, "comes after its plan was asked for");
    if (body.target !== stated.target) this.#wrong(event, "is of another target than its plan");
    stated.cmds.push(body.cmd);
    stated.digests.push(body.digest);
  }

  decided(event: KnownEvent, { decision, rule }: EventBodies["command.decided"]): void {
    const rules = this.#stated.get(event.conn)?.rules;
    if (rules !== undefined && decision === "hold" && !rules.includes(rule)) rules.push(rule);
  }

  requested(event: KnownEvent, body: EventBodies["plan.requested"], leaf: Buffer): void {
    const stated = this.#stated.get(event.conn);
    if (stated === undefined) this.#wrong(event, "is on a connection that is no plan's");
    else if (stated.asked) this.#wrong(event, "is the second of its plan");
    else if (
      stated.target !== body.target ||
      !isSame(stated.digests, body.digests) ||
      !isSame(stated.rules, body.rules)
    )
      this.#wrong(event, "asks about other statements than were seen");
    else {
      stated.asked = true;
      const cmd = stated.cmds[0] ?? "";
      const plan = { requested: body, leaf: leaf.toString("base64url"), cmd };
      this.#plans.set(body.request, { ...plan, answered: undefined, used: 0, stopped: false, running: "" });
    }
  }

  answered(event: KnownEvent, body: EventBodies["plan.answered"]): void {
    const plan = this.#plans.get(body.request);
    if (plan === undefined) this.#wrong(event, "was never asked");
    else if (plan.answered !== undefined) this.#wrong(event, "was answered before");
    else {
      plan.answered = body;
      if (body.answer === "approved") this.#inForce.set(plan.requested.target, plan);
    }
  }

  settled({ cmd, ruling }: EventBodies["command.settled"]): void {
    const plan = this.#covered.get(cmd);
    if (plan !== undefined && ruling === "refuse") plan.stopped = true;
  }

  returned({ cmd, outcome }: EventBodies["command.returned"]): void {
    const plan = this.#covered.get(cmd);
    if (plan?.running !== cmd || outcome === "suspended") return;
    plan.running = "";
    if (outcome !== "completed") plan.stopped = true;
  }

  /** The plan whose answer covers this command; undefined where none does. */
  coverOf(cmd: string): AskedPlan | undefined {
    return this.#covered.get(cmd);
  }

  all(): readonly AskedPlan[] {
    return [...this.#plans.values()];
  }

  #cover({ cmd, target, digest }: EventBodies["command.seen"]): void {
    const plan = this.#inForce.get(target);
    if (plan === undefined || plan.stopped || plan.running !== "") return;
    // Digests have a secret key each, so equal ones are of the very text that stands in the plan.
    if (plan.requested.digests[plan.used] !== digest) return;
    plan.used += 1;
    plan.running = cmd;
    this.#covered.set(cmd, plan);
  }
}

function isSame(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((each, at) => each === right[at]);
}
