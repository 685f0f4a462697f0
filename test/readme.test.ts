import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { readRunOptions } from "../src/cli/options.ts";
import { unanswerableLocally } from "../src/config/answerable.ts";
import { unenforceable } from "../src/config/enforceable.ts";
import { readPolicy } from "../src/config/policy-file.ts";
import { openSqlReader } from "../src/languages/sql/reader.ts";
import { EMPTY_SESSION } from "../src/languages/sql/taken-session.ts";
import { compile, decide } from "../src/policy/decide.ts";
import { openProtocols } from "../src/protocols/index.ts";
import { postgresControls } from "../src/protocols/postgres/index.ts";
import { blocksOf, codeIn, commandsOf, rowsUnder } from "./documents.ts";
import { matrix, withMatrix } from "./matrix.ts";

// What the README says, against what the product does: every block of it is run, parsed or compared.

const README = readFileSync("README.md", "utf8");
const blocks = blocksOf("README.md");
const ofLanguage = (language: string) => blocks.filter((block) => block.language === language);
const scripts = Object.keys((JSON.parse(readFileSync("package.json", "utf8")) as { scripts: object }).scripts);

describe("the README's blocks", () => {
  it("are all of a language that is checked here", () => {
    expect(blocks.length).toBeGreaterThanOrEqual(6);
    expect([...new Set(blocks.map(({ language }) => language))].toSorted()).toEqual(["console", "sh", "text", "yaml"]);
  });

  const commands = ofLanguage("sh").flatMap(({ text }) => commandsOf(text));

  it("hold commands", () => {
    expect(commands.length).toBeGreaterThanOrEqual(8);
  });

  it.each(commands.map((words) => [words.join(" "), words] as const))("name what there is: %s", (_text, words) => {
    expect(faultOf(words)).toBe("");
  });

  it.each(ofLanguage("console").map(({ text }) => text))("print what they say they print", (text) => {
    const [asked = "", ...said] = text.trimEnd().split("\n");
    const [[program, ...args] = []] = commandsOf(asked.replace(/^\$ /, ""));
    expect(program).toBe("countersign");
    const printed = execFileSync(process.execPath, ["src/cli/main.ts", ...args], { encoding: "utf8" });
    expect(printed.trimEnd().split("\n")).toEqual(said);
  });

  it("quote the capture of the demo line by line, in its order", () => {
    const [capture] = ofLanguage("text");
    const quoted = (capture?.text ?? "").split("\n").filter((line) => line !== "");
    expect(quoted.length).toBeGreaterThan(15);
    let rest = readFileSync("docs/demo.txt", "utf8").split("\n").map(steady);
    for (const line of quoted) {
      const at = rest.indexOf(steady(line));
      expect(at, `docs/demo.txt has no such line there: ${line}`).not.toBe(-1);
      rest = rest.slice(at + 1);
    }
  });

  it("hold a workflow whose command is one that countersign takes, and that needs no more than to read", () => {
    const found = ofLanguage("yaml").find(({ text }) => text.includes("runs-on"));
    const workflow = parse(found?.text ?? "") as {
      permissions: object;
      jobs: Record<string, { steps: { run?: string; uses?: string; env?: object }[] }>;
    };
    expect(workflow.permissions).toEqual({ contents: "read" });
    const steps = Object.values(workflow.jobs).flatMap((job) => job.steps);
    const [run = ""] = steps.flatMap((step) => step.run ?? []);
    const [words = []] = commandsOf(run);
    expect(words.slice(0, 2)).toEqual(["node", ".countersign/dist/countersign.cjs"]);
    expect(faultOf(["countersign", ...words.slice(2)])).toBe("");
    // What the step uploads is where the evidence goes.
    expect(run).toContain("--ledger dir:evidence ");
    expect(steps.at(-1)).toMatchObject({ with: { path: "evidence" } });
  });
});

describe("the built command", () => {
  it("needs nothing but Node and the files beside it", () => {
    const folder = mkdtempSync(join(tmpdir(), "countersign-readme-"));
    try {
      cpSync("dist", folder, { recursive: true });
      const args = [join(folder, "countersign.cjs"), "explain", "--protocol", "postgres", "TRUNCATE t"];
      const ran = spawnSync(process.execPath, args, { cwd: folder, encoding: "utf8" });
      expect(ran.stderr).toBe("");
      expect(ran.stdout).toMatch(/^effects {3}delete$/m);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe("the README's policy", async () => {
  const text = ofLanguage("yaml").find((block) => block.text.startsWith("version: 1"))?.text ?? "";
  const policy = readPolicy(text, "README.md");
  const reader = await openSqlReader();
  const facts = { target: "appdb", protocol: "postgres", branch: "", environment: "", event: "local", actor: "ada" };

  it("is good, and asks for nothing that is not enforced", () => {
    expect(unenforceable(policy, () => postgresControls)).toEqual([]);
    expect(unanswerableLocally(policy, "ada")).toEqual([]);
  });

  it("is taken line by line from the starter policy", () => {
    let rest = readFileSync("examples/countersign.yml", "utf8").split("\n");
    for (const line of text.split("\n")) {
      const at = rest.indexOf(line);
      expect(at, `examples/countersign.yml has no such line there: ${line}`).not.toBe(-1);
      rest = rest.slice(at + 1);
    }
  });

  const rows = rowsUnder("README.md", "command", "effects", "decision");

  it("has examples", () => {
    expect(rows.length).toBeGreaterThanOrEqual(10);
  });

  it.each(rows)("reads %s as %s and says %s, as does the starter policy", (command = "", effects, decision) => {
    const reading = reader.read(codeIn(command), EMPTY_SESSION);
    expect(reading.effects.join(" ")).toBe(effects);
    expect(decide(reading, facts, compile(policy)).kind).toBe(decision);
    const starter = readPolicy(readFileSync("examples/countersign.yml", "utf8"), "examples/countersign.yml");
    expect(decide(reading, facts, compile(starter)).kind).toBe(decision);
  });

  it.each([
    ["guard", "targets:\n  appdb:\n    protocol: postgres\n    guard: read-only"],
    ["detect", "masking:\n  - detect: [email]"],
    ["deliver", 'masking:\n  - deliver: [{ columns: ["*.ssn"], as: redact }]'],
    ["when", 'rules:\n  - { name: a, decide: allow, match: { when: "true" } }'],
  ])("would not start with %s, as the README says", (key, asking) => {
    const whole = {
      version: 1,
      targets: { appdb: { protocol: "postgres" } },
      rules: [{ name: "a", decide: "allow", match: { effects: ["read"] } }],
      ...(parse(asking) as object),
    };
    const issues = unenforceable(readPolicy(JSON.stringify(whole), "p.yml"), () => postgresControls);
    expect(issues.map(({ message }) => message).join("\n")).toContain(key);
  });
});

describe("a hold that asks others, in local mode", () => {
  it.each([
    ["a team", "{ from: { teams: [dba] } }"],
    ["another user", "{ from: { users: [bob] } }"],
    ["two people", "{ count: 2 }"],
  ])("stops start-up where it asks %s, as the README says", (_who, approval) => {
    const rule = `  - { name: a, decide: hold, match: { effects: [delete] }, approval: ${approval} }`;
    const text = `version: 1\ntargets:\n  appdb: { protocol: postgres }\nrules:\n${rule}\n`;
    expect(unanswerableLocally(readPolicy(text, "p.yml"), "ada")).toHaveLength(1);
  });
});

describe("the README's table of controls", () => {
  it("is what the protocols declare (node test/matrix.ts writes it)", async () => {
    expect(README).toBe(withMatrix(README, matrix([...(await openProtocols()).values()])));
  });

  it("would change with a declaration", async () => {
    const protocols = [...(await openProtocols()).values()];
    const other = protocols.map(({ name, controls }) => ({ name, controls: { ...controls, guard: !controls.guard } }));
    expect(withMatrix(README, matrix(other))).not.toBe(README);
  });
});

describe("the README's exit codes and variables", () => {
  it("are those of the help", () => {
    const help = execFileSync(process.execPath, ["src/cli/main.ts", "run", "--help"], { encoding: "utf8" });
    expect(help).toContain("Exit code: COMMAND's own; 1 when the evidence could not be kept; 2 for wrong use.");
    expect(help).toContain("COUNTERSIGN_<NAME>_URL for each target");
  });
});

/** Why a command of the documents cannot be run; empty where it can. */
function faultOf([program = "", ...args]: readonly string[]): string {
  const [first = "", second = ""] = args;
  if (program === "npm") {
    if (first === "pack") return "";
    if (first === "install") return args.at(-1) === packed() ? "" : `npm pack does not make ${args.at(-1)}`;
    const script = first === "run" ? second : first;
    return scripts.includes(script) ? "" : `package.json has no script "${script}"`;
  }
  if (program !== "countersign") return `nobody checks "${program}"`;
  if (first === "run") {
    readRunOptions(args.slice(1), { env: { APPDB_PASSWORD: "secret" }, stateDir: "/tmp" });
    return "";
  }
  const help = spawnSync(process.execPath, ["src/cli/main.ts", ...args.slice(0, 1), "--help"], { encoding: "utf8" });
  const usage = `${help.stdout}${help.stderr}`;
  const unknown = args.filter((word) => word.startsWith("--") && !usage.includes(word));
  if (unknown.length > 0) return `"countersign ${first}" does not know ${unknown.join(", ")}`;
  const called = first === "policy" ? `countersign ${first} ${second}` : `countersign ${first}`;
  return usage.includes(called) ? "" : `there is no "${called}"`;
}

function packed(): string {
  const { name, version } = JSON.parse(readFileSync("package.json", "utf8")) as { name: string; version: string };
  return `./${name}-${version}.tgz`;
}

/** What differs from one capture to the next: ports, counts of time, names of requests and sessions. */
function steady(line: string): string {
  return line.trimEnd().replaceAll(/\b[0-9A-HJKMNP-TV-Z]{10,26}\b|\d+/g, "N");
}
