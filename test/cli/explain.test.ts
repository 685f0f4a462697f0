import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { explain } from "../../src/cli/explain.ts";

async function run(args: readonly string[], stdin: readonly Uint8Array[] = []) {
  const out: string[] = [];
  const err: string[] = [];
  const code = await explain(args, {
    stdin: (async function* () {
      yield* stdin;
    })(),
    out: (line) => out.push(line),
    err: (line) => err.push(line),
    readFile: (path) => readFileSync(path, "utf8"),
  });
  return { code, out, err };
}

const POSTGRES = ["--protocol", "postgres"];
const POLICY = ["--policy", "test/corpus/policy.yml"];
const bytes = (text: string) => new TextEncoder().encode(text);

describe("countersign explain", () => {
  it("tells a person what a text would do and what the policy decides", async () => {
    const { code, out } = await run([...POSTGRES, ...POLICY, "DELETE FROM users"]);
    expect(code).toBe(0);
    expect(out.join("\n")).toMatch(
      /effects +delete\nobjects +users\nbounded +no[\s\S]*decision +hold, by rule everything-else/,
    );
  });

  it("reads the text from standard input and answers in JSON", async () => {
    const { out } = await run([...POSTGRES, "--json"], [bytes("SELECT "), bytes("1")]);
    expect(JSON.parse(out[0] ?? "")).toEqual({ effects: ["read"], objects: [], bounded: true, why: [] });
  });

  it("answers lines in order, however they are cut, with setups and exact bytes", async () => {
    const lines = [
      { id: "a", input: "SELECT 'é'" },
      { id: 2, input: "EXECUTE p", setup: ["PREPARE p AS DELETE FROM t"] },
      { id: "c", input: "", input_b64: Buffer.from([0x53, 0xc0, 0xa7]).toString("base64") },
    ];
    const whole = bytes(lines.map((each) => JSON.stringify(each)).join("\n\n"));
    for (const size of [1, 7, 1_000]) {
      const chunks = Array.from({ length: Math.ceil(whole.length / size) }, (_, at) =>
        whole.slice(at * size, (at + 1) * size),
      );
      const { code, out } = await run([...POSTGRES, "--jsonl", ...POLICY], chunks);
      expect(code).toBe(0);
      expect(out.map((line): unknown => JSON.parse(line))).toEqual([
        { id: "a", effects: ["read"], objects: [], bounded: true, decision: "allow", rule: "harmless" },
        { id: 2, effects: ["delete"], objects: ["t"], bounded: false, decision: "hold", rule: "everything-else" },
        {
          id: "c",
          effects: ["admin", "unknown"],
          objects: [],
          bounded: false,
          decision: "deny",
          rule: "guards-and-privileges",
        },
      ]);
    }
  });

  it("shows nothing that could move a terminal's cursor", async () => {
    const { out } = await run([...POSTGRES, 'SELECT * FROM "a\u001b[2Jb\u202e"']);
    expect(out.join("\n")).toContain("a\\u{1b}[2Jb\\u{202e}");
  });

  it.each([
    [[], "--protocol postgres"],
    [["--protocol", "cobol", "x"], "cannot be explained"],
    [[...POSTGRES, "a", "b"], "more than one text"],
    [[...POSTGRES, "--nonsense"], "--nonsense"],
    [[...POSTGRES, "--policy", "/nowhere.yml", "x"], "cannot be read"],
    [[...POSTGRES, "--target", "x", "y"], "without --policy"],
    [[...POSTGRES, ...POLICY, "--target", "nobody", "x"], "it has fixture"],
    [[...POSTGRES, "--jsonl", "x"], "takes no TEXT"],
  ])("says what would be right when used like %j", async (args, words) => {
    const { code, err } = await run(args);
    expect(code).toBe(2);
    expect(err.join("\n")).toContain(words);
  });

  it.each(["x", "[]", '{"id":1}', '{"id":1,"input":2}'])("stops at the line %j and names it", async (line) => {
    const { code, err } = await run([...POSTGRES, "--jsonl"], [bytes(`{"id":0,"input":"SELECT 1"}\n${line}`)]);
    expect(code).toBe(2);
    expect(err.join("\n")).toContain("line 2");
  });
});
