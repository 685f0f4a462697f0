// Reads one expression of a workflow, what stands between `${{` and `}}`, into a tree. What it cannot read is an error.

export type Tree =
  | { readonly kind: "literal"; readonly value: null | boolean | number | string }
  | { readonly kind: "context"; readonly name: string }
  | { readonly kind: "property"; readonly of: Tree; readonly key: Tree }
  | { readonly kind: "call"; readonly name: string; readonly args: readonly Tree[] }
  | { readonly kind: "not"; readonly of: Tree }
  | { readonly kind: "both"; readonly operator: string; readonly left: Tree; readonly right: Tree };

/** Thrown for what a workflow says and this runner does not understand. */
export class NotUnderstood extends Error {}

const TOKEN =
  /\s*(?:('(?:[^']|'')*')|(0x[0-9a-fA-F]+|[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|([A-Za-z_][A-Za-z0-9_-]*)|(&&|\|\||==|!=|<=|>=|[!<>()[\].,*]))\s*/y;

interface Token {
  readonly kind: "text" | "number" | "name" | "sign";
  readonly text: string;
}

/** From loosest to tightest, as GitHub's documentation orders them. */
const BINARY = [["||"], ["&&"], ["==", "!="], ["<", "<=", ">", ">="]] as const;

/** The tree of an expression. Throws `NotUnderstood` with the expression in its message. */
export function parseExpression(text: string): Tree {
  const tokens = tokenize(text);
  let at = 0;
  const fail = (): never => {
    throw new NotUnderstood(`this runner does not understand the expression "${text.trim()}"`);
  };
  const takeSign = (...signs: readonly string[]): string | undefined => {
    const token = tokens[at];
    if (token?.kind !== "sign" || !signs.includes(token.text)) return undefined;
    at += 1;
    return token.text;
  };
  const binary = (level: number): Tree => {
    const signs = BINARY[level];
    if (signs === undefined) return unary();
    let left = binary(level + 1);
    for (let sign = takeSign(...signs); sign !== undefined; sign = takeSign(...signs)) {
      left = { kind: "both", operator: sign, left, right: binary(level + 1) };
    }
    return left;
  };
  const unary = (): Tree => (takeSign("!") === undefined ? postfix() : { kind: "not", of: unary() });
  const postfix = (): Tree => {
    let tree = primary();
    for (;;) {
      const sign = takeSign(".", "[");
      if (sign === undefined) return tree;
      if (sign === "[") {
        tree = { kind: "property", of: tree, key: binary(0) };
        if (takeSign("]") === undefined) fail();
        continue;
      }
      const name = tokens[at];
      if (name?.kind !== "name") return fail();
      at += 1;
      tree = { kind: "property", of: tree, key: { kind: "literal", value: name.text } };
    }
  };
  const primary = (): Tree => {
    if (takeSign("(") !== undefined) {
      const tree = binary(0);
      return takeSign(")") === undefined ? fail() : tree;
    }
    const token = tokens[at];
    if (token === undefined || token.kind === "sign") return fail();
    at += 1;
    if (token.kind === "text") return { kind: "literal", value: token.text.slice(1, -1).replaceAll("''", "'") };
    if (token.kind === "number") return { kind: "literal", value: Number(token.text) };
    if (token.text === "true" || token.text === "false") return { kind: "literal", value: token.text === "true" };
    if (token.text === "null") return { kind: "literal", value: null };
    return takeSign("(") === undefined ? { kind: "context", name: token.text } : call(token.text);
  };
  const call = (name: string): Tree => {
    const args: Tree[] = [];
    if (takeSign(")") !== undefined) return { kind: "call", name, args };
    do args.push(binary(0));
    while (takeSign(",") !== undefined);
    return takeSign(")") === undefined ? fail() : { kind: "call", name, args };
  };
  const tree = binary(0);
  return at === tokens.length ? tree : fail();
}

/** Whether the expression asks for the job's status itself: where an `if` does not, GitHub puts `success() &&` before it. */
export function asksForStatus(tree: Tree): boolean {
  switch (tree.kind) {
    case "literal":
    case "context":
      return false;
    case "property":
      return asksForStatus(tree.of) || asksForStatus(tree.key);
    case "call":
      return /^(?:always|success|failure|cancelled)$/i.test(tree.name) || tree.args.some(asksForStatus);
    case "not":
      return asksForStatus(tree.of);
    case "both":
      return asksForStatus(tree.left) || asksForStatus(tree.right);
  }
}

function tokenize(text: string): readonly Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const from = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (match === null) throw new NotUnderstood(`this runner cannot read "${text.slice(from)}" in "${text.trim()}"`);
    const [, quoted, number, name, sign] = match;
    if (quoted !== undefined) tokens.push({ kind: "text", text: quoted });
    else if (number !== undefined) tokens.push({ kind: "number", text: number });
    else if (name !== undefined) tokens.push({ kind: "name", text: name });
    else tokens.push({ kind: "sign", text: sign ?? "" });
  }
  return tokens;
}
