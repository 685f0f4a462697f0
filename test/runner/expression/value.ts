// The values of expressions, and how GitHub turns one kind into another.

export type Value = null | boolean | number | string | readonly Value[] | { readonly [key: string]: Value };

export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

export function isObject(value: Value): value is { readonly [key: string]: Value } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isTruthy(value: Value): boolean {
  return value !== null && value !== false && value !== 0 && value !== "" && !Number.isNaN(value);
}

export function toText(value: Value): string {
  if (value === null) return "";
  if (isList(value)) return "Array";
  return isObject(value) ? "Object" : String(value);
}

/** As GitHub compares: values of unlike kinds become numbers, texts are compared without case. */
export function compare(left: Value, right: Value): number | undefined {
  if (typeof left === "string" && typeof right === "string") {
    const [a, b] = [left.toUpperCase(), right.toUpperCase()];
    return a === b ? 0 : a < b ? -1 : 1;
  }
  if ((isList(left) || isObject(left)) && left === right) return 0;
  const [a, b] = [toNumber(left), toNumber(right)];
  return Number.isNaN(a) || Number.isNaN(b) ? undefined : a - b;
}

/** A value out of what JSON or YAML was parsed to. */
export function valueOf(parsed: unknown): Value {
  if (parsed === null || parsed === undefined) return null;
  if (typeof parsed === "string" || typeof parsed === "number" || typeof parsed === "boolean") return parsed;
  if (Array.isArray(parsed)) return parsed.map(valueOf);
  if (typeof parsed === "object") {
    return Object.fromEntries(Object.entries(parsed).map(([key, each]) => [key, valueOf(each)]));
  }
  throw new TypeError(`no value of an expression: ${typeof parsed}`);
}

function toNumber(value: Value): number {
  if (typeof value === "string") return value.trim() === "" ? 0 : Number(value);
  return isList(value) || isObject(value) ? Number.NaN : Number(value);
}
