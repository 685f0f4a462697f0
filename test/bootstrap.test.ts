import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";

// What a machine is told that lacks a program and cannot install it by itself.

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cs-bootstrap-"));
  symlinkSync(process.execPath, join(folder, "node"));
  program("git", "exit 0");
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function program(name: string, script: string): void {
  writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(folder, name), 0o755);
}

/** Prepares for a script that needs these, on a machine that has what lies in the folder and cannot install. */
function prepare(needed: string): { readonly code: number | null; readonly said: string } {
  const args = ["test/bootstrap.mjs", "--with", needed, "--version"];
  const done = spawnSync(process.execPath, args, { encoding: "utf8", env: { PATH: folder } });
  return { code: done.status, said: done.stderr };
}

it("names what is missing, and how to install it", () => {
  expect(prepare("psql")).toMatchObject({ code: 1 });
  expect(prepare("psql").said).toBe(`Missing on this machine: psql. Install it first, for example:
  sudo apt-get install postgresql-client
and run this again.
`);
});

it("does not take for pgbench the stand-in that only says what to install", () => {
  program("pgbench", 'echo "Error: You must install at least one postgresql-client-<version> package" >&2; exit 1');
  expect(prepare("pgbench")).toMatchObject({ code: 1 });
  expect(prepare("pgbench").said).toContain("Missing on this machine: pgbench.");
});
