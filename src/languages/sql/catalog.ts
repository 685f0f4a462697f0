// What the reader knows of PostgreSQL's own catalog without asking a server: the operators, types and sampling methods
// that run nothing but the server's own code, the functions with an effect of their own, and the relations that hold
// credentials or the server's configuration.

import { ADMIN, DELETE, EXECUTE, READ, WRITE } from "./effects.ts";
import { HARMLESS_FUNCTIONS } from "./harmless-functions.ts";

/** Operators of pg_catalog in PostgreSQL 13 to 18; all but the concatenations and time comparisons are immutable. */
const OPERATORS: ReadonlySet<string> = new Set(
  `!! !~ !~* !~~ !~~* # ## #- #> #>> % & && &< &<| &> * *< *<= *<> *= *> *>= + - -> ->> -|- / < <-> << <<= <<| <= <>
  <@ <^ = > >= >> >>= >^ ? ?# ?& ?- ?-| ?| ?|| @ @-@ @> @? @@ @@@ ^ ^@ | |&> |/ |>> || ||/ ~ ~* ~<=~ ~<~ ~= ~>=~ ~>~ ~~
  ~~* != |&>`.split(/\s+/),
);

/** Operators that make a value from two instead of comparing them. */
const MAKING: ReadonlySet<string> = new Set("# #- #> #>> % & * + - -> ->> / << >> ^ | |/ || ||/ ~".split(" "));

/** Types of pg_catalog whose input, output and casts are the server's own. Row types of catalogs are left out. */
const TYPES: ReadonlySet<string> = new Set(
  `aclitem any anyarray anycompatible anycompatiblearray anycompatiblemultirange anycompatiblenonarray
  anycompatiblerange anyelement anyenum anymultirange anynonarray anyrange bit bool box bpchar bytea char cid cidr
  circle cstring date datemultirange daterange float4 float8 gtsvector inet int2 int2vector int4 int4multirange
  int4range int8 int8multirange int8range interval json jsonb jsonpath line lseg macaddr macaddr8 money name numeric
  nummultirange numrange oid oidvector path pg_dependencies pg_lsn pg_mcv_list pg_ndistinct pg_node_tree pg_snapshot
  point polygon record refcursor regclass regcollation regconfig regdictionary regnamespace regoper regoperator regproc
  regprocedure regrole regtype text tid time timestamp timestamptz timetz tsmultirange tsquery tsrange
  tstzmultirange tstzrange tsvector txid_snapshot unknown uuid varbit varchar void xid xid8 xml`.split(/\s+/),
);

/** information_schema's domains, whose checks are built in. */
const DOMAINS: ReadonlySet<string> = new Set(
  "cardinal_number character_data sql_identifier time_stamp yes_or_no".split(" "),
);

/**
 * Functions newer than the table (but for those that call a type by its name, as pg_input_is_valid does), believed only as `pg_catalog.name` or with the prefix `pg_`: on an older server an
 * unqualified name would be somebody else's function.
 */
const NEWER: ReadonlySet<string> = new Set(
  `any_value array_reverse array_sample array_shuffle array_sort casefold crc32 crc32c date_add date_subtract erfc erf
  gamma lgamma json_array json_object json_scalar json_serialize pg_basetype pg_char_to_encoding pg_column_toast_chunk_id
  pg_get_acl pg_get_aios pg_get_loaded_modules pg_get_sequence_data pg_get_wait_events pg_numa_available pg_stat_get_backend_io pg_stat_get_backend_subxact pg_stat_get_backend_wal
  pg_stat_get_checkpointer_num_requested pg_stat_get_checkpointer_num_timed pg_stat_get_io
  pg_stat_get_last_seq_scan pg_stat_get_lastscan pg_stat_get_total_analyze_time pg_stat_get_total_autoanalyze_time
  pg_stat_get_total_autovacuum_time pg_stat_get_total_vacuum_time pg_stat_get_tuples_newpage_updated random_normal
  reverse system_user to_bin to_oct to_regtypemod unicode_assigned unicode_version uuid_extract_timestamp
  uuid_extract_version uuidv4 uuidv7`.split(/\s+/),
);

/** Functions of information_schema, all immutable: its views call them, and so do drivers. */
const SCHEMA_VIEWS_OWN: ReadonlySet<string> = new Set(
  `_pg_char_max_length _pg_char_octet_length _pg_datetime_precision _pg_expandarray _pg_index_position _pg_interval_type
  _pg_numeric_precision _pg_numeric_precision_radix _pg_numeric_scale _pg_truetypid _pg_truetypmod`.split(/\s+/),
);

/** Files, programs, the server itself, other sessions, replication, statistics that an audit rests on. By any schema. */
const ADMIN_FUNCTIONS = new RegExp(
  `^(?:${[
    "pg_read_.*",
    "pg_ls_.*",
    "pg_stat_file",
    "pg_file_.*",
    "pg_logdir_ls",
    "pg_current_logfile",
    "lo_import",
    "lo_export",
    "dblink.*",
    "pg_terminate_backend",
    "pg_cancel_backend",
    "pg_reload_conf",
    "pg_rotate_logfile.*",
    "pg_backup_.*",
    "pg_start_backup",
    "pg_stop_backup",
    "pg_is_in_backup",
    "pg_switch_(?:wal|xlog)",
    "pg_create_restore_point",
    "pg_promote",
    "pg_(?:wal|xlog)_replay_.*",
    "pg_log_.*",
    "pg_replication_.*",
    "pg_logical_.*",
    "pg_create_(?:logical|physical)_.*",
    "pg_copy_(?:logical|physical)_.*",
    "pg_drop_replication_slot",
    "pg_sync_replication_slots",
    "pg_show_replication_origin_status",
    "pg_hba_file_rules",
    "pg_ident_file_mappings",
    "pg_show_all_file_settings",
    "pg_stat_reset.*",
    "pg_stat_statements_reset",
    "pg_(?:clear|restore)_(?:relation|attribute|extended)_stats",
    "pg_import_system_collations",
    "pg_extension_config_dump",
    "pg_stop_making_pinned_objects",
    "pg_nextoid",
    "pg_upgrade_.*",
    "binary_upgrade_.*",
    "heap_force_.*",
    "get_raw_page.*",
    "pg_truncate_visibility_map",
    "pg_get_wal_.*",
    "pg_surgery_.*",
    "pgstattuple_admin.*",
    "aws_s3.*",
    "aws_lambda.*",
    "query_export_to_s3",
    "table_import_from_s3",
  ].join("|")})$`,
);

/** Functions of pg_catalog that write, with the effect that people would call it by. */
const WRITING: ReadonlyMap<string, number> = new Map([
  ["nextval", WRITE],
  ["setval", WRITE],
  ["pg_notify", WRITE],
  // Leaves a snapshot that other sessions take up: pg_dump -j does it.
  ["pg_export_snapshot", WRITE],
  ["txid_current", WRITE],
  ["pg_current_xact_id", WRITE],
  ["lo_creat", WRITE],
  ["lo_create", WRITE],
  ["lo_from_bytea", WRITE],
  ["lo_put", WRITE],
  ["lowrite", WRITE],
  ["lo_truncate", DELETE],
  ["lo_truncate64", DELETE],
  ["lo_unlink", DELETE],
  // Whoever takes one makes others wait.
  ...[
    "pg_advisory_lock",
    "pg_advisory_lock_shared",
    "pg_advisory_xact_lock",
    "pg_advisory_xact_lock_shared",
    "pg_try_advisory_lock",
    "pg_try_advisory_lock_shared",
    "pg_try_advisory_xact_lock",
    "pg_try_advisory_xact_lock_shared",
    "pg_advisory_unlock",
    "pg_advisory_unlock_shared",
    "pg_advisory_unlock_all",
  ].map((name) => [name, WRITE] as const),
]);

/** Relations that hold credentials, other people's secrets, or the server's configuration files, in whatever schema. */
const GUARDED: ReadonlySet<string> = new Set(
  `pg_authid pg_shadow pg_hba_file_rules pg_ident_file_mappings pg_file_settings pg_largeobject pg_statistic
  pg_statistic_ext_data user_mapping_options _pg_user_mappings pg_dist_authinfo pg_replication_origin_status`.split(
    /\s+/,
  ),
);

/** Catalogs of which one column holds credentials. Reading all columns reads that one too. */
const GUARDED_COLUMNS: ReadonlyMap<string, string> = new Map([
  ["pg_subscription", "subconninfo"],
  ["pg_user_mapping", "umoptions"],
  ["pg_user_mappings", "umoptions"],
]);

/** Settings whose value is a credential or a command line. */
const GUARDED_SETTINGS: ReadonlySet<string> = new Set(
  `primary_conninfo ssl_passphrase_command archive_command restore_command recovery_end_command
  archive_cleanup_command`.split(/\s+/),
);

/** How a function is judged: the effects of calling it, or 0 when it is harmless. */
export function effectOfFunction(parts: readonly string[], pathTrusted: boolean): number {
  const name = parts.at(-1) ?? "";
  if (ADMIN_FUNCTIONS.test(name) && !NEWER.has(name) && !HARMLESS_FUNCTIONS.has(name)) return ADMIN;
  if (parts.length === 2 && parts[0] === "information_schema" && SCHEMA_VIEWS_OWN.has(name)) return 0;
  const builtIn = parts.length === 1 ? pathTrusted : parts.length === 2 && parts[0] === "pg_catalog";
  if (!builtIn) return EXECUTE;
  if (HARMLESS_FUNCTIONS.has(name)) return 0;
  if (NEWER.has(name) && (parts.length === 2 || name.startsWith("pg_"))) return 0;
  return WRITING.get(name) ?? EXECUTE;
}

/** True for a function that servers older than 18 may lack, called by a name that could then be anybody's. */
export function isNewerCall(parts: readonly string[]): boolean {
  const name = parts.at(-1) ?? "";
  return parts.length === 1 && NEWER.has(name) && !HARMLESS_FUNCTIONS.has(name);
}

/** True for a name under which a temporary relation or type would be found instead of a type that is built in. */
export function shadowsType(name: string): boolean {
  return TYPES.has(name) || (name.startsWith("_") && TYPES.has(name.slice(1)));
}

/** True for an operator whose code is the server's own. */
export function isHarmlessOperator(parts: readonly string[], pathTrusted: boolean): boolean {
  const name = parts.at(-1) ?? "";
  if (!OPERATORS.has(name)) return false;
  return parts.length === 1 ? pathTrusted : parts.length === 2 && parts[0] === "pg_catalog";
}

/** False for an operator that makes a value, such as `+`, so that its sides are not said to be compared. */
export function isComparison(parts: readonly string[]): boolean {
  return !MAKING.has(parts.at(-1) ?? "");
}

/** True for a type whose input and casts are the server's own. */
export function isHarmlessType(parts: readonly string[], pathTrusted: boolean): boolean {
  const name = parts.at(-1) ?? "";
  const known = TYPES.has(name) || (name.startsWith("_") && TYPES.has(name.slice(1)));
  if (parts.length === 1) return known && pathTrusted;
  if (parts.length !== 2) return false;
  return parts[0] === "pg_catalog" ? known : parts[0] === "information_schema" && DOMAINS.has(name);
}

/** BERNOULLI and SYSTEM, the sampling methods that are built in. */
export function isHarmlessSampling(parts: readonly string[], pathTrusted: boolean): boolean {
  const name = parts.at(-1) ?? "";
  if (name !== "bernoulli" && name !== "system") return false;
  return parts.length === 1 ? pathTrusted : parts[0] === "pg_catalog";
}

/** True for a relation that nobody reads for business reasons. The schema is not looked at: a false alarm is cheaper. */
export function isGuardedRelation(name: string): boolean {
  return GUARDED.has(name);
}

/** The column of that catalog that holds credentials; undefined for any other relation. */
export function guardedColumnOf(name: string): string | undefined {
  return GUARDED_COLUMNS.get(name);
}

export function isGuardedSetting(name: string): boolean {
  return GUARDED_SETTINGS.has(name.toLowerCase());
}

/** True for what belongs to the server itself: writing there changes settings, rights or the catalog. */
export function isSystemRelation(schema: string, name: string): boolean {
  if (schema === "pg_catalog" || schema === "information_schema" || schema === "pg_toast") return true;
  return schema === "" && name.startsWith("pg_");
}

/** What is read when a relation is named, for the cases where reading is more than that. */
export const GUARDED_READ: number = READ | ADMIN;
