import { execFile, execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sealSession } from "../../../src/evidence/layout.ts";
import type { Change, EvidenceReader, Ledger } from "../../../src/evidence/ledger.ts";
import { verifyLedger } from "../../../src/evidence/verify.ts";
import { dirLedger, dirReader } from "../../../src/gateway/ledger/dir.ts";
import { LedgerError } from "../../../src/gateway/ledger/evidence-path.ts";
import { gitLedger, gitReader } from "../../../src/gateway/ledger/git.ts";
import { makeSession, party } from "../../evidence/sealed.ts";

const EVIDENCE = "countersign/evidence";
const LOG = "countersign/log";
const sidOf = (at: number): string => `01KANAV0Q8M3T4ZS5R6X7Y${String(at).padStart(4, "0")}`;
const change = (path: string, text: string, removed: string[] = []): Change => ({
  files: [{ path, bytes: Buffer.from(text) }],
  removed,
  message: `Put ${path}`,
});

let root = "";

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "ledger-"));
});

afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

function git(...args: string[]): string {
  // A name of our own: the machine's user may have told git none.
  const name = ["-c", "user.name=Else", "-c", "user.email=else@example.com"];
  return execFileSync("git", ["-C", root, ...name, ...args], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
}

interface Kind {
  open(): Ledger;
  read<T>(work: (reader: EvidenceReader) => Promise<T>): Promise<T>;
}

const KINDS: Readonly<Record<"git" | "dir", Kind>> = {
  git: {
    open() {
      execFileSync("git", ["init", "--quiet", root]);
      return gitLedger({ repository: root, evidenceBranch: EVIDENCE, logBranch: LOG, nowSeconds: () => 1_795_000_000 });
    },
    async read(work) {
      const reader = await gitReader(root, EVIDENCE);
      try {
        return await work(reader);
      } finally {
        await reader.close();
      }
    },
  },
  dir: { open: () => dirLedger(root), read: async (work) => await work(dirReader(root)) },
};

describe.each(["git", "dir"] as const)("a ledger in a %s", (kind) => {
  it("keeps what it is given, byte for byte, and lets go what it is told to", async () => {
    const ledger = KINDS[kind].open();
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, at) => at));
    await ledger.update(async () => ({ files: [{ path: "a/b/c.bin", bytes }], removed: [], message: "First" }));
    const seen: unknown[] = [];
    await ledger.update(async (now) => {
      seen.push(
        await now.read("a/b/c.bin"),
        await now.read("a/b/none"),
        await now.read("a/b"),
        await now.list("a/b/c.bin"),
      );
      return change("a/d.txt", "d", ["a/b/c.bin"]);
    });
    expect(seen).toEqual([bytes, undefined, undefined, []]);
    const left = await KINDS[kind].read(async (now) => [await now.read("a/b/c.bin"), await now.read("a/d.txt")]);
    expect(left).toEqual([undefined, Buffer.from("d")]);
    expect(await ledger.update(async () => "nothing")).toBe("nothing");
  });

  it("lists files and folders, and nothing where there is nothing", async () => {
    const ledger = KINDS[kind].open();
    await ledger.update(async () => {
      return {
        files: [...change("a/b.txt", "1").files, ...change("a/c/d.txt", "2").files],
        removed: [],
        message: "Two",
      };
    });
    const names = await KINDS[kind].read(async (now) => [
      await now.list("a"),
      await now.list("a/c"),
      await now.list("x"),
    ]);
    expect(names.map((each) => each.toSorted())).toEqual([["b.txt", "c"], ["d.txt"], []]);
  });

  it.each(["../out", "/etc/passwd", "a//b", "a/../b", ".git/config", "a/.hidden", "", "a\nb", "-x/.."])(
    "never touches the path %j",
    async (path) => {
      const ledger = KINDS[kind].open();
      await expect(ledger.update(async () => change(path, "x"))).rejects.toThrow(LedgerError);
      await expect(ledger.update(async (now) => (await now.read(path), "nothing"))).rejects.toThrow(LedgerError);
    },
  );

  it("takes sessions of several processes at once, each exactly once", { timeout: 60_000 }, async () => {
    const by = party();
    KINDS[kind].open();
    const keyFile = join(root, "key.pem");
    writeFileSync(keyFile, by.key.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
    const run = promisify(execFile);
    await Promise.all(
      Array.from({ length: 6 }, async (_, worker) => {
        const sids = [sidOf(2 * worker), sidOf(2 * worker + 1)];
        return await run(process.execPath, ["test/gateway/ledger/seal-some.ts", kind, root, keyFile, ...sids]);
      }),
    );
    const report = await KINDS[kind].read(async (now) => await verifyLedger(now, { pinned: undefined }));
    expect(report.verdict).toBe("good");
    expect(report.sessions.map(({ sid }) => sid)).toEqual(Array.from({ length: 12 }, (_, at) => sidOf(at)));
    const commits = kind === "git" ? git("log", "--format=%P", EVIDENCE).split("\n").slice(0, -1) : [];
    expect(commits.map((parents) => parents.split(" ").filter(Boolean).length)).toEqual(
      kind === "git" ? [...Array.from({ length: 11 }, () => 1), 0] : [],
    );
  });
});

describe("the git ledger", () => {
  it("leaves index, work tree, HEAD and other branches as they were, and moves both branches together", async () => {
    const ledger = KINDS.git.open();
    writeFileSync(join(root, "mine.txt"), "work");
    git("add", "mine.txt");
    git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "-m", "Mine");
    writeFileSync(join(root, "mine.txt"), "more work");
    writeFileSync(join(root, "new.txt"), "new");
    git("add", "new.txt");
    const before = [git("status", "--porcelain"), git("rev-parse", "HEAD"), git("symbolic-ref", "HEAD")];
    const by = party();
    await sealSession(makeSession(by), ledger, by.signer);
    expect([git("status", "--porcelain"), git("rev-parse", "HEAD"), git("symbolic-ref", "HEAD")]).toEqual(before);
    expect(
      git("for-each-ref", "--format=%(refname)")
        .split("\n")
        .filter((ref) => ref.includes("countersign")),
    ).toEqual([`refs/heads/${EVIDENCE}`, `refs/heads/${LOG}`]);
    expect(git("ls-tree", "--name-only", LOG).split("\n").slice(0, -1)).toEqual(["log", "trust"]);
    expect(git("rev-parse", `${LOG}:log`)).toBe(git("rev-parse", `${EVIDENCE}:log`));
    expect(git("fsck", "--strict")).toBe("");
  });

  it("runs none of the repository's hooks", async () => {
    const ledger = KINDS.git.open();
    const hook = join(root, ".git", "hooks", "reference-transaction");
    mkdirSync(join(root, ".git", "hooks"), { recursive: true });
    writeFileSync(hook, `#!/bin/sh\ntouch ${join(root, "hooked")}\nexit 1\n`, { mode: 0o755 });
    expect(await ledger.update(async () => change("a.txt", "a"))).toBe("done");
    expect(readdirSync(root)).not.toContain("hooked");
  });

  it("plans again when somebody else moved a branch meanwhile", async () => {
    const ledger = KINDS.git.open();
    await ledger.update(async () => change("a.txt", "1"));
    const elsewhere = git("commit-tree", "-m", "Else", "-p", EVIDENCE, `${EVIDENCE}^{tree}`).trim();
    let plans = 0;
    await ledger.update(async (now) => {
      plans += 1;
      if (plans === 1) git("update-ref", `refs/heads/${EVIDENCE}`, elsewhere);
      return change("b.txt", String((await now.list("")).length));
    });
    expect(plans).toBe(2);
    expect(git("log", "--format=%s", EVIDENCE).split("\n").slice(0, -1)).toEqual(["Put b.txt", "Else", "Put a.txt"]);
  });

  it("moves neither branch when one of the two cannot be moved", async () => {
    const ledger = KINDS.git.open();
    await ledger.update(async () => change("log/a", "1"));
    const before = git("for-each-ref");
    const lock = join(root, ".git", "refs", "heads", "countersign", "log.lock");
    let plans = 0;
    let between = "";
    const update = ledger.update(async () => {
      plans += 1;
      if (plans === 1) writeFileSync(lock, "");
      if (plans === 2) {
        between = git("for-each-ref");
        rmSync(lock);
      }
      return change("log/a", "2");
    });
    expect(await update).toBe("done");
    expect(plans).toBe(2);
    expect(between).toBe(before);
  });

  it("says so when the place is no repository", async () => {
    const ledger = gitLedger({ repository: root, evidenceBranch: EVIDENCE, logBranch: LOG, nowSeconds: () => 0 });
    await expect(ledger.update(async () => "nothing")).rejects.toThrow(/not a git repository/);
    await expect(gitReader(root, "--help")).rejects.toThrow(LedgerError);
  });
});

describe("the folder ledger", () => {
  it("follows no link, opens no pipe, and leaves no temporary file", async () => {
    const ledger = dirLedger(root);
    await ledger.update(async () => change("a/b.txt", "b"));
    symlinkSync("/etc/passwd", join(root, "a", "link"));
    symlinkSync("/etc", join(root, "folder"));
    execFileSync("mkfifo", [join(root, "a", "pipe")]);
    const reader = dirReader(root);
    await expect(reader.read("a/link")).rejects.toThrow(LedgerError);
    await expect(reader.read("folder/passwd")).rejects.toThrow(LedgerError);
    await expect(reader.read("a/pipe")).rejects.toThrow(LedgerError);
    expect(readdirSync(join(root, "a")).toSorted()).toEqual(["b.txt", "link", "pipe"]);
    expect(readdirSync(root).toSorted()).toEqual(["a", "folder"]);
  });

  it("takes over from a process that died holding the lock", async () => {
    const gone = execFileSync("sh", ["-c", "echo $$"], { encoding: "utf8" });
    writeFileSync(join(root, ".countersign.lock"), gone);
    expect(await dirLedger(root).update(async () => change("a.txt", "a"))).toBe("done");
    expect(readFileSync(join(root, "a.txt"), "utf8")).toBe("a");
  });
});
