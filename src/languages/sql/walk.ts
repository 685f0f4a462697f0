// Walks the parse tree of one statement and gathers what it would do. Everything it does not know by name makes the
// statement less harmless, never more.

import type { Slot } from "../../model/command.ts";
import {
  effectOfFunction,
  GUARDED_READ,
  guardedColumnOf,
  isComparison,
  isGuardedRelation,
  isGuardedSetting,
  isHarmlessOperator,
  isHarmlessSampling,
  isHarmlessType,
  isNewerCall,
} from "./catalog.ts";
import { isTemporaryShadow } from "./definitions.ts";
import { ADMIN, DELETE, EXECUTE, HARMLESS, READ, SCHEMA, UNKNOWN, WRITE } from "./effects.ts";
import { HARMLESS_NODES } from "./grammar.ts";
import type { Deed, SqlSession } from "./reading.ts";
import { judgeSetting, schemasOf } from "./settings.ts";
import {
  type Body,
  bodyOf,
  child,
  EMPTY,
  isBody,
  isList,
  list,
  number,
  string,
  strings,
  typeOf,
  type Value,
} from "./tree.ts";

export type Columns = readonly string[];

const NO_COLUMNS: Columns = EMPTY;

/** Deeper trees than this are not read: the walk is recursive, and no person or ORM writes such a statement. */
const DEPTH_MAX = 1_500;

/** A reading for people: after this many reasons another one adds nothing. */
const REASONS_MAX = 20;

/** The relations and common table expressions that a name can mean at one level of a query. */
interface Scope {
  readonly outer: Scope | undefined;
  readonly relations: { readonly alias: string; readonly table: string | undefined }[];
  readonly expressions: string[];
}

/** The tree is deeper than the walk goes. */
export class TooDeep extends Error {
  override readonly name = "TooDeep";
}

/** What was gathered of one statement. One walk for each statement; its fields only grow. */
export class Walk {
  readonly session: SqlSession;
  readonly deeds: Deed[] = [];
  readonly objects = new Set<string>();
  readonly why: string[] = [];
  /** Byte offset of a constant and the columns it goes to. */
  readonly literals = new Map<number, Columns>();
  /** Number of a parameter, from 1, and the columns it goes to. */
  readonly params = new Map<number, Columns>();
  effects = 0;
  bounded = true;
  /** It touches something that has no name here, so no list of objects could be complete. */
  unnamed = false;

  #scope: Scope | undefined;
  #ownType = false;
  #textConstant = false;
  #depth = 0;
  #guardedColumns: string[] | undefined;
  #wholeRows: string[] | undefined;
  /** The setting that `name` means in `SELECT set_config(name, ...) FROM pg_settings WHERE name = '...'`, which pg_dump says. */
  #settingAsked: string | undefined;

  constructor(session: SqlSession) {
    this.session = session;
  }

  /** Adds effects, and the reason for those that are not harmless. */
  add(effects: number, reason = ""): void {
    this.effects |= effects;
    if (reason !== "" && this.why.length < REASONS_MAX && !this.why.includes(reason)) this.why.push(reason);
  }

  /** Names a relation as it was written, and says what reading it means. */
  touch(range: Body): string {
    const name = nameOf(range);
    this.objects.add(name);
    const relation = string(range, "relname");
    if (isGuardedRelation(relation) || string(range, "schemaname") === "pg_toast") {
      this.add(GUARDED_READ, `reads ${relation}, which holds credentials or the server's own configuration`);
    } else if (guardedColumnOf(relation) !== undefined) {
      this.#guardedColumns ??= [];
      this.#guardedColumns.push(relation);
    }
    return name;
  }

  /** Code that runs as this session may have changed `search_path`. */
  distrustPath(): void {
    if (!this.deeds.some((each) => each.kind === "path-untrusted")) this.deeds.push({ kind: "path-untrusted" });
  }

  /** This connection's names may mean other tables from here on. */
  setPath(): void {
    this.deeds.push({ kind: "path-set" });
  }

  /** The server makes a value of a constant when it parses, and the type's own code may run for that. */
  ownConstant(): void {
    if (!this.deeds.some((each) => each.kind === "own-constant")) this.deeds.push({ kind: "own-constant" });
  }

  /** What is built in from this version on. */
  newerCall(since: number): void {
    this.deeds.push({ kind: "newer-call", since });
  }

  /** To be called once after the last node: judges what needed the whole statement. */
  finish(): void {
    // A constant takes its type from what stands beside it, so any may be of the type that is named anywhere.
    if (this.#ownType && this.#textConstant) this.ownConstant();
    for (const relation of this.#guardedColumns ?? EMPTY) {
      const column = guardedColumnOf(relation) ?? "";
      if (this.#wholeRows?.some((each) => each === column || each === "*" || each === relation) === true) {
        this.add(GUARDED_READ, `reads ${relation}.${column}, which holds credentials`);
      }
    }
  }

  /** Any node of an expression, a FROM clause or a query; or a list of them. */
  visit(value: Value, into: Columns = NO_COLUMNS): void {
    if (isList(value)) {
      for (const each of value) this.visit(each, into);
      return;
    }
    if (!isBody(value)) return;
    const type = typeOf(value);
    const body = value[type];
    // An empty list item: a function in FROM that has no column definitions.
    if (type === "" || !isBody(body)) return;
    this.node(type, body, into);
  }

  node(type: string, body: Body, into: Columns): void {
    this.#depth += 1;
    if (this.#depth > DEPTH_MAX) throw new TooDeep();
    switch (type) {
      case "ColumnRef":
        this.#column(body);
        break;
      case "A_Const":
        if (body["sval"] !== undefined) this.#textConstant = true;
        if (into.length > 0) this.literals.set(number(body, "location"), into);
        break;
      case "ParamRef":
        this.#param(body, into);
        break;
      case "A_Expr":
        this.#operation(body, into);
        break;
      case "FuncCall":
        this.#call(body, into);
        break;
      case "TypeCast":
        this.type(child(body, "typeName"));
        this.visit(body["arg"], into);
        this.#onlyFields(body, TYPE_CAST, "TypeCast");
        break;
      case "TypeName":
        this.type(body);
        break;
      case "ResTarget":
        this.visit(body["val"], into);
        this.visit(body["indirection"]);
        break;
      case "RangeVar":
        this.#from(body);
        break;
      case "RangeSubselect":
      case "RangeFunction":
      case "RangeTableFunc":
      case "JsonTable":
        this.#alias(body);
        this.#plain(type, body, into);
        break;
      case "RangeTableSample":
        this.visit(body["relation"]);
        if (!isHarmlessSampling(strings(list(body, "method")), this.session.pathTrusted)) {
          this.add(EXECUTE, "samples by a method that is not built in");
        }
        this.visit(body["args"]);
        this.visit(body["repeatable"]);
        break;
      case "SubLink":
        this.operator(list(body, "operName"));
        this.visit(body["testexpr"]);
        this.visit(body["subselect"]);
        this.#onlyFields(body, SUB_LINK, "SubLink");
        break;
      case "SortBy":
        this.operator(list(body, "useOp"));
        this.visit(body["node"]);
        break;
      case "CaseExpr":
        this.visit(body["arg"]);
        for (const each of list(body, "args")) {
          const when = bodyOf(each, "CaseWhen");
          this.visit(when?.["expr"], body["arg"] === undefined ? NO_COLUMNS : this.columnsIn(body["arg"]));
          this.visit(when?.["result"], into);
        }
        this.visit(body["defresult"], into);
        break;
      case "SelectStmt":
        this.effects |= READ;
        this.select(body);
        break;
      case "LockingClause":
        this.add(WRITE, "locks the rows that it reads");
        break;
      default:
        if (type.endsWith("Stmt")) this.statement(type, body);
        else this.#plain(type, body, into);
    }
    this.#depth -= 1;
  }

  /** Statements inside a query (a common table expression that deletes). Replaced by the reader's table of statements. */
  statement(type: string, _body: Body): void {
    this.add(UNKNOWN, `holds a ${type} where none was expected`);
  }

  /** A query. `columns` are where the values of its result go, by position, for INSERT ... SELECT and VALUES. */
  select(body: Body, columns: Columns = NO_COLUMNS): void {
    this.#depth += 1;
    if (this.#depth > DEPTH_MAX) throw new TooDeep();
    this.#onlyFields(body, SELECT, "SelectStmt");
    const settingOutside = this.#settingAsked;
    this.#settingAsked = settingAsked(body);
    this.within(() => {
      this.with(body);
      const left = child(body, "larg");
      const right = child(body, "rarg");
      if (left !== undefined) this.select(left, columns);
      if (right !== undefined) this.select(right, columns);
      this.visit(body["fromClause"]);
      this.visit(body["distinctClause"]);
      this.#positions(list(body, "targetList"), columns);
      for (const row of list(body, "valuesLists")) this.#positions(list(bodyOf(row, "List") ?? {}, "items"), columns);
      this.visit(body["whereClause"]);
      this.visit(body["groupClause"]);
      this.visit(body["havingClause"]);
      this.visit(body["windowClause"]);
      this.visit(body["sortClause"]);
      this.visit(body["limitOffset"]);
      this.visit(body["limitCount"]);
      this.visit(body["lockingClause"]);
      const made = child(child(body, "intoClause") ?? {}, "rel");
      if (made !== undefined) {
        this.objects.add(nameOf(made));
        if (isTemporaryShadow(made))
          this.add(ADMIN, "makes a temporary table under the name of a type that is built in");
        this.add(SCHEMA, "makes a new table of its result (SELECT INTO)");
      }
    });
    this.#settingAsked = settingOutside;
    this.#depth -= 1;
  }

  /** Runs work one level further in: names it introduces are forgotten behind it. */
  within(work: () => void): void {
    const outer = this.#scope;
    this.#scope = { outer, relations: [], expressions: [] };
    work();
    this.#scope = outer;
  }

  /** The common table expressions of a statement; to be called inside `within`. */
  with(body: Body): void {
    const clause = child(body, "withClause");
    if (clause === undefined) return;
    const recursive = clause["recursive"] === true;
    const ctes = list(clause, "ctes").map((each) => bodyOf(each, "CommonTableExpr") ?? {});
    // Without RECURSIVE an expression sees only those before it, so `WITH t AS (SELECT * FROM t)` reads a table.
    if (recursive) this.#scope?.expressions.push(...ctes.map((each) => string(each, "ctename")));
    for (const each of ctes) {
      this.#onlyFields(each, COMMON_TABLE, "CommonTableExpr");
      const query = each["ctequery"];
      this.visit(query);
      this.#unwrapped("CTESearchClause", each["search_clause"]);
      this.#unwrapped("CTECycleClause", each["cycle_clause"]);
      if (!recursive) this.#scope?.expressions.push(string(each, "ctename"));
    }
  }

  /** Makes a table's columns known to the conditions behind it, under its alias. */
  introduce(range: Body, alias = aliasOf(range)): void {
    this.#scope?.relations.push({ alias, table: nameOf(range) });
  }

  /** Judges a type that a value is cast to or a column is given. */
  type(body: Body | undefined): void {
    if (body === undefined) return;
    const parts = strings(list(body, "names"));
    if (!isHarmlessType(parts, this.session.pathTrusted) || body["pct_type"] === true) {
      this.#ownType = true;
      this.#foreign(`uses the type ${parts.join(".")}`, parts);
    }
    this.visit(body["typmods"]);
  }

  operator(names: readonly Value[]): void {
    if (names.length === 0) return;
    const parts = strings(names);
    if (!isHarmlessOperator(parts, this.session.pathTrusted))
      this.#foreign(`uses the operator ${parts.join(".")}`, parts);
  }

  /** The columns that stand in an expression, not looking into subselects. */
  columnsIn(value: Value): Columns {
    const column = bodyOf(value, "ColumnRef");
    if (column !== undefined) {
      const name = this.#columnName(column);
      return name === "" ? NO_COLUMNS : [name];
    }
    const type = typeOf(value);
    const body = bodyOf(value, type);
    if (body === undefined || !HOLDS_COLUMNS.has(type)) return NO_COLUMNS;
    const names: string[] = [];
    for (const field of COLUMN_FIELDS) {
      const inner = body[field];
      if (isList(inner)) for (const each of inner) names.push(...this.columnsIn(each));
      else if (isBody(inner)) names.push(...this.columnsIn(inner));
    }
    return names;
  }

  #positions(values: readonly Value[], columns: Columns): void {
    if (columns.length === 0) return this.visit(values);
    values.forEach((each, index) => {
      const column = columns[index];
      this.visit(each, column === undefined ? NO_COLUMNS : [column]);
    });
  }

  #column(body: Body): void {
    // Only a catalog with a secret column needs it, and FROM is always read before the columns.
    if (this.#guardedColumns === undefined) return;
    const fields = list(body, "fields");
    const last = fields[fields.length - 1];
    const star = bodyOf(last, "A_Star") !== undefined;
    const name = star ? "*" : (strings(fields).at(-1) ?? "");
    // x.to_jsonb is to_jsonb(x): the whole row.
    const attribute = fields.length > 1 && name !== "oid" && effectOfFunction([name], true) === 0;
    if (name === "*" || fields.length === 1 || SECRET_COLUMNS.has(name) || attribute) {
      this.#wholeRows ??= [];
      if (this.#wholeRows.length < 1_000) this.#wholeRows.push(star || attribute ? "*" : this.#meaningOf(name));
    }
  }

  /** An unqualified name may be a relation's alias, and then it means its whole row. */
  #meaningOf(name: string): string {
    for (let scope = this.#scope; scope !== undefined; scope = scope.outer) {
      for (const each of scope.relations) {
        if (each.alias === name && each.table !== undefined) return each.table.split(".").at(-1) ?? name;
      }
    }
    return name;
  }

  #param(body: Body, into: Columns): void {
    const position = number(body, "number");
    const known = this.params.get(position);
    if (known === undefined || known.length === 0) this.params.set(position, into);
    else if (into.length > 0) this.params.set(position, [...new Set([...known, ...into])]);
  }

  #operation(body: Body, into: Columns): void {
    const kind = string(body, "kind");
    const name = list(body, "name");
    if (!kind.startsWith("AEXPR_BETWEEN") && !kind.startsWith("AEXPR_NOT_BETWEEN")) this.operator(name);
    if (!KINDS.has(kind)) this.add(UNKNOWN, "uses a kind of operation that this reader does not know");
    const left = body["lexpr"];
    const right = body["rexpr"];
    if (kind === "AEXPR_OP" && !isComparison(strings(name))) {
      this.visit(left, into);
      this.visit(right, into);
    } else {
      this.visit(left, this.columnsIn(right));
      this.visit(right, this.columnsIn(left));
    }
    this.#onlyFields(body, OPERATION, "A_Expr");
  }

  #call(body: Body, into: Columns): void {
    const parts = strings(list(body, "funcname"));
    const args = list(body, "args");
    const name = parts.at(-1) ?? "";
    const builtIn = parts.length === 1 ? this.session.pathTrusted : parts[0] === "pg_catalog";
    if (name === "set_config" && builtIn) {
      this.#setConfig(args);
    } else {
      if (name === "current_setting" && isGuardedSetting(constantOf(args[0]) ?? "")) {
        this.add(GUARDED_READ, "reads a setting that holds credentials or commands");
      }
      if (isNewerCall(parts)) this.newerCall(18);
      const effect = effectOfFunction(parts, this.session.pathTrusted);
      if (effect === EXECUTE) {
        this.#foreign(`calls ${parts.join(".")}()`, parts);
        this.distrustPath();
        // An array type's own name in front of one constant is a cast.
        if (name.startsWith("_") && args.length === 1 && bodyOf(args[0], "A_Const") !== undefined) this.ownConstant();
      } else if (effect !== 0) {
        this.add(effect, `calls ${name}(), which ${WORDS.get(effect) ?? "changes something"}`);
        this.unnamed = true;
        // Large objects named by a column: as many as there are rows.
        if (name.startsWith("lo") && bodyOf(args[0], "ParamRef") === undefined && constantOf(args[0]) === undefined)
          this.bounded = false;
      }
    }
    this.visit(args, into);
    this.visit(body["agg_order"]);
    this.visit(body["agg_filter"]);
    this.#unwrapped("WindowDef", body["over"]);
    this.#onlyFields(body, CALL, "FuncCall");
  }

  #setConfig(args: readonly Value[]): void {
    const name = constantOf(args[0]) ?? (isNamed(args[0], "name") ? this.#settingAsked : undefined);
    const value = constantOf(args[1]);
    if (name === undefined) {
      this.add(ADMIN, "changes a setting whose name is not in the text");
      this.distrustPath();
      return;
    }
    const isPath = name.toLowerCase() === "search_path";
    const schemas = isPath && value !== undefined ? (schemasOf(value) ?? [undefined]) : [value];
    const judged = judgeSetting({ name, values: schemas });
    this.add(
      judged.effect,
      (judged.effect & ~HARMLESS) === 0 ? "" : "changes a setting that guards the session or the server",
    );
    if (isPath) this.setPath();
    if (judged.pathUntrusted) this.distrustPath();
  }

  #foreign(what: string, parts: readonly string[]): void {
    const reason =
      this.session.pathTrusted || parts.length > 1
        ? "which is not known to be harmless"
        : "while search_path may put another schema before pg_catalog";
    this.add(EXECUTE, `${what}, ${reason}`);
    this.objects.add(parts.join("."));
  }

  #from(body: Body): void {
    const name = string(body, "relname");
    if (body["schemaname"] === undefined && this.#isExpression(name)) {
      this.#scope?.relations.push({ alias: aliasOf(body), table: undefined });
      return;
    }
    this.effects |= READ;
    this.touch(body);
    this.introduce(body);
    if (this.#guardedColumns !== undefined && child(body, "alias")?.["colnames"] !== undefined) {
      // Columns under other names: what the statement says of columns cannot be matched any more.
      this.#wholeRows ??= [];
      this.#wholeRows.push("*");
    }
    this.#onlyFields(body, RANGE_VAR, "RangeVar");
  }

  #isExpression(name: string): boolean {
    for (let scope = this.#scope; scope !== undefined; scope = scope.outer) {
      if (scope.expressions.includes(name)) return true;
    }
    return false;
  }

  #alias(body: Body): void {
    const alias = child(body, "alias");
    if (alias !== undefined) this.#scope?.relations.push({ alias: string(alias, "aliasname"), table: undefined });
  }

  /** `table.column` where the table can be told, else the column alone; empty for a whole row. */
  #columnName(body: Body): string {
    const fields = list(body, "fields");
    const parts = strings(fields);
    const column = parts.at(-1) ?? "";
    if (parts.length !== fields.length) return "";
    if (parts.length > 2) return parts.join(".");
    if (parts.length === 2) return this.#qualify(parts[0] ?? "", column);
    // With one relation in sight at this level the column can only be its own.
    const here = this.#scope?.relations;
    const only = here?.length === 1 && this.#scope?.outer === undefined ? here[0] : undefined;
    return only?.table === undefined ? column : `${only.table}.${column}`;
  }

  #qualify(alias: string, column: string): string {
    for (let scope = this.#scope; scope !== undefined; scope = scope.outer) {
      const found = scope.relations.find((each) => each.alias === alias);
      if (found !== undefined) return found.table === undefined ? column : `${found.table}.${column}`;
    }
    return `${alias}.${column}`;
  }

  #plain(type: string, body: Body, into: Columns): void {
    const rule = HARMLESS_NODES.get(type);
    if (rule === undefined) {
      this.add(UNKNOWN, `holds ${type}, which this reader does not know`);
      this.unnamed = true;
      return;
    }
    if (CALLS_OF_17.has(type)) this.newerCall(17);
    const passed = rule.passesOn ? into : NO_COLUMNS;
    for (const field in body) {
      const held = rule.fields.get(field);
      if (held === "-") continue;
      if (held === undefined) this.add(UNKNOWN, `holds ${type}.${field}, which this reader does not know`);
      else if (held === "") this.visit(body[field], passed);
      else this.#unwrapped(held, body[field], passed);
    }
  }

  #unwrapped(type: string, value: Value, into: Columns = NO_COLUMNS): void {
    if (!isBody(value)) return;
    if (type === "TypeName") this.type(value);
    else this.node(type, value, into);
  }

  #onlyFields(body: Body, fields: ReadonlySet<string>, type: string): void {
    for (const field in body) {
      if (!fields.has(field)) this.add(UNKNOWN, `holds ${type}.${field}, which this reader does not know`);
    }
  }
}

/** A relation's name as it was written. */
export function nameOf(range: Body): string {
  const relation = string(range, "relname");
  const schema = string(range, "schemaname");
  if (schema === "") return relation;
  const catalog = string(range, "catalogname");
  return catalog === "" ? `${schema}.${relation}` : `${catalog}.${schema}.${relation}`;
}

/** The name by which the rest of a statement speaks of a relation. */
export function aliasOf(range: Body): string {
  const alias = child(range, "alias");
  return alias === undefined ? string(range, "relname") : string(alias, "aliasname");
}

/** The text of a constant; undefined for anything else, for null, and behind a cast that may cut or rewrite it. */
export function constantOf(value: Value): string | undefined {
  const cast = bodyOf(value, "TypeCast");
  if (cast !== undefined) return isPlainText(child(cast, "typeName")) ? constantOf(cast["arg"]) : undefined;
  const constant = bodyOf(value, "A_Const");
  if (constant === undefined || constant["isnull"] === true) return undefined;
  const flag = child(constant, "boolval");
  if (flag !== undefined) return flag["boolval"] === true ? "on" : "off";
  const whole = child(constant, "ival");
  if (whole !== undefined) return String(number(whole, "ival"));
  const text = child(constant, "sval");
  if (text !== undefined) return string(text, "sval");
  const float = child(constant, "fval");
  return float === undefined ? undefined : string(float, "fval");
}

/** text, or varchar without a length: `'a,pg_catalogX'::varchar(12)` is another text than is written there. */
function isPlainText(type: Body | undefined): boolean {
  if (type === undefined || type["typmods"] !== undefined || type["arrayBounds"] !== undefined) return false;
  const parts = strings(list(type, "names"));
  return ["text", "varchar"].includes(parts.at(-1) ?? "") && (parts.length === 1 || parts[0] === "pg_catalog");
}

/** The one setting that a query of pg_settings asks for; undefined for any other query. */
function settingAsked(select: Body): string | undefined {
  const from = list(select, "fromClause");
  if (from.length !== 1 || string(bodyOf(from[0], "RangeVar") ?? {}, "relname") !== "pg_settings") return undefined;
  const where = bodyOf(select["whereClause"], "A_Expr");
  const equal =
    where !== undefined && string(where, "kind") === "AEXPR_OP" && strings(list(where, "name")).join() === "=";
  return equal && isNamed(where["lexpr"], "name") ? constantOf(where["rexpr"]) : undefined;
}

/** Is it that column, without a qualification. */
function isNamed(value: Value, column: string): boolean {
  const fields = list(bodyOf(value, "ColumnRef") ?? {}, "fields");
  return fields.length === 1 && strings(fields)[0] === column;
}

/** The slots that parameters fill, by position. */
export function paramSlots(params: ReadonlyMap<number, Columns>): Slot[] {
  return [...params]
    .toSorted(([one], [other]) => one - other)
    .map(([position, columns]) => ({ at: { param: position - 1 }, columns }));
}

const WORDS: ReadonlyMap<number, string> = new Map([
  [WRITE, "changes something that others see"],
  [DELETE, "deletes"],
  [ADMIN, "reaches files, programs, other sessions or the server itself"],
]);

const SECRET_COLUMNS: ReadonlySet<string> = new Set(["subconninfo", "umoptions"]);

const KINDS: ReadonlySet<string> = new Set(
  "OP OP_ANY OP_ALL DISTINCT NOT_DISTINCT NULLIF IN LIKE ILIKE SIMILAR BETWEEN NOT_BETWEEN BETWEEN_SYM NOT_BETWEEN_SYM"
    .split(" ")
    .map((kind) => `AEXPR_${kind}`),
);

/** Nodes of the newest grammar that may be written like calls, and are calls to a server older than 17. */
const CALLS_OF_17: ReadonlySet<string> = new Set(
  `JsonFuncExpr JsonScalarExpr JsonParseExpr JsonSerializeExpr JsonObjectConstructor JsonArrayConstructor JsonArrayAgg
  JsonObjectAgg`.split(/\s+/),
);

const HOLDS_COLUMNS: ReadonlySet<string> = new Set(
  "TypeCast FuncCall A_Expr CoalesceExpr MinMaxExpr A_Indirection CollateClause RowExpr A_ArrayExpr List CaseExpr CaseWhen".split(
    " ",
  ),
);
const COLUMN_FIELDS = ["arg", "args", "lexpr", "rexpr", "elements", "items", "result", "defresult"] as const;

const TYPE_CAST: ReadonlySet<string> = new Set(["arg", "typeName", "location"]);
const SUB_LINK: ReadonlySet<string> = new Set(["subLinkType", "testexpr", "operName", "subselect", "location"]);
const OPERATION: ReadonlySet<string> = new Set(
  "kind name lexpr rexpr rexpr_list_start rexpr_list_end location".split(" "),
);
const CALL: ReadonlySet<string> = new Set(
  `funcname args agg_order agg_filter over agg_within_group agg_star agg_distinct func_variadic funcformat location`.split(
    " ",
  ),
);
const RANGE_VAR: ReadonlySet<string> = new Set(
  "catalogname schemaname relname inh relpersistence alias location".split(" "),
);
const COMMON_TABLE: ReadonlySet<string> = new Set(
  "ctename aliascolnames ctematerialized ctequery search_clause cycle_clause location".split(" "),
);
const SELECT: ReadonlySet<string> = new Set(
  `distinctClause intoClause targetList fromClause whereClause groupClause groupDistinct havingClause windowClause
  valuesLists sortClause limitOffset limitCount limitOption lockingClause withClause op all larg rarg`.split(/\s+/),
);
