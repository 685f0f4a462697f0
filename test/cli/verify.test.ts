import { execFileSync, spawn } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { verify } from "../../src/cli/verify.ts";
import { digestOfFile } from "../../src/evidence/entry.ts";
import { sealSession } from "../../src/evidence/layout.ts";
import { dirLedger } from "../../src/gateway/ledger/dir.ts";
import { gitLedger } from "../../src/gateway/ledger/git.ts";
import { makeSession, party } from "../evidence/sealed.ts";

const SID = "01KANAV0Q8M3T4ZS5R6X7Y8Z9A";
const SIDS = [
  "01KANAV0Q8M3T4ZS5R6X7Y8Z8A",
  "01KANAV0Q8M3T4ZS5R6X7Y8Z8B",
  "01KANAV0Q8M3T4ZS5R6X7Y8Z8C",
  "01KANAV0Q8M3T4ZS5R6X7Y8Z8D",
  "01KANAV0Q8M3T4ZS5R6X7Y8Z8E",
] as const;
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
    expect(out.match(/^ {2}ok /gm)).toHaveLength(22);
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

  it("proves that the log extends a checkpoint that was kept, from its file or its text", async () => {
    const place = mkdtempSync(join(tmpdir(), "verify-since-"));
    const own = party();
    const kept = join(place, "kept");
    for (const [at, sid] of SIDS.entries()) {
      await sealSession(makeSession(own, { sid }), dirLedger(join(place, "now")), own.signer);
      if (at === 1) copyFileSync(join(place, "now/log/checkpoint"), kept);
    }
    const grown = await run(place, "now", "--since", "kept");
    expect(grown.code).toBe(0);
    expect(grown.out).toMatch(/ok +since +the first 2 of 5 entries are those of the checkpoint that was kept/);
    expect(await run(place, "now", "--since", readFileSync(kept, "utf8"))).toMatchObject({ code: 0 });
    // As a shell's $(cat kept) gives it, and as its <(cat kept) does.
    expect(await run(place, "now", "--since", readFileSync(kept, "utf8").trimEnd())).toMatchObject({ code: 0 });
    execFileSync("mkfifo", [join(place, "pipe")]);
    const writing = spawn("cp", [kept, join(place, "pipe")]);
    expect(await run(place, "now", "--since", "pipe")).toMatchObject({ code: 0 });
    writing.kill();
    const same = await run(place, "now", "--since", "now/log/checkpoint");
    expect(same.out).toMatch(/ok +since +the same 5 entries/);
    rmSync(place, { recursive: true });
  });

  it("says rolled back of a log shorter than the checkpoint, and prints both of two checkpoints of one size", async () => {
    const place = mkdtempSync(join(tmpdir(), "verify-since-"));
    const own = party();
    const seal = async (name: string, sid: string): Promise<void> => {
      own.heads.clear();
      await sealSession(makeSession(own, { sid }), dirLedger(join(place, name)), own.signer);
    };
    await seal("long", SID);
    await seal("long", SIDS[0]);
    await seal("short", SID);
    await seal("other", SIDS[1]);
    const back = await run(place, "short", "--since", "long/log/checkpoint");
    expect(back.code).toBe(1);
    expect(back.out).toContain("rolled back: the log has 1 entries, and the checkpoint that you kept has 2");
    const forked = await run(place, "short", "--since", "other/log/checkpoint");
    expect(forked.code).toBe(1);
    expect(forked.out).toContain("two checkpoints of one size: proof of misbehaviour");
    for (const [name, ledger] of [
      ["kept", "other"],
      ["now", "short"],
    ] as const) {
      for (const line of readFileSync(join(place, ledger, "log/checkpoint"), "utf8")
        .trimEnd()
        .split("\n")) {
        expect(forked.out).toContain(`${name}: ${line}`.trimEnd());
      }
    }
    const stranger = await run(folder, ".", "--since", join(place, "long/log/checkpoint"));
    expect(stranger.code).toBe(1);
    expect(stranger.out).toMatch(/FAILED +since/);
    rmSync(place, { recursive: true });
  });

  it("holds sessions to the repository that was asked about", async () => {
    expect(await run(folder, ".", "--repository", "acme/shop")).toMatchObject({ code: 0 });
    for (const place of [".", `sessions/2026/11/23/${SID}`]) {
      const other = await run(folder, place, "--repository", "acme/billing");
      expect(other.code).toBe(1);
      expect(other.out).toContain('the session ran for "acme/shop", not for "acme/billing"');
      expect(other.out.match(/FAILED/g)).toHaveLength(2);
    }
  });

  it("holds sessions to the policies that were given", async () => {
    const policy = join(folder, "../policy-of-the-test.yml");
    writeFileSync(policy, "version: 1\n");
    const other = await run(folder, ".", "--policy", policy);
    expect(other.code).toBe(1);
    expect(other.out).toMatch(/FAILED +policy/);
    const place = mkdtempSync(join(tmpdir(), "verify-policy-"));
    const own = party();
    const digest = digestOfFile(readFileSync(policy));
    await sealSession(makeSession(own, { policy: digest }), dirLedger(place), own.signer);
    expect(await run(place, ".", "--policy", "countersign.yml", "--policy", policy)).toMatchObject({ code: 2 });
    expect(await run(place, ".", "--policy", policy)).toMatchObject({ code: 0 });
    rmSync(place, { recursive: true });
    rmSync(policy);
  });

  it("tells the age of the log's checkpoint, and fails when it is older than it may be", async () => {
    const place = mkdtempSync(join(tmpdir(), "verify-age-"));
    const own = party(undefined, { sealedAtSeconds: Math.floor(Date.now() / 1000) - 7200 });
    await sealSession(makeSession(own), dirLedger(place), own.signer);
    const young = await run(place, ".", "--max-age", "3h");
    expect(young.code).toBe(0);
    expect(young.out).toMatch(/ok +age +countersigned 20\d\d-\S+Z, 2 hours ago/);
    const old = await run(place, ".", "--max-age", "90m");
    expect(old.code).toBe(1);
    expect(old.out).toMatch(/FAILED +age/);
    rmSync(place, { recursive: true });
  });

  it("says how far it is once it has taken two seconds, and takes that away at the end", async () => {
    const place = mkdtempSync(join(tmpdir(), "verify-slow-"));
    const own = party();
    for (const sid of SIDS) await sealSession(makeSession(own, { sid }), dirLedger(place), own.signer);
    const told: string[] = [];
    let now = 0;
    const code = await verify(["."], {
      cwd: place,
      out: () => undefined,
      err: () => undefined,
      progress: (text) => void told.push(text),
      clock: () => (now += 900),
    });
    rmSync(place, { recursive: true });
    expect(code).toBe(0);
    expect(told).toEqual(["verified 3 sessions", "verified 4 sessions", "verified 5 sessions", ""]);
  });

  it("warns of a clock that was off, and calls it good", async () => {
    const place = mkdtempSync(join(tmpdir(), "verify-clock-"));
    const own = party();
    await sealSession(makeSession(own, { clock: [300, 300, 300, 300] }), dirLedger(place), own.signer);
    const { code, out } = await run(place, ".");
    rmSync(place, { recursive: true });
    expect(code).toBe(0);
    expect(out).toMatch(/warning: the gateway's clock was up to 30\d s behind the countersigner's/);
  });

  it("follows no link in a folder, opens no device, and says where they are", async () => {
    const place = mkdtempSync(join(tmpdir(), "verify-links-"));
    const own = party();
    await sealSession(makeSession(own), dirLedger(place), own.signer);
    const session = join(place, "sessions/2026/11/23", SID);
    symlinkSync("/dev/zero", join(session, "zero"));
    rmSync(join(session, "README.md"));
    symlinkSync("/dev/zero", join(session, "README.md"));
    const { code, out } = await run(place, ".");
    rmSync(place, { recursive: true });
    expect(code).toBe(1);
    expect([...new Set([...out.matchAll(/FAILED +(\w+)/g)].map(([, check]) => check))]).toEqual(["pages", "files"]);
    expect(out).toContain("zero is no file of a session");
    expect(out).toContain("README.md is not a plain file");
  });

  it("says of the log's own branch that it has no session, and which branch has", async () => {
    const { code, out, err } = await run(repository, "countersign/log");
    expect(code).toBe(1);
    expect(out).toContain("verdict: FAILED, 0 sessions");
    expect(err).toContain("verify countersign/evidence");
    expect((await run(repository, "countersign/evidence")).err).toBe("");
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
    [[".", "--since", "no-such-file"], "--since: there is no file no-such-file"],
    [[".", "--since", "two\nlines\n"], "--since: a note ends with a blank line"],
    [[".", "--max-age", "soon"], "--max-age: soon is no time"],
    [[".", "--policy", "no-such-file"], "--policy: there is no file no-such-file"],
  ])("says what is wrong with %j", async (args, words) => {
    const { code, err } = await run(repository, ...args);
    expect(code).toBe(2);
    expect(err).toContain(words);
  });
});
