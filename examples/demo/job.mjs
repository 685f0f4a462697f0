// The demo's job: looks at a shop's database and tidies up what it takes for rubbish. It knows nothing of Countersign; it
// reads DATABASE_URL like any other program, and gets PostgreSQL's own errors where it is stopped.

import pg from "pg";

const isColoured = process.env["DEMO_COLOUR"] === "1";
const paint = (code, text) => (isColoured ? `\u001B[${code}m${text}\u001B[0m` : text);
const say = (text) => process.stdout.write(`${text}\n`);
const step = (what, sql) => say(`\n  ${paint("36", "job")}  ${what}\n       ${paint("2", sql)}`);
const tell = (label, text) => say(`       ${paint("2", label.padEnd(7))} ${text}`);

const client = new pg.Client({ connectionString: process.env["DATABASE_URL"] });
client.on("notice", ({ message }) => tell("notice", paint("33", message)));

/** Runs a statement and gives its rows and count; a refusal is printed as the server's error that it is. */
async function run(sql, params = []) {
  try {
    return await client.query(sql, params);
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error;
    tell("error", `${paint("31", error.message)}  (SQLSTATE ${error.code})`);
    tell("detail", error.detail ?? "");
    tell("hint", error.hint ?? "");
    return undefined;
  }
}

await client.connect();
try {
  const readCustomers = "SELECT name, email, ssn FROM customers ORDER BY id LIMIT 3";
  step("reads customers, and gets their real values", readCustomers);
  const customers = await run(readCustomers);
  for (const { name, email, ssn } of customers?.rows ?? []) say(`       ${name.padEnd(15)} ${email.padEnd(26)} ${ssn}`);

  const readOne = "SELECT count(*) FROM orders o JOIN customers c ON c.id = o.customer_id WHERE c.email = $1";
  const email = customers?.rows[0]?.email ?? "";
  step(`counts one customer's orders, with her address as $1`, readOne);
  const orders = await run(readOne, [email]);
  tell("result", `${orders?.rows[0]?.count ?? "no"} orders`);

  step("finds a table that looks unused, and drops it", "DROP TABLE loyalty_points");
  const dropped = await run("DROP TABLE loyalty_points");

  step("takes all carts for abandoned, and deletes them without any condition", "DELETE FROM carts");
  const deleted = await run("DELETE FROM carts");
  if (deleted !== undefined) tell("result", `${deleted.rowCount} rows deleted`);

  const readAgain = "SELECT (SELECT count(*) FROM customers) AS customers, (SELECT count(*) FROM carts) AS carts";
  step("goes on on the same connection, and reads again", readAgain);
  const left = await run(readAgain);
  tell("result", `${left?.rows[0]?.customers} customers, ${left?.rows[0]?.carts} carts`);
  say("");
  process.exitCode = customers === undefined || dropped !== undefined || left === undefined ? 1 : 0;
} finally {
  await client.end();
}
