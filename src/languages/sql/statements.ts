// What each kind of statement does. A statement that is not named here is `unknown`.

import { GUARDED_READ, guardedColumnOf, isGuardedSetting, isSystemRelation } from "./catalog.ts";
import { limits, type Target, twinsOf } from "./conditions.ts";
import { definitionOf, isConfinedLanguage, isTemporaryShadow } from "./definitions.ts";
import { ADMIN, bitsOf, DELETE, EXECUTE, HARMLESS, READ, SCHEMA, SESSION, UNKNOWN, WRITE } from "./effects.ts";
import type { Reading } from "./reading.ts";
import { judgeSetting } from "./settings.ts";
import { type Body, bodyOf, child, isBody, isList, list, number, string, strings, typeOf, type Value } from "./tree.ts";
import { aliasOf, type Columns, constantOf, nameOf, Walk } from "./walk.ts";

/** ACCESS SHARE, the weakest lock: it waits only for a DROP, and a plain SELECT takes it too. */
const ACCESS_SHARE = 1;

/** ROW EXCLUSIVE, the strongest lock that lets other writers work. */
const ROW_EXCLUSIVE = 3;

/** WITH HOLD, in parsenodes.h. */
const CURSOR_OPT_HOLD = 0x20;

/** Makes the reading of a statement inside another one: the body of PREPARE or of a cursor. */
export type ReadBody = (walk: StatementWalk) => Reading;

export class StatementWalk extends Walk {
  readonly #readBody: ReadBody;

  constructor(session: Walk["session"], readBody: ReadBody) {
    super(session);
    this.#readBody = readBody;
  }

  override statement(type: string, body: Body): void {
    switch (type) {
      case "InsertStmt":
        return this.within(() => this.#insert(body));
      case "UpdateStmt":
        return this.within(() => this.#update(body));
      case "DeleteStmt":
        return this.within(() => this.#delete(body));
      case "MergeStmt":
        return this.within(() => this.#merge(body));
      case "TruncateStmt":
        return this.#truncate(body);
      case "TransactionStmt":
        return this.#transaction(body);
      case "VariableSetStmt":
        return this.#set(body);
      case "VariableShowStmt":
        if (isGuardedSetting(string(body, "name")))
          this.add(READ | ADMIN, "shows a setting that holds credentials or commands");
        return this.add(READ);
      case "ExplainStmt":
        return this.#explain(body);
      case "CopyStmt":
        return this.#copy(body);
      case "PrepareStmt":
        return this.#prepare(body);
      case "ExecuteStmt":
        return this.#execute(body);
      case "DeallocateStmt":
        this.deeds.push({ kind: "deallocate", name: body["isall"] === true ? undefined : string(body, "name") });
        return this.add(SESSION);
      case "DeclareCursorStmt":
        return this.#declare(body);
      case "FetchStmt":
        return this.#fetch(body);
      case "ClosePortalStmt":
        this.deeds.push({
          kind: "close",
          name: body["portalname"] === undefined ? undefined : string(body, "portalname"),
        });
        return this.add(SESSION);
      case "DiscardStmt":
        return this.#discard(body);
      case "ListenStmt":
      case "UnlistenStmt":
      case "ConstraintsSetStmt":
        return this.add(SESSION);
      case "NotifyStmt":
        this.objects.add(string(body, "conditionname"));
        return this.add(WRITE, "notifies other sessions (NOTIFY)");
      case "LockStmt":
        return this.#lock(body);
      case "CallStmt":
        this.#code("CALL runs a procedure");
        return this.node("FuncCall", child(body, "funccall") ?? {}, []);
      case "DoStmt":
        return this.#do(body);
      case "ReturnStmt":
        // RETURN in the body of an SQL function.
        return this.visit(body["returnval"]);
      case "CreateTableAsStmt":
        return this.#createTableAs(body);
      default:
        return this.#define(type, body);
    }
  }

  #insert(body: Body): void {
    this.with(body);
    const target = child(body, "relation") ?? {};
    const table = this.#write(target, WRITE, "INSERT");
    const columns = list(body, "cols").map((each) => `${table}.${string(bodyOf(each, "ResTarget") ?? {}, "name")}`);
    const source = bodyOf(body["selectStmt"], "SelectStmt");
    if (source !== undefined) {
      if (source["valuesLists"] === undefined) this.effects |= READ;
      this.select(source, columns);
    }
    this.introduce(target);
    this.introduce(target, "excluded");
    const conflict = child(body, "onConflictClause");
    if (conflict !== undefined) {
      const infer = child(conflict, "infer");
      if (infer !== undefined) this.node("InferClause", infer, []);
      this.#assign(list(conflict, "targetList"), table);
      this.visit(conflict["whereClause"]);
    }
    this.#returning(body);
  }

  #update(body: Body): void {
    this.with(body);
    const target = child(body, "relation") ?? {};
    this.introduce(target);
    const table = this.#write(target, WRITE, "UPDATE");
    this.visit(body["fromClause"]);
    this.#assign(list(body, "targetList"), table);
    this.visit(body["whereClause"]);
    this.#condition(body["whereClause"], targetOf(target, body["fromClause"]), "UPDATE");
    this.#returning(body);
  }

  #delete(body: Body): void {
    this.with(body);
    const target = child(body, "relation") ?? {};
    this.introduce(target);
    this.#write(target, DELETE, "DELETE");
    this.visit(body["usingClause"]);
    this.visit(body["whereClause"]);
    this.#condition(body["whereClause"], targetOf(target, body["usingClause"]), "DELETE");
    this.#returning(body);
  }

  #merge(body: Body): void {
    this.with(body);
    const target = child(body, "relation") ?? {};
    this.introduce(target);
    const table = this.#write(target, 0, "MERGE");
    this.visit(body["sourceRelation"]);
    this.visit(body["joinCondition"]);
    const joined = limits(body["joinCondition"], targetOf(target, body["sourceRelation"]));
    for (const each of list(body, "mergeWhenClauses")) {
      const when = bodyOf(each, "MergeWhenClause") ?? {};
      const command = string(when, "commandType");
      if (command === "CMD_NOTHING") continue;
      if (command === "CMD_DELETE") this.add(DELETE, "MERGE deletes rows");
      else this.add(WRITE, "MERGE writes rows");
      this.visit(when["condition"]);
      const columns = list(when, "targetList").map((column) => bodyOf(column, "ResTarget") ?? {});
      if (command === "CMD_INSERT") {
        list(when, "values").forEach((value, index) => {
          const column = columns[index];
          this.visit(value, column === undefined ? [] : [`${table}.${string(column, "name")}`]);
        });
        continue;
      }
      this.#assign(list(when, "targetList"), table);
      const unmatched = string(when, "matchKind") === "MERGE_WHEN_NOT_MATCHED_BY_SOURCE";
      if (unmatched || !joined) {
        if (!limits(when["condition"], targetOf(target, undefined))) this.#unbounded(`MERGE into ${table}`);
      }
    }
    this.effects |= READ;
    this.#returning(body);
  }

  #truncate(body: Body): void {
    for (const each of list(body, "relations")) {
      const range = bodyOf(each, "RangeVar");
      if (range !== undefined) this.#write(range, DELETE, "TRUNCATE");
    }
    this.bounded = false;
    if (string(body, "behavior") === "DROP_CASCADE") this.unnamed = true;
    this.add(DELETE, "TRUNCATE takes out every row");
  }

  /** Names the relation that is written to, and says what writing there means. Returns its name as written. */
  #write(range: Body, effect: number, verb: string): string {
    const name = this.touch(range);
    this.add(effect, effect === 0 || verb === "TRUNCATE" ? "" : `${verb} changes ${name}`);
    if (isSystemRelation(string(range, "schemaname"), string(range, "relname"))) {
      this.add(effect | ADMIN, `${verb} changes ${name}, which belongs to the server`);
    }
    return name;
  }

  #assign(targets: readonly Value[], table: string): void {
    for (const each of targets) {
      const target = bodyOf(each, "ResTarget") ?? {};
      const into: Columns = [`${table}.${string(target, "name")}`];
      this.visit(target["indirection"]);
      const multiple = bodyOf(target["val"], "MultiAssignRef");
      if (multiple === undefined) {
        this.visit(target["val"], into);
        continue;
      }
      // (a, b) = (1, 2): the tree repeats the whole row for each column.
      const row = bodyOf(multiple["source"], "RowExpr");
      if (row === undefined) this.visit(multiple["source"], into);
      else this.visit(list(row, "args")[number(multiple, "colno") - 1], into);
    }
  }

  #condition(where: Value, target: Target, verb: string): void {
    if (limits(where, target)) return;
    this.#unbounded(`${verb} on ${target.schema === "" ? "" : `${target.schema}.`}${target.relation}`);
  }

  #unbounded(what: string): void {
    this.bounded = false;
    this.add(0, `${what} without a condition that limits it`);
  }

  #returning(body: Body): void {
    const clause = child(body, "returningClause");
    if (clause === undefined) return;
    this.effects |= READ;
    this.node("ReturningClause", clause, []);
  }

  #transaction(body: Body): void {
    this.add(SESSION);
    for (const each of list(body, "options")) this.#transactionMode(bodyOf(each, "DefElem") ?? {}, WRITE);
    const kind = string(body, "kind");
    if (kind.endsWith("_PREPARED") || kind === "TRANS_STMT_PREPARE") {
      this.bounded = false;
      this.unnamed = true;
      this.add(WRITE, "ends a transaction outside its session (two-phase commit)");
    } else if (!TRANSACTIONS.has(kind)) {
      this.add(UNKNOWN, "is a transaction statement that this reader does not know");
    }
  }

  /** READ WRITE lifts the guard of a read-only session; `lifting` says how much that means here. */
  #transactionMode(option: Body, lifting: number): void {
    const name = string(option, "defname");
    const flag = constantOf(option["arg"]);
    if (name === "transaction_read_only") {
      if (flag !== "1" && flag !== "on") this.add(lifting, "asks for a transaction that may write (READ WRITE)");
    } else if (name !== "transaction_isolation" && name !== "transaction_deferrable") {
      this.add(UNKNOWN, "sets a transaction mode that this reader does not know");
    }
  }

  #set(body: Body): void {
    const kind = string(body, "kind");
    const name = string(body, "name");
    if (kind === "VAR_SET_MULTI") {
      this.add(SESSION);
      if (name === "TRANSACTION SNAPSHOT") return;
      const lifting = name === "TRANSACTION" ? WRITE : ADMIN;
      for (const each of list(body, "args")) this.#transactionMode(bodyOf(each, "DefElem") ?? {}, lifting);
      if (name !== "TRANSACTION" && name !== "SESSION CHARACTERISTICS") this.add(ADMIN, `sets ${name}`);
      return;
    }
    if (kind === "VAR_RESET_ALL") return this.add(ADMIN | SESSION, "resets every setting, guards too (RESET ALL)");
    // SET x FROM CURRENT stands only in function definitions.
    const values = list(body, "args").map(constantOf);
    const path = name.toLowerCase() === "search_path" && kind !== "VAR_SET_VALUE";
    const judged = judgeSetting({ name, values: kind === "VAR_SET_VALUE" ? values : path ? [] : [] });
    const harmless = (judged.effect & ~HARMLESS) === 0;
    // Named as no table can be, so that a policy can speak of one setting.
    if (!harmless) this.objects.add(`setting:${name.toLowerCase()}`);
    this.add(judged.effect, harmless ? "" : `changes the setting ${name}, which is not known to be harmless`);
    this.add(SESSION);
    this.visit(body["args"]);
    if (name.toLowerCase() === "search_path") this.setPath();
    if (judged.pathUntrusted) this.distrustPath();
  }

  #explain(body: Body): void {
    const runs = list(body, "options").some((each) => {
      const option = bodyOf(each, "DefElem") ?? {};
      return string(option, "defname").toLowerCase() === "analyze" && !isOff(option["arg"]);
    });
    const before = { effects: this.effects, bounded: this.bounded, reasons: this.why.length };
    // Planned or run: the parameters of EXECUTE are worked out first.
    const given = list(executeOf(body["query"]) ?? {}, "params");
    if (given.length > 0) {
      this.effects = 0;
      this.visit(given);
      before.effects |= this.effects;
      if ((this.effects & ~HARMLESS) !== 0) before.reasons = this.why.length;
    }
    this.effects = 0;
    this.visit(body["query"]);
    // EXPLAIN DECLARE opens no cursor.
    if (this.deeds.at(-1)?.kind === "declare") this.deeds.pop();
    if (!runs) {
      // Planning runs functions that call themselves immutable, and whatever reads a file may be one.
      this.effects &= ~(WRITE | DELETE | SCHEMA);
      this.bounded = before.bounded;
      if ((this.effects & ~HARMLESS) === 0) this.why.length = before.reasons;
    }
    this.effects |= before.effects | READ;
  }

  #copy(body: Body): void {
    const relation = child(body, "relation");
    if (relation !== undefined) this.touch(relation);
    if (body["is_from"] === true) {
      if (relation !== undefined) this.#write(relation, WRITE, "COPY");
    } else {
      this.add(READ);
    }
    if (body["is_program"] === true) {
      this.unnamed = true;
      this.add(ADMIN, "COPY runs a program on the server");
    } else if (body["filename"] !== undefined) {
      this.unnamed = true;
      this.add(ADMIN, "COPY uses a file on the server");
    } else if (body["is_from"] === true) {
      this.deeds.push({ kind: "copy-in" });
    }
    if (relation !== undefined && body["is_from"] !== true) this.#copyColumns(relation, list(body, "attlist"));
    this.visit(body["query"]);
    this.within(() => {
      if (relation !== undefined) this.introduce(relation);
      this.visit(body["whereClause"]);
    });
  }

  /** COPY of a table reads the columns of its list, all of them without one. */
  #copyColumns(relation: Body, columns: readonly Value[]): void {
    const secret = guardedColumnOf(string(relation, "relname"));
    if (secret === undefined || (columns.length > 0 && !strings(columns).includes(secret))) return;
    this.add(GUARDED_READ, `copies ${string(relation, "relname")}.${secret}, which holds credentials`);
  }

  /** Reads the statement inside as its own, and leaves the place of its literals here. */
  #body(query: Value): { readonly inner: StatementWalk; readonly reading: Reading } {
    const inner = new StatementWalk(this.session, this.#readBody);
    inner.visit(query);
    inner.finish();
    for (const [at, columns] of inner.literals) this.literals.set(at, columns);
    return { inner, reading: this.#readBody(inner) };
  }

  #prepare(body: Body): void {
    const { inner, reading } = this.#body(body["query"]);
    for (const each of inner.objects) this.objects.add(each);
    for (const each of list(body, "argtypes")) this.visit(each);
    if (inner.deeds.some((each) => each.kind === "own-constant"))
      this.add(EXECUTE, "has a constant of a type that is not built in, which is read when it is prepared");
    this.deeds.push({ kind: "prepare", name: string(body, "name"), body: reading });
    // Nothing runs yet: what it would do is said of each EXECUTE.
    this.add(SESSION);
  }

  #execute(body: Body): void {
    const name = string(body, "name");
    this.deeds.push({ kind: "execute", name });
    const prepared = this.session.prepared(name);
    const slots = prepared?.slots ?? [];
    list(body, "params").forEach((each, index) => {
      const slot = slots.find(({ at }) => "param" in at && at.param === index);
      this.visit(each, slot?.columns ?? []);
    });
    if (prepared === undefined) {
      this.bounded = false;
      this.unnamed = true;
      return this.add(UNKNOWN, `executes ${name}, which was not seen to be prepared on this connection`);
    }
    this.#take(prepared);
    // The server reads the text again when the path has changed.
    if (!this.session.pathTrusted)
      this.add(EXECUTE, "executes a prepared statement while search_path may put another schema before pg_catalog");
  }

  #take(reading: Reading): void {
    this.effects |= bitsOf(reading.effects);
    if (!reading.bounded) this.bounded = false;
    if (reading.objects.length === 0 && (bitsOf(reading.effects) & ~HARMLESS) !== 0) this.unnamed = true;
    for (const each of reading.objects) this.objects.add(each);
    for (const each of reading.why) this.add(0, each);
    for (const statement of reading.statements) {
      if (statement.deeds.some((each) => each.kind === "path-set")) this.setPath();
      if (statement.deeds.some((each) => each.kind === "path-untrusted")) this.distrustPath();
      for (const each of statement.deeds) if (each.kind === "newer-call") this.newerCall(each.since);
    }
  }

  #declare(body: Body): void {
    const { inner, reading } = this.#body(body["query"]);
    for (const [position, columns] of inner.params) this.params.set(position, columns);
    const held = (number(body, "options") & CURSOR_OPT_HOLD) !== 0;
    this.deeds.push({ kind: "declare", name: string(body, "portalname"), body: reading, held });
    if (inner.deeds.some((each) => each.kind === "own-constant")) this.ownConstant();
    // Planning it, and WITH HOLD, may run what it calls.
    this.#take(reading);
    this.add(SESSION);
  }

  #fetch(body: Body): void {
    const name = string(body, "portalname");
    this.deeds.push({ kind: "fetch", name });
    const cursor = this.session.cursor(name);
    if (cursor !== undefined) return this.#take(cursor);
    this.bounded = false;
    this.unnamed = true;
    this.add(UNKNOWN, `fetches from ${name}, which was not seen to be opened on this connection`);
  }

  #discard(body: Body): void {
    this.add(SESSION);
    const target = string(body, "target");
    if (target === "DISCARD_ALL") {
      this.deeds.push({ kind: "deallocate", name: undefined }, { kind: "close", name: undefined });
      this.add(ADMIN, "drops everything that was set on the session, guards too (DISCARD ALL)");
    } else if (target === "DISCARD_TEMP") {
      this.unnamed = true;
      this.add(SCHEMA, "drops the session's temporary tables (DISCARD TEMP)");
    } else if (target !== "DISCARD_PLANS" && target !== "DISCARD_SEQUENCES") {
      this.add(UNKNOWN, "discards something that this reader does not know");
    }
  }

  #lock(body: Body): void {
    const mode = number(body, "mode");
    for (const each of list(body, "relations")) {
      const range = bodyOf(each, "RangeVar");
      if (range !== undefined) this.touch(range);
    }
    if (mode === ACCESS_SHARE) return this.add(SESSION | READ);
    if (mode > ROW_EXCLUSIVE || mode < ACCESS_SHARE) this.bounded = false;
    this.add(WRITE, "locks a table so that others wait for it (LOCK)");
  }

  #do(body: Body): void {
    this.#code("DO runs a block of code");
    for (const each of list(body, "args")) {
      const option = bodyOf(each, "DefElem") ?? {};
      if (
        string(option, "defname") === "language" &&
        !isConfinedLanguage(string(bodyOf(option["arg"], "String") ?? {}, "sval"))
      ) {
        this.add(ADMIN, "runs code in a language that is not confined to the database");
      }
    }
  }

  /** Code that this reader does not look into. */
  #code(reason: string): void {
    this.add(EXECUTE, `${reason}, which is not looked into`);
    this.bounded = false;
    this.unnamed = true;
    this.distrustPath();
  }

  #createTableAs(body: Body): void {
    const into = child(child(body, "into") ?? {}, "rel");
    if (into !== undefined) {
      this.objects.add(nameOf(into));
      if (isTemporaryShadow(into)) this.add(ADMIN, SHADOWS);
    }
    this.add(SCHEMA, "makes a new relation of a query's result");
    this.visit(body["query"]);
  }

  /** Definitions: the table says what each does; the tree is searched for names, queries and calls all the same. */
  #define(type: string, body: Body): void {
    const definition = definitionOf(type, body);
    if (definition === undefined) {
      this.unnamed = true;
      this.bounded = false;
      return this.add(UNKNOWN, `is a ${type}, which this reader does not know`);
    }
    this.add(definition.effects, definition.reason);
    const before = this.objects.size;
    for (const each of definition.objects) this.objects.add(each);
    this.#search(body);
    if (this.objects.size === before || reachesFurther(type, body)) this.unnamed = true;
  }

  /** Looks for relations, queries, calls and settings anywhere in a definition. It can only add to its effects. */
  #search(value: Value): void {
    if (isList(value)) {
      for (const each of value) this.#search(each);
      return;
    }
    if (!isBody(value)) return;
    if (typeof value["relname"] === "string") this.touch(value);
    for (const field in value) {
      const inner = value[field];
      if (!isBody(inner)) this.#search(inner);
      else if (field.endsWith("Stmt") || LIVE.has(field)) this.node(field, inner, []);
      else this.#search(inner);
    }
  }
}

/** Does it change what it does not name: what depends on an object, or all that is in a schema or a database. */
function reachesFurther(type: string, body: Body): boolean {
  if (string(body, "behavior") === "DROP_CASCADE") return true;
  if (list(body, "cmds").some((each) => string(bodyOf(each, "AlterTableCmd") ?? {}, "behavior") === "DROP_CASCADE"))
    return true;
  if (type === "ReindexStmt") return body["relation"] === undefined;
  if (type === "GrantStmt") return string(body, "targtype") === "ACL_TARGET_ALL_IN_SCHEMA";
  return /^(?:DropOwned|ReassignOwned|AlterTableMoveAll|ImportForeignSchema|Dropdb)Stmt$/.test(type);
}

/** The EXECUTE that EXPLAIN explains, also inside CREATE TABLE AS. */
function executeOf(query: Value): Body | undefined {
  return bodyOf(query, "ExecuteStmt") ?? bodyOf(bodyOf(query, "CreateTableAsStmt")?.["query"], "ExecuteStmt");
}

function targetOf(range: Body, beside: Value): Target {
  return {
    alias: aliasOf(range),
    schema: string(range, "schemaname"),
    relation: string(range, "relname"),
    bareNames: true,
    twins: twinsOf(beside, range),
  };
}

/** EXPLAIN takes any spelling of true; only a plain false is taken for one. */
function isOff(value: Value): boolean {
  if (value === undefined) return false;
  const type = typeOf(value);
  const body = bodyOf(value, type) ?? {};
  if (type === "Integer") return number(body, "ival") === 0;
  if (type === "Boolean") return body["boolval"] !== true;
  return type === "String" && ["off", "false"].includes(string(body, "sval").toLowerCase());
}

const TRANSACTIONS: ReadonlySet<string> = new Set(
  "BEGIN START COMMIT ROLLBACK SAVEPOINT RELEASE ROLLBACK_TO".split(" ").map((kind) => `TRANS_STMT_${kind}`),
);

const SHADOWS = "makes a temporary relation under the name of a type that is built in";

/** Nodes inside definitions that are judged as they would be in a query. */
const LIVE: ReadonlySet<string> = new Set(["FuncCall", "A_Expr", "TypeCast", "SubLink"]);
