// One rule's `match` against one command: how true it is, and the facts that made it so, in words.
//
// Every key is answered with yes, maybe or no. A list of effects or objects is `yes` when all that the command does is
// named, `maybe` when some of it is. A hold or deny acts on yes and maybe, an allow on yes alone: so a hold catches
// any effect and an allow must name every one, and uncertainty falls to the strict side under `not` as well.
import type { Command } from "../model/command.ts";
import type { Facts } from "./facts.ts";
import { fitsObject, fitsText } from "./glob.ts";
import type { Match } from "./policy.ts";
import { every, not, share, some, type Truth } from "./truth.ts";

/** What policy reads of a command. */
export type Judged = Pick<Command, "effects" | "objects" | "bounded">;

export interface Case {
  readonly command: Judged;
  readonly facts: Facts;
  /**
   * What a fact is that the command cannot have, such as the method of an SQL statement: `no` when a hold or deny
   * asks, so that a rule about methods does not stop every statement; `maybe` when an allow does, so that a rule
   * about what the method is not does not let statements through.
   */
  readonly absent: Truth;
}

const RUN_FACTS = ["branch", "environment", "event", "actor"] as const;
const COMMAND_FACTS = ["method", "path", "command"] as const;

/** How true is the match of this command? Total: never throws. */
export function truthOf(match: Match, each: Case): Truth {
  return every(
    leaves(match, each)
      .map((leaf) => leaf.truth)
      .concat(branches(match, each)),
  );
}

/**
 * Is a command with the effect `unknown` spoken for by name? Nothing else lets such a command through: that a rule's
 * other facts fit says nothing of what the command would do.
 */
export function namesUnknown(match: Match, each: Case): boolean {
  if (truthOf(match, each) !== "yes") return false;
  return (
    (match.effects?.includes("unknown") ?? false) ||
    (match.all?.some((inner) => namesUnknown(inner, each)) ?? false) ||
    (match.any?.some((inner) => namesUnknown(inner, each)) ?? false)
  );
}

/** The facts that matched, in words for people. Holds names, and for what the client typed the pattern alone. */
export function matchedFacts(match: Match, each: Case): readonly string[] {
  const own = leaves(match, each)
    .filter((leaf) => leaf.truth !== "no")
    .map((leaf) => leaf.words);
  const inner = [...(match.all ?? []), ...(match.any ?? [])]
    .filter((branch) => truthOf(branch, each) !== "no")
    .flatMap((branch) => matchedFacts(branch, each));
  const negated = match.not === undefined ? [] : [`not (${describeKeys(match.not)})`];
  return [...new Set([...own, ...inner, ...negated])];
}

interface Leaf {
  readonly truth: Truth;
  readonly words: string;
}

function branches(match: Match, each: Case): Truth[] {
  const truths: Truth[] = [];
  if (match.all !== undefined) truths.push(every(match.all.map((inner) => truthOf(inner, each))));
  if (match.any !== undefined) truths.push(some(match.any.map((inner) => truthOf(inner, each))));
  if (match.not !== undefined) truths.push(not(truthOf(match.not, each)));
  // Nothing here can evaluate it; start-up refuses such a policy, and where that was not asked it stays uncertain.
  if (match.when !== undefined) truths.push("maybe");
  return truths;
}

function leaves(match: Match, each: Case): Leaf[] {
  const { command, facts } = each;
  const found: Leaf[] = [];
  if (match.target !== undefined) found.push(named("target", match.target, facts.target));
  if (match.protocol !== undefined) found.push(named("protocol", match.protocol, facts.protocol));
  if (match.effects !== undefined) found.push(effectsLeaf(match.effects, command));
  if (match.objects !== undefined) found.push(objectsLeaf(match.objects, command));
  if (match.bounded !== undefined) found.push(boundedLeaf(match.bounded, command));
  for (const key of RUN_FACTS) {
    const patterns = match[key];
    if (patterns !== undefined) found.push(runLeaf(key, patterns, facts[key]));
  }
  for (const key of COMMAND_FACTS) {
    const patterns = match[key];
    if (patterns !== undefined) found.push(commandLeaf(key, patterns, facts[key], each.absent));
  }
  return found;
}

function effectsLeaf(names: NonNullable<Match["effects"]>, command: Judged): Leaf {
  const hits = command.effects.filter((effect) => names.includes(effect));
  const truth = share(command.effects.map((effect) => (names.includes(effect) ? "yes" : "no")));
  return { truth, words: `effects ${hits.join(", ")}` };
}

/** More names than this help nobody to see why a rule matched. */
const OBJECTS_SHOWN_MAX = 8;

function objectsLeaf(patterns: readonly string[], command: Judged): Leaf {
  if (command.objects.length === 0) return { truth: "maybe", words: "objects that could not be told" };
  const truths = command.objects.map((object) => some(patterns.map((pattern) => fitsObject(pattern, object))));
  const hits = command.objects.filter((_, index) => truths[index] !== "no");
  const shown = hits.slice(0, OBJECTS_SHOWN_MAX).join(", ");
  const more = hits.length - OBJECTS_SHOWN_MAX;
  return { truth: share(truths), words: `objects ${shown}${more > 0 ? ` and ${more} more` : ""}` };
}

function boundedLeaf(wanted: boolean, command: Judged): Leaf {
  // Of a command that could not be read, nobody knows what bounds it.
  if (command.effects.includes("unknown")) return { truth: "maybe", words: "bounded could not be told" };
  return { truth: command.bounded === wanted ? "yes" : "no", words: `bounded ${wanted}` };
}

function named(key: string, patterns: readonly string[], value: string): Leaf {
  return { truth: some(patterns.map((pattern) => fitsText(pattern, value))), words: `${key} ${value}` };
}

function runLeaf(key: string, patterns: readonly string[], value: string): Leaf {
  if (value === "") return { truth: "maybe", words: `${key} that nobody named` };
  return named(key, patterns, value);
}

function commandLeaf(key: string, patterns: readonly string[], value: string | undefined, absent: Truth): Leaf {
  if (value === undefined) return { truth: absent, words: `${key} that it does not have` };
  const truths = patterns.map((pattern) => fitsText(pattern, value));
  const hit = patterns.find((_, index) => truths[index] !== "no") ?? "";
  return { truth: some(truths), words: `${key} like ${hit}` };
}

function describeKeys(match: Match): string {
  const lists = (["target", "protocol", "effects", "objects", ...RUN_FACTS, ...COMMAND_FACTS] as const).flatMap(
    (key) => {
      const names = match[key];
      return names === undefined ? [] : [`${key} ${names.join(", ")}`];
    },
  );
  const bounded = match.bounded === undefined ? [] : [`bounded ${match.bounded}`];
  const nested = (["any", "all", "not", "when"] as const).filter((key) => match[key] !== undefined);
  return [...lists, ...bounded, ...nested].join("; ");
}
