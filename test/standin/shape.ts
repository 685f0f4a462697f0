// Reads values whose shape only the published description vouches for: JSON that came over the wire.

/** A JSON object of which nothing is known yet. */
export type Shape = Readonly<Record<string, unknown>>;

export function isShape(value: unknown): value is Shape {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The object inside `value` at `path`. Throws when there is none. */
export function shapeAt(value: unknown, ...path: readonly string[]): Shape {
  let here = value;
  for (const key of path) here = isShape(here) ? here[key] : undefined;
  if (!isShape(here)) throw new TypeError(`no object at ${path.join(".") || "the top"}`);
  return here;
}

export function maybeShape(shape: Shape, key: string): Shape | undefined {
  const value = shape[key];
  return isShape(value) ? value : undefined;
}

/** The text at `key`. Throws when it is another thing or absent. */
export function textAt(shape: Shape, key: string): string {
  const value = shape[key];
  if (typeof value !== "string") throw new TypeError(`no text at ${key}`);
  return value;
}

export function maybeText(shape: Shape, key: string): string | undefined {
  const value = shape[key];
  return typeof value === "string" ? value : undefined;
}

export function maybeNumber(shape: Shape, key: string): number | undefined {
  const value = shape[key];
  return typeof value === "number" ? value : undefined;
}

export function flagAt(shape: Shape, key: string, otherwise: boolean): boolean {
  const value = shape[key];
  return typeof value === "boolean" ? value : otherwise;
}

export function listAt(shape: Shape, key: string): readonly unknown[] {
  const value = shape[key];
  return Array.isArray(value) ? value : [];
}

/** The objects in the list at `key`. */
export function shapesAt(shape: Shape, key: string): readonly Shape[] {
  return listAt(shape, key).filter(isShape);
}

/** The texts in the list at `key`. */
export function textsAt(shape: Shape, key: string): readonly string[] {
  return listAt(shape, key).filter((each) => typeof each === "string");
}

/** Parses JSON without vouching for what is in it. */
export function parseJson(text: string): unknown {
  return JSON.parse(text);
}
