// Evidence changed at random, by a seed, so that a change that two verifiers see differently can be made again.

import { canonical } from "../../src/journal/jcs.ts";

/** Draws from a list, or a number below a bound. */
export interface Chance {
  below(bound: number): number;
  of<T>(list: readonly [T, ...T[]]): T;
}

/** The linear congruential generator of Numerical Recipes: the same on every machine. */
export function chance(seed: number): Chance {
  let state = seed;
  const below = (bound: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
  return { below, of: (list) => list[below(list.length)] ?? list[0] };
}

/** Texts that readers of JSON, base 64, notes and numbers have stumbled over. */
const SNAGS: readonly [string, ...string[]] = [
  "\\u0000",
  "\\ud800",
  "\\u0041",
  "\\/",
  "\u2028",
  "\ufeff",
  "\0",
  "é",
  "—",
  "\r\n",
  "\n\n",
  " ",
  '"',
  "NaN",
  "1e3",
  "1.0",
  "-0",
  "9007199254740993",
  "null",
  "[]",
  "{}",
  '"..."',
  "=",
  "+",
  "-",
  "_",
  "0",
  "a",
];

/** One change of bytes: a bit, a byte, a cut, something put in, or lines that are lost, moved or doubled. */
export function mutated(bytes: Buffer, by: Chance): Buffer {
  const at = by.below(bytes.length + 1);
  const behind = by.below(4) + at;
  const lines = bytes.toString("latin1").split("\n");
  const line = by.below(lines.length);
  const other = by.below(lines.length);
  const joined = (changed: readonly string[]): Buffer => Buffer.from(changed.join("\n"), "latin1");
  switch (by.below(8)) {
    case 0:
      return Buffer.from(bytes.map((byte, index) => (index === at ? byte ^ (1 << by.below(8)) : byte)));
    case 1:
      return Buffer.concat([bytes.subarray(0, at), Buffer.from([by.below(256)]), bytes.subarray(behind)]);
    case 2:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(behind)]);
    case 3:
      return Buffer.concat([bytes.subarray(0, at), Buffer.from(by.of(SNAGS)), bytes.subarray(at)]);
    case 4:
      return bytes.subarray(0, at);
    case 5:
      return joined(lines.toSpliced(line, 1));
    case 6:
      return joined(lines.with(line, lines[other] ?? "").with(other, lines[line] ?? ""));
    default:
      return joined(lines.toSpliced(line, 0, lines[other] ?? ""));
  }
}

/** Values that a field may suddenly have. */
const VALUES: readonly [unknown, ...unknown[]] = [
  null,
  true,
  false,
  0,
  1,
  -1,
  2,
  9_007_199_254_740_991,
  "",
  "x",
  "none",
  [],
  {},
  [[]],
  ["a"],
  { a: 1 },
  "release",
  "refuse",
  "approved",
  "refused",
  "expired",
  "hold",
  "allow",
  "deny",
  "preview",
  "client",
  "lost",
  "1/1",
  "1/2",
  "1/3",
  "1/4",
  "0/1",
  "9999999999999999/1",
  "carol",
  "Alice",
  "check",
  "local",
  "7Q2M4N8X3K",
  "2026-02-30T00:00:00.000Z",
  "2024-02-29T00:00:00.000Z",
  "2026-11-23T24:00:00.000Z",
  "0000-01-01T00:00:00.000Z",
  "2026-11-23T23:59:60.000Z",
  "2026-11-23T05:00:00Z",
  { "...": "A".repeat(43) },
  [{ "...": "A".repeat(43) }],
];

/** The value with one change somewhere in it. */
export function mutatedValue(value: unknown, by: Chance): unknown {
  if (typeof value !== "object" || value === null || by.below(5) === 0) return by.of(VALUES);
  if (Array.isArray(value)) {
    const list: readonly unknown[] = value;
    const at = by.below(list.length + 1);
    if (at === list.length || by.below(3) === 0) return list.toSpliced(at, 0, by.of([...VALUES, ...list]));
    return by.below(3) === 0 ? list.toSpliced(at, 1) : list.with(at, mutatedValue(list[at], by));
  }
  const fields = Object.entries(value);
  const at = by.below(fields.length);
  const [name = "a", inside] = fields[at] ?? [];
  const kind = by.below(8);
  if (kind === 0) return Object.fromEntries(fields.toSpliced(at, 1));
  return Object.fromEntries([...fields, kind === 1 ? ["more", by.of(VALUES)] : [name, mutatedValue(inside, by)]]);
}

/** The value with one text in it in the place of another, or one number a little larger: of the same shape, and untrue. */
export function retold(value: unknown, by: Chance): unknown {
  const texts: string[] = [];
  const visit = (each: unknown, change: (leaf: unknown) => unknown): unknown => {
    if (Array.isArray(each)) return each.map((one: unknown) => visit(one, change));
    if (typeof each !== "object" || each === null) return change(each);
    return Object.fromEntries(Object.entries(each).map(([name, one]) => [name, visit(one, change)]));
  };
  let leaves = 0;
  visit(value, (leaf) => {
    leaves += 1;
    if (typeof leaf === "string") texts.push(leaf);
    return leaf;
  });
  const at = by.below(leaves);
  const text = by.of(["2026-11-25T05:00:00.000Z", ...texts]);
  let leaf = -1;
  return visit(value, (each) => {
    leaf += 1;
    if (leaf !== at) return each;
    return typeof each === "number" ? each + 1 : typeof each === "string" ? text : each;
  });
}

/** Lines of events with a change or two, and mostly with their numbers in order again. */
export function mutatedLines(lines: readonly string[], by: Chance): string[] {
  let changed = [...lines];
  for (let times = 1 + by.below(2); times > 0; times -= 1) {
    const at = by.below(changed.length);
    const line = changed[at] ?? "";
    const other = by.below(changed.length);
    const kind = by.below(9);
    if (kind < 6) changed = changed.with(at, reworded(line, by));
    else if (kind === 6) changed = changed.toSpliced(at, 1);
    else if (kind === 7) changed = changed.toSpliced(other, 0, line);
    else changed = changed.with(at, changed[other] ?? "").with(other, line);
    if (changed.length === 0) return [...lines];
  }
  if (by.below(4) === 0) return changed;
  return changed.map((line, seq) => line.replace(/"seq":\d+,"sid"/, `"seq":${seq},"sid"`));
}

function reworded(line: string, by: Chance): string {
  if (by.below(6) === 0) return mutated(Buffer.from(line), by).toString().replaceAll("\n", " ");
  try {
    return canonical(mutatedValue(JSON.parse(line), by));
  } catch (error) {
    if (error instanceof SyntaxError) return line; // an earlier change left no JSON
    throw error;
  }
}
