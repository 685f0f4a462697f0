// Runs a workflow that a test writes, with the fixtures' actions, and cleans up when the test is over.

import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { JobHandle, JobOptions } from "./options.ts";
import type { JobResult } from "./result.ts";
import { startJob } from "./run.ts";

const FIXTURES = join(import.meta.dirname, "fixtures");

export const ACTIONS = {
  "acme/teller": join(FIXTURES, "teller"),
  "acme/daemon": join(FIXTURES, "daemon"),
  "acme/stubborn": join(FIXTURES, "stubborn"),
} as const;

/** The runner's own times a fiftieth as long: 100 ms for the end of output, 150 and 50 ms for signals. */
export const HURRIED = 0.02;

/** `body` is the job's steps, as they stand below `steps:`, with no indentation. */
export function workflowOf(body: string, more = ""): string {
  const steps = body.trimEnd().replaceAll(/^(?=.)/gm, "      ");
  const extra = more === "" ? "" : `${more.replaceAll(/^(?=.)/gm, "    ")}\n`;
  return `on: push\njobs:\n  work:\n    runs-on: ubuntu-24.04\n${extra}    steps:\n${steps}\n`;
}

export function start(text: string, options: Partial<JobOptions> = {}): JobHandle {
  const actions = { ...ACTIONS, ...options.actions };
  const handle = startJob({ timeScale: HURRIED, ...options, workflow: "test.yml", text, actions });
  onTestFinished(async () => {
    const result = await handle.result.catch(() => undefined);
    await result?.close();
  });
  return handle;
}

export async function play(text: string, options: Partial<JobOptions> = {}): Promise<JobResult> {
  return await start(text, options).result;
}

/** What a step printed, without what the runner printed before it. */
export function printed(result: JobResult, step: string, phase: "pre" | "main" | "post" = "main"): readonly string[] {
  const { log } = result.phase(phase, step);
  return log.slice(log.indexOf("##[endgroup]") + 1);
}
