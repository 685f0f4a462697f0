// The independent verifier, started once and asked about one place after another.

import { spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export const PROGRAM = join(dirname(fileURLToPath(import.meta.url)), "verify.py");

/** Isolated from whatever Python packages this machine has, and leaving no compiled files. */
export const PYTHON = ["-I", "-B", PROGRAM] as const;

export interface Asked {
  readonly path: string;
  /** The countersigner's key, pinned. */
  readonly key?: string;
  /** The path of a checkpoint that was kept. */
  readonly since?: string;
}

/** A question about one signature; all in hex. */
export interface AskedSignature {
  readonly publicKey: string;
  readonly message: string;
  readonly signature: string;
}

export interface Batch {
  /** The report as `--json` prints it, or `{ verdict, refused }` for what cannot be read at all; of a signature, `{ verifies }`. */
  ask(asked: Asked | AskedSignature): Promise<string>;
  /** Ends the process. Rejects when it failed or had anything to say on standard error, such as a traceback. */
  close(): Promise<void>;
}

/** Starts it. `by`: what verifies signatures. */
export function startBatch(by: "openssl" | "integers"): Batch {
  const child = spawn("python3", [...PYTHON, "--batch", ...(by === "integers" ? ["--quick"] : [])]);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  let complaints = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (complaints += text));
  const closed = new Promise<number>((resolve) => child.once("close", (code) => resolve(code ?? 1)));
  return {
    async ask(asked) {
      child.stdin.write(`${JSON.stringify(asked)}\n`);
      const line = await lines.next();
      if (line.done === true) throw new Error(`verify.py ended: ${complaints}`);
      return line.value;
    },
    async close() {
      child.stdin.end();
      const code = await closed;
      if (code !== 0 || complaints !== "") throw new Error(`verify.py ended with ${code}: ${complaints}`);
    },
  };
}
