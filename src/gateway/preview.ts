import type { Impact } from "../approval/ports.ts";
import { impactQueries } from "../languages/sql/impact.ts";
import type { Command } from "../model/command.ts";
import type { Dialled } from "./dial.ts";
import { type OwnParts, OwnQuestions } from "./own-questions.ts";
import { QueryError } from "./query.ts";

// Finds out what a held command would touch, on a connection of the gateway's own, in read-only transactions with a
// short timeout. What it asks is recorded like any command. It never delays a refusal and never fails a hold.

const TIMEOUT_MS = 2_000;

const UNTOLD: Impact = { estimated: -1, counted: -1, note: "this kind of command cannot be previewed" };

const MOVED: Impact = {
  ...UNTOLD,
  note: "its connection set search_path, so it may reach other tables than a preview would count",
};

export class Preview {
  readonly #parts: OwnParts;
  readonly #dial: () => Promise<Dialled>;
  #connection: Promise<OwnQuestions> | undefined;
  #busy: Promise<unknown> = Promise.resolve();

  constructor(parts: OwnParts, dial: () => Promise<Dialled>) {
    this.#parts = parts;
    this.#dial = dial;
  }

  /** What the command would touch. Never throws; what cannot be found out is said in the note. */
  async impactOf(command: Command): Promise<Impact> {
    if (command.namesMoved === true) return MOVED;
    const queries = impactQueries(command.text);
    if (queries === undefined) return UNTOLD;
    const turn = this.#busy.then(async () => await this.#ask(queries, command.params));
    this.#busy = turn.catch(() => undefined);
    try {
      return await turn;
    } catch (error) {
      const why =
        error instanceof QueryError ? `the target did not answer (${error.code || "no code"})` : "the preview failed";
      return { estimated: -1, counted: -1, note: why };
    }
  }

  async close(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    if (connection === undefined) return;
    await this.#busy.catch(() => undefined);
    await connection.then((own) => own.close("session ended")).catch(() => undefined);
  }

  async #ask(
    queries: { readonly explain: string; readonly count: string },
    params: Command["params"],
  ): Promise<Impact> {
    const own = await this.#open();
    const ask = async (text: string, values: Command["params"] = []): Promise<string> =>
      (await own.query(text, values, TIMEOUT_MS + 500)).rows[0]?.[0] ?? "";
    await ask("BEGIN TRANSACTION READ ONLY");
    try {
      await ask(`SET LOCAL statement_timeout = ${TIMEOUT_MS}`);
      await ask("SAVEPOINT countersign");
      const estimated = planRows(await ask(queries.explain, params).catch(() => ""));
      await ask("ROLLBACK TO SAVEPOINT countersign");
      const counted = await ask(queries.count, params).then(Number, () => -1);
      const known = Number.isSafeInteger(counted) && counted >= 0;
      return { estimated, counted: known ? counted : -1, note: known ? "" : "the rows could not be counted in time" };
    } finally {
      await ask("ROLLBACK");
    }
  }

  async #open(): Promise<OwnQuestions> {
    this.#connection ??= this.#dial().then(
      async (dialled) => await OwnQuestions.open(this.#parts, dialled, TIMEOUT_MS),
    );
    try {
      return await this.#connection;
    } catch (error) {
      this.#connection = undefined;
      throw error;
    }
  }
}

/** The estimate of rows at the plan's lowest modifying node, from EXPLAIN (FORMAT JSON); -1 when there is none. */
function planRows(json: string): number {
  try {
    const plans: unknown = JSON.parse(json);
    let node = field(Array.isArray(plans) ? plans[0] : undefined, "Plan");
    if (field(node, "Node Type") === "ModifyTable") {
      const below = field(node, "Plans");
      node = Array.isArray(below) ? below[0] : undefined;
    }
    const rows = field(node, "Plan Rows");
    return typeof rows === "number" && Number.isSafeInteger(rows) ? rows : -1;
  } catch {
    // Not a plan: then there is no estimate, which the request says.
    return -1;
  }
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? new Map(Object.entries(value)).get(name) : undefined;
}
