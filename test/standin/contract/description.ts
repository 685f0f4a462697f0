// GitHub's published description, read once when first asked for, as JSON Schema that ajv compiles piece by piece: only the
// schemas that are asked for, and those that they name, are ever turned over.

import { readFileSync } from "node:fs";
import { Ajv, type ValidateFunction } from "ajv";
import formatsPlugin from "ajv-formats";
import { isShape, parseJson, type Shape, shapeAt } from "../shape.ts";
import { publishedFile } from "./published.ts";

/** One published document, with a validator for any schema in it. */
export interface Description {
  readonly document: Shape;
  /** The validator of the schema that a JSON pointer (`#/components/schemas/issue`) names. Compiled once. */
  at(pointer: string): ValidateFunction;
}

/** `file` is a path inside an installed package, as `@octokit/openapi/generated/api.github.com.json`. */
export function readDescription(file: string): Description {
  const document = parseJson(readFileSync(publishedFile(file), "utf8"));
  if (!isShape(document)) throw new TypeError(`${file} is no object`);
  const ajv = new Ajv({
    strict: false,
    validateSchema: false,
    inlineRefs: false,
    formats: { "repo.nwo": true, timestamp: true, "uri-template": true, binary: true },
  });
  formatsPlugin.default(ajv, ["date-time", "date", "uri", "email", "int32", "int64", "double"]);
  const compiled = new Map<string, ValidateFunction>();
  const added = new Set<string>();
  const convert = (pointer: string): unknown => {
    const named = new Set<string>();
    const schema = toJsonSchema(nodeAt(document, pointer), named);
    for (const each of named) {
      if (added.has(each)) continue;
      added.add(each);
      const inner = convert(each);
      if (!isShape(inner)) throw new TypeError(`${each} is no schema`);
      ajv.addSchema(inner, keyOf(each));
    }
    return schema;
  };
  return {
    document,
    at(pointer) {
      const known = compiled.get(pointer);
      if (known !== undefined) return known;
      const schema = convert(pointer);
      if (!isShape(schema)) throw new TypeError(`${pointer} is no schema`);
      const validate = ajv.compile(schema);
      compiled.set(pointer, validate);
      return validate;
    },
  };
}

/** A JSON pointer, as a fragment, from the names along the way. */
export function pointerTo(...names: readonly string[]): string {
  return `#/${names.map((name) => name.replaceAll("~", "~0").replaceAll("/", "~1")).join("/")}`;
}

/** Follows a `$ref` inside the document, if the node is one. */
export function resolved(document: Shape, node: unknown): Shape {
  let here = shapeAt(node);
  for (let hops = 0; typeof here["$ref"] === "string" && hops < 8; hops += 1) {
    here = shapeAt(nodeAt(document, here["$ref"]));
  }
  return here;
}

function nodeAt(document: Shape, pointer: string): unknown {
  let here: unknown = document;
  for (const part of pointer.slice(2).split("/")) {
    const name = part.replaceAll("~1", "/").replaceAll("~0", "~");
    here = Array.isArray(here) ? here[Number(name)] : isShape(here) ? here[name] : undefined;
  }
  return here;
}

/** Under which name ajv has a schema of the document's. */
function keyOf(pointer: string): string {
  return pointer.slice(1);
}

// OpenAPI 3.0 writes `nullable: true` beside the type; JSON Schema, and ajv where no type is given, want a choice.
function toJsonSchema(node: unknown, named: Set<string>): unknown {
  if (Array.isArray(node)) return node.map((each: unknown) => toJsonSchema(each, named));
  if (!isShape(node)) return node;
  if (typeof node["$ref"] === "string") {
    named.add(node["$ref"]);
    return { $ref: keyOf(node["$ref"]) };
  }
  const entries = Object.entries(node)
    .filter(([key, value]) => !isProse(key, value))
    .map(([key, value]): [string, unknown] => [key, toJsonSchema(value, named)]);
  const schema = Object.fromEntries(entries);
  return node["nullable"] === true ? { anyOf: [{ type: "null" }, schema] } : schema;
}

// What says nothing of a value's shape, or what ajv does not take. A property may have such a name too, and is an object then.
function isProse(key: string, value: unknown): boolean {
  if (key === "discriminator") return isShape(value) && typeof value["propertyName"] === "string";
  if (key === "nullable") return typeof value === "boolean";
  return ["description", "summary", "title", "example"].includes(key) && typeof value === "string";
}
