import type { Target } from "../protocols/postgres/index.ts";
import { DialError, type Dialled, dial } from "./dial.ts";
import { OwnConnection } from "./query.ts";

// Connects for a client, and sees that names mean what they are read as: a role or database may come with a search_path
// of its own that puts another schema before pg_catalog, and then lower() is whatever somebody made of it.

const TIMEOUT_MS = 10_000;

/** As `dial`, which see. Throws DialError also where pg_catalog is not searched first. */
export async function dialForClient(
  target: Target,
  startup: ReadonlyMap<string, string>,
): Promise<Dialled & { readonly searchPath: string }> {
  const dialled = await dial(target, startup);
  const own = await OwnConnection.open(dialled, { timeoutMs: TIMEOUT_MS });
  try {
    // PostgreSQL 18 and later report it by themselves.
    const path = own.reported.get("search_path") ?? (await asked(own));
    if (hidesCatalog(path)) {
      const advice = "take pg_catalog out of the search_path of the role or database: it is searched first by itself";
      throw new DialError(`search_path is ${path}, which hides what is built in; ${advice}`, "42501");
    }
    return { ...dialled, ...own.release(), searchPath: path };
  } catch (error) {
    own.close();
    throw error;
  }
}

async function asked(own: OwnConnection): Promise<string> {
  const { rows } = await own.query("SELECT pg_catalog.current_setting('search_path')", [], { timeoutMs: TIMEOUT_MS });
  return rows[0]?.[0] ?? "";
}

/** It names pg_catalog, and not as the first schema. A name that only holds that word counts too. */
function hidesCatalog(path: string): boolean {
  const [first = ""] = path.split(",");
  return /pg_catalog/i.test(path) && !/^\s*"?pg_catalog"?\s*$/i.test(first);
}
