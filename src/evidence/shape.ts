// Says what an unknown value is. Evidence was written by somebody else: nothing in it is believed to have a type.

/** A claim about a value. */
export type Claim<T> = (value: unknown) => value is T;

/** The types that a table of claims claims. */
export type Claimed<C extends Readonly<Record<string, Claim<unknown>>>> = {
  readonly [K in keyof C]: C[K] extends Claim<infer T> ? T : never;
};

export function isText(value: unknown): value is string {
  return typeof value === "string";
}

/** A whole number of 0 or more. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && typeof value === "number" && value >= 0;
}

/** A whole number, or -1 and the like where something was not known. */
export function isInteger(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

export function isFlag(value: unknown): value is boolean {
  return typeof value === "boolean";
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** One of these words and no other. */
export function oneOf<T extends string>(...words: readonly T[]): Claim<T> {
  return (value): value is T => words.some((word) => word === value);
}

export function listOf<T>(claim: Claim<T>): Claim<readonly T[]> {
  return (value): value is readonly T[] => Array.isArray(value) && value.every((each) => claim(each));
}

/** The fields of an object that has exactly these, each as claimed; undefined for any other value. */
export function fieldsOf<C extends Readonly<Record<string, Claim<unknown>>>>(
  value: unknown,
  claims: C,
): Claimed<C> | undefined {
  return hasExactly(value, claims) ? value : undefined;
}

/** A claim that a value is an object of exactly these fields. */
export function shaped<C extends Readonly<Record<string, Claim<unknown>>>>(claims: C): Claim<Claimed<C>> {
  return (value): value is Claimed<C> => hasExactly(value, claims);
}

function hasExactly<C extends Readonly<Record<string, Claim<unknown>>>>(
  value: unknown,
  claims: C,
): value is Claimed<C> {
  if (!isObject(value)) return false;
  const names = Object.keys(claims);
  if (Object.keys(value).length !== names.length) return false;
  return names.every((name) => Object.hasOwn(value, name) && claims[name]?.(value[name]) === true);
}
