import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConfigError } from "../../src/config/config-error.ts";
import { readPolicy } from "../../src/config/policy-file.ts";
import { policyJsonSchema } from "../../src/config/schema.ts";

const DESIGN = `version: 1
targets:
  appdb:   { protocol: postgres, guard: read-only }
  billing: { protocol: http }
rules:
  - name: no-privilege-changes
    match: { effects: [grant, admin] }
    decide: deny
    message: Change roles in the infrastructure repository.
  - name: destructive
    match: { any: [ { effects: [delete, schema] }, { effects: [write], bounded: false } ] }
    decide: hold
    approval: { from: { teams: [dba], users: [] }, count: 1, expires: 30m, via: [check, review, comment] }
  - name: unreadable
    match: { effects: [unknown, execute] }
    decide: hold
  - name: rest
    match: { effects: [read, session, write] }
    decide: allow
masking:
  - columns: [users.email, "*.ssn"]           # by result column or parameter
    as: partial                               # redact | partial | hash | tokenise
  - detect: [email, payment-card, iban, secrets]
  - deliver: [ { columns: ["*.ssn"], as: redact } ]   # also what the job itself receives
retention: { class: soc2 }
`;

function issuesOf(text: string): string[] {
  try {
    readPolicy(text, "p.yml");
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split("\n");
    throw error;
  }
  return [];
}

/** A good policy with one line more, the fourth. */
function withLine(line: string): string {
  return `version: 1\ntargets: { appdb: { protocol: postgres } }\nrules: [{ name: a, match: { effects: [read] }, decide: allow }]\n${line}\n`;
}

const rule = (body: string) => `version: 1\ntargets: { appdb: { protocol: postgres } }\nrules:\n  - ${body}\n`;

describe("a good policy", () => {
  it("is read as its operator wrote it, with the defaults filled in", () => {
    const policy = readPolicy(DESIGN, "p.yml");
    expect([...policy.targets.keys()]).toEqual(["appdb", "billing"]);
    expect(policy.targets.get("appdb")).toEqual({
      name: "appdb",
      protocol: "postgres",
      guard: "read-only",
      sync: false,
      recordBytesMax: 65_536,
      at: { line: 3, column: 3 },
    });
    expect(policy.rules.map(({ name, decide }) => [name, decide])).toEqual([
      ["no-privilege-changes", "deny"],
      ["destructive", "hold"],
      ["unreadable", "hold"],
      ["rest", "allow"],
    ]);
    expect(policy.rules[1]?.approval).toEqual({
      teams: ["dba"],
      users: [],
      count: 1,
      expiresMs: 1_800_000,
      via: ["check", "review", "comment"],
    });
    expect(policy.rules[1]?.match.any?.[1]).toMatchObject({ effects: ["write"], bounded: false });
    expect(policy.masking.map((each) => each.kind)).toEqual(["columns", "detect", "deliver"]);
    expect(policy).toMatchObject({ retention: { class: "soc2" }, limits: { holdInTransactionMs: 60_000 } });
  });

  it("names one thing or a list of them, durations and sizes with their unit", () => {
    const text = `version: 1
targets: { appdb: { protocol: postgres, record: { response: 1MiB } } }
rules:
  - { name: a, match: { target: app*, effects: read, objects: public.*, branch: [main, release/*] }, decide: hold, approval: { expires: 500ms } }
limits: { hold-in-transaction: 2m }`;
    const policy = readPolicy(text, "p.yml");
    expect(policy.rules[0]?.match).toMatchObject({
      effects: ["read"],
      objects: ["public.*"],
      branch: ["main", "release/*"],
    });
    expect(policy.rules[0]?.approval.expiresMs).toBe(500);
    expect(policy.limits.holdInTransactionMs).toBe(120_000);
    expect(policy.targets.get("appdb")?.recordBytesMax).toBe(1_048_576);
  });

  it.each(["test/corpus/policy.yml", "examples/countersign.yml"])("%s is one", (file) => {
    const bytes = readFileSync(file);
    const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
    expect(readPolicy(bytes.toString(), file)).toMatchObject({ file, digest });
  });
});

describe("errors", () => {
  it("come all at once, in the order of the file, each with its line and column", () => {
    const text = `version: 2
targest: {}
targets:
  appdb: { protocol: postgres, gaurd: read-only }
rules:
  - name: one
    match: { effects: [delte] }
    decide: alow
  - name: one
    match: { effects: [read], target: apdb }
    decide: allow
    approval: { expires: soon }
masking:
  - colums: ["*.ssn"]
    as: partal
`;
    expect(issuesOf(text)).toEqual([
      'p.yml:1:10: "version" is 2; write 1.',
      'p.yml:2:1: "targest" is not a key here; did you mean "targets"?',
      'p.yml:4:32: "gaurd" is not a key here; did you mean "guard"?',
      'p.yml:7:24: entry 1 of "effects" is "delte"; did you mean "delete"? Else choose from read, write, delete, schema, grant, admin, execute, session, unknown.',
      'p.yml:8:13: "decide" is "alow"; did you mean "allow"? Else choose from allow, hold, deny.',
      'p.yml:9:11: the rule in line 6 is called "one" already; choose another name.',
      'p.yml:10:39: no target is called "apdb". Did you mean "appdb"?',
      'p.yml:12:5: nobody is asked where a rule decides allow; write "decide: hold", or remove "approval".',
      'p.yml:12:26: "expires" is "soon"; write a whole number and a unit: 500ms, 60s, 30m or 2h.',
      'p.yml:14:5: "colums" is not a key here; did you mean "columns"?',
      'p.yml:15:9: "as" is "partal"; did you mean "partial"? Else choose from redact, partial, hash, tokenise.',
    ]);
  });

  it.each([
    ["version: 1", /1:1: "targets" is missing here/],
    ["", /the file is empty/],
    ["[]", /the file is a list; write a map of keys/],
    ["version: 1\nversion: 1", /2:1: this key stands here a second time/],
    [withLine("masking: &a []"), /4:\d+: anchors/],
    [withLine("masking: *a"), /4:10: .*alias/i],
    [withLine("<<: { version: 1 }"), /4:1: merge keys/],
    [withLine("masking: !!seq []"), /4:\d+: tags/],
    [withLine("masking: !other []"), /4:\d+: tags/],
    [`%YAML 1.1\n---\n${withLine("")}`, /directives/],
    [`${withLine("")}---\nversion: 1`, /a second document/],
    [withLine("? [a]\n: 1"), /a key must be plain text/],
    [withLine("\tmasking: []"), /tab/],
    [withLine("masking: ["), /not YAML/],
    [withLine(`masking: ${"[".repeat(100)}${"]".repeat(100)}`), /deep/],
    [withLine("__proto__: 1"), /"__proto__" is not a key here/],
    [`# ${"x".repeat(262_144)}\n`, /bytes; at most/],
    ["version: \uFFFD", /not UTF-8/],
    [withLine("masking: [{ columns: [email], as: redact }]"), /entry 1 of "columns" is "email"; write table.column/],
    [withLine("masking: [{ columns: [a.b.c.d], as: redact }]"), /write table.column/],
    [withLine("retention: { class: SOC 2 }"), /small letters/],
    [withLine("limits: { hold-in-transaction: 1h }"), /choose from 100ms to 600s/],
    ["version: 1\ntargets: { Bad: { protocol: postgres } }\nrules: []", /2:12: "Bad" is no name/],
    ["version: 1\ntargets: {}\nrules: []", /2:10: .*name at least one target/],
    [rule("{ name: default, match: { effects: [read] }, decide: allow }"), /built-in rule/],
    [rule("{ name: a, match: {}, decide: allow }"), /4:\d+: this matches nothing in particular/],
    [rule("{ name: a, match: { not: {} }, decide: allow }"), /matches nothing in particular/],
    [rule("{ name: a, match: { protocol: http }, decide: deny }"), /no target here speaks "http"/],
    [rule("{ name: a, match: { any: [{ target: x }] }, decide: deny }"), /no target is called "x"/],
    [rule("{ name: a, match: { effects: [] }, decide: allow }"), /"effects" is empty; name at least one/],
    [rule("{ name: a, match: { bounded: maybe }, decide: hold }"), /"bounded" is "maybe"; write true or false/],
    [rule("{ name: a, match: { objects: 3 }, decide: hold }"), /"objects" is 3; write/],
    [rule("{ name: a, match: { effects: [read] }, decide: hold, approval: { count: 0 } }"), /at least 1/],
    [
      rule("{ name: a, match: { effects: [read] }, decide: hold, approval: { count: 2, from: { users: [ada] } } }"),
      /only 1 may/,
    ],
    [
      rule("{ name: a, match: { effects: [read] }, decide: hold, approval: { from: { users: ['@ada'] } } }"),
      /without @/,
    ],
    [rule('{ name: a, match: { effects: [read] }, decide: deny, message: "x\\u202Ey" }'), /unseen characters/],
    [
      rule(`{ name: a, match: ${"{ not: ".repeat(9)}{ effects: read }${" }".repeat(9)}, decide: hold }`),
      /nested more than/,
    ],
    [rule("{ match: { effects: [read] } }"), /"name" is missing here/],
  ])("are told for %j", (text, expected) => {
    expect(issuesOf(text).join("\n")).toMatch(expected);
  });

  it("never echo what would fool a terminal", () => {
    expect(issuesOf(withLine('"a\\u202Eb": 1')).join()).toContain("\\u{202E}");
  });

  it("are the only thing thrown, whatever the file", () => {
    const lines = DESIGN.split("\n");
    const words = ["{", "}", "[", "]", ":", "- ", "&a", "*a", "!!x", "null", "~", "'", '"', "|", "<<:", "0x1", "\t"];
    const edit = fc.tuple(
      fc.nat(lines.length),
      fc.nat(60),
      fc.oneof(fc.constantFrom(...words), fc.string({ maxLength: 4 })),
    );
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
        const copy = [...lines];
        for (const [line, column, word] of edits) {
          const old = copy[line] ?? "";
          copy[line] = old.slice(0, column) + word + old.slice(column);
        }
        const text = copy.join("\n");
        for (const issue of issuesOf(text)) expect(issue).toMatch(/^p\.yml:[1-9]\d*:[1-9]\d*: \S/);
      }),
      { numRuns: 300 },
    );
  });
});

it("publishes the schema that it reads by", () => {
  expect(JSON.parse(readFileSync("docs/countersign.schema.json", "utf8"))).toEqual(policyJsonSchema());
});
