// `npm test`, on a fresh clone too: prepares the machine, runs every test, and closes with one plain line.
// Arguments go to vitest: `npm test -- test/tlog`.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { main, prepare, root, step } from "./bootstrap.mjs";

void main(() => {
  const args = process.argv.slice(2);
  const { node, env } = prepare(["git", "postgres", "psql", "pgbench", "python3", "openssl"]);
  const folder = mkdtempSync(join(tmpdir(), "countersign-test-"));
  const report = join(folder, "report.json");
  try {
    step("running the tests");
    const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
    const done = spawnSync(node, [vitest, "run", ...reporters, ...args], { cwd: root, env, stdio: "inherit" });
    return close(readReport(report), args.length === 0, done.status ?? 1);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

function readReport(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    // Vitest stopped before it could report; its own exit code and output say why.
    return { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0 };
  }
}

// A run of everything that skips a test, or that saw none, has not shown what it claims to show.
function close(report, isWhole, status) {
  const skipped = report.numPendingTests + report.numTodoTests;
  const blind = report.numPassedTests + report.numFailedTests === 0;
  if (isWhole && skipped > 0) process.stdout.write(`${skipped} skipped: no test may be skipped\n`);
  process.stdout.write(`${report.numPassedTests} passed, ${report.numFailedTests} failed\n`);
  return status !== 0 ? status : (isWhole && skipped > 0) || blind || report.numFailedTests > 0 ? 1 : 0;
}
