import type { Inbox } from "../../bytes/inbox.ts";
import { ProtocolError } from "../../bytes/protocol-error.ts";
import { Reader } from "../../bytes/reader.ts";
import type { Opening, Step } from "../protocol.ts";
import {
  type Mechanism,
  NONCE_BYTES,
  SCRAM,
  type ScramExchange,
  type ScramVerifier,
  scramMechanisms,
  scramServerFinal,
  scramServerFirst,
} from "./scram.ts";
import { checkStartup, encodeNegotiateProtocolVersion, readStartup, STARTUP_BYTES_MAX } from "./startup.ts";
import { encodeError, encodeFrame, HEADER } from "./wire.ts";

// What lies between a client's first byte and its being known: encryption, start-up packet, password. It ends with the
// step `dial`; not a byte has gone to the target by then.

/** First byte of a TLS handshake record: direct negotiation, PostgreSQL 17 and later. */
const TLS_HANDSHAKE = 0x16;

/** A SASL message; PostgreSQL's own limit for one is 1024 (PG_MAX_SASL_MESSAGE_LENGTH). */
const SASL_MAX = 1024 + 64;

/** Newest minor version of protocol 3 that is served; 3.1 was never used. */
const MINOR = 2;

export interface LoginFacts {
  readonly user: string;
  readonly database: string;
  readonly application: string;
  /** Hex of the process id and secret that the client may cancel with. */
  readonly cancelKey: string;
}

export class Entrance {
  readonly #opening: Opening;
  readonly #verifier: ScramVerifier;
  #state: "first" | "securing" | "mechanism" | "proof" | "done" = "first";
  #encrypted = false;
  #mechanism: Mechanism = SCRAM;
  #exchange: ScramExchange | undefined;
  #startup: ReadonlyMap<string, string> = new Map();
  #login: LoginFacts = { user: "", database: "", application: "", cancelKey: "" };

  constructor(opening: Opening, verifier: ScramVerifier) {
    this.#opening = opening;
    this.#verifier = verifier;
  }

  get login(): LoginFacts {
    return this.#login;
  }

  secured(): void {
    this.#encrypted = true;
    this.#state = "first";
  }

  /** Reads what has come. Throws ProtocolError on anything that is not a PostgreSQL client's opening. */
  take(inbox: Inbox): readonly Step[] {
    const steps: Step[] = [];
    while (this.#state !== "done" && this.#state !== "securing") {
      const before = inbox.length;
      if (this.#state === "first") this.#packet(inbox, steps);
      else this.#password(inbox, steps);
      if (inbox.length === before || steps.at(-1)?.kind === "close") break;
    }
    return steps;
  }

  #packet(inbox: Inbox, steps: Step[]): void {
    const first = inbox.peek(1);
    if (first === undefined) return;
    if (first[inbox.offset] === TLS_HANDSHAKE && !this.#encrypted) {
      const unread = Buffer.from(first.subarray(inbox.offset));
      inbox.skip(unread.length);
      this.#state = "securing";
      steps.push({ kind: "secure", side: "client", unread });
      return;
    }
    const head = inbox.peek(4);
    if (head === undefined) return;
    const length = head.readUInt32BE(inbox.offset);
    if (length < 8 || length > STARTUP_BYTES_MAX) throw new ProtocolError(`startup packet of ${length} bytes`);
    const view = inbox.peek(length);
    if (view === undefined) return;
    const packet = readStartup(view.subarray(inbox.offset, inbox.offset + length));
    inbox.skip(length);
    switch (packet.kind) {
      case "gss":
      case "ssl":
        // Bytes behind the request came before any encryption: taking them for encrypted ones would be CVE-2021-23214.
        if (inbox.length > 0) throw new ProtocolError("bytes behind a request for encryption");
        if (this.#encrypted) throw new ProtocolError("a request for encryption inside encryption");
        steps.push({ kind: "send", to: "client", bytes: Buffer.from(packet.kind === "ssl" ? "S" : "N") });
        if (packet.kind === "gss") return;
        this.#state = "securing";
        steps.push({ kind: "secure", side: "client", unread: new Uint8Array(0) });
        return;
      case "cancel":
        steps.push({ kind: "cancel", key: packet.key }, { kind: "close", why: "cancel request" });
        this.#state = "done";
        return;
      case "startup":
        this.#begin(packet.minor, packet.parameters, packet.options, steps);
    }
  }

  #begin(minor: number, parameters: ReadonlyMap<string, string>, options: readonly string[], steps: Step[]): void {
    if (minor > MINOR || options.length > 0) {
      const bytes = encodeNegotiateProtocolVersion(Math.min(minor, MINOR), options);
      steps.push({ kind: "send", to: "client", bytes });
    }
    const checked = checkStartup(parameters, this.#opening);
    if (checked.kind === "refused") {
      const { code, message, hint } = checked;
      steps.push(
        { kind: "send", to: "client", bytes: encodeError({ severity: "FATAL", code, message, hint }) },
        { kind: "close", why: message },
      );
      this.#state = "done";
      return;
    }
    this.#startup = checked.startup;
    this.#login = {
      user: this.#opening.user,
      database: this.#opening.database,
      application: parameters.get("application_name") ?? "",
      // Protocol 3.2 has longer keys; 3.0 has room for four bytes of secret.
      cancelKey: this.#cancelKey(minor >= 2 ? 32 : 4),
    };
    this.#state = "mechanism";
    const names = this.#mechanisms().map((each) => `${each}\0`);
    steps.push({ kind: "send", to: "client", bytes: encodeAuthentication(10, Buffer.from(`${names.join("")}\0`)) });
  }

  #cancelKey(secretBytes: number): string {
    const key = Buffer.from(this.#opening.random(4 + secretBytes));
    // A process id is a positive int32; psql prints it.
    key.writeUInt32BE(key.readUInt32BE(0) & 0x7fffffff, 0);
    return key.toString("hex");
  }

  #mechanisms(): readonly Mechanism[] {
    return scramMechanisms(this.#certificateHash());
  }

  #certificateHash(): Uint8Array {
    return this.#encrypted ? this.#opening.certificateHash : new Uint8Array(0);
  }

  #password(inbox: Inbox, steps: Step[]): void {
    const head = inbox.peek(HEADER);
    if (head === undefined) return;
    const type = head[inbox.offset];
    const length = head.readUInt32BE(inbox.offset + 1);
    if (type === 0x58) {
      steps.push({ kind: "close", why: "client left" });
      inbox.skip(HEADER);
      return;
    }
    if (type !== 0x70 || length < 4 || length > SASL_MAX) throw new ProtocolError("expected a SASL message");
    const view = inbox.peek(length + 1);
    if (view === undefined) return;
    const body = Buffer.from(view.subarray(inbox.offset + HEADER, inbox.offset + length + 1));
    inbox.skip(length + 1);
    if (this.#state === "mechanism") this.#first(body, steps);
    else this.#final(body, steps);
  }

  /** SASLInitialResponse: the mechanism's name, then the first message with its length. */
  #first(body: Buffer, steps: Step[]): void {
    const reader = new Reader(body);
    const name = reader.cstring();
    const mechanism = this.#mechanisms().find((each) => each === name);
    if (mechanism === undefined) throw new ProtocolError("the client chose a mechanism that was not offered");
    const text = reader.bytes(reader.int32()).toString("utf8");
    reader.finish();
    this.#mechanism = mechanism;
    const { message, exchange } = scramServerFirst(this.#verifier, text, {
      mechanism: this.#mechanism,
      certificateHash: this.#certificateHash(),
      nonce: this.#opening.random(NONCE_BYTES),
    });
    this.#exchange = exchange;
    this.#state = "proof";
    steps.push({ kind: "send", to: "client", bytes: encodeAuthentication(11, Buffer.from(message)) });
  }

  #final(body: Buffer, steps: Step[]): void {
    if (this.#exchange === undefined) throw new ProtocolError("a proof before an exchange");
    const result = scramServerFinal(this.#exchange, body.toString("utf8"));
    this.#state = "done";
    if (result.kind === "wrong") {
      const message = `password authentication failed for user "${this.#opening.user}"`;
      const hint = "Use the password that this session gave to the job, not the target's own.";
      steps.push(
        { kind: "send", to: "client", bytes: encodeError({ severity: "FATAL", code: "28P01", message, hint }) },
        { kind: "close", why: message },
      );
      return;
    }
    steps.push(
      { kind: "send", to: "client", bytes: encodeAuthentication(12, Buffer.from(result.message)) },
      { kind: "dial", startup: this.#startup },
    );
  }
}

/** AuthenticationOk and its kin ('R'): a code, and what belongs to it. */
export function encodeAuthentication(code: number, rest: Uint8Array): Buffer {
  const body = Buffer.alloc(4 + rest.length);
  body.writeUInt32BE(code, 0);
  body.set(rest, 4);
  return encodeFrame("R", body);
}
