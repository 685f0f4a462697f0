import { randomBytes } from "node:crypto";
import { openSqlReader } from "../../../src/languages/sql/reader.ts";
import { openPostgres } from "../../../src/protocols/postgres/index.ts";
import { ScramClient } from "../../../src/protocols/postgres/scram.ts";
import type { Conversation, Opening } from "../../../src/protocols/protocol.ts";
import {
  bind,
  close,
  copyData,
  copyDone,
  describe,
  execute,
  flush,
  frame,
  parse,
  query,
  sync,
} from "../../live/raw-client.ts";
import type { Samples } from "../laws.ts";
import { openFakeServer } from "./fake-server.ts";

// What the laws are tried on for PostgreSQL: a client that logs in, a server that answers, streams good and bad.

export const postgres = openPostgres(await openSqlReader());
const PASSWORD = "made for this session";

/** Speaks the start-up and SCRAM as any client would; undefined once it is in. */
function logIn(): (said: Uint8Array) => Uint8Array | undefined {
  const scram = new ScramClient({ password: PASSWORD, nonce: randomBytes(18), binding: { kind: "none" } });
  let begun = false;
  return (said) => {
    if (!begun) {
      begun = true;
      const body = Buffer.from("\0\x03\0\0user\0ci\0database\0shop\0\0", "latin1");
      const head = Buffer.alloc(4);
      head.writeUInt32BE(4 + body.length);
      return Buffer.concat([head, body]);
    }
    const bytes = Buffer.from(said);
    if (bytes[0] !== 0x52) return undefined;
    const rest = bytes.subarray(9).toString("utf8");
    switch (bytes.readUInt32BE(5)) {
      case 10: {
        const first = Buffer.from(scram.first());
        const length = Buffer.alloc(4);
        length.writeUInt32BE(first.length);
        return frame("p", ["SCRAM-SHA-256\0", length, first]);
      }
      case 11:
        return frame("p", [scram.final(rest)]);
      default:
        return undefined;
    }
  };
}

export const postgresSamples: Samples & { readonly open: (about?: Partial<Opening>) => Conversation } = {
  open: (about: Partial<Opening> = {}) =>
    postgres.open({
      connection: 1,
      user: "ci",
      database: "shop",
      password: PASSWORD,
      certificateHash: new Uint8Array(0),
      random: (count) => randomBytes(count),
      recordBytesMax: 64 * 1024,
      ...about,
    }),
  logIn,
  server: openFakeServer,
  legal: {
    "one query": query("SELECT 1"),
    "two pipelined": Buffer.concat([query("SELECT 1"), query("DELETE FROM users")]),
    "several statements in one": query("SELECT 1; DELETE FROM users; SELECT 2"),
    "an extended query": Buffer.concat([
      parse("", "DELETE FROM users WHERE id = $1"),
      bind({ params: ["1"] }),
      describe("P"),
      execute(),
      sync,
    ]),
    "a named statement, twice": Buffer.concat([
      parse("s1", "SELECT $1::int"),
      describe("S", "s1"),
      sync,
      bind({ statement: "s1", params: ["1"] }),
      execute(),
      sync,
      bind({ statement: "s1", params: ["2"] }),
      execute(),
      close("S", "s1"),
      sync,
    ]),
    "a portal that outlives its statement": Buffer.concat([
      parse("s1", "DELETE FROM users"),
      bind({ portal: "p1", statement: "s1" }),
      close("S", "s1"),
      parse("s1", "SELECT 1"),
      execute("p1"),
      sync,
    ]),
    "rows by portions": Buffer.concat([
      parse("", "SELECT 1"),
      bind({ portal: "p" }),
      execute("p", 10),
      flush,
      execute("p", 10),
      sync,
    ]),
    "COPY from the client": Buffer.concat([query("COPY users FROM STDIN"), copyData("1\n"), copyData("2\n"), copyDone]),
    "an empty query": query(""),
  },
  illegal: {
    "a length shorter than itself": Buffer.from("Q\0\0\0\x03", "latin1"),
    "a length beyond any message": Buffer.from("Q\xff\xff\xff\xff", "latin1"),
    "a message longer than can be judged": Buffer.from("Q\x01\x00\x00\x06", "latin1"),
    "a message type we do not know": frame("\x01", []),
    "a query without a terminator": frame("Q", ["SELECT 1"]),
    "bytes behind a query's terminator": frame("Q", ["SELECT 1\0; DROP TABLE t\0"]),
    "a password after the log-in": frame("p", ["x"]),
    "a Bind with a format that there is not": frame("B", ["\0\0", Buffer.from([0, 1, 0, 7, 0, 0, 0, 0])]),
    "a parameter of negative length": frame("B", ["\0\0", Buffer.from([0, 0, 0, 1, 255, 255, 255, 254, 0, 0])]),
  },
  dangerous: (toServer) => {
    const found: string[] = [];
    for (let at = 0; at + 5 <= toServer.length; at += 1 + toServer.readUInt32BE(at + 1)) {
      const type = String.fromCharCode(toServer[at] ?? 0);
      const body = toServer.subarray(at + 5, at + 1 + toServer.readUInt32BE(at + 1)).toString("latin1");
      const substitute = type === "Q" && /^countersign_[0-9a-f]{16}\0$/.test(body);
      if (["Q", "B", "E", "d", "F"].includes(type) && !substitute) found.push(`${type} ${body}`);
    }
    return found;
  },
};
