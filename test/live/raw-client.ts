// A PostgreSQL client that sends exactly the frames it is given, for what no driver does: pipelines with errors in the
// middle, row limits, and results that are counted but not kept. Shares no code with the gateway.

import { createHash, createHmac, pbkdf2Sync, randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";

/** One message of the server: its type letter and its body, without the length. */
export interface ServerFrame {
  readonly type: string;
  readonly body: Buffer;
}

export interface RawOptions {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** Further start-up parameters. */
  readonly parameters?: Readonly<Record<string, string>>;
}

export interface RawConnection {
  readonly socket: Socket;
  /** Sends these frames in one write. */
  send(...frames: readonly Buffer[]): void;
  /** Resolves to the frames up to the `count`th that `isLast` accepts (ReadyForQuery when not given). */
  receive(count?: number, isLast?: (frame: ServerFrame) => boolean): Promise<ServerFrame[]>;
  /** Sends a Query and resolves to the size of its answer, which is thrown away as it comes. For one large result. */
  drain(text: string): Promise<number>;
  /** Resolves when the other side has closed. */
  readonly closed: Promise<void>;
  /** Terminate, and close. */
  end(): void;
  /** Drops the connection without a word. */
  destroy(): void;
}

/** Logs in (trust, clear text or SCRAM-SHA-256; never TLS) and resolves when the server is ready. Rejects with its error. */
export async function openRaw(options: RawOptions): Promise<RawConnection> {
  const socket = connect({ host: options.host, port: options.port, noDelay: true });
  const inbox: ServerFrame[] = [];
  let rest: Buffer = Buffer.alloc(0);
  let wake: () => void = () => undefined;
  let failure: Error | undefined;
  let lastError: Buffer | undefined;
  let onBulk: ((chunk: Buffer) => void) | undefined;
  const closed = new Promise<void>((resolve) => socket.on("close", () => resolve()));
  socket.on("data", (chunk: Buffer) => {
    if (onBulk !== undefined) {
      onBulk(chunk);
      return;
    }
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    while (rest.length - at >= 5) {
      const end = at + 1 + rest.readUInt32BE(at + 1);
      if (rest.length < end) break;
      const next = { type: String.fromCharCode(rest[at] ?? 0), body: rest.subarray(at + 5, end) };
      if (next.type === "E") lastError = next.body;
      inbox.push(next);
      at = end;
    }
    rest = rest.subarray(at);
    wake();
  });
  const fail = (error: Error): void => {
    failure ??= error;
    wake();
  };
  socket.on("error", fail);
  // What the server said last is usually why it closed.
  socket.on("close", () => {
    const last = lastError === undefined ? "" : `: ${[...errorFields(lastError).values()].slice(2).join(" | ")}`;
    fail(new Error(`the connection was closed${last}`));
  });

  const take = async (): Promise<ServerFrame> => {
    for (;;) {
      const next = inbox.shift();
      if (next !== undefined) return next;
      if (failure !== undefined) throw failure;
      await new Promise<void>((resolve) => (wake = resolve));
    }
  };
  const connection: RawConnection = {
    socket,
    closed,
    send: (...frames) =>
      void socket.write(frames.length === 1 && frames[0] !== undefined ? frames[0] : Buffer.concat(frames)),
    receive: async (count = 1, isLast = ({ type }) => type === "Z") => {
      const frames: ServerFrame[] = [];
      for (let seen = 0; seen < count; ) {
        const next = await take();
        frames.push(next);
        if (isLast(next)) seen += 1;
      }
      return frames;
    },
    drain: async (text) =>
      await new Promise<number>((resolve, reject) => {
        let bytes = 0;
        let tail = Buffer.alloc(0);
        onBulk = (chunk) => {
          bytes += chunk.length;
          tail = Buffer.concat([tail, chunk.subarray(-6)]).subarray(-6);
          // ReadyForQuery is the last thing that comes, so the last six bytes say when all of it has.
          if (tail[0] === 0x5a && tail.readUInt32BE(1) === 5) {
            onBulk = undefined;
            resolve(bytes);
          }
        };
        socket.once("close", () => reject(new Error("the connection was closed in the middle of a result")));
        socket.write(query(text));
      }),
    end: () => void socket.end(frame("X", [])),
    destroy: () => void socket.destroy(),
  };
  await logIn(connection, take, options);
  return connection;
}

/** A frame with its type letter and length. */
export function frame(type: string, parts: readonly (string | Buffer)[]): Buffer {
  const body = Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : part)));
  const head = Buffer.alloc(5);
  head.write(type, 0, "latin1");
  head.writeUInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

/** Query. */
export function query(text: string): Buffer {
  return frame("Q", [text, "\0"]);
}

/** Parse, with parameter types by OID (0: the server decides). */
export function parse(statement: string, text: string, types: readonly number[] = []): Buffer {
  return frame("P", [statement, "\0", text, "\0", int16(types.length), ...types.map(int32)]);
}

export interface BindOptions {
  readonly portal?: string;
  readonly statement?: string;
  /** Text as a string, binary as bytes. */
  readonly params?: readonly (string | Buffer | null)[];
  /** 0 text, 1 binary, for all result columns. */
  readonly resultFormat?: 0 | 1;
}

/** Bind. */
export function bind(options: BindOptions = {}): Buffer {
  const params = options.params ?? [];
  const values = params.flatMap((value) => {
    if (value === null) return [int32(-1)];
    const bytes = typeof value === "string" ? Buffer.from(value) : value;
    return [int32(bytes.length), bytes];
  });
  return frame("B", [
    `${options.portal ?? ""}\0${options.statement ?? ""}\0`,
    int16(params.length),
    ...params.map((value) => int16(typeof value === "string" || value === null ? 0 : 1)),
    int16(params.length),
    ...values,
    int16(1),
    int16(options.resultFormat ?? 0),
  ]);
}

/** Describe of a portal (`P`) or a statement (`S`). */
export function describe(kind: "P" | "S", name = ""): Buffer {
  return frame("D", [kind, name, "\0"]);
}

/** Execute; 0 rows means all of them. */
export function execute(portal = "", rows = 0): Buffer {
  return frame("E", [portal, "\0", int32(rows)]);
}

/** Close of a portal (`P`) or a statement (`S`). */
export function close(kind: "P" | "S", name = ""): Buffer {
  return frame("C", [kind, name, "\0"]);
}

export const sync: Buffer = frame("S", []);
export const flush: Buffer = frame("H", []);
export const copyDone: Buffer = frame("c", []);

/** CopyData. */
export function copyData(data: string | Buffer): Buffer {
  return frame("d", [data]);
}

/** CopyFail. */
export function copyFail(why: string): Buffer {
  return frame("f", [why, "\0"]);
}

/** The fields of an ErrorResponse or NoticeResponse by their letter: `C` is the SQLSTATE, `M` the message. */
export function errorFields(body: Buffer): ReadonlyMap<string, string> {
  const fields = body
    .toString("utf8")
    .split("\0")
    .filter((field) => field !== "");
  return new Map(fields.map((field) => [field.slice(0, 1), field.slice(1)]));
}

async function logIn(connection: RawConnection, take: () => Promise<ServerFrame>, options: RawOptions): Promise<void> {
  const parameters = { user: options.user, database: options.database, client_encoding: "UTF8", ...options.parameters };
  const startup = Buffer.from(`${Object.entries(parameters).flat().join("\0")}\0\0`);
  connection.send(Buffer.concat([int32(startup.length + 8), int32(196_608), startup]));
  const nonce = randomBytes(18).toString("base64");
  const bare = `n=,r=${nonce}`;
  for (;;) {
    const { type, body } = await take();
    if (type === "Z") return;
    if (type === "E") throw new Error(`log-in failed: ${[...errorFields(body).values()].join(" | ")}`);
    if (type !== "R") continue;
    const kind = body.readUInt32BE(0);
    if (kind === 3) connection.send(frame("p", [options.password, "\0"]));
    if (kind === 10) connection.send(frame("p", ["SCRAM-SHA-256\0", int32(bare.length + 3), `n,,${bare}`]));
    if (kind === 11) connection.send(frame("p", [proof(options.password, bare, body.toString("utf8", 4))]));
    if (kind === 5) throw new Error("this client does not do md5");
  }
}

// RFC 5802, section 3, with SHA-256 (RFC 7677) and without channel binding.
function proof(password: string, bare: string, serverFirst: string): string {
  const [nonce = "", salt = "", rounds = ""] = serverFirst.split(",").map((field) => field.slice(2));
  const salted = pbkdf2Sync(password, Buffer.from(salt, "base64"), Number(rounds), 32, "sha256");
  const clientKey = createHmac("sha256", salted).update("Client Key").digest();
  const withoutProof = `c=biws,r=${nonce}`;
  const signature = createHmac("sha256", createHash("sha256").update(clientKey).digest())
    .update(`${bare},${serverFirst},${withoutProof}`)
    .digest();
  return `${withoutProof},p=${Buffer.from(clientKey.map((byte, at) => byte ^ (signature[at] ?? 0))).toString("base64")}`;
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}
