import type { FakeServer } from "../laws.ts";

// As much of a PostgreSQL server as the laws need: it answers every message in order, fails on a substitute's nonce as the
// real one does (an error that quotes it), and then skips to Sync. What it "runs" it does not look at.

const text = (value: string): Buffer => Buffer.from(value, "utf8");

function message(type: string, body: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.write(type, "latin1");
  head.writeUInt32BE(4 + body.length, 1);
  return Buffer.concat([head, body]);
}

const READY = message("Z", text("I"));
const ROW = message("D", Buffer.from([0, 1, 0, 0, 0, 1, 0x31]));
const COLUMNS = message(
  "T",
  Buffer.concat([
    Buffer.from([0, 1]),
    text("n\0"),
    Buffer.from([0, 0, 0x40, 0, 0, 1, 0, 0, 0, 23, 0, 4, 255, 255, 255, 255, 0, 0]),
  ]),
);
const SELECTED = message("C", text("SELECT 1\0"));

export function openFakeServer(): FakeServer {
  let held = Buffer.alloc(0);
  let skipping = false;
  let copying = false;
  const errorOf = (words: string): Buffer => message("E", text(`SERROR\0VERROR\0C42601\0M${words}\0\0`));

  const answerQuery = (query: string): Buffer[] => {
    if (query.includes("countersign_")) return [errorOf(`syntax error at or near "${query}"`), READY];
    if (query === "") return [message("I", Buffer.alloc(0)), READY];
    if (/^copy .* from stdin/i.test(query)) {
      copying = true;
      return [message("G", Buffer.from([0, 0, 0]))];
    }
    return [...query.split(";").flatMap(() => [COLUMNS, ROW, SELECTED]), READY];
  };

  const answerOne = (type: string, body: Buffer): Buffer[] => {
    if (copying) {
      if (type === "d" || type === "H" || type === "S") return [];
      copying = false;
      return type === "c" ? [message("C", text("COPY 1\0")), READY] : [errorOf("COPY from stdin failed"), READY];
    }
    if (type === "S") {
      skipping = false;
      return [READY];
    }
    if (skipping) return [];
    switch (type) {
      case "Q":
        return answerQuery(body.toString("utf8", 0, body.length - 1));
      case "P":
        if (body.includes("countersign_")) {
          skipping = true;
          return [errorOf(`syntax error at or near "${body.toString("latin1").split("\0")[1] ?? ""}"`)];
        }
        return [message("1", Buffer.alloc(0))];
      case "B":
        return [message("2", Buffer.alloc(0))];
      case "C":
        return [message("3", Buffer.alloc(0))];
      case "D":
        return body[0] === 0x53 ? [message("t", Buffer.from([0, 1, 0, 0, 0, 23])), COLUMNS] : [COLUMNS];
      case "E":
        return [ROW, SELECTED];
      default:
        return [];
    }
  };

  return {
    greet: () =>
      Buffer.concat([
        message("S", text("client_encoding\0UTF8\0")),
        message("S", text("standard_conforming_strings\0on\0")),
        message("K", Buffer.from([0, 0, 0, 7, 1, 2, 3, 4])),
        READY,
      ]),
    receive(bytes) {
      held = Buffer.concat([held, bytes]);
      const out: Buffer[] = [];
      while (held.length >= 5 && held.length > held.readUInt32BE(1)) {
        const end = 1 + held.readUInt32BE(1);
        out.push(...answerOne(String.fromCharCode(held[0] ?? 0), held.subarray(5, end)));
        held = held.subarray(end);
      }
      return Buffer.concat(out);
    },
  };
}
