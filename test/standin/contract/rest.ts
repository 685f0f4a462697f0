// The published description of GitHub's REST API: which operation a request means, and whether the request and its answer
// are what the description says.

import type { ErrorObject } from "ajv";
import { isShape, maybeShape, maybeText, type Shape, shapeAt, shapesAt } from "../shape.ts";
import { type Description, pointerTo, readDescription, resolved } from "./description.ts";

/** A request's place in the description. */
export interface Operation {
  /** As `GET /repos/{owner}/{repo}`. */
  readonly name: string;
  readonly method: string;
  readonly template: string;
  readonly path: Readonly<Record<string, string>>;
}

export interface RestContract {
  /** The operation of a method and an undecoded path, or nothing where GitHub has none. */
  find(method: string, path: string): Operation | undefined;
  /** What is wrong with the request; empty when nothing is. */
  request(operation: Operation, query: URLSearchParams, body: unknown): readonly string[];
  /** What is wrong with the answer. An undescribed status of 400 and up is not: GitHub describes few of them. */
  response(operation: Operation, status: number, body: unknown): readonly string[];
}

interface Known {
  readonly method: string;
  readonly template: string;
  readonly pattern: RegExp;
  readonly names: readonly string[];
  readonly weight: number;
}

/** Opens the description. Takes about a quarter of a second, so it is done once per stand-in and only when asked for. */
export function restContract(): RestContract {
  const description = readDescription("@octokit/openapi/generated/api.github.com.json");
  const known = indexed(description.document);
  return {
    find: (method, path) => findOperation(known, method, path),
    request: (operation, query, body) => [
      ...queryFaults(description, operation, query),
      ...bodyFaults(description, operation, body),
    ],
    response: (operation, status, body) => responseFaults(description, operation, status, body),
  };
}

function indexed(document: Shape): readonly Known[] {
  const all = Object.entries(shapeAt(document, "paths"))
    // The same place has an older name beside `{basehead}`.
    .filter(([template]) => !template.endsWith("/compare/{base}...{head}"))
    .flatMap(([template, methods]) =>
      Object.keys(shapeAt(methods)).map((method) => knownOf(document, method, template)),
    );
  return all.toSorted((a, b) => b.weight - a.weight);
}

function knownOf(document: Shape, method: string, template: string): Known {
  const operation = shapeAt(document, "paths", template, method);
  const spread = new Set(
    shapesAt(operation, "parameters")
      .map((each) => resolved(document, each))
      .filter((each) => each["in"] === "path" && each["x-multi-segment"] === true)
      .map((each) => maybeText(each, "name")),
  );
  const names: string[] = [];
  let weight = 0;
  const parts = template.split("/").map((part) => {
    const literal = part.split(/\{[^}]+\}/).join("");
    weight += literal === "" ? 0 : 10;
    return part
      .split(/(\{[^}]+\})/)
      .map((piece) => {
        if (!piece.startsWith("{")) return piece.replaceAll(/[.*+?^$()|[\]\\]/g, String.raw`\$&`);
        const name = piece.slice(1, -1);
        names.push(name);
        if (!spread.has(name)) return "([^/]+)";
        weight -= 1;
        // The root of a repository is a path too, and is written as nothing.
        return name === "path" ? "(.*)" : "(.+)";
      })
      .join("");
  });
  return { method: method.toUpperCase(), template, pattern: new RegExp(`^${parts.join("/")}$`), names, weight };
}

function findOperation(known: readonly Known[], method: string, path: string): Operation | undefined {
  for (const each of known) {
    if (each.method !== method) continue;
    const match = each.pattern.exec(path);
    if (match === null) continue;
    const values = each.names.map((name, at): [string, string] => [name, decodeURIComponent(match[at + 1] ?? "")]);
    return {
      name: `${method} ${each.template}`,
      method: method.toLowerCase(),
      template: each.template,
      path: Object.fromEntries(values),
    };
  }
  return undefined;
}

function queryFaults(description: Description, operation: Operation, query: URLSearchParams): readonly string[] {
  const described = shapesAt(
    shapeAt(description.document, "paths", operation.template, operation.method),
    "parameters",
  ).map((each, at) => ({
    parameter: resolved(description.document, each),
    pointer:
      maybeText(each, "$ref") ?? pointerTo("paths", operation.template, operation.method, "parameters", String(at)),
  }));
  const faults: string[] = [];
  for (const [name, text] of query) {
    const found = described.find(({ parameter }) => parameter["in"] === "query" && parameter["name"] === name);
    if (found === undefined) {
      faults.push(`the query has ${name}, which ${operation.name} does not`);
      continue;
    }
    const validate = description.at(`${found.pointer}/schema`);
    if (!candidates(text).some((value) => validate(value))) faults.push(`query ${name}: ${explain(validate.errors)}`);
  }
  for (const { parameter } of described) {
    const name = maybeText(parameter, "name") ?? "";
    if (parameter["in"] === "query" && parameter["required"] === true && !query.has(name))
      faults.push(`the query lacks ${name}`);
  }
  return faults;
}

// A query carries text only; what it stands for is whatever the description takes.
function candidates(text: string): readonly unknown[] {
  const number = /^-?\d+$/.test(text) ? [Number(text)] : [];
  const flag = text === "true" ? [true] : text === "false" ? [false] : [];
  return [text, ...number, ...flag];
}

function bodyFaults(description: Description, operation: Operation, body: unknown): readonly string[] {
  const described = shapeAt(description.document, "paths", operation.template, operation.method);
  const content = maybeShape(maybeShape(described, "requestBody") ?? {}, "content");
  if (body === undefined) {
    return maybeShape(described, "requestBody")?.["required"] === true ? ["the body is missing"] : [];
  }
  if (content === undefined) return isShape(body) && Object.keys(body).length > 0 ? ["no body is described"] : [];
  const media = maybeShape(content, "application/json");
  if (media === undefined || media["schema"] === undefined) return [];
  const pointer = pointerTo(
    "paths",
    operation.template,
    operation.method,
    "requestBody",
    "content",
    "application/json",
    "schema",
  );
  const validate = description.at(pointer);
  if (!validate(body)) return [explain(validate.errors)];
  // GitHub takes no notice of a property that it does not know. Whoever sends one believes that it does something.
  const properties = propertiesOf(description.document, media["schema"]);
  if (properties.size === 0 || !isShape(body)) return [];
  return Object.keys(body)
    .filter((name) => !properties.has(name))
    .map((name) => `the body has ${name}, which ${operation.name} does not`);
}

function propertiesOf(document: Shape, node: unknown): ReadonlySet<string> {
  const schema = resolved(document, node);
  const own = Object.keys(maybeShape(schema, "properties") ?? {});
  const choices = ["oneOf", "anyOf", "allOf"].flatMap((key) => shapesAt(schema, key));
  return new Set([...own, ...choices.flatMap((each) => [...propertiesOf(document, each)])]);
}

function responseFaults(
  description: Description,
  operation: Operation,
  status: number,
  body: unknown,
): readonly string[] {
  const described = shapeAt(description.document, "paths", operation.template, operation.method, "responses");
  const found = described[String(status)];
  if (found === undefined) return status >= 400 ? [] : [`answers ${status}, which is not described`];
  const reference = isShape(found) ? maybeText(found, "$ref") : undefined;
  const pointer = reference ?? pointerTo("paths", operation.template, operation.method, "responses", String(status));
  const media = maybeShape(maybeShape(resolved(description.document, found), "content") ?? {}, "application/json");
  if (media === undefined)
    return body === undefined || status >= 400 ? [] : ["answers with a body that is not described"];
  if (body === undefined) return ["answers with no body"];
  const validate = description.at(`${pointer}/content/application~1json/schema`);
  return validate(body) ? [] : [`the answer's ${explain(validate.errors)}`];
}

/** The first fault in words. */
export function explain(errors: readonly ErrorObject[] | null | undefined): string {
  const deepest = (errors ?? []).toSorted((a, b) => b.instancePath.length - a.instancePath.length)[0];
  if (deepest === undefined) return "body is not what is described";
  return `body${deepest.instancePath.replaceAll("/", ".")} ${deepest.message ?? "is wrong"} (${JSON.stringify(deepest.params)})`;
}
