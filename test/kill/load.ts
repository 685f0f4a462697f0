// A job that never stops asking: several connections, pipelines, reads and writes, and an id of its own in every statement,
// so that what the server ran can be found again in its log and in the journal.

import { bind, execute, openRaw, parse, query, type RawConnection, type RawOptions, sync } from "../live/raw-client.ts";

/** What must be there before the load. */
export const LOAD_TABLES = "create table kill_log (id text primary key, at timestamptz default now())";

/** Finds the ids in any text. */
export const LOAD_ID = /k\d+c\d+n\d+z/g;

const CONNECTIONS = 3;

/** Segments asked for and not answered, per connection: enough that a kill always finds some in flight. */
const AHEAD = 3;

export interface Load {
  /** Statements that were sent so far. */
  sent(): number;
  /** Resolves when all connections have ended, whoever ended them. */
  readonly done: Promise<void>;
  /** No more is asked for; connections close when what was asked for is answered. */
  stop(): void;
}

/** Starts asking. `round` makes the ids of one load differ from another's. */
export async function startLoad(endpoint: RawOptions, round: number): Promise<Load> {
  let sent = 0;
  const wish = { stopped: false };
  const connections = await Promise.all(Array.from({ length: CONNECTIONS }, async () => await openRaw(endpoint)));
  const ask = async (connection: RawConnection, number: number): Promise<void> => {
    connection.send(parse("kept", "insert into kill_log(id) values ($1)"), sync);
    await connection.receive();
    for (let turn = 0; !wish.stopped; ) {
      for (let ahead = 0; ahead < AHEAD; ahead += 1, turn += 1) {
        connection.send(...segment(turn, () => `k${round}c${number}n${(sent += 1)}z`));
      }
      await connection.receive(AHEAD);
    }
    connection.end();
    await connection.closed;
  };
  const done = Promise.all(
    // A killed gateway ends its connections; that is what this load is for.
    connections.map(async (connection, number) => await ask(connection, number).catch(() => connection.destroy())),
  ).then(() => undefined);
  return { sent: () => sent, done, stop: () => void (wish.stopped = true) };
}

/** One segment, ended by one ReadyForQuery, of a kind that depends on its turn. */
function segment(turn: number, id: () => string): readonly Buffer[] {
  switch (turn % 5) {
    case 0:
      return [query(`insert into kill_log(id) values ('${id()}')`)];
    case 1:
      return [query(`select 1 /* ${id()} */; insert into kill_log(id) values ('${id()}'); select 2 /* ${id()} */`)];
    case 2:
      return [
        ...[id(), id(), id()].flatMap((each) => [parse("", `select '${each}'`), bind(), execute()]),
        parse("", `insert into kill_log(id) values ('${id()}')`),
        bind(),
        execute(),
        sync,
      ];
    case 3:
      return [
        bind({ portal: "one", statement: "kept", params: [id()] }),
        bind({ portal: "two", statement: "kept", params: [id()] }),
        execute("one"),
        execute("two"),
        sync,
      ];
    default:
      return [query(`update kill_log set at = now() where id = '${id()}'`)];
  }
}
