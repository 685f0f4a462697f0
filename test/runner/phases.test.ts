import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { parseJson, type Shape, shapeAt } from "../standin/shape.ts";
import { ACTIONS, play, printed, workflowOf } from "./play.ts";
import type { JobResult } from "./result.ts";

const TWO = `
- run: echo first
- uses: acme/teller@v1
  id: one
  with:
    name: one
- uses: acme/teller@v1
  id: two
  with:
    name: \${{ steps.one.outputs.told || 'nothing told' }}
- run: echo "\${{ steps.one.outputs.told }}"
  id: last
`;

function told(result: JobResult, name: string): Shape {
  return shapeAt(parseJson(readFileSync(join(result.folders.temp, `${name}.json`), "utf8")));
}

function workspace(): string {
  const folder = mkdtempSync(join(tmpdir(), "workspace-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

describe("the phases of a job", () => {
  it("runs every pre before any step, and the posts in reverse", async () => {
    const result = await play(workflowOf(TWO));
    expect(result.phases.map((each) => `${each.phase} ${each.step ?? ""}`.trim())).toEqual([
      "set up job",
      "pre one",
      "pre two",
      "main __run",
      "main one",
      "main two",
      "main last",
      "post two",
      "post one",
      "complete job",
    ]);
    expect(result.conclusion).toBe("success");
    expect(printed(result, "last")).toEqual(["second of one"]);
    expect(result.phase("post", "one").log).toEqual(["Post job cleanup.", "one tells of its third phase"]);
  });

  it("gives a pre no outputs of steps, and evaluates inputs anew for each phase", async () => {
    const result = await play(workflowOf(TWO));
    expect(told(result, "nothing told-first")["INPUT_NAME"]).toBe("nothing told");
    expect(told(result, "second of one-second")["INPUT_NAME"]).toBe("second of one");
  });

  it("has defaults of inputs with expressions, names as variables, and state from phase to phase", async () => {
    const result = await play(workflowOf(TWO));
    const [pre, main, post] = ["one-first", "one-second", "one-third"].map((each) => told(result, each));
    expect(pre).toMatchObject({
      INPUT_NAME: "one",
      "INPUT_CHECK-RUN": "3001",
      INPUT_WITH_SPACE: "spaced",
      INPUT_TOKEN: "ghs_a_token_that_nobody_knows",
    });
    expect(pre).not.toHaveProperty("STATE_phase");
    expect(main?.["STATE_phase"]).toBe("first");
    expect(post?.["STATE_phase"]).toBe("second");
  });

  it("runs no pre of a local action, warns of it, and runs its post", async () => {
    const folder = workspace();
    cpSync(ACTIONS["acme/teller"], join(folder, "tell"), { recursive: true });
    const result = await play(workflowOf("- uses: ./tell\n  id: here\n  with:\n    name: local\n"), {
      workspaceFrom: folder,
    });
    expect(result.phases.map((each) => each.phase)).toEqual(["set up job", "main", "post", "complete job"]);
    expect(result.annotations.map((each) => each.message)).toEqual([
      "`pre` execution is not supported for local action from './tell'",
    ]);
  });

  it("fails a local action that no checkout has brought yet", async () => {
    const result = await play(workflowOf("- uses: ./tell\n"));
    expect(result.conclusion).toBe("failure");
    expect(result.annotations[0]?.message).toContain("Can't find 'action.yml'");
  });

  it("runs the post of an action whose main was skipped, for its pre had run", async () => {
    const body = "- run: exit 1\n- uses: acme/teller@v1\n  id: one\n  with:\n    name: one\n";
    const result = await play(workflowOf(body));
    expect(result.phase("main", "one").outcome).toBe("skipped");
    expect(result.phase("post", "one").outcome).toBe("success");
    expect(result.conclusion).toBe("failure");
  });

  it("keeps an action where a real runner keeps it, and starts it in the workspace with Node 24", async () => {
    const result = await play(workflowOf("- uses: acme/teller@feature/x\n  id: one\n  with:\n    name: one\n"));
    const { cwd } = told(result, "one-second");
    expect(cwd).toBe(result.folders.workspace);
    expect(result.folders.workspace).toBe(join(result.folders.home, "work", "shop", "shop"));
    const copied = join(result.folders.home, "work", "_actions", "acme", "teller", "feature_x", "action.yml");
    expect(readFileSync(copied, "utf8")).toContain("name: Teller");
  });

  it("sets what a runner sets, which a workflow cannot replace, and nothing of the tests' own", async () => {
    const body =
      "- uses: acme/teller@v1\n  with:\n    name: one\n  env:\n    OWN: mine\n    GITHUB_REPOSITORY: other\n";
    const result = await play(workflowOf(body));
    const main = told(result, "one-second");
    expect(main).toMatchObject({
      CI: "true",
      GITHUB_ACTIONS: "true",
      GITHUB_REPOSITORY: "acme/shop",
      GITHUB_ACTION: "__acme_teller",
      GITHUB_ACTION_REPOSITORY: "acme/teller",
      GITHUB_ACTION_REF: "v1",
      GITHUB_REF_NAME: "main",
      RUNNER_OS: "Linux",
      RUNNER_TRACKING_ID: result.trackingId,
      HOME: result.folders.home,
      OWN: "mine",
      ACTIONS_RUNTIME_URL: "http://127.0.0.1:9/_services/pipelines/",
    });
    for (const name of ["ACTIONS_ID_TOKEN_REQUEST_URL", "GITHUB_TOKEN", "GITHUB_EVENT"]) {
      expect(main).not.toHaveProperty(name);
    }
    expect(Object.keys(main).filter((name) => /VITEST|NODE_ENV|npm_/.test(name))).toEqual([]);
  });

  it("gives the service's token to actions and not to scripts, and the id token's to both", async () => {
    const body = '- run: echo "[$ACTIONS_RUNTIME_TOKEN] ${ACTIONS_ID_TOKEN_REQUEST_URL%%\\?*}"\n  id: say\n';
    const result = await play(workflowOf(body, "permissions: { id-token: write }"));
    expect(printed(result, "say")).toEqual(["[] http://127.0.0.1:9/idtoken"]);
  });

  it("warns of inputs that an action has not, and of those it no longer wants", async () => {
    const result = await play(
      workflowOf("- uses: acme/teller@v1\n  id: one\n  with:\n    name: one\n    nmae: typo\n    old: x\n"),
    );
    expect(result.phase("main", "one").annotations.map((each) => each.message)).toEqual([
      "Input 'old' has been deprecated with message: use name",
      "Unexpected input(s) 'nmae', valid inputs are ['name', 'token', 'check-run', 'with space', 'old']",
    ]);
  });

  it("goes on after a step that may fail, and says of it what it was and what it counts as", async () => {
    const body = `
- run: exit 4
  id: may
  continue-on-error: true
- run: echo "\${{ steps.may.outcome }} \${{ steps.may.conclusion }} \${{ job.status }}"
  id: say
`;
    const result = await play(workflowOf(body));
    expect(printed(result, "say")).toEqual(["failure success success"]);
    expect(result.phase("main", "may")).toMatchObject({ exitCode: 4, outcome: "failure", conclusion: "success" });
    expect(result.conclusion).toBe("success");
  });

  it("runs what a failed job still wants, and no more", async () => {
    const body = `
- run: exit 1
- run: echo no
  id: plain
- run: echo no
  id: plainly
  if: github.repository == 'acme/shop'
- run: echo yes
  id: failed
  if: failure()
- run: echo yes
  id: anyway
  if: \${{ always() && github.event_name == 'push' }}
- run: echo no
  id: cancelled
  if: cancelled()
`;
    const result = await play(workflowOf(body));
    const outcomes = ["plain", "plainly", "failed", "anyway", "cancelled"].map(
      (id) => result.phase("main", id).outcome,
    );
    expect(outcomes).toEqual(["skipped", "skipped", "success", "success", "skipped"]);
  });

  it("runs scripts with the shell that was asked for, in the folder that was asked for", async () => {
    const folder = workspace();
    mkdirSync(join(folder, "deep"));
    writeFileSync(join(folder, "deep", "file"), "");
    const body = `
- run: false | true; ls; echo "$0"
  id: plain
  working-directory: deep
- run: false | true
  id: bash
  shell: bash
- run: print(6 * 7)
  id: python
  shell: python
  if: always()
- run: echo "given $1" more
  id: own
  shell: sh {0} words
  if: always()
`;
    const result = await play(workflowOf(body), { workspaceFrom: folder });
    expect(printed(result, "plain")[0]).toBe("file");
    expect(result.phase("main", "plain").log.find((line) => line.startsWith("shell:"))).toMatch(/bash -e \{0\}$/);
    // Who asks for bash by name gets pipefail, who asks for nothing does not.
    expect(result.phase("main", "bash").exitCode).toBe(1);
    expect(printed(result, "python")).toEqual(["42"]);
    expect(printed(result, "own")).toEqual(["given words more"]);
  });

  it("gives steps an input that is at its end, and outputs that can be opened again", async () => {
    const result = await play(
      workflowOf("- run: cat; cat /dev/stdin; echo out > /dev/stdout; echo err > /dev/stderr\n  id: say\n"),
    );
    expect(printed(result, "say").toSorted()).toEqual(["err", "out"]);
  });

  it("hands on a job's outputs, but none that holds a secret", async () => {
    const body =
      '- run: |\n    echo "fine=12" >> "$GITHUB_OUTPUT"\n    echo "bad=x$SECRET" >> "$GITHUB_OUTPUT"\n  id: say\n  env:\n    SECRET: ${{ secrets.PASSWORD }}\n';
    const outputs = "outputs:\n  fine: ${{ steps.say.outputs.fine }}\n  bad: ${{ steps.say.outputs.bad }}";
    const result = await play(workflowOf(body, outputs), { secrets: { PASSWORD: "a word to keep" } });
    expect(result.outputs).toEqual({ fine: "12" });
  });

  it("runs a background step beside the others only where it is told to play that", async () => {
    const body =
      "- run: until test -e go; do sleep 0.02; done; echo went\n  id: beside\n  background: true\n- run: touch go\n";
    await expect(async () => await play(workflowOf(body))).rejects.toThrow('unless told to simulate "background"');
    const result = await play(workflowOf(body), { simulate: ["background"] });
    expect(printed(result, "beside")).toEqual(["went"]);
  });
});
