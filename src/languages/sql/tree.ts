// PostgreSQL's parse tree as libpg-query gives it, and the few ways to look into it.
//
// A node is wrapped in an object with its type as the only key (`{"ColumnRef": {...}}`), except where a field can hold
// one type alone. Fields that are empty, false or zero are left out.

export type Value = string | number | boolean | null | undefined | Body | readonly Value[];

/** The fields of one node, or the wrapping of one. */
export interface Body {
  readonly [field: string]: Value;
}

export const EMPTY: readonly never[] = Object.freeze([]);

export function isBody(value: unknown): value is Body {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

/** A field that holds one node, wrapped or not. */
export function child(body: Body, field: string): Body | undefined {
  const value = body[field];
  return isBody(value) ? value : undefined;
}

/** A field that holds a list; empty where it is left out. */
export function list(body: Body, field: string): readonly Value[] {
  const value = body[field];
  return isList(value) ? value : EMPTY;
}

/** A field that holds text or an enumeration's name; empty where it is left out. */
export function string(body: Body, field: string): string {
  const value = body[field];
  return typeof value === "string" ? value : "";
}

export function number(body: Body, field: string): number {
  const value = body[field];
  return typeof value === "number" ? value : 0;
}

/** The body of a wrapped node when it is of that type. */
export function bodyOf(value: Value, type: string): Body | undefined {
  return isBody(value) ? child(value, type) : undefined;
}

/** The type of a wrapped node; empty for anything else. */
export function typeOf(value: Value): string {
  if (!isBody(value)) return "";
  for (const type in value) return type;
  return "";
}

/** The texts of a list of String nodes: the parts of a qualified name. Anything else in it is left out. */
export function strings(values: readonly Value[]): string[] {
  const parts: string[] = [];
  for (const each of values) {
    const text = bodyOf(each, "String");
    if (text !== undefined) parts.push(string(text, "sval"));
  }
  return parts;
}

/** Are two trees the same but for where their nodes stood in the text. */
export function sameTree(left: Value, right: Value): boolean {
  if (isList(left)) {
    return isList(right) && left.length === right.length && left.every((each, index) => sameTree(each, right[index]));
  }
  if (!isBody(left)) return left === right;
  if (!isBody(right)) return false;
  const fields = Object.keys(left).filter((field) => !PLACES.has(field));
  const others = Object.keys(right).filter((field) => !PLACES.has(field));
  return fields.length === others.length && fields.every((field) => sameTree(left[field], right[field]));
}

/** Fields that say where in the text a node stood. */
export const PLACES: ReadonlySet<string> = new Set([
  "location",
  "rexpr_list_start",
  "rexpr_list_end",
  "list_start",
  "list_end",
  "name_location",
]);
