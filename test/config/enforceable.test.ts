import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { lineOf } from "../../src/config/config-error.ts";
import { type EnforcedControls, unenforceable } from "../../src/config/enforceable.ts";
import { readPolicy } from "../../src/config/policy-file.ts";

const everything: EnforcedControls = {
  recordCommand: true,
  recordResponse: true,
  maskRecord: true,
  maskDelivery: true,
  hold: true,
  deny: true,
  guard: true,
  facts: ["method", "path", "command"],
};

function told(text: string, controls: EnforcedControls | undefined): string[] {
  return unenforceable(readPolicy(text, "p.yml"), () => controls).map(lineOf);
}

const policy = (rest: string, target = "protocol: postgres") =>
  `version: 1\ntargets:\n  appdb: { ${target} }\nrules:\n  - { name: a, match: { effects: [read] }, decide: hold }\n${rest}`;

it("finds nothing to say of a policy whose protocols do all that it asks", () => {
  expect(told(readFileSync("examples/countersign.yml", "utf8"), everything)).toEqual([]);
  expect(told(policy("", "protocol: postgres, guard: read-only"), everything)).toEqual([]);
});

it.each([
  ["recordCommand", /3:3: target appdb \(postgres\) does not record commands/],
  ["recordResponse", /3:3: .*record responses/],
  ["maskRecord", /3:3: .*does not mask/],
  ["hold", /3:3: .*cannot hold/],
  ["deny", /3:3: .*cannot deny/],
  ["guard", /3:3: .*guard: read-only/],
] as const)("stops on %s where the protocol does not enforce it", (control, expected) => {
  const text = policy("masking: [{ columns: [a.b], as: redact }]", "protocol: postgres, guard: read-only");
  const issues = told(text, { ...everything, [control]: false });
  expect(issues).toHaveLength(1);
  expect(issues[0]).toMatch(expected);
});

it.each([
  [
    "when",
    policy('  - { name: b, match: { any: [{ when: "true" }] }, decide: deny }'),
    /6:\d+: "when" is not enforced/,
  ],
  ["detect", policy("masking:\n  - detect: [email]"), /7:5: "detect" is not enforced/],
  ["deliver", policy('masking:\n  - deliver: [{ columns: ["*.ssn"], as: redact }]'), /7:5: "deliver" is not enforced/],
  ["sync", policy("", "protocol: postgres, sync: true"), /3:3: .*fdatasync/],
])("stops on %s, which this version does not enforce", (_, text, expected) => {
  const issues = told(text, everything);
  expect(issues).toHaveLength(1);
  expect(issues[0]).toMatch(expected);
});

it("stops on a fact that no target's protocol tells, however deep it stands", () => {
  const text = policy("  - { name: b, match: { not: { all: [{ method: GET }] } }, decide: deny }");
  const { facts: _, ...silent } = everything;
  expect(told(text, everything)).toEqual([]);
  expect(told(text, silent)).toEqual(['p.yml:6:38: no target\'s protocol tells the "method" of a command; remove it.']);
});

it("stops on a protocol that there is not", () => {
  expect(told(policy(""), undefined)).toEqual([
    'p.yml:3:3: target appdb: there is no protocol "postgres" in this version.',
  ]);
});
