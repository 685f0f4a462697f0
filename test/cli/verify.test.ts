import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { verify } from "../../src/cli/verify.ts";
import { sealSession } from "../../src/evidence/layout.ts";
import { dirLedger } from "../../src/gateway/ledger/dir.ts";
import { gitLedger } from "../../src/gateway/ledger/git.ts";
import { makeSession, party } from "../evidence/sealed.ts";

const SID = "01KANAV0Q8M3T4ZS5R6X7Y8Z9A";
const by = party();
let folder = "";
let repository = "";

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "verify-"));
  repository = mkdtempSync(join(tmpdir(), "verify-git-"));
  execFileSync("git", ["init", "--quiet", repository]);
  const session = makeSession(by, { sid: SID });
  await sealSession(session, dirLedger(folder), by.signer);
  const branches = { evidenceBranch: "countersign/evidence", logBranch: "countersign/log" };
  await sealSession(session, gitLedger({ repository, ...branches, nowSeconds: () => 1_795_000_000 }), by.signer);
});

afterAll(() => {
  for (const each of [folder, repository]) rmSync(each, { recursive: true, force: true });
});

async function run(cwd: string, ...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const lines = { out: [] as string[], err: [] as string[] };
  const code = await verify(args, {
    cwd,
    out: (line) => void lines.out.push(line),
    err: (line) => void lines.err.push(line),
  });
  return { code, out: lines.out.join("\n"), err: lines.err.join("\n") };
}

describe("countersign verify", () => {
  it("says ok for each check of a folder, and whose keys it believed", async () => {
    const { code, out } = await run(folder, ".");
    expect(code).toBe(0);
    expect(out.match(/^ {2}ok /gm)).toHaveLength(16);
    expect(out).toContain("keys: as the evidence itself names them");
    expect(out.split("\n").at(-1)).toBe("verdict: good, 1 sessions");
  });

  it("reads a branch of the repository it is called in, and the same branch of a clone's remote", async () => {
    expect(await run(repository, "countersign/evidence")).toMatchObject({ code: 0 });
    const clone = mkdtempSync(join(tmpdir(), "verify-clone-"));
    execFileSync("git", ["clone", "--quiet", "--no-checkout", repository, clone], { stdio: "ignore" });
    expect(await run(clone, "countersign/evidence")).toMatchObject({ code: 0 });
    rmSync(clone, { recursive: true });
  });

  it("reads one session's folder, with the keys of the ledger around it", async () => {
    const { code, out } = await run(folder, `sessions/2026/11/23/${SID}`);
    expect(code).toBe(0);
    expect(out).toContain(by.app.verifier.vkey);
  });

  it("believes a pinned key alone, in either of its spellings, and says so", async () => {
    for (const vkey of [by.app.verifier.vkey, by.log.verifier.vkey]) {
      const pinned = await run(folder, ".", "--key", vkey);
      expect(pinned.code).toBe(0);
      expect(pinned.out).toContain("keys: the countersigner's key that you gave");
    }
    const stranger = await run(folder, ".", "--key", party().app.verifier.vkey);
    expect(stranger.code).toBe(1);
    expect(stranger.out).toContain("has a key that is not trusted");
  });

  it("prints one JSON object when asked", async () => {
    const { code, out } = await run(folder, "--json", ".");
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ verdict: "good", trust: "evidence", sessions: [{ sid: SID }] });
  });

  it("fails with the reason, and lets nothing of the evidence steer the terminal", async () => {
    const path = join(folder, "sessions/2026/11/23", SID, "events.jsonl");
    const before = readFileSync(path, "utf8");
    writeFileSync(path, before.replace("Rule rest", "Rule \u001b[2Jrest\u202e"));
    writeFileSync(join(folder, "sessions/2026/11/23", SID, "\u001b[2J.txt"), "");
    const { code, out, err } = await run(folder, ".");
    rmSync(join(folder, "sessions/2026/11/23", SID, "\u001b[2J.txt"));
    writeFileSync(path, before);
    expect(code).toBe(1);
    for (const each of ["\u001b", "\u202e"]) expect(`${out}${err}`).not.toContain(each);
    expect(await run(folder, ".")).toMatchObject({ code: 0 });
  });

  it("says INCOMPLETE of a session without end", async () => {
    const place = mkdtempSync(join(tmpdir(), "verify-open-"));
    const open = party();
    const session = makeSession(open, { event: (type, body) => (type === "session.ended" ? undefined : body) });
    await sealSession(session, dirLedger(place), open.signer);
    const { code, out } = await run(place, ".");
    rmSync(place, { recursive: true });
    expect(code).toBe(1);
    expect(out).toContain("INCOMPLETE ended");
    expect(out.split("\n").at(-1)).toBe("verdict: INCOMPLETE, 1 sessions");
  });

  it.each([
    [[], "name one folder or branch"],
    [["a", "b"], "name one folder or branch"],
    [["--fast", "."], "--fast"],
    [[".", "--key", "nonsense"], "--key"],
    [["no/such/place"], "neither a folder nor a branch"],
    [["--", "--help"], "neither a folder nor a branch"],
    [[tmpdir()], "neither a ledger"],
  ])("says what is wrong with %j", async (args, words) => {
    const { code, err } = await run(repository, ...args);
    expect(code).toBe(2);
    expect(err).toContain(words);
  });
});
