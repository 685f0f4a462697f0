// The answers of people: each signed by the countersigner, for that very command, in time, by somebody else than who ran
// the job; and nothing that was held was released without one.

import type { EventBodies } from "../model/event.ts";
import type { Identity } from "../model/session.ts";
import { NoteError, parseVkey } from "../tlog/note.ts";
import { type Asked, verifyApproval } from "./approval-statement.ts";
import type { HeldCommand } from "./course.ts";
import { decodeUtf8 } from "./dsse.ts";
import { digestOfFile } from "./entry.ts";
import type { Lost } from "./lost.ts";
import { fileName } from "./pages.ts";
import { type AskedPlan, planDigest, planRule } from "./plans.ts";
import type { Finding } from "./report.ts";

/** What a session says of itself, as far as approvals depend on it. */
export interface ApprovalContext {
  readonly sid: string;
  readonly started: EventBodies["session.started"];
  /** The countersigner's raw public key; undefined where the session had none. */
  readonly countersigner: Uint8Array | undefined;
  /** The files of `approvals/`, by name. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** The statement that closed the session as lost, where there is one. Answers it knew of may not be in the events. */
  readonly lost: Lost | undefined;
}

/** Surfaces on GitHub, where people are not the one who runs the job. A local page or terminal may be theirs. */
const ELSEWHERE = new Set(["check", "review", "comment"]);

/** Checks every answer, and every release that needed one. */
export function checkApprovals(
  { held, plans }: { readonly held: readonly HeldCommand[]; readonly plans: readonly AskedPlan[] },
  context: ApprovalContext,
  finding: Finding,
): void {
  const spoken = new Set<string>();
  let signed = 0;
  for (const plan of plans) {
    const { answered, requested } = plan;
    if (answered === undefined || answered.dsse === "") {
      if (answered?.answer === "approved" && context.countersigner !== undefined)
        finding.fail(`plan ${requested.request} was approved, and nobody signed it`);
      continue;
    }
    spoken.add(fileName(requested.request));
    signed += 1;
    for (const reason of faultsOfAnswer(answered, planBinding(plan), context)) {
      finding.fail(`plan ${requested.request}: ${reason}`);
    }
  }
  for (const command of held) {
    for (const answered of command.answered) {
      if (answered.dsse === "") continue;
      if (answered.request === command.plan?.requested.request) {
        for (const reason of faultsOfCover(command, answered, command.plan)) {
          finding.fail(`command ${command.cmd}, covered by plan ${answered.request}: ${reason}`);
        }
        continue;
      }
      spoken.add(fileName(answered.request));
      signed += 1;
      for (const reason of faultsOf(command, answered, context)) {
        finding.fail(`request ${answered.request} of command ${command.cmd}: ${reason}`);
      }
    }
    const approved = command.answered.some(({ answer, dsse }) => answer === "approved" && dsse !== "");
    // Where there is no countersigner nobody signs, and the record says so in its first event.
    if (command.released && !approved && context.countersigner !== undefined) {
      finding.fail(`command ${command.cmd} was held and released without a signed approval`);
    }
  }
  for (const [name, file] of context.files) {
    if (spoken.has(name)) continue;
    if (context.lost === undefined) finding.fail(`approvals/${name} answers no request of this session`);
    else for (const fault of faultsOfUnrecorded(name, file, context.lost)) finding.fail(`approvals/${name}: ${fault}`);
  }
  finding.detail = `${held.length} held, ${signed} signed answers`;
}

/**
 * What is wrong with an answer that no event speaks of, in a session that was lost: the gateway may have died before it
 * wrote the answer down. It was signed for this session all the same.
 */
export function faultsOfUnrecorded(name: string, file: Uint8Array, lost: Lost): readonly string[] {
  const key = countersignerOf(lost);
  if (key === undefined) return ["there is no countersigner whose signature could be believed"];
  const result = verifyApproval(decodeUtf8(file) ?? "", key, { sid: lost.sid, policy: lost.policy.digest });
  if (result.kind === "bad") return result.reasons;
  const { facts } = result;
  const faults: string[] = [];
  if (fileName(facts.request) !== name) faults.push("it answers another request");
  if (!lost.targets.includes(facts.target)) faults.push("it is for a target that the session did not register");
  if (facts.answer === "approved" && isByTheirOwn(facts.by, lost.identity)) {
    faults.push("approved by the one who ran the job");
  }
  return faults;
}

function countersignerOf({ countersigner }: Lost): Uint8Array | undefined {
  try {
    return parseVkey(countersigner).publicKey;
  } catch (error) {
    if (error instanceof NoteError) return undefined;
    throw error;
  }
}

/** Is one of the people who answered elsewhere than on their own machine the one who ran the job. */
function isByTheirOwn(
  by: readonly { readonly login: string; readonly via: string }[],
  { actor, triggeringActor }: Identity,
): boolean {
  const own = [actor, triggeringActor].map((login) => login.toLowerCase());
  return by.some(({ login, via }) => ELSEWHERE.has(via) && own.includes(login.toLowerCase()));
}

/** What a signed answer must be about, and how many people had to give it. */
interface Binding {
  readonly asked: Pick<Asked, "cmd" | "target" | "digest" | "leaf" | "rule"> & Partial<Pick<Asked, "expiresAt">>;
  readonly needed: number;
}

function planBinding({ requested, leaf, cmd }: AskedPlan): Binding {
  const { target, digests, rules, expiresAt, approvers } = requested;
  const digest = planDigest(digests);
  return { asked: { cmd, target, digest, leaf, rule: planRule(rules), expiresAt }, needed: approvers.count };
}

/** A command that a plan covers has the plan's own answer; that it is the next of its statements, the course says. */
function faultsOfCover(
  { rule }: HeldCommand,
  { answer, by, dsse }: EventBodies["approval.answered"],
  plan: AskedPlan,
): readonly string[] {
  const faults: string[] = [];
  const given = plan.answered;
  if (answer !== "approved" || given?.answer !== "approved") faults.push("the plan was not approved");
  if (dsse !== given?.dsse) faults.push("the signed answer is not the plan's");
  if (JSON.stringify(by) !== JSON.stringify(given?.by)) faults.push("answered by others than the plan was");
  if (!plan.requested.rules.includes(rule)) faults.push(`it was held by rule ${rule}, which the plan does not name`);
  return faults;
}

function faultsOf(
  command: HeldCommand,
  answered: EventBodies["approval.answered"],
  context: ApprovalContext,
): readonly string[] {
  const requested = command.requested.find(({ request }) => request === answered.request);
  const { cmd, leaf, rule, seen } = command;
  const expires = requested === undefined ? {} : { expiresAt: requested.expiresAt };
  const asked = { cmd, target: seen.target, digest: seen.digest, leaf, rule, ...expires };
  return faultsOfAnswer(answered, { asked, needed: requested?.approvers.count ?? 1 }, context);
}

function faultsOfAnswer(
  answered: EventBodies["plan.answered"],
  { asked, needed }: Binding,
  { sid, started, countersigner, files }: ApprovalContext,
): readonly string[] {
  const file = files.get(fileName(answered.request));
  if (file === undefined) return [`approvals/${fileName(answered.request)} is missing`];
  if (digestOfFile(file) !== answered.dsse) return ["the signed answer is not the one that was recorded"];
  if (countersigner === undefined) return ["a signed answer in a session without countersigner"];
  const result = verifyApproval(decodeUtf8(file) ?? "", countersigner, {
    ...asked,
    request: answered.request,
    sid,
    policy: started.policy.digest,
  });
  if (result.kind === "bad") return result.reasons;
  const { facts } = result;
  const faults: string[] = [];
  if (facts.answer !== answered.answer) faults.push(`signed as ${facts.answer}, recorded as ${answered.answer}`);
  if (JSON.stringify(facts.by) !== JSON.stringify(answered.by)) faults.push("signed by others than were recorded");
  if (JSON.stringify(facts.reason) !== JSON.stringify(answered.reason)) {
    faults.push("signed with another reason than was recorded");
  }
  if (facts.answer === "approved") {
    const people = new Set(facts.by.map(({ login }) => login.toLowerCase()));
    if (people.size < needed) faults.push(`approved by ${people.size}, and ${needed} were asked for`);
    if (isByTheirOwn(facts.by, started.identity)) faults.push("approved by the one who ran the job");
  }
  return faults;
}
