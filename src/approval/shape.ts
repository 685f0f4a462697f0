/**
 * Says whether a value from outside is an approval request, field by field, before anything is done with it.
 *
 * It checks form and bounds only. That text and parameters are masked is the sender's word: the gateway's type system
 * lets nothing else into a request.
 */
import { STATEMENTS_MAX } from "./plan.ts";
import type { ApprovalRequest, PlanRequest, PlanStatement } from "./ports.ts";

const EFFECTS: ReadonlySet<unknown> = new Set([
  "read",
  "write",
  "delete",
  "schema",
  "grant",
  "admin",
  "execute",
  "session",
  "unknown",
]);
const SURFACES: ReadonlySet<unknown> = new Set(["check", "review", "comment"]);
const IDENTITY = [
  "repository",
  "workflowRef",
  "run",
  "attempt",
  "job",
  "actor",
  "triggeringActor",
  "commit",
  "ref",
  "environment",
  "event",
] as const;

type Check = (value: unknown) => boolean;

const FIELDS: Readonly<Record<keyof ApprovalRequest, Check>> = {
  id: matches(/^[0-9A-HJKMNP-TV-Z]{10}$/),
  sid: matches(/^[0-9A-HJKMNP-TV-Z]{26}$/),
  cmd: matches(/^[1-9][0-9]{0,15}\/[1-9][0-9]{0,15}$/),
  target: isText,
  text: isText,
  params: listOf(isText),
  maskedSpans: isCount,
  // SHA-256 in base64url without padding.
  digest: matches(/^[A-Za-z0-9_-]{43}$/),
  leaf: matches(/^[A-Za-z0-9_-]{43}$/),
  bytes: isCount,
  effects: (value) => listOf((each) => EFFECTS.has(each))(value) && Array.isArray(value) && value.length > 0,
  objects: listOf(isText),
  bounded: isFlag,
  why: listOf(isText),
  inTransaction: isFlag,
  impact: (value) =>
    isRecord(value) &&
    isCountOrUnknown(value["estimated"]) &&
    isCountOrUnknown(value["counted"]) &&
    isText(value["note"]),
  rule: isText,
  message: isText,
  matched: listOf(isText),
  policy: isText,
  identity: (value) => isRecord(value) && IDENTITY.every((name) => isText(value[name])),
  requestedAt: isTime,
  expiresAt: isTime,
  terms: (value) =>
    isRecord(value) &&
    listOf(isText)(value["teams"]) &&
    listOf(isText)(value["users"]) &&
    isCount(value["count"]) &&
    isCount(value["expiresMs"]) &&
    listOf((each) => SURFACES.has(each))(value["via"]),
};

const STATEMENT_FIELDS: Readonly<Record<keyof PlanStatement, Check>> = {
  text: FIELDS.text,
  digest: FIELDS.digest,
  bytes: FIELDS.bytes,
  effects: FIELDS.effects,
  objects: FIELDS.objects,
  bounded: FIELDS.bounded,
  impact: FIELDS.impact,
  maskedSpans: FIELDS.maskedSpans,
};

/** Names of the fields of `value` that are missing, unknown or not what they should be; empty for a request. */
export function faultsOfRequest(value: unknown): readonly string[] {
  return isRecord(value) ? faultsOf(value, FIELDS) : ["(the request itself)"];
}

/** The same for the request of a whole plan, which nobody takes who cannot show its statements. */
export function faultsOfPlan(value: unknown): readonly string[] {
  if (!isRecord(value)) {
    return ["(the request itself)"];
  }
  const { statements, ...request } = value;
  return [...faultsOf(request, FIELDS), ...(areStatements(statements) ? [] : ["statements"])];
}

function areStatements(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.length <= STATEMENTS_MAX &&
    value.every((each: unknown) => isRecord(each) && faultsOf(each, STATEMENT_FIELDS).length === 0)
  );
}

function faultsOf(
  value: Readonly<Record<string, unknown>>,
  fields: Readonly<Record<string, Check>>,
): readonly string[] {
  const wrong = Object.entries(fields).filter(([name, check]) => !check(value[name]));
  const unknown = Object.keys(value).filter((name) => !Object.hasOwn(fields, name));
  return [...wrong.map(([name]) => name), ...unknown];
}

/** True when `value` has the form of a plan's request. */
export function isPlanRequest(value: unknown): value is PlanRequest {
  return faultsOfPlan(value).length === 0;
}

/** True when `value` has the form of an approval request. */
export function isApprovalRequest(value: unknown): value is ApprovalRequest {
  return faultsOfRequest(value).length === 0;
}

function matches(pattern: RegExp): Check {
  return (value) => typeof value === "string" && pattern.test(value);
}

function listOf(check: Check): Check {
  return (value) => Array.isArray(value) && value.every((each) => check(each));
}

function isText(value: unknown): value is string {
  // A lone surrogate has no UTF-8, so what holds one cannot be signed.
  return typeof value === "string" && !/\p{Cs}/u.test(value);
}

function isFlag(value: unknown): value is boolean {
  return typeof value === "boolean";
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isCountOrUnknown(value: unknown): boolean {
  return value === -1 || isCount(value);
}

// RFC 3339, UTC, milliseconds, as events write it: one spelling, because it is signed.
function isTime(value: unknown): boolean {
  const ms = typeof value === "string" ? Date.parse(value) : Number.NaN;
  return Number.isFinite(ms) && new Date(ms).toISOString() === value;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
