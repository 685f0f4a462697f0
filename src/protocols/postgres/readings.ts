import type { Reading } from "../../languages/sql/reading.ts";
import type { Effects, Slot } from "../../model/command.ts";
import type { Prepared } from "./inflight.ts";

// Questions that the conversation asks of a reading, and the readings it has for what cannot be read.

const NOTHING_TOLD = { objects: [], bounded: false, slots: [], statements: [] } as const;

export const UNKNOWN: Reading = {
  ...NOTHING_TOLD,
  effects: ["unknown"],
  why: ["names a statement or cursor that this connection is not known to have"],
};
export const FOLLOWED: Reading = {
  ...NOTHING_TOLD,
  effects: ["unknown"],
  why: ["names a statement or cursor that itself names another"],
};
export const DOUBTFUL: Reading = {
  ...NOTHING_TOLD,
  effects: ["unknown"],
  why: ["names a statement that code which ran since may have replaced"],
};
export const CALLS_BY_NUMBER: Reading = { ...NOTHING_TOLD, effects: ["execute"], why: ["calls a function by number"] };
export const NOT_UTF8: Reading = { ...NOTHING_TOLD, effects: ["unknown"], why: ["is not valid UTF-8"] };

/** Effects of what may change how later text is read, so a text with a backslash waits for its answer. */
const CHANGES_READING = new Set(["execute", "unknown", "admin", "grant", "schema"]);

/** Object identifiers below this belong to PostgreSQL itself (FirstNormalObjectId). */
const FIRST_OWN_OID = 16_384;

function isOwnType(oid: number): boolean {
  return oid >= FIRST_OWN_OID;
}

/** Its meaning depends on names that the connection holds. */
export function usesNames(reading: Reading): boolean {
  for (const statement of reading.statements) {
    for (const { kind } of statement.deeds) if (kind === "execute" || kind === "fetch") return true;
  }
  return false;
}

/**
 * Parsing it, before any Bind, may run code: reading a constant of an array or row of a domain runs the domain's CHECK.
 * A string takes its type from what stands beside it, which may be a parameter of a type that the Parse named.
 */
export function runsWhenParsed(reading: Reading, { text, types }: Pick<Prepared, "text" | "types">): boolean {
  const strings = ({ at }: Slot): boolean => "from" in at && /[^\d.]/.test(text.charAt(at.from));
  if (types.some(isOwnType) && (reading.statements.length === 0 || reading.slots.some(strings))) return true;
  return reading.statements.some(({ deeds }) => deeds.some(({ kind }) => kind === "own-constant"));
}

/** It gives or takes names by SQL. */
export function changesNames(reading: Reading): boolean {
  for (const statement of reading.statements) {
    for (const { kind } of statement.deeds) {
      if (kind === "prepare" || kind === "deallocate" || kind === "declare" || kind === "close") return true;
    }
  }
  return false;
}

/** It may change what a backslash means in later text. */
export function changesReading(reading: Reading): boolean {
  for (const effect of reading.effects) if (CHANGES_READING.has(effect)) return true;
  return false;
}

/** It runs code that was not read through, which may give other meanings to the connection's names. */
export function runsCode({ effects }: Reading): boolean {
  return effects.includes("execute") || effects.includes("unknown");
}

/** After it, unqualified function names say nothing: it sets search_path so, or ran what was not read through. */
export function loosensPath(reading: Reading): boolean {
  if (runsCode(reading)) return true;
  return reading.statements.some(({ deeds }) => deeds.some(({ kind }) => kind === "path-untrusted"));
}

/** After it, table names may mean other tables than on a connection that did not run it. */
export function setsPath(reading: Reading): boolean {
  return reading.statements.some(({ deeds }) => deeds.some(({ kind }) => kind === "path-set"));
}

/** It may be a COPY that takes data from the client. */
export function mayCopyIn(reading: Reading): boolean {
  if (reading.statements.length === 0) return reading.effects.includes("unknown");
  return reading.statements.some(({ deeds }) => deeds.some(({ kind }) => kind === "copy-in" || kind === "execute"));
}

/** What it is on a server of that major version: what that one does not have built in is somebody's own function. */
export function asOf(reading: Reading, serverMajor: number): Reading {
  const newer = reading.statements.some(({ deeds }) =>
    deeds.some((deed) => deed.kind === "newer-call" && deed.since > serverMajor),
  );
  return newer ? executing(reading, "calls what this version of the server does not have built in") : reading;
}

function executing(reading: Reading, why: string): Reading {
  const [first, ...rest] = reading.effects;
  const effects: Effects = reading.effects.includes("execute") ? reading.effects : [first, ...rest, "execute"];
  return { ...reading, effects, why: [...reading.why, why] };
}

/** Reading a value of a type that is not built in may run code: a domain runs its CHECK, at Bind already. */
export function withTypes(reading: Reading, { types, parameterTypes }: Prepared): Reading {
  if (!types.some(isOwnType) && !parameterTypes.some(isOwnType)) return reading;
  return executing(reading, "takes a parameter of a type that is not built in");
}
