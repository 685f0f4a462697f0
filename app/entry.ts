/** What `countersign app` hands over to, as a file of its own: `dist/app.cjs`. Runs at once, with this process's arguments. */

import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import manifest from "../package.json" with { type: "json" };
import { runApp } from "./main.ts";
import { PARTS } from "./parts.ts";

const [word, ...rest] = process.argv.slice(2);
const stop = new AbortController();
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.on(signal, () => {
    // Whoever asks twice will not wait for what is still open.
    if (stop.signal.aborted) process.exit(1);
    stop.abort();
  });
}

// Built, app.yml lies beside this file.
const blueprint = new URL(import.meta.url.endsWith(".ts") ? "../app.yml" : "./app.yml", import.meta.url);
void runApp(word === "app" ? rest : process.argv.slice(2), {
  env: process.env,
  parts: PARTS,
  out: (line) => void process.stdout.write(`${line}\n`),
  err: (line) => void process.stderr.write(`${line}\n`),
  readFile: (path) => readFileSync(path, "utf8"),
  blueprint: readFileSync(blueprint, "utf8"),
  clock: Date.now,
  random: randomBytes,
  version: manifest.version,
  stop: stop.signal,
}).then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(
      `countersign app: an error of our own: ${error instanceof Error ? error.name : "unknown"}\n${error instanceof Error ? (error.stack ?? "") : ""}\n`,
    );
    process.exit(1);
  },
);
