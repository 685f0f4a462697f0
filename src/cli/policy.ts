// `countersign policy check FILE` and `countersign policy test FILE`: is a policy right, and does it decide what its
// operator means it to decide. Asks no server and changes nothing.
import { dirname, resolve } from "node:path";
import { ConfigError, type ConfigIssue, lineOf } from "../config/config-error.ts";
import { type EnforcedControls, unenforceable } from "../config/enforceable.ts";
import { type PolicyExample, readPolicyExamples } from "../config/policy-examples.ts";
import { readPolicy } from "../config/policy-file.ts";
import { visibleLine } from "../masking/display.ts";
import { type CompiledPolicy, compile, decide } from "../policy/decide.ts";
import type { Judged } from "../policy/match.ts";
import type { Policy } from "../policy/policy.ts";

export interface PolicyIo {
  /** The file's text. Throws when it cannot be read. */
  readonly readFile: (path: string) => string;
  readonly out: (line: string) => void;
  readonly err: (line: string) => void;
  /** What a text of SQL would do, on a fresh connection. */
  readonly read: (text: string) => Judged;
  /** What each protocol enforces; undefined for one that there is not. Not given: that is not checked. */
  readonly controlsOf?: (protocol: string) => EnforcedControls | undefined;
}

const USAGE = `usage: countersign policy check FILE [--json]
       countersign policy test FILE

check says of a policy whether it is good, and every error of it with line and column. Nothing is connected to.
test runs your own examples of what a policy should decide. FILE holds, as YAML:

  policy: countersign.yml            # from this file's folder
  cases:
    - { name: reads pass, target: appdb, sql: SELECT 1, expect: allow }
    - { name: deletes wait, target: appdb, sql: DELETE FROM carts, expect: hold, rule: destructive }

A case may also give branch, environment, event and actor; "effects", "objects" and "bounded" in place of "sql" say
what a command would do.

Exit codes: 0 good, 1 not good, 2 wrong use.`;

/** Runs the command with the arguments behind `policy`. Returns the exit code: 0 good, 1 not good, 2 wrong use. */
export function policy(args: readonly string[], io: PolicyIo): number {
  if (args.includes("--help")) {
    io.out(USAGE);
    return 0;
  }
  const flags = args.filter((arg) => arg.startsWith("-"));
  const [verb, file, ...more] = args.filter((arg) => !arg.startsWith("-"));
  const knownFlags = verb === "check" ? ["--json"] : [];
  const wrong = file === undefined || more.length > 0 || flags.some((flag) => !knownFlags.includes(flag));
  if (wrong || (verb !== "check" && verb !== "test")) {
    io.err(USAGE);
    return 2;
  }
  const content = contentOf(file, io);
  if (content === undefined) return 2;
  return verb === "check" ? check(file, content, { io, json: flags.includes("--json") }) : test(file, content, io);
}

function check(file: string, content: string, { io, json }: { readonly io: PolicyIo; readonly json: boolean }): number {
  const { found, issues } = examined(file, content, io);
  if (json) {
    const good = issues.length === 0;
    io.out(JSON.stringify({ file, good, digest: found?.digest ?? null, rules: found?.rules.length ?? 0, issues }));
  } else if (found !== undefined && issues.length === 0) {
    const parts = [
      counted(found.targets.size, "target"),
      counted(found.rules.length, "rule"),
      counted(found.masking.length, "masking rule"),
    ];
    io.out(`${file} is good: ${parts.join(", ")}, ${found.digest}`);
  } else {
    for (const issue of issues) io.err(lineOf(issue));
    io.err(`${counted(issues.length, "error")} in ${file}.`);
  }
  return issues.length === 0 ? 0 : 1;
}

interface Examined {
  readonly found: Policy | undefined;
  readonly issues: readonly ConfigIssue[];
}

function examined(file: string, content: string, io: PolicyIo): Examined {
  const { value: found, issues } = attempt(() => readPolicy(content, file));
  if (found === undefined || io.controlsOf === undefined) return { found, issues };
  return { found, issues: unenforceable(found, io.controlsOf) };
}

function test(file: string, content: string, io: PolicyIo): number {
  const { value: examples, issues } = attempt(() => readPolicyExamples(content, file));
  if (examples === undefined) return complain(issues, io);
  const policyFile = resolve(dirname(file), examples.policy);
  const policyContent = contentOf(policyFile, io);
  if (policyContent === undefined) return 2;
  const policyRead = attempt(() => readPolicy(policyContent, policyFile));
  if (policyRead.value === undefined) return complain(policyRead.issues, io);
  const judged: Judging = { policy: policyRead.value, compiled: compile(policyRead.value), io };
  const failures = examples.cases.filter((each) => {
    const complaint = complaintOf(each, judged);
    if (complaint === undefined) io.out(`ok    ${visibleLine(each.name)}`);
    else io.out(`FAIL  ${visibleLine(each.name)}\n      ${file}:${each.at.line}: ${visibleLine(complaint)}`);
    return complaint !== undefined;
  });
  io.out(`${counted(examples.cases.length, "case")}, ${failures.length} failed.`);
  return failures.length === 0 ? 0 : 1;
}

interface Judging {
  readonly policy: Policy;
  readonly compiled: CompiledPolicy;
  readonly io: PolicyIo;
}

/** What is wrong with a case's outcome; undefined when it is as expected. */
function complaintOf(each: PolicyExample, { policy: judge, compiled, io }: Judging): string | undefined {
  const target = judge.targets.get(each.target);
  if (target === undefined) {
    return `the policy has no target ${each.target}; it has ${[...judge.targets.keys()].join(", ")}.`;
  }
  const command = "sql" in each.command ? io.read(each.command.sql) : each.command;
  const unsaid = { branch: "", environment: "", event: "", actor: "" };
  const facts = { ...unsaid, ...each.facts, target: target.name, protocol: target.protocol };
  const { kind, reason } = decide(command, facts, compiled);
  if (kind === each.expect && (each.rule === undefined || each.rule === reason.rule)) return undefined;
  const wanted = each.rule === undefined ? each.expect : `${each.expect} by rule ${each.rule}`;
  const why = reason.matched.length === 0 ? "" : ` (${reason.matched.join("; ")})`;
  const objects = command.objects.length === 0 ? "objects not told" : command.objects.join(", ");
  const read = `${command.effects.join(", ")}; ${objects}; ${command.bounded ? "bounded" : "not bounded"}`;
  return `expected ${wanted}, got ${kind} by rule ${reason.rule}${why}. It was read as: ${read}.`;
}

function attempt<T>(work: () => T): { readonly value: T | undefined; readonly issues: readonly ConfigIssue[] } {
  try {
    return { value: work(), issues: [] };
  } catch (error) {
    if (error instanceof ConfigError) return { value: undefined, issues: error.issues };
    throw error;
  }
}

function complain(issues: readonly ConfigIssue[], io: PolicyIo): number {
  for (const issue of issues) io.err(lineOf(issue));
  return 1;
}

function contentOf(file: string, io: PolicyIo): string | undefined {
  try {
    return io.readFile(file);
  } catch (error) {
    io.err(`cannot read ${file}: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
