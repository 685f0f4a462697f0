// One event as one line of canonical JSON, quickly: commands come by the hundred thousand.

import type { EventBodies, EventType } from "../model/event.ts";
import type { SessionId } from "../model/session.ts";
import { canonical } from "./jcs.ts";

/** DESIGN.md 8: bytes of one line, its newline not counted. Longer lists are written by one digest. */
export const LINE_BYTES_MAX = 32 * 1024;

/** What stands around the body of an event. */
export interface Heading {
  readonly at: string;
  readonly conn: number;
  readonly seq: number;
  readonly sid: SessionId;
}

/**
 * Types whose bodies have a fixed shape, written by makers with their keys in sorted order. JSON.stringify of those is
 * canonical already, at a third of the cost; everything else is rare and sorted here.
 */
const SORTED_BY_MAKER: ReadonlySet<EventType> = new Set<EventType>([
  "command.seen",
  "command.decided",
  "command.settled",
  "command.returned",
]);

/**
 * The canonical line of an event, without its newline. Throws CanonicalError for a body that has no canonical form.
 * `at` is digits and punctuation of RFC 3339 and `sid` a ULID, so neither needs an escape.
 */
export function encodeEvent<T extends EventType>(type: T, heading: Heading, body: EventBodies[T]): string {
  const { at, conn, seq, sid } = heading;
  return `{"at":"${at}","body":${encodeBody(type, body)},"conn":${conn},"seq":${seq},"sid":"${sid}","type":"${type}","v":1}`;
}

function encodeBody(type: EventType, body: object): string {
  if (!SORTED_BY_MAKER.has(type)) return canonical(body);
  const json = JSON.stringify(body);
  // Only where half a surrogate pair was escaped, or a text holds these very characters, is the slow way needed.
  return json.includes("\\ud") ? canonical(body) : json;
}
