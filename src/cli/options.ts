import { readFileSync } from "node:fs";
import { AppUrlError, readAppUrl } from "../gateway/app-desk/app-url.ts";

// Reads what was said on the command line of `countersign run`. Errors say what would be right.

export class UsageError extends Error {
  override readonly name = "UsageError";
}

export interface RunOptions {
  /** Where it is on this machine; with an App the policy is that of the default branch, and this is empty. */
  readonly policy: string;
  /** Undefined without `--app`. `key`: its pinned vkey. */
  readonly app: { readonly url: string; readonly key: string | undefined } | undefined;
  /** Name and URL, in the order given. */
  readonly targets: readonly { readonly name: string; readonly url: string }[];
  readonly ledger: string;
  /** Variable of the job's to target. */
  readonly env: ReadonlyMap<string, string>;
  /** Variables that held a password; the job does not get them. */
  readonly secretVariables: readonly string[];
  readonly state: string;
  readonly pagePort: number;
  readonly terminal: boolean;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly command: readonly [string, ...string[]];
}

const VALUED = new Set([
  "--app",
  "--app-key",
  "--env",
  "--ledger",
  "--page-port",
  "--password",
  "--policy",
  "--state",
  "--target",
]);

/** What the App does, or knows better. */
const NOT_WITH_APP: readonly (readonly [string, string])[] = [
  ["--policy", "the policy is the one of the repository's default branch, and the App says which that is"],
  ["--ledger", "the App keeps the evidence in the repository's branch"],
  ["--page-port", "people answer on GitHub, and there is no page"],
];

/** What `--target NAME=app` asks for: that the App gives the credential. */
export const FROM_APP = "app";

/** Reads the arguments behind `run`. Throws UsageError. */
export function readRunOptions(
  args: readonly string[],
  { env, stateDir }: { readonly env: Readonly<Record<string, string | undefined>>; readonly stateDir: string },
): RunOptions {
  const end = args.indexOf("--");
  if (end === -1)
    throw new UsageError('there is no command: write it behind "--", as in "countersign run ... -- npm run migrate"');
  const [program, ...rest] = args.slice(end + 1);
  if (program === undefined) throw new UsageError('nothing stands behind "--": write the command to run there');
  const valued = new Map<string, string[]>();
  const flags = new Set<string>();
  for (let index = 0; index < end; index += 1) {
    const [name, inline] = splitOption(args[index] ?? "");
    if (VALUED.has(name)) {
      const value = inline ?? args[index + 1];
      if (inline === undefined) index += 1;
      if (value === undefined || index >= end) throw new UsageError(`${name} needs a value`);
      valued.set(name, [...(valued.get(name) ?? []), value]);
    } else if (["--no-terminal", "--json", "--quiet"].includes(name) && inline === undefined) flags.add(name);
    else throw new UsageError(`"${name}" is not an option of "countersign run"; see "countersign run --help"`);
  }
  const one = (name: string, otherwise: string): string => {
    const values = valued.get(name) ?? [];
    if (values.length > 1) throw new UsageError(`${name} is given twice`);
    return values[0] ?? otherwise;
  };
  const app = appOf(valued, one);
  const passwords = pairs(valued.get("--password") ?? [], "--password", "appdb=env:APPDB_PASSWORD");
  const targets = [...pairs(valued.get("--target") ?? [], "--target", "appdb=postgres://user@host/database")].map(
    ([name, url]) => ({ name, url: withPassword(name, url, passwords.get(name), env) }),
  );
  if (targets.length === 0)
    throw new UsageError("no --target: name what the job talks to, as in --target appdb=postgres://user@host/database");
  for (const { name, url } of targets) {
    if (url === FROM_APP && app === undefined)
      throw new UsageError(`--target ${name}=app: the App gives that credential, so name it with --app URL`);
  }
  for (const name of passwords.keys()) {
    if (!targets.some((target) => target.name === name))
      throw new UsageError(`--password names "${name}", which is not a target`);
  }
  const variables = pairs(valued.get("--env") ?? [], "--env", "DATABASE_URL=appdb");
  for (const [variable, name] of variables) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(variable)) throw new UsageError(`--env: "${variable}" cannot name a variable`);
    if (!targets.some((target) => target.name === name))
      throw new UsageError(`--env ${variable}=${name}: there is no target "${name}"`);
  }
  const port = Number(one("--page-port", "0"));
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new UsageError("--page-port takes a port from 0 to 65535");
  return {
    policy: app === undefined ? one("--policy", ".github/countersign.yml") : "",
    app,
    targets,
    ledger: app === undefined ? one("--ledger", "git:countersign/evidence") : `app:${app.url}`,
    env: variables,
    secretVariables: [...passwords.values()].flatMap((each) => (each.startsWith("env:") ? [each.slice(4)] : [])),
    state: one("--state", env["COUNTERSIGN_STATE_DIR"] ?? stateDir),
    pagePort: port,
    terminal: !flags.has("--no-terminal"),
    json: flags.has("--json"),
    quiet: flags.has("--quiet"),
    command: [program, ...rest],
  };
}

function appOf(
  valued: ReadonlyMap<string, unknown>,
  one: (name: string, otherwise: string) => string,
): RunOptions["app"] {
  const url = one("--app", "");
  const key = one("--app-key", "");
  if (url === "") {
    if (valued.has("--app-key"))
      throw new UsageError("--app-key pins the key of an App, so name the App with --app URL");
    return undefined;
  }
  for (const [name, why] of NOT_WITH_APP) {
    if (valued.has(name)) throw new UsageError(`${name} does not go with --app: ${why}`);
  }
  try {
    return { url: readAppUrl(url), key: key === "" ? undefined : key };
  } catch (cause) {
    if (!(cause instanceof AppUrlError)) throw cause;
    throw new UsageError(cause.message, { cause });
  }
}

function splitOption(arg: string): readonly [string, string | undefined] {
  const equals = arg.startsWith("--") ? arg.indexOf("=") : -1;
  return equals === -1 ? [arg, undefined] : [arg.slice(0, equals), arg.slice(equals + 1)];
}

function pairs(values: readonly string[], option: string, example: string): ReadonlyMap<string, string> {
  const map = new Map<string, string>();
  for (const value of values) {
    const equals = value.indexOf("=");
    if (equals < 1) throw new UsageError(`${option} takes NAME=VALUE, as in ${option} ${example}`);
    const name = value.slice(0, equals);
    if (map.has(name)) throw new UsageError(`${option} names "${name}" twice`);
    map.set(name, value.slice(equals + 1));
  }
  return map;
}

/** The URL with the password that `env:VARIABLE` or `file:PATH` names. */
function withPassword(
  name: string,
  url: string,
  source: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): string {
  if (source === undefined) return url;
  const password = readSecret(name, source, env);
  const match = /^(postgres(?:ql)?:\/\/)([^/@]*)@(.*)$/s.exec(url);
  if (match === null)
    throw new UsageError(
      `--password ${name}: the target's URL must name its user, as in postgres://user@host/database`,
    );
  const [, scheme = "", user = "", rest = ""] = match;
  if (user.includes(":")) throw new UsageError(`--password ${name}: the target's URL has a password already`);
  return `${scheme}${user}:${encodeURIComponent(password)}@${rest}`;
}

function readSecret(name: string, source: string, env: Readonly<Record<string, string | undefined>>): string {
  if (source.startsWith("env:")) {
    const value = env[source.slice(4)];
    if (value === undefined || value === "")
      throw new UsageError(`--password ${name}: the variable ${source.slice(4)} is not set`);
    return value;
  }
  if (source.startsWith("file:")) {
    try {
      return readFileSync(source.slice(5), "utf8").replace(/\r?\n$/, "");
    } catch (cause) {
      throw new UsageError(`--password ${name}: the file ${source.slice(5)} cannot be read`, { cause });
    }
  }
  throw new UsageError(
    `--password ${name}: say env:VARIABLE or file:PATH; a password on the command line is seen by everybody`,
  );
}
