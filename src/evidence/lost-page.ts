// The page about a session that was lost: what the countersigner knows of it, and plainly, what nobody knows. A pure function
// of the signed files, so a verifier renders it again.

import { readApproval } from "./approval-statement.ts";
import { decodeUtf8 } from "./dsse.ts";
import type { Lost, LostReason } from "./lost.ts";
import { counted, facts, githubLinks, table, timeOf } from "./markdown.ts";
import { answerLink } from "./pages.ts";
import { codeBlock, codeSpan, codeSpans } from "./visible.ts";
import { lostFolder } from "./where.ts";

const ANSWERS_SHOWN_MAX = 100;
const TARGETS_SHOWN_MAX = 20;
const PEOPLE_SHOWN_MAX = 10;

/** What a page is made from besides the statement. */
interface Beside {
  /** The number of the entry in the log; undefined where it is in none. */
  readonly index: number | undefined;
  /** The files of `approvals/`, by name. */
  readonly approvals: ReadonlyMap<string, Uint8Array>;
}

/** `README.md` of a session that was lost and of which no events are here. */
export function lostPage(lost: Lost, { index, approvals }: Beside): string {
  return [
    `# Session ${lost.sid}\n\n`,
    `**Lost**: ${REASONS[lost.reason]}. Nothing of it was handed in, so its events are not here.\n\n`,
    glance(lost),
    known(lost),
    missing(lost),
    answers(approvals),
    verification(lost, index),
  ].join("");
}

const REASONS: Readonly<Record<LostReason, string>> = {
  silent: "the gateway fell silent, and the countersigner closed the session",
  contested: "a second session was registered for the same job, and the countersigner closed both",
  "job ended": "the job ended, and its gateway handed nothing in",
};

/** What the page of a session says that was closed as lost, and whose events came after all. */
export function foundAgain({ closedAt, reason, size }: Lost): string {
  return [
    "## Closed as lost, and handed in later\n\n",
    `At ${timeOf(closedAt)} UTC the countersigner closed this session: ${REASONS[reason]}. It had countersigned `,
    `${counted(size, "event")} by then. The session's files came later; what had been countersigned is what they begin with.\n\n`,
  ].join("");
}

function glance({ identity, ...lost }: Lost): string {
  const links = githubLinks(identity);
  const said = (text: string, shown = codeSpan(text)): string => (text === "" ? "" : shown);
  const actors = [...new Set([identity.actor, identity.triggeringActor])].filter((each) => each !== "");
  const rows: readonly (readonly [string, string])[] = [
    ["Outcome", `**lost**, ${lost.reason}`],
    ["Who", codeSpans(actors)],
    ["Registered", `${timeOf(lost.registeredAt)} UTC`],
    ["Last head", lost.lastHeadAt === "" ? "none" : `${timeOf(lost.lastHeadAt)} UTC`],
    ["Closed", `${timeOf(lost.closedAt)} UTC`],
    ["Targets", codeSpans(lost.targets, TARGETS_SHOWN_MAX)],
    ["Repository", said(identity.repository, links.repository)],
    ["Workflow", said(identity.workflowRef, links.workflow)],
    ["Run", said(identity.run, links.run)],
    ["Attempt, job", codeSpans([identity.attempt, identity.job].filter((each) => each !== ""))],
    ["Event, ref", codeSpans([identity.event, identity.ref].filter((each) => each !== ""))],
    ["Commit", said(identity.commit, links.commit)],
    ["Environment", said(identity.environment)],
    ["Policy", codeSpan(lost.policy.digest)],
  ];
  return facts(rows.filter(([, value]) => value !== ""));
}

function known({ size, root }: Lost): string {
  const words =
    size === 0
      ? "The session was registered, and the countersigner never saw a head of it: no command that waits for one was released.\n\n"
      : `The countersigner signed a commitment to the first ${counted(size, "event")}, root ${codeSpan(Buffer.from(root).toString("base64"))}, in [checkpoints.txt](checkpoints.txt). Should they turn up, they can be held against it: none of them can be changed.\n\n`;
  return `## What is known\n\n${words}`;
}

function missing({ size }: Lost): string {
  const events = size === 0 ? "All events" : `The ${counted(size, "event")} themselves, and all that came behind them`;
  return [
    "## What is missing\n\n",
    `${events}: which commands the job asked for, what was decided, what ran, and with what result. A command that is more than`,
    ` a read waits until a countersigned head covers it; ${size === 0 ? "there was none, so none such was released" : "none such was released behind the last head"}. Reads may have run.\n`,
    "The target's own log may tell what ran.\n\n",
  ].join("");
}

/** The answers that the countersigner signed: what the gateway did with them is not known. */
function answers(approvals: ReadonlyMap<string, Uint8Array>): string {
  const names = [...approvals.keys()].toSorted();
  if (names.length === 0) return "";
  const rows = names.slice(0, ANSWERS_SHOWN_MAX).map((name) => {
    const answer = readApproval(decodeUtf8(approvals.get(name) ?? new Uint8Array()) ?? "");
    if (answer === undefined) return [codeSpan(name), "–", "–", "–", "–", "–"];
    const by = answer.by.slice(0, PEOPLE_SHOWN_MAX).map(({ login, via }) => `${codeSpan(login)} (${codeSpan(via)})`);
    const more = answer.by.length > by.length ? ` and ${answer.by.length - by.length} more` : "";
    return [
      answerLink(answer.request),
      codeSpan(answer.cmd),
      codeSpan(answer.target),
      codeSpan(answer.rule),
      `${answer.answer}${by.length === 0 ? "" : ` by ${by.join(", ")}${more}`}`,
      timeOf(answer.decidedAt),
    ];
  });
  const rest =
    names.length > rows.length ? `${counted(names.length - rows.length, "more answer")} in \`approvals/\`.\n\n` : "";
  return [
    "## Answers\n\nThe countersigner signed these. Whether the gateway did as they say is not known.\n\n",
    table(["Request", "Command", "Target", "Rule", "Answer", "At"], rows),
    rest,
  ].join("");
}

function verification({ sid, size, root, countersigner }: Lost, index: number | undefined): string {
  return [
    "## Verify\n\n",
    facts([
      ["Session", codeSpan(sid)],
      ["Last countersigned head", `${codeSpan(Buffer.from(root).toString("base64"))}, ${counted(size, "event")}`],
      ["Entry in the log", index === undefined ? "none" : String(index)],
      ["Countersigner's key", codeSpan(countersigner)],
    ]),
    "This session alone, in a checkout of the evidence; then everything, in a clone of the repository. Both say `INCOMPLETE`:\n",
    "nothing is false, and the session is missing.\n\n",
    codeBlock(`countersign verify ${lostFolder(sid)}\ncountersign verify countersign/evidence`),
    "\nThis page says nothing of its own: it is made of `lost.dsse.json`, `approvals/` and the number of the entry, and the\nverifier makes it again.\n",
  ].join("");
}
