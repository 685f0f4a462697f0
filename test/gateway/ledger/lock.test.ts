import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { holding, tryClaim } from "../../../src/gateway/ledger/lock.ts";
import { lifeOf, thisProcess } from "../../../src/gateway/ledger/process-id.ts";

let folder = "";
let lock = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lock-"));
  lock = join(folder, "the.lock");
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const parts = (): string[] => thisProcess().split("-");
const named = (at: number, value: string): string => parts().with(at, value).join("-");
const NONE = "0".repeat(12);

/** Three hundred times: takes the lock without a pause, reads a number, and writes the next one. */
const COUNT = `
  import { readFileSync, writeFileSync } from "node:fs";
  import { tryClaim } from ${JSON.stringify(new URL("../../../src/gateway/ledger/lock.ts", import.meta.url).href)};
  const [lock, count] = process.argv.slice(1);
  for (let turn = 0; turn < 300; ) {
    const claim = tryClaim(lock);
    if (!("release" in claim)) continue;
    writeFileSync(count, String(Number(readFileSync(count, "utf8")) + 1));
    claim.release();
    turn += 1;
  }
`;

describe("the name of a process", () => {
  it("says that this one runs, and that one with its number from another time is gone", () => {
    expect(lifeOf(thisProcess())).toBe("running");
    expect(lifeOf(named(1, "1"))).toBe("gone");
  });

  it("says that a process is gone once it has ended, even where its parent has not looked yet", async () => {
    // The shell does not wait for its child while it sleeps, so the child stays as a zombie.
    const shell = spawn("sh", ["-c", "sleep 0.2 & echo $!; exec sleep 5"], { stdio: ["ignore", "pipe", "ignore"] });
    const pid = await new Promise<string>((resolve) =>
      shell.stdout.once("data", (data) => resolve(String(data).trim())),
    );
    const name = parts().with(0, pid).with(1, "0").join("-");
    expect(lifeOf(name)).toBe("running");
    await sleep(500);
    expect(lifeOf(name)).toBe("gone");
    shell.kill();
  });

  it("says nothing of a process on another machine, or in another container of this one", () => {
    expect(lifeOf(named(2, NONE).replace(/-[0-9a-f]+-([0-9a-f]+)$/, `-${NONE}-$1`))).toBe("elsewhere");
    expect(lifeOf(named(4, NONE))).toBe("elsewhere");
    expect(lifeOf("nonsense")).toBe("elsewhere");
  });

  it("says that all of a machine's processes are gone once it was started anew, where it has an id", () => {
    const [, , machine = "0"] = parts();
    expect(lifeOf(named(3, NONE))).toBe(machine === "0" ? "elsewhere" : "gone");
    expect(hostname()).not.toBe("");
  });
});

describe("a lock", () => {
  it("is had by one at a time, and free again when that one lets go", () => {
    const first = tryClaim(lock);
    expect(first).toHaveProperty("release");
    expect(tryClaim(lock)).toMatchObject({ life: "running" });
    if ("release" in first) first.release();
    const second = tryClaim(lock);
    expect(second).toHaveProperty("release");
    if ("release" in second) second.release();
    expect(readdirSync(folder)).toEqual([]);
  });

  it("is let go when the work throws", async () => {
    await expect(holding(lock, async () => await Promise.reject(new Error("work")))).rejects.toThrow("work");
    expect(readdirSync(folder)).toEqual([]);
  });

  it("is never had by two at once, of forty that want it", { timeout: 60_000 }, async () => {
    const now = { inside: 0, most: 0, turns: 0 };
    await Promise.all(
      Array.from({ length: 40 }, async () => {
        await holding(lock, async () => {
          now.inside += 1;
          now.most = Math.max(now.most, now.inside);
          await sleep(1);
          now.inside -= 1;
          now.turns += 1;
        });
      }),
    );
    expect([now.most, now.turns]).toEqual([1, 40]);
  });

  it("is never had by two at once, of six processes that take it again and again", { timeout: 60_000 }, async () => {
    const count = join(folder, "count");
    writeFileSync(count, "0");
    const codes = await Promise.all(
      Array.from({ length: 6 }, async () => {
        const child = spawn(process.execPath, ["--input-type=module", "-e", COUNT, lock, count], { stdio: "inherit" });
        return await new Promise((resolve) => child.on("exit", resolve));
      }),
    );
    expect(codes).toEqual([0, 0, 0, 0, 0, 0]);
    expect(readFileSync(count, "utf8")).toBe("1800");
    expect(readdirSync(folder)).toEqual(["count"]);
  });

  it("is taken from a process that is gone, and never from one that may live elsewhere", () => {
    const gone = `${lock}.${named(1, "1")}.000000000000`;
    const elsewhere = `${lock}.${named(4, NONE)}.000000000000`;
    writeFileSync(gone, "");
    writeFileSync(elsewhere, "");
    expect(tryClaim(lock)).toEqual({ path: elsewhere, life: "elsewhere" });
    expect(readdirSync(folder)).toHaveLength(1);
    rmSync(elsewhere);
    expect(tryClaim(lock)).toHaveProperty("release");
  });

  it("is not kept by files that are no claims", () => {
    for (const name of ["the.lock", "the.lock.1", "the.lock.stale", `the.lock.${thisProcess()}`, "other.lock.x"]) {
      writeFileSync(join(folder, name), "");
    }
    expect(tryClaim(lock)).toHaveProperty("release");
  });
});
