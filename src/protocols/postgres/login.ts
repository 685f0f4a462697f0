import { createHash } from "node:crypto";
import { ProtocolError } from "../../bytes/protocol-error.ts";
import { Reader } from "../../bytes/reader.ts";
import type { Login, LoginStep } from "../protocol.ts";
import { type Binding, SCRAM, SCRAM_PLUS, ScramClient } from "./scram.ts";
import type { AuthMethod } from "./target.ts";
import { decodeError, encodeFrame } from "./wire.ts";

// Logs the gateway in to a target with the real password. It reads up to AuthenticationOk and hands on what is behind it.
//
// PostgreSQL chapter "Message Flow", Start-up and SASL Authentication. After SSLRequest the server answers one byte, S or
// N; then every message is tag, int32 length (counting itself), body.

/** Everything that a server may send before AuthenticationOk fits many times; libpq itself stops at 2000 per message. */
const INBOX_BYTES_MAX = 64 * 1024;
/** A log-in takes three or four messages and perhaps some notices. */
const MESSAGES_MAX = 64;
/** Longest part of a server's error that is passed on. */
const ERROR_LENGTH_MAX = 1000;

/** `LoginStep.failed.code` where the server has no TLS. Not an SQLSTATE, so it is never mistaken for the server's word. */
export const NO_TLS = "NO_TLS";

export interface LoginOptions {
  readonly user: string;
  readonly password: string | undefined;
  readonly database: string;
  /** Settings for the startup packet beside user, database and client_encoding. */
  readonly startup: ReadonlyMap<string, string>;
  /**
   * What to do about TLS: `no`, ask and go on without (`prefer`), ask and insist (`require`), or begin with it (`direct`).
   */
  readonly tls: "no" | "prefer" | "require" | "direct";
  /** True for a Unix socket or a loopback address, where nobody between can read. */
  readonly local: boolean;
  /** The only methods that may be used; undefined for any, but for a password in the clear where others can read. */
  readonly requireAuth: readonly AuthMethod[] | undefined;
  readonly channelBinding: "prefer" | "require" | "disable";
  /** Returns `count` unguessable bytes. */
  readonly random: (count: number) => Uint8Array;
}

type State =
  | "asked-tls"
  | "securing"
  /** The startup packet is out; the server names a method, or says that none is needed. */
  | "started"
  | "password-sent"
  | "scram-first-sent"
  | "scram-final-sent"
  | "scram-proved"
  | "done";

/** Opens one log-in. Feed it the server's bytes; it says what to send. No error of its own holds the password. */
export function openLogin(options: LoginOptions): Login {
  return new PostgresLogin(options);
}

class PostgresLogin implements Login {
  readonly #options: LoginOptions;
  #state: State = "started";
  #inbox: Buffer = Buffer.alloc(0);
  #messages = 0;
  #encrypted = false;
  #certificateHash: Uint8Array = new Uint8Array(0);
  #scram: ScramClient | undefined;
  #bound = false;

  constructor(options: LoginOptions) {
    this.#options = options;
  }

  begin(): readonly LoginStep[] {
    if (this.#options.tls === "no") return [this.#start()];
    if (this.#options.tls === "direct") {
      this.#state = "securing";
      return [{ kind: "secure" }];
    }
    this.#state = "asked-tls";
    return [{ kind: "send", bytes: encodeSslRequest() }];
  }

  secured(certificateHash: Uint8Array): readonly LoginStep[] {
    if (this.#state !== "securing") return [];
    this.#encrypted = true;
    this.#certificateHash = certificateHash;
    return [this.#start()];
  }

  receive(chunk: Uint8Array): readonly LoginStep[] {
    if (this.#state === "done") return [];
    try {
      return this.#receive(chunk);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return [this.#fail(`the target broke the protocol: ${error.message}`, "08P01")];
    }
  }

  #receive(chunk: Uint8Array): LoginStep[] {
    if (this.#state === "securing") throw new ProtocolError("bytes before encryption");
    if (this.#state === "asked-tls") return this.#answerTls(chunk);
    const steps: LoginStep[] = [];
    this.#inbox = Buffer.concat([this.#inbox, chunk]);
    while (!this.#isDone()) {
      const frame = this.#take();
      if (frame === undefined) break;
      steps.push(...this.#read(frame));
    }
    return steps;
  }

  /** A method, so that the compiler does not take the state for settled while the loop changes it. */
  #isDone(): boolean {
    return this.#state === "done";
  }

  #answerTls(chunk: Uint8Array): LoginStep[] {
    if (chunk.length === 0) return [];
    const answer = String.fromCharCode(chunk[0] ?? 0);
    // Bytes that came unencrypted must never be read as if they had come through TLS (CVE-2021-23214).
    if (chunk.length > 1 && answer !== "E") throw new ProtocolError("bytes before encryption");
    if (answer === "S") {
      this.#state = "securing";
      return [{ kind: "secure" }];
    }
    if (answer === "N") {
      if (this.#options.tls === "prefer") return [this.#start()];
      return [this.#fail("the server does not offer TLS", NO_TLS)];
    }
    // An error here comes from whoever is on the line; its words are not passed on (CVE-2024-10977).
    if (answer === "E") return [this.#fail("the server answered the request for TLS with an error", "08P01")];
    throw new ProtocolError("the answer to the request for TLS is neither S nor N; is this a PostgreSQL server?");
  }

  #start(): LoginStep {
    this.#state = "started";
    const { user, database, startup } = this.#options;
    const parameters = new Map([
      ["user", user],
      ["database", database],
      ["client_encoding", "UTF8"],
    ]);
    for (const [name, value] of startup) parameters.set(name, value);
    return { kind: "send", bytes: encodeStartup(parameters) };
  }

  #take(): Frame | undefined {
    if (this.#inbox.length < 5) return undefined;
    const length = this.#inbox.readUInt32BE(1);
    if (length < 4 || length > INBOX_BYTES_MAX) {
      throw new ProtocolError(`message of ${length} bytes during log-in; is this a PostgreSQL server?`);
    }
    if (this.#inbox.length < 1 + length) return undefined;
    this.#messages += 1;
    if (this.#messages > MESSAGES_MAX) throw new ProtocolError("the log-in does not come to an end");
    const frame = { tag: String.fromCharCode(this.#inbox[0] ?? 0), body: this.#inbox.subarray(5, 1 + length) };
    this.#inbox = this.#inbox.subarray(1 + length);
    return frame;
  }

  #read({ tag, body }: Frame): LoginStep[] {
    switch (tag) {
      case "R":
        return this.#authenticate(new Reader(body));
      case "E":
        return [this.#failByServer(body)];
      case "N": // A notice.
      case "v": // We asked for 3.0 without options, so there is nothing to come down from.
        return [];
      default:
        throw new ProtocolError(`message type ${JSON.stringify(tag)} before the log-in was done`);
    }
  }

  #authenticate(reader: Reader): LoginStep[] {
    const method = reader.uint32();
    switch (method) {
      case 0:
        return [this.#finish()];
      case 3:
        return this.#answerCleartext();
      case 5:
        return this.#answerMd5(reader.bytes(4));
      case 10:
        return this.#beginScram(reader);
      case 11:
        return this.#continueScram(reader);
      case 12:
        return this.#endScram(reader);
      default: {
        const name = METHODS.get(method) ?? `method ${method}`;
        return [this.#fail(`the server asks for ${name}, which is not supported; use scram-sha-256`, "28000")];
      }
    }
  }

  #finish(): LoginStep {
    if (this.#state === "scram-first-sent" || this.#state === "scram-final-sent") {
      throw new ProtocolError("the server ended SCRAM before it proved that it knows the password");
    }
    if (this.#state === "started" && !this.#allows("none")) return this.#forbid("no authentication");
    if (this.#options.channelBinding === "require" && !this.#bound) {
      return this.#fail(
        "the server logged us in without channel binding, which channel_binding=require asks for",
        "28000",
      );
    }
    const rest = this.#inbox;
    this.#state = "done";
    this.#inbox = Buffer.alloc(0);
    return { kind: "ready", rest };
  }

  #answerCleartext(): LoginStep[] {
    this.#expect("started");
    const password = this.#options.password;
    if (!this.#allows("password")) return [this.#forbid("a password in the clear")];
    // Naming the method in require_auth is how an operator says that this is meant.
    if (!this.#encrypted && !this.#options.local && this.#options.requireAuth === undefined) {
      const advice = "use TLS, or write require_auth=password in the target's URL";
      return [this.#fail(`the server asks for the password in the clear over a network; ${advice}`, "28000")];
    }
    if (password === undefined) return [this.#failForPassword()];
    this.#state = "password-sent";
    return [encodePassword(Buffer.from(`${password}\0`))];
  }

  #answerMd5(salt: Uint8Array): LoginStep[] {
    this.#expect("started");
    const { user, password } = this.#options;
    if (!this.#allows("md5")) return [this.#forbid("md5")];
    if (password === undefined) return [this.#failForPassword()];
    const inner = createHash("md5").update(`${password}${user}`).digest("hex");
    const outer = createHash("md5").update(inner).update(salt).digest("hex");
    this.#state = "password-sent";
    return [encodePassword(Buffer.from(`md5${outer}\0`))];
  }

  #beginScram(reader: Reader): LoginStep[] {
    this.#expect("started");
    const offered: string[] = [];
    for (let name = reader.cstring(); name !== ""; name = reader.cstring()) offered.push(name);
    if (!this.#allows("scram-sha-256")) return [this.#forbid("SCRAM")];
    const password = this.#options.password;
    if (password === undefined) return [this.#failForPassword()];
    if (offered.includes(SCRAM_PLUS) && !this.#encrypted) {
      throw new ProtocolError("channel binding offered on a connection without TLS");
    }
    const binding = this.#chooseBinding(offered);
    if (binding.kind !== "bound" && this.#options.channelBinding === "require") {
      return [this.#fail("the server does not offer channel binding, which channel_binding=require asks for", "28000")];
    }
    const mechanism = binding.kind === "bound" ? SCRAM_PLUS : SCRAM;
    if (!offered.includes(mechanism)) {
      return [this.#fail("the server offers no SASL mechanism that is supported; use scram-sha-256", "28000")];
    }
    this.#bound = binding.kind === "bound";
    this.#scram = new ScramClient({ password, binding, nonce: this.#options.random(18) });
    this.#state = "scram-first-sent";
    const first = Buffer.from(this.#scram.first());
    const length = Buffer.alloc(4);
    length.writeInt32BE(first.length);
    return [encodePassword(Buffer.concat([Buffer.from(`${mechanism}\0`), length, first]))];
  }

  #chooseBinding(offered: readonly string[]): Binding {
    const { channelBinding } = this.#options;
    // A certificate whose signature has no hash of its own (Ed25519) has no tls-server-end-point.
    const able = this.#encrypted && this.#certificateHash.length > 0 && channelBinding !== "disable";
    if (!able) return { kind: "none" };
    if (!offered.includes(SCRAM_PLUS)) return { kind: "not-offered" };
    return { kind: "bound", certificateHash: this.#certificateHash };
  }

  #continueScram(reader: Reader): LoginStep[] {
    this.#expect("scram-first-sent");
    const message = decodeText(reader);
    const answer = this.#scram?.final(message) ?? "";
    this.#state = "scram-final-sent";
    return [encodePassword(Buffer.from(answer))];
  }

  #endScram(reader: Reader): LoginStep[] {
    this.#expect("scram-final-sent");
    this.#scram?.verify(decodeText(reader));
    this.#state = "scram-proved";
    return [];
  }

  #expect(state: State): void {
    if (this.#state !== state) throw new ProtocolError("the server's messages of authentication are out of order");
  }

  #allows(method: AuthMethod): boolean {
    return this.#options.requireAuth?.includes(method) ?? true;
  }

  #forbid(what: string): LoginStep {
    const allowed = this.#options.requireAuth?.join(",") ?? "";
    return this.#fail(`the server asks for ${what}, but the target's URL has require_auth=${allowed}`, "28000");
  }

  #failForPassword(): LoginStep {
    return this.#fail("the server asks for a password, and the target's URL has none", "28P01");
  }

  #failByServer(body: Uint8Array): LoginStep {
    const fields = decodeError(body);
    const code = fields.get("C") ?? "";
    const message = (fields.get("M") ?? "the server gave no reason").slice(0, ERROR_LENGTH_MAX);
    return this.#fail(message, /^[0-9A-Z]{5}$/.test(code) ? code : "");
  }

  #fail(why: string, code: string): LoginStep {
    this.#state = "done";
    this.#inbox = Buffer.alloc(0);
    const password = this.#options.password ?? "";
    // A server that repeats the password in its error must not get it into a log. Shorter ones would blot out plain words.
    return { kind: "failed", why: password.length < 4 ? why : why.replaceAll(password, "[password]"), code };
  }
}

interface Frame {
  readonly tag: string;
  readonly body: Uint8Array;
}

const METHODS = new Map([
  [1, "Kerberos V4"],
  [2, "Kerberos V5"],
  [6, "SCM credentials"],
  [7, "GSSAPI"],
  [8, "GSSAPI"],
  [9, "SSPI"],
]);

/** SSLRequest: length 8, code 1234 << 16 | 5679. */
function encodeSslRequest(): Uint8Array {
  return Uint8Array.of(0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f);
}

function encodeStartup(parameters: ReadonlyMap<string, string>): Uint8Array {
  const body = Buffer.from(`${[...parameters].map(([name, value]) => `${name}\0${value}\0`).join("")}\0`);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(8 + body.length, 0);
  head.writeUInt32BE(3 << 16, 4);
  return Buffer.concat([head, body]);
}

/** PasswordMessage, SASLInitialResponse and SASLResponse are all `p`. */
function encodePassword(body: Uint8Array): LoginStep {
  return { kind: "send", bytes: encodeFrame("p", body) };
}

function decodeText(reader: Reader): string {
  return Buffer.from(reader.bytes(reader.remaining)).toString("utf8");
}
