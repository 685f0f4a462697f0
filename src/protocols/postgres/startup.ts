import { ProtocolError } from "../../bytes/protocol-error.ts";
import { Reader } from "../../bytes/reader.ts";

// Reads the first packets of a client, which have no tag, and says which of its wishes reach the target.
// It answers nothing itself, but for NegotiateProtocolVersion.
//
// PostgreSQL chapter "Message Formats": SSLRequest, GSSENCRequest, CancelRequest, StartupMessage.
//   int32   length   counts itself
//   int32   code     major << 16 | minor, or 1234 << 16 | 5678..5680
//   ...     body     StartupMessage: name NUL value NUL ... NUL

/** Most bytes of such a packet, its length included: PostgreSQL's own MAX_STARTUP_PACKET_LENGTH. */
export const STARTUP_BYTES_MAX = 10_000;

const CANCEL = (1234 << 16) | 5678;
const SSL = (1234 << 16) | 5679;
const GSS = (1234 << 16) | 5680;

export type StartupPacket =
  | { readonly kind: "ssl" }
  | { readonly kind: "gss" }
  /** `key` is the process id and the secret as the client was given them, in lower-case hex. */
  | { readonly kind: "cancel"; readonly key: string }
  | {
      readonly kind: "startup";
      /** Of protocol 3. */
      readonly minor: number;
      readonly parameters: ReadonlyMap<string, string>;
      /** Names that begin with `_pq_.`: protocol options, none of which is supported. */
      readonly options: readonly string[];
    };

/** Reads one whole packet, its length field included. Throws ProtocolError where it is not exactly one. */
export function readStartup(packet: Uint8Array): StartupPacket {
  if (packet.length > STARTUP_BYTES_MAX) throw new ProtocolError(`startup packet of ${packet.length} bytes`);
  const reader = new Reader(packet);
  if (reader.uint32() !== packet.length) throw new ProtocolError("startup packet's length is not its own");
  const code = reader.uint32();
  const body = reader.bytes(reader.remaining);
  if (code === SSL || code === GSS) {
    if (body.length > 0) throw new ProtocolError("bytes inside a request for encryption");
    return { kind: code === SSL ? "ssl" : "gss" };
  }
  if (code === CANCEL) {
    // Four bytes of process id, then 4 (protocol 3.0) to 256 (3.2) bytes of secret.
    if (body.length < 8 || body.length > 260) throw new ProtocolError(`cancel key of ${body.length} bytes`);
    return { kind: "cancel", key: Buffer.from(body).toString("hex") };
  }
  const major = code >>> 16;
  if (major !== 3) throw new ProtocolError(`protocol version ${major} is not supported; only version 3 is`);
  return { kind: "startup", minor: code & 0xffff, ...readParameters(body) };
}

function readParameters(body: Uint8Array): { parameters: Map<string, string>; options: string[] } {
  const parts = decodeUtf8(body).split("\0");
  // The last pair's NUL and the packet's own leave two empty strings at the end.
  if (parts.length % 2 !== 0 || parts.at(-1) !== "" || parts.at(-2) !== "") {
    throw new ProtocolError("startup packet is not terminated");
  }
  const parameters = new Map<string, string>();
  const options: string[] = [];
  for (let index = 0; index + 2 < parts.length; index += 2) {
    const name = parts[index] ?? "";
    if (name === "") throw new ProtocolError("startup packet goes on behind its terminator");
    if (parameters.has(name) || options.includes(name)) throw new ProtocolError("startup parameter is there twice");
    if (name.startsWith("_pq_.")) options.push(name);
    else parameters.set(name, parts[index + 1] ?? "");
  }
  return { parameters, options };
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new ProtocolError("startup packet is not UTF-8", { cause });
  }
}

/** NegotiateProtocolVersion: the newest minor version of 3 that we speak, and the options that we do not know. */
export function encodeNegotiateProtocolVersion(minor: number, options: readonly string[]): Uint8Array {
  const names = Buffer.from(options.map((each) => `${each}\0`).join(""));
  const head = Buffer.alloc(13);
  head.write("v", "latin1");
  head.writeUInt32BE(12 + names.length, 1);
  // The documentation says "minor version"; servers send, and libpq reads, the whole number.
  head.writeUInt32BE((3 << 16) | minor, 5);
  head.writeUInt32BE(options.length, 9);
  return Buffer.concat([head, names]);
}

/** What the target allows a client to be. */
export interface Identity {
  readonly user: string;
  readonly database: string;
}

export type StartupCheck =
  /** Settings for the target's own startup packet, under PostgreSQL's spelling; user, database, encoding are not in it. */
  { readonly kind: "accepted"; readonly startup: ReadonlyMap<string, string> } | Refusal;

export interface Refusal {
  readonly kind: "refused";
  /** The parameter at fault. */
  readonly name: string;
  readonly message: string;
  readonly hint: string;
  /** SQLSTATE. */
  readonly code: string;
}

// Settings that change neither how text is read, nor who is asking, nor what a name means. Whatever is not here is refused.
const SETTINGS = new Map(
  [
    "application_name",
    "DateStyle",
    "IntervalStyle",
    "TimeZone",
    "extra_float_digits",
    "statement_timeout",
    "lock_timeout",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "transaction_timeout",
    "geqo",
    "bytea_output",
    "client_min_messages",
    "default_transaction_isolation",
    "default_transaction_read_only",
    "client_encoding",
  ].map((name) => [name.toLowerCase(), name]),
);

const HINTS = new Map([
  ["replication", "A stream of changes is not made of commands; connect for replication without the gateway."],
  ["role", "Name another role in the target's URL."],
  ["session_authorization", "Name another role in the target's URL."],
  ["search_path", "Write names with their schema, or have the operator set it in the target's URL."],
  ["standard_conforming_strings", "Leave it on: the gateway reads strings as the SQL standard does."],
  ["backslash_quote", "Leave it at its default: the gateway reads strings as the SQL standard does."],
]);

const REMOVE = "Remove it from the connection's parameters and from PGOPTIONS.";

/** Judges a client's parameters by a list of harmless ones. Never throws. */
export function checkStartup(parameters: ReadonlyMap<string, string>, identity: Identity): StartupCheck {
  const user = parameters.get("user") ?? "";
  if (user !== identity.user) {
    return refuse("user", `user "${user}" cannot use this target`, {
      hint: `Connect as user "${identity.user}".`,
      code: "28000",
    });
  }
  const database = parameters.get("database") ?? identity.database;
  if (database !== identity.database) {
    return refuse("database", `database "${database}" is not behind this target`, {
      hint: `Connect to database "${identity.database}".`,
      code: "3D000",
    });
  }

  const startup = new Map<string, string>();
  const asked = readOptions(parameters.get("options") ?? "");
  if ("kind" in asked) return asked;
  const own = [...parameters].filter(([name]) => !["user", "database", "options"].includes(name));
  const twice = firstTwice(own.map(([name]) => name.toLowerCase()));
  if (twice !== undefined) return refuse(twice, `parameter "${twice}" is there twice`, { hint: REMOVE, code: "22023" });
  // As in PostgreSQL: within `options` the last one wins, and a parameter of its own wins over `options`.
  for (const [name, value] of [...asked, ...own]) {
    const checked = checkSetting(name, value);
    if ("kind" in checked) return checked;
    if (checked.name !== "client_encoding") startup.set(checked.name, checked.value);
  }
  return { kind: "accepted", startup };
}

interface Setting {
  readonly name: string;
  readonly value: string;
}

function checkSetting(given: string, value: string): Setting | Refusal {
  const lower = given.toLowerCase();
  const name = SETTINGS.get(lower);
  if (name === undefined) {
    return refuse(given, `parameter "${given}" cannot be set through the gateway`, {
      hint: HINTS.get(lower) ?? REMOVE,
      code: "42501",
    });
  }
  if (name === "client_encoding" && !isUtf8(value)) {
    return refuse(given, "client_encoding must be UTF8", {
      hint: "Set PGCLIENTENCODING=UTF8: the gateway reads commands as UTF-8 only.",
      code: "22023",
    });
  }
  if (name === "default_transaction_read_only" && !/^(?:on|true|yes|1)$/i.test(value)) {
    return refuse(given, "default_transaction_read_only can only be turned on", { hint: REMOVE, code: "42501" });
  }
  return { name, value };
}

/** PostgreSQL ignores all but letters and digits in the name of an encoding; asyncpg sends it in quotes. */
function isUtf8(value: string): boolean {
  return ["utf8", "unicode"].includes(value.toLowerCase().replace(/[^a-z0-9]/g, ""));
}

/**
 * Reads the parameter `options` as the server does (pg_split_opts, then getopt): words parted by white space, a backslash
 * takes the next character as it is; then `-c name=value`, `-cname=value` or `--name=value`, where a dash in a name is an
 * underscore. Any other switch is refused.
 */
export function readOptions(options: string): readonly (readonly [string, string])[] | Refusal {
  const settings: (readonly [string, string])[] = [];
  const words = splitOptions(options);
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] ?? "";
    let text: string;
    if (word.startsWith("--") && word.length > 2) {
      text = word.slice(2);
    } else if (word === "-c") {
      index += 1;
      text = words[index] ?? "";
    } else if (word.startsWith("-c")) {
      text = word.slice(2);
    } else {
      return refuse("options", `options: "${word}" cannot be set through the gateway`, {
        hint: "Only -c name=value and --name=value are understood.",
        code: "42501",
      });
    }
    const [, name, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
    if (name === undefined || value === undefined) {
      return refuse("options", `options: "${word}" needs a name and a value`, {
        hint: "Write -c name=value.",
        code: "42601",
      });
    }
    settings.push([name.replaceAll("-", "_"), value]);
  }
  return settings;
}

/** pg_split_opts: white space is isspace() of the C locale, and a backslash at the very end is dropped. */
function splitOptions(options: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  for (let index = 0; index < options.length; index += 1) {
    const character = options.charAt(index);
    if (/[ \t\n\v\f\r]/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (character === "\\") {
      index += 1;
      word = `${word ?? ""}${options.charAt(index)}`;
    } else {
      word = `${word ?? ""}${character}`;
    }
  }
  if (word !== undefined) words.push(word);
  return words;
}

function refuse(name: string, message: string, { hint, code }: { hint: string; code: string }): Refusal {
  return { kind: "refused", name, message, hint, code };
}

function firstTwice(names: readonly string[]): string | undefined {
  return names.find((name, index) => names.indexOf(name) !== index);
}
