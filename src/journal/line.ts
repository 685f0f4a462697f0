// One event as one line of canonical JSON, quickly: commands come by the hundred thousand.

import type { EventBodies, EventType, Redacted } from "../model/event.ts";
import type { SessionId } from "../model/session.ts";
import { CanonicalError, canonical } from "./jcs.ts";

/** DESIGN.md 8: bytes of one line, its newline not counted. Longer lists are written by one digest. */
export const LINE_BYTES_MAX = 32 * 1024;

/** What stands around the body of an event. */
export interface Heading {
  /** RFC 3339: digits and punctuation, so it needs no escape. */
  readonly at: string;
  readonly conn: number;
  readonly seq: number;
}

/** Words remembered as JSON: names of rules and targets, messages, error codes. A session has some dozens. */
const WORDS_MAX = 1_000;
const WORD_LENGTH_MAX = 400;

/** How the body of each type of event is written. */
type BodyEncoders = { readonly [T in EventType]: (body: EventBodies[T]) => string };

/**
 * Writes one session's events. Law: a line is the canonical form (RFC 8785) of its event.
 *
 * The four events that every command has are put together by hand, in the order of their keys, with lists and words that
 * come again remembered as JSON: measured, a third of the cost of JSON.stringify. Everything else is rare, and sorted.
 */
export class LineEncoder {
  readonly #lists = new WeakMap<readonly string[], string>();
  readonly #words = new Map<string, string>();
  readonly #end: string;
  readonly #bodies: BodyEncoders;

  /** `sid` is a ULID, which needs no escape. */
  constructor(sid: SessionId) {
    this.#end = `,"sid":"${sid}","type":"`;
    this.#bodies = {
      "session.started": canonical,
      "credential.issued": canonical,
      "connection.opened": canonical,
      "command.seen": (body) => this.#seen(body),
      "command.decided": (body) => this.#decided(body),
      "plan.requested": canonical,
      "plan.answered": canonical,
      "approval.requested": canonical,
      "approval.answered": canonical,
      "command.settled": (body) => this.#settled(body),
      "command.returned": (body) => this.#returned(body),
      masked: canonical,
      "connection.closed": canonical,
      gap: canonical,
      "session.ended": canonical,
    };
  }

  /** The line of an event, without its newline. Throws CanonicalError for a body that has no canonical form. */
  encode<T extends EventType>(type: T, { at, conn, seq }: Heading, body: EventBodies[T]): string {
    return `{"at":"${at}","body":${this.#bodies[type](body)},"conn":${conn},"seq":${seq}${this.#end}${type}","v":1}`;
  }

  #seen(body: EventBodies["command.seen"]): string {
    const known = `"effects":${this.#list(body.effects)},"objects":${this.#list(body.objects)}`;
    const values = `"params":${redactions(body.params)},"target":${this.#word(body.target)},"text":${redactions(body.text)}`;
    return `{"bounded":${body.bounded},"bytes":${count(body.bytes)},"cmd":"${body.cmd}","digest":"${body.digest}",${known},${values},"textOf":${count(body.textOf)},"tx":${body.tx},"why":${this.#list(body.why)}}`;
  }

  #decided(body: EventBodies["command.decided"]): string {
    return `{"cmd":"${body.cmd}","decision":"${body.decision}","matched":${this.#list(body.matched)},"message":${this.#word(body.message)},"rule":${this.#word(body.rule)}}`;
  }

  #settled(body: EventBodies["command.settled"]): string {
    return `{"cause":${this.#word(body.cause)},"cmd":"${body.cmd}","ruling":"${body.ruling}"}`;
  }

  #returned(body: EventBodies["command.returned"]): string {
    const copied = `{"bytes":${count(body.copied.bytes)},"digest":"${body.copied.digest}"}`;
    const end = `"rows":${count(body.rows)},"tookUs":${count(body.tookUs)},"truncated":${body.truncated}}`;
    return `{"bytes":${count(body.bytes)},"cmd":"${body.cmd}","code":${this.#word(body.code)},"copied":${copied},"digest":"${body.digest}","execution":${count(body.execution)},"masked":${count(body.masked)},"outcome":"${body.outcome}","response":${redactions(body.response)},${end}`;
  }

  /** Makers hand in the same list again and again. */
  #list(items: readonly string[]): string {
    if (items.length === 0) return "[]";
    const known = this.#lists.get(items);
    if (known !== undefined) return known;
    const json = canonical(items);
    this.#lists.set(items, json);
    return json;
  }

  #word(word: string): string {
    if (word === "") return '""';
    const known = this.#words.get(word);
    if (known !== undefined) return known;
    const json = canonical(word);
    if (this.#words.size < WORDS_MAX && word.length <= WORD_LENGTH_MAX) this.#words.set(word, json);
    return json;
  }
}

/** Digests are base64url, which needs no escape. */
function redactions(values: readonly Redacted[]): string {
  let json = "[";
  for (const each of values) json += `${json.length === 1 ? "" : ","}{"...":"${each["..."]}"}`;
  return `${json}]`;
}

function count(value: number): number {
  if (!Number.isSafeInteger(value)) throw new CanonicalError(`${value} is not an integer that JSON keeps exactly`);
  return value;
}
