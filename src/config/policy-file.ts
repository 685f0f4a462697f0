// countersign.yml to a `Policy`: strict, with every error at once and each with its line. DESIGN.md 6.
// Whether the protocols can do what a policy asks is for `enforceable.ts`.
import { createHash } from "node:crypto";
import type { ApprovalTerms } from "../model/decision.ts";
import {
  BUILT_IN_RULES,
  type MaskingRule,
  type Match,
  type Policy,
  type Rule,
  type TargetPolicy,
} from "../policy/policy.ts";
import { ConfigError } from "./config-error.ts";
import { contradictions } from "./contradictions.ts";
import { durationMs, sizeBytes } from "./durations.ts";
import { explain } from "./explain.ts";
import { type MatchData, type PolicyData, PolicyShape, policyJsonSchema } from "./schema.ts";
import { openYaml, type Path, type Source } from "./strict-yaml.ts";

const EXPIRES_DEFAULT = "30m";
const HOLD_IN_TRANSACTION_DEFAULT = "60s";
const RESPONSE_DEFAULT = "64KiB";

/**
 * Reads a policy. `file` is its name for messages; `text` is the whole file, and `digest` covers its UTF-8 bytes.
 * Throws `ConfigError` with everything that is wrong with it.
 */
export function readPolicy(text: string, file: string): Policy {
  const source = openYaml(text, file);
  const parsed = PolicyShape.safeParse(source.value);
  const shape = parsed.success ? [] : explain(parsed.error, source, policyJsonSchema());
  const issues = [...shape, ...contradictions(source, Object.values(BUILT_IN_RULES))];
  if (!parsed.success || issues.length > 0) throw new ConfigError(issues);
  const digest = `sha256:${createHash("sha256").update(text, "utf8").digest("hex")}`;
  return toPolicy(parsed.data, source, digest);
}

function toPolicy(data: PolicyData, source: Source, digest: string): Policy {
  const targets = Object.entries(data.targets).map(([name, target]): [string, TargetPolicy] => [
    name,
    {
      name,
      protocol: target.protocol,
      guard: target.guard ?? "none",
      sync: target.sync ?? false,
      recordBytesMax: sizeBytes(target.record?.response ?? RESPONSE_DEFAULT),
      at: source.keyPlaceOf(["targets", name]),
    },
  ]);
  return {
    version: 1,
    file: source.file,
    digest,
    targets: new Map(targets),
    rules: data.rules.map((rule, index) => toRule(rule, source, ["rules", index])),
    masking: (data.masking ?? []).map((rule, index) => toMasking(rule, source, ["masking", index])),
    retention: { class: data.retention?.class ?? "" },
    limits: {
      holdInTransactionMs: durationMs(data.limits?.["hold-in-transaction"] ?? HOLD_IN_TRANSACTION_DEFAULT),
    },
  };
}

function toRule(rule: PolicyData["rules"][number], source: Source, path: Path): Rule {
  return {
    name: rule.name,
    match: toMatch(rule.match, source, [...path, "match"]),
    decide: rule.decide,
    message: rule.message ?? "",
    approval: toTerms(rule.approval),
    at: source.placeOf(path),
  };
}

function toTerms(approval: PolicyData["rules"][number]["approval"]): ApprovalTerms {
  return {
    teams: approval?.from?.teams ?? [],
    users: approval?.from?.users ?? [],
    count: approval?.count ?? 1,
    expiresMs: durationMs(approval?.expires ?? EXPIRES_DEFAULT),
    via: approval?.via ?? ["check", "review", "comment"],
  };
}

const PATTERN_KEYS = [
  "target",
  "protocol",
  "objects",
  "method",
  "path",
  "command",
  "branch",
  "environment",
  "event",
  "actor",
] as const;

function toMatch(match: MatchData, source: Source, path: Path): Match {
  const { any, all, not, bounded, when, effects } = match;
  const patterns: { [Key in (typeof PATTERN_KEYS)[number]]?: readonly string[] } = {};
  for (const key of PATTERN_KEYS) {
    const value = match[key];
    if (value !== undefined) patterns[key] = listed(value);
  }
  return {
    ...patterns,
    ...(effects === undefined ? {} : { effects: listed(effects) }),
    ...(bounded === undefined ? {} : { bounded }),
    ...(when === undefined ? {} : { when }),
    ...(any === undefined ? {} : { any: any.map((each, index) => toMatch(each, source, [...path, "any", index])) }),
    ...(all === undefined ? {} : { all: all.map((each, index) => toMatch(each, source, [...path, "all", index])) }),
    ...(not === undefined ? {} : { not: toMatch(not, source, [...path, "not"]) }),
    at: source.placeOf(path),
  };
}

function listed<T extends string>(value: T | readonly T[]): readonly T[] {
  return typeof value === "string" ? [value] : value;
}

function toMasking(rule: NonNullable<PolicyData["masking"]>[number], source: Source, path: Path): MaskingRule {
  const at = source.placeOf(path);
  if ("columns" in rule) return { kind: "columns", columns: rule.columns, as: rule.as, at };
  if ("detect" in rule) return { kind: "detect", detect: rule.detect, at };
  return { kind: "deliver", deliver: rule.deliver, at };
}
