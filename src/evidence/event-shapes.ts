// What the body of each type of event must look like. Nothing more and nothing less is accepted: a field that this
// version does not know could change the meaning of those it knows.

import { CanonicalError, parseCanonical } from "../journal/jcs.ts";
import { LINE_BYTES_MAX } from "../journal/line.ts";
import type { CommandId, Effect, Effects } from "../model/command.ts";
import type { Event, EventBodies, EventType, Redacted } from "../model/event.ts";
import { type Claim, fieldsOf, isCount, isFlag, isInteger, isObject, isText, listOf, oneOf, shaped } from "./shape.ts";

/** An event whose body is known to be that of its type. */
export type KnownEvent = { [T in EventType]: Event & { readonly type: T; readonly body: EventBodies[T] } }[EventType];

const isEffect: Claim<Effect> = oneOf<Effect>(
  "read",
  "write",
  "delete",
  "schema",
  "grant",
  "admin",
  "execute",
  "session",
  "unknown",
);

const isEffects = (value: unknown): value is Effects =>
  Array.isArray(value) && value.length > 0 && value.every(isEffect);
const isCommandId = (value: unknown): value is CommandId =>
  isText(value) && /^[1-9][0-9]{0,15}\/[1-9][0-9]{0,15}$/.test(value);
/** The digest that stands in an event for a value. */
export const isRedacted: Claim<Redacted> = (value): value is Redacted =>
  fieldsOf(value, { "...": (each): each is string => isText(each) && /^[\w-]{43}$/.test(each) }) !== undefined;
/** A session's id: a ULID. */
export const isSession = (value: unknown): value is string =>
  isText(value) && /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(value);
const isCounts = (value: unknown): value is Readonly<Record<string, number>> =>
  isObject(value) && Object.values(value).every(isCount);
const texts = listOf(isText);
const redacted = listOf(isRedacted);

/** RFC 3339 in UTC with milliseconds, and a moment that exists. */
export function isTime(value: unknown): value is string {
  if (!isText(value) || !/^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$/.test(value)) return false;
  // Date.parse takes February 30 for March 2, and 24:00 for the next day; written again they are not what was read.
  const at = Date.parse(value);
  return !Number.isNaN(at) && new Date(at).toISOString() === value;
}

/** Who asked for a session and from where; every field is a text. */
export const isIdentity = shaped({
  repository: isText,
  workflowRef: isText,
  run: isText,
  attempt: isText,
  job: isText,
  actor: isText,
  triggeringActor: isText,
  commit: isText,
  ref: isText,
  environment: isText,
  event: isText,
});

const BODIES: { readonly [T in EventType]: Claim<EventBodies[T]> } = {
  "session.started": shaped({
    countersigner: isText,
    gateway: shaped({ version: isText, vkey: isText }),
    identity: isIdentity,
    policy: shaped({ digest: isText }),
    targets: listOf(shaped({ name: isText, protocol: isText })),
    tier: oneOf("cooperative", "contained", "remote"),
  }),
  "credential.issued": shaped({ source: oneOf("app"), target: isText }),
  "connection.opened": shaped({
    application: redacted,
    database: isText,
    purpose: oneOf("client", "cancel", "preview", "catalogue", "plan"),
    searchPath: isText,
    target: isText,
    tls: shaped({ client: isFlag, target: isFlag }),
    user: isText,
  }),
  "command.seen": shaped({
    bounded: isFlag,
    bytes: isCount,
    cmd: isCommandId,
    digest: isText,
    effects: isEffects,
    objects: texts,
    params: redacted,
    target: isText,
    text: redacted,
    textOf: isInteger,
    tx: isFlag,
    why: texts,
  }),
  "command.decided": shaped({
    cmd: isCommandId,
    decision: oneOf("allow", "hold", "deny"),
    matched: texts,
    message: isText,
    rule: isText,
  }),
  "approval.requested": shaped({
    approvers: shaped({ count: isCount, teams: texts, users: texts }),
    cmd: isCommandId,
    expiresAt: isTime,
    impact: shaped({ counted: isInteger, estimated: isInteger }),
    leaf: isText,
    request: isText,
  }),
  "plan.requested": shaped({
    approvers: shaped({ count: isCount, teams: texts, users: texts }),
    digests: texts,
    expiresAt: isTime,
    request: isText,
    rules: texts,
    target: isText,
  }),
  "plan.answered": shaped({
    answer: oneOf("approved", "refused", "expired", "withdrawn"),
    by: listOf(shaped({ login: isText, via: isText })),
    dsse: isText,
    reason: redacted,
    request: isText,
  }),
  "approval.answered": shaped({
    answer: oneOf("approved", "refused", "expired", "withdrawn"),
    by: listOf(shaped({ login: isText, via: isText })),
    cmd: isCommandId,
    dsse: isText,
    reason: redacted,
    request: isText,
  }),
  "command.settled": shaped({ cause: isText, cmd: isCommandId, ruling: oneOf("release", "refuse") }),
  "command.returned": shaped({
    bytes: isCount,
    cmd: isCommandId,
    code: isText,
    copied: shaped({ bytes: isCount, digest: isText }),
    digest: isText,
    execution: isCount,
    masked: isCount,
    outcome: oneOf("completed", "error", "suspended", "bound", "skipped", "unknown"),
    response: redacted,
    rows: isInteger,
    tookUs: isInteger,
    truncated: isFlag,
  }),
  masked: shaped({ cmd: isCommandId, counts: isCounts }),
  "connection.closed": shaped({ commands: isCount, received: isCount, sent: isCount, why: isText }),
  gap: shaped({ cmd: isText, what: isText }),
  "session.ended": shaped({
    commands: isCount,
    denied: isCount,
    exit: isInteger,
    held: isCount,
    outcome: oneOf("completed", "failed", "lost", "recovered"),
  }),
};

/** Reads one line strictly: canonical, of a known type, of that type's shape. A string says what is wrong. */
export function parseEvent(line: string): KnownEvent | string {
  if (Buffer.byteLength(line) > LINE_BYTES_MAX) return `longer than ${LINE_BYTES_MAX} bytes`;
  let value: unknown;
  try {
    value = parseCanonical(line);
  } catch (error) {
    if (error instanceof CanonicalError) return error.message;
    throw error;
  }
  return isKnownEvent(value) ? value : "not an event of this version";
}

const HEADING = {
  at: isTime,
  body: isObject,
  conn: isCount,
  seq: isCount,
  sid: isSession,
  type: isEventType,
  v: isOne,
};

function isKnownEvent(value: unknown): value is KnownEvent {
  const event = fieldsOf(value, HEADING);
  return event !== undefined && BODIES[event.type](event.body);
}

function isEventType(value: unknown): value is EventType {
  return isText(value) && Object.hasOwn(BODIES, value);
}

function isOne(value: unknown): value is 1 {
  return value === 1;
}
