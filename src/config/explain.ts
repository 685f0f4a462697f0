// From what the schema found wrong to what a person should read: where, what stands there, what would be right.
import type * as z from "zod";
import { visibleLine } from "../masking/display.ts";
import type { ConfigIssue } from "./config-error.ts";
import { nearest } from "./nearest.ts";
import type { Path, Source } from "./strict-yaml.ts";

type ZodIssue = z.core.$ZodIssue;

/** Everything that the schema finds wrong with a file, as issues with places. `jsonSchema` is the schema's own. */
export function explain(error: z.ZodError, source: Source, jsonSchema: object): ConfigIssue[] {
  return error.issues.flatMap((issue) => explainOne(issue, [], { source, jsonSchema }));
}

interface Context {
  readonly source: Source;
  readonly jsonSchema: object;
}

function explainOne(issue: ZodIssue, base: Path, context: Context): ConfigIssue[] {
  const path = [...base, ...issue.path];
  const { source } = context;
  const at = (message: string): ConfigIssue => ({ file: source.file, ...source.placeOf(path), message });
  const shown = `${labelOf(path)} is ${show(valueAt(source.value, path))}`;
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => unknownKey(key, path, context));
    case "invalid_union":
      return likeliestOf(issue.errors, source, path).flatMap((inner) => explainOne(inner, path, context));
    case "invalid_key": {
      const advice = issue.issues[0]?.message ?? "choose another name";
      const message = `${labelOf(path)} is no name for it: ${advice}.`;
      return [{ file: source.file, ...source.keyPlaceOf(path), message }];
    }
    case "invalid_type":
      return missing(path, context) ?? [at(`${shown}; write ${wordFor(issue.expected)}.`)];
    case "invalid_value": {
      const absent = missing(path, context);
      if (absent !== undefined) return absent;
      const known = issue.values.map(String);
      const found = valueAt(source.value, path);
      const meant = typeof found === "string" ? nearest(found, known) : undefined;
      const right = known.length === 1 ? `write ${known.join("")}` : `choose from ${known.join(", ")}`;
      return [at(`${shown}; ${meant === undefined ? right : `did you mean "${meant}"? Else ${right}`}.`)];
    }
    case "too_small":
      return [
        at(
          issue.origin === "array"
            ? `${labelOf(path)} is empty; name at least one.`
            : `${shown}; at least ${issue.minimum}${unitOf(issue.origin)}.`,
        ),
      ];
    case "too_big":
      return [at(`${labelOf(path)} has too much: at most ${issue.maximum}${unitOf(issue.origin)}.`)];
    case "invalid_format":
    case "custom":
    case "not_multiple_of":
    case "invalid_element":
      return [at(`${shown}; ${issue.message}.`)];
  }
}

function unknownKey(key: string, path: Path, { source, jsonSchema }: Context): ConfigIssue {
  const known = keysAt(jsonSchema, path);
  const meant = nearest(key, known);
  const advice = meant === undefined ? `keys here are ${known.join(", ")}` : `did you mean "${meant}"?`;
  const message = `${show(key)} is not a key here; ${advice.replace(/(?<![?])$/, ".")}`;
  return { file: source.file, ...source.keyPlaceOf([...path, key]), message };
}

/** A key that is not there at all; nothing where it is, and no second error where a misspelt one stands for it. */
function missing(path: Path, { source, jsonSchema }: Context): ConfigIssue[] | undefined {
  const key = path.at(-1);
  const parent = valueAt(source.value, path.slice(0, -1));
  if (typeof key !== "string" || !isRecord(parent) || Object.hasOwn(parent, key)) return undefined;
  const known = keysAt(jsonSchema, path.slice(0, -1));
  const misspelt = Object.keys(parent).some((each) => !known.includes(each) && nearest(each, known) === key);
  if (misspelt) return [];
  const about = nodesAt(jsonSchema, path).map((node) => node["description"]);
  const advice = about.find((each) => typeof each === "string");
  const message = `"${key}" is missing here${advice === undefined ? "." : `. ${advice}`}`;
  return [{ file: source.file, ...source.placeOf(path.slice(0, -1)), message }];
}

/** Of the ways in which a value could have been right, the one that its writer most likely meant. */
function likeliestOf(branches: readonly (readonly ZodIssue[])[], source: Source, path: Path): readonly ZodIssue[] {
  const cost = (issue: ZodIssue): number => {
    if (issue.code === "unrecognized_keys") return 10 * issue.keys.length;
    const ofAnotherKind = issue.path.length === 0 && (issue.code === "invalid_type" || issue.code === "invalid_value");
    if (!ofAnotherKind) return 1;
    const found = valueAt(source.value, path);
    return issue.code === "invalid_value" && typeof found === "string" ? 1 : 100;
  };
  const scored = branches.map((issues) => ({ issues, sum: issues.reduce((sum, issue) => sum + cost(issue), 0) }));
  return scored.toSorted((a, b) => a.sum - b.sum)[0]?.issues ?? [];
}

function labelOf(path: Path): string {
  const last = path.at(-1);
  if (last === undefined) return "the file";
  if (typeof last !== "number") return show(String(last));
  const list = path.findLast((each) => typeof each === "string");
  return list === undefined ? `entry ${last + 1}` : `entry ${last + 1} of ${show(list)}`;
}

/** What was found is shown short: enough to be recognised. */
const SHOWN_MAX = 60;

function show(value: unknown): string {
  if (value === null) return "empty";
  if (Array.isArray(value)) return "a list";
  if (isRecord(value)) return "a map of keys";
  const text = value === undefined ? "nothing" : visibleLine(JSON.stringify(value));
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}...` : text;
}

function wordFor(expected: string): string {
  switch (expected) {
    case "string":
      return "text";
    case "array":
      return "a list";
    case "object":
    case "record":
      return "a map of keys";
    case "int":
    case "number":
      return "a whole number";
    case "boolean":
      return "true or false";
    default:
      return expected;
  }
}

function unitOf(origin: string): string {
  if (origin === "string") return " characters";
  return origin === "array" ? " entries" : "";
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value at a path; undefined where there is none. */
function valueAt(value: unknown, path: Path): unknown {
  let at = value;
  for (const key of path) {
    if (Array.isArray(at) && typeof key === "number") at = at[key];
    else if (isRecord(at) && typeof key === "string" && Object.hasOwn(at, key)) at = at[key];
    else return undefined;
  }
  return at;
}

function keysAt(root: object, path: Path): readonly string[] {
  const keys = nodesAt(root, path).flatMap((node) =>
    isRecord(node["properties"]) ? Object.keys(node["properties"]) : [],
  );
  return [...new Set(keys)];
}

/** The nodes of a JSON Schema that speak of a path: several where a value may be one of several things. */
function nodesAt(root: object, path: Path): Readonly<Record<string, unknown>>[] {
  let nodes = opened(root, root);
  for (const key of path) {
    nodes = nodes
      .flatMap((node) => {
        if (typeof key === "number") return [node["items"]];
        const properties = node["properties"];
        return [
          isRecord(properties) && Object.hasOwn(properties, String(key))
            ? properties[String(key)]
            : node["additionalProperties"],
        ];
      })
      .flatMap((node) => opened(root, node));
  }
  return nodes;
}

/** Follows references and opens alternatives. A description beside a reference is kept: it is the nearer one. */
function opened(root: object, node: unknown): Readonly<Record<string, unknown>>[] {
  if (!isRecord(node)) return [];
  const reference = node["$ref"];
  if (typeof reference === "string") {
    const definition = valueAt(root, reference.replace(/^#\//, "").split("/"));
    return [...(node["description"] === undefined ? [] : [node]), ...opened(root, definition)];
  }
  const alternatives = node["anyOf"];
  return [node, ...(Array.isArray(alternatives) ? alternatives.flatMap((each) => opened(root, each)) : [])];
}
