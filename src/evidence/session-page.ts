// The page about one session: a pure function of hashed data, so a verifier renders it again and a page that lies is
// found. Everything that came from the session is in code spans and fences; only our own words are Markdown.

import type { Redacted } from "../model/event.ts";
import { valueText } from "./answer-text.ts";
import type { Erasure } from "./erasure.ts";
import type { KnownEvent } from "./event-shapes.ts";
import { counted, duration, facts, folded, githubLinks, table, timeOf } from "./markdown.ts";
import { fileName, sessionFolder } from "./pages.ts";
import { readEvents } from "./read-events.ts";
import { openValues, Story, type Told, type Values } from "./story.ts";
import { Summariser, type Summary } from "./summary.ts";
import { timeline } from "./timeline.ts";
import { codeBlock, codeSpan, codeSpans } from "./visible.ts";

/** Of one text or answer so much is shown; the whole is in the disclosures. */
const TEXT_CHARS_MAX = 4000;

/** Of a parameter less, for there may be many. */
const PARAM_CHARS_MAX = 400;
const PARAMS_SHOWN_MAX = 16;

/** Names in one cell of a table: with more, the columns behind it are out of sight. */
const NAMES_SHOWN_MAX = 3;

/** Of reasons there is more room. */
const REASONS_SHOWN_MAX = 8;
const TARGETS_SHOWN_MAX = 20;

/** All details together, in bytes: with the tables a page stays under a megabyte, half of what GitHub still shows. */
const DETAILS_BYTES_MAX = 500_000;
const OWN_BYTES_MAX = 100_000;

/** Of an erasure of many values so many are named one by one. */
const ERASED_SHOWN_MAX = 20;

/** What a page is made from besides events and disclosures. */
export interface Beside {
  /** The number of the session's entry in the log; undefined where it is in none. */
  readonly index: number | undefined;
  /** What was erased since, in order. */
  readonly erasures: readonly Erasure[];
}

/** `README.md` of one session. */
export function sessionPage(events: Uint8Array, disclosures: Uint8Array, { index, erasures }: Beside): string {
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
    timeline(told, story),
    commands(story, told),
    approvals(told),
    allDetails(story, told, show),
    ownCommands(story, told, show),
    connections(story, show),
    erasedValues(erasures, places),
    gaps(story),
    verification(summary, { size, root: rooted, index }),
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
  const own = told.filter((each) => !each.own);
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

function people(by: readonly { readonly login: string; readonly via: string }[]): string {
  const shown = by.slice(0, NAMES_SHOWN_MAX).map(({ login, via }) => `${codeSpan(login)} (${codeSpan(via)})`);
  return `${shown.join(", ")}${by.length > shown.length ? ` and ${by.length - shown.length} more` : ""}`;
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
        isSigned ? `[${codeSpan(request)}](approvals/${fileName(request)})` : codeSpan(request),
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

function asked({ teams, users }: { readonly teams: readonly string[]; readonly users: readonly string[] }): string {
  const some = [
    teams.length === 0 ? "" : `${teams.length === 1 ? "team" : "teams"} ${codeSpans(teams, NAMES_SHOWN_MAX)}`,
    users.length === 0 ? "" : codeSpans(users, NAMES_SHOWN_MAX),
  ].filter((each) => each !== "");
  return some.length === 0 ? "whoever may" : some.join(", ");
}

/** Opens disclosed values, and says of one that is not there whether it was erased. */
class Show {
  readonly #values: Values;
  readonly #erased: ReadonlySet<string>;

  constructor(values: Values, erased: ReadonlySet<string>) {
    this.#values = values;
    this.#erased = erased;
  }

  /** The value as text with nothing unseen in it; undefined where it is not there. */
  text(redacted: Redacted, charsMax = TEXT_CHARS_MAX): string | undefined {
    const value = this.#values(redacted);
    return value === undefined ? undefined : valueText(value, charsMax);
  }

  missing(redacted: Redacted): string {
    return this.#erased.has(redacted["..."]) ? "*erased*, see [Erased](#erased)" : "*withheld, and no erasure says so*";
  }

  /** A fenced block of the value, behind this label. */
  block(label: string, redacted: Redacted, charsMax = TEXT_CHARS_MAX): string {
    const text = this.text(redacted, charsMax);
    return text === undefined ? `${label}${this.missing(redacted)}\n\n` : `${label}${codeBlock(text)}\n`;
  }
}

function allDetails(story: Story, told: readonly Told[], show: Show): string {
  const jobs = told.filter((each) => !each.own);
  if (jobs.length === 0) return "";
  const [shown, rest] = detailsWithin(story, jobs, show, DETAILS_BYTES_MAX);
  return `## Details\n\n${shown}${rest}`;
}

/** Details as far as there is room: of those that were held, denied or failed before all others. And what is left out. */
function detailsWithin(
  story: Story,
  told: readonly Told[],
  show: Show,
  bytesMax: number,
): readonly [shown: string, rest: string] {
  const chosen = new Map<number, string>();
  let room = bytesMax;
  for (const each of [...told.filter(isNotable), ...told.filter((one) => !isNotable(one))]) {
    const text = details(story, each, show);
    const bytes = Buffer.byteLength(text);
    if (bytes > room) continue;
    room -= bytes;
    chosen.set(each.seq, text);
  }
  const left = told.filter(({ seq }) => !chosen.has(seq));
  const lines = left.slice(0, ERASED_SHOWN_MAX).map(({ seq }) => seq + 1);
  const more = left.length > lines.length ? " and others" : "";
  const rest =
    left.length === 0
      ? ""
      : `The details of ${counted(left.length, "command")} above are left out, for there is no room: they begin in line ${lines.join(", ")}${more} of \`events.jsonl\`.\n\n`;
  return [told.flatMap(({ seq }) => chosen.get(seq) ?? []).join(""), rest];
}

function isNotable({ decided, settled, returned }: Told): boolean {
  return (
    decided?.decision !== "allow" ||
    settled?.ruling !== "release" ||
    returned.some(({ outcome }) => outcome === "error" || outcome === "unknown")
  );
}

function details(story: Story, told: Told, show: Show): string {
  const { seen, decided, settled } = told;
  const words = [
    seen.effects.join(", "),
    ...(decided === undefined ? ["not decided"] : [DECIDED[decided.decision]]),
    ...told.answered.map(({ answer }) => answer),
    ...(settled?.ruling === "refuse" ? ["refused"] : []),
    ...told.returned.map(({ outcome, rows }) => `${outcome}${rows < 0 ? "" : `, ${counted(rows, "row")}`}`),
  ];
  const heading = `${seen.cmd}: ${words.join(", ")}`;
  const marks = `${seen.tx ? ", in a transaction" : ""}${seen.bounded ? "" : ", **no condition limits what it changes**"}`;
  const message = decided === undefined || decided.message === "" ? "" : `: ${codeSpan(decided.message)}`;
  const params = seen.params.slice(0, PARAMS_SHOWN_MAX);
  const more = seen.params.length - params.length;
  const read = [
    `Seen ${timeOf(told.at)} on connection ${told.conn}, ${seen.bytes} bytes${marks}`,
    ...(seen.why.length === 0 ? [] : [`Because ${codeSpans(seen.why, REASONS_SHOWN_MAX)}`]),
    ...(decided === undefined
      ? []
      : [`${capital(DECIDED[decided.decision])} by rule ${codeSpan(decided.rule)}${message}`]),
  ];
  const body = [
    `${read.map((each) => `- ${each}\n`).join("")}\n`,
    ...story.textOf(told).map((each) => show.block("", each)),
    ...params.map((each, at) => show.block(`Parameter ${at + 1}:\n\n`, each, PARAM_CHARS_MAX)),
    more > 0 ? `${counted(more, "more parameter")} in line ${told.seq + 1} of \`events.jsonl\`.\n\n` : "",
    ...told.answered.flatMap(({ answer, by, reason }) =>
      reason.map((each) =>
        show.block(`${capital(answer)}${by.length === 0 ? "" : ` by ${people(by)}`}, because:\n\n`, each),
      ),
    ),
    ...told.returned.map((each) => returned(each, show)),
  ].join("");
  return isNotable(told) && !told.own ? `### ${heading}\n\n${body}` : folded(heading, body);
}

const DECIDED = { allow: "allowed", deny: "denied", hold: "held" } as const;

function returned(each: Told["returned"][number], show: Show): string {
  const said = `Execution ${each.execution}: ${each.outcome}, ${each.rows < 0 ? "unknown rows" : counted(each.rows, "row")}, ${each.bytes} bytes, ${each.masked} spans masked${each.truncated ? ", **recorded in part**" : ""}.\n\n`;
  return `${said}${each.response.map((one) => (show.text(one) === undefined ? show.block("", one) : folded("Answer", show.block("", one)))).join("")}`;
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

/** What stands where something was erased. */
class Places {
  readonly #wanted = new Map<number, string>();

  constructor(erasures: readonly Erasure[]) {
    for (const { ptrs } of erasures) {
      for (const ptr of ptrs.slice(0, ERASED_SHOWN_MAX)) this.#wanted.set(seqOf(ptr), "");
    }
  }

  add(event: KnownEvent): void {
    if (!this.#wanted.has(event.seq)) return;
    const of = "cmd" in event.body ? `command ${event.body.cmd}` : `connection ${event.conn}`;
    this.#wanted.set(event.seq, of);
  }

  /** In words: `text of command 1/3`. */
  name(ptr: string): string {
    const [, field = "", at = ""] = /\/body\/(text|params|response|reason|application)\/([0-9]{1,6})$/.exec(ptr) ?? [];
    const of = this.#wanted.get(seqOf(ptr)) ?? "";
    return of === "" || field === "" ? "a value that no event has" : `${fieldName(field, Number(at))} of ${of}`;
  }
}

const fieldName = (field: string, at: number): string =>
  field === "params" ? `parameter ${at + 1}` : field === "response" ? "answer" : field;

function seqOf(ptr: string): number {
  return Number(/^\/([0-9]{1,15})\//.exec(ptr)?.[1] ?? "-1");
}

function erasedValues(erasures: readonly Erasure[], places: Places): string {
  if (erasures.length === 0) return "";
  const rows = erasures.map(({ at, by, reason, ptrs }, index) => {
    const named = ptrs.slice(0, ERASED_SHOWN_MAX).map((ptr) => places.name(ptr));
    const rest = ptrs.length - named.length;
    const path = `erasures/${index + 1}.dsse.json`;
    const what = `${named.join(", ")}${rest > 0 ? ` and ${rest} more` : ""}`;
    return [timeOf(at), codeSpan(by), codeSpan(reason), what, `[${path}](${path})`];
  });
  return [
    "## Erased\n\n",
    "These values were taken out for ever. Their digests stay in the events, so everything that was signed still holds.\n\n",
    table(["When", "By", "Why", "What", "Signed"], rows),
  ].join("");
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
  { size, root, index }: { readonly size: number; readonly root: string; readonly index: number | undefined },
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
    codeBlock(`countersign verify ${sessionFolder(startedAt, sid)}\ncountersign verify countersign/evidence`),
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

function capital(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
}
