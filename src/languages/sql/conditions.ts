// Whether the condition of a DELETE or UPDATE limits it at all. Knows the usual ways to write a condition that is true
// for every row, and does not try to know them all: the rows that a condition meets are counted elsewhere.

import {
  type Body,
  bodyOf,
  child,
  isBody,
  isList,
  list,
  sameTree,
  string,
  strings,
  typeOf,
  type Value,
} from "./tree.ts";

/** The relation whose rows are at stake: the names by which a condition can speak of its columns. */
export interface Target {
  /** Its alias, or its own name. */
  readonly alias: string;
  readonly schema: string;
  readonly relation: string;
  /** May an unqualified column be the target's: not inside a subselect, where it is most likely the inner relation's. */
  readonly bareNames: boolean;
}

type Sense = "as it stands" | "negated";

/** False when the condition is missing, always true, or says nothing of the target's own columns. */
export function limits(condition: Value, target: Target, sense: Sense = "as it stands"): boolean {
  const type = typeOf(condition);
  const body = bodyOf(condition, type);
  if (body === undefined) return false;
  const negated = sense === "negated";
  const other: Sense = negated ? "as it stands" : "negated";
  switch (type) {
    case "BoolExpr": {
      const args = list(body, "args");
      const kind = string(body, "boolop");
      if (kind === "NOT_EXPR") return limits(args[0], target, other);
      // De Morgan: one limiting part of an AND is enough, every part of an OR must be one.
      const any = (kind === "AND_EXPR") !== negated;
      return any ? args.some((each) => limits(each, target, sense)) : args.every((each) => limits(each, target, sense));
    }
    case "A_Const":
      return truth(body) === negated || body["isnull"] === true;
    case "TypeCast":
      return limits(body["arg"], target, sense);
    case "BooleanTest": {
      const kind = string(body, "booltesttype");
      if (kind === "IS_TRUE" || kind === "IS_NOT_FALSE") return limits(body["arg"], target, sense);
      if (kind === "IS_FALSE" || kind === "IS_NOT_TRUE") return limits(body["arg"], target, other);
      return (kind === "IS_UNKNOWN") !== negated && mentions(body, target);
    }
    case "NullTest":
      // A key is never null, so IS NOT NULL limits nothing.
      return (string(body, "nulltesttype") === "IS_NULL") !== negated && mentions(body, target);
    case "A_Expr":
      return comparisonLimits(body, target, negated);
    case "CaseExpr":
      return [...list(body, "args").map((each) => bodyOf(each, "CaseWhen")?.["result"]), body["defresult"]].some(
        (each) => each !== undefined && limits(each, target, sense),
      );
    case "CoalesceExpr":
      return list(body, "args").length > 0 && limits(list(body, "args")[0], target, sense);
    case "SubLink":
      return subselectLimits(body, target, negated);
    case "CurrentOfExpr":
      return true;
    case "ColumnRef":
      return isColumnOf(body, target);
    default:
      return mentions(body, target);
  }
}

function comparisonLimits(body: Body, target: Target, negated: boolean): boolean {
  if (!mentions(body, target)) return false;
  const [operator = ""] = strings(list(body, "name")).slice(-1);
  const left = body["lexpr"];
  const right = body["rexpr"];
  const kind = string(body, "kind");
  if (kind === "AEXPR_LIKE" || kind === "AEXPR_ILIKE") {
    // LIKE '%' is true of everything; NOT LIKE has the operator !~~.
    const pattern = constantText(right);
    const everything = pattern !== undefined && /^%+$/.test(pattern);
    return !(everything && operator.startsWith("!") === negated);
  }
  if (kind === "AEXPR_IN" || kind === "AEXPR_OP_ANY") {
    const items = kind === "AEXPR_IN" ? list(bodyOf(right, "List") ?? {}, "items") : elementsOf(right);
    if (operator === "=" && !negated) return !items.some((each) => sameExpression(left, each));
    return true;
  }
  if (kind.startsWith("AEXPR_BETWEEN")) {
    const [low, high] = list(bodyOf(right, "List") ?? {}, "items");
    return negated || !(sameExpression(left, low) && sameExpression(left, high));
  }
  if (!sameExpression(left, right)) return true;
  const always = kind === "AEXPR_NOT_DISTINCT" || (kind === "AEXPR_OP" && ["=", "<=", ">=", "~~"].includes(operator));
  const never = kind === "AEXPR_DISTINCT" || (kind === "AEXPR_OP" && ["<>", "!=", "<", ">"].includes(operator));
  if (always) return negated;
  return never ? !negated : true;
}

/**
 * `x IN (SELECT ...)` limits, unless it selects from the same relation without a condition; EXISTS limits only where it
 * speaks of the target's own row.
 */
function subselectLimits(body: Body, target: Target, negated: boolean): boolean {
  const select = bodyOf(body["subselect"], "SelectStmt");
  if (select === undefined) return false;
  const kind = string(body, "subLinkType");
  if (kind === "ANY_SUBLINK") {
    if (!mentionsIn(body["testexpr"], target)) return false;
    const [from] = list(select, "fromClause");
    const same = bodyOf(from, "RangeVar");
    const whole =
      same !== undefined && string(same, "relname") === target.relation && list(select, "fromClause").length === 1;
    const cut = select["limitCount"] !== undefined || select["limitOffset"] !== undefined;
    return (
      negated || !whole || cut || limits(select["whereClause"], { ...target, bareNames: true, alias: aliasOf(same) })
    );
  }
  return mentionsIn(select, { ...target, bareNames: false });
}

function aliasOf(range: Body): string {
  const alias = child(range, "alias");
  return alias === undefined ? string(range, "relname") : string(alias, "aliasname");
}

function mentions(body: Body, target: Target): boolean {
  return mentionsIn(body, target);
}

/** Does a column of the target stand anywhere in there. */
function mentionsIn(value: Value, target: Target): boolean {
  if (isList(value)) return value.some((each) => mentionsIn(each, target));
  if (!isBody(value)) return false;
  const column = child(value, "ColumnRef");
  if (column !== undefined) return isColumnOf(column, target);
  for (const field in value) if (mentionsIn(value[field], target)) return true;
  return false;
}

function isColumnOf(column: Body, target: Target): boolean {
  const fields = list(column, "fields");
  const parts = strings(fields);
  if (fields.length === 1) return target.bareNames;
  if (fields.length === 2) return parts[0] === target.alias;
  return parts[1] === target.relation && (target.schema === "" || parts[0] === target.schema);
}

function truth(constant: Body): boolean {
  const flag = child(constant, "boolval");
  if (flag !== undefined) return flag["boolval"] === true;
  // 't'::bool and the like: whatever is not plainly false is taken as true.
  const text = child(constant, "sval");
  return text === undefined || !/^\s*(?:f|n|of|0)/i.test(string(text, "sval"));
}

function constantText(value: Value): string | undefined {
  const text = bodyOf(bare(value), "A_Const");
  const held = text === undefined ? undefined : child(text, "sval");
  return held === undefined ? undefined : string(held, "sval");
}

function elementsOf(value: Value): readonly Value[] {
  const array = bodyOf(bare(value), "A_ArrayExpr");
  return array === undefined ? [] : list(array, "elements");
}

/** Without the casts and brackets around it. */
function bare(value: Value): Value {
  let inner = value;
  for (let cast = bodyOf(inner, "TypeCast"); cast !== undefined; cast = bodyOf(inner, "TypeCast")) inner = cast["arg"];
  return inner;
}

/** Are they the same but for casts, and for how a column is qualified. Constants are left to the server. */
function sameExpression(left: Value, right: Value): boolean {
  const one = bare(left);
  const other = bare(right);
  const column = bodyOf(one, "ColumnRef");
  const otherColumn = bodyOf(other, "ColumnRef");
  if (column !== undefined && otherColumn !== undefined) {
    const parts = strings(list(column, "fields"));
    const others = strings(list(otherColumn, "fields"));
    if (parts.at(-1) !== others.at(-1)) return false;
    return parts.length === 1 || others.length === 1 || parts.at(-2) === others.at(-2);
  }
  return sameTree(one, other);
}
