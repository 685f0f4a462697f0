// Gives an expression of a workflow its value. A context, property or function that this runner does not have is an error.

import { asksForStatus, NotUnderstood, parseExpression, type Tree } from "./tree.ts";
import { compare, isList, isObject, isTruthy, toText, type Value, valueOf } from "./value.ts";

export type Status = "success" | "failure" | "cancelled";

export interface Scope {
  readonly contexts: Readonly<Record<string, Value>>;
  /** Only conditions may ask how the job stands. */
  readonly status?: Status;
}

/** Contexts of which every property is known: another one is a slip of the pen, or more than this runner plays. */
const CLOSED = new Set(["github", "runner", "job", "strategy"]);

/** The text with every `${{ … }}` in it replaced. */
export function fill(text: string, scope: Scope): string {
  return toText(fillValue(text, scope));
}

/** As `fill`, but an expression that is the whole text keeps its kind. */
export function fillValue(text: string, scope: Scope): Value {
  const parts = templateParts(text);
  const [only] = parts;
  if (parts.length === 1 && only?.kind === "expression") return evaluate(parseExpression(only.text), scope);
  return parts
    .map((part) => (part.kind === "text" ? part.text : toText(evaluate(parseExpression(part.text), scope))))
    .join("");
}

/** Whether a condition holds; `${{ }}` around it may be left out. An empty one stands for `success()`. */
export function holds(condition: string, scope: Scope): boolean {
  const trimmed = condition.trim();
  const parts = templateParts(trimmed);
  const [only] = parts;
  const text = parts.length === 1 && only?.kind === "expression" ? only.text : trimmed;
  if (parts.length > 1) throw new NotUnderstood(`this runner does not understand the condition "${trimmed}"`);
  const tree = parseExpression(text.trim() === "" ? "success()" : text);
  if (!asksForStatus(tree) && scope.status !== undefined && scope.status !== "success") return false;
  return isTruthy(evaluate(tree, scope));
}

const CONTEXTS = new Set([
  "github",
  "env",
  "vars",
  "secrets",
  "inputs",
  "matrix",
  "strategy",
  "needs",
  "steps",
  "job",
  "runner",
]);

const FUNCTIONS = /^(?:always|success|failure|cancelled|contains|startsWith|endsWith|format|join|toJSON|fromJSON)$/i;

/** Throws `NotUnderstood` for a text with an expression that this runner could not give a value, whenever it came to it. */
export function checkTemplate(text: string): void {
  for (const part of templateParts(text)) if (part.kind === "expression") checkTree(parseExpression(part.text));
}

/** As `checkTemplate`, for a condition, where `${{ }}` may be left out. */
export function checkCondition(text: string): void {
  if (text.includes("${{")) checkTemplate(text);
  else if (text.trim() !== "") checkTree(parseExpression(text));
}

function checkTree(tree: Tree): void {
  switch (tree.kind) {
    case "literal":
      return;
    case "context":
      if (!CONTEXTS.has(tree.name.toLowerCase())) throw new NotUnderstood(`there is no context "${tree.name}"`);
      return;
    case "property":
      checkTree(tree.of);
      checkTree(tree.key);
      return;
    case "not":
      checkTree(tree.of);
      return;
    case "both":
      checkTree(tree.left);
      checkTree(tree.right);
      return;
    case "call":
      if (!FUNCTIONS.test(tree.name)) throw new NotUnderstood(`this runner has no function ${tree.name}()`);
      for (const each of tree.args) checkTree(each);
  }
}

type Part = { readonly kind: "text" | "expression"; readonly text: string };

function templateParts(text: string): readonly Part[] {
  const parts: Part[] = [];
  let from = 0;
  for (let open = text.indexOf("${{", from); open >= 0; open = text.indexOf("${{", from)) {
    if (open > from) parts.push({ kind: "text", text: text.slice(from, open) });
    // A `}}` inside a quoted text ends nothing.
    const close = /^(?:'(?:[^']|'')*'|(?!\}\})[^'])*\}\}/.exec(text.slice(open + 3));
    if (close === null) throw new NotUnderstood(`an expression is not closed: "${text.slice(open, open + 60)}"`);
    parts.push({ kind: "expression", text: close[0].slice(0, -2) });
    from = open + 3 + close[0].length;
  }
  if (from < text.length || parts.length === 0) parts.push({ kind: "text", text: text.slice(from) });
  return parts;
}

function evaluate(tree: Tree, scope: Scope): Value {
  switch (tree.kind) {
    case "literal":
      return tree.value;
    case "context": {
      const value = scope.contexts[tree.name.toLowerCase()];
      if (value === undefined) throw new NotUnderstood(`the context "${tree.name}" is not to be had here`);
      return value;
    }
    case "property":
      return property(tree, scope);
    case "not":
      return !isTruthy(evaluate(tree.of, scope));
    case "both":
      return both(tree, scope);
    case "call":
      return call(tree.name.toLowerCase(), tree.args, scope);
  }
}

function property(tree: Extract<Tree, { kind: "property" }>, scope: Scope): Value {
  const of = evaluate(tree.of, scope);
  const key = evaluate(tree.key, scope);
  if (isList(of)) return typeof key === "number" ? (of[key] ?? null) : null;
  if (!isObject(of)) return null;
  const name = toText(key);
  const exact = of[name];
  if (exact !== undefined) return exact;
  const context = tree.of.kind === "context" ? tree.of.name.toLowerCase() : undefined;
  // Names of variables differ by case where files' names do; no others do.
  if (context === "env") return null;
  const found = Object.keys(of).find((each) => each.toLowerCase() === name.toLowerCase());
  if (found !== undefined) return of[found] ?? null;
  if (context !== undefined && CLOSED.has(context)) {
    throw new NotUnderstood(`this runner knows no "${context}.${name}"`);
  }
  return null;
}

function both(tree: Extract<Tree, { kind: "both" }>, scope: Scope): Value {
  const left = evaluate(tree.left, scope);
  if (tree.operator === "&&") return isTruthy(left) ? evaluate(tree.right, scope) : left;
  if (tree.operator === "||") return isTruthy(left) ? left : evaluate(tree.right, scope);
  const order = compare(left, evaluate(tree.right, scope));
  switch (tree.operator) {
    case "==":
      return order === 0;
    case "!=":
      return order !== 0;
    case "<":
      return order !== undefined && order < 0;
    case "<=":
      return order !== undefined && order <= 0;
    case ">":
      return order !== undefined && order > 0;
    default:
      return order !== undefined && order >= 0;
  }
}

function call(name: string, trees: readonly Tree[], scope: Scope): Value {
  if (name === "always" || name === "success" || name === "failure" || name === "cancelled") {
    if (scope.status === undefined) throw new NotUnderstood(`${name}() can stand in conditions alone`);
    return name === "always" || scope.status === name;
  }
  const args = trees.map((each) => evaluate(each, scope));
  const [first = null, second = null] = args;
  switch (name) {
    case "contains":
      if (isList(first)) return first.some((each) => compare(each, second) === 0);
      return toText(first).toUpperCase().includes(toText(second).toUpperCase());
    case "startswith":
      return toText(first).toUpperCase().startsWith(toText(second).toUpperCase());
    case "endswith":
      return toText(first).toUpperCase().endsWith(toText(second).toUpperCase());
    case "format":
      return toText(first).replaceAll(/\{\{|\}\}|\{(\d+)\}/g, (all, index?: string) =>
        index === undefined ? all.slice(1) : toText(args[Number(index) + 1] ?? null),
      );
    case "join":
      return (isList(first) ? first : [first]).map(toText).join(args.length > 1 ? toText(second) : ",");
    case "tojson":
      return JSON.stringify(first, undefined, 2);
    case "fromjson":
      return valueOf(JSON.parse(toText(first)));
    default:
      throw new NotUnderstood(`this runner has no function ${name}()`);
  }
}
