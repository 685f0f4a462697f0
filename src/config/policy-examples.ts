// An operator's own examples of what a policy should decide: the file that `countersign policy test` runs.
import * as z from "zod";
import type { Effects } from "../model/command.ts";
import type { Decision } from "../model/decision.ts";
import { EFFECTS, type Place } from "../policy/policy.ts";
import { ConfigError, type ConfigIssue } from "./config-error.ts";
import { explain, isRecord } from "./explain.ts";
import { openYaml, type Source } from "./strict-yaml.ts";

export interface PolicyExamples {
  /** Where the policy is, as written: beside this file unless it is absolute. */
  readonly policy: string;
  readonly cases: readonly PolicyExample[];
}

export interface PolicyExample {
  readonly name: string;
  readonly target: string;
  /** The text that is read, or what a reader would have said of one. */
  readonly command:
    | { readonly sql: string }
    | { readonly effects: Effects; readonly objects: readonly string[]; readonly bounded: boolean };
  /** Facts of the run and of the command; what is not given nobody said, which policy takes for the worst. */
  readonly facts: Readonly<Partial<Record<(typeof FACTS)[number], string>>>;
  readonly expect: Decision["kind"];
  /** The rule that must have decided, where the example names one. */
  readonly rule: string | undefined;
  readonly at: Place;
}

const FACTS = ["branch", "environment", "event", "actor", "method", "path", "command"] as const;

/** Each is read and judged in turn; this many still take less than a second. */
const CASES_MAX = 2000;

const text = () => z.string().min(1).max(1000);

const Case = z
  .strictObject({
    name: text().describe("What this shows, in a sentence."),
    target: text().describe("A target of the policy."),
    sql: z.string().min(1).max(100_000).optional().describe("The SQL that is read; or give effects."),
    effects: z.array(z.enum(EFFECTS)).min(1).optional().describe("What the command would do, in place of sql."),
    objects: z.array(text()).max(1000).optional().describe("What it would touch; empty means that nobody could tell."),
    bounded: z.boolean().optional().describe("false: no real condition limits it. Default true."),
    branch: text().optional(),
    environment: text().optional(),
    event: text().optional(),
    actor: text().optional(),
    method: text().optional(),
    path: text().optional(),
    command: text().optional(),
    expect: z.enum(["allow", "hold", "deny"]).describe("allow, hold or deny: what the policy should decide."),
    rule: text().optional().describe("The rule that should decide."),
  })
  .meta({ id: "case" });

const Shape = z.strictObject({
  policy: text().describe("The policy's path, from this file."),
  cases: z.array(Case).min(1).max(CASES_MAX).describe("A list of examples, each with name, target, sql and expect."),
});

/** Reads a file of examples. Throws `ConfigError` with everything that is wrong with it. */
export function readPolicyExamples(content: string, file: string): PolicyExamples {
  const source = openYaml(content, file);
  const parsed = Shape.safeParse(source.value);
  const shape = parsed.success ? [] : explain(parsed.error, source, z.toJSONSchema(Shape, { io: "input" }));
  const issues = [...shape, ...ambiguities(source)];
  if (!parsed.success || issues.length > 0) throw new ConfigError(issues);
  const cases = parsed.data.cases.map((each, index): PolicyExample => {
    const { name, target, expect, rule } = each;
    const given = FACTS.flatMap((fact) => (each[fact] === undefined ? [] : [[fact, each[fact]] as const]));
    const facts: Partial<Record<(typeof FACTS)[number], string>> = {};
    for (const [fact, value] of given) facts[fact] = value;
    return { name, target, command: commandOf(each), facts, expect, rule, at: source.placeOf(["cases", index]) };
  });
  return { policy: parsed.data.policy, cases };
}

function commandOf(each: z.infer<typeof Case>): PolicyExample["command"] {
  if (each.sql !== undefined) return { sql: each.sql };
  const [first, ...rest] = each.effects ?? [];
  // Nothing said of a command is nothing known of it.
  return { effects: [first ?? "unknown", ...rest], objects: each.objects ?? [], bounded: each.bounded ?? true };
}

function ambiguities(source: Source): ConfigIssue[] {
  const cases: unknown = isRecord(source.value) ? source.value["cases"] : undefined;
  if (!Array.isArray(cases)) return [];
  const list: readonly unknown[] = cases;
  return list.flatMap((each, index) => {
    if (!isRecord(each)) return [];
    const at = (message: string) => [{ file: source.file, ...source.placeOf(["cases", index]), message }];
    const described = ["effects", "objects", "bounded"].filter((key) => each[key] !== undefined);
    if (each["sql"] === undefined && each["effects"] === undefined) {
      return at('a case needs a command: write "sql", or "effects" with "objects" and "bounded".');
    }
    if (each["sql"] !== undefined && described.length > 0) {
      return at(`"sql" says already what "${described.join('" and "')}" would; keep one of them.`);
    }
    return [];
  });
}
