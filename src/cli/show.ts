// `countersign show`: a session in the terminal, in a pager, as JSON, or once more in the time that it took. It shows; it
// does not verify.

import { spawn } from "node:child_process";
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { erasuresOf } from "../evidence/erasure.ts";
import { LedgerError } from "../evidence/evidence-path.ts";
import { sessionJson } from "../evidence/session-json.ts";
import { isLostSession, readSession, type SessionFiles } from "../evidence/sessions.ts";
import { type Line, type Moment, type Tone, transcript } from "../evidence/transcript.ts";
import { visibleLine } from "../evidence/visible.ts";
import { dirReader } from "../gateway/ledger/dir.ts";
import { DEFAULT_LEDGER, isFolder, NoSession, oneSession, openPlace } from "./place.ts";

export interface ShowIo {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: NodeJS.WritableStream & { readonly isTTY?: boolean };
  readonly err: (line: string) => void;
  /** Aborts at Ctrl-C. */
  readonly interrupted: AbortSignal;
}

const HELP = `usage: countersign show SID|FOLDER [--ledger WHERE] [--full] [--json] [--play [--speed N]]

Tells a session, command by command. It believes what it reads: whether it is true, countersign verify says.

  SID             the session's id, or as much of its beginning as no other has
  FOLDER          the folder of a session
  --ledger WHERE  git:BRANCH of this repository (default ${DEFAULT_LEDGER}), dir:PATH, or bundle:FILE
  --full          every value whole; otherwise long ones are cut, and say so
  --json          one JSON object: the events, with values where their digests stood
  --play          in the time that it took, with pauses of at most two seconds; Ctrl-C ends it
  --speed N       that many times as fast, from 0.1 to 1000

On a terminal it is paged with $PAGER, or less. Exit codes: 0 shown, 2 wrong use or no such session, 130 after Ctrl-C.`;

/** Of one value so much is shown unless all is asked for. */
const VALUE_CHARS_MAX = 2000;

/** Nobody watches a job sleep. */
const PAUSE_MS_MAX = 2000;

const INTERRUPTED = 130;

interface Options {
  readonly what: string;
  readonly ledger: string;
  readonly full: boolean;
  readonly how: "page" | "json" | "play";
  readonly speed: number;
}

/** Shows what the arguments name. Resolves to the exit code. */
export async function show(args: readonly string[], io: ShowIo): Promise<number> {
  const options = readOptions(args);
  if (options === "help") {
    io.stdout.write(`${HELP}\n`);
    return 0;
  }
  if (typeof options === "string") {
    io.err(`countersign show: ${options}\n\n${HELP}`);
    return 2;
  }
  // Whoever reads our output may stop reading; then there is nothing more to say.
  io.stdout.on("error", () => undefined);
  try {
    const session = await find(options, io.cwd);
    const erasures = erasuresOf(session.erasures);
    if (options.how === "json") {
      io.stdout.write(`${sessionJson(session, erasures)}\n`);
      return 0;
    }
    const charsMax = options.full ? Number.MAX_SAFE_INTEGER : VALUE_CHARS_MAX;
    const moments = transcript(session.events, session.disclosures, { erasures, charsMax });
    const paint = painter(io);
    if (options.how === "play") return await play(moments, options.speed, paint, io);
    await page(moments.flatMap(({ lines }) => lines).map(paint), io);
    return io.interrupted.aborted ? INTERRUPTED : 0;
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
    io.err(`countersign show: ${visibleLine(error.message)}`);
    return error instanceof NoSession ? 2 : 1;
  }
}

function readOptions(args: readonly string[]): Options | string {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        ledger: { type: "string" },
        full: { type: "boolean" },
        json: { type: "boolean" },
        play: { type: "boolean" },
        speed: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    });
    if (values.help === true) return "help";
    const [what, ...rest] = positionals;
    if (what === undefined || what === "" || rest.length > 0) return "name one session, by its id or its folder";
    if (values.json === true && values.play === true) return "say --json or --play, not both";
    if (values.speed !== undefined && values.play !== true) return "--speed goes with --play";
    const speed = Number(values.speed ?? "1");
    if (!(speed >= 0.1 && speed <= 1000)) return "--speed takes a number from 0.1 to 1000";
    const how = values.json === true ? "json" : values.play === true ? "play" : "page";
    return { what, ledger: values.ledger ?? DEFAULT_LEDGER, full: values.full === true, how, speed };
  } catch (error) {
    if (error instanceof TypeError) return error.message;
    throw error;
  }
}

async function find({ what, ledger }: Options, cwd: string): Promise<SessionFiles> {
  const folder = resolve(cwd, what);
  if (isFolder(folder)) {
    const session = await readSession(dirReader(folder), "");
    if (session !== undefined) return session;
    if (await isLostSession(dirReader(folder), "")) throw new NoSession(LOST);
    throw new NoSession(`${what} is not the folder of a session: it has no events.jsonl`);
  }
  const { reader, close } = await openPlace(ledger, cwd);
  try {
    const place = await oneSession(reader, what);
    const session = await readSession(reader, place);
    if (session === undefined && (await isLostSession(reader, place))) throw new NoSession(LOST);
    if (session === undefined) throw new NoSession(`session ${what} has no events; run countersign verify`);
    return session;
  } finally {
    await close();
  }
}

const LOST = "this session was lost: its events were never handed in; README.md in its folder says what is known of it";

type Paint = (line: Line) => string;

const CODES: Readonly<Record<Tone, string>> = { plain: "", strong: "1", dim: "2", good: "32", held: "33", bad: "31" };

/** Colours on a terminal that has them, and nowhere else. */
function painter({ stdout, env }: ShowIo): Paint {
  const { NO_COLOR: no = "", TERM: term = "" } = env;
  if (stdout.isTTY !== true || no !== "" || term === "dumb") return ({ text }) => text;
  return ({ tone, text }) => (CODES[tone] === "" ? text : `\u001B[${CODES[tone]}m${text}\u001B[0m`);
}

async function play(moments: readonly Moment[], speed: number, paint: Paint, io: ShowIo): Promise<number> {
  let before = moments[0]?.atMs ?? 0;
  for (const { atMs, lines } of moments) {
    const pause = Math.min(PAUSE_MS_MAX, Math.max(0, atMs - before)) / speed;
    before = atMs;
    // oxlint-disable-next-line no-await-in-loop -- one after the other is what playing is
    await sleep(pause, undefined, { signal: io.interrupted }).catch(() => undefined);
    if (io.interrupted.aborted) {
      io.stdout.write("\n");
      return INTERRUPTED;
    }
    for (const line of lines) io.stdout.write(`${paint(line)}\n`);
  }
  return 0;
}

/** Into the pager where a person looks on, and straight out otherwise, or when there is no pager. */
async function page(lines: readonly string[], io: ShowIo): Promise<void> {
  const text = lines.map((line) => `${line}\n`).join("");
  const { PAGER: pager = "less", LESS: less = "FRX" } = io.env;
  if (
    io.stdout.isTTY !== true ||
    pager === "" ||
    pager === "cat" ||
    !(await paged(text, pager, { ...io.env, LESS: less }))
  ) {
    await new Promise<void>((done) => {
      io.stdout.write(text, () => done());
    });
  }
}

/** What shells say of a command that is not there, or cannot be run. */
const NO_PAGER = [126, 127];

async function paged(text: string, pager: string, env: NodeJS.ProcessEnv): Promise<boolean> {
  // As git and man do it: the variable is a command line.
  const child = spawn("/bin/sh", ["-c", pager], { env, stdio: ["pipe", "inherit", "inherit"] });
  // It may be left before everything was read.
  child.stdin.on("error", () => undefined);
  child.stdin.end(text);
  return await new Promise<boolean>((done) => {
    child.once("error", () => done(false));
    child.once("close", (code) => done(!NO_PAGER.includes(code ?? 0)));
  });
}
