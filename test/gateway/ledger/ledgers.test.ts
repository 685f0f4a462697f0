import { execFile, execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LedgerError } from "../../../src/evidence/evidence-path.ts";
import { sealSession, sealSessions } from "../../../src/evidence/layout.ts";
import type { Change, EvidenceReader, Ledger } from "../../../src/evidence/ledger.ts";
import { verifyLedger } from "../../../src/evidence/verify.ts";
import { bundleReader } from "../../../src/gateway/ledger/bundle.ts";
import { dirLedger, dirReader } from "../../../src/gateway/ledger/dir.ts";
import { gitLedger, gitReader } from "../../../src/gateway/ledger/git.ts";
import { makeSession, party } from "../../evidence/sealed.ts";
import { openAt } from "./open-at.ts";

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
  return gitAt(root, ...args);
}

function gitAt(place: string, ...args: string[]): string {
  // A name of our own: the machine's user may have told git none.
  const name = ["-c", "user.name=Else", "-c", "user.email=else@example.com"];
  return execFileSync("git", ["-C", place, ...name, ...args], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
}

const LEDGER_TEST_MS = 60_000;

interface Kind {
  /** What `seal-some.ts` opens the same ledger by. */
  place(): string;
  /** Makes what must be there before, and opens the ledger. */
  open(): Ledger;
  read<T>(work: (reader: EvidenceReader) => Promise<T>): Promise<T>;
}

/** A repository as people have them, a bare one, and a linked worktree of one. */
function gitKind(where: string, make: (place: string) => void): Kind {
  const place = (): string => join(root, where);
  return {
    place,
    open() {
      make(place());
      return openAt("git", place());
    },
    async read(work) {
      const reader = await gitReader(place(), EVIDENCE);
      try {
        return await work(reader);
      } finally {
        await reader.close();
      }
    },
  };
}

const KINDS = {
  git: gitKind(".", (place) => void execFileSync("git", ["init", "--quiet", place])),
  "bare git": gitKind("bare.git", (place) => void execFileSync("git", ["init", "--quiet", "--bare", place])),
  "git worktree": gitKind("linked", (place) => {
    execFileSync("git", ["init", "--quiet", root]);
    git("commit", "--quiet", "--allow-empty", "-m", "Mine");
    git("worktree", "add", "--quiet", "--detach", place);
  }),
  dir: {
    place: () => root,
    open: () => openAt("dir", root),
    read: async (work) => await work(dirReader(root)),
  },
  bundle: {
    place: () => join(root, "evidence.tar.gz"),
    open: () => openAt("bundle", join(root, "evidence.tar.gz")),
    read: async (work) => await work(bundleReader(join(root, "evidence.tar.gz"))),
  },
} satisfies Readonly<Record<string, Kind>>;

describe.each(["git", "bare git", "git worktree", "dir", "bundle"] as const)("a ledger in a %s", (name) => {
  const kind: Kind = KINDS[name];
  const isGit = name.includes("git");

  it("keeps what it is given, byte for byte, and lets go what it is told to", async () => {
    const ledger = kind.open();
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
    const left = await kind.read(async (now) => [await now.read("a/b/c.bin"), await now.read("a/d.txt")]);
    expect(left).toEqual([undefined, Buffer.from("d")]);
    expect(await ledger.update(async () => "nothing")).toBe("nothing");
  });

  it("lists files and folders, and nothing where there is nothing", async () => {
    const ledger = kind.open();
    await ledger.update(async () => {
      return {
        files: [...change("a/b.txt", "1").files, ...change("a/c/d.txt", "2").files],
        removed: [],
        message: "Two",
      };
    });
    const listed = await kind.read(async (now) => [await now.list("a"), await now.list("a/c"), await now.list("x")]);
    expect(listed.map((each) => each.toSorted())).toEqual([["b.txt", "c"], ["d.txt"], []]);
  });

  it.each(["../out", "/etc/passwd", "a//b", "a/../b", ".git/config", "a/.hidden", "", "a\nb", "-x/.."])(
    "never touches the path %j",
    async (path) => {
      const ledger = kind.open();
      await expect(ledger.update(async () => change(path, "x"))).rejects.toThrow(LedgerError);
      await expect(ledger.update(async (now) => (await now.read(path), "nothing"))).rejects.toThrow(LedgerError);
    },
  );

  it("gives a plan that fails no way to change anything", async () => {
    const ledger = kind.open();
    await ledger.update(async () => change("a.txt", "a"));
    await expect(
      ledger.update(async () => {
        throw new Error("no plan");
      }),
    ).rejects.toThrow("no plan");
    expect(await ledger.update(async () => change("b.txt", "b"))).toBe("done");
    expect(await kind.read(async (now) => (await now.list("")).toSorted())).toEqual(["a.txt", "b.txt"]);
  });

  it("holds a session once, however often it is sealed, and refuses another of its id", async () => {
    const ledger = kind.open();
    const by = party();
    const session = makeSession(by, { sid: sidOf(1) });
    expect((await sealSession(session, ledger, by.signer)).outcome).toBe("done");
    await sealSession(makeSession(by, { sid: sidOf(2) }), ledger, by.signer);
    const filesBefore = await kind.read(everything);
    expect((await sealSession(session, ledger, by.signer)).outcome).toBe("nothing");
    // The same countersigner, had it forgotten the first one.
    const other = makeSession(party(by.key), { sid: sidOf(1), text: "SELECT 2" });
    await expect(sealSession(other, ledger, by.signer)).rejects.toThrow(/holds another session/);
    await expect(sealSessions([other, other], ledger, by.signer)).rejects.toThrow(/given twice/);
    expect(await kind.read(everything)).toEqual(filesBefore);
    const report = await kind.read(async (now) => await verifyLedger(now, { pinned: undefined }));
    expect([report.verdict, report.sessions.length]).toEqual(["good", 2]);
  });

  it("enters many sessions in one step, each with a proof of its own", async () => {
    const ledger = kind.open();
    const by = party();
    await sealSession(makeSession(by, { sid: sidOf(0) }), ledger, by.signer);
    const forgetful = party(by.key);
    const rest = Array.from({ length: 6 }, (_, at) => makeSession(forgetful, { sid: sidOf(at) }));
    // The first of them is of the id that is there, and another session.
    await expect(sealSessions(rest, ledger, by.signer)).rejects.toThrow(/holds another session/);
    await sealSessions(rest.slice(1), ledger, by.signer);
    const report = await kind.read(async (now) => await verifyLedger(now, { pinned: undefined }));
    expect([report.verdict, report.sessions.length]).toEqual(["good", 6]);
  });

  it("takes sessions of several processes at once, each exactly once", { timeout: LEDGER_TEST_MS }, async () => {
    const by = party();
    kind.open();
    const keyFile = join(root, "key.pem");
    writeFileSync(keyFile, by.key.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
    const run = promisify(execFile);
    await Promise.all(
      Array.from({ length: 4 }, async (_, worker) => {
        const sids = [sidOf(2 * worker), sidOf(2 * worker + 1)];
        const script = ["test/gateway/ledger/seal-some.ts", isGit ? "git" : name, kind.place(), keyFile];
        return await run(process.execPath, [...script, ...sids]);
      }),
    );
    const report = await kind.read(async (now) => await verifyLedger(now, { pinned: undefined }));
    expect(report.verdict).toBe("good");
    expect(report.sessions.map(({ sid }) => sid)).toEqual(Array.from({ length: 8 }, (_, at) => sidOf(at)));
    const commits = isGit ? gitAt(kind.place(), "log", "--format=%P", EVIDENCE).split("\n").slice(0, -1) : [];
    expect(commits.map((parents) => parents.split(" ").filter(Boolean).length)).toEqual(
      isGit ? [...Array.from({ length: 7 }, () => 1), 0] : [],
    );
  });

  it("leaves no lock behind, and no temporary file", async () => {
    const ledger = kind.open();
    await ledger.update(async () => change("a.txt", "a"));
    const left = readdirSync(root, { recursive: true, encoding: "utf8" });
    expect(left.filter((path) => /countersign\.lock|\.lock\b|\.new$|\.next/.test(path))).toEqual([]);
  });

  it("takes over from a process that died holding the lock", async () => {
    const ledger = kind.open();
    const by = party();
    await sealSession(makeSession(by, { sid: sidOf(1) }), ledger, by.signer);
    const keyFile = join(root, "key.pem");
    writeFileSync(keyFile, by.key.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
    // It is killed in the middle of its plan, which is when it holds the lock.
    const script = ["test/gateway/ledger/seal-some.ts", isGit ? "git" : name, kind.place(), keyFile, "--die"];
    const died = spawnSync(process.execPath, [...script, sidOf(2)], { encoding: "utf8" });
    expect([died.signal, died.stderr]).toEqual(["SIGKILL", ""]);
    const claims = (): string[] =>
      readdirSync(root, { recursive: true, encoding: "utf8" }).filter((path) => /\.lock\.[0-9]/.test(path));
    expect(claims()).toHaveLength(1);
    await sealSession(makeSession(by, { sid: sidOf(3) }), ledger, by.signer);
    expect(claims()).toEqual([]);
    const report = await kind.read(async (now) => await verifyLedger(now, { pinned: undefined }));
    expect([report.verdict, report.sessions.length]).toEqual(["good", 2]);
  });
});

/** Every file with its bytes, in order. */
async function everything(now: EvidenceReader): Promise<readonly (readonly [string, string])[]> {
  const walk = async (path: string): Promise<(readonly [string, string])[]> => {
    const bytes = path === "" ? undefined : await now.read(path);
    if (bytes !== undefined) return [[path, Buffer.from(bytes).toString("base64")]];
    const found: (readonly [string, string])[] = [];
    for (const name of (await now.list(path))
      .filter((each) => /^(?:log|sessions|trust|[0-9A-Zt].*)/.test(each))
      .toSorted()) {
      found.push(...(await walk(path === "" ? name : `${path}/${name}`)));
    }
    return found;
  };
  return await walk("");
}

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

  it("gets past the lock of a branch that a killed git left behind, and never past one that is in use", async () => {
    const ledger = KINDS.git.open();
    await ledger.update(async () => change("log/a", "1"));
    const lock = join(root, ".git", "refs", "heads", "countersign", "log.lock");
    writeFileSync(lock, "");
    const longAgo = Date.now() / 1000 - 60;
    utimesSync(lock, longAgo, longAgo);
    const moved = git("rev-parse", LOG);
    expect(await ledger.update(async () => change("log/a", "2"))).toBe("done");
    expect(git("rev-parse", `${LOG}^`)).toBe(moved);

    writeFileSync(lock, "");
    let plans = 0;
    await ledger.update(async () => {
      plans += 1;
      if (plans === 3) rmSync(lock);
      return change("log/a", "3");
    });
    expect(plans).toBe(3);
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

  it("finishes the change of a writer that died when it was whole, and drops one that was not", async () => {
    const ledger = dirLedger(root);
    await ledger.update(async () => change("a.txt", "1"));
    const next = join(root, ".countersign.next");
    mkdirSync(next);
    writeFileSync(join(next, "0"), "never said to be whole");
    await ledger.update(async () => "nothing");
    expect(await dirReader(root).read("a.txt")).toEqual(Buffer.from("1"));

    // As it stands after the list and before the last two of three renames.
    mkdirSync(next);
    writeFileSync(join(root, "x.txt"), "renamed already");
    writeFileSync(join(next, "1"), "2");
    writeFileSync(join(next, "2"), "b");
    const list = { put: ["x.txt", "a.txt", "b/c.txt"], removed: ["gone.txt"] };
    writeFileSync(join(root, "gone.txt"), "x");
    writeFileSync(join(next, "change.json"), JSON.stringify(list));
    // The change is made, whoever dies: readers see all of it, and nothing that it took away.
    const reader = dirReader(root);
    const paths = ["x.txt", "a.txt", "b/c.txt", "gone.txt"];
    expect((await Promise.all(paths.map(async (path) => await reader.read(path)))).map(String)).toEqual([
      "renamed already",
      "2",
      "b",
      "undefined",
    ]);
    const shown = (await reader.list("")).filter((name) => !name.startsWith("."));
    expect([shown.toSorted(), await reader.list("b")]).toEqual([["a.txt", "b", "x.txt"], ["c.txt"]]);
    const seen: unknown[] = [];
    await ledger.update(async (now) => {
      seen.push(
        await now.read("x.txt"),
        await now.read("a.txt"),
        await now.read("b/c.txt"),
        await now.read("gone.txt"),
      );
      return "nothing";
    });
    expect(seen.map(String)).toEqual(["renamed already", "2", "b", "undefined"]);
    expect(readdirSync(root).toSorted()).toEqual(["a.txt", "b", "x.txt"]);
  });

  it("never follows a list that leads out of it", async () => {
    const ledger = dirLedger(join(root, "in"));
    await ledger.update(async () => change("a.txt", "1"));
    mkdirSync(join(root, "in", ".countersign.next"));
    writeFileSync(join(root, "in", ".countersign.next", "0"), "x");
    writeFileSync(
      join(root, "in", ".countersign.next", "change.json"),
      JSON.stringify({ put: ["../out.txt"], removed: [] }),
    );
    await expect(ledger.update(async () => "nothing")).rejects.toThrow(LedgerError);
    await expect(dirReader(join(root, "in")).read("a.txt")).rejects.toThrow(LedgerError);
    await expect(dirReader(join(root, "in")).list("")).rejects.toThrow(LedgerError);
    expect(readdirSync(root)).toEqual(["in"]);
  });
});
