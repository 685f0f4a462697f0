import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type EraseIo, erase } from "../../src/cli/erase.ts";
import { verify } from "../../src/cli/verify.ts";
import { sealSession } from "../../src/evidence/layout.ts";
import type { Ledger } from "../../src/evidence/ledger.ts";
import { openCountersignerKey } from "../../src/gateway/desk/key.ts";
import { openLedger } from "../../src/gateway/ledger/open.ts";
import { makeSession, party } from "../evidence/sealed.ts";

const [SID, OTHER] = ["01KANAV0Q8M3T4ZS5R6X7Y8Z9A", "01KANAV0Q8M3T4ZS5R6X7Y8Z9B"];
const FOLDER = `sessions/2026/11/23/${SID}`;
/** Stands in a command's text; with characters that JSON escapes, so that its form in JSON is another. */
const SECRET = 'SELECT "Ada\tQuill" -- 4111 1111 1111 1111';
/** Stands in two answers. */
const ANSWER = "id | phone\n1 | +49 171 5550100";
const REASON = "Ada Quill telephoned about it";

let root = "";
let state = "";
let by = party();

function begin(): void {
  root = mkdtempSync(join(tmpdir(), "erase-"));
  state = join(root, "state");
  execFileSync("git", ["init", "--quiet", join(root, "repository")]);
  by = party(openCountersignerKey(state, randomBytes));
}

const removeAll = (): void => rmSync(root, { recursive: true, force: true });

const repository = (): string => join(root, "repository");
const git = (...args: string[]): string =>
  execFileSync("git", ["-C", repository(), ...args], { encoding: "utf8", maxBuffer: 1 << 28 });

async function sealed(ledger: string): Promise<Ledger> {
  const open = openLedger(ledger, repository());
  await sealSession(makeSession(by, { sid: SID, text: SECRET, response: ANSWER, reason: REASON }), open, by.signer);
  await sealSession(makeSession(by, { sid: OTHER, text: "SELECT 2", response: "two" }), open, by.signer);
  return open;
}

async function run(args: string[], more: Partial<EraseIo> = {}) {
  const out: string[] = [];
  const err: string[] = [];
  const code = await erase([...args, "--state", state], {
    env: process.env,
    cwd: repository(),
    out: (line) => void out.push(line),
    err: (line) => void err.push(line),
    ask: undefined,
    clock: () => Date.parse("2026-11-25T09:00:00.000Z"),
    ...more,
  });
  return { code, out: out.join("\n"), err: err.join("\n") };
}

async function verdict(place: string, ...args: string[]): Promise<string> {
  const lines: string[] = [];
  const say = (line: string): void => void lines.push(line);
  await verify([place, ...args], { cwd: repository(), out: say, err: say });
  return lines.join("\n");
}

/** Every form in which a value could still stand somewhere. */
function formsOf(value: string): readonly Buffer[] {
  const json = JSON.stringify(value).slice(1, -1);
  // Base 64 of a text inside a longer one depends on where it begins; its inner characters do not, three ways.
  const inner = [value, json].flatMap((text) =>
    [0, 1, 2].flatMap((shift) =>
      (["base64", "base64url"] as const).map((encoding) =>
        Buffer.from(`${"x".repeat(shift)}${text}`)
          .toString(encoding)
          .replaceAll("=", "")
          .slice(4, -2),
      ),
    ),
  );
  return [value, json, encodeURIComponent(value), Buffer.from(value).toString("hex"), ...inner].map((each) =>
    Buffer.from(each),
  );
}

function holds(bytes: Buffer, value: string): boolean {
  return formsOf(value).some((form) => bytes.includes(form));
}

/** Objects that git reaches from these, by their names, in which the value stands in any form. */
function reachable(value: string, ...revisions: string[]): string[] {
  const objects = git("rev-list", "--objects", ...revisions)
    .trim()
    .split("\n");
  expect(objects.length).toBeGreaterThan(10);
  const input = objects.map((line) => `${line.split(" ")[0]}\n`).join("");
  const all = execFileSync("git", ["-C", repository(), "cat-file", "--batch"], { input, maxBuffer: 1 << 28 });
  const names: string[] = [];
  let at = 0;
  for (const object of objects) {
    const end = all.indexOf(10, at);
    const size = Number(all.toString("utf8", at, end).split(" ")[2]);
    if (holds(all.subarray(end + 1, end + 1 + size), value)) names.push(object.split(" ")[1] ?? "");
    at = end + size + 2;
  }
  expect(at).toBe(all.length);
  return names;
}

function filesHolding(folder: string, value: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).filter(
    (name) => statSync(join(folder, name)).isFile() && holds(readFileSync(join(folder, name)), value),
  );
}

const BRANCHES = ["countersign/evidence", "countersign/log"];

describe("countersign erase, in a branch", () => {
  beforeEach(begin);
  afterEach(removeAll);

  it("leaves the value in no object that either branch reaches, and every proof true", async () => {
    await sealed("git:countersign/evidence");
    expect(reachable(SECRET, ...BRANCHES).map((name) => name.split("/").at(-1))).toEqual(
      expect.arrayContaining(["README.md", "disclosures.jsonl"]),
    );
    const logBefore = git("rev-parse", "countersign/log").trim();
    const { code, err, out } = await run([SID, "--command", "1/1", "--yes", "--reason", "A customer asked for it."]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toContain("git gc --prune=now");

    expect(reachable(ANSWER, "countersign/log")).toEqual([]);
    expect(reachable(ANSWER, "countersign/evidence").length).toBeGreaterThan(0);
    expect(reachable(SECRET, ...BRANCHES)).toEqual([]);
    expect(git("reflog", "show", "countersign/evidence").trim()).toBe("");
    // The evidence is one commit without a parent; the log has grown by one.
    expect(git("rev-list", "--parents", "countersign/evidence").trim().split(/\s/)).toHaveLength(1);
    expect(git("rev-parse", "countersign/log^").trim()).toBe(logBefore);
    expect(git("rev-parse", "countersign/evidence:log")).toBe(git("rev-parse", "countersign/log:log"));
    expect(git("fsck", "--strict", "--no-dangling")).toBe("");

    const told = await verdict("countersign/evidence");
    expect(told).toContain("verdict: good, 2 sessions");
    expect(told).toMatch(/ok +erasures +1 erasures, 2 values/);
    expect(await verdict("countersign/evidence", "--key", by.app.verifier.vkey)).toContain("verdict: good");
  });

  it("has the page say what was erased, when, by whom and why", async () => {
    await sealed("git:countersign/evidence");
    await run([SID, "--value", "/2/body/text/0", "--yes", "--by", "ines", "--reason", "A customer | asked <b>."]);
    const page = git("show", `countersign/evidence:${FOLDER}/README.md`);
    expect(page).toContain(
      "| 2026-11-25 09:00:00.000 | `ines` | `A customer \\u{7c} asked <b>.` | text of command 1/1 | [erasures/1.dsse.json](erasures/1.dsse.json) |",
    );
    expect(page).toContain("*erased*, see [Erased](#erased)");
    expect(page).not.toContain("4111");
    expect(page).toContain("phone");
  });

  it("takes the reason of an answer out of the signed answer's reach too", async () => {
    await sealed("git:countersign/evidence");
    expect(reachable(REASON, ...BRANCHES).length).toBe(2);
    await run([SID, "--command", "1/3", "--yes", "--reason", "It named somebody."]);
    expect(reachable(REASON, ...BRANCHES)).toEqual([]);
    expect(await verdict("countersign/evidence")).toContain("verdict: good");
  });

  it("erases again, and everything, each time with an entry of its own", async () => {
    await sealed("git:countersign/evidence");
    await run([SID, "--value", "/2/body/text/0", "--yes", "--reason", "First."]);
    await run([SID, "--all", "--yes", "--reason", "The rest."]);
    expect(git("show", `countersign/evidence:${FOLDER}/disclosures.jsonl`)).toBe("");
    const told = await verdict("countersign/evidence");
    expect(told).toContain("verdict: good");
    expect(told).toMatch(/ok +erasures +2 erasures, 7 values/);
    expect(await run([SID, "--all", "--yes", "--reason", "Once more."])).toMatchObject({
      code: 0,
      out: "nothing is left to erase",
    });
    expect(git("rev-list", "--count", "countersign/log").trim()).toBe("4");
  });

  it("leaves sessions that are sealed afterwards, and at the same time, as good as before", async () => {
    const ledger = await sealed("git:countersign/evidence");
    const third = makeSession(by, { sid: "01KANAV0Q8M3T4ZS5R6X7Y8Z9C" });
    await Promise.all([
      sealSession(third, ledger, by.signer),
      run([SID, "--command", "1/1", "--yes", "--reason", "Asked for."]),
    ]);
    await sealSession(makeSession(by, { sid: "01KANAV0Q8M3T4ZS5R6X7Y8Z9D" }), ledger, by.signer);
    expect(await verdict("countersign/evidence")).toContain("verdict: good, 4 sessions");
    expect(reachable(SECRET, ...BRANCHES)).toEqual([]);
  });
});

describe("countersign erase, in a folder", () => {
  beforeEach(begin);
  afterEach(removeAll);

  it("leaves the value in no file, and takes it from what an unsealed session left behind", async () => {
    await sealed("dir:../evidence");
    const left = join(state, "sessions", SID);
    mkdirSync(left, { recursive: true });
    const lines = readFileSync(join(root, "evidence", FOLDER, "disclosures.jsonl"));
    writeFileSync(join(left, "disclosures.jsonl"), lines);
    const args = ["--ledger", "dir:../evidence", "--command", "1/1", "--yes", "--reason", "Asked for."];
    expect(await run([SID.slice(0, 26), ...args])).toMatchObject({ code: 0, err: "" });
    expect(filesHolding(root, SECRET)).toEqual([]);
    expect(readFileSync(join(left, "disclosures.jsonl"), "utf8").split("\n").length).toBe(
      lines.toString().split("\n").length - 2,
    );
    expect(await verdict("../evidence")).toContain("verdict: good, 2 sessions");
    expect(await verdict(join("../evidence", FOLDER))).toContain("verdict: good");
  });
});

describe("countersign erase, in a bundle", () => {
  beforeEach(begin);
  afterEach(removeAll);

  it("leaves the value nowhere in the file, and all in it good", async () => {
    await sealed("bundle:../evidence.tar.gz");
    const file = join(root, "evidence.tar.gz");
    const inside = (): Buffer => gunzipSync(readFileSync(file));
    expect(holds(inside(), SECRET)).toBe(true);
    const args = ["--ledger", "bundle:../evidence.tar.gz", "--command", "1/1", "--yes", "--reason", "Asked for."];
    expect(await run([SID, ...args])).toMatchObject({ code: 0, err: "" });
    expect(holds(inside(), SECRET)).toBe(false);
    expect(await verdict("../evidence.tar.gz")).toContain("verdict: good, 2 sessions");
    expect(filesHolding(root, SECRET)).toEqual([]);
  });
});

describe("countersign erase asks first", () => {
  beforeEach(begin);
  afterEach(removeAll);

  it("and changes nothing at any answer but yes", async () => {
    await sealed("git:countersign/evidence");
    const before = git("for-each-ref");
    const questions: string[] = [];
    for (const answer of ["", "n", "no", "yess"]) {
      const ask = async (question: string): Promise<string> => {
        questions.push(question);
        return await Promise.resolve(answer);
      };
      const { code, out } = await run([SID, "--all", "--reason", "Asked for."], { ask });
      expect(code).toBe(1);
      expect(out).toContain("nothing was erased");
    }
    expect(questions[0]).toContain("Erase these 7 values");
    expect(git("for-each-ref")).toBe(before);
    const ask = async (): Promise<string> => await Promise.resolve("y");
    expect(await run([SID, "--all", "--reason", "Asked for."], { ask })).toMatchObject({ code: 0 });
  });

  it("lists what there is, harmlessly, and what else holds the same text", async () => {
    await sealed("git:countersign/evidence");
    const { out } = await run([SID, "--list"]);
    expect(out.split("\n")).toHaveLength(7);
    expect(out).toContain("1/1    /2/body/text/0");
    expect(out).toContain('SELECT "Ada\\u{9}Quill" -- 4111');
    const { out: told } = await run([SID, "--value", "/5/body/response/0", "--yes", "--reason", "Asked for."]);
    expect(told).toContain("the same text stands in 1 other values, which stay unless you name them too:");
  });
});

describe("countersign erase, called wrongly", () => {
  beforeAll(async () => {
    begin();
    await sealed("git:countersign/evidence");
  });
  afterAll(removeAll);

  it.each([
    [["--all", "--reason", "x"], "name one session"],
    [[SID, "--reason", "x"], "say what"],
    [[SID, "--all", "--list"], "say what"],
    [[SID, "--all"], "say why"],
    [[SID, "--all", "--reason", " "], "say why"],
    [[SID, "--all", "--reason", "x".repeat(501)], "--reason takes"],
    [[SID, "--all", "--reason", "x", "--by", ""], "--by takes"],
    [[SID, "--all", "--reason", "x"], "no terminal to ask in"],
    [[SID, "--command", "9/9", "--reason", "x", "--yes"], "has no value 9/9"],
    [[SID, "--value", "/0/body", "--reason", "x", "--yes"], "has no value /0/body"],
    [["01KANAV0Q8", "--list"], "several sessions begin with"],
    [["01ZZ", "--list"], "there is no session 01ZZ"],
    [["../x", "--list"], "no session's id"],
    [[SID, "--list", "--ledger", "git:nowhere"], "no branch here"],
    [[SID, "--list", "--ledger", "dir:nowhere"], "no folder"],
    [[SID, "--list", "--ledger", "bundle:nowhere"], "no file"],
    [[SID, "--list", "--ledger", "ftp:x"], "--ledger takes"],
    [[SID, "--fast"], "--fast"],
  ])("says what is wrong with %j, and changes nothing", async (args, words) => {
    const before = git("for-each-ref");
    const { code, err } = await run(args);
    expect(git("for-each-ref")).toBe(before);
    expect(err).toContain(words);
    expect(code).toBe(2);
  });
});
