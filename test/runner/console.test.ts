import { describe, expect, it } from "vitest";
import { parseCommand } from "./command.ts";
import { createLines } from "./lines.ts";
import { createMasker } from "./masker.ts";
import { play, printed, workflowOf } from "./play.ts";

describe("workflow commands", () => {
  const known = new Set(["error", "group", "set-output"]);

  it("are read with their properties, escapes undone, in both forms", () => {
    expect(parseCommand("  ::error file=a%2Cb.ts,line=3,title=x%3Ay::one%0Atwo %25", known)).toEqual({
      name: "error",
      properties: { file: "a,b.ts", line: "3", title: "x:y" },
      data: "one\ntwo %",
    });
    expect(parseCommand("at 10:00 ##[group]A %5D here", known)).toEqual({
      name: "group",
      properties: {},
      data: "A ] here",
    });
    expect(parseCommand("::ERROR::x", known)?.name).toBe("error");
  });

  it("are plain output where the name is not one, or something stands before it", () => {
    expect(parseCommand("::nothing::x", known)).toBeUndefined();
    expect(parseCommand("say ::error::x", known)).toBeUndefined();
    expect(parseCommand("::error", known)).toBeUndefined();
  });

  it("make annotations, ten of each level in a step, and all of them lines of the log", async () => {
    const body = `
- run: |
    for n in $(seq 12); do echo "::error file=src/a.ts,line=$n,title=Bad::number $n"; done
    echo "::warning::careful" >&2
    echo "::notice::by the way"
    echo "::debug::not shown"
  id: say
`;
    const { annotations, log, outcome } = (await play(workflowOf(body))).phase("main", "say");
    expect(annotations.filter((each) => each.level === "error")).toHaveLength(10);
    expect(annotations[0]).toEqual({
      level: "error",
      message: "number 1",
      properties: { file: "src/a.ts", line: "1", title: "Bad" },
    });
    expect(
      annotations
        .slice(10)
        .map((each) => each.message)
        .toSorted(),
    ).toEqual(["by the way", "careful"]);
    expect(log.filter((line) => line.startsWith("##[error]"))).toHaveLength(12);
    expect(log.filter((line) => line.startsWith("##[debug]"))).toEqual([]);
    // An error that is only said fails nothing.
    expect(outcome).toBe("success");
  });

  it("show what is for debugging only where that was asked for", async () => {
    const result = await play(workflowOf('- run: echo "::debug::shown"; echo "$RUNNER_DEBUG"\n  id: say\n'), {
      secrets: { ACTIONS_STEP_DEBUG: "true" },
    });
    expect(printed(result, "say")).toEqual(["##[debug]shown", "1"]);
  });

  it("stop where they are told to, until the token, and no longer than the step", async () => {
    const body = `
- run: |
    echo "::stop-commands::a-token"
    echo "::error::not one"
    echo "::a-token::"
    echo "::group::one"
    echo "::stop-commands::b-token"
  id: say
- run: echo "::group::two"
  id: again
`;
    const result = await play(workflowOf(body));
    expect(printed(result, "say")).toEqual([
      "::stop-commands::a-token",
      "::error::not one",
      "::a-token::",
      "##[group]one",
      "::stop-commands::b-token",
    ]);
    expect(printed(result, "again")).toEqual(["##[group]two"]);
    expect(result.annotations).toEqual([]);
  });

  it("fail a step that stops them with the name of one of them", async () => {
    const result = await play(workflowOf('- run: echo "::stop-commands::error"\n  id: say\n'));
    expect(result.phase("main", "say")).toMatchObject({ exitCode: 0, outcome: "failure" });
  });

  it("still set outputs, which is a problem to be mended", async () => {
    const body =
      '- run: echo "::set-output name=x::old"\n  id: say\n- run: echo "${{ steps.say.outputs.x }}"\n  id: last\n';
    const result = await play(workflowOf(body));
    expect(printed(result, "last")).toEqual(["old"]);
    expect(result.problems[0]).toContain("`set-output` command is deprecated");
  });

  it("set no variable and no path, and fail the step that tries", async () => {
    const body =
      '- run: echo "::set-env name=A::b"\n  id: say\n- run: echo "::add-path::/tmp"\n  id: path\n  if: always()\n';
    const result = await play(workflowOf(body));
    expect(result.phase("main", "say").outcome).toBe("failure");
    expect(result.phase("main", "path").annotations[1]?.message).toContain("The `add-path` command is disabled");
  });
});

describe("the files of commands", () => {
  it("set variables, paths and outputs for later steps, of many lines too", async () => {
    const body = `
- run: |
    mkdir bin; printf '#!/bin/sh\\necho mine\\n' > bin/tool; chmod +x bin/tool
    echo "$PWD/bin" >> "$GITHUB_PATH"
    { echo "TEXT<<END"; echo "one=1"; echo; echo "two<<x"; echo END; } >> "$GITHUB_ENV"
    echo "A=b=c" >> "$GITHUB_ENV"
    echo "in this step: [$A]"
  id: set
- run: tool; echo "$TEXT"; echo "[$A] \${{ env.A }} [\${{ env.a }}]"
  id: say
`;
    const result = await play(workflowOf(body));
    expect(printed(result, "set")).toEqual(["in this step: []"]);
    expect(printed(result, "say")).toEqual(["mine", "one=1", "", "two<<x", "[b=c] b=c []"]);
  });

  it.each([
    ["no pair", "echo nonsense", "Invalid format 'nonsense'"],
    ["a value without an end", "printf 'A<<END\\nx\\n'", "Invalid value. Matching delimiter not found 'END'"],
    ["no name", "echo '=x'", "Invalid format '=x'. Name must not be empty"],
  ])("fail a step that writes %s", async (_, command, message) => {
    const result = await play(workflowOf(`- run: ${command} >> "$GITHUB_OUTPUT"\n  id: say\n`));
    const { outcome, annotations } = result.phase("main", "say");
    expect(outcome).toBe("failure");
    expect(annotations.map((each) => each.message)).toEqual([
      "Unable to process file command 'output' successfully.",
      message,
    ]);
  });

  it("refuse NODE_OPTIONS, which every later action would obey, and go on", async () => {
    const body =
      '- run: echo "NODE_OPTIONS=--require=/tmp/x" >> "$GITHUB_ENV"\n  id: set\n- run: echo "[$NODE_OPTIONS]"\n  id: say\n';
    const result = await play(workflowOf(body));
    expect(printed(result, "say")).toEqual(["[]"]);
    expect(result.phase("main", "set")).toMatchObject({
      outcome: "success",
      annotations: [
        { level: "error", message: "Can't store NODE_OPTIONS output parameter using '$GITHUB_ENV' command." },
      ],
    });
  });

  it("take a summary of a mebibyte, masked, and none that is larger", async () => {
    const body = `
- run: |
    head -c 1048570 /dev/zero | tr '\\0' x >> "$GITHUB_STEP_SUMMARY"; echo " hush" >> "$GITHUB_STEP_SUMMARY"
  id: fits
- run: |
    head -c 1048577 /dev/zero | tr '\\0' x >> "$GITHUB_STEP_SUMMARY"
  id: large
`;
    const result = await play(workflowOf(body), { secrets: { WORD: "hush" } });
    expect(result.phase("main", "fits").summary?.slice(-6)).toBe("x ***\n");
    const large = result.phase("main", "large");
    expect(large).toMatchObject({ summary: undefined, outcome: "success" });
    expect(large.annotations[0]?.message).toContain("supports content up to a size of 1024k, got 1024k");
  });
});

describe("masks", () => {
  it("cover secrets, each of their lines, the ways they are written, and what a step adds", async () => {
    const body = `
- run: |
    echo "password $PASSWORD and $(printf %s "$PASSWORD" | base64)"
    echo "$KEY"
    echo "::add-mask::a new word"
    echo "this is a new word; $TOKEN" >&2
  id: say
  env:
    PASSWORD: \${{ secrets.PASSWORD }}
    KEY: \${{ secrets.KEY }}
    TOKEN: \${{ github.token }}
`;
    const secrets = { PASSWORD: "cor&rect horse", KEY: "-----BEGIN-----\nabcdef\n-----END-----" };
    const result = await play(workflowOf(body), { secrets });
    const log = result.log.join("\n");
    for (const secret of ["cor&rect", "abcdef", "Y29yJnJl", "BEGIN", "ghs_a_token"]) expect(log).not.toContain(secret);
    expect(printed(result, "say").toSorted()).toEqual(
      ["password *** and ***", "***", "***", "***", "this is ***; ***"].toSorted(),
    );
  });

  it("cover the inputs that the log shows of an action", async () => {
    const body = "- uses: acme/teller@v1\n  id: one\n  with:\n    name: x-${{ secrets.WORD }}\n";
    const result = await play(workflowOf(body), { secrets: { WORD: "hush" } });
    expect(result.phase("pre", "one").log.slice(0, 3)).toEqual([
      "##[group]Run acme/teller@v1",
      "with:",
      "  name: x-***",
    ]);
  });

  it("make one of neighbours, and hide much where a secret has a short line", () => {
    const masker = createMasker();
    masker.add("ab");
    masker.add("cd");
    expect(masker.mask("xabcdx ab")).toBe("x***x ***");
    masker.add("{\n  long line\n}");
    expect(masker.mask("{x}")).toBe("***x***");
  });
});

describe("a step's output", () => {
  it("is cut at each kind of line's end, wherever the chunks are", () => {
    for (const size of [1, 2, 3, 100]) {
      const seen: string[] = [];
      const lines = createLines((line) => seen.push(line));
      const bytes = Buffer.from("one\r\ntwo\rthrée\n\nlast");
      for (let at = 0; at < bytes.length; at += size) lines.take(bytes.subarray(at, at + size));
      lines.end();
      expect(seen).toEqual(["one", "two", "thrée", "", "last"]);
    }
  });
});
