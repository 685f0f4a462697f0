import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Report } from "../../src/evidence/report.ts";
import { verifyLedger } from "../../src/evidence/verify.ts";
import { dirReader } from "../../src/gateway/ledger/dir.ts";
import { gitReader } from "../../src/gateway/ledger/git.ts";
import { BROKEN } from "./broken.ts";
import { sealBase } from "./forge.ts";

const place = mkdtempSync(join(tmpdir(), "broken-"));
const base = join(place, "base");

beforeAll(async () => await sealBase(base));
afterAll(() => rmSync(place, { recursive: true, force: true }));

/** The names of the checks that are not good, each once. */
function notGood({ checks, sessions }: Report): string[] {
  const all = [...checks, ...sessions.flatMap((session) => session.checks)];
  return [...new Set(all.filter(({ outcome }) => outcome !== "good").map(({ id }) => id))].toSorted();
}

const readKept = (folder: string): string => readFileSync(join(folder, "log/checkpoint"), "utf8");

describe("evidence broken in one way", () => {
  it("was good before", async () => {
    const report = await verifyLedger(dirReader(base), { pinned: undefined });
    expect(notGood(report)).toEqual([]);
    expect(report.verdict).toBe("good");
  });

  it("has a name of its own for each way", () => {
    expect(BROKEN.length).toBeGreaterThan(100);
    expect(new Set(BROKEN.map(({ name }) => name)).size).toBe(BROKEN.length);
  });

  it("has a way for each check but for `age`, which a clock alone breaks", async () => {
    const report = await verifyLedger(dirReader(base), { pinned: undefined, since: readKept(base) });
    const ids = [...report.checks, ...report.sessions.flatMap(({ checks }) => checks)].map(({ id }) => id);
    const broken = new Set(BROKEN.map(({ check }) => check));
    expect([...new Set(ids)].filter((id) => !broken.has(id))).toEqual([]);
  });

  // Of the rows that git can hold as they are, every sixth: what is found does not depend on where evidence lies.
  const inGit = BROKEN.filter(({ name }) => !/link|pipe|gigabytes/.test(name)).filter((_, at) => at % 6 === 0);

  it.each(inGit)("$name: is found in a branch as in a folder", async ({ name, breaks, verdict, since }) => {
    const folder = join(place, `branch-${name}`);
    cpSync(base, folder, { recursive: true });
    const kept = readKept(folder);
    await breaks(folder);
    const author = ["-c", "user.name=a", "-c", "user.email=a@b.example"];
    for (const args of [
      ["init", "--quiet"],
      ["add", "--all"],
      [...author, "commit", "--quiet", "-m", "Broken"],
    ]) {
      execFileSync("git", args, { cwd: folder, stdio: "ignore" });
    }
    const reader = await gitReader(folder, "HEAD");
    const options = { pinned: undefined, ...(since ? { since: kept } : {}) };
    const report = await verifyLedger(reader, options);
    await reader.close();
    expect(report.verdict).toBe(verdict);
    expect(notGood(report)).toEqual(notGood(await verifyLedger(dirReader(folder), options)));
    rmSync(folder, { recursive: true });
  });

  it.each(BROKEN)("$name: $title", async ({ name, breaks, verdict, check, also, since }) => {
    const folder = join(place, name);
    cpSync(base, folder, { recursive: true });
    const kept = readKept(folder);
    await breaks(folder);
    const report = await verifyLedger(dirReader(folder), { pinned: undefined, ...(since ? { since: kept } : {}) });
    rmSync(folder, { recursive: true });
    expect({ verdict: report.verdict, checks: notGood(report) }).toEqual({
      verdict,
      checks: [...(check === "" ? [] : [check]), ...also].toSorted(),
    });
  });
});
