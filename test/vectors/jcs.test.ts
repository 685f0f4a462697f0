import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { CanonicalError, canonical } from "../../src/journal/jcs.ts";
import { vectorsFolder } from "./folder.ts";

// RFC 8785's own inputs and outputs: https://github.com/cyberphone/json-canonicalization/tree/19d51d7/testdata
// Two are carried here; the rest are read where the folder is at hand. Those with fractions have no form here.

const CARRIED = {
  "french.json": {
    input:
      '{"peach": "This sorting order", "péché": "is wrong according to French", "pêche": "but canonicalization MUST", "sin": "ignore locale"}',
    output:
      '{"peach":"This sorting order","péché":"is wrong according to French","pêche":"but canonicalization MUST","sin":"ignore locale"}',
  },
  "unicode.json": {
    input: '{"Unnormalized Unicode":"A\\u030a"}',
    output: '{"Unnormalized Unicode":"A\u030a"}',
  },
  "weird, in part": {
    input:
      '{"\\u20ac":"Euro","\\r":"CR","\\u000a":"LF","1":"One","\\u0080":"Control","\\ud83d\\ude02":"Smiley","</script>":"Tag"}',
    output: '{"\\n":"LF","\\r":"CR","1":"One","</script>":"Tag","\u0080":"Control","€":"Euro","😂":"Smiley"}',
  },
} as const;

const folder = vectorsFolder();
const NAMES = ["arrays", "french", "structures", "unicode", "values", "weird"];
const found =
  folder === undefined ? [] : NAMES.filter((name) => existsSync(join(folder, "jcs", "input", `${name}.json`)));
const cases = [
  ...Object.entries(CARRIED).map(([name, { input, output }]) => ({ name, input, output: output as string })),
  ...found.map((name) => ({
    name,
    input: readFileSync(join(folder ?? "", "jcs", "input", `${name}.json`), "utf8"),
    output: readFileSync(join(folder ?? "", "jcs", "output", `${name}.json`), "utf8").trimEnd(),
  })),
];

/** Has it a number that is no integer; those the RFC's general form keeps and ours refuses. */
const hasFraction = (output: string): boolean =>
  /[0-9][.eE][-+0-9]/.test(output.replaceAll(/"(?:[^"\\]|\\.)*"/g, '""'));

describe("published canonical forms", () => {
  it.each(cases.filter(({ output }) => !hasFraction(output)))("$name", ({ input, output }) => {
    expect(canonical(JSON.parse(input))).toBe(output);
  });

  it("with fractions are refused", () => {
    const fractions = [...cases.filter(({ output }) => hasFraction(output)), { input: '{"a":0.5}' }];
    for (const { input } of fractions) expect(() => canonical(JSON.parse(input))).toThrow(CanonicalError);
  });
});
