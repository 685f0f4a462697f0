// The page about one session: a pure function of hashed data, so a verifier renders it again and a page that lies is
// found. Everything that came from the session is in code spans and fences; only our own words are Markdown.

import type { Redacted } from "../model/event.ts";
import { detailsWithin, NAMES_SHOWN_MAX, people, Show } from "./command-details.ts";
import { erasedValues, Places } from "./erased-section.ts";
import type { Erasure } from "./erasure.ts";
import type { Lost } from "./lost.ts";
import { foundAgain } from "./lost-page.ts";
import { counted, duration, facts, folded, githubLinks, table, timeOf } from "./markdown.ts";
import { answerLink, sessionFolder } from "./pages.ts";
import { readEvents } from "./read-events.ts";
import { openValues, Story, type Told } from "./story.ts";
import { Summariser, type Summary } from "./summary.ts";
import { timeline } from "./timeline.ts";
import { codeBlock, codeSpan, codeSpans } from "./visible.ts";
import { lostFolder } from "./where.ts";

const TARGETS_SHOWN_MAX = 20;

/** All details together, in bytes: with the tables a page stays under a megabyte, half of what GitHub still shows. */
const DETAILS_BYTES_MAX = 500_000;
const OWN_BYTES_MAX = 100_000;

/** What a page is made from besides events and disclosures. */
export interface Beside {
  /** The number of the session's entry in the log; undefined where it is in none. */
  readonly index: number | undefined;
  /** What was erased since, in order. */
  readonly erasures: readonly Erasure[];
  /** The statement by which it was closed as lost before its files came; undefined where there is none. */
  readonly lost?: Lost | undefined;
}

/** `README.md` of one session. */
export function sessionPage(events: Uint8Array, disclosures: Uint8Array, { index, erasures, lost }: Beside): string {
  const summariser = new Summariser();
  const story = new Story();
  const { size, root } = readEvents(events, (event) => {
    summariser.add(event);
    story.add(event);
  });
  const places = new Places(erasures);
  readEvents(events, (event) => {
    story.recall(event);
    places.add(event);
  });
  const told = story.told();
  const values = openValues(disclosures, wantedDigests(story, told));
  const erased = new Set(erasures.flatMap(({ digests }) => digests));
  const show = new Show(values, erased);
  const summary = summariser.summary();
  const rooted = Buffer.from(root).toString("base64");
  return [
    `# Session ${/^[0-9A-Z]{26}$/.test(summary.sid) ? summary.sid : codeSpan(summary.sid)}\n\n`,
    glance(summary, size, rooted),
    lost === undefined ? "" : foundAgain(lost),
    timeline(
      told.filter((each) => !each.planned),
      story,
    ),
    commands(story, told),
    approvals(told),
    plans(story, told, show),
    allDetails(story, told, show),
    ownCommands(story, told, show),
    connections(story, show),
    erasedValues(erasures, places),
    gaps(story),
    verification(summary, { size, root: rooted, index, lost }),
  ].join("");
}

function glance(summary: Summary, size: number, root: string): string {
  const { started, ended, counts } = summary;
  const identity = started?.identity;
  const links = identity === undefined ? undefined : githubLinks(identity);
  const said = (text: string | undefined, shown = codeSpan(text ?? "")): string =>
    text === undefined || text === "" ? "" : shown;
  const outcome =
    ended === undefined
      ? "**incomplete**: the session has no end"
      : `${ended.outcome === "completed" ? ended.outcome : `**${ended.outcome}**`}, exit code ${ended.exit}`;
  const own = counts.previews === 0 ? "" : ` (and ${counts.previews} of the gateway's own)`;
  const took = Date.parse(summary.endedAt) - Date.parse(summary.startedAt);
  const actors = [identity?.actor ?? "", identity?.triggeringActor ?? ""].filter(
    (each, at, all) => each !== "" && all.indexOf(each) === at,
  );
  const rows: readonly (readonly [string, string])[] = [
    ["Outcome", outcome],
    [
      "Commands",
      `${counts.commands}${own}, of them ${counts.held} held, ${counts.denied} denied; ${counts.approvals} approved by people; ${counts.masked} spans masked`,
    ],
    ["Who", codeSpans(actors)],
    [
      "When",
      ended === undefined
        ? `from ${timeOf(summary.startedAt)} UTC`
        : `${timeOf(summary.startedAt)} to ${endTime(summary)} UTC, ${duration(took)}`,
    ],
    ["Targets", targetsOf(started?.targets ?? [])],
    [
      "Credentials",
      summary.issued.length === 0 ? "" : `released by the App for ${codeSpans(summary.issued, TARGETS_SHOWN_MAX)}`,
    ],
    ["Repository", said(identity?.repository, links?.repository)],
    ["Workflow", said(identity?.workflowRef, links?.workflow)],
    ["Run", said(identity?.run, links?.run)],
    ["Attempt, job", codeSpansOf([identity?.attempt, identity?.job])],
    ["Event, ref", codeSpansOf([identity?.event, identity?.ref])],
    ["Commit", said(identity?.commit, links?.commit)],
    ["Environment", said(identity?.environment)],
    ["Policy", codeSpan(started?.policy.digest ?? "")],
    [
      "Assurance",
      `${codeSpan(started?.tier ?? "")}, countersigned by ${codeSpan(countersignerName(started?.countersigner))}`,
    ],
    ["Gateway", codeSpan(started?.gateway.version ?? "")],
    ["Head", `${size} events, root ${codeSpan(root)}`],
  ];
  return facts(rows.filter(([, value]) => value !== ""));
}

/** Of a session that ended on the day it began, the time alone. */
function endTime({ startedAt, endedAt }: Summary): string {
  return endedAt.slice(0, 10) === startedAt.slice(0, 10) ? timeOf(endedAt).slice(11) : timeOf(endedAt);
}

function targetsOf(targets: readonly { readonly name: string; readonly protocol: string }[]): string {
  const shown = targets
    .slice(0, TARGETS_SHOWN_MAX)
    .map(({ name, protocol }) => `${codeSpan(name)} (${codeSpan(protocol)})`);
  const rest = targets.length > shown.length ? ` and ${targets.length - shown.length} more` : "";
  return shown.length === 0 ? "–" : `${shown.join(", ")}${rest}`;
}

function codeSpansOf(texts: readonly (string | undefined)[]): string {
  const some = texts.flatMap((each) => (each === undefined || each === "" ? [] : [each]));
  return some.length === 0 ? "" : codeSpans(some);
}

function countersignerName(vkey: string | undefined): string {
  return vkey?.split("+")[0] ?? "";
}

function commands(story: Story, told: readonly Told[]): string {
  const own = told.filter((each) => !each.own && !each.planned);
  const lines = story.omittedLines;
  const where = lines === undefined ? "" : `, seen in its lines ${lines.first} to ${lines.last}`;
  const rest =
    story.omitted > 0
      ? `**There is no room here for ${counted(story.omitted, "more command")}**: \`events.jsonl\` has all${where}.\n\n`
      : "";
  return `## Commands\n\n${own.length === 0 ? "None.\n\n" : commandTable(own)}${rest}`;
}

function commandTable(told: readonly Told[]): string {
  const isAlone = new Set(told.map(({ seen }) => seen.target)).size === 1;
  const rows = told.map((each) => [
    each.seen.cmd,
    ...(isAlone ? [] : [codeSpan(each.seen.target)]),
    each.seen.effects.join(", "),
    codeSpans(each.seen.objects, NAMES_SHOWN_MAX),
    each.decided === undefined ? "–" : `${each.decided.decision} ${codeSpan(each.decided.rule)}`,
    answers(each),
    outcomes(each),
    each.returned.length === 0
      ? "–"
      : String(each.returned.reduce((sum, { rows: count }) => sum + Math.max(0, count), 0)),
    each.returned.length === 0
      ? "–"
      : milliseconds(each.returned.reduce((sum, { tookUs }) => sum + Math.max(0, tookUs), 0)),
  ]);
  const target = isAlone ? [] : ["Target"];
  return table(["Command", ...target, "Effects", "Objects", "Decision", "Answer", "Outcome", "Rows", "ms"], rows);
}

/** What the gateway asked for itself, folded away: it is recorded like everything, and it is not the job's. */
function ownCommands(story: Story, told: readonly Told[], show: Show): string {
  const own = told.filter((each) => each.own);
  if (own.length === 0) return "";
  const words =
    "It looks at the target's tables when a session starts, and at what a held command would touch, in\nread-only transactions on connections of its own.\n\n";
  const [shown, rest] = detailsWithin(story, own, show, OWN_BYTES_MAX);
  return `## The gateway's own\n\n${words}${folded(counted(own.length, "command"), `${commandTable(own)}${shown}${rest}`)}`;
}

function answers({ answered }: Told): string {
  if (answered.length === 0) return "–";
  return answered.map(({ answer, by }) => `${answer}${by.length === 0 ? "" : ` by ${people(by)}`}`).join("; ");
}

function outcomes({ settled, returned }: Told): string {
  if (settled === undefined) return "not settled";
  if (settled.ruling === "refuse")
    return `**refused** ${settled.cause === "" ? "" : codeSpan(settled.cause)}`.trimEnd();
  if (returned.length === 0) return "released";
  return returned.map(({ outcome, code }) => (code === "" ? outcome : `${outcome} ${codeSpan(code)}`)).join("; ");
}

function approvals(told: readonly Told[]): string {
  const rows = told.flatMap(({ seen, decided, requested, answered }) =>
    requested.map(({ request, impact, approvers, expiresAt }) => {
      const answer = answered.find((each) => each.request === request);
      const isSigned = answer !== undefined && answer.dsse !== "";
      return [
        isSigned ? answerLink(request) : codeSpan(request),
        seen.cmd,
        codeSpan(decided?.rule ?? ""),
        impact.counted < 0 ? `about ${known(impact.estimated)}` : `${impact.counted}, counted`,
        asked(approvers),
        answer === undefined ? "none" : `${answer.answer}${answer.by.length === 0 ? "" : ` by ${people(answer.by)}`}`,
        timeOf(expiresAt).replace(/\.[0-9]{3}$/, ""),
      ];
    }),
  );
  if (rows.length === 0) return "";
  const head = ["Request", "Command", "Rule", "Would touch rows", "Asked", "Answer", "Expires"];
  return `## Approvals\n\n${table(head, rows)}Behind a request is its answer, signed by the countersigner for that one command.\n\n`;
}

/** Lists of statements that people were asked about at once, with what they were shown. */
function plans(story: Story, told: readonly Told[], show: Show): string {
  if (story.plans.length === 0) return "";
  const rows = story.plans.map(({ conn, requested, answered }) => {
    const { request, digests, rules, approvers, expiresAt } = requested;
    const isSigned = answered !== undefined && answered.dsse !== "";
    return [
      isSigned ? answerLink(request) : codeSpan(request),
      `${conn}/1 to ${conn}/${digests.length}`,
      codeSpans(rules, NAMES_SHOWN_MAX),
      asked(approvers),
      answered === undefined
        ? "none"
        : `${answered.answer}${answered.by.length === 0 ? "" : ` by ${people(answered.by)}`}`,
      timeOf(expiresAt).replace(/\.[0-9]{3}$/, ""),
    ];
  });
  const head = ["Request", "Statements", "Rules", "Asked", "Answer", "Expires"];
  const words =
    "People answer a plan once. A command is covered by it when it is the next of its statements, byte for byte, and the\none before it was completed; its answer above then names the plan's request.\n\n";
  const stated = told.filter((each) => each.planned);
  const [shown, rest] = detailsWithin(story, stated, show, OWN_BYTES_MAX);
  return `## Plans\n\n${table(head, rows)}${words}${folded(counted(stated.length, "statement"), `${shown}${rest}`)}`;
}

function asked({ teams, users }: { readonly teams: readonly string[]; readonly users: readonly string[] }): string {
  const some = [
    teams.length === 0 ? "" : `${teams.length === 1 ? "team" : "teams"} ${codeSpans(teams, NAMES_SHOWN_MAX)}`,
    users.length === 0 ? "" : codeSpans(users, NAMES_SHOWN_MAX),
  ].filter((each) => each !== "");
  return some.length === 0 ? "whoever may" : some.join(", ");
}

function allDetails(story: Story, told: readonly Told[], show: Show): string {
  const jobs = told.filter((each) => !each.own && !each.planned);
  if (jobs.length === 0) return "";
  const [shown, rest] = detailsWithin(story, jobs, show, DETAILS_BYTES_MAX);
  return `## Details\n\n${shown}${rest}`;
}

function connections(story: Story, show: Show): string {
  if (story.connections.length === 0) return "";
  const rows = story.connections.map(({ conn, at, body }) => [
    String(conn),
    timeOf(at),
    codeSpan(body.target),
    codeSpan(body.user),
    codeSpan(body.database),
    body.application.map((each) => applicationName(show, each)).join(" ") || "–",
    body.purpose,
    `${body.tls.client ? "TLS" : "plain"}, ${body.tls.target ? "TLS" : "plain"}`,
  ]);
  const head = ["Connection", "Opened", "Target", "User", "Database", "Application", "Purpose", "Client, target"];
  const { connections: more } = story.omittedAsides;
  const rest = more === 0 ? "" : `${counted(more, "more connection")} in \`events.jsonl\`.\n\n`;
  return `## Connections\n\n${table(head, rows)}${rest}`;
}

function applicationName(show: Show, redacted: Redacted): string {
  const text = show.text(redacted);
  return text === undefined ? show.missing(redacted) : codeSpan(text);
}

function gaps(story: Story): string {
  if (story.gaps.length === 0) return "";
  const rows = story.gaps.map(({ at, body }) => [timeOf(at), codeSpan(body.cmd), codeSpan(body.what)]);
  const { gaps: more } = story.omittedAsides;
  const rest = more === 0 ? "" : `${counted(more, "more gap")} in \`events.jsonl\`.\n\n`;
  return `## What is missing\n\n${table(["At", "Command", "What is known"], rows)}${rest}`;
}

function verification(
  { startedAt, sid, started }: Summary,
  { size, root, index, lost }: { readonly size: number; readonly root: string } & Pick<Beside, "index" | "lost">,
): string {
  return [
    "## Verify\n\n",
    facts([
      ["Session", codeSpan(sid)],
      ["Root of its events", `${codeSpan(root)}, ${size} events`],
      ["Entry in the log", index === undefined ? "none" : String(index)],
      ["Countersigner's key", codeSpan(started?.countersigner ?? "")],
    ]),
    "This session alone, in a checkout of the evidence; then everything, in a clone of the repository:\n\n",
    codeBlock(
      `countersign verify ${lost === undefined ? sessionFolder(startedAt, sid) : lostFolder(sid)}\ncountersign verify countersign/evidence`,
    ),
    "\nWhoever knows the countersigner's key from elsewhere adds `--key VKEY`. This page says nothing of its own: it is made of",
    " `events.jsonl`, `disclosures.jsonl`, the erasures and the number of the entry, and the verifier makes it again.\n",
  ].join("");
}

function wantedDigests(story: Story, told: readonly Told[]): ReadonlySet<string> {
  const wanted = new Set<string>();
  const want = (list: readonly Redacted[]): void => {
    for (const each of list) wanted.add(each["..."]);
  };
  for (const { body } of story.connections) want(body.application);
  for (const each of told) {
    want(story.textOf(each));
    want(each.seen.params);
    for (const { reason } of each.answered) want(reason);
    for (const { response } of each.returned) want(response);
  }
  return wanted;
}

function known(count: number): string {
  return count < 0 ? "unknown" : String(count);
}

function milliseconds(microseconds: number): string {
  return (microseconds / 1000).toFixed(1);
}
