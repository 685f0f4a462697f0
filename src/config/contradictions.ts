// Parts of a policy file that are right alone and wrong together. Reads the plain value, whatever its shape is, so
// that these errors stand beside those of the schema and an operator sees all of them at once.
import type { ConfigIssue } from "./config-error.ts";
import { isRecord } from "./explain.ts";
import { nearest } from "./nearest.ts";
import type { Path, Source } from "./strict-yaml.ts";

/** A match nested deeper than this is one that nobody can follow. */
const MATCH_DEPTH_MAX = 8;

/** Names used twice or not allowed, things named that do not exist, settings that could never mean anything. */
export function contradictions(source: Source, reserved: readonly string[]): ConfigIssue[] {
  const { value } = source;
  if (!isRecord(value) || !Array.isArray(value["rules"])) return [];
  const rules: readonly unknown[] = value["rules"];
  const known = { targets: keysOf(value["targets"]), protocols: protocolsOf(value["targets"]) };
  return [
    ...nameIssues(rules, source, reserved),
    ...rules.flatMap((rule, index) => {
      if (!isRecord(rule)) return [];
      const path = ["rules", index];
      return [
        ...approvalIssues(rule, path, source),
        ...matchIssues(rule["match"], [...path, "match"], { source, known }),
      ];
    }),
  ];
}

function nameIssues(rules: readonly unknown[], source: Source, reserved: readonly string[]): ConfigIssue[] {
  const first = new Map<string, number>();
  return rules.flatMap((rule, index) => {
    const name = isRecord(rule) ? rule["name"] : undefined;
    if (typeof name !== "string") return [];
    const at = (message: string) => issueAt(source, ["rules", index, "name"], message);
    if (reserved.includes(name)) return [at(`"${name}" is the name of a built-in rule; choose another.`)];
    const before = first.get(name);
    first.set(name, before ?? index);
    if (before === undefined) return [];
    const line = source.placeOf(["rules", before, "name"]).line;
    return [at(`the rule in line ${line} is called "${name}" already; choose another name.`)];
  });
}

function approvalIssues(rule: Readonly<Record<string, unknown>>, path: Path, source: Source): ConfigIssue[] {
  const approval = rule["approval"];
  if (approval === undefined) return [];
  if (rule["decide"] === "allow" || rule["decide"] === "deny") {
    const message = `nobody is asked where a rule decides ${rule["decide"]}; write "decide: hold", or remove "approval".`;
    return [{ file: source.file, ...source.keyPlaceOf([...path, "approval"]), message }];
  }
  const from = isRecord(approval) ? approval["from"] : undefined;
  const count = isRecord(approval) ? approval["count"] : undefined;
  if (!isRecord(from) || typeof count !== "number") return [];
  const teams = Array.isArray(from["teams"]) ? from["teams"].length : 0;
  const users = Array.isArray(from["users"]) ? new Set(from["users"]).size : 0;
  if (teams > 0 || users === 0 || users >= count) return [];
  const message = `${count} people must approve and only ${users} may; name more, or lower "count".`;
  return [issueAt(source, [...path, "approval", "count"], message)];
}

interface Context {
  readonly source: Source;
  readonly known: { readonly targets: readonly string[]; readonly protocols: readonly string[] };
}

function matchIssues(match: unknown, path: Path, context: Context): ConfigIssue[] {
  const { source, known } = context;
  if (!isRecord(match)) return [];
  if (Object.keys(match).length === 0) {
    return [issueAt(source, path, "this matches nothing in particular; name at least one fact, such as effects.")];
  }
  const depth = path.filter((key) => typeof key === "string").length;
  if (depth > MATCH_DEPTH_MAX) {
    return [issueAt(source, path, `this match is nested more than ${MATCH_DEPTH_MAX - 2} deep; write several rules.`)];
  }
  const inner = (["any", "all"] as const).flatMap((key) => {
    const list: unknown = match[key];
    return Array.isArray(list) ? list.flatMap((each, index) => matchIssues(each, [...path, key, index], context)) : [];
  });
  return [
    ...unknownNames(match["target"], [...path, "target"], {
      source,
      known: known.targets,
      what: "no target is called",
    }),
    ...unknownNames(match["protocol"], [...path, "protocol"], {
      source,
      known: known.protocols,
      what: "no target here speaks",
    }),
    ...inner,
    ...matchIssues(match["not"], [...path, "not"], context),
  ];
}

/** A name that nothing bears would make a deny that never denies. */
function unknownNames(
  value: unknown,
  path: Path,
  { source, known, what }: { readonly source: Source; readonly known: readonly string[]; readonly what: string },
): ConfigIssue[] {
  const names: readonly unknown[] = Array.isArray(value) ? value : [value];
  return names.flatMap((name, index) => {
    if (typeof name !== "string" || name.includes("*") || known.includes(name)) return [];
    const meant = nearest(name, known);
    const advice = meant === undefined ? `There are ${known.join(", ")}.` : `Did you mean "${meant}"?`;
    const at = Array.isArray(value) ? [...path, index] : path;
    return [issueAt(source, at, `${what} ${JSON.stringify(name)}. ${advice}`)];
  });
}

function keysOf(targets: unknown): readonly string[] {
  return isRecord(targets) ? Object.keys(targets) : [];
}

function protocolsOf(targets: unknown): readonly string[] {
  if (!isRecord(targets)) return [];
  const names = Object.values(targets).map((target) => (isRecord(target) ? target["protocol"] : undefined));
  return [...new Set(names.filter((name) => typeof name === "string"))];
}

function issueAt(source: Source, path: Path, message: string): ConfigIssue {
  return { file: source.file, ...source.placeOf(path), message };
}
