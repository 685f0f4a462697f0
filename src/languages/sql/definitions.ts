// What a statement of definition, permission or upkeep does, by its kind: CREATE, ALTER, DROP, GRANT, VACUUM and so on.

import { isSystemRelation, shadowsType } from "./catalog.ts";
import { ADMIN, DELETE, GRANT, SCHEMA, WRITE } from "./effects.ts";
import { type Body, bodyOf, child, isBody, isList, list, string, strings, type Value } from "./tree.ts";

export interface Definition {
  readonly effects: number;
  readonly reason: string;
  /** What it names beside relations, which the walk finds by itself. */
  readonly objects: readonly string[];
}

/** How a kind of statement is judged: its effects, what people call it, and the fields that name what it touches. */
type Kind = readonly [effects: number, reason: string, ...named: readonly string[]];

const KINDS: Readonly<Record<string, Kind>> = {
  AlterCollationStmt: [SCHEMA, "alters a collation", "collname"],
  AlterDatabaseRefreshCollStmt: [ADMIN, "alters a database", "dbname"],
  AlterDatabaseSetStmt: [ADMIN, "changes a database's settings", "dbname"],
  AlterDatabaseStmt: [ADMIN, "alters a database", "dbname"],
  AlterDefaultPrivilegesStmt: [GRANT, "changes who may use what is made later"],
  AlterDomainStmt: [SCHEMA, "alters a domain", "typeName"],
  AlterEnumStmt: [SCHEMA, "alters a type", "typeName"],
  AlterEventTrigStmt: [SCHEMA | ADMIN, "switches an event trigger", "trigname"],
  AlterExtensionContentsStmt: [SCHEMA | ADMIN, "alters an extension", "extname"],
  AlterExtensionStmt: [SCHEMA | ADMIN, "alters an extension", "extname"],
  AlterFdwStmt: [SCHEMA | ADMIN, "alters a foreign-data wrapper", "fdwname"],
  AlterForeignServerStmt: [SCHEMA | ADMIN, "alters a foreign server", "servername"],
  AlterFunctionStmt: [SCHEMA, "alters a function", "func"],
  AlterObjectDependsStmt: [SCHEMA, "alters an object's dependencies", "object"],
  AlterObjectSchemaStmt: [SCHEMA, "moves an object to another schema", "object"],
  AlterOpFamilyStmt: [SCHEMA, "alters an operator family", "opfamilyname"],
  AlterOperatorStmt: [SCHEMA, "alters an operator", "opername"],
  AlterOwnerStmt: [SCHEMA | GRANT, "changes an owner", "object", "newowner"],
  AlterPolicyStmt: [SCHEMA | GRANT, "alters a row security policy", "policy_name"],
  AlterPublicationStmt: [SCHEMA, "alters a publication", "pubname"],
  AlterRoleSetStmt: [GRANT | ADMIN, "changes a role's settings", "role", "database"],
  AlterRoleStmt: [GRANT, "alters a role", "role"],
  AlterSeqStmt: [SCHEMA, "alters a sequence"],
  AlterStatsStmt: [SCHEMA, "alters statistics", "defnames"],
  AlterSubscriptionStmt: [SCHEMA | ADMIN, "alters a subscription", "subname"],
  AlterSystemStmt: [ADMIN, "changes the server's configuration (ALTER SYSTEM)"],
  AlterTSConfigurationStmt: [SCHEMA, "alters a text search configuration", "cfgname"],
  AlterTSDictionaryStmt: [SCHEMA, "alters a text search dictionary", "dictname"],
  AlterTableMoveAllStmt: [SCHEMA | ADMIN, "moves everything to another tablespace", "orig_tablespacename"],
  AlterTableSpaceOptionsStmt: [ADMIN, "alters a tablespace", "tablespacename"],
  AlterTableStmt: [SCHEMA, "alters a table"],
  AlterTypeStmt: [SCHEMA, "alters a type", "typeName"],
  AlterUserMappingStmt: [GRANT | ADMIN, "changes credentials for a foreign server", "user", "servername"],
  CheckPointStmt: [ADMIN, "forces a checkpoint"],
  ClusterStmt: [SCHEMA, "rewrites a table in the order of an index (CLUSTER)", "indexname"],
  CommentStmt: [SCHEMA, "changes a comment", "object"],
  CompositeTypeStmt: [SCHEMA, "makes a type"],
  CreateAmStmt: [SCHEMA | ADMIN, "makes an access method", "amname"],
  CreateCastStmt: [SCHEMA, "makes a cast", "sourcetype", "targettype", "func"],
  CreateConversionStmt: [SCHEMA, "makes a conversion", "conversion_name"],
  CreateDomainStmt: [SCHEMA, "makes a domain", "domainname"],
  CreateEnumStmt: [SCHEMA, "makes a type", "typeName"],
  CreateEventTrigStmt: [SCHEMA, "makes an event trigger", "trigname", "funcname"],
  CreateExtensionStmt: [SCHEMA | ADMIN, "installs an extension", "extname"],
  CreateFdwStmt: [SCHEMA | ADMIN, "makes a foreign-data wrapper", "fdwname"],
  CreateForeignServerStmt: [SCHEMA | ADMIN, "makes a foreign server", "servername"],
  CreateForeignTableStmt: [SCHEMA | ADMIN, "makes a foreign table", "servername"],
  CreateFunctionStmt: [SCHEMA, "makes or replaces a function", "funcname"],
  CreateOpClassStmt: [SCHEMA, "makes an operator class", "opclassname"],
  CreateOpFamilyStmt: [SCHEMA, "makes an operator family", "opfamilyname"],
  CreatePLangStmt: [SCHEMA | ADMIN, "installs a language", "plname"],
  CreatePolicyStmt: [SCHEMA | GRANT, "makes a row security policy", "policy_name"],
  CreatePublicationStmt: [SCHEMA, "makes a publication", "pubname"],
  CreateRangeStmt: [SCHEMA, "makes a type", "typeName"],
  CreateRoleStmt: [GRANT, "makes a role", "role"],
  CreateSchemaStmt: [SCHEMA, "makes a schema", "schemaname"],
  CreateSeqStmt: [SCHEMA, "makes a sequence"],
  CreateStatsStmt: [SCHEMA, "makes statistics", "defnames"],
  CreateStmt: [SCHEMA, "makes a table"],
  CreateSubscriptionStmt: [SCHEMA | ADMIN, "makes a subscription", "subname"],
  CreateTableSpaceStmt: [ADMIN, "makes a tablespace", "tablespacename"],
  CreateTransformStmt: [SCHEMA, "makes a transform", "type_name"],
  CreateTrigStmt: [SCHEMA, "makes a trigger", "trigname", "funcname"],
  CreateUserMappingStmt: [GRANT | ADMIN, "stores credentials for a foreign server", "user", "servername"],
  CreatedbStmt: [SCHEMA | ADMIN, "makes a database", "dbname"],
  DefineStmt: [SCHEMA, "makes an aggregate, operator or type", "defnames"],
  DropOwnedStmt: [DELETE | SCHEMA | GRANT, "drops all that a role owns", "roles"],
  DropRoleStmt: [GRANT, "drops a role", "roles"],
  DropStmt: [SCHEMA, "drops an object", "objects"],
  DropSubscriptionStmt: [SCHEMA | ADMIN, "drops a subscription", "subname"],
  DropTableSpaceStmt: [ADMIN, "drops a tablespace", "tablespacename"],
  DropUserMappingStmt: [GRANT | ADMIN, "drops credentials for a foreign server", "user", "servername"],
  DropdbStmt: [DELETE | SCHEMA | ADMIN, "drops a database", "dbname"],
  GrantRoleStmt: [GRANT, "grants or revokes a role", "granted_roles", "grantee_roles"],
  GrantStmt: [GRANT, "grants or revokes rights", "objects", "grantees"],
  ImportForeignSchemaStmt: [SCHEMA | ADMIN, "imports a foreign schema", "local_schema", "server_name"],
  IndexStmt: [SCHEMA, "makes an index", "idxname"],
  LoadStmt: [ADMIN, "loads a library into the server (LOAD)"],
  ReassignOwnedStmt: [GRANT, "changes the owner of all that a role owns", "roles", "newrole"],
  RefreshMatViewStmt: [WRITE, "replaces the rows of a materialized view"],
  ReindexStmt: [SCHEMA, "builds an index again", "name"],
  RenameStmt: [SCHEMA, "renames an object", "object", "subname", "newname"],
  ReplicaIdentityStmt: [SCHEMA, "changes a replica identity", "name"],
  RuleStmt: [SCHEMA, "makes a rule", "rulename"],
  SecLabelStmt: [GRANT, "changes a security label", "object"],
  VacuumStmt: [WRITE, "maintains a table (VACUUM or ANALYZE)"],
  ViewStmt: [SCHEMA, "makes a view"],
};

/** Objects that reach beyond the database, or that are its guards. */
const ADMIN_OBJECTS: ReadonlySet<string> = new Set(
  `ACCESS_METHOD DATABASE EVENT_TRIGGER EXTENSION FDW FOREIGN_SERVER LANGUAGE SUBSCRIPTION TABLESPACE USER_MAPPING`
    .split(" ")
    .map((name) => `OBJECT_${name}`),
);

const GRANT_OBJECTS: ReadonlySet<string> = new Set(["OBJECT_POLICY", "OBJECT_ROLE", "OBJECT_DEFACL"]);

/** What is a type as well. */
const RENAMED: ReadonlySet<string> = new Set(
  "TABLE VIEW MATVIEW FOREIGN_TABLE TYPE DOMAIN".split(" ").map((name) => `OBJECT_${name}`),
);

/** Languages whose code stays in the database. */
const CONFINED: ReadonlySet<string> = new Set(["sql", "plpgsql", "plperl", "pltcl", "plv8"]);

/** Judges a statement by its kind and the few fields that make it worse; undefined for a kind that is not listed. */
export function definitionOf(type: string, body: Body): Definition | undefined {
  const kind = Object.hasOwn(KINDS, type) ? KINDS[type] : undefined;
  if (kind === undefined) return undefined;
  const [effects, reason, ...named] = kind;
  const objects = named.flatMap((field) => namesIn(body[field]));
  return { effects: effects | aggravation(type, body), reason, objects };
}

/** True for a language whose code cannot reach files or the network. */
export function isConfinedLanguage(name: string): boolean {
  return CONFINED.has(name.toLowerCase());
}

function aggravation(type: string, body: Body): number {
  switch (type) {
    case "DropStmt":
      return ofObject(string(body, "removeType"));
    case "RenameStmt":
      // Whether it is a temporary one cannot be told from the text.
      return (
        ofObject(string(body, "renameType")) |
        (shadowsType(string(body, "newname")) && RENAMED.has(string(body, "renameType")) ? ADMIN : 0)
      );
    case "AlterOwnerStmt":
      return ofObject(string(body, "objectType"));
    case "CommentStmt":
      return ofObject(string(body, "objtype"));
    case "AlterRoleStmt":
    case "CreateRoleStmt":
      return ADMIN;
    case "AlterTableStmt":
      return list(body, "cmds").reduce<number>((all, each) => all | ofCommand(bodyOf(each, "AlterTableCmd") ?? {}), 0);
    case "CreateFunctionStmt":
    case "AlterFunctionStmt":
      return ofFunction(body) | inCatalog(list(body, "funcname"));
    case "CreateDomainStmt":
      return inCatalog(list(body, "domainname"));
    case "CreateEnumStmt":
    case "CreateRangeStmt":
      return inCatalog(list(body, "typeName"));
    case "DefineStmt":
      return inCatalog(list(body, "defnames"));
    case "VacuumStmt":
      return list(body, "options").some((each) => string(bodyOf(each, "DefElem") ?? {}, "defname") === "full")
        ? SCHEMA
        : 0;
    case "CompositeTypeStmt":
    case "CreateStmt":
    case "ViewStmt": {
      const range = child(body, type === "ViewStmt" ? "view" : type === "CreateStmt" ? "relation" : "typevar") ?? {};
      const system = isSystemRelation(string(range, "schemaname"), string(range, "relname"));
      return system || isTemporaryShadow(range) ? ADMIN : 0;
    }
    default:
      return 0;
  }
}

/** A temporary relation is a type too, and is found even before what is built in. */
export function isTemporaryShadow(range: Body): boolean {
  const temporary = string(range, "relpersistence") === "t" || string(range, "schemaname") === "pg_temp";
  return temporary && shadowsType(string(range, "relname"));
}

function ofObject(name: string): number {
  if (ADMIN_OBJECTS.has(name)) return ADMIN;
  return GRANT_OBJECTS.has(name) ? GRANT : 0;
}

/** One part of ALTER TABLE. Row security and owners say who may see what; triggers and rules are often the audit. */
function ofCommand(command: Body): number {
  const subtype = string(command, "subtype");
  if (/RowSecurity|ChangeOwner/.test(subtype)) return GRANT;
  if (/^AT_Disable(?:Trig|Rule)|^AT_Enable(?:Replica|Always)/.test(subtype)) return ADMIN;
  return /^AT_(?:GenericOptions|AlterColumnGenericOptions)$/.test(subtype) ? ADMIN : 0;
}

/** What is made in pg_catalog is found before everything else; a temporary type even before that. */
function inCatalog(name: readonly Value[]): number {
  const parts = strings(name);
  return parts.length > 1 && (parts[0] === "pg_catalog" || parts[0] === "pg_temp") ? ADMIN : 0;
}

function ofFunction(body: Body): number {
  for (const each of [...list(body, "options"), ...list(body, "actions")]) {
    const option = bodyOf(each, "DefElem") ?? {};
    if (string(option, "defname") !== "language") continue;
    if (!isConfinedLanguage(string(bodyOf(option["arg"], "String") ?? {}, "sval"))) return ADMIN;
  }
  return 0;
}

/** The names that a field of a definition holds, in any of the ways that the tree writes them. */
function namesIn(value: Value): string[] {
  if (typeof value === "string") return value === "" ? [] : [value];
  if (isList(value)) {
    const parts = strings(value);
    if (parts.length > 0 && parts.length === value.length) return [parts.join(".")];
    return value.flatMap(namesIn);
  }
  if (!isBody(value)) return [];
  for (const field of ["objname", "names", "items", "rolename", "priv_name", "sval"]) {
    if (value[field] !== undefined) return namesIn(value[field]);
  }
  return ["ObjectWithArgs", "TypeName", "List", "RoleSpec", "AccessPriv", "String"].flatMap((type) =>
    namesIn(value[type]),
  );
}
