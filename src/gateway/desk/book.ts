/**
 * The requests that wait for people and how the past ones ended, in memory.
 *
 * A restart loses them on purpose: a request that nobody holds any more is refused at the gateway. It keeps the time
 * of each request twice, by the wall clock and by a timer from receipt, and whichever ends first ends the request.
 */

import type { Answered, ApprovalRequest, PlanRequest } from "../../approval/ports.ts";
import {
  type Ballot,
  castVote,
  expireBallot,
  LIFETIME_MS_MAX,
  openBallot,
  withdrawBallot,
} from "../../approval/request.ts";
import type { Answer } from "../../model/decision.ts";
import { Refused } from "./exchange.ts";

/** One request and what became of it. */
export interface Entry {
  readonly request: ApprovalRequest | PlanRequest;
  /** How many requests of this session held the same text before. */
  readonly repeats: number;
  readonly ballot: Ballot;
  /** How it ended; undefined while it waits. */
  readonly answered: Answered | undefined;
}

/** One person's word on a request, as a surface hands it in. */
export interface Word {
  readonly id: string;
  /** What the person saw. An answer to anything else is no answer to this request. */
  readonly digest: string;
  readonly word: "approve" | "refuse";
  readonly login: string;
  readonly via: string;
  readonly reason: string;
}

/** An ended request, to be signed. */
export interface Ending {
  readonly request: ApprovalRequest | PlanRequest;
  readonly answer: Answer;
  readonly by: Answered["by"];
  readonly reason: string;
  readonly atMs: number;
}

interface Options {
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  /** The signed answer and the disclosure of its reason; empty where nothing is signed or said. */
  readonly sign: (ending: Ending) => Pick<Answered, "dsse" | "disclosure">;
}

interface Slot {
  entry: Entry;
  timer: NodeJS.Timeout | undefined;
}

// a job with more than this waiting is not asking people any more, it is flooding them.
const WAITING_PER_SESSION_MAX = 20;
// What a page can show of the past; older ends are in the journal.
const ENDED_KEPT_MAX = 200;

/** Law: an id that it knows is not used again, and a request that ended never changes. */
export class RequestBook {
  readonly #options: Options;
  readonly #slots = new Map<string, Slot>();
  readonly #changes = new Set<() => void>();
  #version = 0;

  constructor(options: Options) {
    this.#options = options;
  }

  /** Rises with every change. */
  get version(): number {
    return this.#version;
  }

  /** Shows a request to people. Throws `Refused`: 409 for an id used before, 429 when too many wait. */
  submit(request: ApprovalRequest | PlanRequest): void {
    if (this.#slots.has(request.id)) {
      throw new Refused(409, `request ${request.id} was made before; a new command needs a new request`);
    }
    const ofSession = this.entries().filter((each) => each.request.sid === request.sid);
    if (ofSession.filter((each) => each.answered === undefined).length >= WAITING_PER_SESSION_MAX) {
      throw new Refused(429, `${WAITING_PER_SESSION_MAX} requests of this session wait already; answer those first`);
    }
    const now = this.#options.clock();
    const expiresMs = Date.parse(request.expiresAt);
    const lifetime = Math.min(expiresMs - now, expiresMs - Date.parse(request.requestedAt), LIFETIME_MS_MAX);
    const ballot = openBallot({ count: request.terms.count, deadlineMs: now + Math.max(0, lifetime) });
    const repeats = ofSession.filter((each) => each.request.text === request.text).length;
    const slot: Slot = { entry: { request, repeats, ballot, answered: undefined }, timer: undefined };
    // The timer runs on the monotonic clock, so setting the wall clock back lengthens nothing.
    slot.timer = setTimeout(
      () => this.#move(slot, expireBallot(slot.entry.ballot, Math.max(this.#options.clock(), ballot.deadlineMs))),
      Math.max(0, lifetime),
    );
    this.#slots.set(request.id, slot);
    this.#forgetOldest();
    this.#changed();
  }

  /** Counts one person's word, and says whether it counted and what it did. Throws `Refused`: 404, 409. */
  answer(word: Word): { readonly counted: boolean; readonly why: string } {
    const slot = this.#slot(word.id);
    if (word.digest !== slot.entry.request.digest) {
      throw new Refused(409, "This is not the command that you were shown. Nothing was answered; look again.");
    }
    const cast = castVote(slot.entry.ballot, {
      word: word.word,
      login: word.login,
      via: word.via,
      reason: word.reason,
      atMs: this.#options.clock(),
    });
    this.#move(slot, cast.ballot);
    return { counted: cast.counted, why: cast.why };
  }

  /** The client cancelled or left. Has no effect on a request that ended. Throws `Refused`: 404. */
  withdraw(id: string): void {
    const slot = this.#slot(id);
    this.#move(slot, withdrawBallot(slot.entry.ballot, this.#options.clock()));
  }

  /** Throws `Refused`: 404. */
  entry(id: string): Entry {
    return this.#slot(id).entry;
  }

  /** All of them, oldest first. */
  entries(): readonly Entry[] {
    return [...this.#slots.values()].map((each) => each.entry);
  }

  /** Resolves at the first change after `version`, after `waitMs`, or when `signal` aborts, whichever comes first. */
  async change(version: number, waitMs: number, signal: AbortSignal): Promise<void> {
    if (this.#version > version || signal.aborted) {
      return;
    }
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#changes.delete(done);
        signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, waitMs);
      this.#changes.add(done);
      signal.addEventListener("abort", done);
    });
  }

  /** Stops all timers and wakes all who wait. What waits stays unanswered, which refuses. */
  close(): void {
    for (const { timer } of this.#slots.values()) {
      clearTimeout(timer);
    }
    this.#changed();
  }

  #slot(id: string): Slot {
    const slot = this.#slots.get(id);
    if (slot === undefined) {
      throw new Refused(404, `there is no request ${id.slice(0, 32)} here`);
    }
    return slot;
  }

  #move(slot: Slot, ballot: Ballot): void {
    const { entry } = slot;
    if (ballot === entry.ballot) {
      return;
    }
    const { state } = ballot;
    if (state === "pending") {
      slot.entry = { ...entry, ballot };
    } else {
      clearTimeout(slot.timer);
      const decisive = ballot.votes.filter((each) =>
        state === "approved" ? each.word === "approve" : each.word === "refuse",
      );
      const by = decisive.map(({ login, via }) => ({ login, via }));
      const reason = decisive
        .map((each) => each.reason)
        .filter((each) => each !== "")
        .join("\n");
      const signed = this.#options.sign({ request: entry.request, answer: state, by, reason, atMs: ballot.endedAtMs });
      slot.entry = { ...entry, ballot, answered: { answer: state, by, reason, ...signed } };
    }
    this.#changed();
  }

  #changed(): void {
    this.#version += 1;
    for (const wake of this.#changes) {
      wake();
    }
  }

  #forgetOldest(): void {
    const ended = [...this.#slots].filter(([, each]) => each.entry.answered !== undefined);
    for (const [id] of ended.slice(0, Math.max(0, ended.length - ENDED_KEPT_MAX))) {
      this.#slots.delete(id);
    }
  }
}
