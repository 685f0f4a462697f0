// Runs one job of a workflow in the terminal, as actions/runner would, and shows its log:
//
//   node test/runner/main.ts WORKFLOW [--job J] [--secret K=V] [--var K=V] [--input K=V] [--action owner/name@ref=PATH]
//                            [--workspace PATH]
//
// GitHub is one at which nobody answers. Ends with 0 where the job succeeded.

import { parseArgs } from "node:util";
import { deafGitHub } from "./github.ts";
import { startJob } from "./run.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    job: { type: "string" },
    secret: { type: "string", multiple: true, default: [] },
    var: { type: "string", multiple: true, default: [] },
    input: { type: "string", multiple: true, default: [] },
    action: { type: "string", multiple: true, default: [] },
    workspace: { type: "string" },
    event: { type: "string", default: "push" },
  },
});
const [workflow, ...others] = positionals;
if (workflow === undefined || others.length > 0) {
  process.stderr.write("One workflow is needed: node test/runner/main.ts WORKFLOW [--job J] [--secret K=V] …\n");
  process.exit(2);
}

const state = { phase: "" };
const handle = startJob({
  workflow,
  ...(values.job === undefined ? {} : { job: values.job }),
  ...(values.workspace === undefined ? {} : { workspaceFrom: values.workspace }),
  secrets: pairs(values.secret),
  vars: pairs(values.var),
  inputs: pairs(values.input),
  actions: pairs(values.action),
  github: deafGitHub(values.event),
  onLine(line, { phase, step }) {
    const title = step === undefined ? phase : `${phase} ${step}`;
    if (title !== state.phase) process.stdout.write(`\n── ${title}\n`);
    state.phase = title;
    process.stdout.write(`${shown(line)}\n`);
  },
});
// The first Ctrl-C is the button "Cancel".
process.once("SIGINT", () => handle.cancel());
const result = await handle.result;
await result.close();
process.stdout.write(`\n${result.name}: ${result.conclusion}\n`);
for (const { phase, step, summary } of result.phases) {
  if (summary !== undefined) process.stdout.write(`\nsummary of ${phase} ${step ?? ""}:\n${summary}\n`);
}
for (const problem of result.problems) process.stdout.write(`to be mended: ${problem}\n`);
process.exitCode = result.conclusion === "success" || result.conclusion === "skipped" ? 0 : 1;

function pairs(texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    texts.map((text) => {
      const equals = text.indexOf("=");
      if (equals > 0) return [text.slice(0, equals), text.slice(equals + 1)] as const;
      throw new TypeError(`not of the form NAME=VALUE: ${text}`);
    }),
  );
}

function shown(line: string): string {
  const colours: Readonly<Record<string, string>> = {
    error: "31",
    warning: "33",
    notice: "34",
    debug: "35",
    group: "1",
  };
  const match = /^##\[(error|warning|notice|debug|group)\]([\s\S]*)$/.exec(line);
  if (match !== null) return `\u001b[${colours[match[1] ?? ""]}m${match[2]}\u001b[0m`;
  return line === "##[endgroup]" ? "" : line;
}
