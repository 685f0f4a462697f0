// What a file of SQL will come as when psql, or a client that sends a text whole, runs it: the Query messages, read as they
// will be when each has done what it says on a connection where nothing happened before.

import { psqlTexts } from "../../languages/sql/psql-file.ts";
import type { SqlReader } from "../../languages/sql/reading.ts";
import { TakenSession } from "../../languages/sql/taken-session.ts";
import type { Foreseen, Foresight } from "../protocol.ts";
import { mayCopyIn } from "./readings.ts";
import { encodeFrame } from "./wire.ts";

/** `file`: as `psql -f` sends it, one message for each statement. `whole`: all of it as one message, as `psql -c` does. */
export function foresee(text: string, how: "file" | "whole", reader: SqlReader): Foresight {
  const cut = how === "whole" ? ({ kind: "texts", texts: text === "" ? [] : [text] } as const) : psqlTexts(text);
  if (cut.kind === "unreadable") return cut;
  const session = new TakenSession();
  const commands: Foreseen[] = [];
  for (const [at, each] of cut.texts.entries()) {
    const reading = reader.read(each, session);
    if (mayCopyIn(reading)) {
      return { kind: "unreadable", why: `statement ${at + 1} takes data from the client, which is not in the plan` };
    }
    session.take(reading.statements);
    const { effects, objects, bounded, why, slots } = reading;
    commands.push({
      protocol: "postgres",
      text: each,
      textKey: {},
      params: [],
      slots,
      effects,
      objects,
      bounded,
      why,
      bytes: [encodeFrame("Q", Buffer.from(`${each}\0`))],
      inTransaction: false,
      unservable: "",
    });
  }
  return { kind: "commands", commands };
}
