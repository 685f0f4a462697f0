// How deep a text's parse tree could become, told before the parser sees it. The parser writes its tree by recursion on
// this thread's stack, and each overflow there eats memory that it never gets back: some thirty would break it.

import { tokensOf } from "./tokens.ts";

/** Shorter texts cannot overflow it: the densest that did (one sub-select inside another) needed 16,000 characters. */
const HARMLESS_LENGTH = 6_000;

/** The parser itself copes with 1,500 sub-selects in each other and 8,000 operators in a row. */
const BRACKETS_MAX = 500;
const CHAIN_MAX = 2_000;

/** Comments that begin within one run of operator characters; a banner of stars is one. */
const COMMENTS_MAX = 50;

/** Words that take what stands before them as their own left side, so that a row of them is a deep tree. */
const CHAINING: ReadonlySet<string> = new Set(
  "not is isnull notnull collate at like ilike similar between in operator overlaps escape".split(" "),
);
const JOINING: ReadonlySet<string> = new Set("union intersect except join".split(" "));

interface Level {
  readonly opener: string;
  chain: number;
  joined: number;
}

/** True when the text is nested, or chains operators, further than any person or ORM does. Never false for too deep. */
export function isNestedTooDeep(text: string): boolean {
  if (text.length <= HARMLESS_LENGTH) return false;
  for (const [run] of text.matchAll(OPERATORS)) if (run.split("/*").length > COMMENTS_MAX) return true;
  const levels: Level[] = [{ opener: "", chain: 0, joined: 0 }];
  // What the levels that are still open add up to.
  let below = 0;
  for (const { kind, from, to } of tokensOf(text)) {
    const level = levels.at(-1);
    if (level === undefined || kind === "literal") continue;
    const token = text.slice(from, to).toLowerCase();
    if (token === "(" || token === "[" || token === "case") {
      below += level.chain + level.joined;
      levels.push({ opener: token, chain: 0, joined: 0 });
      if (levels.length > BRACKETS_MAX) return true;
    } else if (token === ")" || token === "]" || (token === "end" && level.opener === "case")) {
      if (levels.length > 1) levels.pop();
      const outer = levels.at(-1);
      below -= outer === undefined || outer === level ? 0 : outer.chain + outer.joined;
    } else if (token === ";") {
      level.chain = 0;
      level.joined = 0;
    } else if (token === "," || token === "and" || token === "or") {
      level.chain = 0;
    } else if (kind === "word") {
      if (CHAINING.has(token)) level.chain += 1;
      else if (JOINING.has(token)) level.joined += 1;
    } else if (OPERATOR.test(token)) {
      level.chain += 1;
    }
    if (below + level.chain + level.joined > CHAIN_MAX) return true;
  }
  return false;
}

/** At each of its comment starts the parser looks to the end of such a run: 100 KB of them would take it half a minute. */
const OPERATORS = /[-+*/<>=~!@#%^&|`?]{100,}/g;

const OPERATOR = /^[-+*/<>=~!@#%^&|`?:.]$/;
