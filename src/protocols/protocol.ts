import type { Command, CommandId, ResultColumn } from "../model/command.ts";
import type { Ruling } from "../model/decision.ts";

export type Side = "client" | "server";

/** What a conversation wants done. It never does anything itself. */
export type Step =
  | { readonly kind: "send"; readonly to: Side; readonly bytes: Uint8Array }
  /** Everything behind this command is held until `settle`. */
  | { readonly kind: "ask"; readonly command: Command }
  /** End TLS on the client's side; `unread` are bytes of the handshake that had been received already. */
  | { readonly kind: "secure"; readonly side: "client"; readonly unread: Uint8Array }
  /** The client has proved who it is: connect to the target and log in, then hand the server's bytes to `receive`. */
  | { readonly kind: "dial"; readonly startup: ReadonlyMap<string, string> }
  /** Another connection's running or held command should stop. `key` is what that connection's client was given. */
  | { readonly kind: "cancel"; readonly key: string }
  /** A fact for the journal that needs no ruling. */
  | { readonly kind: "note"; readonly note: Note }
  /** Send what is queued, then close both sides. */
  | { readonly kind: "close"; readonly why: string };

export type Note = Opened | Returned;

/** The client logged in and the target is ready. */
export interface Opened {
  readonly type: "opened";
  readonly user: string;
  readonly database: string;
  /** What the client calls itself. Unmasked. */
  readonly application: string;
  /** What this client was given to cancel with, as `cancel` steps name it. */
  readonly cancelKey: string;
  /** What cancels this connection's command at the target; empty when the target gave nothing. */
  readonly serverKey: Uint8Array;
}

/** An execution of a command ended, or will never happen. */
export interface Returned {
  readonly type: "returned";
  readonly id: CommandId;
  /** Which execution of this command, from 1. */
  readonly execution: number;
  readonly outcome: "completed" | "error" | "suspended" | "bound" | "skipped" | "unknown";
  /** SQLSTATE or the protocol's own code; empty when it went well. */
  readonly code: string;
  /** The protocol's own words for the end: `DELETE 3`, or the error's fields. Unmasked. */
  readonly summary: readonly string[];
  readonly rows: number;
  /** Bytes of the target's answer, as received. */
  readonly bytes: number;
  /** base64url(SHA-256(key || those bytes)), where `key` is 16 bytes from `Opening.random`. */
  readonly digest: string;
  readonly key: Uint8Array;
  /** One entry per result set: its columns and its first rows, values decoded to text. Unmasked. */
  readonly results: readonly ResultSet[];
  /** True where `results` holds fewer rows or shorter values than came. */
  readonly truncated: boolean;
  /** Bytes the client streamed after the command (COPY), and base64url(SHA-256(key || those bytes)); empty for none. */
  readonly copiedBytes: number;
  readonly copiedDigest: string;
}

export interface ResultSet {
  /** The same array object for every execution of one prepared statement. */
  readonly columns: readonly ResultColumn[];
  readonly rows: readonly (readonly (string | null)[])[];
}

/** What a connection is told before its first byte. */
export interface Opening {
  /** The connection's number in its session, from 1. */
  readonly connection: number;
  /** The user and the database that the target's own log-in uses; the only ones a client may ask for. */
  readonly user: string;
  readonly database: string;
  /** What the client must prove that it knows: made for this session. */
  readonly password: string;
  /** DER certificates' hash for channel binding (RFC 5929 tls-server-end-point) once the client's side is encrypted. */
  readonly certificateHash: Uint8Array;
  /** Chance is an argument. Returns `count` unguessable bytes. */
  readonly random: (count: number) => Uint8Array;
  /** Most bytes of one response whose values are kept for the record. */
  readonly recordBytesMax: number;
}

/**
 * One connection's worth of protocol, with no sockets, clocks or promises in it.
 *
 * Law: a byte that belongs to a command appears in a `send` to the server only after `settle` released that command.
 * `test/protocols/laws.ts` checks it for every protocol, under every way of cutting the stream into chunks.
 */
export interface Conversation {
  begin(): readonly Step[];
  receive(from: Side, chunk: Uint8Array): readonly Step[];
  settle(id: CommandId, ruling: Ruling): readonly Step[];
  /** Tells the client, in its own protocol, that the command it waits for is held. Any text; shown as it stands. */
  tell(message: string): readonly Step[];
  /** The client's side is encrypted now. */
  secured(): readonly Step[];
  /** The target could not be reached or refused the log-in; the client is told and the connection closes. */
  unreachable(message: string): readonly Step[];
  /** One side hung up. Gives back notes for whatever was under way, so nothing is lost in silence. */
  end(from: Side): readonly Step[];
  /** True while the next bytes of that side would only be queued: the carrier stops reading it. */
  wants(from: Side): boolean;
}

/** The gateway's own log-in to a target, driven by whoever dialled it. Pure like `Conversation`. */
export interface Login {
  begin(): readonly LoginStep[];
  receive(chunk: Uint8Array): readonly LoginStep[];
  /**
   * The handshake that a `secure` step asked for is done. `certificateHash` is the hash of the server's certificate for
   * channel binding (RFC 5929 tls-server-end-point), empty where it has none.
   */
  secured(certificateHash: Uint8Array): readonly LoginStep[];
}

export type LoginStep =
  | { readonly kind: "send"; readonly bytes: Uint8Array }
  /** The server agreed to TLS: do the handshake, then call `secured`. */
  | { readonly kind: "secure" }
  /** Logged in. `rest` are the server's bytes behind the last one that the log-in used. */
  | { readonly kind: "ready"; readonly rest: Uint8Array }
  | { readonly kind: "failed"; readonly why: string; readonly code: string };

/** Which of policy's controls a protocol enforces. Policy that asks for another stops start-up. */
export interface Controls {
  readonly recordCommand: boolean;
  readonly recordResponse: boolean;
  readonly maskRecord: boolean;
  readonly maskDelivery: boolean;
  readonly hold: boolean;
  readonly deny: boolean;
  readonly rewrite: boolean;
  readonly guard: boolean;
}

/** A command that has not come yet, and so has no number. */
export type Foreseen = Omit<Command, "id">;

/** What a text will come as, or why that cannot be told, in a sentence. */
export type Foresight =
  | { readonly kind: "commands"; readonly commands: readonly Foreseen[] }
  | { readonly kind: "unreadable"; readonly why: string };

/** The door of a protocol folder: everything the gateway may know about it. */
export interface Protocol {
  readonly name: string;
  readonly controls: Controls;
  open(opening: Opening): Conversation;
  /**
   * What will come when a client runs this text, in order: `file` as the protocol's own client sends a file, `whole` as one
   * command. Nothing is promised by it: what comes otherwise is another command.
   */
  foresee(text: string, how: "file" | "whole"): Foresight;
}
