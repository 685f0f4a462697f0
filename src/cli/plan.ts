// `countersign plan`: inside a job, asks people about all statements of a file at once, before they run. The gateway of the
// run that started the job reads, judges and asks; this only hands it the file and waits.

import { readFileSync } from "node:fs";
import { request } from "node:http";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { isObject } from "../evidence/shape.ts";
import { visibleLine } from "../evidence/visible.ts";

export interface PlanIo {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly out: (line: string) => void;
  readonly err: (line: string) => void;
}

const HELP = `usage: countersign plan FILE --target NAME [--whole]

Asks people about all statements of FILE in one request, and waits for their answer. Run it in a job of countersign run:

  countersign run --target appdb=... -- sh -c 'countersign plan m.sql --target appdb && psql -f m.sql'

Approved, each statement runs without being asked about again: once, in this order, in this session, byte for byte as
"psql -f FILE" sends it. Any other command is asked about anew, and a statement that fails ends the plan.

  --target NAME   the target that the statements are for
  --whole         FILE is one command, as "psql -c" and clients that send a text whole send it

Exit codes: 0 approved, or nothing in it is held; 1 refused, expired, denied by policy, or not readable; 2 wrong use.`;

/** A file of more is not read by people; the gateway's door has this bound too. */
const FILE_BYTES_MAX = 900 * 1024;

/** Proposes a plan. Resolves to the exit code. */
export async function plan(args: readonly string[], io: PlanIo): Promise<number> {
  const options = readOptions(args);
  if (options === "help") {
    io.out(HELP);
    return 0;
  }
  const wrong = (words: string): number => {
    io.err(`countersign plan: ${words}`);
    return 2;
  };
  if ("wrong" in options) return wrong(`${options.wrong}\n\n${HELP}`);
  const { COUNTERSIGN_CONTROL: socketPath = "", COUNTERSIGN_CONTROL_TOKEN: token = "" } = io.env;
  if (socketPath === "" || token === "") {
    return wrong(
      "there is no gateway to ask: run it in a job, as in countersign run ... -- sh -c 'countersign plan ...'",
    );
  }
  let bytes: Buffer;
  try {
    bytes = readFileSync(options.file);
  } catch (cause) {
    return wrong(`${options.file} cannot be read: ${cause instanceof Error ? cause.message : ""}`);
  }
  if (bytes.length > FILE_BYTES_MAX)
    return wrong(`${options.file} has more than ${FILE_BYTES_MAX} bytes; make several plans`);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return wrong(`${options.file} is not UTF-8`);
  }
  const { target, how } = options;
  try {
    return await proposed({ socketPath, token, body: JSON.stringify({ target, text, how }) }, io);
  } catch (error) {
    io.err(`countersign plan: the gateway does not answer (${error instanceof Error ? error.message : ""})`);
    return 1;
  }
}

interface Door {
  readonly socketPath: string;
  readonly token: string;
  readonly body: string;
}

async function proposed({ socketPath, token, body }: Door, io: PlanIo): Promise<number> {
  const tell = (words: string): void => io.err(`countersign: ${visibleLine(words)}`);
  return await new Promise<number>((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}`, "content-length": String(Buffer.byteLength(body)) };
    const asked = request({ socketPath, path: "/v1/plans", method: "POST", headers, agent: false });
    asked.once("error", reject);
    asked.once("response", (response) => {
      let code: number | undefined;
      const lines = createInterface({ input: response });
      lines.on("line", (line) => {
        const said: unknown = parsed(line);
        if (!isObject(said)) return;
        const words = said["say"] ?? said["error"];
        if (typeof words === "string") tell(words);
        if (said["end"] === "good") code = 0;
        else if (said["end"] !== undefined || response.statusCode !== 200) code = 1;
      });
      lines.once("close", () => {
        if (code === undefined) reject(new Error("it closed before it said how the plan ended"));
        else resolve(code);
      });
      response.once("error", reject);
    });
    asked.end(body);
  });
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

type Options = { readonly file: string; readonly target: string; readonly how: "file" | "whole" };

function readOptions(args: readonly string[]): Options | { readonly wrong: string } | "help" {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        target: { type: "string" },
        whole: { type: "boolean", default: false },
        help: { type: "boolean", short: "h" },
      },
    });
    if (values.help === true) return "help";
    const [file, ...more] = positionals;
    if (file === undefined || more.length > 0) return { wrong: "name one file" };
    if (values.target === undefined) return { wrong: "name the target of its statements with --target NAME" };
    return { file, target: values.target, how: values.whole ? "whole" : "file" };
  } catch (error) {
    if (error instanceof TypeError) return { wrong: error.message };
    throw error;
  }
}
