// Where the evidence of a session lies, and the pages above it: the month's and the front page. Pure functions of hashed
// data, so a verifier renders them again and a page that lies is found.

import type { SessionId } from "../model/session.ts";
import { parseCheckpoint, parseNote } from "../tlog/note.ts";
import { BY_HAND } from "./by-hand.ts";
import type { Lost } from "./lost.ts";
import { counted, facts, folded, table, timeOf } from "./markdown.ts";
import type { Summary } from "./summary.ts";
import { codeBlock, codeSpan, csvCell, csvCells } from "./visible.ts";

/** The folder of a session that started at this time. */
export function sessionFolder(startedAt: string, sid: SessionId): string {
  return `sessions/${startedAt.slice(0, 10).replaceAll("-", "/")}/${sid}`;
}

/** The folder of the month that a session started in. */
export function monthFolder(startedAt: string): string {
  return `sessions/${startedAt.slice(0, 7).replace("-", "/")}`;
}

/** The name of the file of a signed answer. A request's id is ten letters and digits; anything else names no file. */
export function fileName(request: string): string {
  return /^[0-9A-Za-z]{1,64}$/.test(request) ? `${request}.dsse.json` : "unknown.dsse.json";
}

/** A signed answer on the page of its session: the request's id, behind it the file. */
export function answerLink(request: string): string {
  return `[${codeSpan(request)}](approvals/${fileName(request)})`;
}

/** One line of `index.csv`, its newline included. `filedAt`: the time that its folder is named for. */
export function indexRow({ sid, started, startedAt, ended, counts }: Summary, filedAt = startedAt): string {
  return rowOf([
    sid,
    filedAt,
    ended?.outcome ?? "incomplete",
    started?.identity.repository ?? "",
    started?.identity.actor ?? "",
    (started?.targets ?? []).map(({ name }) => name).join(" "),
    String(counts.commands),
    String(counts.held),
    String(counts.denied),
    String(counts.approvals),
  ]);
}

/** The line of a session that was lost; how many commands there were is not known, so these cells are empty. */
export function lostRow({ sid, identity, targets }: Lost, filedAt: string): string {
  return rowOf([sid, filedAt, "lost", identity.repository, identity.actor, targets.join(" "), "", "", "", ""]);
}

function rowOf(cells: readonly string[]): string {
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
  const sessions = index.split("\n").slice(1, -1).map(csvCells).toReversed();
  const sum = (column: number): number => sessions.reduce((total, cells) => total + Number(cells[column]), 0);
  const shown = sessions.slice(0, SESSIONS_SHOWN_MAX).map((cells) => {
    const [sid = "", startedAt = "", outcome = "", , actor = "", , ...counts] = cells;
    const day = startedAt.slice(8, 10);
    const link =
      /^[0-9A-Z]{26}$/.test(sid) && /^[0-9]{2}$/.test(day) ? `[${sid}](${day}/${sid}/README.md)` : codeSpan(sid);
    const word = outcome === "completed" ? outcome : `**${/^[a-z]+$/.test(outcome) ? outcome : "unknown"}**`;
    return [timeOf(startedAt).slice(8, 16).replace(" ", "&nbsp;"), link, word, codeSpan(actor), inWords(counts)];
  });
  const rest =
    sessions.length > shown.length ? `${sessions.length - shown.length} more are in [index.csv](index.csv).\n` : "";
  const head = ["Started", "Session", "Outcome", "Who", "Commands"];
  return [
    `# Sessions of ${month}\n\n`,
    `${counted(sessions.length, "session")} with ${counted(sum(6), "command")}: ${sum(7)} held, ${sum(8)} denied, ${sum(9)} approved by people.\n`,
    "[index.csv](index.csv) has all sessions, with repository and targets, as a table that can be searched. Times: day of the\nmonth, hour and minute, in UTC.\n\n",
    table(head, shown),
    rest,
  ].join("");
}

/** How many commands, and of what was out of the ordinary how many: in one column, so that the table needs no scrolling. */
function inWords([commands = "", held = "", denied = "", approved = ""]: readonly string[]): string {
  const some = [
    ["held", held],
    ["denied", denied],
    ["approved", approved],
  ].flatMap(([word = "", count = ""]) => (count === "0" || count === "" ? [] : [`${numeral(count)} ${word}`]));
  return `${numeral(commands)}${some.length === 0 ? "" : `: ${some.join(", ")}`}`;
}

function numeral(text: string): string {
  return /^[0-9]{1,15}$/.test(text) ? text : "–";
}

/**
 * `README.md` of the whole evidence, from the log's checkpoint, the months that have sessions, and the day of the newest
 * heartbeat, undefined where there is none.
 */
export function frontPage(checkpoint: string, months: readonly string[], heartbeat: string | undefined): string {
  const { origin, size, root } = parseCheckpoint(parseNote(checkpoint).text);
  const links = months
    .toSorted()
    .toReversed()
    .map((month) => `- [${month}](sessions/${month.replace("-", "/")}/README.md)\n`);
  return [
    "# Evidence of what jobs did in production\n\n",
    "Every session that went through the gateway: which commands, decided by which rule, answered by whom, with what\n",
    "result. An append-only log holds a digest of each session, so none can be changed, cut or left out unseen.\n",
    "Values that are personal or secret were masked before they were recorded.\n\n",
    "## Sessions\n\n",
    ...links,
    "\n## The log\n\n",
    facts([
      ["Log", codeSpan(origin)],
      [
        "Entries",
        heartbeat === undefined
          ? `${size}, one for each session and each erasure`
          : `${size}, one for each session, each erasure and each day's heartbeat`,
      ],
      ...(heartbeat === undefined
        ? []
        : [["Newest heartbeat", `[${heartbeat}](heartbeats/${heartbeat.replaceAll("-", "/")}.dsse.json)`] as const]),
      ["Root", codeSpan(Buffer.from(root).toString("base64"))],
    ]),
    "Its newest checkpoint, signed and countersigned, is in [log/checkpoint](log/checkpoint); the keys are in",
    " [trust/policy](trust/policy).\nWho keeps a copy of the checkpoint can show later that the log was not rewritten.\n\n",
    "## Verify\n\n",
    "Offline, in three ways. With `countersign`, all of it, from a clone or from a checkout of this branch:\n\n",
    codeBlock("countersign verify countersign/evidence\ncountersign verify ."),
    "\nOne session that was handed over as a folder or in a bundle, by the key of the countersigner that you know:\n\n",
    codeBlock("countersign verify FOLDER --key VKEY"),
    "\nAnd without a program of ours: the log's checkpoint with openssl, awk and xxd, in a checkout of this branch.\n\n",
    folded("The script", `${codeBlock(BY_HAND)}\n`),
  ].join("");
}
