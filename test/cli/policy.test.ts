import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type PolicyIo, policy } from "../../src/cli/policy.ts";
import type { Judged } from "../../src/policy/match.ts";

const EXAMPLE = readFileSync("examples/countersign.yml", "utf8");

/** A reader that knows two words. */
function read(text: string): Judged {
  if (text.startsWith("SELECT")) return { effects: ["read"], objects: ["users"], bounded: true };
  if (text.startsWith("DELETE")) return { effects: ["delete"], objects: ["users"], bounded: false };
  return { effects: ["unknown"], objects: [], bounded: true };
}

function run(files: Readonly<Record<string, string>>, args: readonly string[], more: Partial<PolicyIo> = {}) {
  const out: string[] = [];
  const err: string[] = [];
  const code = policy(args, {
    readFile(path) {
      const content = files[path];
      if (content === undefined) throw new Error("there is no such file");
      return content;
    },
    out: (line) => out.push(line),
    err: (line) => err.push(line),
    read,
    ...more,
  });
  return { code, out: out.join("\n"), err: err.join("\n") };
}

describe("policy check", () => {
  it("says that a good policy is good, with its digest", () => {
    const { code, out, err } = run({ "p.yml": EXAMPLE }, ["check", "p.yml"]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toMatch(/^p\.yml is good: 1 target, 6 rules, 2 masking rules, sha256:[0-9a-f]{64}$/);
  });

  it("prints every error as file, line and column, and fails", () => {
    const { code, err } = run({ "p.yml": "version: 2\nrulse: []" }, ["check", "p.yml"]);
    expect(code).toBe(1);
    expect(err).toContain("p.yml:1:10: ");
    expect(err).toContain('p.yml:2:1: "rulse" is not a key here; did you mean "rules"?');
  });

  it("prints the same as JSON for programs", () => {
    const good = run({ "p.yml": EXAMPLE }, ["check", "--json", "p.yml"]);
    expect(JSON.parse(good.out)).toMatchObject({ file: "p.yml", good: true, rules: 6, issues: [] });
    const bad = run({ "p.yml": "version: 2" }, ["check", "p.yml", "--json"]);
    expect(bad.code).toBe(1);
    expect(JSON.parse(bad.out)).toMatchObject({
      good: false,
      digest: null,
      issues: [{ line: 1 }, { line: 1 }, { line: 1 }],
    });
  });

  it("fails on what the protocols do not enforce, where it is told of them", () => {
    const { code, err } = run({ "p.yml": EXAMPLE }, ["check", "p.yml"], { controlsOf: () => undefined });
    expect(code).toBe(1);
    expect(err).toMatch(/p\.yml:\d+:\d+: target appdb: there is no protocol "postgres"/);
  });
});

describe("policy test", () => {
  const examples = (cases: string) => ({ "/x/ci/t.yml": `policy: ../p.yml\ncases:\n${cases}`, "/x/p.yml": EXAMPLE });

  it("passes when every case is decided as expected", () => {
    const files = examples(`  - { name: reads pass, target: appdb, sql: SELECT 1, expect: allow }
  - { name: deletes wait, target: appdb, sql: DELETE FROM users, expect: hold, rule: destructive }
  - { name: garbage waits, target: appdb, sql: "!", expect: hold, rule: unreadable }
  - { name: grants never, target: appdb, effects: [read, grant], objects: [users], expect: deny }
`);
    const { code, out } = run(files, ["test", "/x/ci/t.yml"]);
    expect(out).toContain("ok    deletes wait");
    expect(out).toContain("4 cases, 0 failed.");
    expect(code).toBe(0);
  });

  it("fails when a case is decided otherwise, or by another rule, and says why", () => {
    const files = examples(`  - { name: one, target: appdb, sql: DELETE FROM users, expect: allow }
  - { name: two, target: appdb, sql: DELETE FROM users, expect: hold, rule: unreadable }
  - { name: three, target: apdb, sql: SELECT 1, expect: allow }
`);
    const { code, out } = run(files, ["test", "/x/ci/t.yml"]);
    expect(code).toBe(1);
    expect(out).toContain("/x/ci/t.yml:3: expected allow, got hold by rule destructive (effects delete).");
    expect(out).toContain("expected hold by rule unreadable, got hold by rule destructive");
    expect(out).toContain("the policy has no target apdb; it has appdb.");
    expect(out).toContain("3 cases, 3 failed.");
  });

  it("judges by the facts of the run, and takes what was not said for the worst", () => {
    const files = {
      "/t.yml": `policy: p.yml
cases:
  - { name: staging, target: a, effects: [read], environment: staging, expect: allow }
  - { name: production, target: a, effects: [read], environment: production, expect: deny }
  - { name: nowhere, target: a, effects: [read], expect: deny }
`,
      "/p.yml": `version: 1
targets: { a: { protocol: postgres } }
rules:
  - { name: all, match: { effects: [read] }, decide: allow }
  - { name: not-there, match: { environment: production }, decide: deny }
`,
    };
    expect(run(files, ["test", "/t.yml"])).toMatchObject({ code: 0 });
  });

  it("tells every error of the examples, and of their policy", () => {
    const files = examples(
      "  - { name: one, target: appdb, expect: alow }\n  - { name: two, target: a, sql: x, bounded: true, expect: hold }",
    );
    const { code, err } = run(files, ["test", "/x/ci/t.yml"]);
    expect(code).toBe(1);
    expect(err).toMatch(/:3:5: a case needs a command/);
    expect(err).toMatch(/:3:\d+: "expect" is "alow"; did you mean "allow"/);
    expect(err).toMatch(/:4:5: "sql" says already what "bounded" would/);
    const bad = { ...examples("  - { name: a, target: a, sql: x, expect: deny }"), "/x/p.yml": "version: 2" };
    const second = run(bad, ["test", "/x/ci/t.yml"]);
    expect(second.code).toBe(1);
    expect(second.err).toContain("/x/p.yml:1:10");
  });
});

it.each([[["--help"]], [["check", "--help"]], [["test", "--help"]]])("shows its help for %j", (args) => {
  const { code, out, err } = run({}, args);
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(out).toContain("usage: countersign policy check");
});

it("shows in its help an examples file that runs", () => {
  const shown = run({}, ["test", "--help"]).out;
  const [file = ""] = /^ {2}policy: [\s\S]*?\n\n/m.exec(shown) ?? [];
  const tested = run({ "/ci/t.yml": file.replaceAll(/^ {2}/gm, ""), "/ci/countersign.yml": EXAMPLE }, [
    "test",
    "/ci/t.yml",
  ]);
  expect(tested.out).toContain("2 cases, 0 failed.");
});

it.each([
  [[]],
  [["check"]],
  [["chek", "f"]],
  [["check", "a", "b"]],
  [["test", "--json", "a"]],
  [["check", "missing.yml"]],
])("is wrong use: %j", (args) => {
  const { code, err } = run({}, args);
  expect(code).toBe(2);
  expect(err).toMatch(/usage|cannot read/);
});
