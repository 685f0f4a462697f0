// GitHub's published description, loaded once when first asked for, as JSON Schema that ajv can compile piece by piece.

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
  const document = toJsonSchema(parseJson(readFileSync(publishedFile(file), "utf8")));
  if (!isShape(document)) throw new TypeError(`${file} is no object`);
  const ajv = new Ajv({
    strict: false,
    validateSchema: false,
    allErrors: false,
    inlineRefs: false,
    formats: { "repo.nwo": true, timestamp: true, "uri-template": true, binary: true },
  });
  formatsPlugin.default(ajv, ["date-time", "date", "uri", "email", "int32", "int64", "double"]);
  ajv.addSchema(document, "github");
  const compiled = new Map<string, ValidateFunction>();
  return {
    document,
    at(pointer) {
      const known = compiled.get(pointer);
      if (known !== undefined) return known;
      const validate = ajv.compile({ $ref: `github${pointer}` });
      compiled.set(pointer, validate);
      return validate;
    },
  };
}

/** A JSON pointer, as a fragment, from the names along the way. */
export function pointerTo(...names: readonly string[]): string {
  return `#/${names.map((name) => encodeURIComponent(name.replaceAll("~", "~0").replaceAll("/", "~1"))).join("/")}`;
}

/** Follows a `$ref` inside the document, if the node is one. */
export function resolved(document: Shape, node: unknown): Shape {
  let here = shapeAt(node);
  for (let hops = 0; typeof here["$ref"] === "string" && hops < 8; hops += 1) {
    here = shapeAt(document, ...here["$ref"].slice(2).split("/"));
  }
  return here;
}

// OpenAPI 3.0 writes `nullable: true` beside the type; JSON Schema, and ajv where no type is given, want a choice.
function toJsonSchema(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(toJsonSchema);
  if (!isShape(node)) return node;
  const entries = Object.entries(node)
    .filter(([key, value]) => !(key === "nullable" && typeof value === "boolean") && key !== "discriminator")
    .map(([key, value]): [string, unknown] => [key, key === "examples" ? value : toJsonSchema(value)]);
  const schema = Object.fromEntries(entries);
  return node["nullable"] === true ? { anyOf: [{ type: "null" }, schema] } : schema;
}
