// Whether two expressions of a condition are the same, deny each other, or are no more than a constant.

import {
  type Body,
  bodyOf,
  child,
  list,
  number,
  PLACES,
  sameTree,
  string,
  strings,
  typeOf,
  type Value,
} from "./tree.ts";

/** The names by which columns of one relation may be spoken of. */
interface Names {
  readonly alias: string;
  readonly twins: readonly string[];
}

/** Is one part of an OR what another one denies: together they are always true. */
export function areOpposed(parts: readonly Value[]): boolean {
  const said = new Set(parts.map(textOf));
  return parts.some((each) => {
    const type = typeOf(each);
    const body = bodyOf(each, type) ?? {};
    if (type === "BoolExpr") return string(body, "boolop") === "NOT_EXPR" && said.has(textOf(list(body, "args")[0]));
    const opposites = OPPOSITES.get(strings(list(body, "name")).at(-1) ?? "") ?? [];
    return opposites.some((sval) => said.has(textOf({ [type]: { ...body, name: [{ String: { sval } }] } })));
  });
}

/** A tree as text, the same for the same tree wherever it stood: many parts are compared by it at once. */
function textOf(value: Value): string {
  return JSON.stringify(value, (field, inner: unknown) => (PLACES.has(field) ? undefined : inner));
}

const OPPOSITES: ReadonlyMap<string, readonly string[]> = new Map([
  ["=", ["<>", "!="]],
  ["<", [">="]],
  [">", ["<="]],
  ["~~", ["!~~"]],
  ["~~*", ["!~~*"]],
  ["~", ["!~"]],
  ["~*", ["!~*"]],
]);

export function constantText(value: Value): string | undefined {
  const text = bodyOf(bare(value), "A_Const");
  const held = text === undefined ? undefined : child(text, "sval");
  return held === undefined ? undefined : string(held, "sval");
}

export function elementsOf(value: Value): readonly Value[] {
  const array = bodyOf(bare(value), "A_ArrayExpr");
  return array === undefined ? [] : list(array, "elements");
}

/** Is it `'{}'` or `ARRAY[]`. */
export function isEmptyArray(value: Value): boolean {
  return bodyOf(bare(value), "A_ArrayExpr") !== undefined || /^\s*\{\s*\}\s*$/.test(constantText(value) ?? "");
}

export function isText(value: Value): boolean {
  return child(bodyOf(value, "A_Const") ?? {}, "sval") !== undefined;
}

export function isBoolean(type: Body | undefined): boolean {
  return strings(list(type ?? {}, "names")).at(-1) === "bool";
}

export function flagOf(value: Value): boolean | undefined {
  const flag = child(bodyOf(value, "A_Const") ?? {}, "boolval");
  return flag === undefined ? undefined : flag["boolval"] === true;
}

export function isNull(value: Value): boolean {
  return (bodyOf(bare(value), "A_Const") ?? {})["isnull"] === true;
}

/** Is it null whatever the row: NULL, or what an ordinary operator makes of NULL. */
export function isNeverTold(value: Value): boolean {
  const operation = bodyOf(bare(value), "A_Expr") ?? {};
  return (
    isNull(value) ||
    (string(operation, "kind") === "AEXPR_OP" && (isNull(operation["lexpr"]) || isNull(operation["rexpr"])))
  );
}

/** Without the casts around it, and without what changes nothing: `+ 0`, `* 1`, `|| ''`, COLLATE. */
function bare(value: Value): Value {
  const type = typeOf(value);
  const body = bodyOf(value, type) ?? {};
  if (type === "TypeCast" || type === "CollateClause") return bare(body["arg"]);
  const args = list(body, "args");
  if ((type === "CoalesceExpr" || type === "MinMaxExpr") && args.length === 1) return bare(args[0]);
  if (type !== "A_Expr" || string(body, "kind") !== "AEXPR_OP") return value;
  const [operator = ""] = strings(list(body, "name"));
  const neutral = NEUTRAL.get(operator);
  if (body["lexpr"] === undefined) return operator === "+" ? bare(body["rexpr"]) : value;
  if (neutral === undefined) return value;
  if (neutral === constantValue(body["rexpr"])) return bare(body["lexpr"]);
  return neutral === constantValue(body["lexpr"]) && "+*||".includes(operator) ? bare(body["rexpr"]) : value;
}

const NEUTRAL: ReadonlyMap<string, string> = new Map([
  ["+", "0"],
  ["-", "0"],
  ["*", "1"],
  ["/", "1"],
  ["||", "''"],
]);

function constantValue(value: Value): string | undefined {
  const constant = bodyOf(value, "A_Const") ?? {};
  const whole = child(constant, "ival");
  if (whole !== undefined) return String(number(whole, "ival"));
  const text = child(constant, "sval");
  return text === undefined ? undefined : `'${string(text, "sval")}'`;
}

/** Are they the same but for casts, and for how a column is qualified. Constants are left to the server. */
export function sameExpression(left: Value, right: Value, { alias, twins }: Names): boolean {
  const one = bare(left);
  const other = bare(right);
  const column = bodyOf(one, "ColumnRef");
  const otherColumn = bodyOf(other, "ColumnRef");
  if (column !== undefined && otherColumn !== undefined) {
    const parts = strings(list(column, "fields"));
    const others = strings(list(otherColumn, "fields"));
    if (parts.at(-1) !== others.at(-1)) return false;
    const own = [parts, others].every((each) => each.length === 1 || [alias, ...twins].includes(each.at(-2) ?? ""));
    return own || parts.length === 1 || others.length === 1 || parts.at(-2) === others.at(-2);
  }
  return sameTree(one, other);
}
