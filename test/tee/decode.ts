// Reads a recorded PostgreSQL connection from both of its streams: what was asked, and what was answered to each thing.
// It shares no code with the gateway, so that the two can be compared. Written from the protocol chapter of the manual
// (section 55.2, "Message Flow") and the server's own behaviour.

import { createHash } from "node:crypto";
import type { Recording } from "./tee.ts";

/** One run of one command, and the bytes of the server's that answer it. */
export interface WireExecution {
  /** The how-manyth Execute of its portal, from 1; 1 for a simple query; 0 when a Bind failed or was never executed. */
  readonly number: number;
  readonly outcome: "completed" | "error" | "suspended";
  /** SQLSTATE; empty when it went well. */
  readonly code: string;
  readonly tags: readonly string[];
  readonly rows: number;
  /** The values of each row in order, of all its results; a piece of COPY data is a row of one. */
  readonly cells: readonly (readonly (Buffer | null)[])[];
  readonly answer: Buffer;
  /** Frames the client streamed for COPY. */
  readonly copied: Buffer;
}

/** One thing asked of the server. */
export interface WireCommand {
  readonly kind: "query" | "bind" | "execute";
  /** The text that was sent: in the Query, or in the Parse that this Bind refers to; empty when neither is known. */
  readonly text: string;
  readonly params: readonly (Buffer | null)[];
  /** Of the Bind: 1 where a value is binary. None: all are text; one: it is every value's. */
  readonly paramFormats: readonly number[];
  readonly resultFormats: readonly number[];
  /** What identifies it: the Query; or SHA-256 of the Parse and the Bind; or the Execute. */
  readonly identity: readonly Buffer[];
  readonly frame: Buffer;
  readonly executions: WireExecution[];
  /** Sent, but the server ignored it because something before it in the pipeline had failed. */
  readonly ignored: boolean;
}

/** What was read of one connection. */
export interface WireConnection {
  readonly kind: "session" | "cancel";
  readonly parameters: ReadonlyMap<string, string>;
  readonly commands: readonly WireCommand[];
  /** Texts of Parse messages, in order. */
  readonly parsed: readonly string[];
  /** How many messages were a refusal's substitute, answered with an error. */
  readonly substitutes: number;
  /** How many frames of each type were sent, by letter. */
  readonly sent: ReadonlyMap<string, number>;
  /** Anything that does not fit the protocol: empty when the reading is whole. */
  readonly oddities: readonly string[];
}

interface Frame {
  readonly type: string;
  readonly body: Buffer;
  readonly whole: Buffer;
}

/** A refused command's substitute: a text that no server can parse. */
const SUBSTITUTE = /^countersign_[0-9a-f]{16}$/;

/** Decodes one recorded connection. Never throws on what it does not understand: that becomes an oddity. */
export function decodeConnection({ toServer, toClient }: Recording): WireConnection {
  const oddities: string[] = [];
  const startup = readStartup(toServer, oddities);
  if (startup.kind === "cancel") {
    return { ...startup, commands: [], parsed: [], substitutes: 0, sent: new Map(), oddities };
  }
  const sent = frames(toServer.subarray(startup.length), "sent", oddities).filter(({ type }) => type !== "p");
  const received = frames(toClient.subarray(startup.answers), "received", oddities);
  const logInEnd = received.findIndex(({ type }) => type === "Z");
  const answers = received.slice(logInEnd + 1).filter(({ type }) => !UNASKED.has(type));
  const reader = new ConnectionReader(sent, logInEnd === -1 ? [] : answers, oddities);
  reader.read();
  const counts = new Map<string, number>();
  for (const { type } of sent) counts.set(type, (counts.get(type) ?? 0) + 1);
  const { commands, parsed, substitutes } = reader;
  return { ...startup, commands, parsed, substitutes, sent: counts, oddities };
}

/** NotificationResponse, NoticeResponse, ParameterStatus: the server sends them when it likes; they answer nothing. */
const UNASKED = new Set(["A", "N", "S"]);

interface Statement {
  readonly text: string;
  /** SHA-256 of its Parse. */
  readonly digest: Buffer;
}

interface Portal {
  readonly command: WireCommand;
  executes: number;
}

/** Goes through what was sent, in order, and takes from what was received the answers to each. */
class ConnectionReader {
  readonly commands: WireCommand[] = [];
  readonly parsed: string[] = [];
  substitutes = 0;
  readonly #sent: Frame[];
  readonly #received: Frame[];
  readonly #oddities: string[];
  #at = 0;
  readonly #statements = new Map<string, Statement>();
  readonly #portals = new Map<string, Portal>();

  constructor(sent: Frame[], received: Frame[], oddities: string[]) {
    this.#sent = sent;
    this.#received = received;
    this.#oddities = oddities;
  }

  read(): void {
    for (let frame = this.#next(); frame !== undefined; frame = this.#next()) this.#message(frame);
    for (const { type } of this.#received) this.#oddities.push(`an answer ${type} to nothing that was sent`);
  }

  #next(): Frame | undefined {
    const frame = this.#sent[this.#at];
    this.#at += 1;
    return frame;
  }

  #message(frame: Frame): void {
    switch (frame.type) {
      case "Q":
        return this.#query(frame);
      case "P":
        return this.#parse(frame);
      case "B":
        return this.#bind(frame);
      case "E":
        return this.#execute(frame);
      case "D":
        return this.#describe(frame);
      case "C":
        return this.#close(frame);
      case "S":
        return this.#sync();
      // Flush has no answer. Terminate ends it. COPY's own frames that belong to no COPY are read away by the server.
      case "H":
      case "X":
      case "d":
      case "c":
      case "f":
        return;
      default:
        this.#oddities.push(`a message of type ${frame.type} was sent`);
    }
  }

  #query(frame: Frame): void {
    const text = cstring(frame.body, 0);
    if (SUBSTITUTE.test(text)) {
      this.substitutes += 1;
      const [error] = this.#takeUntil((each) => each.type === "Z");
      if (error?.type !== "E") this.#oddities.push("a refusal's substitute was not answered with an error");
      return;
    }
    const command = this.#command("query", frame, { text, ...NO_VALUES, identity: [frame.whole], ignored: false });
    const copied: Buffer[] = [];
    const answer: Frame[] = [];
    for (let each = this.#answer(); each !== undefined && each.type !== "Z"; each = this.#answer()) {
      answer.push(each);
      if (each.type === "G") copied.push(...this.#copyFrames());
    }
    this.#transactionEnds();
    const failed = answer.find(({ type }) => type === "E");
    command.executions.push(execution(1, failed === undefined ? "completed" : "error", answer, copied));
  }

  #parse(frame: Frame): void {
    const { name, text } = readParse(frame.body);
    const answer = this.#answer();
    if (SUBSTITUTE.test(text)) {
      this.substitutes += 1;
      if (answer?.type !== "E") this.#oddities.push("a refusal's substitute was not answered with an error");
      this.#skip();
      return;
    }
    this.parsed.push(text);
    const statement = { text, digest: sha256(frame.whole) };
    if (answer?.type === "1") this.#statements.set(name, statement);
    else if (answer?.type === "E") this.#skip(new Map([[name, statement]]));
    else this.#oddities.push(`a Parse was answered with ${answer?.type ?? "nothing"}`);
  }

  #bind(frame: Frame): void {
    const { portal, statement, ...values } = readBind(frame.body);
    const known = this.#statements.get(statement);
    const identity = known === undefined ? [frame.whole] : [known.digest, frame.whole];
    const command = this.#command("bind", frame, { text: known?.text ?? "", ...values, identity, ignored: false });
    const answer = this.#answer();
    if (answer?.type === "2") {
      this.#portals.set(portal, { command, executes: 0 });
      return;
    }
    if (answer?.type === "E") command.executions.push(execution(0, "error", [answer], []));
    this.#failed(answer, "Bind");
  }

  #execute(frame: Frame): void {
    const name = cstring(frame.body, 0);
    let portal = this.#portals.get(name);
    if (portal === undefined) {
      // A cursor that SQL declared, or none at all: running it is a command of its own.
      const command = this.#command("execute", frame, {
        text: "",
        ...NO_VALUES,
        identity: [frame.whole],
        ignored: false,
      });
      portal = { command, executes: 0 };
    }
    portal.executes += 1;
    const copied: Buffer[] = [];
    const answer: Frame[] = [];
    for (let each = this.#answer(); each !== undefined; each = this.#answer()) {
      answer.push(each);
      if (each.type === "G") copied.push(...this.#copyFrames());
      if (each.type === "C" || each.type === "I" || each.type === "s" || each.type === "E") break;
    }
    const last = answer.at(-1);
    const outcome = last?.type === "E" ? "error" : last?.type === "s" ? "suspended" : "completed";
    if (last === undefined) this.#oddities.push("an Execute was not answered");
    portal.command.executions.push(execution(portal.executes, outcome, answer, copied));
    if (last?.type === "E") this.#skip();
  }

  #describe(frame: Frame): void {
    let answer = this.#answer();
    if (frame.body[0] === 0x53 && answer?.type === "t") answer = this.#answer();
    if (answer?.type !== "T" && answer?.type !== "n") this.#failed(answer, "Describe");
  }

  #close(frame: Frame): void {
    const answer = this.#answer();
    if (answer?.type !== "3") {
      this.#failed(answer, "Close");
      return;
    }
    const name = cstring(frame.body, 1);
    if (frame.body[0] === 0x53) this.#statements.delete(name);
    else this.#portals.delete(name);
  }

  #sync(): void {
    const answer = this.#answer();
    if (answer?.type === "Z") {
      if (answer.body.toString() === "I") this.#transactionEnds();
      return;
    }
    // An error while the transaction is committed comes with the Sync itself.
    if (answer?.type === "E") {
      this.#transactionEnds();
      if (this.#answer()?.type === "Z") return;
    }
    this.#oddities.push(`a Sync was answered with ${answer?.type ?? "nothing"}`);
  }

  // Portals live as long as their transaction.
  #transactionEnds(): void {
    this.#portals.clear();
  }

  #failed(answer: Frame | undefined, what: string): void {
    if (answer?.type === "E") this.#skip();
    else this.#oddities.push(`a ${what} was answered with ${answer?.type ?? "nothing"}`);
  }

  /** The server reads away everything up to the next Sync; commands among it were sent, but nothing came of them. */
  #skip(failed: ReadonlyMap<string, Statement> = new Map()): void {
    // A Bind among it may name the Parse that failed, or one among it, which made no statement either.
    const statements = new Map([...this.#statements, ...failed]);
    for (let frame = this.#sent[this.#at]; frame !== undefined && frame.type !== "S"; frame = this.#sent[this.#at]) {
      this.#at += 1;
      if (frame.type === "P") {
        const { name, text } = readParse(frame.body);
        statements.set(name, { text, digest: sha256(frame.whole) });
      }
      if (frame.type !== "B") continue;
      const { statement, portal: _, ...values } = readBind(frame.body);
      const known = statements.get(statement);
      const identity = known === undefined ? [frame.whole] : [known.digest, frame.whole];
      this.#command("bind", frame, { text: known?.text ?? "", ...values, identity, ignored: true });
    }
  }

  /**
   * The COPY frames that follow here. Between Execute and them there may be Syncs and Flushes, which the server reads
   * away while it takes COPY data; where the COPY failed there may be none.
   */
  #copyFrames(): Buffer[] {
    let ahead = this.#at;
    while (this.#sent[ahead]?.type === "S" || this.#sent[ahead]?.type === "H") ahead += 1;
    if (!COPY_TYPES.has(this.#sent[ahead]?.type ?? "")) return [];
    this.#at = ahead;
    const copied: Buffer[] = [];
    for (let frame = this.#sent[this.#at]; frame !== undefined; frame = this.#sent[this.#at]) {
      if (frame.type !== "H" && !COPY_TYPES.has(frame.type)) break;
      this.#at += 1;
      if (frame.type === "H") continue;
      copied.push(frame.whole);
      if (frame.type !== "d") break;
    }
    return copied;
  }

  #answer(): Frame | undefined {
    return this.#received.shift();
  }

  #takeUntil(isLast: (frame: Frame) => boolean): Frame[] {
    const taken: Frame[] = [];
    for (let each = this.#answer(); each !== undefined; each = this.#answer()) {
      taken.push(each);
      if (isLast(each)) break;
    }
    return taken;
  }

  #command(
    kind: WireCommand["kind"],
    frame: Frame,
    rest: Omit<WireCommand, "kind" | "frame" | "executions">,
  ): WireCommand {
    const command: WireCommand = { kind, frame: frame.whole, executions: [], ...rest };
    this.commands.push(command);
    return command;
  }
}

const NO_VALUES = { params: [], paramFormats: [], resultFormats: [] } as const;

const COPY_TYPES = new Set(["d", "c", "f"]);

function execution(
  number: number,
  outcome: WireExecution["outcome"],
  answer: readonly Frame[],
  copied: readonly Buffer[],
): WireExecution {
  const tags: string[] = [];
  const cells: (Buffer | null)[][] = [];
  let rows = 0;
  let open = 0;
  for (const { type, body } of answer) {
    if (type === "D") cells.push(readRow(body));
    if (type === "d") cells.push([body]);
    if (type === "D" || type === "d") open += 1;
    if (type !== "C") continue;
    // The tag has the count of rows where there is one; rows before it were those.
    const tag = cstring(body, 0);
    tags.push(tag);
    rows += Number(/ (\d+)$/.exec(tag)?.[1] ?? 0);
    open = 0;
  }
  const error = answer.find(({ type }) => type === "E");
  return {
    number,
    outcome,
    code: error === undefined ? "" : sqlState(error.body),
    tags,
    rows: rows + open,
    cells,
    answer: Buffer.concat(answer.map(({ whole }) => whole)),
    copied: Buffer.concat(copied),
  };
}

interface Startup {
  readonly kind: "session" | "cancel";
  readonly parameters: ReadonlyMap<string, string>;
  /** Bytes that it took up, and bytes of one-letter answers to it. */
  readonly length: number;
  readonly answers: number;
}

// The first packets have no type letter. SSLRequest and GSSENCRequest are answered with one byte each.
function readStartup(bytes: Buffer, oddities: string[]): Startup {
  let at = 0;
  let answers = 0;
  while (bytes.length - at >= 8) {
    const length = bytes.readUInt32BE(at);
    const code = bytes.readUInt32BE(at + 4);
    const body = bytes.subarray(at + 8, at + length);
    at += length;
    if (code === 80_877_102) return { kind: "cancel", parameters: new Map(), length: at, answers };
    if (code === 80_877_103 || code === 80_877_104) {
      answers += 1;
      continue;
    }
    if (code >>> 16 !== 3) break;
    const words = body.toString("utf8").split("\0");
    const parameters = new Map<string, string>();
    for (let word = 0; words[word] !== undefined && words[word] !== ""; word += 2) {
      parameters.set(words[word] ?? "", words[word + 1] ?? "");
    }
    return { kind: "session", parameters, length: at, answers };
  }
  if (bytes.length > 0) oddities.push("the start of the connection cannot be read");
  return { kind: "session", parameters: new Map(), length: bytes.length, answers };
}

function frames(bytes: Buffer, what: string, oddities: string[]): Frame[] {
  const list: Frame[] = [];
  let at = 0;
  while (bytes.length - at >= 5) {
    const length = bytes.readUInt32BE(at + 1);
    if (length < 4 || at + 1 + length > bytes.length) break;
    const whole = bytes.subarray(at, at + 1 + length);
    list.push({ type: String.fromCharCode(whole[0] ?? 0), body: whole.subarray(5), whole });
    at += whole.length;
  }
  if (at !== bytes.length) oddities.push(`${bytes.length - at} bytes ${what} are no whole message`);
  return list;
}

function readParse(body: Buffer): { readonly name: string; readonly text: string } {
  const name = cstring(body, 0);
  return { name, text: cstring(body, name.length + 1) };
}

function readBind(body: Buffer): Pick<WireCommand, "params" | "paramFormats" | "resultFormats"> & {
  readonly portal: string;
  readonly statement: string;
} {
  const portal = cstring(body, 0);
  const statement = cstring(body, portal.length + 1);
  const paramFormats = readFormats(body, portal.length + statement.length + 2);
  const valuesAt = portal.length + statement.length + 4 + 2 * paramFormats.length;
  const { values, end } = readValues(body, valuesAt);
  return { portal, statement, params: values, paramFormats, resultFormats: readFormats(body, end) };
}

function readFormats(body: Buffer, at: number): number[] {
  return Array.from({ length: body.readUInt16BE(at) }, (_, index) => body.readUInt16BE(at + 2 + 2 * index));
}

function readRow(body: Buffer): (Buffer | null)[] {
  return readValues(body, 0).values;
}

/** A count, and then each value behind its length; a length below zero is a null. */
function readValues(body: Buffer, from: number): { readonly values: (Buffer | null)[]; readonly end: number } {
  const values: (Buffer | null)[] = [];
  let at = from + 2;
  for (let left = body.readUInt16BE(from); left > 0; left -= 1) {
    const length = body.readInt32BE(at);
    at += 4;
    values.push(length < 0 ? null : body.subarray(at, at + length));
    at += Math.max(0, length);
  }
  return { values, end: at };
}

// Latin-1, so that one character is one byte and lengths agree.
function cstring(body: Buffer, from: number): string {
  const end = body.indexOf(0, from);
  return body.toString("latin1", from, end === -1 ? body.length : end);
}

function sqlState(body: Buffer): string {
  const field = body
    .toString("utf8")
    .split("\0")
    .find((each) => each.startsWith("C"));
  return field?.slice(1) ?? "";
}

function sha256(bytes: Buffer): Buffer {
  return createHash("sha256").update(bytes).digest();
}
