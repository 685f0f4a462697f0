// Which columns hold what must not be recorded: rules against what a statement touches, what its values go to, and
// what its result columns come from. Names only; `mask.ts` changes values. In doubt, a column is masked.
import type { ResultColumn } from "../model/command.ts";

/** How a masked value looks, from the least that is shown to the most. */
export type As = "redact" | "hash" | "tokenise" | "partial";

export interface ColumnRule {
  /** `table.column` or `schema.table.column`; `*` stands for any characters of one part. */
  readonly columns: readonly string[];
  readonly as: As;
}

export interface TableName {
  readonly schema: string;
  readonly name: string;
}

/** A table or view as the target's own catalogue describes it. */
export interface CatalogTable extends TableName {
  /** Whatever stores no rows of its own, and a materialized view, is a `view`. */
  readonly kind: "table" | "view";
  /** By attribute number. */
  readonly columns: ReadonlyMap<number, string>;
  /** The tables that it is a partition of, or inherits from, up to the first: its rows are theirs too. */
  readonly parents?: readonly TableName[];
  /** `schema.table.column` of each column that a view depends on, through other views too; absent: not known. */
  readonly reads?: readonly string[];
}

export interface ColumnCatalog {
  /** By the target's id of a table (PostgreSQL: pg_class.oid). */
  tableOf(oid: number): CatalogTable | undefined;
  /**
   * Every table and view of that name (without schema), the target's own catalogue included; undefined when that is
   * not known, and then it could be any. A catalogue without this leaves rules to the names that statements write.
   */
  named?(name: string): readonly CatalogTable[] | undefined;
}

/** Rules made ready. Remembers what objects it was asked about. */
export interface CompiledColumns {
  readonly patterns: readonly Pattern[];
  readonly touched: WeakMap<readonly string[], boolean>;
}

interface Pattern {
  /** Undefined: any schema. */
  readonly schema: RegExp | undefined;
  readonly table: RegExp;
  readonly column: RegExp;
  readonly as: As;
  /** False where a column of that name says nothing by itself: `users.*`, and the target's own catalogue. */
  readonly columnTells: boolean;
  readonly builtIn: boolean;
}

/** Where PostgreSQL itself keeps copies of other tables' values. Masked as soon as any column is. */
const COPIES = [
  "pg_statistic.stavalues*",
  "pg_stats.most_common_vals",
  "pg_stats.histogram_bounds",
  "pg_stats.most_common_elems",
  "pg_stats_ext.most_common_vals",
  "pg_stats_ext_exprs.*",
  "pg_statistic_ext_data.*",
  "pg_stat_activity.query",
  "pg_stat_statements.query",
  "pg_prepared_statements.statement",
  "pg_cursors.statement",
];

const STRICTEST_FIRST: readonly As[] = ["redact", "hash", "tokenise", "partial"];

/** Prepares column rules. A name of one part is a column of any table. */
export function compileColumns(rules: readonly ColumnRule[]): CompiledColumns {
  const own = rules.flatMap((rule) => rule.columns.map((name) => patternOf(name, rule.as, false)));
  const copies = own.length === 0 ? [] : COPIES.map((name) => patternOf(name, "redact", true));
  return { patterns: [...own, ...copies], touched: new WeakMap() };
}

/**
 * Could a statement that names these objects read or write a masked column? True where its objects could not be told.
 * With a catalogue that can be asked by name, views are seen through and wildcard tables are looked up.
 */
export function touchesMasked(compiled: CompiledColumns, objects: readonly string[], catalog?: ColumnCatalog): boolean {
  if (compiled.patterns.length === 0) return false;
  if (objects.length === 0) return true;
  // What a catalogue says may change, so that answer is not kept.
  if (catalog?.named !== undefined) return objects.some((object) => isTouched(compiled, object, catalog));
  const remembered = compiled.touched.get(objects);
  if (remembered !== undefined) return remembered;
  const touches = objects.some((object) => isTouched(compiled, object, undefined));
  compiled.touched.set(objects, touches);
  return touches;
}

/**
 * How a value must be masked that goes to these columns (as `Slot.columns`): the strictest of the rules that fit, or
 * undefined. A value that could not be traced is masked when its statement touches a masked table.
 */
export function maskOfSlot(
  compiled: CompiledColumns,
  columns: readonly string[],
  objects: readonly string[],
  catalog?: ColumnCatalog,
): As | undefined {
  if (compiled.patterns.length === 0) return undefined;
  const suspect = () => touchesMasked(compiled, objects, catalog);
  if (columns.length === 0) return suspect() ? "redact" : undefined;
  const named = objects.map((object) => partsOf(object).toReversed());
  /** Could this be a column of the pattern's table, by all that the statement names? */
  const isNear = (pattern: Pattern) =>
    pattern.builtIn ? named.some(([name = "", schema]) => fitsTable(pattern, name, schema)) : suspect();
  const fitting: Pattern[] = [];
  for (const written of columns) {
    const [column = "", table, schema] = partsOf(written).toReversed();
    const fits = compiled.patterns.filter((pattern) => {
      if (!pattern.column.test(column)) return false;
      if (table === undefined) return pattern.columnTells || isNear(pattern);
      // What stands before the column may be an alias, even one that is the name of another table.
      return fitsTable(pattern, table, schema) || isNear(pattern);
    });
    fitting.push(...fits);
    // A column of no table that the statement names may be another column under a new name: WITH x AS (SELECT email e).
    const isOfNamed = table !== undefined && named.some(([name]) => name === table);
    if (fits.length === 0 && !isOfNamed && suspect()) return "redact";
  }
  return strictest(fitting);
}

/**
 * How each column of a result must be masked in the record; undefined where it need not be. A column that is traced
 * to a table goes by the rules for that table, one of a view also by what the view reads, and one that cannot be
 * traced is redacted when its statement touches a masked table or its own name is that of a masked column.
 */
export function resultMasks(
  compiled: CompiledColumns,
  columns: readonly ResultColumn[],
  catalog: ColumnCatalog,
  touched: { readonly objects: readonly string[] },
): readonly (As | undefined)[] {
  if (compiled.patterns.length === 0) return columns.map(() => undefined);
  const suspect = touchesMasked(compiled, touched.objects, catalog);
  return columns.map((column) => {
    const table = column.table === 0 ? undefined : catalog.tableOf(column.table);
    if (table !== undefined) return maskOfTraced(compiled, table, column);
    return suspect || namesMasked(compiled, column.name) ? "redact" : undefined;
  });
}

function maskOfTraced(compiled: CompiledColumns, table: CatalogTable, column: ResultColumn): As | undefined {
  // PostgreSQL's system columns (ctid, xmin ...) have negative numbers and hold nobody's values.
  if (column.attribute < 0) return undefined;
  const name = table.columns.get(column.attribute);
  if (name === undefined)
    return isMaskedTable(compiled, table) || namesMasked(compiled, column.name) ? "redact" : undefined;
  const own = strictest(compiled.patterns.filter((pattern) => fitsColumn(pattern, table, name)));
  if (own !== undefined || table.kind === "table") return own;
  return readsMasked(compiled, table) ? "redact" : undefined;
}

function isTouched(compiled: CompiledColumns, object: string, catalog: ColumnCatalog | undefined): boolean {
  const [name = "", schema] = partsOf(object).toReversed();
  const byName = compiled.patterns.some((pattern) => fitsTable(pattern, name, schema));
  if (catalog?.named === undefined) return byName;
  const tables = catalog.named(name);
  if (tables === undefined) return true;
  return tables.some(
    (table) => (schema === undefined || table.schema.toLowerCase() === schema) && isMaskedTable(compiled, table),
  );
}

function isMaskedTable(compiled: CompiledColumns, table: CatalogTable): boolean {
  const names = [...table.columns.values()];
  const own = compiled.patterns.some((pattern) => names.some((name) => fitsColumn(pattern, table, name)));
  return own || (table.kind === "view" && readsMasked(compiled, table));
}

function readsMasked(compiled: CompiledColumns, view: CatalogTable): boolean {
  if (view.reads === undefined) return true;
  return view.reads.some((read) => {
    const [name = "", table = "", schema] = partsOf(read).toReversed();
    return compiled.patterns.some((pattern) => pattern.column.test(name) && fitsTable(pattern, table, schema));
  });
}

function namesMasked(compiled: CompiledColumns, name: string): boolean {
  return compiled.patterns.some((pattern) => pattern.columnTells && pattern.column.test(name.toLowerCase()));
}

function fitsColumn(pattern: Pattern, table: CatalogTable, name: string): boolean {
  if (!pattern.column.test(name.toLowerCase())) return false;
  const fits = (one: TableName): boolean => fitsTable(pattern, one.name.toLowerCase(), one.schema.toLowerCase());
  return fits(table) || table.parents?.some(fits) === true;
}

/** Without a schema on either side it could be any schema. */
function fitsTable(pattern: Pattern, table: string, schema: string | undefined): boolean {
  return pattern.table.test(table) && (schema === undefined || (pattern.schema?.test(schema) ?? true));
}

function strictest(patterns: readonly Pattern[]): As | undefined {
  return STRICTEST_FIRST.find((as) => patterns.some((pattern) => pattern.as === as));
}

function patternOf(name: string, as: As, builtIn: boolean): Pattern {
  const [column = "*", table = "*", schema] = partsOf(name).toReversed();
  return {
    schema: schema === undefined ? undefined : globOf(schema),
    table: globOf(table),
    column: globOf(column),
    as,
    columnTells: !builtIn && /[^*]/.test(column),
    builtIn,
  };
}

function globOf(part: string): RegExp {
  return new RegExp(`^${part.replaceAll(/[\\^$+?.()|[\]{}]/g, String.raw`\$&`).replaceAll(/\*+/g, ".*")}$`, "su");
}

/** Targets fold case differently; masking does not care for case at all. */
function partsOf(name: string): readonly string[] {
  return name.toLowerCase().split(".");
}
