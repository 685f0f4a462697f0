// The course of every command: seen, decided, perhaps asked and answered, settled, returned. Holds the events of a
// session to that order, and keeps what the check of approvals needs.

import type { EventBodies } from "../model/event.ts";
import type { KnownEvent } from "./event-shapes.ts";
import { type AskedPlan, Plans } from "./plans.ts";
import type { Finding } from "./report.ts";

/** A command that waited for people. */
export interface HeldCommand {
  readonly cmd: string;
  readonly leaf: string;
  readonly seen: EventBodies["command.seen"];
  readonly rule: string;
  readonly requested: readonly EventBodies["approval.requested"][];
  readonly answered: readonly EventBodies["approval.answered"][];
  readonly released: boolean;
  /** The plan that covers it; undefined where none does. */
  readonly plan: AskedPlan | undefined;
}

interface Steps {
  readonly seen: EventBodies["command.seen"];
  readonly leaf: string;
  decided: EventBodies["command.decided"] | undefined;
  requested: EventBodies["approval.requested"][];
  answered: EventBodies["approval.answered"][];
  ruling: "release" | "refuse" | undefined;
}

/** Follows commands through a session. */
export class Course {
  readonly #order: Finding;
  readonly #commands = new Map<string, Steps>();
  readonly #held: Steps[] = [];
  readonly #requests = new Set<string>();
  readonly #plans = new Plans((event, what) => this.#wrong(event, what));
  /** The targets that session.started names; undefined before it. */
  #targets: ReadonlySet<string> | undefined;
  readonly #issued = new Set<string>();
  #ended = false;
  #count = 0;

  constructor(order: Finding) {
    this.#order = order;
  }

  add(event: KnownEvent, leaf: Buffer): void {
    if (this.#ended) this.#wrong(event, "comes after session.ended");
    this.#count += 1;
    switch (event.type) {
      case "session.started":
        if (event.seq !== 0) this.#wrong(event, "comes again");
        this.#targets ??= new Set(event.body.targets.map(({ name }) => name));
        return;
      case "credential.issued":
        this.#onIssued(event, event.body);
        return;
      case "session.ended":
        this.#ended = true;
        return;
      case "command.seen":
        this.#onSeen(event, event.body, leaf);
        this.#plans.seen(event, event.body);
        return;
      case "command.decided":
        this.#onDecided(event, event.body);
        this.#plans.decided(event, event.body);
        return;
      case "plan.requested":
        if (this.#requests.has(event.body.request))
          this.#wrong(event, `uses request ${event.body.request} a second time`);
        this.#requests.add(event.body.request);
        this.#plans.requested(event, event.body, leaf);
        return;
      case "plan.answered":
        this.#plans.answered(event, event.body);
        return;
      case "approval.requested":
        this.#onRequested(event, event.body);
        return;
      case "approval.answered":
        this.#onAnswered(event, event.body);
        return;
      case "command.settled":
        this.#onSettled(event, event.body);
        this.#plans.settled(event.body);
        return;
      case "command.returned":
        if (this.#commands.get(event.body.cmd)?.ruling !== "release") this.#wrong(event, "was never released");
        this.#plans.returned(event.body);
        return;
      case "masked":
        if (!this.#commands.has(event.body.cmd)) this.#wrong(event, "was never seen");
        return;
      case "connection.opened":
        this.#plans.opened(event, event.body);
        return;
      case "connection.closed":
      case "gap":
        return;
    }
  }

  /** Was there a session.ended. */
  get ended(): boolean {
    return this.#ended;
  }

  get events(): number {
    return this.#count;
  }

  /** Every command that people were asked about. */
  held(): readonly HeldCommand[] {
    return this.#held.map(({ seen, leaf, decided, requested, answered, ruling }) => ({
      cmd: seen.cmd,
      leaf,
      seen,
      rule: decided?.rule ?? "",
      requested,
      answered,
      released: ruling === "release",
      plan: this.#plans.coverOf(seen.cmd),
    }));
  }

  /** Every plan that people were asked about. */
  plans(): readonly AskedPlan[] {
    return this.#plans.all();
  }

  #onIssued(event: KnownEvent, { target }: EventBodies["credential.issued"]): void {
    if (event.conn !== 0) this.#wrong(event, "speaks of a connection, and it is the session's");
    if (this.#targets === undefined) this.#wrong(event, "comes before session.started");
    else if (!this.#targets.has(target)) this.#wrong(event, "is of a target that session.started does not name");
    if (this.#issued.has(target)) this.#wrong(event, "is the second for its target");
    this.#issued.add(target);
  }

  #onSeen(event: KnownEvent, body: EventBodies["command.seen"], leaf: Buffer): void {
    if (this.#commands.has(body.cmd)) {
      this.#wrong(event, "was seen before");
      return;
    }
    this.#commands.set(body.cmd, {
      seen: body,
      leaf: leaf.toString("base64url"),
      decided: undefined,
      requested: [],
      answered: [],
      ruling: undefined,
    });
  }

  #onDecided(event: KnownEvent, body: EventBodies["command.decided"]): void {
    const steps = this.#commands.get(body.cmd);
    if (steps === undefined) this.#wrong(event, "was never seen");
    else if (steps.decided !== undefined) this.#wrong(event, "was decided before");
    else {
      steps.decided = body;
      if (body.decision === "hold" && !this.#plans.isStatement(event.conn)) this.#held.push(steps);
    }
  }

  #onRequested(event: KnownEvent, body: EventBodies["approval.requested"]): void {
    const steps = this.#commands.get(body.cmd);
    if (steps?.decided?.decision !== "hold") this.#wrong(event, "is not held");
    else if (steps.ruling !== undefined) this.#wrong(event, "is settled already");
    else if (body.leaf !== steps.leaf) this.#wrong(event, "asks about another leaf than that of its command");
    else if (this.#requests.has(body.request)) this.#wrong(event, `uses request ${body.request} a second time`);
    else steps.requested.push(body);
    this.#requests.add(body.request);
  }

  #onAnswered(event: KnownEvent, body: EventBodies["approval.answered"]): void {
    const steps = this.#commands.get(body.cmd);
    const covered = this.#plans.coverOf(body.cmd)?.requested.request === body.request;
    if (steps === undefined || (!covered && !steps.requested.some(({ request }) => request === body.request)))
      this.#wrong(event, "was never asked");
    else if (steps.ruling !== undefined) this.#wrong(event, "is settled already");
    else if (steps.answered.some(({ request }) => request === body.request)) this.#wrong(event, "was answered before");
    else steps.answered.push(body);
  }

  #onSettled(event: KnownEvent, body: EventBodies["command.settled"]): void {
    const steps = this.#commands.get(body.cmd);
    if (steps?.decided === undefined) {
      this.#wrong(event, "was never decided");
      return;
    }
    if (this.#plans.isStatement(event.conn)) this.#wrong(event, "is a plan's statement, which is not run as such");
    if (steps.ruling !== undefined) this.#wrong(event, "was settled before");
    steps.ruling = body.ruling;
    if (body.ruling === "refuse") return;
    switch (steps.decided.decision) {
      case "allow":
        return;
      case "deny":
        this.#wrong(event, "was released though policy denied it");
        return;
      case "hold":
        if (steps.answered.at(-1)?.answer !== "approved") this.#wrong(event, "was released though nobody approved it");
    }
  }

  #wrong(event: KnownEvent, what: string): void {
    const cmd = "cmd" in event.body ? ` of command ${event.body.cmd}` : "";
    this.#order.fail(`seq ${event.seq}, ${event.type}${cmd}: ${what}`);
  }
}
