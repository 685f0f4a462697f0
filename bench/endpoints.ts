// The four ways to the same server that the bench compares: direct, a plain Node pipe, pgbouncer, and the gateway.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chownSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startGateway } from "../test/live/gateway.ts";

export type EndpointName = "direct" | "pipe" | "pgbouncer" | "gateway";

export interface Endpoint {
  readonly name: EndpointName;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** The process that carries the bytes; 0 for the server itself. */
  readonly pid: number;
  readonly close: () => Promise<void>;
}

/** Where the server is and how to log in to it. */
export type Server = Pick<Endpoint, "host" | "port" | "user" | "password" | "database">;

/** Everything allowed, everything recorded, and two rules that mask columns: what a careful operator would run. */
const POLICY = `version: 1
targets:
  appdb: { protocol: postgres }
rules:
  - name: everything
    match: { effects: [read, write, delete, schema, grant, admin, execute, session, unknown] }
    decide: allow
masking:
  - columns: [pgbench_accounts.filler]
    as: redact
  - columns: ["*.email"]
    as: partial
`;

/** The server itself. */
export function direct(server: Server): Endpoint {
  return { ...server, name: "direct", pid: 0, close: async () => undefined };
}

/** `bench/pipe.ts`, in a process of its own. */
export async function pipe(server: Server): Promise<Endpoint> {
  const program = fileURLToPath(new URL("pipe.ts", import.meta.url));
  const child = spawn(process.execPath, [program, server.host, String(server.port)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const port = await new Promise<number>((resolve, reject) => {
    child.stdout.setEncoding("utf8").once("data", (text: string) => resolve(Number(text)));
    child.once("exit", () => reject(new Error("bench/pipe.ts ended before it listened")));
  });
  return {
    ...server,
    name: "pipe",
    host: "127.0.0.1",
    port,
    pid: child.pid ?? 0,
    close: () => ended(child, "SIGTERM"),
  };
}

/** Debian's pgbouncer in session mode, with a configuration of its own. Throws when it is not installed. */
export async function pgbouncer(server: Server): Promise<Endpoint> {
  const program = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"].find((path) => existsSync(path));
  if (program === undefined) throw new Error("pgbouncer is not installed: sudo apt-get install pgbouncer");
  const folder = mkdtempSync(join(tmpdir(), "countersign-pgbouncer-"));
  const port = await freePort();
  const users = join(folder, "users.txt");
  const settings = join(folder, "pgbouncer.ini");
  writeFileSync(users, `"${server.user}" "${server.password}"\n`, { mode: 0o600 });
  // As many server connections as there are clients, so that pgbouncer carries and does not queue.
  writeFileSync(
    settings,
    `[databases]
${server.database} = host=${server.host} port=${server.port} dbname=${server.database}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${users}
pool_mode = session
max_client_conn = 400
default_pool_size = 150
ignore_startup_parameters = extra_float_digits,options
log_connections = 0
log_disconnections = 0
`,
  );
  const identity = ordinaryUser();
  if (identity !== undefined) {
    for (const path of [folder, users, settings]) chownSync(path, identity.uid, identity.gid);
  }
  const child = spawn(program, ["-q", settings], { cwd: "/", stdio: ["ignore", "ignore", "pipe"], ...identity });
  const complaints: string[] = [];
  child.stderr.setEncoding("utf8").on("data", (text: string) => complaints.push(text));
  try {
    await listening(port, child);
  } catch (error) {
    throw new Error(`pgbouncer did not start: ${complaints.join("")}`, { cause: error });
  }
  return {
    ...server,
    name: "pgbouncer",
    host: "127.0.0.1",
    port,
    pid: child.pid ?? 0,
    close: async () => {
      await ended(child, "SIGINT");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The built gateway, judging and recording into a folder. */
export async function gateway(server: Server): Promise<Endpoint & { readonly readyMs: number }> {
  const address = `${server.host}:${server.port}/${server.database}`;
  const target = `postgres://${encodeURIComponent(server.user)}:${encodeURIComponent(server.password)}@${address}`;
  // The scenarios leave a million events and more to seal.
  const running = await startGateway({ policy: POLICY, target: `${target}?sslmode=disable`, stopMsMax: 180_000 });
  return {
    name: "gateway",
    host: running.host,
    port: running.port,
    user: running.user,
    password: running.password,
    database: running.database,
    pid: running.pid,
    readyMs: running.readyMs,
    close: async () => {
      const code = await running.stop();
      await running.discard();
      if (code !== 0) throw new Error(`the gateway ended with code ${code}:\n${running.log()}`);
    },
  };
}

/** Resident memory of a process in MiB: now, and at its most. */
export function memoryOf(pid: number): { readonly now: number; readonly peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const read = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? Number.NaN) / 1024;
  return { now: read("VmRSS"), peak: read("VmHWM") };
}

// pgbouncer will not run as root.
function ordinaryUser(): { readonly uid: number; readonly gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const read = (flag: string, name: string): number =>
    Number(spawnSync("id", [flag, name], { encoding: "utf8" }).stdout.trim() || "65534");
  return { uid: read("-u", "postgres"), gid: read("-g", "postgres") };
}

async function freePort(): Promise<number> {
  return await new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}

async function listening(port: number, child: ChildProcess): Promise<void> {
  const deadline = performance.now() + 10_000; // it takes a few milliseconds; a loaded machine takes longer
  while (performance.now() < deadline && child.exitCode === null) {
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect({ host: "127.0.0.1", port });
      socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
      socket.once("connect", () => socket.destroy());
    });
    if (isOpen) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`nothing listens on port ${port}`);
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill(signal);
  await exited;
}
