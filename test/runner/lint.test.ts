import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { isShape } from "../standin/shape.ts";
import { workflowLinter } from "./lint.ts";
import { workflowOf } from "./play.ts";

const files = [".github", "examples"].flatMap((folder) =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.ya?ml$/.test(name))
    .map((name) => join(folder, name)),
);
// A workflow has jobs; the policies that stand beside some of them have not.
const workflows = files.filter((path) => {
  const parsed: unknown = parse(readFileSync(path, "utf8"));
  return isShape(parsed) && parsed["jobs"] !== undefined;
});

describe("the project's workflows", () => {
  let lint: Awaited<ReturnType<typeof workflowLinter>>;
  beforeAll(async () => {
    lint = await workflowLinter();
  });

  it("are seen", () => {
    expect(workflows).toContain(".github/workflows/ci.yml");
  });

  it.each(workflows)("%s has nothing wrong with it", (path) => {
    expect(lint(readFileSync(path, "utf8"), path)).toEqual([]);
  });

  it.each([
    ["a context that is none", workflowOf("- run: echo ${{ githubb.sha }}\n"), 'undefined variable "githubb"'],
    ["an unknown label", workflowOf("- run: x\n").replace("24.04", "23.04"), 'label "ubuntu-23.04" is unknown'],
    ["a step that is none", workflowOf("- name: x\n"), "step must run script with"],
    ["an unknown permission", workflowOf("- run: x\n", "permissions: { content: read }"), 'scope "content"'],
    [
      "what people write in a script",
      workflowOf("- run: echo ${{ github.event.issue.title }}\n"),
      "potentially untrusted",
    ],
  ])("would be found out if they had %s", (_, text, message) => {
    expect(lint(text, "test.yml").map((each) => each.message)).toEqual([expect.stringContaining(message)]);
  });

  it.each([
    ["a new label", workflowOf("- run: x\n")],
    ["a new permission", workflowOf("- run: x\n", "permissions: { attestations: write }")],
    ["variables", workflowOf("- run: echo ${{ vars.X }}\n")],
    ["the job's check run", workflowOf("- run: echo ${{ job.check_run_id }}\n")],
  ])("may have what is newer than the linter: %s", (_, text) => {
    expect(lint(text, "test.yml")).toEqual([]);
  });
});
