// What a session comes to: who, where, how many, how it ended. Counted from its events; the statement and the pages say
// only what stands here, so a verifier counts again and compares.

import type { EventBodies } from "../model/event.ts";
import type { SessionId } from "../model/session.ts";
import type { KnownEvent } from "./event-shapes.ts";

export interface Counts {
  readonly approvals: number;
  readonly commands: number;
  readonly denied: number;
  readonly held: number;
  /** Commands of the gateway's own: about the target's tables, and about what a held command would touch. */
  readonly previews: number;
  /** Spans that were masked in commands and answers. */
  readonly masked: number;
}

/** One session at a glance. */
export interface Summary {
  readonly sid: SessionId;
  readonly started: EventBodies["session.started"] | undefined;
  readonly startedAt: string;
  readonly ended: EventBodies["session.ended"] | undefined;
  readonly endedAt: string;
  readonly counts: Counts;
  /** The targets whose credentials the App released to the session, in the order it did, each once. */
  readonly issued: readonly string[];
}

/** Counts events as they come. */
export class Summariser {
  #sid = "";
  #started: EventBodies["session.started"] | undefined;
  #ended: EventBodies["session.ended"] | undefined;
  #startedAt = "";
  #endedAt = "";
  #approvals = 0;
  #commands = 0;
  #denied = 0;
  #held = 0;
  #masked = 0;
  #previews = 0;
  readonly #issued = new Set<string>();
  readonly #own = new Set<number>();
  /** Connections of plans, on which nothing was run. */
  readonly #plans = new Set<number>();

  add(event: KnownEvent): void {
    switch (event.type) {
      case "session.started":
        this.#sid = event.sid;
        this.#started ??= event.body;
        this.#startedAt ||= event.at;
        return;
      case "session.ended":
        this.#ended = event.body;
        this.#endedAt = event.at;
        return;
      case "credential.issued":
        this.#issued.add(event.body.target);
        return;
      case "connection.opened":
        if (event.body.purpose === "preview" || event.body.purpose === "catalogue") this.#own.add(event.conn);
        if (event.body.purpose === "plan") this.#plans.add(event.conn);
        return;
      case "command.seen":
        if (this.#own.has(event.conn)) this.#previews += 1;
        else if (!this.#plans.has(event.conn)) this.#commands += 1;
        return;
      case "command.decided":
        if (this.#plans.has(event.conn)) return;
        if (event.body.decision === "deny") this.#denied += 1;
        if (event.body.decision === "hold") this.#held += 1;
        return;
      case "approval.answered":
        if (event.body.answer === "approved") this.#approvals += 1;
        return;
      case "masked":
        for (const count of Object.values(event.body.counts)) this.#masked += count;
        return;
      case "command.returned":
        this.#masked += event.body.masked;
        return;
      case "approval.requested":
      case "plan.requested":
      case "plan.answered":
      case "command.settled":
      case "connection.closed":
      case "gap":
        return;
    }
  }

  summary(): Summary {
    return {
      sid: this.#sid,
      started: this.#started,
      startedAt: this.#startedAt,
      ended: this.#ended,
      endedAt: this.#endedAt,
      counts: {
        approvals: this.#approvals,
        commands: this.#commands,
        denied: this.#denied,
        held: this.#held,
        masked: this.#masked,
        previews: this.#previews,
      },
      issued: [...this.#issued],
    };
  }
}
