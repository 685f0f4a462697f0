// `countersign bundle`: one session of a ledger in a file that can be handed on, and verified without the rest.

import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { bundleOf } from "../evidence/bundle.ts";
import { LedgerError } from "../evidence/evidence-path.ts";
import { LogError } from "../evidence/log.ts";
import { visibleLine } from "../evidence/visible.ts";
import { writeBundle } from "../gateway/ledger/bundle.ts";
import { readLedger } from "../gateway/ledger/open.ts";

export interface BundleIo {
  /** A path is looked up here, and a branch in the repository around it. */
  readonly cwd: string;
  out(line: string): void;
  err(line: string): void;
}

const HELP = `usage: countersign bundle SID [--ledger git:BRANCH|dir:PATH|bundle:FILE] [--out FILE]

Writes one session with its proof, the log's checkpoint and the keys to one file, which "countersign verify FILE" verifies.

  SID             the session's id, 26 letters and digits
  --ledger WHERE  where the session is (default git:countersign/evidence)
  --out FILE      the file (default SID.tar.gz)

Exit codes: 0 written, 1 the ledger cannot be read or does not hold the session, 2 wrong use.`;

/** Writes the bundle that the arguments name. Resolves to the exit code. */
export async function bundle(args: readonly string[], io: BundleIo): Promise<number> {
  const options = readOptions(args);
  if (options === "help") {
    io.out(HELP);
    return 0;
  }
  if ("wrong" in options) {
    io.err(`countersign bundle: ${options.wrong}\n\n${HELP}`);
    return 2;
  }
  const { sid, ledger, file } = options;
  try {
    const files = await readLedger(ledger, io.cwd, async (reader) => await bundleOf(reader, sid));
    writeBundle(resolve(io.cwd, file), files);
    io.out(`${file}: session ${sid}; verify it with: countersign verify ${file}`);
    return 0;
  } catch (error) {
    if (!(error instanceof LedgerError) && !(error instanceof LogError)) throw error;
    io.err(`countersign bundle: ${visibleLine(error.message)}`);
    return 1;
  }
}

interface Options {
  readonly sid: string;
  readonly ledger: string;
  readonly file: string;
}

function readOptions(args: readonly string[]): Options | { readonly wrong: string } | "help" {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        ledger: { type: "string", default: "git:countersign/evidence" },
        out: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    });
    if (values.help === true) return "help";
    const [sid = "", ...rest] = positionals;
    if (!/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(sid) || rest.length > 0) return { wrong: "name one session by its id" };
    return { sid, ledger: values.ledger, file: values.out ?? `${sid}.tar.gz` };
  } catch (error) {
    if (error instanceof TypeError) return { wrong: error.message };
    throw error;
  }
}
