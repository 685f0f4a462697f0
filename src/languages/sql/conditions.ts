// Whether the condition of a DELETE or UPDATE limits it at all. Knows the usual ways to write a condition that is true
// for every row, and does not try to know them all: the rows that a condition meets are counted elsewhere.

import {
  areOpposed,
  constantText,
  elementsOf,
  flagOf,
  isBoolean,
  isEmptyArray,
  isNeverTold,
  isNull,
  isText,
  sameExpression,
} from "./expressions.ts";
import { type Body, bodyOf, child, isBody, isList, list, string, strings, typeOf, type Value } from "./tree.ts";

/** The relation whose rows are at stake: the names by which a condition can speak of its columns. */
export interface Target {
  /** Its alias, or its own name. */
  readonly alias: string;
  readonly schema: string;
  readonly relation: string;
  /** May an unqualified column be the target's: not inside a subselect, where it is most likely the inner relation's. */
  readonly bareNames: boolean;
  /** Other names for the same relation beside it: joining it with itself limits nothing. */
  readonly twins: readonly string[];
  /** True where such a join is made, so that a condition on a twin is one on the target's own row. */
  readonly joined?: boolean;
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
      if (!any) return args.every((each) => limits(each, target, sense)) && !areOpposed(args);
      const joined = target.twins.length > 0 && args.some((each) => joinsTwin(each, target));
      const within = joined && !negated ? { ...target, joined } : target;
      return args.some((each) => limits(each, within, sense));
    }
    case "A_Const":
      return truth(body) === negated || body["isnull"] === true;
    case "TypeCast":
      // What '01'::int::bool is, only the server can tell.
      if (isText(body["arg"]) && !isBoolean(child(body, "typeName"))) return false;
      return limits(body["arg"], target, sense);
    case "BooleanTest": {
      const kind = string(body, "booltesttype");
      if (isNeverTold(body["arg"]))
        return (kind === "IS_TRUE" || kind === "IS_FALSE" || kind === "IS_NOT_UNKNOWN") !== negated;
      if (kind === "IS_TRUE" || kind === "IS_NOT_FALSE") return limits(body["arg"], target, sense);
      if (kind === "IS_FALSE" || kind === "IS_NOT_TRUE") return limits(body["arg"], target, other);
      return (kind === "IS_UNKNOWN") !== negated && mentions(body, target);
    }
    case "NullTest":
      // A key is never null, so IS NOT NULL limits nothing; and `id = NULL` is never anything but null.
      if (isNeverTold(body["arg"])) return (string(body, "nulltesttype") === "IS_NULL") === negated;
      return (string(body, "nulltesttype") === "IS_NULL") !== negated && mentions(body, target);
    case "A_Expr":
      return comparisonLimits(body, target, negated);
    case "CaseExpr":
      return caseLimits(body, target, sense);
    case "CoalesceExpr": {
      const told = list(body, "args").find((each) => !isNeverTold(each));
      return told === undefined || limits(told, target, sense);
    }
    case "SubLink":
      return subselectLimits(body, target, sense);
    case "CurrentOfExpr":
      return true;
    case "ColumnRef":
      return isColumnOf(body, target);
    default:
      return mentions(body, target);
  }
}

/** The branches in order, up to the first that every row takes. */
function caseLimits(body: Body, target: Target, sense: Sense): boolean {
  let limited = false;
  for (const each of list(body, "args")) {
    const when = bodyOf(each, "CaseWhen") ?? {};
    const result = limits(when["result"], target, sense);
    // CASE x WHEN y compares, which is not looked into.
    if (body["arg"] === undefined && !limits(when["expr"], target)) return limited || result;
    limited ||= result;
  }
  return limited || (body["defresult"] !== undefined && limits(body["defresult"], target, sense));
}

function comparisonLimits(body: Body, target: Target, negated: boolean): boolean {
  if (!mentions(body, target)) return false;
  const [operator = ""] = strings(list(body, "name")).slice(-1);
  const left = body["lexpr"];
  const right = body["rexpr"];
  const kind = string(body, "kind");
  const matching = MATCHING.exec(operator);
  if (matching !== null) {
    // LIKE '%' is true of everything; NOT LIKE has the operator !~~.
    const pattern = constantText(right) ?? constantText(list(bodyOf(right, "FuncCall") ?? {}, "args")[0]);
    const everything =
      pattern !== undefined && (matching[2] === "~~" || kind === "AEXPR_SIMILAR" ? /^%+$/ : EVERY).test(pattern);
    if (everything) return (matching[1] === "!") !== negated;
  }
  if (kind === "AEXPR_IN" || kind === "AEXPR_OP_ANY" || kind === "AEXPR_OP_ALL") {
    const items = kind === "AEXPR_IN" ? list(bodyOf(right, "List") ?? {}, "items") : elementsOf(right);
    // Of no element nothing is true, and of all none everything.
    if (items.length === 0 && isEmptyArray(right)) return (kind === "AEXPR_OP_ALL") === negated;
    const same = (each: Value): boolean => sameExpression(left, each, target);
    if (operator !== "=" || negated) return true;
    return kind === "AEXPR_OP_ALL" ? items.length === 0 || !items.every(same) : !items.some(same);
  }
  if (kind.startsWith("AEXPR_BETWEEN")) {
    const [low, high] = list(bodyOf(right, "List") ?? {}, "items");
    return negated || !(sameExpression(left, low, target) && sameExpression(left, high, target));
  }
  const equal = kind === "AEXPR_NOT_DISTINCT" || (kind === "AEXPR_OP" && operator === "=");
  const unequal = kind === "AEXPR_DISTINCT" || (kind === "AEXPR_OP" && ["<>", "!="].includes(operator));
  if (equal || unequal) {
    const flag = flagOf(right) ?? flagOf(left);
    const tested = flagOf(right) === undefined ? right : left;
    if (flag !== undefined) return limits(tested, target, (flag === equal) !== negated ? "as it stands" : "negated");
    // x IS DISTINCT FROM NULL is x IS NOT NULL.
    if (kind !== "AEXPR_OP" && (isNull(left) || isNull(right))) return equal !== negated;
  }
  if (!sameExpression(left, right, target)) return true;
  const always = equal || (kind === "AEXPR_OP" && ["<=", ">=", "~~"].includes(operator));
  const never = unequal || (kind === "AEXPR_OP" && ["<", ">"].includes(operator));
  if (always) return negated;
  return never ? !negated : true;
}

/** The operators of LIKE and of regular expressions, which may also be written as such. */
const MATCHING = /^(!?)(~~|~)\*?$/;

/** Regular expressions that every text meets. */
const EVERY = /^\^?(?:\.\*)?\$?$/;

/**
 * `x IN (SELECT ...)` limits, unless it selects from the same relation without a condition; EXISTS limits only where it
 * speaks of the target's own row, and not in what it selects.
 */
function subselectLimits(body: Body, target: Target, sense: Sense): boolean {
  const select = bodyOf(body["subselect"], "SelectStmt");
  if (select === undefined) return false;
  const negated = sense === "negated";
  const kind = string(body, "subLinkType");
  if (kind === "ANY_SUBLINK")
    return mentionsIn(body["testexpr"], target) && (negated || !isWhole(select, target, new Map()));
  const from = list(select, "fromClause");
  const plain = select["larg"] === undefined && select["valuesLists"] === undefined;
  // A subselect without FROM is no more than its condition, or its one value.
  if (plain && from.length === 0 && (kind === "EXISTS_SUBLINK" || select["whereClause"] === undefined)) {
    const value = bodyOf(list(select, "targetList")[0], "ResTarget")?.["val"];
    return limits(kind === "EXISTS_SUBLINK" ? select["whereClause"] : value, target, sense);
  }
  const inner = { ...target, bareNames: false, twins: [] };
  if (!plain || kind !== "EXISTS_SUBLINK") return mentionsIn(select, inner);
  const twin = bodyOf(from[0], "RangeVar");
  if (from.length === 1 && twin !== undefined && isRelation(twin, target) && !negated)
    return limits(select["whereClause"], { ...inner, twins: [aliasOf(twin)] });
  return mentionsIn({ ...select, targetList: [] }, inner);
}

/** Does a subselect give every row of the target's relation: from it, without a condition or a cut. */
function isWhole(select: Body, target: Target, named: CommonTables): boolean {
  if (["limitCount", "limitOffset", "havingClause"].some((field) => select[field] !== undefined)) return false;
  for (const each of list(child(select, "withClause") ?? {}, "ctes")) {
    const table = bodyOf(each, "CommonTableExpr") ?? {};
    named.set(string(table, "ctename"), bodyOf(table["ctequery"], "SelectStmt") ?? {});
  }
  if (string(select, "op") === "SETOP_UNION")
    return ["larg", "rarg"].some((side) => isWhole(child(select, side) ?? {}, target, named));
  return list(select, "fromClause").some((each) => {
    const same = leftmost(each);
    const inner = bodyOf(same["subquery"], "SelectStmt");
    const whole = inner === undefined ? isWholeTable(same, target, named) : isWhole(inner, target, named);
    return whole && !limits(select["whereClause"], { ...target, bareNames: true, twins: [], alias: aliasOf(same) });
  });
}

/** Queries by their names, or what is known of them: each is looked into once. */
type CommonTables = Map<string, Body | boolean>;

function isWholeTable(range: Body, target: Target, named: CommonTables): boolean {
  const name = string(range, "relname");
  const query = string(range, "schemaname") === "" ? named.get(name) : undefined;
  if (query === undefined) return isRelation(range, target);
  if (typeof query === "boolean") return query;
  // Until more is known, an expression that reads itself adds nothing to itself.
  named.set(name, false);
  const whole = isWhole(query, target, named);
  named.set(name, whole);
  return whole;
}

/** The relation or subselect that a FROM item begins with; of a join, the side that LEFT JOIN and CROSS JOIN keep whole. */
function leftmost(item: Value): Body {
  const join = bodyOf(item, "JoinExpr");
  if (join === undefined) return bodyOf(item, "RangeVar") ?? bodyOf(item, "RangeSubselect") ?? {};
  const whole = string(join, "jointype") === "JOIN_LEFT" || join["quals"] === undefined;
  return whole && join["usingClause"] === undefined && join["isNatural"] !== true ? leftmost(join["larg"]) : {};
}

/** The names by which a FROM clause speaks of the target's relation once more. */
export function twinsOf(from: Value, relation: Body): readonly string[] {
  if (isList(from)) return from.flatMap((each) => twinsOf(each, relation));
  const join = bodyOf(from, "JoinExpr");
  if (join !== undefined) return [...twinsOf(join["larg"], relation), ...twinsOf(join["rarg"], relation)];
  const range = bodyOf(from, "RangeVar") ?? {};
  const same = ["relname", "schemaname"].every((field) => string(range, field) === string(relation, field));
  return same ? [aliasOf(range)] : [];
}

function isRelation(range: Body, { schema, relation }: Target): boolean {
  if (string(range, "relname") !== relation) return false;
  return schema === "" || string(range, "schemaname") === "" || string(range, "schemaname") === schema;
}

/** `t.id = twin.id`. */
function joinsTwin(value: Value, target: Target): boolean {
  const body = bodyOf(value, "A_Expr");
  if (body === undefined || strings(list(body, "name")).join() !== "=") return false;
  return sameExpression(body["lexpr"], body["rexpr"], target) && mentions(body, target);
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
  const [first = ""] = parts;
  if (fields.length === 2) return first === target.alias || (target.joined === true && target.twins.includes(first));
  return parts[1] === target.relation && (target.schema === "" || parts[0] === target.schema);
}

function truth(constant: Body): boolean {
  const flag = child(constant, "boolval");
  if (flag !== undefined) return flag["boolval"] === true;
  // 't'::bool and the like: whatever is not plainly false is taken as true.
  const text = child(constant, "sval");
  return text === undefined || !/^\s*(?:f|n|of|0)/i.test(string(text, "sval"));
}
