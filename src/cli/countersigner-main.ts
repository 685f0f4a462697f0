// The countersigner's program: a file of its own, and small, because whoever starts it waits for it.

import { countersigner } from "./countersigner.ts";

const stop = new AbortController();
process.on("SIGTERM", () => stop.abort());
const { stdin, stdout, stderr, env } = process;

void countersigner(process.argv.slice(2), { stdin, stdout, stderr, env, signal: stop.signal })
  .catch((error: unknown): number => {
    stderr.write(`countersigner: an error of our own: ${error instanceof Error ? error.stack : String(error)}\n`);
    return 1;
  })
  .then((code) => {
    process.exitCode = code;
    return code;
  });
