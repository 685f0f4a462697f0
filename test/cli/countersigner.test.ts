import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { defaultStateDir, type ReadyLine } from "../../src/cli/countersigner.ts";
import { openDeskClient } from "../../src/gateway/desk/client.ts";

let folder: string;
const children: ChildProcess[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "countersign-child-"));
  const entry = join(import.meta.dirname, "../../src/cli/countersigner.ts");
  writeFileSync(
    join(folder, "entry.mjs"),
    `import { countersigner } from ${JSON.stringify(entry)};
     const end = new AbortController();
     process.once("SIGTERM", () => end.abort());
     const { stdin, stdout, stderr, env } = process;
     process.exitCode = await countersigner(process.argv.slice(2), { stdin, stdout, stderr, env, signal: end.signal });`,
  );
});

afterEach(() => {
  for (const child of children.splice(0)) {
    child.kill("SIGKILL");
  }
  rmSync(folder, { recursive: true, force: true });
});

describe("the countersigner's process", () => {
  it("says on one line how to reach it, and ends when its parent hangs up", async () => {
    const { child, ended } = start(["--socket", join(folder, "s"), "--state", join(folder, "state")]);
    const ready = await readyLine(child);
    expect(ready.ready).toBe(true);
    expect(ready.pageUrl).toMatch(/^http:\/\/127\.0\.0\.1:\d+\//);
    const client = await openDeskClient({ socketPath: join(folder, "s"), secret: ready.secret });
    expect(client.vkey).toBe(ready.vkey);
    expect(client.person).toBe(ready.person);
    client.close();
    child.stdin?.end();
    expect(await ended).toBe(0);
  });

  it("has the same key when it is started again, and ends on SIGTERM", async () => {
    const args = ["--socket", join(folder, "s"), "--state", join(folder, "state")];
    const keys: string[] = [];
    for (const _ of [1, 2]) {
      const { child, ended } = start(args);
      keys.push((await readyLine(child)).vkey);
      child.kill("SIGTERM");
      expect(await ended).toBe(0);
    }
    expect(keys[0]).toBe(keys[1]);
    expect(existsSync(join(folder, "state", "countersigner.key"))).toBe(true);
  });

  it.each([
    [["--page-port", "0"], "--socket PATH is missing"],
    [["--socket", "s", "--page-port", "70000"], "--page-port"],
    [["--socket", "s", "--nonsense"], "--nonsense"],
  ])("says what is wrong with %j", async (args, message) => {
    const { child, ended } = start([...args, "--state", join(folder, "state")]);
    let said = "";
    child.stderr?.on("data", (chunk: Buffer) => {
      said += chunk.toString("utf8");
    });
    expect(await ended).toBe(2);
    expect(said).toContain(message);
  });

  it("keeps its state where the XDG specification says", () => {
    expect(defaultStateDir({ XDG_STATE_HOME: "/s", HOME: "/h" })).toBe("/s/countersign");
    expect(defaultStateDir({ XDG_STATE_HOME: "relative", HOME: "/h" })).toBe("/h/.local/state/countersign");
    expect(defaultStateDir({ HOME: "/h" })).toBe("/h/.local/state/countersign");
  });
});

function start(args: readonly string[]): { readonly child: ChildProcess; readonly ended: Promise<number | null> } {
  const child = spawn(process.execPath, [join(folder, "entry.mjs"), ...args], { stdio: "pipe", cwd: folder });
  children.push(child);
  return { child, ended: new Promise((resolve) => child.once("close", resolve)) };
}

async function readyLine(child: ChildProcess): Promise<ReadyLine> {
  for await (const line of createInterface({ input: child.stdout ?? process.stdin })) {
    return JSON.parse(line) as ReadyLine;
  }
  throw new Error("it ended without a word");
}
