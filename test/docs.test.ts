import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, normalize } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PREPARED_8, scenarios } from "../bench/scenarios.ts";
import { readPolicy } from "../src/config/policy-file.ts";
import { BY_HAND } from "../src/evidence/by-hand.ts";
import { sealSession } from "../src/evidence/layout.ts";
import { dirLedger } from "../src/gateway/ledger/dir.ts";
import { gitLedger } from "../src/gateway/ledger/git.ts";
import { openSqlReader } from "../src/languages/sql/reader.ts";
import { EMPTY_SESSION } from "../src/languages/sql/taken-session.ts";
import { compile, decide } from "../src/policy/decide.ts";
import { checkStartup } from "../src/protocols/postgres/startup.ts";
import { CHECKS } from "./compat/clients.ts";
import { anchorsOf, blocksOf, codeIn, DOCUMENTS, proseOf, rowsUnder } from "./documents.ts";
import { makeSession, party } from "./evidence/sealed.ts";

// What the documents claim, against the code: their links, the files they name, their tables and their script.

describe("every document", () => {
  const links = DOCUMENTS.flatMap((from) =>
    [...proseOf(from).matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, to = ""]) => ({ from, to }))
      .filter(({ to }) => !to.startsWith("https:")),
  );

  it("is seen, with its links", () => {
    expect(DOCUMENTS.length).toBeGreaterThanOrEqual(7);
    expect(links.length).toBeGreaterThan(30);
  });

  it.each(links)("links from $from to $to, which is there", ({ from, to }) => {
    const [path = "", anchor] = to.split("#");
    const file = path === "" ? from : normalize(join(dirname(from), path));
    expect(existsSync(file)).toBe(true);
    expect(anchor === undefined || anchorsOf(file).has(anchor)).toBe(true);
  });

  const paths = DOCUMENTS.flatMap((from) =>
    [...proseOf(from).matchAll(/`((?:\.ci|src|test|bench|docs|examples|dist)\/[\w./-]*)`/g)].map(([, path = ""]) => ({
      from,
      path,
    })),
  );

  it.each(paths)("names $path in $from, which is there", ({ path }) => {
    expect(existsSync(path)).toBe(true);
  });

  it("names no place of one machine", () => {
    const local = DOCUMENTS.filter((path) => /\/(?:work|home|root|tmp)\//.test(readFileSync(path, "utf8")));
    expect(local).toEqual([]);
  });
});

describe("the actions that workflows use", () => {
  const files = ["README.md", ...readdirSync(".github/workflows").map((name) => `.github/workflows/${name}`)];
  const used = files.flatMap((file) =>
    [...readFileSync(file, "utf8").matchAll(/^ *- uses: (.*)$/gm)].map(([, action = ""]) => ({ file, action })),
  );

  it("are found", () => {
    expect(new Set(used.map(({ file }) => file)).size).toBe(2);
    expect(used.length).toBeGreaterThanOrEqual(6);
  });

  it.each(used)("are pinned by commit, with the version beside it: $action of $file", ({ action }) => {
    expect(action).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  });
});

describe("CONTRIBUTING.md", () => {
  it("lists the scripts of package.json, and no others", () => {
    const { scripts } = JSON.parse(readFileSync("package.json", "utf8")) as { scripts: object };
    const listed = rowsUnder("CONTRIBUTING.md", "command", "what it does").map(([cell = ""]) =>
      codeIn(cell).replace(/^npm (?:run )?/, ""),
    );
    expect(listed.toSorted()).toEqual(Object.keys(scripts).toSorted());
  });

  it("quotes a message of a commit that is in the imperative and says one thing", () => {
    expect(proseOf("CONTRIBUTING.md")).toMatch(/`[A-Z][a-z]+ [^`.]+`\. Commit `dist\/`/);
  });
});

describe("docs/compatibility.md", async () => {
  const reader = await openSqlReader();
  const file = "examples/countersign.yml";
  const starter = compile(readPolicy(readFileSync(file, "utf8"), file));
  const facts = { target: "appdb", protocol: "postgres", branch: "", environment: "", event: "local", actor: "ada" };
  const stopped = rowsUnder("docs/compatibility.md", "command", "effects", "decision");
  const prose = proseOf("docs/compatibility.md");
  const identity = { user: "app", database: "shop" };
  const start = (name: string, value: string) =>
    checkStartup(
      new Map([
        ["user", "app"],
        ["database", "shop"],
        [name, value],
      ]),
      identity,
    );

  it("has commands that the starter policy stops", () => {
    expect(stopped.length).toBeGreaterThanOrEqual(15);
  });

  it.each(stopped)("is right that %s is %s, and that the starter policy says %s", (command = "", effects, decision) => {
    const reading = reader.read(codeIn(command), EMPTY_SESSION);
    expect(reading.effects.join(" ")).toBe(effects);
    expect(decide(reading, facts, starter).kind).toBe(decision);
  });

  const listed = /may stand in the start-up packet: ([^.]*)\./.exec(prose)?.[1] ?? "";
  const settings = [...listed.matchAll(/`(\w+)`/g)].map(([, name = ""]) => name);

  it("lists settings", () => {
    expect(settings.length).toBeGreaterThanOrEqual(14);
  });

  it.each(settings)("is right that %s may be set when a connection begins", (name) => {
    expect(start(name, "1")).toMatchObject({ kind: "accepted" });
  });

  it.each([
    ["user", "other", "28000"],
    ["database", "other", "3D000"],
    ["replication", "database", "42501"],
    ["client_encoding", "LATIN1", "22023"],
    ["standard_conforming_strings", "off", "42501"],
    ["search_path", "public", "42501"],
    ["role", "reader", "42501"],
    ["options", "-c search_path=public", "42501"],
    ["default_transaction_read_only", "off", "42501"],
    ["work_mem", "1GB", "42501"],
  ])("is right that %s=%s is refused with %s", (name, value, code) => {
    expect(start(name, value)).toMatchObject({ kind: "refused", code });
  });

  it("counts the checks of clients, and gives the reason of each that differs", () => {
    const differing = CHECKS.flatMap(({ differs }) => differs ?? []);
    expect(prose).toContain(`${CHECKS.length - differing.length} of ${CHECKS.length} checks`);
    for (const { why } of differing) expect(prose.replaceAll(/\s+/g, " ")).toContain(why);
  });
});

describe("docs/performance.md", () => {
  it("has a row for each scenario of the bench", () => {
    const effort = { rounds: 1, seconds: 1, scale: 1, resultMegabytes: 200, memoryMegabytes: 1000 };
    const rows = rowsUnder("docs/performance.md", "median of a run").map(([name]) => name);
    expect(rows).toContain(`${PREPARED_8}, tps`);
    expect(rows).toEqual(scenarios(effort).map(({ name, unit }) => `${name}, ${unit}`));
  });
});

describe("docs/record.md, of checks", () => {
  it("describes each check, and no other", () => {
    const source = readFileSync("src/evidence/report.ts", "utf8");
    const union = /export type CheckId =([\s\S]*?);\n/.exec(source)?.[1] ?? "";
    const ids = [...union.matchAll(/\| "(\w+)"/g)].map(([, id = ""]) => id);
    const rows = rowsUnder("docs/record.md", "check", "of", "what must hold").map(([id = ""]) => codeIn(id));
    expect(rows.length).toBeGreaterThanOrEqual(19);
    expect(rows.toSorted()).toEqual(ids.toSorted());
  });
});

describe("docs/record.md", () => {
  const source = readFileSync("src/model/event.ts", "utf8");
  const bodies = /export interface EventBodies \{\n([\s\S]*?)\n\}\n/.exec(source)?.[1] ?? "";
  const types = [
    ...bodies.matchAll(/^ {2}readonly "?([\w.]+)"?: \{([\s\S]*?)\};?$(?=\n {2}(?:readonly|\/\*\*)|$(?![\s\S]))/gm),
  ];
  const rows = new Map(
    rowsUnder("docs/record.md", "type", "fields of `body`").map(([type = "", text = ""]) => [codeIn(type), text]),
  );

  it("describes each type of event, and no other", () => {
    expect(types.length).toBe(15);
    expect([...rows.keys()]).toEqual(types.map(([, type]) => type));
  });

  it.each(types.map(([, type = "", body = ""]) => ({ type, body })))("names each field of $type", ({ type, body }) => {
    const fields = [...body.matchAll(/readonly (\w+)[?]?:/g)]
      .map(([, name = ""]) => name)
      .filter((name) => name !== "cmd");
    expect(fields.length).toBeGreaterThan(0);
    expect(fields.filter((name) => rows.get(type)?.includes(`\`${name}\``) !== true)).toEqual([]);
  });
});

describe("a value erased by hand, as docs/record.md says", () => {
  it("is called withheld, leaves heads and log true, and makes the page false", async () => {
    const folder = mkdtempSync(join(tmpdir(), "countersign-docs-"));
    const by = party();
    try {
      await sealSession(makeSession(by), dirLedger(folder), by.signer);
      const file = execFileSync("find", [folder, "-name", "disclosures.jsonl"], { encoding: "utf8" }).trim();
      writeFileSync(file, readFileSync(file, "utf8").split("\n").slice(1).join("\n"));
      const told = spawnSync(process.execPath, ["src/cli/main.ts", "verify", folder], { encoding: "utf8" });
      expect(told.stdout).toMatch(/INCOMPLETE +disclosures +\d+ opened, 1 redacted, 1 of them withheld/);
      expect([...told.stdout.matchAll(/FAILED +(\w+)/g)].map(([, check]) => check)).toEqual(["pages"]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe("the script of docs/record.md", () => {
  const folder = mkdtempSync(join(tmpdir(), "countersign-docs-"));
  const script = blocksOf("docs/record.md").find(({ language }) => language === "bash")?.text ?? "";
  const by = party();
  const run = () => spawnSync("bash", ["-c", script], { cwd: folder, encoding: "utf8" });
  const checkpoint = join(folder, "log", "checkpoint");

  beforeAll(async () => {
    await sealSession(makeSession(by), dirLedger(folder), by.signer);
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("says of a log's checkpoint that both signatures verify, and when it was countersigned", () => {
    const { stdout, stderr, status } = run();
    expect({ stdout, stderr, status }).toEqual({
      stdout: "Signature Verified Successfully\nSignature Verified Successfully\ncountersigned 2026-11-23T05:01:40Z\n",
      stderr: "",
      status: 0,
    });
  });

  it("fails on a checkpoint of another size, and on one of another time", () => {
    const good = readFileSync(checkpoint, "utf8");
    try {
      writeFileSync(checkpoint, good.replace("\n1\n", "\n2\n"));
      expect(run().status).not.toBe(0);
      writeFileSync(checkpoint, later(good));
      const ran = run();
      expect(ran.status).not.toBe(0);
      expect(ran.stdout.match(/Verified Successfully/g)?.length).toBe(1);
    } finally {
      writeFileSync(checkpoint, good);
    }
  });

  it("says the same in a plain clone of either branch, and after the countersigner's key was changed", async () => {
    const repository = mkdtempSync(join(tmpdir(), "countersign-docs-git-"));
    const clone = join(repository, "clone");
    const git = (...args: string[]) => execFileSync("git", args, { cwd: repository, stdio: "ignore" });
    try {
      git("init", "--quiet", ".");
      const branches = { evidenceBranch: "countersign/evidence", logBranch: "countersign/log" };
      const ledger = gitLedger({ repository, ...branches, nowSeconds: () => 1_795_000_000 });
      const successor = party();
      await sealSession(makeSession(by, { sid: "01KANAV0Q8M3T4ZS5R6X7Y8Z8A" }), ledger, by.signer);
      await sealSession(makeSession(successor, { sid: "01KANAV0Q8M3T4ZS5R6X7Y8Z8B" }), ledger, successor.signer);
      for (const branch of Object.values(branches)) {
        git("clone", "--quiet", "--branch", branch, repository, clone);
        const ran = spawnSync("bash", ["-c", script], { cwd: clone, encoding: "utf8" });
        expect(ran).toMatchObject({ status: 0, stderr: "" });
        expect(ran.stdout.match(/Verified Successfully/g)?.length).toBe(2);
        rmSync(clone, { recursive: true });
      }
    } finally {
      rmSync(repository, { recursive: true, force: true });
    }
  });

  it("is the one that the front page has", () => {
    expect(BY_HAND).toBe(script);
  });

  it("fails where a signature is missing, and says whose", () => {
    const good = readFileSync(checkpoint, "utf8");
    try {
      for (const [line, words] of [
        [/— github[^\n]*\n/, "no log key"],
        [/— app\.example[^\n]*\n/, "no countersigner"],
      ] as const) {
        writeFileSync(checkpoint, good.replace(line, ""));
        const ran = run();
        expect(ran.status).not.toBe(0);
        expect(ran.stderr).toContain(words);
      }
    } finally {
      writeFileSync(checkpoint, good);
    }
  });

  it("says what countersign verify says of the same folder", () => {
    const verified = execFileSync(process.execPath, ["src/cli/main.ts", "verify", folder], { encoding: "utf8" });
    expect(verified).toContain("verdict: good");
  });
});

/** The checkpoint with another time in the countersigner's signature. */
function later(note: string): string {
  const lines = note.trimEnd().split("\n");
  const [dash, name, signature = ""] = (lines.pop() ?? "").split(" ");
  const bytes = Buffer.from(signature, "base64");
  bytes.writeUInt8((bytes.readUInt8(11) + 1) & 0xff, 11);
  return `${[...lines, [dash, name, bytes.toString("base64")].join(" ")].join("\n")}\n`;
}
