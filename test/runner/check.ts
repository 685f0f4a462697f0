// Finds what a job's expressions ask and this runner has not, before anything runs: in a step that is skipped, too.

import { checkCondition, checkTemplate } from "./expression/evaluate.ts";
import { NotUnderstood } from "./expression/tree.ts";
import type { Job, Step } from "./workflow.ts";

/** Throws `NotUnderstood` with the place of the first expression that cannot be played. */
export function checkJob(job: Job): void {
  const where = `jobs.${job.id}`;
  at(`${where}.if`, () => checkCondition(job.condition));
  for (const text of [job.name, ...job.env.flatMap((each) => Object.values(each)), ...Object.values(job.outputs)]) {
    at(where, () => checkTemplate(text));
  }
  for (const [index, step] of job.steps.entries()) checkStep(step, `${where}.steps[${index}]`);
}

function checkStep(step: Step, where: string): void {
  at(`${where}.if`, () => checkCondition(step.condition));
  const { name, run, shell, workingDirectory, continueOnError, timeoutMinutes } = step;
  const texts = [name, run, shell, workingDirectory, continueOnError, timeoutMinutes];
  for (const text of [...texts, ...Object.values(step.with), ...Object.values(step.env)]) {
    at(where, () => checkTemplate(text ?? ""));
  }
  if (step.uses !== undefined) at(where, () => checkUses(step.uses ?? ""));
}

function checkUses(uses: string): void {
  if (uses.startsWith("./")) return;
  if (/^(?:docker:|\$\/)/.test(uses)) throw new NotUnderstood(`this runner plays no "uses: ${uses}"`);
  if (!/^[\w.-]+\/[\w.-]+(?:\/[\w./-]+)?@[\w./-]+$/.test(uses)) {
    throw new NotUnderstood(`"uses: ${uses}" is not owner/name@ref, owner/name/path@ref or ./path`);
  }
}

function at(where: string, check: () => void): void {
  try {
    check();
  } catch (error) {
    if (!(error instanceof NotUnderstood)) throw error;
    throw new NotUnderstood(`${where}: ${error.message}`, { cause: error });
  }
}
