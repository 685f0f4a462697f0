// The combinations of a matrix: a product of lists, or what `include` names where there are no lists.

import { isShape } from "../standin/shape.ts";
import { NotUnderstood } from "./expression/tree.ts";
import { type Value, valueOf } from "./expression/value.ts";
import { mapping, onlyKeys, sequence } from "./reading.ts";

export type Combination = Readonly<Record<string, Value>>;

export interface Strategy {
  readonly combinations: readonly Combination[];
  readonly failFast: boolean;
  readonly maxParallel: number | undefined;
}

/** What `strategy:` says; nothing where a job has none. */
export function readStrategy(value: unknown, where: string): Strategy | undefined {
  if (value === undefined) return undefined;
  const strategy = mapping(value, where);
  onlyKeys(strategy, ["matrix", "fail-fast", "max-parallel"], where);
  const matrix = mapping(strategy["matrix"], `${where}.matrix`);
  if (matrix["exclude"] !== undefined) throw new NotUnderstood(`${where}.matrix: this runner plays no "exclude"`);
  const { include, ...lists } = matrix;
  let combinations: readonly Combination[] = Object.keys(lists).length === 0 ? [] : [{}];
  for (const [name, list] of Object.entries(lists)) {
    const values = sequence(list, `${where}.matrix.${name}`).map(valueOf);
    combinations = combinations.flatMap((each) => values.map((one) => ({ ...each, [name]: one })));
  }
  if (include !== undefined && combinations.length > 0) {
    throw new NotUnderstood(`${where}.matrix: this runner plays "include" only where it stands alone`);
  }
  const named = sequence(include, `${where}.matrix.include`).map((each) =>
    combination(each, `${where}.matrix.include`),
  );
  const maxParallel = strategy["max-parallel"];
  return {
    combinations: [...combinations, ...named],
    failFast: strategy["fail-fast"] !== false,
    maxParallel: typeof maxParallel === "number" ? maxParallel : undefined,
  };
}

function combination(value: unknown, where: string): Combination {
  if (!isShape(value)) throw new NotUnderstood(`${where}: a mapping is needed here`);
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, valueOf(each)]));
}
