// The pages people open: pure functions of hashed data, so a verifier renders them again and a page that lies is found.
// Everything that came from the session is in code spans and fences; only our own words are Markdown.

import type { Redacted } from "../model/event.ts";
import type { SessionId } from "../model/session.ts";
import { parseCheckpoint, parseNote } from "../tlog/note.ts";
import { readEvents } from "./read-events.ts";
import { isText, listOf, shaped } from "./shape.ts";
import { openValues, Story, type Told, type Values } from "./story.ts";
import { Summariser, type Summary } from "./summary.ts";
import { codeBlock, codeSpan, codeSpans, csvCell, cut, visibleLine } from "./visible.ts";

/** Of one text or answer so much is shown; the whole is in the disclosures. */
const TEXT_CHARS_MAX = 4000;

/** The folder of a session that started at this time. */
export function sessionFolder(startedAt: string, sid: SessionId): string {
  return `sessions/${startedAt.slice(0, 10).replaceAll("-", "/")}/${sid}`;
}

/** The folder of the month that a session started in. */
export function monthFolder(startedAt: string): string {
  return `sessions/${startedAt.slice(0, 7).replace("-", "/")}`;
}

/** `README.md` of one session. */
export function sessionPage(events: Uint8Array, disclosures: Uint8Array): string {
  const summariser = new Summariser();
  const story = new Story();
  const { size, root } = readEvents(events, (event) => {
    summariser.add(event);
    story.add(event);
  });
  readEvents(events, (event) => story.recall(event));
  const told = story.told();
  const values = openValues(disclosures, wantedDigests(story, told));
  const summary = summariser.summary();
  return [
    `# Session ${codeSpan(summary.sid)}\n\n`,
    glance(summary, size, root),
    connections(story, values),
    commandTable(story, told),
    told.map((each) => details(story, each, values)).join(""),
    gaps(story),
    verification(summary),
  ].join("");
}

function glance(summary: Summary, size: number, root: Uint8Array): string {
  const { started, ended, counts } = summary;
  const identity = started?.identity;
  const rows: readonly (readonly [string, string])[] = [
    [
      "Outcome",
      ended === undefined ? "**incomplete**: the session has no end" : `${ended.outcome}, exit code ${ended.exit}`,
    ],
    ["Started, ended", `${codeSpan(summary.startedAt)} ${codeSpan(summary.endedAt)}`],
    [
      "Who",
      codeSpans(
        [identity?.actor ?? "", identity?.triggeringActor ?? ""].filter((each, at, all) => all.indexOf(each) === at),
      ),
    ],
    ["Repository", codeSpan(identity?.repository ?? "")],
    ["Workflow", codeSpan(identity?.workflowRef ?? "")],
    ["Run, attempt, job", codeSpans([identity?.run ?? "", identity?.attempt ?? "", identity?.job ?? ""])],
    ["Event, ref", codeSpans([identity?.event ?? "", identity?.ref ?? ""])],
    ["Commit", codeSpan(identity?.commit ?? "")],
    ["Environment", codeSpan(identity?.environment ?? "")],
    ["Targets", codeSpans((started?.targets ?? []).map(({ name, protocol }) => `${name} (${protocol})`))],
    ["Policy", codeSpan(started?.policy.digest ?? "")],
    [
      "Assurance",
      `${codeSpan(started?.tier ?? "")}, countersigned by ${codeSpan(countersignerName(started?.countersigner))}`,
    ],
    ["Gateway", codeSpan(started?.gateway.version ?? "")],
    [
      "Commands",
      `${counts.commands}${counts.previews === 0 ? "" : ` (and ${counts.previews} of the gateway's own, to count rows)`}, of them ${counts.held} held, ${counts.denied} denied; ${counts.approvals} approved by people; ${counts.masked} spans masked`,
    ],
    ["Head", `${size} events, root ${codeSpan(Buffer.from(root).toString("base64"))}`],
  ];
  return table(["", ""], rows);
}

function countersignerName(vkey: string | undefined): string {
  return vkey?.split("+")[0] ?? "";
}

function connections(story: Story, values: Values): string {
  if (story.connections.length === 0) return "";
  const rows = story.connections.map(({ conn, at, body }) => [
    String(conn),
    codeSpan(at),
    codeSpan(body.target),
    codeSpan(body.user),
    codeSpan(body.database),
    codeSpans(body.application.map((each) => asText(values(each)))),
    body.purpose,
    `${body.tls.client ? "TLS" : "plain"}, ${body.tls.target ? "TLS" : "plain"}`,
  ]);
  const head = ["Connection", "Opened", "Target", "User", "Database", "Application", "Purpose", "Client, target"];
  return `## Connections\n\n${table(head, rows)}`;
}

function commandTable(story: Story, told: readonly Told[]): string {
  if (told.length === 0) return "## Commands\n\nNone.\n\n";
  const rows = told.map((each) => [
    each.seen.cmd,
    codeSpan(each.seen.target),
    each.seen.effects.join(", "),
    codeSpans(each.seen.objects.slice(0, 8)),
    each.decided === undefined ? "–" : `${each.decided.decision} ${codeSpan(each.decided.rule)}`,
    answers(each),
    each.settled?.ruling ?? "–",
    outcomes(each),
    each.returned.length === 0
      ? "–"
      : String(each.returned.reduce((sum, { rows: count }) => sum + Math.max(0, count), 0)),
    each.returned.length === 0
      ? "–"
      : milliseconds(each.returned.reduce((sum, { tookUs }) => sum + Math.max(0, tookUs), 0)),
  ]);
  const head = ["Command", "Target", "Effects", "Objects", "Decision", "Answer", "Ruling", "Outcome", "Rows", "ms"];
  const rest = story.omitted > 0 ? `${story.omitted} more commands are in \`events.jsonl\`.\n\n` : "";
  return `## Commands\n\n${table(head, rows)}${rest}`;
}

function answers({ answered }: Told): string {
  if (answered.length === 0) return "–";
  return answered
    .map(
      ({ answer, by }) =>
        `${answer}${by.length === 0 ? "" : ` by ${by.map(({ login, via }) => `${codeSpan(login)} (${codeSpan(via)})`).join(", ")}`}`,
    )
    .join("; ");
}

function outcomes({ returned }: Told): string {
  if (returned.length === 0) return "–";
  return returned.map(({ outcome, code }) => (code === "" ? outcome : `${outcome} ${codeSpan(code)}`)).join("; ");
}

function details(story: Story, told: Told, values: Values): string {
  const { seen, decided } = told;
  const parts = [
    `<details><summary>Command ${seen.cmd}: text, parameters, answer</summary>\n\n`,
    `Seen ${codeSpan(told.at)}, ${seen.bytes} bytes${seen.tx ? ", in a transaction" : ""}${seen.bounded ? "" : ", **not bounded**"}.`,
    decided === undefined || decided.message === "" ? "\n\n" : ` ${codeSpan(decided.message)}\n\n`,
    ...story.textOf(told).map((each) => block("", values(each))),
    ...seen.params.map((each, at) => block(`Parameter ${at + 1}:\n\n`, values(each))),
    ...told.requested.map(
      ({ request, impact, expiresAt }) =>
        `Asked people in request ${codeSpan(request)}, to expire ${codeSpan(expiresAt)}. Rows: ${known(impact.estimated)} estimated, ${known(impact.counted)} counted.\n\n`,
    ),
    ...told.answered.flatMap(({ reason, request, dsse }) => [
      dsse === "" ? "" : `Signed answer: [approvals/${fileName(request)}](approvals/${fileName(request)})\n\n`,
      ...reason.map((each) => block("Their reason:\n\n", values(each))),
    ]),
    ...told.returned.map(
      (each) =>
        `Execution ${each.execution}: ${each.outcome}, ${known(each.rows)} rows, ${each.bytes} bytes, ${each.masked} spans masked${each.truncated ? ", **shown in part**" : ""}.\n\n${each.response.map((one) => block("", values(one))).join("")}`,
    ),
    "</details>\n\n",
  ];
  return parts.join("");
}

/** The name of the file of a signed answer. A request's id is ten letters and digits; anything else names no file. */
export function fileName(request: string): string {
  return /^[0-9A-Za-z]{1,64}$/.test(request) ? `${request}.dsse.json` : "unknown.dsse.json";
}

function block(label: string, value: unknown): string {
  if (value === undefined) return `${label}*erased*\n\n`;
  return `${label}${codeBlock(cut(asText(value), TEXT_CHARS_MAX))}\n`;
}

function gaps(story: Story): string {
  if (story.gaps.length === 0) return "";
  const rows = story.gaps.map(({ at, body }) => [codeSpan(at), codeSpan(body.cmd), codeSpan(body.what)]);
  return `## What is missing\n\n${table(["At", "Command", "What is known"], rows)}`;
}

function verification({ startedAt, sid }: Summary): string {
  return [
    "## Verify\n\n",
    "In a clone of the repository, then in a checkout of the evidence:\n\n",
    codeBlock(`countersign verify countersign/evidence\ncountersign verify ${sessionFolder(startedAt, sid)}`),
    "\nThis page says nothing of its own: it is rendered from `events.jsonl` and `disclosures.jsonl`, and the verifier",
    " renders it again.\n",
  ].join("");
}

/** One line of `index.csv`, its newline included. */
export function indexRow({ sid, started, startedAt, ended, counts }: Summary): string {
  const cells = [
    sid,
    startedAt,
    ended?.outcome ?? "incomplete",
    started?.identity.repository ?? "",
    started?.identity.actor ?? "",
    (started?.targets ?? []).map(({ name }) => name).join(" "),
    String(counts.commands),
    String(counts.held),
    String(counts.denied),
    String(counts.approvals),
  ];
  return `${cells.map(csvCell).join(",")}\n`;
}

const INDEX_HEAD = "session,started,outcome,repository,actor,targets,commands,held,denied,approved\n";

/** `index.csv` of these rows: a row for each session, in order of their ids, which is that of time. */
export function indexOf(rows: readonly string[]): string {
  return `${INDEX_HEAD}${rows.toSorted().join("")}`;
}

/** `index.csv` with these rows in their places, and instead of any rows of the same sessions. */
export function indexWith(index: string, rows: readonly string[]): string {
  const sids = new Set(rows.map((row) => row.slice(0, 26)));
  const before = index.split("\n").slice(1, -1);
  const kept = before.filter((each) => !sids.has(each.slice(0, 26))).map((each) => `${each}\n`);
  return indexOf([...kept, ...rows]);
}

/** A month's page shows the newest; the rest is in `index.csv`, which GitHub shows as a table with a search. */
const SESSIONS_SHOWN_MAX = 500;

/** `README.md` of a month, from its `index.csv`. */
export function monthPage(month: string, index: string): string {
  const rows = index.split("\n").slice(1, -1).toReversed();
  const shown = rows.slice(0, SESSIONS_SHOWN_MAX).map((row) => {
    const [sid = "", startedAt = "", outcome = ""] = row.split(",");
    const day = startedAt.slice(8, 10);
    const link =
      /^[0-9A-Z]{26}$/.test(sid) && /^[0-9]{2}$/.test(day) ? `[${sid}](${day}/${sid}/README.md)` : codeSpan(sid);
    const [commands = "", held = "", denied = "", approved = ""] = row.split(",").slice(-4);
    return [link, codeSpan(startedAt), codeSpan(outcome), commands, held, denied, approved];
  });
  const rest = rows.length > shown.length ? `${rows.length - shown.length} more are in [index.csv](index.csv).\n` : "";
  return [
    `# Sessions of ${month}\n\n${rows.length} sessions. [index.csv](index.csv) has them all, with repository, actor and targets.\n\n`,
    table(["Session", "Started", "Outcome", "Commands", "Held", "Denied", "Approved"], shown),
    rest,
  ].join("");
}

/** `README.md` of the whole evidence, from the log's checkpoint and the months that have sessions. */
export function frontPage(checkpoint: string, months: readonly string[]): string {
  const { origin, size, root } = parseCheckpoint(parseNote(checkpoint).text);
  const links = months
    .toSorted()
    .toReversed()
    .map((month) => `- [${month}](sessions/${month.replace("-", "/")}/README.md)\n`);
  return [
    "# Evidence of what jobs did in production\n\n",
    "Every session that went through the gateway: which commands, decided by which rule, answered by whom, with what\n",
    "result. An append-only log holds a digest of each session, so none can be changed, cut or left out unseen.\n\n",
    table(
      ["", ""],
      [
        ["Log", codeSpan(origin)],
        ["Sessions", String(size)],
        ["Root", codeSpan(Buffer.from(root).toString("base64"))],
      ],
    ),
    "## Sessions\n\n",
    ...links,
    "\n## Verify\n\n",
    codeBlock("countersign verify countersign/evidence"),
    "\nor, in a checkout of this branch:\n\n",
    codeBlock("countersign verify ."),
    "\n`trust/policy` names the keys. To trust a key that you got elsewhere, add `--key VKEY`.\n",
  ].join("");
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |\n`;
  return `${line(head)}${line(head.map(() => "---"))}${rows.map(line).join("")}\n`;
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

function asText(value: unknown): string {
  if (value === undefined) return "(erased)";
  if (typeof value === "string") return value;
  return isAnswer(value) ? answerText(value) : JSON.stringify(value, null, 1);
}

/** A target's answer, as the gateway records it: tables of texts, then what the target said at the end. */
const isAnswer = shaped({
  key: isText,
  results: listOf(shaped({ columns: listOf(isText), rows: listOf(listOf(isCell)) })),
  summary: listOf(isText),
});

function isCell(value: unknown): value is string | null {
  return value === null || isText(value);
}

function answerText({
  results,
  summary,
}: {
  readonly results: readonly ResultTable[];
  readonly summary: readonly string[];
}): string {
  const row = (cells: readonly (string | null)[]): string =>
    cells.map((cell) => visibleLine(cell ?? "NULL")).join(" | ");
  const lines = results.flatMap(({ columns, rows }) => [row(columns), ...rows.map(row)]);
  return [...lines, ...summary.map(visibleLine)].join("\n");
}

interface ResultTable {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | null)[])[];
}

function known(count: number): string {
  return count < 0 ? "unknown" : String(count);
}

function milliseconds(microseconds: number): string {
  return (microseconds / 1000).toFixed(1);
}
