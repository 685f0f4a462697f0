// Reads what YAML was parsed to, and refuses by its place what the runner for tests does not understand.

import { parse } from "yaml";
import { isShape, type Shape } from "../standin/shape.ts";
import { NotUnderstood } from "./expression/tree.ts";

export function readYaml(text: string, where: string): Shape {
  const parsed: unknown = parse(text);
  return mapping(parsed, where);
}

export function mapping(value: unknown, where: string): Shape {
  if (!isShape(value)) throw new NotUnderstood(`${where}: a mapping is needed here`);
  return value;
}

export function maybeMapping(value: unknown, where: string): Shape {
  return value === undefined || value === null ? {} : mapping(value, where);
}

/** Refuses every key that is not in `known`. */
export function onlyKeys(of: Shape, known: readonly string[], where: string): void {
  const strange = Object.keys(of).find((key) => !known.includes(key));
  if (strange !== undefined) {
    throw new NotUnderstood(
      `${where}: this runner for tests does not understand "${strange}"; it knows ${known.join(", ")}`,
    );
  }
}

/** A scalar as text, as GitHub hands it on; nothing where there is none. */
export function maybeScalar(value: unknown, where: string): string | undefined {
  if (value === undefined) return undefined;
  if (value === null) return "";
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return String(value);
  throw new NotUnderstood(`${where}: a text, number or boolean is needed here`);
}

/** A mapping of scalars, each as text. */
export function scalars(value: unknown, where: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(maybeMapping(value, where)).map(([key, each]) => [key, maybeScalar(each, `${where}.${key}`) ?? ""]),
  );
}

/** A sequence; nothing is an empty one. */
export function sequence(value: unknown, where: string): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new NotUnderstood(`${where}: a sequence is needed here`);
  return value;
}
