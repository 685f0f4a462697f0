import { readOptions } from "./startup.ts";
import { pick, readParameters, split, TargetError } from "./target-url.ts";

// Reads the URL of a target as libpq does, but strictly: what is not understood is an error that says what to write.
// It opens no file and resolves no name.
//
// libpq chapter "Connection Strings", 34.1.1.2 Connection URIs:
//   postgresql://user:password@host1:port1,host2:port2/database?name=value&...

/** Most hosts in one URL; each may take `connect_timeout`. */
const HOSTS_MAX = 16;
const TIMEOUT_SECONDS_DEFAULT = 10;
/** An hour; a job that waits longer is better told. */
const TIMEOUT_SECONDS_MAX = 3600;

type SslMode = "disable" | "allow" | "prefer" | "require" | "verify-ca" | "verify-full";
export type SessionAttributes = "any" | "read-write" | "read-only" | "primary" | "standby" | "prefer-standby";
export type AuthMethod = "none" | "password" | "md5" | "scram-sha-256";

const SSL_MODES: readonly SslMode[] = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];
const SESSION_ATTRIBUTES: readonly SessionAttributes[] = [
  "any",
  "read-write",
  "read-only",
  "primary",
  "standby",
  "prefer-standby",
];
const AUTH_METHODS: readonly AuthMethod[] = ["none", "password", "md5", "scram-sha-256"];

/** One place where the target may be. */
export type Host =
  | {
      readonly kind: "tcp";
      /** What the certificate must name; a DNS name or an IP address. */
      readonly name: string;
      /** What is connected to: `hostaddr` where it was given, otherwise the name. */
      readonly address: string;
      readonly port: number;
    }
  | { readonly kind: "socket"; readonly path: string };

export interface Tls {
  readonly mode: SslMode;
  /** Path of a PEM file, or `system`; undefined where the URL says nothing. */
  readonly rootCertificate: string | undefined;
  /** Paths of PEM files of the gateway's own certificate. */
  readonly own: { readonly certificate: string; readonly key: string } | undefined;
  /** `direct`: the handshake comes first, with ALPN `postgresql` (PostgreSQL 17). */
  readonly negotiation: "postgres" | "direct";
  /** Whether the name is sent in the clear in the handshake. */
  readonly sendsName: boolean;
}

interface TargetFields {
  readonly name: string;
  readonly hosts: readonly [Host, ...Host[]];
  readonly user: string;
  readonly database: string;
  readonly tls: Tls;
  /** For each host: connecting, TLS and the log-in together. */
  readonly connectTimeoutSeconds: number;
  readonly sessionAttributes: SessionAttributes;
  readonly requireAuth: readonly AuthMethod[] | undefined;
  readonly channelBinding: "prefer" | "require" | "disable";
  /** Settings for every connection, over whatever the client asks for. */
  readonly settings: ReadonlyMap<string, string>;
}

/**
 * A target of the protocol postgres.
 *
 * Law: no way of printing it shows the password; only `password()` gives it.
 */
export class Target implements TargetFields {
  readonly name: string;
  readonly hosts: readonly [Host, ...Host[]];
  readonly user: string;
  readonly database: string;
  readonly tls: Tls;
  readonly connectTimeoutSeconds: number;
  readonly sessionAttributes: SessionAttributes;
  readonly requireAuth: readonly AuthMethod[] | undefined;
  readonly channelBinding: "prefer" | "require" | "disable";
  readonly settings: ReadonlyMap<string, string>;
  readonly #password: string | undefined;

  constructor(fields: TargetFields, password: string | undefined) {
    this.name = fields.name;
    this.hosts = fields.hosts;
    this.user = fields.user;
    this.database = fields.database;
    this.tls = fields.tls;
    this.connectTimeoutSeconds = fields.connectTimeoutSeconds;
    this.sessionAttributes = fields.sessionAttributes;
    this.requireAuth = fields.requireAuth;
    this.channelBinding = fields.channelBinding;
    this.settings = fields.settings;
    this.#password = password;
  }

  /** For the log-in and the masker's list of known secrets. */
  password(): string | undefined {
    return this.#password;
  }

  toString(): string {
    return sanitised(this);
  }

  toJSON(): string {
    return sanitised(this);
  }
}

/** The target as a URL without its password, for messages. */
export function sanitised(target: Target): string {
  const hosts = target.hosts.map((host) => {
    if (host.kind === "socket") return encodeURIComponent(host.path.replace(/\/\.s\.PGSQL\.\d+$/, ""));
    return `${host.name.includes(":") ? `[${host.name}]` : host.name}:${host.port}`;
  });
  const [user, database] = [target.user, target.database].map(encodeURIComponent);
  return `postgresql://${user}@${hosts.join(",")}/${database}?sslmode=${target.tls.mode}`;
}

/**
 * Reads an operator's URL. Throws TargetError, whose message names the target and never repeats the user's part or a value.
 * Without `sslmode` it is `verify-full`, but for loopback and Unix sockets, where it is `prefer`.
 */
export function readTarget(name: string, url: string): Target {
  try {
    return read(name, url);
  } catch (error) {
    if (error instanceof TargetError) throw new TargetError(`target "${name}": ${error.message}`, { cause: error });
    throw error;
  }
}

function read(name: string, url: string): Target {
  const parts = split(url);
  const parameters = readParameters(parts.query);
  const once = (key: string, fromPath: string | undefined): string | undefined => {
    const given = parameters.get(key);
    if (given !== undefined && fromPath !== undefined) throw new TargetError(`${key} is there twice; write it once`);
    return given ?? fromPath;
  };
  const user = once("user", parts.user);
  if (user === undefined) throw new TargetError("name the user: postgresql://USER:PASSWORD@HOST/DATABASE");
  const password = once("password", parts.password);
  const hosts = readHosts({
    names: once("host", parts.hosts),
    ports: once("port", parts.ports),
    addresses: parameters.get("hostaddr"),
  });
  const tls = readTls(parameters, hosts);
  const channelBinding = pick(parameters, "channel_binding", ["prefer", "require", "disable"] as const) ?? "prefer";
  if (channelBinding === "require" && tls.mode === "disable") {
    throw new TargetError("channel_binding=require needs TLS; write sslmode=verify-full");
  }
  return new Target(
    {
      name,
      hosts,
      user,
      database: once("dbname", parts.database) ?? user,
      tls,
      connectTimeoutSeconds: readTimeout(parameters.get("connect_timeout")),
      sessionAttributes: pick(parameters, "target_session_attrs", SESSION_ATTRIBUTES) ?? "any",
      requireAuth: readRequireAuth(parameters.get("require_auth")),
      channelBinding,
      settings: readSettings(parameters),
    },
    password,
  );
}

interface HostLists {
  readonly names: string | undefined;
  readonly ports: string | undefined;
  readonly addresses: string | undefined;
}

function readHosts({ names, ports, addresses }: HostLists): [Host, ...Host[]] {
  const nameList = names?.split(",") ?? [];
  const addressList = addresses?.split(",") ?? [];
  const count = Math.max(nameList.length, addressList.length);
  if (count > HOSTS_MAX) throw new TargetError(`more than ${HOSTS_MAX} hosts`);
  if (addressList.length > 0 && nameList.length > 0 && addressList.length !== nameList.length) {
    throw new TargetError("hostaddr must name as many addresses as there are hosts");
  }
  const portList = ports?.split(",") ?? [];
  if (portList.length > 1 && portList.length !== count)
    throw new TargetError("there must be one port, or one for each host");
  const hosts = Array.from({ length: count }, (_, index): Host => {
    const port = readPort(portList.length === 1 ? portList[0] : portList[index]);
    const address = addressList[index] ?? "";
    const host = nameList[index] ?? "";
    if (host.startsWith("/")) return { kind: "socket", path: `${host}/.s.PGSQL.${port}` };
    if (host.startsWith("@")) throw new TargetError("abstract sockets are not supported; name the socket's directory");
    if (address !== "" && !/^(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)$/.test(address))
      throw new TargetError("hostaddr must be an IP address");
    if (!/^[^\s/[\]]*$/u.test(host)) throw new TargetError("a host must be a name, an address or a directory");
    if (host === "" && address === "") throw new TargetError("name the host: postgresql://USER:PASSWORD@HOST/DATABASE");
    return { kind: "tcp", name: host === "" ? address : host, address: address === "" ? host : address, port };
  });
  const [first, ...others] = hosts;
  if (first === undefined) throw new TargetError("name the host: postgresql://USER:PASSWORD@HOST/DATABASE");
  return [first, ...others];
}

function readPort(text: string | undefined): number {
  if (text === undefined || text === "") return 5432;
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) throw new TargetError("a port must be a number from 1 to 65535");
  return port;
}

function readTls(parameters: ReadonlyMap<string, string>, hosts: readonly Host[]): Tls {
  const rootCertificate = parameters.get("sslrootcert");
  const ssl = pick(parameters, "ssl", ["true"] as const);
  if (ssl !== undefined && parameters.has("sslmode")) throw new TargetError("write sslmode, and leave ssl out");
  const asked = pick(parameters, "sslmode", SSL_MODES);
  const local = rootCertificate === undefined && hosts.every(isLocal);
  const mode = asked ?? (ssl === undefined && local ? "prefer" : "verify-full");
  if (rootCertificate === "system" && mode !== "verify-full") {
    // As libpq: anybody can have a certificate of a public authority, so only the name makes it worth something.
    throw new TargetError("sslrootcert=system needs sslmode=verify-full");
  }
  const [certificate, key] = [parameters.get("sslcert"), parameters.get("sslkey")];
  if ((certificate === undefined) !== (key === undefined)) throw new TargetError("sslcert and sslkey go together");
  const negotiation = pick(parameters, "sslnegotiation", ["postgres", "direct"] as const) ?? "postgres";
  if (negotiation === "direct" && !["require", "verify-ca", "verify-full"].includes(mode)) {
    throw new TargetError("sslnegotiation=direct needs sslmode=require, verify-ca or verify-full");
  }
  return {
    mode,
    rootCertificate,
    own: certificate === undefined || key === undefined ? undefined : { certificate, key },
    negotiation,
    sendsName: pick(parameters, "sslsni", ["0", "1"] as const) !== "0",
  };
}

/** True where the bytes do not leave this machine. A name other than localhost may resolve to anything. */
export function isLocal(host: Host): boolean {
  return host.kind === "socket" || /^(?:localhost|127(?:\.\d{1,3}){3}|::1)$/i.test(host.address);
}

function readTimeout(text: string | undefined): number {
  if (text === undefined) return TIMEOUT_SECONDS_DEFAULT;
  const seconds = /^[0-9]{1,5}$/.test(text) ? Number(text) : 0;
  if (seconds < 1 || seconds > TIMEOUT_SECONDS_MAX) {
    throw new TargetError(`connect_timeout must be seconds from 1 to ${TIMEOUT_SECONDS_MAX}`);
  }
  return seconds;
}

/** libpq: a list of methods of which one must be used, or, with ! before each, of methods of which none may be. */
function readRequireAuth(text: string | undefined): readonly AuthMethod[] | undefined {
  if (text === undefined) return undefined;
  const words = text.split(",").map((each) => each.trim());
  const negative = words.every((each) => each.startsWith("!"));
  const named = words.map((each) => (negative ? each.slice(1) : each));
  const known: readonly string[] = [...AUTH_METHODS, "gss", "sspi"];
  if (!named.every((each) => known.includes(each)) || new Set(named).size !== named.length) {
    throw new TargetError(`require_auth must list some of ${AUTH_METHODS.join(", ")}, all with ! or all without`);
  }
  const allowed = AUTH_METHODS.filter((each) => named.includes(each) !== negative);
  if (allowed.length === 0) throw new TargetError("require_auth leaves no method that is supported; use scram-sha-256");
  return allowed;
}

function readSettings(parameters: ReadonlyMap<string, string>): Map<string, string> {
  const settings = new Map<string, string>();
  const asked = readOptions(parameters.get("options") ?? "");
  if ("kind" in asked) throw new TargetError(`${asked.name} is not understood; ${asked.hint}`);
  for (const [name, value] of asked) {
    const lower = name.toLowerCase();
    if (RESERVED.has(lower)) throw new TargetError(`options cannot set ${lower}: the gateway's reading depends on it`);
    // With pg_catalog named, what stands before it could give a harmless function's name another meaning.
    if (lower === "search_path" && /pg_catalog/i.test(value)) {
      throw new TargetError("search_path in options cannot name pg_catalog; it is first by itself");
    }
    settings.set(lower, value);
  }
  const application = parameters.get("application_name");
  if (application !== undefined) settings.set("application_name", application);
  return settings;
}

/** Settings that change how text is read or that belong to the startup packet itself. */
const RESERVED = new Set([
  "user",
  "database",
  "replication",
  "options",
  "client_encoding",
  "standard_conforming_strings",
  "backslash_quote",
  "escape_string_warning",
]);
