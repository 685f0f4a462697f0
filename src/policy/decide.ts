// Command and facts in, decision out, with its reason. Remembers its decisions, because a job says the same few
// things many times; asks nobody and changes nothing else.
import type { Command } from "../model/command.ts";
import type { Decision } from "../model/decision.ts";
import type { Facts } from "./facts.ts";
import { type Case, type Judged, matchedFacts, namesUnknown, truthOf } from "./match.ts";
import { BUILT_IN_RULES, type Policy, type Rule } from "./policy.ts";

/** A policy made ready to judge. Belongs to one session. */
export interface CompiledPolicy {
  /** Strictest first, then in the order of the file, so that the first that matches is the one that decides. */
  readonly rules: readonly Rule[];
  /** By the identity of a command's objects; each list is short and searched by identity. */
  readonly remembered: WeakMap<readonly string[], Remembered[]>;
}

interface Remembered {
  readonly effects: Command["effects"];
  readonly bounded: boolean;
  readonly facts: Facts;
  readonly decision: Decision;
}

const STRICTEST_FIRST = ["deny", "hold", "allow"] as const;

/** Readings that share one list of objects (mostly the empty one) differ in few effects; beyond that, start over. */
const REMEMBERED_MAX = 16;

/** Prepares a policy for `decide`. Once per session: the result remembers what it decided. */
export function compile(policy: Pick<Policy, "rules">): CompiledPolicy {
  const rules = STRICTEST_FIRST.flatMap((kind) => policy.rules.filter((rule) => rule.decide === kind));
  return { rules, remembered: new WeakMap() };
}

/**
 * Policy's word on one command. DESIGN.md 6: the strictest matching rule wins, between equals the first in the file,
 * and what no rule speaks for is denied. Synchronous, never throws, and gives the same frozen object again for the
 * same `effects`, `objects` and `facts` (by identity) and `bounded`.
 */
export function decide(command: Judged, facts: Facts, compiled: CompiledPolicy): Decision {
  const remembered = compiled.remembered.get(command.objects);
  if (remembered !== undefined) {
    for (const each of remembered) {
      if (each.effects === command.effects && each.facts === facts && each.bounded === command.bounded) {
        return each.decision;
      }
    }
  }
  const decision = judge(command, facts, compiled.rules);
  const entry = { effects: command.effects, bounded: command.bounded, facts, decision };
  if (remembered === undefined) compiled.remembered.set(command.objects, [entry]);
  else {
    if (remembered.length >= REMEMBERED_MAX) remembered.length = 0;
    remembered.push(entry);
  }
  return decision;
}

function judge(command: Judged, facts: Facts, rules: readonly Rule[]): Decision {
  for (const rule of rules) {
    const each: Case = { command, facts, absent: rule.decide === "allow" ? "maybe" : "no" };
    if (applies(rule, each)) return decisionOf(rule, each);
  }
  const message = `No rule of the policy speaks for this command (${command.effects.join(", ")}). Add a rule that does, or change the command.`;
  return freeze({ kind: "deny", reason: { rule: BUILT_IN_RULES.default, message, matched: [] } });
}

function applies(rule: Rule, each: Case): boolean {
  const truth = truthOf(rule.match, each);
  if (rule.decide !== "allow") return truth !== "no";
  if (truth !== "yes") return false;
  return !each.command.effects.includes("unknown") || namesUnknown(rule.match, each);
}

function decisionOf(rule: Rule, each: Case): Decision {
  const reason = { rule: rule.name, message: messageOf(rule), matched: matchedFacts(rule.match, each) };
  if (rule.decide === "hold") return freeze({ kind: "hold", reason, approval: rule.approval });
  return freeze({ kind: rule.decide, reason });
}

function messageOf(rule: Rule): string {
  if (rule.message !== "") return rule.message;
  switch (rule.decide) {
    case "allow":
      return "";
    case "hold":
      return `Rule ${rule.name} of the policy asks for an approval of this command first.`;
    case "deny":
      return `Rule ${rule.name} of the policy denies this command. Change the command, or have the policy changed.`;
  }
}

/** The same object goes to every caller, so none may change it for the others. */
function freeze(decision: Decision): Decision {
  Object.freeze(decision.reason.matched);
  Object.freeze(decision.reason);
  return Object.freeze(decision);
}
