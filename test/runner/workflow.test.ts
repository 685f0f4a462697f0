import { describe, expect, it } from "vitest";
import { checkJob } from "./check.ts";
import { fill, fillValue, holds, type Scope } from "./expression/evaluate.ts";
import { NotUnderstood } from "./expression/tree.ts";
import { play, printed, workflowOf } from "./play.ts";
import { runMatrix } from "./run.ts";
import { readWorkflow } from "./workflow.ts";

function read(text: string): void {
  for (const job of readWorkflow(text, "deploy.yml").jobs.values()) checkJob(job);
}

describe("what the runner for tests does not play", () => {
  it.each([
    [
      "a key of a workflow",
      "on: push\nenvs: {}\njobs: {}\n",
      'deploy.yml: this runner for tests does not understand "envs"',
    ],
    [
      "a key of a job",
      workflowOf("- run: x\n", "services: {}"),
      "deploy.yml: jobs.work: this runner for tests does not",
    ],
    [
      "a key of a step",
      workflowOf("- run: x\n  retry: 3\n"),
      'jobs.work.steps[0]: this runner for tests does not understand "retry"',
    ],
    ["waiting for steps", workflowOf("- wait: a\n"), "a step has either uses or run"],
    ["inputs of a script", workflowOf("- run: x\n  with: {}\n"), 'does not understand "with"'],
    [
      "a permission that is none",
      workflowOf("- run: x\n", "permissions: { content: read }"),
      'there is no permission "content"',
    ],
    ["access that is none", workflowOf("- run: x\n", "permissions: { contents: admin }"), "read, write or none"],
    ["an unknown function", workflowOf("- run: echo ${{ hashFiles('x') }}\n"), "no function hashFiles()"],
    ["an unknown context", workflowOf("- run: x\n  if: jobs.x\n"), 'steps[0].if: there is no context "jobs"'],
    ["a filter", workflowOf("- run: echo ${{ github.event.commits.*.id }}\n"), "does not understand the expression"],
    ["an open expression", workflowOf("- run: echo ${{ github.sha\n"), "an expression is not closed"],
    ["containers as actions", workflowOf("- uses: docker://alpine\n"), 'plays no "uses: docker://alpine"'],
    ["the repository itself as an action", workflowOf("- uses: $/.github/actions/x\n"), "plays no"],
    ["an action without a version", workflowOf("- uses: acme/teller\n"), "is not owner/name@ref"],
    ["an excluded combination", workflowOf("- run: x\n", "strategy: { matrix: { exclude: [] } }"), 'no "exclude"'],
    ["a text where a mapping belongs", workflowOf("- run: x\n  env: X\n"), "steps[0].env: a mapping is needed here"],
  ])("is refused by its place: %s", (_, text, message) => {
    expect(() => read(text)).toThrow(NotUnderstood);
    expect(() => read(text)).toThrow(message);
  });

  it("is refused before anything runs: an action without a folder, containers, other systems", async () => {
    await expect(async () => await play(workflowOf("- uses: acme/none@v1\n"))).rejects.toThrow("no folder was given");
    const container = workflowOf("- run: x\n", "container: node:24");
    await expect(async () => await play(container)).rejects.toThrow('unless told to simulate "container"');
    const windows = workflowOf('- run: echo "$RUNNER_OS ${{ runner.os }}"\n  id: say\n').replace(
      "ubuntu-24.04",
      "windows-2025",
    );
    await expect(async () => await play(windows)).rejects.toThrow('unless told to simulate "os"');
    expect(printed(await play(windows, { simulate: ["os"] }), "say")).toEqual(["Windows Windows"]);
  });

  it("ends the job with an error where it is found only on the way", async () => {
    const job = play(workflowOf("- run: sleep 20 & echo\n- run: echo ${{ github.shaa }}\n"));
    await expect(job).rejects.toThrow('this runner knows no "github.shaa"');
  });
});

describe("expressions", () => {
  const scope: Scope = {
    contexts: {
      github: { event_name: "push", event: { number: 7, labels: [{ name: "a" }, { name: "b" }] } },
      env: { A: "1" },
      secrets: { TOKEN: "x" },
      matrix: { list: ["one", "two"] },
    },
  };

  it.each([
    ["${{ github.event.number }}", 7],
    ["${{ GitHub.EVENT_NAME }}", "push"],
    ["n${{ github.event.number }}-${{ env.A }}", "n7-1"],
    ["${{ github.event.labels[1].name }}", "b"],
    ["${{ github['event_name'] }}", "push"],
    ["${{ env.a }}", null],
    ["${{ secrets.NONE }}", null],
    ["${{ secrets.NONE == '' }}", true],
    ["${{ 'PUSH' == github.event_name }}", true],
    ["${{ '7' == 7 && 1 < 2 }}", true],
    ["${{ !env.A || 'other' }}", "other"],
    ["${{ github.event_name == 'push' && 'yes' || 'no' }}", "yes"],
    ["${{ (false || null) == false }}", true],
    ["${{ format('{0} {{}} {1}', 'a', 2) }}", "a {} 2"],
    ["${{ contains(matrix.list, 'TWO') && startsWith('refs/heads/x', 'refs/') }}", true],
    ["${{ join(matrix.list, '+') }}", "one+two"],
    ["${{ fromJSON('{\"a\": [1]}').a[0] }}", 1],
    ["${{ 'it''s }} fine' }}", "it's }} fine"],
    ["${{ toJSON(matrix.list) }}", '[\n  "one",\n  "two"\n]'],
  ])("%s is %j", (text, value) => {
    expect(fillValue(text, scope)).toEqual(value);
  });

  it("are lists and objects only to other expressions", () => {
    expect(fill("${{ matrix.list }} ${{ matrix }}", scope)).toBe("Array Object");
  });

  it("put success() before a condition that does not ask for the status itself", () => {
    const failed = { ...scope, status: "failure" } as const;
    expect(holds("github.event_name == 'push'", failed)).toBe(false);
    expect(holds("always() && github.event_name == 'push'", failed)).toBe(true);
    expect(holds("${{ failure() }}", failed)).toBe(true);
    expect(holds("!cancelled()", failed)).toBe(true);
    expect(holds("", failed)).toBe(false);
  });

  it("may ask for the status in conditions alone, and for nothing that is not there", () => {
    expect(() => fill("${{ success() }}", scope)).toThrow("in conditions alone");
    expect(() => fill("${{ steps.x }}", scope)).toThrow('"steps" is not to be had here');
  });
});

describe("a job's matrix", () => {
  const text = workflowOf(
    '- run: test "${{ matrix.way }}" != bad; echo "${{ matrix.way }} $N"\n  id: say\n  env:\n    N: ${{ matrix.n }}\n- run: sleep 30\n',
    "strategy:\n  matrix: { way: [bad, good], n: [1, 2] }",
  );

  it("runs each combination as a job of its own, and one that fails cancels the rest", async () => {
    const results = await runMatrix({ workflow: "test.yml", text, timeScale: 0.02 });
    await Promise.all(results.map(async (each) => await each.close()));
    expect(results.map((each) => each.name)).toEqual([
      "work (bad, 1)",
      "work (bad, 2)",
      "work (good, 1)",
      "work (good, 2)",
    ]);
    expect(new Set(results.map((each) => each.trackingId)).size).toBe(4);
    const good = results.slice(2).map((each) => each.conclusion);
    expect(good).toEqual(["cancelled", "cancelled"]);
    expect(results.some((each) => each.conclusion === "failure")).toBe(true);
  });

  it("goes on beside one that fails where it is told to, as many at a time as it says", async () => {
    const slow = text
      .replace("matrix:", "fail-fast: false\n      max-parallel: 3\n      matrix:")
      .replace("sleep 30", "true");
    const results = await runMatrix({ workflow: "test.yml", text: slow, timeScale: 0.02 });
    await Promise.all(results.map(async (each) => await each.close()));
    expect(results.map((each) => each.conclusion)).toEqual(["failure", "failure", "success", "success"]);
  });
});
