// The demo's production: a real PostgreSQL server with a shop in it, and what can be asked of it past the gateway.

import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { startPostgres } from "../../test/live/server.ts";

export interface Shop {
  readonly majorVersion: number;
  readonly port: number;
  /** The target as the operator names it: without the password. */
  readonly url: string;
  /** The real one, for the gateway alone. */
  readonly password: string;
  /** How many carts there were at first. */
  readonly carts: number;
  /** How many there are now. */
  readonly cartsLeft: () => Promise<number>;
  /** Every e-mail address and number of every customer. */
  readonly personalValues: () => Promise<readonly string[]>;
  readonly close: () => Promise<void>;
}

/** Starts the server and fills the shop. */
export async function openShop(): Promise<Shop> {
  const server = await startPostgres();
  try {
    const password = randomBytes(18).toString("base64url");
    await ask(server.url, "CREATE DATABASE shop");
    const url = server.url.replace(/\/postgres$/, "/shop");
    await ask(
      url,
      `${readFileSync(join(import.meta.dirname, "shop.sql"), "utf8")};
       CREATE ROLE shop_jobs LOGIN PASSWORD '${password}';
       GRANT ALL ON ALL TABLES IN SCHEMA public TO shop_jobs`,
    );
    // The account may drop the table: what stops the job is the policy, not a missing privilege.
    await ask(url, "ALTER TABLE loyalty_points OWNER TO shop_jobs");
    const cartsLeft = async (): Promise<number> => Number((await ask(url, "SELECT count(*) FROM carts"))[0]);
    return {
      majorVersion: server.majorVersion,
      port: server.port,
      url: `postgres://shop_jobs@127.0.0.1:${server.port}/shop`,
      password,
      carts: await cartsLeft(),
      cartsLeft,
      personalValues: async () => await ask(url, "SELECT email FROM customers UNION SELECT ssn FROM customers"),
      close: async () => await server.close(),
    };
  } catch (error) {
    await server.close();
    throw error;
  }
}

/** The first column of what a text answers. */
async function ask(connectionString: string, text: string): Promise<readonly string[]> {
  const client = new pg.Client({ connectionString });
  // The server may be stopped by the same Ctrl-C; the query that it breaks says so.
  client.on("error", () => undefined);
  await client.connect();
  try {
    const result = await client.query<string[]>({ text, rowMode: "array" });
    return Array.isArray(result) ? [] : result.rows.map((row) => String(row[0]));
  } finally {
    await client.end();
  }
}
