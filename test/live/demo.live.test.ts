// The demo as people start it, without a terminal: it ends well, says who answered, and leaves nothing behind.

import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cs-dt-"));
  // As root the server runs as another user, who must get through.
  chmodSync(folder, 0o711);
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("the demo", () => {
  it("goes as told with a labelled stand-in, and leaves nothing behind", async () => {
    const { output, code } = start("--yes");
    expect({ code: await code, output: output() }).toMatchObject({ code: 0 });
    expect(output()).toContain("All 25 carts are still there.");
    expect(output()).toContain("stand-in for a reviewer: approved");
    expect(output()).toContain("verdict: good, 1 sessions");
    expect(output()).toContain("verdict: FAILED, 1 sessions");
    expect(output()).toContain("All as told");
    expect(output(), "no colours where nobody sees them").not.toContain("\u001B");
    expect(readdirSync(folder)).toEqual([]);
  });

  it("cleans up when it is interrupted, and says so", async () => {
    const { child, output, code } = start();
    await until(() => output().includes("customers, 120 orders"));
    const [, port = ""] = /on 127\.0\.0\.1:(\d+)/.exec(output()) ?? [];
    child.kill("SIGINT");
    expect({ code: await code, output: output() }).toMatchObject({ code: 130 });
    expect(output()).toContain("Interrupted. Cleaning up.");
    expect(readdirSync(folder)).toEqual([]);
    await expect(fetch(`http://127.0.0.1:${port}/`), "the server is gone").rejects.toThrow("fetch failed");
  });
});

function start(...args: readonly string[]): {
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly code: Promise<number | null>;
} {
  const child = spawn(process.execPath, ["examples/demo/demo.ts", ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, TMPDIR: folder },
  });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (more: string) => (text += more));
  child.stderr.setEncoding("utf8").on("data", (more: string) => (text += more));
  const code = new Promise<number | null>((resolve) => child.once("close", resolve));
  return { child, output: () => text, code };
}

async function until(isSo: () => boolean): Promise<void> {
  for (const end = Date.now() + 20_000; !isSo() && Date.now() < end; ) {
    // oxlint-disable-next-line no-await-in-loop -- it waits on purpose
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
