// Judges changes of a session's settings. A setting that is not listed here is not harmless: it may lower a guard,
// silence a log, load code, or change how the server reads the text that follows.

import { ADMIN, SESSION, UNKNOWN, WRITE } from "./effects.ts";

/** How answers look, how plans are made, and when to give up: nothing that outlives the session or lowers a guard. */
const HARMLESS: ReadonlySet<string> = new Set(
  `application_name statement_timeout lock_timeout idle_in_transaction_session_timeout idle_session_timeout
  transaction_timeout timezone datestyle intervalstyle extra_float_digits bytea_output client_min_messages
  escape_string_warning xmloption xmlbinary lc_monetary lc_numeric lc_time default_text_search_config array_nulls
  default_transaction_isolation transaction_isolation default_transaction_deferrable transaction_deferrable
  synchronize_seqscans quote_all_identifiers check_function_bodies default_tablespace default_table_access_method
  temp_tablespaces default_toast_compression default_with_oids tcp_keepalives_idle tcp_keepalives_interval
  tcp_keepalives_count tcp_user_timeout client_connection_check_interval work_mem hash_mem_multiplier
  maintenance_work_mem temp_buffers effective_cache_size effective_io_concurrency random_page_cost seq_page_cost
  cpu_tuple_cost cpu_index_tuple_cost cpu_operator_cost parallel_setup_cost parallel_tuple_cost
  min_parallel_table_scan_size min_parallel_index_scan_size max_parallel_workers max_parallel_workers_per_gather
  max_parallel_maintenance_workers parallel_leader_participation force_parallel_mode debug_parallel_query
  constraint_exclusion plan_cache_mode cursor_tuple_fraction default_statistics_target from_collapse_limit
  join_collapse_limit recursive_worktable_factor stats_fetch_consistency jit jit_above_cost jit_inline_above_cost
  jit_optimize_above_cost geqo geqo_threshold geqo_effort geqo_pool_size geqo_generations geqo_selection_bias geqo_seed
  seed gin_fuzzy_search_limit`.split(/\s+/),
);

/** Guards that a session may raise, and the only values that do. */
const GUARDS: ReadonlySet<string> = new Set([
  "standard_conforming_strings",
  "row_security",
  "default_transaction_read_only",
  "transaction_read_only",
]);

/** Names that older servers and the grammar use for the same setting. */
const ALIASES: ReadonlyMap<string, string> = new Map([
  ["time zone", "timezone"],
  ["transaction isolation level", "transaction_isolation"],
]);

const ON: ReadonlySet<string> = new Set(["on", "true", "yes", "1", "t", "y"]);

export interface SettingChange {
  readonly name: string;
  /** Constants in order; undefined where one is not a constant. Empty for RESET and for SET ... TO DEFAULT. */
  readonly values: readonly (string | undefined)[];
}

export interface SettingJudgement {
  readonly effect: number;
  /** True when `search_path` may now put another schema before pg_catalog. */
  readonly pathUntrusted: boolean;
}

const FINE: SettingJudgement = { effect: SESSION, pathUntrusted: false };
const GUARD_LOWERED: SettingJudgement = { effect: ADMIN, pathUntrusted: false };

/** Judges SET, RESET and set_config. `values` are taken as a list of names for `search_path`, each one schema. */
export function judgeSetting(change: SettingChange): SettingJudgement {
  const typed = change.name.toLowerCase();
  const name = ALIASES.get(typed) ?? typed;
  if (name === "search_path") return judgePath(change.values);
  if (name === "client_encoding") {
    const [value] = change.values;
    // The server compares encodings' names without case and punctuation.
    const plain = value?.toLowerCase().replace(/[^a-z0-9]/g, "");
    return change.values.length === 1 && (plain === "utf8" || plain === "unicode") ? FINE : GUARD_LOWERED;
  }
  if (GUARDS.has(name)) {
    const [value] = change.values;
    return change.values.length === 1 && value !== undefined && ON.has(value.toLowerCase()) ? FINE : GUARD_LOWERED;
  }
  if (name === "restrict_nonsystem_relation_kind") {
    // A guard of pg_dump's own against hostile views; only its strictest value raises it.
    const kinds = new Set(change.values.flatMap((value) => (value ?? "").split(",").map((kind) => kind.trim())));
    return kinds.has("view") && kinds.has("foreign-table") ? FINE : GUARD_LOWERED;
  }
  if (HARMLESS.has(name) || /^enable_[a-z_]+$/.test(name)) return FINE;
  // Durability of this session's own commits.
  if (name === "synchronous_commit") return { effect: WRITE, pathUntrusted: false };
  // A name with a dot is an extension's or an application's own: who the user is said to be often lives in one.
  if (name.includes(".")) return { effect: UNKNOWN, pathUntrusted: false };
  return GUARD_LOWERED;
}

/** Splits a value of `search_path` as the server's SplitIdentifierString does; undefined where it is not a list of names. */
export function schemasOf(value: string): readonly string[] | undefined {
  if (/^[ \t\n\r\f\v]*$/.test(value)) return [];
  const names: string[] = [];
  for (const part of value.split(",")) {
    // The server's white space and its lower case are ASCII's: nothing else may pass for pg_catalog.
    const name = /^[ \t\n\r\f\v]*(?:"((?:[^"]|"")*)"|([^ \t\n\r\f\v"]+))[ \t\n\r\f\v]*$/.exec(part);
    if (name === null) return undefined;
    const [, quoted, bare = ""] = name;
    names.push(quoted?.replaceAll('""', '"') ?? bare.replace(/[A-Z]+/g, (capitals) => capitals.toLowerCase()));
  }
  return names;
}

/** pg_catalog is searched first unless the list itself puts it later. */
function judgePath(values: readonly (string | undefined)[]): SettingJudgement {
  const untrusted = values.includes(undefined) || values.indexOf("pg_catalog") > 0;
  return untrusted ? { effect: ADMIN, pathUntrusted: true } : FINE;
}
