// The commands of a session as a page tells them: each with what was read of it, decided, answered and returned, and the
// disclosed values behind its digests. Bounded, whatever the session's size: what is left out is counted.

import { openDisclosure } from "../journal/disclosure.ts";
import { CanonicalError, parseCanonical } from "../journal/jcs.ts";
import type { EventBodies, Redacted } from "../model/event.ts";
import { decodeUtf8 } from "./dsse.ts";
import type { KnownEvent } from "./event-shapes.ts";
import { fieldsOf, isText } from "./shape.ts";

/** One command on a page. */
export interface Told {
  readonly seq: number;
  readonly at: string;
  readonly conn: number;
  /** Was it asked by the gateway itself, and not by the job. */
  readonly own: boolean;
  /** Is it a statement of a plan, shown to people and not run as such. */
  readonly planned: boolean;
  readonly seen: EventBodies["command.seen"];
  decided?: EventBodies["command.decided"];
  readonly requested: EventBodies["approval.requested"][];
  readonly answered: EventBodies["approval.answered"][];
  settled?: EventBodies["command.settled"];
  readonly returned: EventBodies["command.returned"][];
  /** Where among the session's events these stand, each list as long as its own. */
  readonly seqs: { readonly requested: number[]; readonly answered: number[]; settled: number; returned: number };
}

/** A page of more is not read by anyone, and GitHub shows no page of more than about two megabytes. */
const COMMANDS_TOLD_MAX = 100;

/** Of those, so many are kept for commands that were held, denied or failed, however late they come. */
const NOTABLE_TOLD_MAX = 50;

/** One command may be executed again and again; the page shows the first few. */
const EXECUTIONS_TOLD_MAX = 5;

/** Commands that were seen and never decided: the session broke off there, on each connection at most once. */
const UNDECIDED_TOLD_MAX = 10;

/** Statements of plans are told up to this many: what ran is more than what was only shown. */
const STATEMENTS_TOLD_MAX = 50;

/** Connections and gaps are shown up to this many each. */
const ASIDES_MAX = 50;

/** Chooses what a page shows, in one pass over the events. */
export class Story {
  readonly #open = new Map<string, Told>();
  readonly #plain: Told[] = [];
  readonly #notable: Told[] = [];
  readonly #texts = new Map<number, readonly Redacted[]>();
  readonly connections: {
    readonly conn: number;
    readonly at: string;
    readonly body: EventBodies["connection.opened"];
  }[] = [];
  /** Credentials that the App released to the session. */
  readonly issued: { readonly seq: number; readonly at: string; readonly target: string }[] = [];
  /** Lists of statements that people were asked about at once; the statements are told with the commands. */
  readonly plans: {
    readonly seq: number;
    readonly at: string;
    readonly conn: number;
    readonly requested: EventBodies["plan.requested"];
    answered?: EventBodies["plan.answered"];
  }[] = [];
  readonly #planned = new Set<number>();
  readonly #statements: Told[] = [];
  readonly gaps: { readonly at: string; readonly body: EventBodies["gap"] }[] = [];
  readonly #own = new Set<number>();
  #commands = 0;
  #connections = 0;
  #gaps = 0;
  #firstOmitted: number | undefined;
  #lastOmitted = 0;

  add(event: KnownEvent): void {
    switch (event.type) {
      case "command.seen": {
        if (!this.#planned.has(event.conn)) this.#commands += 1;
        const told: Told = {
          seq: event.seq,
          at: event.at,
          conn: event.conn,
          own: this.#own.has(event.conn),
          planned: this.#planned.has(event.conn),
          seen: event.body,
          requested: [],
          answered: [],
          returned: [],
          seqs: { requested: [], answered: [], settled: event.seq, returned: event.seq },
        };
        this.#open.set(event.body.cmd, told);
        return;
      }
      case "command.decided": {
        const told = this.#open.get(event.body.cmd);
        if (told === undefined) return;
        told.decided = event.body;
        if (told.planned) {
          this.#open.delete(event.body.cmd);
          if (this.#statements.length < STATEMENTS_TOLD_MAX) this.#statements.push(told);
          return;
        }
        this.#choose(told, event.body.decision !== "allow");
        return;
      }
      case "approval.requested":
        this.#open.get(event.body.cmd)?.requested.push(event.body);
        this.#open.get(event.body.cmd)?.seqs.requested.push(event.seq);
        return;
      case "approval.answered":
        this.#open.get(event.body.cmd)?.answered.push(event.body);
        this.#open.get(event.body.cmd)?.seqs.answered.push(event.seq);
        return;
      case "command.settled": {
        const told = this.#open.get(event.body.cmd);
        if (told === undefined) return;
        told.settled = event.body;
        told.seqs.settled = event.seq;
        return;
      }
      case "command.returned": {
        const told = this.#open.get(event.body.cmd);
        if (told === undefined) return;
        if (told.returned.length === 0) told.seqs.returned = event.seq;
        if (told.returned.length < EXECUTIONS_TOLD_MAX) told.returned.push(event.body);
        return;
      }
      case "connection.opened":
        this.#connections += 1;
        if (event.body.purpose === "preview" || event.body.purpose === "catalogue") this.#own.add(event.conn);
        if (event.body.purpose === "plan") this.#planned.add(event.conn);
        if (this.connections.length < ASIDES_MAX)
          this.connections.push({ conn: event.conn, at: event.at, body: event.body });
        return;
      case "credential.issued":
        if (this.issued.length < ASIDES_MAX)
          this.issued.push({ seq: event.seq, at: event.at, target: event.body.target });
        return;
      case "gap":
        this.#gaps += 1;
        if (this.gaps.length < ASIDES_MAX) this.gaps.push({ at: event.at, body: event.body });
        return;
      case "plan.requested":
        if (this.plans.length < ASIDES_MAX)
          this.plans.push({ seq: event.seq, at: event.at, conn: event.conn, requested: event.body });
        return;
      case "plan.answered": {
        const plan = this.plans.find(({ requested }) => requested.request === event.body.request);
        if (plan !== undefined) plan.answered = event.body;
        return;
      }
      case "session.started":
      case "masked":
      case "connection.closed":
      case "session.ended":
        return;
    }
  }

  /** The commands to show, in the order they came. */
  told(): readonly Told[] {
    const all = [...this.#plain, ...this.#notable, ...this.#statements, ...this.#undecided()];
    return all.toSorted((left, right) => left.seq - right.seq);
  }

  /** How many commands are not shown. */
  get omitted(): number {
    return this.#commands - this.#plain.length - this.#notable.length - this.#undecided().length;
  }

  /** The lines of `events.jsonl`, from 1, that the first and the last of them were seen in; undefined for none. */
  get omittedLines(): { readonly first: number; readonly last: number } | undefined {
    return this.#firstOmitted === undefined
      ? undefined
      : { first: this.#firstOmitted + 1, last: this.#lastOmitted + 1 };
  }

  /** Connections and gaps that are not shown. */
  get omittedAsides(): { readonly connections: number; readonly gaps: number } {
    return { connections: this.#connections - this.connections.length, gaps: this.#gaps - this.gaps.length };
  }

  #undecided(): readonly Told[] {
    return [...this.#open.values()]
      .filter(({ decided, planned }) => decided === undefined && !planned)
      .slice(0, UNDECIDED_TOLD_MAX);
  }

  /** The digests of a command's text: its own, or those of the earlier event that it names. */
  textOf(told: Told): readonly Redacted[] {
    if (told.seen.text.length > 0) return told.seen.text;
    return this.#texts.get(told.seen.textOf) ?? [];
  }

  /** Needed once, before `textOf`: the texts that shown commands refer to. A second pass over the events. */
  recall(event: KnownEvent): void {
    if (event.type !== "command.seen" || event.body.text.length === 0) return;
    if (this.#wanted().has(event.seq)) this.#texts.set(event.seq, event.body.text);
  }

  #wantedSeqs: Set<number> | undefined;

  #wanted(): ReadonlySet<number> {
    this.#wantedSeqs ??= new Set(this.told().map(({ seen }) => seen.textOf));
    return this.#wantedSeqs;
  }

  #choose(told: Told, notable: boolean): void {
    if (this.#plain.length < COMMANDS_TOLD_MAX - NOTABLE_TOLD_MAX) this.#plain.push(told);
    else if (notable && this.#notable.length < NOTABLE_TOLD_MAX) this.#notable.push(told);
    else {
      this.#open.delete(told.seen.cmd);
      this.#firstOmitted ??= told.seq;
      this.#lastOmitted = told.seq;
    }
  }
}

/** Values behind digests, as far as they were not erased. */
export type Values = (redacted: Redacted) => unknown;

/** Opens those disclosures whose digests are wanted. What is malformed is left out here and reported by the verifier. */
export function openValues(disclosures: Uint8Array, wanted: ReadonlySet<string> | "all"): Values {
  const values = new Map<string, unknown>();
  for (const line of linesOf(disclosures)) {
    const fields = parseDisclosure(line);
    if (fields === undefined || (wanted !== "all" && !wanted.has(fields.digest))) continue;
    const opened = openDisclosure(fields.disclosure);
    if (opened !== undefined) values.set(fields.digest, opened.value);
  }
  return (redacted) => values.get(redacted["..."]);
}

/** A line of `disclosures.jsonl`, strictly; undefined for anything else. */
export function parseDisclosure(line: string) {
  try {
    return fieldsOf(parseCanonical(line), { digest: isText, disclosure: isText, ptr: isText });
  } catch (error) {
    if (error instanceof CanonicalError) return undefined;
    throw error;
  }
}

/** The lines of a file, without their newlines. A line that is not UTF-8 comes as U+FFFD, which no canonical line is. */
export function* linesOf(bytes: Uint8Array): Generator<string> {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let start = 0; start < file.length; ) {
    const newline = file.indexOf(10, start);
    const end = newline === -1 ? file.length : newline;
    yield decodeUtf8(file.subarray(start, end)) ?? "\ufffd";
    start = end + 1;
  }
}
