// `countersign recover`: seals sessions that nobody sealed, because their gateway or their sealing was killed. `countersign
// run` does the same before it starts its own.

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { LedgerError } from "../evidence/evidence-path.ts";
import { visibleLine } from "../evidence/visible.ts";
import { readAppUrl } from "../gateway/app-desk/app-url.ts";
import { type AppClient, openAppClient } from "../gateway/app-desk/client.ts";
import { appCustodian } from "../gateway/app-desk/custody.ts";
import { DeskError } from "../gateway/desk/call.ts";
import { type DeskClient, openDeskClient } from "../gateway/desk/client.ts";
import { openLedger } from "../gateway/ledger/open.ts";
import { type Recovered, recoverSessions } from "../gateway/recover.ts";
import { localCustodian, type Sealer } from "../gateway/seal.ts";
import { UnsealedSessions } from "../gateway/unsealed.ts";
import { defaultStateDir } from "./countersigner.ts";
import { type ProcessIo, startCountersignerProcess } from "./countersigner-process.ts";

export interface RecoverIo extends ProcessIo {
  readonly cwd: string;
  out(line: string): void;
  err(line: string): void;
}

const HELP = `usage: countersign recover [--state DIR] [--ledger WHERE] [--json]

Seals the sessions in the state directory whose gateway or sealing was killed, each in the ledger that it was run for. One
that has no end is sealed as lost, and verifies as incomplete. A session that still runs is left alone.

  --state DIR     keys and unfinished sessions (default $XDG_STATE_HOME/countersign)
  --ledger WHERE  also finishes what a killed process left half done in this ledger: git:BRANCH, dir:PATH, bundle:FILE
  --json          one line of JSON for each session

Exit codes: 0 nothing is left, 1 something could not be sealed, 2 wrong use.`;

/** Recovers what the arguments name. Resolves to the exit code. */
export async function recoverCommand(args: readonly string[], io: RecoverIo): Promise<number> {
  const options = readOptions(args, io.env);
  if (options === "help") {
    io.out(HELP);
    return 0;
  }
  if ("wrong" in options) {
    io.err(`countersign recover: ${options.wrong}\n\n${HELP}`);
    return 2;
  }
  try {
    if (options.ledger !== undefined) await openLedger(options.ledger, io.cwd).update(async () => "nothing");
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
    io.err(`countersign recover: ${visibleLine(error.message)}`);
    return 1;
  }
  mkdirSync(options.state, { recursive: true, mode: 0o700 });
  const sessions = new UnsealedSessions(options.state);
  if (sessions.list().length === 0) {
    if (!options.json) io.out(NOTHING);
    return 0;
  }
  const local = openLocalDesk(options.state, io);
  let found: readonly Recovered[];
  try {
    found = await recoverWith(sessions, local.desk);
  } finally {
    local.close();
  }
  if (found.length === 0 && !options.json) io.out(NOTHING);
  for (const each of found) io.out(options.json ? JSON.stringify(each) : visibleLine(lineOf(each)));
  return found.some(({ outcome }) => outcome === "kept") ? 1 : 0;
}

const NOTHING = "nothing is left to seal; a session that still runs is sealed by its own gateway";

/**
 * What `countersign run` says of the sessions that it recovered before its own, a line for each. `desk`: this machine's
 * countersigner; undefined where it does not run, and then its sessions wait.
 */
export async function recover(parts: {
  readonly sessions: UnsealedSessions;
  readonly desk: Sealer | undefined;
}): Promise<readonly string[]> {
  const { desk, sessions } = parts;
  const found = await recoverWith(sessions, async () => {
    if (desk === undefined) throw new DeskError(0, "this machine's countersigner signed it; run: countersign recover");
    return await Promise.resolve(desk);
  });
  return found.map((each) => visibleLine(lineOf(each)));
}

const APP = "app:";

/** `localDesk`: this machine's countersigner, started when the first session of its own is met. */
async function recoverWith(
  sessions: UnsealedSessions,
  localDesk: () => Promise<Sealer>,
): Promise<readonly Recovered[]> {
  const apps: AppClient[] = [];
  try {
    return await recoverSessions({
      sessions,
      custodianOf: async ({ ledger, directory, key }, { sid, vkey }) => {
        if (!ledger.startsWith(APP)) return localCustodian(await localDesk(), openLedger(ledger, directory));
        const client = openAppClient({ url: readAppUrl(ledger.slice(APP.length)), sid, key, vkey });
        apps.push(client);
        return appCustodian(client);
      },
      now: () => new Date().toISOString(),
    });
  } finally {
    for (const client of apps) client.close();
  }
}

function lineOf(session: Recovered): string {
  switch (session.outcome) {
    case "sealed":
      return `session ${session.sid} had ended and was not sealed; it is now, in ${session.ledger}, ${session.folder}`;
    case "lost":
      return `session ${session.sid} has no end, for its gateway died; sealed as lost in ${session.ledger}, ${session.folder}`;
    case "empty":
      return `session ${session.sid} had recorded nothing when its gateway died; nothing had run`;
    case "kept":
      return `session ${session.sid} could not be sealed: ${session.why}`;
  }
}

/** This machine's countersigner, started when it is first asked for. */
function openLocalDesk(
  state: string,
  io: RecoverIo,
): { readonly desk: () => Promise<Sealer>; readonly close: () => void } {
  let opened: Promise<DeskClient> | undefined;
  const endings: (() => void)[] = [];
  const start = async (): Promise<DeskClient> => {
    const temporary = mkdtempSync(join(tmpdir(), "countersign-"));
    endings.push(() => rmSync(temporary, { recursive: true, force: true }));
    const socketPath = join(temporary, "desk.sock");
    const countersigner = startCountersignerProcess(io, { state, pagePort: 0, socketPath, without: [] });
    endings.push(() => countersigner.stop());
    const { secret } = await countersigner.ready;
    const desk = await openDeskClient({ socketPath, secret });
    endings.push(() => desk.close());
    return desk;
  };
  return {
    desk: async () => await (opened ??= start()),
    close: () => {
      for (const end of endings.toReversed()) end();
    },
  };
}

interface Options {
  readonly state: string;
  readonly ledger: string | undefined;
  readonly json: boolean;
}

function readOptions(args: readonly string[], env: RecoverIo["env"]): Options | { readonly wrong: string } | "help" {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        state: { type: "string", default: env["COUNTERSIGN_STATE_DIR"] ?? defaultStateDir(env) },
        ledger: { type: "string" },
        json: { type: "boolean", default: false },
        help: { type: "boolean", short: "h" },
      },
    });
    if (values.help === true) return "help";
    return { state: values.state, ledger: values.ledger, json: values.json };
  } catch (error) {
    if (error instanceof TypeError) return { wrong: error.message };
    throw error;
  }
}
