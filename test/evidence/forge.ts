// What can be done to a ledger in a folder: by anybody who can write there, and by a forger who has every key. The keys
// are those that `sealBase` seals with, made from words, so that a breakage finds them again.

import { cpSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type DsseSigner, dsseSigner, signDsse } from "../../src/evidence/dsse.ts";
import { eraseValues } from "../../src/evidence/erase.ts";
import { erasuresOf } from "../../src/evidence/erasure.ts";
import { type SealedSession, sealedStatement, sealSession, statementOf } from "../../src/evidence/layout.ts";
import { appendEntry, readEdge } from "../../src/evidence/log.ts";
import { readLost } from "../../src/evidence/lost.ts";
import { lostPage } from "../../src/evidence/lost-page.ts";
import { frontPage, monthPage } from "../../src/evidence/pages.ts";
import { sessionPage } from "../../src/evidence/session-page.ts";
import { checkpointText, noteSigner, parseCheckpoint, parseNote, verifySignatures } from "../../src/tlog/note.ts";
import { Frontier, leafHash } from "../../src/tlog/tree.ts";
import { memoryLedger, memoryReader } from "./memory-ledger.ts";
import { keyOf, makeSession, type Party, party, type Twist } from "./sealed.ts";

/** The sessions of the base, in the order of the log. */
export const SIDS = [
  "01KANAV0Q8M3T4ZS5R6X7Y8Z8A",
  "01KANAV0Q8M3T4ZS5R6X7Y8Z8B",
  "01KANAV0Q8M3T4ZS5R6X7Y8Z8C",
  "01KANAV0Q8M3T4ZS5R6X7Y8Z8D",
  "01KDH4B8Q8M3T4ZS5R6X7Y8Z8E",
] as const;

/** What is peculiar to each: approved; refused; nobody answered; approved by two; another month. */
const BASE: readonly Twist[] = [
  {},
  { answered: "refused", text: "SELECT 'a', 'b' -- \u2028 and \u{1f600}" },
  { answered: "expired" },
  {
    approvers: 2,
    by: [
      { login: "carol", via: "check" },
      { login: "dave", via: "review" },
    ],
  },
  { startedAt: "2026-12-28T05:00:00.000Z" },
];

export type Files = Map<string, Uint8Array>;

export function folderOf(sid: string): string {
  return `sessions/${sid === SIDS[4] ? "2026/12/28" : "2026/11/23"}/${sid}`;
}

/** The countersigner that seals the base, with a clock later than every session. */
export function countersigner(): Party {
  return party(keyOf("countersigner"), { sealedAtSeconds: Date.parse("2026-12-28T06:00:00.000Z") / 1000 });
}

export const gatewayKey = (sid: string) => keyOf(`gateway of ${sid}`);

/** The sessions of the base, each changed by a twist where there is one for it. */
export function baseSessions(by: Party, twists: Readonly<Record<string, Twist>> = {}): Made[] {
  return SIDS.map((sid, at) => makeSession(by, { sid, gateway: gatewayKey(sid), ...BASE[at], ...twists[sid] }));
}

export type Made = SealedSession & { readonly sid: string };

/** A ledger of these sessions, behind those that are in it before. */
export async function ledgerOf(
  sessions: readonly SealedSession[],
  by: Party,
  before: Files = new Map(),
): Promise<Files> {
  const files: Files = new Map(before);
  for (const session of sessions) await sealSession(session, memoryLedger(files), by.signer);
  return files;
}

/** Writes the base into a folder: a good ledger of five sessions. */
export async function sealBase(folder: string, twists: Readonly<Record<string, Twist>> = {}): Promise<void> {
  const by = countersigner();
  writeFiles(folder, await ledgerOf(baseSessions(by, twists), by));
}

/** The files of a folder by their paths. */
export function readFiles(folder: string): Files {
  const files: Files = new Map();
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (lstatSync(join(folder, name)).isFile()) files.set(name, readFileSync(join(folder, name)));
  }
  return files;
}

/** Makes the folder hold these files and no others. */
export function writeFiles(folder: string, files: Files): void {
  for (const name of existsSync(folder) ? readdirSync(folder) : []) rmSync(join(folder, name), { recursive: true });
  for (const [path, bytes] of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), bytes);
  }
}

/** Rewrites one file as text; undefined removes it. */
export function edit(folder: string, path: string, change: (text: string) => string | undefined): void {
  const place = join(folder, path);
  const text = change(existsSync(place) ? readFileSync(place, "utf8") : "");
  if (text === undefined) rmSync(place);
  else writeFileSync(place, text);
}

/** Copies one file of the folder over another. */
export function copy(folder: string, from: string, to: string): void {
  cpSync(join(folder, from), join(folder, to), { recursive: true });
}

/** Makes the pages of a folder again, as they follow from what lies there now. */
export function renderAgain(folder: string): void {
  const files = readFiles(folder);
  const text = (path: string): string => Buffer.from(files.get(path) ?? "").toString();
  for (const path of files.keys()) {
    const [, session] = /^(.*)\/events\.jsonl$/.exec(path) ?? [];
    if (session !== undefined) {
      const [, index] = /\nindex (\d+)\n/.exec(text(`${session}/session.tlog-proof`)) ?? [];
      const inside = `${session}/erasures/`;
      const erasures = [...files].filter(([name]) => name.startsWith(inside));
      const page = sessionPage(bytesOf(files, path), bytesOf(files, `${session}/disclosures.jsonl`), {
        index: index === undefined ? undefined : Number(index),
        erasures: erasuresOf(new Map(erasures.map(([name, bytes]) => [name.slice(inside.length), bytes]))),
        lost: readLost(text(`${session}/lost.dsse.json`)),
      });
      writeFileSync(join(folder, session, "README.md"), page);
    }
    const [, closed] = /^(.*)\/lost\.dsse\.json$/.exec(path) ?? [];
    const lost = closed === undefined ? undefined : readLost(text(path));
    if (closed !== undefined && lost !== undefined && !files.has(`${closed}/events.jsonl`)) {
      const [, index] = /\nindex (\d+)\n/.exec(text(`${closed}/session.tlog-proof`)) ?? [];
      const inside = `${closed}/approvals/`;
      const answers = [...files].filter(([name]) => name.startsWith(inside));
      const page = lostPage(lost, {
        index: index === undefined ? undefined : Number(index),
        approvals: new Map(answers.map(([name, bytes]) => [name.slice(inside.length), bytes])),
      });
      writeFileSync(join(folder, closed, "README.md"), page);
    }
    const [, month, year = "", number = ""] = /^(sessions\/(\d{4})\/(\d\d))\/index\.csv$/.exec(path) ?? [];
    if (month !== undefined)
      writeFileSync(join(folder, month, "README.md"), monthPage(`${year}-${number}`, text(path)));
  }
  const days = [...files.keys()].flatMap((path) => {
    const [, day] = /^heartbeats\/(\d{4}\/\d\d\/\d\d)\.dsse\.json$/.exec(path) ?? [];
    return day === undefined ? [] : [day.replaceAll("/", "-")];
  });
  const front = frontPage(text("log/checkpoint"), ["2026-11", "2026-12"], days.toSorted().at(-1));
  writeFileSync(join(folder, "README.md"), front);
}

export function bytesOf(files: Files, path: string): Uint8Array {
  return files.get(path) ?? new Uint8Array();
}

/** A session as it lies in a folder. */
export function sessionIn(files: Files, sid: string): Made {
  const folder = folderOf(sid);
  const approvals = [...files.keys()].flatMap((path) => {
    const [, request] = new RegExp(`^${folder}/approvals/(.*)\\.dsse\\.json$`).exec(path) ?? [];
    return request === undefined ? [] : [{ request, dsse: Buffer.from(bytesOf(files, path)).toString() }];
  });
  return {
    sid,
    events: bytesOf(files, `${folder}/events.jsonl`),
    disclosures: bytesOf(files, `${folder}/disclosures.jsonl`),
    checkpoints: bytesOf(files, `${folder}/checkpoints.txt`),
    dsse: Buffer.from(bytesOf(files, `${folder}/session.dsse.json`)).toString(),
    approvals,
  };
}

export interface Head {
  readonly size: number;
  readonly at: number;
}

/** What a forger does besides. */
export interface Forgery {
  /** Changes which heads there are, and when each is countersigned. */
  readonly heads?: (heads: readonly Head[]) => readonly Head[];
  /** Changes the notes once they are signed. */
  readonly notes?: (notes: readonly string[]) => readonly string[];
  readonly statement?: (statement: string) => string;
  /** Changes the envelope once it is signed. */
  readonly dsse?: (dsse: string) => string;
  /** Who countersigns, where it is somebody else. */
  readonly by?: Party;
}

/** Signs a session anew, heads and statement, with the gateway's and the countersigner's keys, over changed lines. */
export function resign(session: Made, change: (lines: string[]) => string[], forgery: Forgery = {}): Made {
  const by = forgery.by ?? countersigner();
  const lines = change(Buffer.from(session.events).toString().split("\n").slice(0, -1));
  const events = Buffer.from(lines.map((line) => `${line}\n`).join(""));
  const name = `${by.log.verifier.name}/s/${session.sid}`;
  const gateway = noteSigner(name, gatewayKey(session.sid));
  const before = Buffer.from(session.checkpoints).toString().split("\n---\n").map(headOf);
  const kept = before.filter(({ size }) => size < lines.length);
  const heads = [...kept, { size: lines.length, at: before.at(-1)?.at ?? 0 }];
  const chosen = forgery.heads?.(heads) ?? heads;
  const notes = chosen.map(({ size, at }) => {
    const frontier = new Frontier();
    for (const line of lines.slice(0, size)) frontier.append(leafHash(line));
    const text = checkpointText({ origin: name, size, root: frontier.root() });
    return `${text}\n${gateway.sign(text)}${by.app.cosign(text, at)}`;
  });
  const checkpoints = (forgery.notes?.(notes) ?? notes).join("\n---\n");
  const honest = statementOf(events, chosen.at(-1)?.size ?? 0);
  const statement = forgery.statement?.(honest) ?? honest;
  const signatures = [signDsse(statement, dsseSigner(gatewayKey(session.sid))), signDsse(statement, by.dsse)];
  const dsse = sealedStatement(statement, signatures);
  return { ...session, events, checkpoints: Buffer.from(checkpoints), dsse: forgery.dsse?.(dsse) ?? dsse };
}

function headOf(note: string): Head {
  const parsed = parseNote(note);
  const [cosigned] = verifySignatures(parsed, [countersigner().app.verifier]);
  return { size: parseCheckpoint(parsed.text).size, at: cosigned?.at ?? 0 };
}

/** Seals the whole ledger of a folder anew, each session as `change` makes it; undefined leaves it out. */
export async function resealAll(folder: string, change: (session: Made) => Made | undefined): Promise<void> {
  const files = readFiles(folder);
  const sessions = SIDS.flatMap((sid) => change(sessionIn(files, sid)) ?? []);
  writeFiles(folder, await ledgerOf(sessions, countersigner()));
}

/** The same for one session, the rest as it is. */
export async function reseal(folder: string, sid: string, change: (session: Made) => Made): Promise<void> {
  await resealAll(folder, (session) => (session.sid === sid ? change(session) : session));
}

/** Adds an entry to the log of a folder, whatever it says, and signs the new checkpoint. */
export async function addEntry(folder: string, entry: string | Uint8Array): Promise<void> {
  const by = countersigner();
  const files = readFiles(folder);
  const edge = await readEdge(memoryReader(files), [by.log.verifier], by.log.verifier.name);
  const appended = appendEntry(edge, Buffer.from(entry));
  for (const { path, bytes } of appended.files) files.set(path, bytes);
  for (const path of appended.removed) files.delete(path);
  files.set("log/checkpoint", Buffer.from(`${appended.checkpoint}\n${await by.signer.sign(appended.checkpoint)}`));
  writeFiles(folder, files);
  renderAgain(folder);
}

/** Erases the second value of a session, as `countersign erase` does; signed by somebody else where `signer` is given. */
export async function erase(folder: string, sid: string, signer: DsseSigner = countersigner().dsse): Promise<void> {
  const files = readFiles(folder);
  const [, line = ""] = Buffer.from(bytesOf(files, `${folderOf(sid)}/disclosures.jsonl`))
    .toString()
    .split("\n");
  const { digest } = JSON.parse(line) as { digest: string };
  const wish = { folder: folderOf(sid), digests: new Set([digest]), by: "ines", reason: "A customer asked for it." };
  await eraseValues({ ...wish, at: "2026-12-29T09:00:00.000Z" }, memoryLedger(files), {
    ...countersigner().signer,
    signErasure: async (statement) => await Promise.resolve(signDsse(statement, signer)),
  });
  writeFiles(folder, files);
}
