// Effects as a set of bits while a text is read, because a reading adds to it at every node.

import type { Effect, Effects } from "../../model/command.ts";

export const READ = 1;
export const WRITE = 2;
export const DELETE = 4;
export const SCHEMA = 8;
export const GRANT = 16;
export const ADMIN = 32;
export const EXECUTE = 64;
export const SESSION = 128;
export const UNKNOWN = 256;

/** What changes nothing that another session or a later one could see. */
export const HARMLESS = READ | SESSION;

const NAMES: readonly (readonly [number, Effect])[] = [
  [READ, "read"],
  [WRITE, "write"],
  [DELETE, "delete"],
  [SCHEMA, "schema"],
  [GRANT, "grant"],
  [ADMIN, "admin"],
  [EXECUTE, "execute"],
  [SESSION, "session"],
  [UNKNOWN, "unknown"],
];

const LISTS: readonly Effects[] = Array.from({ length: 512 }, (_, bits) => {
  const [first, ...rest] = NAMES.filter(([bit]) => (bits & bit) !== 0).map(([, name]) => name);
  // A statement without any effect is one that the reader has no word for.
  return Object.freeze<Effects>(first === undefined ? ["unknown"] : [first, ...rest]);
});

/** The same list object for the same bits, in the order of DESIGN.md 2. */
export function effectsOf(bits: number): Effects {
  return LISTS[bits] ?? ["unknown"];
}

export function bitsOf(effects: Effects): number {
  let bits = 0;
  for (const [bit, name] of NAMES) if (effects.includes(name)) bits |= bit;
  return bits;
}
