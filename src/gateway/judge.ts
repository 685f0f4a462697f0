import { JournalError } from "../journal/ports.ts";
import type { Command, CommandId } from "../model/command.ts";
import type { Answer, Decision, Refusal, Ruling } from "../model/decision.ts";
import { type CompiledPolicy, decide } from "../policy/decide.ts";
import type { Facts } from "../policy/facts.ts";
import type { Returned } from "../protocols/protocol.ts";
import { dsseDigest, saidBy } from "./hold.ts";
import type { Cover, Plans } from "./plans.ts";
import type { Shown } from "./recorder.ts";
import type { Session } from "./session.ts";

// Rules on commands, in the one order that counts: seen, decided, answered, settled are recorded, then it is released.

/** What the judge needs of the connection that asked. */
export interface Asker {
  readonly number: number;
  readonly target: string;
  settle(id: CommandId, ruling: Ruling): void;
  countersigned(id: CommandId): void;
  tell(message: string): void;
}

/** How a hold ended: the answer of people, already verified and recorded by whoever asked them. */
export interface HoldEnd {
  readonly answer: Answer;
  /** Who answered and what they said, for the client; empty where nobody did. */
  readonly words: string;
}

/** Asks people about one held command. Records the request and the answer; never throws but JournalError. */
export type AskPeople = (
  about: {
    readonly asker: Asker;
    readonly command: Command;
    readonly shown: Shown;
    /** RFC 6962 leaf hash of its `command.seen`, base64url: what an answer is bound to. */
    readonly leaf: string;
    readonly decision: Extract<Decision, { kind: "hold" }>;
  },
  signal: AbortSignal,
) => Promise<HoldEnd>;

const RELEASE: Ruling = { kind: "release" };

/** Effects of commands that go on once they are written; all others wait for the countersigner. DESIGN.md 4. */
const READS = new Set(["read", "session"]);

export class Judge {
  readonly #session: Session;
  readonly #policy: CompiledPolicy;
  readonly #factsOf: (target: string) => Facts;
  readonly #askPeople: AskPeople;
  readonly #plans: Plans | undefined;
  readonly #holds = new Map<Asker, { readonly abort: AbortController; readonly over: Promise<void> }>();

  constructor(parts: {
    readonly session: Session;
    readonly policy: CompiledPolicy;
    readonly factsOf: (target: string) => Facts;
    readonly askPeople: AskPeople;
    /** What people approved as a plan. */
    readonly plans?: Plans;
  }) {
    this.#session = parts.session;
    this.#policy = parts.policy;
    this.#factsOf = parts.factsOf;
    this.#askPeople = parts.askPeople;
    this.#plans = parts.plans;
  }

  /** Rules on a command, at once where nobody has to be waited for. `held` when people are asked. */
  judge(asker: Asker, command: Command): "ruled" | "held" {
    const { recorder, log, stats } = this.#session;
    stats.commands += 1;
    try {
      const decision = this.decide(asker.target, command);
      const cover = this.#plans?.cover(asker.target, command, decision);
      const shown = recorder.seen(asker.number, asker.target, command, cover?.textKey);
      const leaf = decision.kind === "hold" ? log.leafOfLast() : "";
      recorder.decided(asker.number, command.id, decision);
      switch (decision.kind) {
        case "allow":
          this.#release(asker, command);
          return "ruled";
        case "deny":
          stats.denied += 1;
          this.#refuse(asker, command, {
            kind: "refuse",
            cause: "denied",
            message: decision.reason.message,
            detail: `Rule "${decision.reason.rule}" denies it${matchedOf(decision)}.`,
            hint: "Ask the owners of the policy, or change the command so that the rule does not match.",
          });
          return "ruled";
        case "hold":
          stats.held += 1;
          if (cover !== undefined) {
            this.#covered(asker, command, cover);
            return "ruled";
          }
          this.#hold(asker, { command, shown, leaf, decision });
          return "held";
      }
    } catch (error) {
      this.#unrecorded(asker, command, error);
      return "ruled";
    }
  }

  /** An execution ended: what people approved to follow it may go on, or not. */
  returned(asker: Asker, note: Pick<Returned, "id" | "outcome">): void {
    this.#plans?.returned(asker.target, note);
  }

  /** The client of this connection cancelled: what it waits for is withdrawn. False when it waits for nothing. */
  withdraw(asker: Asker): boolean {
    const hold = this.#holds.get(asker);
    hold?.abort.abort();
    return hold !== undefined;
  }

  /** Resolves when nobody is being asked any more; what was withdrawn is recorded by then. */
  async idle(): Promise<void> {
    await Promise.all([...this.#holds.values()].map(async ({ over }) => await over));
  }

  /** Policy's word on a command at this target. Records nothing. */
  decide(target: string, command: Command): Decision {
    if (command.unservable !== "") {
      return {
        kind: "deny",
        reason: { rule: "protocol", message: command.unservable, matched: ["the protocol's own bounds"] },
      };
    }
    return decide(command, this.#factsOf(target), this.#policy);
  }

  #release(asker: Asker, command: Command): void {
    const { recorder, heads, turn } = this.#session;
    recorder.settled(asker.number, command.id, RELEASE);
    if (heads.required && (heads.lagging || !isRead(command))) {
      heads.wait(asker, command.id);
      turn.wake();
    } else asker.settle(command.id, RELEASE);
  }

  /** People approved it with the plan that it is the next statement of. */
  #covered(asker: Asker, command: Command, { request, answered, why }: Cover): void {
    this.#session.log.append("approval.answered", asker.number, {
      answer: answered.answer,
      by: saidBy(answered),
      cmd: command.id,
      dsse: dsseDigest(answered),
      reason: [],
      request,
    });
    asker.tell(`countersign: covered by request ${request}. ${why}`);
    this.#release(asker, command);
  }

  #refuse(asker: Asker, command: Command, refusal: Refusal): void {
    this.#session.recorder.settled(asker.number, command.id, refusal);
    asker.settle(command.id, refusal);
  }

  #hold(asker: Asker, about: Omit<Parameters<AskPeople>[0], "asker">): void {
    const abort = new AbortController();
    const over = this.#askAndRule(asker, about, abort.signal).finally(() => {
      this.#holds.delete(asker);
    });
    this.#holds.set(asker, { abort, over });
  }

  async #askAndRule(asker: Asker, about: Omit<Parameters<AskPeople>[0], "asker">, signal: AbortSignal): Promise<void> {
    const { command, decision } = about;
    try {
      const end = await this.#askPeople({ asker, ...about }, signal);
      if (end.answer === "approved" && !signal.aborted) this.#release(asker, command);
      else {
        this.#session.stats.denied += 1;
        this.#refuse(asker, command, refusalOf(end, decision));
      }
      this.#session.turn.wake();
    } catch (error) {
      this.#unrecorded(asker, command, error);
    }
  }

  #unrecorded(asker: Asker, command: Command, error: unknown): void {
    asker.settle(command.id, {
      kind: "refuse",
      cause: "unrecorded",
      message: "Countersign could not record this command, so it was not run.",
      detail: error instanceof JournalError ? error.message : "",
      hint: "The job cannot go on. See the gateway's output for the reason.",
    });
    if (error instanceof JournalError) this.#session.fail(error);
    else this.#session.fail(new JournalError("an error of our own while judging", { cause: error }));
  }
}

/** What matched, in brackets; nothing did where no rule spoke. */
function matchedOf({ reason }: Pick<Decision, "reason">): string {
  return reason.matched.length === 0 ? "" : ` (${reason.matched.join(", ")})`;
}

function isRead(command: Command): boolean {
  for (const effect of command.effects) if (!READS.has(effect)) return false;
  return true;
}

function refusalOf({ answer, words }: HoldEnd, { reason }: Decision): Refusal {
  const detail = `Rule "${reason.rule}" held it${matchedOf({ reason })}.${words === "" ? "" : ` ${words}`}`;
  switch (answer) {
    case "expired":
      return {
        kind: "refuse",
        cause: "expired",
        message: `Nobody answered in time, so the command was not run. ${reason.message}`.trim(),
        detail,
        hint: "Run it again when a reviewer is there.",
      };
    case "withdrawn":
      return {
        kind: "refuse",
        cause: "withdrawn",
        message: "canceling statement due to user request",
        detail,
        hint: "The request for approval was withdrawn; run the command again to ask anew.",
      };
    case "refused":
    case "approved":
      return {
        kind: "refuse",
        cause: "denied",
        message: `A reviewer refused the command. ${reason.message}`.trim(),
        detail,
        hint: "Talk to the reviewer, or change the command and ask again.",
      };
  }
}
