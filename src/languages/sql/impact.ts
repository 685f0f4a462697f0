// Makes the questions that tell how many rows a held DELETE, UPDATE or TRUNCATE would touch, by cutting them out of its
// text. What cannot be cut safely gets no question: each one is read again, and compared with the statement it came
// from, before it is given away.

import { parseSync } from "libpg-query";
import { readAnew } from "./reader.ts";
import { EMPTY_SESSION } from "./taken-session.ts";
import { type Token, tokensOf } from "./tokens.ts";
import { type Body, bodyOf, child, EMPTY, isBody, isList, list, sameTree, string, typeOf, type Value } from "./tree.ts";

/** Longer statements are not asked about: their text would be sent three times. */
const TEXT_LENGTH_MAX = 64 * 1024;

/** Places in the text where a clause may begin; past some it is not a statement that a person can judge by rows. */
const CUTS_MAX = 16;

export interface ImpactQueries {
  /** EXPLAIN (FORMAT JSON) of the statement; for TRUNCATE, of reading all its rows. */
  readonly explain: string;
  /** One row with one number: the distinct rows of the target that would be touched. */
  readonly count: string;
}

/**
 * The questions for a text of one statement; undefined where its rows cannot be counted safely. They keep the text's
 * parameters by number, so they take the same values; a number that only SET used may be missing from `count`.
 * Needs `openSqlReader` to have been awaited.
 */
export function impactQueries(text: string): ImpactQueries | undefined {
  if (text.length > TEXT_LENGTH_MAX) return undefined;
  const statement = singleStatement(text);
  if (statement === undefined) return undefined;
  const queries = questionsOf(statement, text);
  if (queries === undefined || !isPlainRead(queries.explain) || !isPlainRead(queries.count)) return undefined;
  return queries;
}

function questionsOf({ type, body }: Parsed, text: string): ImpactQueries | undefined {
  if (type === "TruncateStmt") return truncation(body);
  const source = type === "DeleteStmt" ? "usingClause" : type === "UpdateStmt" ? "fromClause" : undefined;
  if (source === undefined) return undefined;
  const bare = withoutEnd(text);
  const joined = list(body, source).length > 0;
  for (const parts of cuts(bare, { verb: type === "DeleteStmt" ? "delete" : "update", joined })) {
    // New lines, because any of these parts may end in a comment.
    const where = parts.condition === "" ? "" : `\nWHERE ${parts.condition}`;
    const rows = joined ? `\nWHERE EXISTS (SELECT 1 FROM ${parts.others}${where}\n)` : where;
    const count = `${parts.before}SELECT count(*) FROM ${parts.target}${rows}`;
    if (saysTheSame(count, body, source)) return { explain: `EXPLAIN (FORMAT JSON) ${bare}`, count };
  }
  return undefined;
}

/** Names are written anew, quoted, so nothing has to be cut. */
function truncation(body: Body): ImpactQueries | undefined {
  const tables = list(body, "relations").map((each) => bodyOf(each, "RangeVar") ?? {});
  const names = tables.map((each) => `${each["inh"] === true ? "" : "ONLY "}${quotedName(each)}`);
  if (names.length === 0 || names.length > CUTS_MAX) return undefined;
  return {
    explain: `EXPLAIN (FORMAT JSON) ${names.map((name) => `SELECT 1 FROM ${name}`).join(" UNION ALL ")}`,
    count: `SELECT ${names.map((name) => `(SELECT count(*) FROM ${name})`).join(" + ")}`,
  };
}

function quotedName(range: Body): string {
  return ["catalogname", "schemaname", "relname"]
    .map((field) => string(range, field))
    .filter((part) => part !== "")
    .map((part) => `"${part.replaceAll('"', '""')}"`)
    .join(".");
}

interface Parsed {
  readonly type: string;
  readonly body: Body;
}

function singleStatement(text: string): Parsed | undefined {
  const stmts = statementsOf(text);
  const type = typeOf(stmts[0]);
  const body = bodyOf(stmts[0], type);
  return body === undefined || stmts.length !== 1 ? undefined : { type, body };
}

function statementsOf(text: string): readonly Value[] {
  if (text.includes("\0")) return EMPTY;
  try {
    const tree: unknown = parseSync(text);
    const stmts = isBody(tree) ? tree["stmts"] : undefined;
    return isList(stmts) ? stmts.map((each) => (isBody(each) ? each["stmt"] : undefined)) : EMPTY;
  } catch (error) {
    // Empty, too deep, or not SQL: then there is nothing to ask.
    if (error instanceof Error) return EMPTY;
    throw error;
  }
}

/** The text without the semicolons, space and comments at its end. */
function withoutEnd(text: string): string {
  const last = tokensOf(text).findLast((token) => text.slice(token.from, token.to) !== ";");
  return text.slice(0, last?.to ?? 0);
}

interface Parts {
  /** What stands before the verb: common table expressions. */
  readonly before: string;
  readonly target: string;
  /** The relations that stand beside the target; empty when there are none. */
  readonly others: string;
  /** Empty when there is no condition. */
  readonly condition: string;
}

/** Every way to cut the text at its keywords. Names may be spelled like keywords, so there can be several. */
function* cuts(text: string, shape: { readonly verb: string; readonly joined: boolean }): Generator<Parts> {
  const words = outerWords(text);
  const at = (word: string) => words.filter((each) => each.word === word).slice(0, CUTS_MAX);
  const before = (index: number) => text.slice(0, index);
  const slice = (from: Word, to: Word | undefined) => text.slice(from.to, to?.from ?? text.length).trim();
  const none = [undefined];
  const [verb] = at(shape.verb);
  if (verb === undefined) return;
  const start = shape.verb === "delete" ? at("from").find((each) => each.from > verb.to) : verb;
  if (start === undefined) return;
  const ends = [...at("returning"), ...none];
  const wheres = [...at("where"), ...none];
  const joins = shape.joined ? at(shape.verb === "delete" ? "using" : "from") : none;
  const sets = shape.verb === "delete" ? none : at("set");
  for (const set of sets) {
    for (const join of joins) {
      for (const where of wheres) {
        for (const end of ends) {
          const order = [start, set, join, where, end].filter((each) => each !== undefined);
          if (order.some((each, index) => index > 0 && each.from < (order[index - 1]?.to ?? 0))) continue;
          yield {
            before: before(verb.from),
            target: slice(start, set ?? join ?? where ?? end),
            others: join === undefined ? "" : slice(join, where ?? end),
            condition: where === undefined ? "" : slice(where, end),
          };
        }
      }
    }
  }
}

interface Word extends Token {
  readonly word: string;
}

/** The words outside brackets, in lower case. */
function outerWords(text: string): Word[] {
  const words: Word[] = [];
  let depth = 0;
  for (const token of tokensOf(text)) {
    const word = text.slice(token.from, token.to);
    if (word === "(" || word === "[") depth += 1;
    else if (word === ")" || word === "]") depth -= 1;
    else if (depth === 0 && token.kind === "word") words.push({ ...token, word: word.toLowerCase() });
  }
  return words;
}

/** Does the count read just the relations, expressions and condition of the statement it was cut from. */
function saysTheSame(count: string, body: Body, source: string): boolean {
  const parsed = singleStatement(count);
  if (parsed?.type !== "SelectStmt") return false;
  const select = parsed.body;
  const from = list(select, "fromClause");
  if (from.length !== 1 || !sameTree(bodyOf(from[0], "RangeVar"), child(body, "relation"))) return false;
  if (!sameTree(select["withClause"], body["withClause"])) return false;
  if (body[source] === undefined) return sameTree(select["whereClause"], body["whereClause"]);
  const exists = bodyOf(select["whereClause"], "SubLink");
  const inner = bodyOf(exists?.["subselect"], "SelectStmt");
  if (inner === undefined || string(exists ?? {}, "subLinkType") !== "EXISTS_SUBLINK") return false;
  return sameTree(inner["fromClause"], body[source]) && sameTree(inner["whereClause"], body["whereClause"]);
}

function isPlainRead(text: string): boolean {
  const { effects, statements } = readAnew(text, EMPTY_SESSION);
  // A deed is something that only the connection's own state or the server's version can judge.
  return effects.length === 1 && effects[0] === "read" && statements.every(({ deeds }) => deeds.length === 0);
}
