import type { CatalogTable, ColumnCatalog, TableName } from "../masking/columns.ts";
import type { OwnQuestions } from "./own-questions.ts";

// What masking must know of a PostgreSQL target's tables: their columns by number, and what views are made of.

const TABLES = `
  SELECT c.oid, n.nspname, c.relname, c.relkind,
         (SELECT string_agg(a.attnum || ' ' || a.attname, E'\\n' ORDER BY a.attnum)
            FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname <> 'pg_toast'`;

// A view depends on a column through its rewrite rule; a view on a view, through both.
const VIEWS = `
  WITH RECURSIVE reads(view, relid, attnum) AS (
    SELECT r.ev_class, d.refobjid, d.refobjsubid
      FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_depend d
        ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = r.oid
       AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid <> r.ev_class AND d.refobjsubid > 0
    UNION
    SELECT v.view, d.refobjid, d.refobjsubid
      FROM reads v JOIN pg_catalog.pg_rewrite r ON r.ev_class = v.relid JOIN pg_catalog.pg_depend d
        ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = r.oid
       AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid <> r.ev_class AND d.refobjsubid > 0)
  SELECT v.view, string_agg(n.nspname || '.' || c.relname || '.' || a.attname, E'\\n')
    FROM reads v JOIN pg_catalog.pg_class c ON c.oid = v.relid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_attribute a ON a.attrelid = v.relid AND a.attnum = v.attnum
   GROUP BY v.view`;

// A partition, or a table that inherits, holds rows of each table above it.
const PARENTS = `
  WITH RECURSIVE above(child, parent) AS (
    SELECT i.inhrelid, i.inhparent FROM pg_catalog.pg_inherits i
    UNION
    SELECT a.child, i.inhparent FROM above a JOIN pg_catalog.pg_inherits i ON i.inhrelid = a.parent)
  SELECT a.child, n.nspname, c.relname
    FROM above a JOIN pg_catalog.pg_class c ON c.oid = a.parent JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind IN ('r', 'p', 'f')`;

/** Reads the catalogue. Throws QueryError where the log-in may not, or it is larger than can be held. */
export async function readCatalog(own: Pick<OwnQuestions, "query">): Promise<ColumnCatalog> {
  const reads = new Map<string, readonly string[]>();
  for (const [view, columns] of (await own.query(VIEWS)).rows) reads.set(view ?? "", (columns ?? "").split("\n"));
  const parents = new Map<string, TableName[]>();
  for (const [child, schema, name] of (await own.query(PARENTS)).rows) {
    const known = parents.get(child ?? "") ?? [];
    known.push({ schema: schema ?? "", name: name ?? "" });
    parents.set(child ?? "", known);
  }
  const byOid = new Map<number, CatalogTable>();
  const byName = new Map<string, CatalogTable[]>();
  for (const [oid, schema, name, kind, columns] of (await own.query(TABLES)).rows) {
    const isTable = kind === "r" || kind === "p" || kind === "f";
    const read = reads.get(oid ?? "");
    const above = parents.get(oid ?? "");
    const table: CatalogTable = {
      schema: schema ?? "",
      name: name ?? "",
      kind: isTable ? "table" : "view",
      columns: columnsOf(columns ?? ""),
      ...(above === undefined ? {} : { parents: above }),
      // A view whose sources are not told could read anything.
      ...(isTable || read === undefined ? {} : { reads: read }),
    };
    byOid.set(Number(oid), table);
    const same = byName.get(table.name);
    if (same === undefined) byName.set(table.name, [table]);
    else same.push(table);
  }
  return { tableOf: (oid) => byOid.get(oid), named: (name) => byName.get(name) };
}

function columnsOf(lines: string): ReadonlyMap<number, string> {
  const columns = new Map<number, string>();
  for (const line of lines.split("\n")) {
    const space = line.indexOf(" ");
    if (space > 0) columns.set(Number(line.slice(0, space)), line.slice(space + 1));
  }
  return columns;
}
