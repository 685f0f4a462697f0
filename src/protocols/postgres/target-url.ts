// Takes a target's URL apart into its pieces, percent-decoded. It gives them no meaning; `target.ts` does.
//
// No error repeats a value: where a password holds a delimiter that was not encoded, any piece may be part of it.

/** Longest URL that is read, characters. */
const URL_LENGTH_MAX = 8192;
/** The operator's URL is wrong. The message says which part and what to write, and repeats no value of it. */
export class TargetError extends Error {
  override readonly name = "TargetError";
}

export interface Parts {
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly hosts: string | undefined;
  readonly ports: string | undefined;
  readonly database: string | undefined;
  readonly query: string;
}

/** Throws TargetError where the URL is not one. The empty string counts as not given, as in libpq. */
export function split(url: string): Parts {
  if (url.length > URL_LENGTH_MAX) throw new TargetError(`the URL is longer than ${URL_LENGTH_MAX} characters`);
  const rest = /^postgres(?:ql)?:\/\/(.*)$/su.exec(url)?.[1];
  if (rest === undefined) throw new TargetError("the URL must begin with postgresql:// or postgres://");
  // A password with a delimiter in it would make one of its pieces a host or a parameter, and an error could show it.
  const [, credentials, place] = /^(?:([^@/?]*)@)?(.*)$/su.exec(rest) ?? [];
  if (place === undefined || /[@#\s]/u.test(rest.slice(rest.length - place.length))) {
    throw new TargetError(
      "the URL has a delimiter where it cannot be; in a user, password or value write @ as %40, : as %3A, / as %2F, " +
        "? as %3F, # as %23, % as %25 and a space as %20",
    );
  }
  const [, authority = "", path, query = ""] = /^([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/su.exec(place) ?? [];
  const [, user, password] = /^([^:]*)(?::(.*))?$/su.exec(credentials ?? "") ?? [];
  return {
    user: decode("the user", user),
    password: decode("the password", password),
    ...splitAuthority(authority),
    database: decode("the database", path),
    query,
  };
}

function splitAuthority(authority: string): { hosts: string | undefined; ports: string | undefined } {
  if (authority === "") return { hosts: undefined, ports: undefined };
  const hosts: string[] = [];
  const ports: string[] = [];
  for (const each of authority.split(",")) {
    const [, bracketed, plain, port] = /^(?:\[([0-9A-Fa-f:.%]+)\]|([^:[\]]*))(?::([0-9]*))?$/.exec(each) ?? [];
    const host = bracketed ?? plain;
    if (host === undefined) {
      throw new TargetError("a host must be NAME, NAME:PORT or [IPv6]:PORT; special characters go as %XX");
    }
    hosts.push(decode("a host", host) ?? "");
    ports.push(port ?? "");
  }
  return { hosts: hosts.join(","), ports: ports.some((each) => each !== "") ? ports.join(",") : undefined };
}

/** Percent-decoding; a plus is a plus. The empty string counts as not given, as in libpq. */
function decode(what: string, text: string | undefined): string | undefined {
  if (text === undefined || text === "") return undefined;
  try {
    const decoded = decodeURIComponent(text);
    if (!decoded.includes("\0")) return decoded;
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
  }
  throw new TargetError(`${what} is not well percent-encoded; write % as %25`);
}

const KNOWN = new Set([
  "user",
  "password",
  "host",
  "hostaddr",
  "port",
  "dbname",
  "sslmode",
  "ssl",
  "sslrootcert",
  "sslcert",
  "sslkey",
  "sslnegotiation",
  "sslsni",
  "connect_timeout",
  "target_session_attrs",
  "require_auth",
  "channel_binding",
  "application_name",
  "options",
  "client_encoding",
  "gssencmode",
  "load_balance_hosts",
]);

/** The parameters by name. Throws TargetError for an unknown one, one that is there twice, and bad encoding. */
export function readParameters(query: string): Map<string, string> {
  const parameters = new Map<string, string>();
  const unknown: string[] = [];
  for (const pair of query === "" ? [] : query.split("&")) {
    const [, rawName, rawValue] = /^([^=]*)=([^=]*)$/su.exec(pair) ?? [];
    const key = decode("a parameter's name", rawName);
    if (key === undefined || rawValue === undefined) {
      throw new TargetError("the part behind ? must be name=value&name=value; in a value write = as %3D and & as %26");
    }
    if (parameters.has(key)) throw new TargetError(`a parameter is there twice; write it once`);
    const value = decode("a parameter's value", rawValue);
    if (!KNOWN.has(key)) unknown.push(key);
    else if (value !== undefined) parameters.set(key, value);
  }
  // Only what looks like a name is shown: anything else may be a piece of a password that was not encoded.
  const shown = unknown.map((each) => (/^[a-z_]{2,40}$/i.test(each) ? each : "(unreadable)"));
  if (unknown.length > 0) {
    throw new TargetError(`unknown parameter ${shown.join(", ")}; remove it. Known: ${[...KNOWN].join(", ")}`);
  }
  refuseUnless(parameters, "gssencmode", ["disable", "prefer"]);
  refuseUnless(parameters, "load_balance_hosts", ["disable"]);
  refuseUnless(parameters, "client_encoding", ["UTF8", "utf8", "UTF-8", "utf-8"]);
  return parameters;
}

/** The parameter's value if it is one of these, undefined if it is absent. Throws TargetError otherwise. */
export function pick<Value extends string>(
  parameters: ReadonlyMap<string, string>,
  key: string,
  values: readonly Value[],
): Value | undefined {
  const given = parameters.get(key);
  if (given === undefined) return undefined;
  const found = values.find((each) => each === given);
  if (found === undefined) throw new TargetError(`${key} must be one of ${values.join(", ")}`);
  return found;
}

function refuseUnless(parameters: ReadonlyMap<string, string>, key: string, values: readonly string[]): void {
  pick(parameters, key, values);
}
