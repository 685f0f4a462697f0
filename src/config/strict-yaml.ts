// YAML with nothing clever in it: one document of maps, lists and plain values, each with its place in the file.
// Anchors, aliases, merge keys, tags, directives and repeated keys are refused: they let a file say something other
// than what its reviewer read.
import { type Document, isAlias, isMap, isNode, isScalar, LineCounter, parseDocument, visit } from "yaml";
import type { Place } from "../policy/policy.ts";
import { ConfigError, type ConfigIssue } from "./config-error.ts";

export type Path = readonly PropertyKey[];

/** A file that parsed: its plain value, and where each part of it stands. */
export interface Source {
  readonly file: string;
  readonly value: unknown;
  /** The place of the value at a path; of the nearest part around it where there is no such value. */
  placeOf(path: Path): Place;
  /** The place of the key at the end of a path. */
  keyPlaceOf(path: Path): Place;
}

/** A policy is read by people; the largest that we know of is a hundredth of this. */
const BYTES_MAX = 256 * 1024;

/** Deep enough for any match a person can follow, shallow enough for every recursion here. */
const DEPTH_MAX = 32;

/** Parses one file. Throws `ConfigError` with everything that is wrong with it as YAML. */
export function openYaml(text: string, file: string): Source {
  const fail = (message: string) => new ConfigError([{ file, line: 1, column: 1, message }]);
  const size = Buffer.byteLength(text);
  if (size > BYTES_MAX) throw fail(`the file has ${size} bytes; at most ${BYTES_MAX} are read. Split or shorten it.`);
  if (/[\p{Cs}\uFFFD]/u.test(text)) throw fail("the file is not UTF-8 text; save it as UTF-8.");
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    merge: false,
    prettyErrors: false,
    schema: "core",
    strict: true,
    stringKeys: true,
    uniqueKeys: true,
  });
  const placeAt = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const found = [...syntaxErrors(document), ...clevernessIn(document)];
  const issues = found.map(({ offset, message }): ConfigIssue => ({ file, ...placeAt(offset), message }));
  if (issues.length > 0) throw new ConfigError(issues);
  if (document.contents === null) throw fail("the file is empty; start from `version: 1`.");
  const nodeAt = (path: Path): unknown => document.getIn(path, true);
  const placeOf = (path: Path): Place => {
    for (let length = path.length; length >= 0; length -= 1) {
      const node = length === 0 ? document.contents : nodeAt(path.slice(0, length));
      if (isNode(node) && node.range) return placeAt(node.range[0]);
    }
    return { line: 1, column: 1 };
  };
  const keyPlaceOf = (path: Path): Place => {
    const parent = path.length === 1 ? document.contents : nodeAt(path.slice(0, -1));
    const key = path.at(-1);
    const pair = isMap(parent) ? parent.items.find((item) => isScalar(item.key) && item.key.value === key) : undefined;
    return isScalar(pair?.key) && pair.key.range ? placeAt(pair.key.range[0]) : placeOf(path);
  };
  return { file, value: document.toJS(), placeOf, keyPlaceOf };
}

interface Found {
  readonly offset: number;
  readonly message: string;
}

function syntaxErrors(document: Document.Parsed): Found[] {
  return [...document.errors, ...document.warnings].flatMap((error) => {
    // The visit below finds every tag, known or not.
    if (error.code === "TAG_RESOLVE_FAILED") return [];
    return [{ offset: error.pos[0], message: syntaxMessage(error.code, error.message) }];
  });
}

function syntaxMessage(code: string, message: string): string {
  switch (code) {
    case "DUPLICATE_KEY":
      return "this key stands here a second time; keep one of them.";
    case "MULTIPLE_DOCS":
      return "a second document starts here; one file holds one, so remove the `---`.";
    case "NON_STRING_KEY":
      return "a key must be plain text.";
    case "TAB_AS_INDENT":
      return "a tab indents this line; use spaces.";
    default:
      return `this is not YAML: ${message.replace(/\.?$/, ".")}`;
  }
}

function clevernessIn(document: Document.Parsed): Found[] {
  const found: Found[] = [];
  if (document.directives.yaml.explicit || Object.keys(document.directives.tags).length > 1) {
    found.push({ offset: 0, message: "directives (%YAML, %TAG) are not read here; remove them." });
  }
  visit(document, {
    Node(_, node, ancestors) {
      const offset = node.range?.[0] ?? 0;
      if (isAlias(node)) found.push({ offset, message: `aliases (*${node.source}) are not read here; write it out.` });
      else if (node.anchor !== undefined) found.push({ offset, message: "anchors (&) are not read here; remove it." });
      if (node.tag !== undefined) found.push({ offset, message: `tags (${node.tag}) are not read here; remove it.` });
      if (ancestors.length <= DEPTH_MAX * 2) return undefined;
      found.push({ offset, message: `nested more than ${DEPTH_MAX} deep; nobody can review that.` });
      return visit.SKIP;
    },
    Pair(_, pair) {
      if (isScalar(pair.key) && pair.key.value === "<<") {
        found.push({ offset: pair.key.range?.[0] ?? 0, message: "merge keys (<<) are not read here; write it out." });
      }
    },
  });
  return found;
}
