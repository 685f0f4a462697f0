// Two verifiers that share no code look at the same evidence, good, broken and changed at random, and must say the same.
// Where they do not, one is wrong; whatever they once saw differently stays here as a row.

import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sealSession } from "../../src/evidence/layout.ts";
import { LogError } from "../../src/evidence/log.ts";
import { dirLedger } from "../../src/gateway/ledger/dir.ts";
import { canonical } from "../../src/journal/jcs.ts";
import { checkpointText } from "../../src/tlog/note.ts";
import { BROKEN } from "../evidence/broken.ts";
import {
  answerOf,
  closeAnyhow,
  entering,
  heartbeat,
  heartbeatEntry,
  LOST,
  lostOf,
  OTHER,
  putHeartbeat,
  seen as seenAs,
  wholeSession,
} from "../evidence/custody.ts";
import { addEntry, countersigner, edit, folderOf, gatewayKey, SIDS, sealBase } from "../evidence/forge.ts";
import { keyOf, makeSession, party, type Twist } from "../evidence/sealed.ts";
import { oursSays, pythonSays, type Said, verdictOf } from "./agreement.ts";
import { type Asked, type Batch, startBatch } from "./batch.ts";
import { eraseLines, type Facts, type Slip } from "./erased.ts";
import { type Chance, chance, mutated, mutatedLines, mutatedValue, retold } from "./mutants.ts";
import { resealed } from "./resealed.ts";

/** How many mutants of each kind. More by hand: `MUTANTS=5000 SEED=7 npm test -- test/independent`. */
const MUTANTS = Number(process.env["MUTANTS"] ?? 150);
const SEED = Number(process.env["SEED"] ?? 1);

const [FIRST] = SIDS;
const place = mkdtempSync(join(tmpdir(), "agree-"));
const base = join(place, "base");
let python: Batch;

beforeAll(async () => {
  python = startBatch("integers");
  await sealBase(base);
});

afterAll(async () => {
  await python.close();
  rmSync(place, { recursive: true, force: true });
});

/** What both say, once they say the same. */
async function bothSay(asked: Asked, about = asked.path): Promise<Said> {
  const ours = await oursSays(asked);
  const theirs = await pythonSays(python, asked);
  expect({ about, said: theirs }).toEqual({ about, said: ours });
  return ours;
}

/** A ledger of its own for one test. */
async function inCopy<T>(body: (folder: string) => Promise<T>): Promise<T> {
  const folder = join(place, "copy");
  cpSync(base, folder, { recursive: true });
  try {
    return await body(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

type Breaks = (folder: string) => void | Promise<void>;

/** The names of the checks, each once. */
const checksOf = (all: Said): string[] => [...new Set(all.map((each) => each.split(" ")[1] ?? each))].toSorted();

describe("of good evidence both verifiers say that it is good", () => {
  it("for a ledger, with the keys it names, with the pinned key, and since a checkpoint that was kept", async () => {
    const key = countersigner().app.verifier.vkey;
    const since = join(base, "log/checkpoint");
    for (const more of [{}, { key }, { key: countersigner().log.verifier.vkey }, { since }]) {
      expect(await bothSay({ path: base, ...more })).toEqual([]);
    }
  });

  it("and for another key than that of the evidence both say that it fails", async () => {
    const key = party(keyOf("a stranger")).app.verifier.vkey;
    expect(checksOf(await bothSay({ path: base, key }))).toEqual(["checkpoint", "entry", "keys", "tiles"]);
    expect(checksOf(await bothSay({ path: join(base, folderOf(FIRST)), key }))).toEqual(["entry", "keys"]);
  });

  it("for each session by itself, in its ledger and away from it", async () => {
    for (const sid of SIDS) {
      expect(await bothSay({ path: join(base, folderOf(sid)) })).toEqual([]);
      const alone = join(place, "alone");
      cpSync(join(base, folderOf(sid)), alone, { recursive: true });
      expect(await bothSay({ path: alone })).toEqual([]);
      rmSync(alone, { recursive: true });
    }
  });

  it("for a ledger whose writer died when its change was whole, and only in part in its place", async () => {
    await inCopy(async (folder) => {
      const next = join(folder, ".countersign.next");
      const put = ["log/checkpoint", "trust/policy", `${folderOf(FIRST)}/events.jsonl`];
      mkdirSync(next);
      // The second of the three renames was done.
      for (const at of [0, 2]) renameSync(join(folder, put[at] ?? ""), join(next, String(at)));
      writeFileSync(join(folder, "log/old"), "of a smaller log");
      writeFileSync(join(next, "change.json"), JSON.stringify({ put, removed: ["log/old"] }));
      expect(await bothSay({ path: folder })).toEqual([]);
    });
  });

  it("by openssl as well as by integers", async () => {
    const openssl = startBatch("openssl");
    expect(await pythonSays(openssl, { path: base })).toEqual([]);
    await openssl.close();
  });
});

describe("of evidence broken in one way both verifiers name the same checks", () => {
  it.each(BROKEN)("$name: $title", async ({ breaks, verdict, check, also, since }) => {
    await inCopy(async (folder) => {
      const kept = join(place, "kept");
      writeFileSync(kept, readFileSync(join(folder, "log/checkpoint")));
      await breaks(folder);
      const all = await bothSay({ path: folder, ...(since ? { since: kept } : {}) });
      // Lies of pages are for the one who renders them.
      const silent = check === "" || check === "pages";
      // But for a lie of its page, a lost session is incomplete.
      const besidePages = also.length === 0 ? "good" : "incomplete";
      expect(verdictOf(all)).toBe(check === "pages" ? besidePages : verdict);
      expect(checksOf(all)).toEqual(expect.arrayContaining(silent ? [] : [check]));
    });
  });
});

describe("both verifiers say the same of", () => {
  const HERE = folderOf(FIRST);
  const twisted = (twist: Twist) => async (folder: string) => await sealBase(folder, { [FIRST]: twist });
  const at = (moment: string) =>
    resigned((all) => all.map((line, seq) => (seq === 4 ? line.replace(/"at":"[^"]*"/, `"at":"${moment}"`) : line)));

  /** A ledger of one session with other lines, all signed. `stated`: the lines that the statement is about, if others. */
  function resigned(change: (lines: string[]) => string[], stated = change) {
    return async (folder: string): Promise<void> => {
      const by = countersigner();
      const made = makeSession(by, { sid: FIRST, gateway: gatewayKey(FIRST) });
      const lines = Buffer.from(made.events).toString().split("\n").slice(0, -1);
      const joined = (all: string[]): Buffer => Buffer.from(all.map((line) => `${line}\n`).join(""));
      rmSync(folder, { recursive: true });
      const session = resealed(by, made, joined(change(lines)), joined(stated(lines)));
      await sealSession(session, dirLedger(folder), by.signer);
    };
  }

  it.each([
    ["a day that no February has", at("2026-02-30T05:00:00.000Z"), ["events", "order"]],
    ["the leap day of a year that has none", at("2026-02-29T05:00:00.000Z"), ["events", "order"]],
    ["an hour 24", at("2026-11-23T24:00:00.000Z"), ["events", "order"]],
    ["a second 60", at("2026-11-23T23:59:60.000Z"), ["events", "order"]],
    ["the leap day of a year that has one", at("2024-02-29T05:00:00.000Z"), []],
    [
      "more masked spans than JSON counts",
      resigned(
        (all) => all.map((line) => line.replace('"masked":1,"outcome"', '"masked":9007199254740991,"outcome"')),
        (all) => all,
      ),
      ["statement"],
    ],
    [
      "a log of more entries than it holds, signed",
      async (folder: string) => {
        const text = checkpointText({
          origin: countersigner().log.verifier.name,
          size: 2 ** 50,
          root: Buffer.alloc(32),
        });
        writeFileSync(join(folder, "log/checkpoint"), `${text}\n${await countersigner().signer.sign(text)}`);
        for (const kind of ["entries", "0"]) {
          const tile = join(folder, "log/tile", kind);
          cpSync(join(tile, "000.p"), join(tile, "whole"), { recursive: true });
          const [name = ""] = readdirSync(join(tile, "000.p"));
          const bytes = readFileSync(join(tile, "000.p", name));
          rmSync(join(tile, "000.p"), { recursive: true });
          rmSync(join(tile, "whole"), { recursive: true });
          const one = kind === "0" ? bytes.subarray(0, 32) : bytes.subarray(0, 2 + bytes.readUInt16BE(0));
          writeFileSync(join(tile, "000"), Buffer.concat(Array.from({ length: 256 }, () => one)));
        }
      },
      ["entry", "population", "tiles"],
    ],
    [
      "heads of a session that says that it had no countersigner",
      resigned((all) => all.map((line) => line.replace(/"countersigner":"app[^"]*"/, '"countersigner":"none"'))),
      ["approvals", "heads", "keys", "statement"],
    ],
    [
      "a file in the place of the folder of answers",
      (folder: string) => {
        rmSync(join(folder, folderOf(SIDS[2]), "approvals"), { recursive: true, force: true });
        writeFileSync(join(folder, folderOf(SIDS[2]), "approvals"), "");
      },
      ["approvals", "files"],
    ],
    [
      "a folder in the place of a file",
      (folder: string) => {
        rmSync(join(folder, HERE, "session.dsse.json"));
        mkdirSync(join(folder, HERE, "session.dsse.json"));
      },
      ["entry", "statement"],
    ],
    [
      "a link in the place of the events",
      (folder: string) => {
        cpSync(join(folder, HERE, "events.jsonl"), join(place, "elsewhere"));
        rmSync(join(folder, HERE, "events.jsonl"));
        symlinkSync(join(place, "elsewhere"), join(folder, HERE, "events.jsonl"));
      },
      ["disclosures", "ended", "entry", "events", "files", "heads", "keys", "population", "statement"],
    ],
    [
      "two names of a person that differ in case",
      twisted({ by: [{ login: "CAROL", via: "check" }], actor: "carol" }),
      ["approvals"],
    ],
  ] satisfies [string, Breaks, string[]][])("%s", async (_name, breaks: Breaks, wanted) => {
    await inCopy(async (folder) => {
      await breaks(folder);
      expect(checksOf(await bothSay({ path: folder }))).toEqual(wanted);
    });
  });

  it.each([
    [
      "a proof of a log whose name no key can have",
      (folder: string) => edit(folder, "session.tlog-proof", (text) => text.replace("github.com/", "git hub.com/")),
      ["entry", "repository"],
    ],
    [
      "a session that nobody sealed",
      (folder: string) =>
        ["session.dsse.json", "session.tlog-proof", "README.md"].forEach((name) => rmSync(join(folder, name))),
      ["entry", "statement"],
    ],
    [
      "a last line that was torn as the gateway died",
      (folder: string) => {
        for (const name of ["session.dsse.json", "session.tlog-proof", "README.md"]) rmSync(join(folder, name));
        edit(folder, "events.jsonl", (text) => text.slice(0, text.lastIndexOf('"seq":18') + 3));
        edit(folder, "checkpoints.txt", (text) => text.split("\n---\n").slice(0, -1).join("\n---\n"));
      },
      ["ended", "entry", "events", "heads", "statement"],
    ],
    [
      "a last line that was cut off after it was sealed",
      (folder: string) => edit(folder, "events.jsonl", (text) => text.slice(0, -4)),
      ["ended", "entry", "events", "heads", "statement"],
    ],
  ] satisfies [string, (folder: string) => void, string[]][])(
    "a session away from its ledger with %s",
    async (_name, breaks, wanted) => {
      const alone = join(place, "alone");
      cpSync(join(base, HERE), alone, { recursive: true });
      breaks(alone);
      expect(checksOf(await bothSay({ path: alone }))).toEqual(wanted);
      rmSync(alone, { recursive: true });
    },
  );
});

describe("both verifiers say the same of an erasure", () => {
  const HERE = folderOf(FIRST);
  const SECOND_TIME = { number: "2" };

  it.each([
    ["that is as it should be", async (folder) => await eraseLines(folder, HERE, [1, 4]), []],
    [
      "that follows another",
      async (folder) => {
        await eraseLines(folder, HERE, [1]);
        await eraseLines(folder, HERE, [1, 2], SECOND_TIME);
      },
      [],
    ],
    ["by a key that nobody believes", slipped({ by: party(keyOf("a stranger")) }), ["erasures"]],
    ["that left the value where it was", slipped({ keeps: true }), ["erasures"]],
    ["that is not in the log", slipped({ entries: 0 }), ["erasures"]],
    ["that is in the log twice", slipped({ entries: 2 }), ["erasures"]],
    ["that is not the first, and there is no other", slipped(SECOND_TIME), ["disclosures", "erasures"]],
    ["of another session", slipped({ says: (facts) => ({ ...facts, sid: SIDS[1] }) }), ["erasures"]],
    ["without a reason", slipped({ says: (facts) => ({ ...facts, reason: "" }) }), ["erasures"]],
    ["that names its digests the other way around", slipped({ says: backwards }), ["erasures"]],
    [
      "that names another place",
      slipped({ says: (facts) => ({ ...facts, ptrs: facts.ptrs.toReversed() }) }),
      ["erasures"],
    ],
    ["with a field more", slipped({ says: (facts) => ({ ...facts, more: 1 }) }), ["disclosures", "erasures"]],
    [
      "that names nothing",
      slipped({ says: (facts) => ({ ...facts, digests: [], ptrs: [] }) }),
      ["disclosures", "erasures"],
    ],
    [
      "that does not exist, of a value that is gone",
      (folder) => edit(folder, `${HERE}/disclosures.jsonl`, (text) => text.split("\n").slice(1).join("\n")),
      ["disclosures"],
    ],
    [
      "that was taken away",
      async (folder) => {
        await eraseLines(folder, HERE, [1]);
        rmSync(join(folder, HERE, "erasures"), { recursive: true });
      },
      ["disclosures", "erasures"],
    ],
  ] satisfies [string, Breaks, string[]][])("%s", async (_name, breaks: Breaks, wanted) => {
    await inCopy(async (folder) => {
      await breaks(folder);
      expect(checksOf(await bothSay({ path: folder }))).toEqual(wanted);
      await bothSay({ path: join(folder, HERE) });
    });
  });

  function slipped(slip: Slip): Breaks {
    return async (folder) => await eraseLines(folder, HERE, [1, 4], slip);
  }
});

const backwards = (facts: Facts): Facts => ({
  ...facts,
  digests: facts.digests.toReversed(),
  ptrs: facts.ptrs.toReversed(),
});

describe("of evidence changed at random both verifiers say the same", () => {
  it("when bytes of a file are changed", { timeout: 600_000 }, async () => {
    const by = chance(SEED);
    const files = filesIn(base).filter((path) => !/README\.md$|\.csv$/.test(path));
    for (let count = 0; count < MUTANTS; count += 1) {
      const [first = "", ...others] = files;
      const path = by.of([first, ...others]);
      const before = readFileSync(join(base, path));
      writeFileSync(
        join(base, path),
        by.below(20) === 0 ? readFileSync(join(base, by.of([first, ...others]))) : mutated(before, by),
      );
      const about = `mutant ${count} of seed ${SEED}, ${path}`;
      await bothSay({ path: base }, about);
      if (path.startsWith("sessions/"))
        await bothSay({ path: join(base, dirname(path).replace(/\/approvals$/, "")) }, about);
      writeFileSync(join(base, path), before);
    }
    expect(await bothSay({ path: base })).toEqual([]);
  });

  it("when events are changed and all is signed again", { timeout: 600_000 }, async () => {
    const by = chance(SEED + 1);
    const seen = new Set<string>();
    for (let count = 0; count < MUTANTS; count += 1) {
      const folder = join(place, "mutant");
      if (await sealedMutant(folder, by)) {
        for (const each of checksOf(await bothSay({ path: folder }, `mutant ${count} of seed ${SEED + 1}`)))
          seen.add(each);
      }
      rmSync(folder, { recursive: true, force: true });
    }
    // Were these not among what failed, the mutants would have shown nothing.
    expect([...seen]).toEqual(expect.arrayContaining(["approvals", "events", "keys", "order"]));
  });

  it("when bytes of what the App entered are changed", { timeout: 600_000 }, async () => {
    const by = chance(SEED + 2);
    const folder = await withCustody("custody");
    const files = filesIn(folder).filter((path) => /lost|heartbeats|2026\/11\/24/.test(path) && !path.endsWith(".md"));
    for (let count = 0; count < MUTANTS; count += 1) {
      const [first = "", ...others] = files;
      const path = by.of([first, ...others]);
      const before = readFileSync(join(folder, path));
      const other = readFileSync(join(folder, by.of([first, ...others])));
      writeFileSync(join(folder, path), by.below(10) === 0 ? other : mutated(before, by));
      const about = `mutant ${count} of seed ${SEED + 2}, ${path}`;
      await bothSay({ path: folder }, about);
      if (path.startsWith("sessions/"))
        await bothSay({ path: join(folder, dirname(path).replace(/\/approvals$/, "")) }, about);
      writeFileSync(join(folder, path), before);
    }
    expect(verdictOf(await bothSay({ path: folder }))).toBe("incomplete");
    rmSync(folder, { recursive: true });
  });

  it("when what the App says is changed and signed again", { timeout: 600_000 }, async () => {
    const by = chance(SEED + 3);
    const seen = new Set<string>();
    const changed = (statement: string): string =>
      canonical(by.below(4) === 0 ? mutatedValue(JSON.parse(statement), by) : retold(JSON.parse(statement), by));
    const whole = wholeSession();
    for (let count = 0; count < MUTANTS / 2; count += 1) {
      await inCopy(async (folder) => {
        if (by.below(2) === 0) {
          if (by.below(2) === 0) await entering(folder, { sessions: [whole] });
          await closeAnyhow(folder, lostOf(whole, { heads: by.below(3), states: changed, answers: [answerOf()] }));
        } else {
          const sessions = [...SIDS.map((sid) => seenAs(sid, "landed")), seenAs(LOST, "open")];
          for (const [at, day] of ["2026-11-23", "2026-11-24"].entries()) {
            const dsse = heartbeat(day, sessions.slice(by.below(5)), at === by.below(2) ? { says: changed } : {});
            putHeartbeat(folder, day, dsse);
            await addEntry(folder, heartbeatEntry(day, dsse));
          }
        }
        for (const each of checksOf(await bothSay({ path: folder }, `mutant ${count} of seed ${SEED + 3}`)))
          seen.add(each);
      });
    }
    expect([...seen]).toEqual(expect.arrayContaining(["heads", "heartbeats", "keys", "lost", "policy", "repository"]));
  });

  /** The base with a session that was lost, one that was lost and found, and heartbeats. */
  async function withCustody(name: string): Promise<string> {
    const folder = join(place, name);
    cpSync(base, folder, { recursive: true });
    const found = wholeSession();
    await entering(folder, { lost: [lostOf(found, { answers: [answerOf({ request: "NEVERCAME1" })] })] });
    const other = wholeSession({ sid: OTHER, gateway: gatewayKey(OTHER) });
    const days = ["2026-11-23", "2026-11-24", "2026-11-25"];
    await entering(folder, {
      sessions: [found],
      lost: [lostOf(other, { sid: OTHER, answers: [answerOf({ sid: OTHER })] })],
      heartbeats: days.map((day) => heartbeat(day, [seenAs(LOST, "landed"), seenAs(OTHER, "lost")])),
    });
    return folder;
  }

  /** Seals a session with changed events; false where they are beyond sealing. */
  async function sealedMutant(folder: string, by: Chance): Promise<boolean> {
    const signer = countersigner();
    const made = makeSession(signer, { sid: FIRST, gateway: gatewayKey(FIRST) });
    const lines = mutatedLines(Buffer.from(made.events).toString().split("\n").slice(0, -1), by);
    const events = Buffer.from(lines.map((line) => `${line}\n`).join(""));
    try {
      await sealSession(resealed(signer, made, events), dirLedger(folder), signer.signer);
      return true;
    } catch (error) {
      if (error instanceof LogError) return false; // no session.started, so it has no place
      throw error;
    }
  }

  function filesIn(folder: string): string[] {
    return readdirSync(folder, { recursive: true, encoding: "utf8", withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
      .toSorted();
  }
});
