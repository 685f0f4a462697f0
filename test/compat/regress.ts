// PostgreSQL's own regression suite, run file by file with psql. Its outputs are compared between two sides, not with what
// PostgreSQL expects: only what the gateway changes is of interest.

import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { runProgram, type Side } from "./endpoint.ts";

/** One file of the suite takes seconds; a file that takes this long waits for something that will not come. */
const FILE_MS_MAX = 90_000;

/** What pg_regress sets for its database, so that no client need ask for it. */
export const REGRESS_SETTINGS: readonly string[] = [
  `alter database compat set timezone to 'PST8PDT';
   alter database compat set datestyle to 'Postgres, MDY';
   alter database compat set intervalstyle to 'postgres_verbose';
   alter database compat set lc_messages to 'C';
   alter database compat set lc_monetary to 'C';
   alter database compat set lc_numeric to 'C';
   alter database compat set lc_time to 'C';
   alter database compat set bytea_output to 'hex';
   alter database compat set timezone_abbreviations to 'Default'`,
];

/** The suite's folder (`src/test/regress`) for this server version, from Debian's source package unless it is cached. */
export function regressSource(version: string): string {
  const cache = join(
    process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"),
    "countersign",
    `postgresql-${version}`,
  );
  const folder = join(cache, "src", "test", "regress");
  if (existsSync(join(folder, "parallel_schedule"))) return folder;
  mkdirSync(cache, { recursive: true });
  try {
    download(cache, version);
  } catch (error) {
    throw new Error(
      `PostgreSQL's source could not be had from the package archive. Give its folder: npm run compat -- --source DIR, where DIR holds parallel_schedule, sql and data (src/test/regress of version ${version}).`,
      { cause: error },
    );
  }
  return folder;
}

// In folders of its own: the machine's package lists stay as they are, and no special rights are needed.
function download(cache: string, version: string): void {
  const apt = join(cache, "apt");
  mkdirSync(join(apt, "lists", "partial"), { recursive: true });
  mkdirSync(join(apt, "cache", "archives", "partial"), { recursive: true });
  writeFileSync(join(apt, "sources.sources"), sourceEntries());
  const options = [
    "-o",
    `Dir::Etc::sourcelist=${join(apt, "sources.sources")}`,
    "-o",
    "Dir::Etc::sourceparts=-",
    "-o",
    `Dir::State::lists=${join(apt, "lists")}`,
    "-o",
    `Dir::Cache=${join(apt, "cache")}`,
    "-o",
    "APT::Sandbox::User=root",
  ];
  const run = (program: string, args: readonly string[]): string =>
    execFileSync(program, args, { cwd: apt, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  run("apt-get", [...options, "update"]);
  const name = `postgresql-${version.split(".")[0] ?? ""}`;
  const known = run("apt-cache", [...options, "showsrc", name]);
  const exact = [...known.matchAll(/^Version: (.+)$/gm)]
    .map((match) => match[1] ?? "")
    .find((each) => each.startsWith(`${version}-`));
  run("apt-get", [...options, "source", "--download-only", exact === undefined ? name : `${name}=${exact}`]);
  const archive = readdirSync(apt).find((each) => each.includes(".orig.tar"));
  if (archive === undefined) throw new Error(`the source package ${name} holds no archive`);
  run("tar", ["-xf", archive, "-C", cache, "--strip-components=1", "--wildcards", "*/src/test/regress/*"]);
  rmSync(apt, { recursive: true, force: true });
}

/** The machine's own package sources, with their source packages. */
function sourceEntries(): string {
  const folder = "/etc/apt/sources.list.d";
  const modern = existsSync(folder) ? readdirSync(folder).filter((each) => each.endsWith(".sources")) : [];
  const old = [
    ...(existsSync("/etc/apt/sources.list") ? ["/etc/apt/sources.list"] : []),
    ...(existsSync(folder) ? readdirSync(folder).filter((each) => each.endsWith(".list")) : []).map((each) =>
      join(folder, each),
    ),
  ];
  const lines = old.flatMap((file) => readFileSync(file, "utf8").match(/^deb .+$/gm) ?? []);
  const rewritten = lines.map((line) => {
    const [, options, uri = "", suite = "", components = ""] =
      /^deb (?:\[([^\]]*)\] )?(\S+) (\S+) ?(.*)$/.exec(line) ?? [];
    const signed = /signed-by=(\S+)/.exec(options ?? "")?.[1];
    return `Types: deb-src\nURIs: ${uri}\nSuites: ${suite}\nComponents: ${components}\n${signed === undefined ? "" : `Signed-By: ${signed}\n`}`;
  });
  const files = modern.map((each) =>
    readFileSync(join(folder, each), "utf8").replaceAll(/^Types: deb$/gm, "Types: deb-src"),
  );
  return [...files, ...rewritten].join("\n");
}

/** The suite's files in the order of its schedule. */
export function scheduled(source: string): readonly string[] {
  return (readFileSync(join(source, "parallel_schedule"), "utf8").match(/^test: .+$/gm) ?? []).flatMap((line) =>
    line.slice("test: ".length).trim().split(/\s+/),
  );
}

/** Runs the files against a side and gives each one's output. `progress` is told the name before each. */
export async function runSuite(
  side: Side,
  source: string,
  files: readonly string[],
  progress: (file: string) => void,
): Promise<ReadonlyMap<string, string>> {
  // The server reads and writes files too, as another user perhaps, and both sides must see the same paths.
  const place = join(tmpdir(), `countersign-regress-${process.pid}`);
  rmSync(place, { recursive: true, force: true });
  cpSync(source, place, { recursive: true });
  mkdirSync(join(place, "results"), { recursive: true });
  mkdirSync(join(place, "testtablespace"), { recursive: true });
  openUp(place);
  const outputs = new Map<string, string>();
  try {
    for (const file of files) {
      progress(file);
      const ran = await runProgram(side, "psql", {
        args: ["-X", "-a", "-q", "-v", "HIDE_TABLEAM=on", "-v", "HIDE_TOAST_COMPRESSION=on"],
        input: readFileSync(join(place, "sql", `${file}.sql`), "latin1"),
        cwd: place,
        killAfterMs: FILE_MS_MAX,
        env: { PG_ABS_SRCDIR: place, PG_ABS_BUILDDIR: place, PG_LIBDIR: place, PG_DLSUFFIX: ".so" },
      });
      const ended = ran.tookMs >= FILE_MS_MAX ? "did not finish" : `code ${ran.code}`;
      outputs.set(
        file,
        `${ran.output}\n${ended}\n`
          .replaceAll(side.password, "PASSWORD")
          .replaceAll(new RegExp(`\\b${side.port}\\b`, "g"), "PORT"),
      );
    }
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
  return outputs;
}

function openUp(folder: string): void {
  chmodSync(folder, 0o777);
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8", withFileTypes: true })) {
    chmodSync(join(name.parentPath, name.name), name.isDirectory() ? 0o777 : 0o666);
  }
}
