// `countersign erase`: takes chosen values out of a session for ever, after a person said yes, and says what is still to
// be done where copies may be.

import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { valueText } from "../evidence/answer-text.ts";
import { choose, copiesOf, type Erasable, erasables, type Wanted } from "../evidence/erasable.ts";
import { eraseValues, originOf, withoutValues } from "../evidence/erase.ts";
import { LedgerError } from "../evidence/evidence-path.ts";
import { LogError } from "../evidence/log.ts";
import { counted } from "../evidence/markdown.ts";
import { readSession } from "../evidence/sessions.ts";
import { visibleLine } from "../evidence/visible.ts";
import { SESSION_FILES } from "../evidence/where.ts";
import { DeskError } from "../gateway/desk/call.ts";
import { openDeskClient } from "../gateway/desk/client.ts";
import { userName } from "../gateway/identity.ts";
import { logBranchOf, openLedger } from "../gateway/ledger/open.ts";
import { structure } from "../masking/mask.ts";
import { defaultStateDir } from "./countersigner.ts";
import { startCountersignerProcess } from "./countersigner-process.ts";
import { DEFAULT_LEDGER, NoSession, oneSession, openPlace } from "./place.ts";

export interface EraseIo {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly out: (line: string) => void;
  readonly err: (line: string) => void;
  /** Asks a person; undefined where there is no terminal to ask in. */
  readonly ask: ((question: string) => Promise<string>) | undefined;
  /** How to start this program again, for the countersigner's process. */
  readonly self: readonly [string, ...string[]];
  /** Milliseconds since 1970. */
  readonly clock: () => number;
}

const HELP = `usage: countersign erase SID (--value PTR|DIGEST ... | --command CMD ... | --all) --reason TEXT [options]
       countersign erase SID --list [--ledger WHERE]

Erases values of a session for ever: command texts, parameters, answers, reasons. Their digests stay, so that everything
signed still holds; a signed entry in the log, and the session's page, say what was erased, when, by whom and why.

  SID              the session's id, or as much of its beginning as no other has
  --list           says what can be erased, and erases nothing
  --value WHAT     a value, by its place in the events (/7/body/text/0) or its digest; may be repeated
  --command CMD    all values of a command, such as 1/3; may be repeated
  --all            every value of the session
  --reason TEXT    why; it is signed, and published with the evidence
  --by NAME        who erases (default: this machine's user)
  --ledger WHERE   git:BRANCH of this repository (default ${DEFAULT_LEDGER}), dir:PATH, or bundle:FILE
  --state DIR      where the countersigner's key is (default $XDG_STATE_HOME/countersign)
  --yes            do not ask

In a branch the evidence becomes one commit without a parent; the log's own branch only grows.
Exit codes: 0 erased, or nothing was left to erase; 1 nothing was changed; 2 wrong use.`;

interface Options {
  readonly sid: string;
  readonly wanted: Wanted;
  readonly list: boolean;
  readonly reason: string;
  readonly by: string;
  readonly ledger: string;
  readonly state: string;
  readonly yes: boolean;
}

class WrongUse extends Error {}

/** Erases what the arguments name. Resolves to the exit code. */
export async function erase(args: readonly string[], io: EraseIo): Promise<number> {
  try {
    const options = readOptions(args, io);
    if (options === undefined) {
      io.out(HELP);
      return 0;
    }
    return await eraseAt(options, io);
  } catch (error) {
    const known = [WrongUse, NoSession, LedgerError, LogError, DeskError].some((kind) => error instanceof kind);
    if (!known || !(error instanceof Error)) throw error;
    io.err(`countersign erase: ${visibleLine(error.message)}`);
    return error instanceof WrongUse || error instanceof NoSession ? 2 : 1;
  }
}

/** A paragraph; it stands in a table of the page. */
const REASON_CHARACTERS_MAX = 500;
const NAME_CHARACTERS_MAX = 100;

function readOptions(args: readonly string[], { env }: EraseIo): Options | undefined {
  const { values, positionals } = parsed(args);
  if (values.help === true) return undefined;
  const [sid, ...more] = positionals;
  if (sid === undefined || more.length > 0) throw new WrongUse("name one session; countersign erase --help says how");
  const wanted: Wanted = {
    values: values.value ?? [],
    commands: values.command ?? [],
    all: values.all === true,
  };
  const list = values.list === true;
  const ways = [wanted.values.length > 0 || wanted.commands.length > 0, wanted.all, list].filter(Boolean).length;
  if (ways !== 1) throw new WrongUse("say what: --value or --command, or --all, or --list to see what there is");
  const reason = structure((values.reason ?? "").trim());
  if (!list && reason === "") throw new WrongUse('say why, for the record: --reason "..."');
  if (reason.length > REASON_CHARACTERS_MAX) throw new WrongUse(`--reason takes ${REASON_CHARACTERS_MAX} characters`);
  const by = structure((values.by ?? userName()).trim());
  if (by === "" || by.length > NAME_CHARACTERS_MAX)
    throw new WrongUse(`--by takes 1 to ${NAME_CHARACTERS_MAX} characters`);
  return {
    sid,
    wanted,
    list,
    reason,
    by,
    ledger: values.ledger ?? DEFAULT_LEDGER,
    state: values.state ?? env["COUNTERSIGN_STATE_DIR"] ?? defaultStateDir(env),
    yes: values.yes === true,
  };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        value: { type: "string", multiple: true },
        command: { type: "string", multiple: true },
        all: { type: "boolean" },
        list: { type: "boolean" },
        reason: { type: "string" },
        by: { type: "string" },
        ledger: { type: "string" },
        state: { type: "string" },
        yes: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (cause) {
    if (cause instanceof TypeError) throw new WrongUse(cause.message, { cause });
    throw cause;
  }
}

interface Found {
  readonly folder: string;
  readonly origin: string;
  readonly there: readonly Erasable[];
}

async function find({ ledger, sid }: Options, cwd: string): Promise<Found> {
  const { reader, close } = await openPlace(ledger, cwd);
  try {
    const folder = await oneSession(reader, sid);
    const session = await readSession(reader, folder);
    const origin = await originOf(reader);
    if (session === undefined || origin === undefined) {
      throw new LedgerError(`the evidence in ${ledger} cannot be read; run countersign verify`);
    }
    return { folder, origin, there: erasables(session.events, session.disclosures) };
  } finally {
    await close();
  }
}

async function eraseAt(options: Options, io: EraseIo): Promise<number> {
  const { folder, origin, there } = await find(options, io.cwd);
  if (options.list) {
    for (const line of listing(there)) io.out(line);
    return 0;
  }
  const { chosen, unknown } = choose(there, options.wanted);
  if (unknown.length > 0) {
    throw new WrongUse(`${folder} has no value ${unknown.join(", ")} to erase; --list says what there is`);
  }
  if (chosen.length === 0) {
    io.out("nothing is left to erase");
    return 0;
  }
  for (const line of listing(chosen)) io.out(line);
  const copies = copiesOf(chosen, there);
  if (copies.length > 0) {
    io.out(`the same text stands in ${copies.length} other values, which stay unless you name them too:`);
    for (const line of listing(copies)) io.out(line);
  }
  if (!options.yes) {
    if (io.ask === undefined)
      throw new WrongUse("there is no terminal to ask in; say --yes to erase without a question");
    const answer = await io.ask(
      `Erase ${chosen.length === 1 ? "this value" : `these ${chosen.length} values`} of ${folder} for ever, as ${options.by}? [y/N] `,
    );
    if (!/^y(?:es)?$/i.test(answer.trim())) {
      io.out("nothing was erased");
      return 1;
    }
  }
  const digests = new Set(chosen.map(({ digest }) => digest));
  await signedErasure({ options, folder, origin, digests }, io);
  eraseInState(join(options.state, "sessions", folder.split("/").at(-1) ?? ""), digests);
  io.out(`erased ${counted(chosen.length, "value")} of ${folder}`);
  for (const line of afterwards(options.ledger)) io.out(line);
  return 0;
}

async function signedErasure(
  about: {
    readonly options: Options;
    readonly folder: string;
    readonly origin: string;
    readonly digests: ReadonlySet<string>;
  },
  io: EraseIo,
): Promise<void> {
  const { options, folder, origin, digests } = about;
  const ledger = openLedger(options.ledger, io.cwd);
  mkdirSync(options.state, { recursive: true, mode: 0o700 });
  const temporary = mkdtempSync(join(tmpdir(), "countersign-"));
  const socketPath = join(temporary, "desk.sock");
  const countersigner = startCountersignerProcess(io, { state: options.state, pagePort: 0, socketPath, without: [] });
  try {
    const { secret } = await countersigner.ready;
    const desk = await openDeskClient({ socketPath, secret });
    try {
      const wish = { folder, digests, by: options.by, reason: options.reason, at: new Date(io.clock()).toISOString() };
      await eraseValues(wish, ledger, {
        logVkey: await desk.logVkey(origin),
        countersignerVkey: desk.vkey,
        sign: async (text) => await desk.signCheckpoint(origin, text),
        signErasure: async (statement) => await desk.signErasure(origin, statement),
      });
    } finally {
      desk.close();
    }
  } finally {
    countersigner.stop();
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** A session that could not be sealed at first left its own files behind; a value that is erased goes from there too. */
function eraseInState(directory: string, digests: ReadonlySet<string>): void {
  const path = join(directory, SESSION_FILES.disclosures);
  if (!existsSync(path)) return;
  const fresh = `${path}.new`;
  writeFileSync(fresh, withoutValues(readFileSync(path), digests), { mode: 0o600 });
  renameSync(fresh, path);
}

const VALUE_CHARS_MAX = 60;

function* listing(values: readonly Erasable[]): Generator<string> {
  const width = Math.max(0, ...values.map(({ ptr }) => ptr.length));
  for (const { cmd, ptr, value } of values) {
    const shown = visibleLine(valueText(value, VALUE_CHARS_MAX));
    yield `  ${(cmd === "" ? "–" : cmd).padEnd(6)} ${ptr.padEnd(width)}  ${shown}`;
  }
}

/** Where copies may be that nothing here can reach. */
function afterwards(ledger: string): readonly string[] {
  const branch = /^git:(.+)$/s.exec(ledger)?.[1];
  if (branch === undefined) return ["copies of it, and backups, still have them"];
  return [
    "git still keeps the old commit, unreachable, until it collects it. To have it gone from this clone now:",
    "  git gc --prune=now",
    "and from where you push to, which must allow this once (it is no fast-forward):",
    `  git push --force-with-lease origin ${branch} && git push origin ${logBranchOf(branch)}`,
    "Other clones and forks keep their copies, and so does GitHub until it is asked: see docs/record.md, Erasures.",
  ];
}
