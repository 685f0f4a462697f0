import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { stripVTControlCharacters } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { show } from "../../src/cli/show.ts";
import { sealSession } from "../../src/evidence/layout.ts";
import { dirLedger } from "../../src/gateway/ledger/dir.ts";
import { HOSTILE, hostileSession } from "../evidence/hostile.ts";
import { makeSession, party } from "../evidence/sealed.ts";

const SID = "01KANAV0Q8M3T4ZS5R6X7Y8Z9A";
const MAIN = join(import.meta.dirname, "../../src/cli/main.ts");
let folder = "";

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "show-"));
  const by = party();
  const response = "\u001b[2J\u202e id\n1\u0007";
  await sealSession(makeSession(by, { sid: SID, response }), dirLedger(folder), by.signer);
  await sealSession(makeSession(by, { sid: "01KANAV0Q8M3T4ZS5R6X7Y8Z9B" }), dirLedger(folder), by.signer);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Told {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function run(args: string[], more: { isTTY?: boolean; env?: object; signal?: AbortSignal } = {}): Promise<Told> {
  const stdout = Object.assign(new PassThrough(), { isTTY: more.isTTY ?? false });
  let out = "";
  stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  const err: string[] = [];
  const code = await show(args, {
    cwd: folder,
    env: { PAGER: "cat", ...more.env },
    stdout,
    err: (line) => void err.push(line),
    interrupted: more.signal ?? new AbortController().signal,
  });
  return { code, out, err: err.join("\n") };
}

describe("countersign show", () => {
  it("tells a session command by command, by its id, the beginning of it, or its folder", async () => {
    const whole = await run([SID, "--ledger", "dir:."]);
    expect(whole.code).toBe(0);
    for (const each of [
      `session ${SID}`,
      "who        alice",
      "05:00:00.300  1/1  read on appdb: public.users",
      "    SELECT id, email FROM users",
      "1/2  deny by rule no-drops: Rule no-drops says so.",
      "1/2  refused: denied",
      "1/3  asks people in request 7Q2M4N8X3K, would touch 2 rows",
      "1/3  approved by carol (check)",
      "    ticket 7",
      "1/3  completed, 1 row, 1.5 ms",
      "completed, exit code 0: 3 commands, 1 held, 1 refused",
    ]) {
      expect(whole.out).toContain(each);
    }
    expect(await run([SID.toLowerCase(), "--ledger", "dir:."])).toEqual(whole);
    expect(await run([`sessions/2026/11/23/${SID}`])).toEqual(whole);
    expect((await run(["01KANAV0Q8M3T4ZS5R6X7Y8Z9", "--ledger", "dir:."])).err).toContain(
      "several sessions begin with",
    );
  });

  it("colours on a terminal alone, and only if it is welcome there", async () => {
    const args = [SID, "--ledger", "dir:."];
    const coloured = await run(args, { isTTY: true });
    expect(coloured.out).toContain("\u001b[32m");
    expect(stripVTControlCharacters(coloured.out)).toBe((await run(args)).out);
    for (const env of [{ NO_COLOR: "1" }, { TERM: "dumb" }]) {
      expect(await run(args, { isTTY: true, env })).toEqual(await run(args));
    }
  });

  it.each(HOSTILE)("lets nothing of %j steer the terminal, hide in it or break a line", async (text) => {
    const place = mkdtempSync(join(tmpdir(), "show-"));
    const by = party();
    try {
      const session = hostileSession(text);
      await sealSession(session, dirLedger(place), by.signer);
      for (const more of [[], ["--json"], ["--full"], ["--play", "--speed", "1000"]]) {
        const { code, out } = await run([SID, "--ledger", `dir:${place}`, ...more]);
        expect(code).toBe(0);
        expect(out).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}\p{Co}]/u);
        if (more[0] !== "--json") continue;
        const told = JSON.parse(out) as { events: { type: string; body: { text?: { value: string }[] } }[] };
        expect(told.events.find(({ type }) => type === "command.seen")?.body.text?.[0]?.value).toBe(text);
      }
    } finally {
      rmSync(place, { recursive: true });
    }
  });

  it("says what is missing of a long value, and shows it whole when asked", async () => {
    const place = mkdtempSync(join(tmpdir(), "show-"));
    const by = party();
    await sealSession(makeSession(by, { sid: SID, text: "x".repeat(5000) }), dirLedger(place), by.signer);
    const args = [SID, "--ledger", `dir:${place}`];
    expect((await run(args)).out).toContain("… (3000 more characters)");
    expect((await run([...args, "--full"])).out).toContain("x".repeat(5000));
    rmSync(place, { recursive: true });
  });

  it("plays it in the time that it took, within bounds, faster if asked", async () => {
    const begun = performance.now();
    const slow = await run([SID, "--ledger", "dir:.", "--play"]);
    const took = performance.now() - begun;
    expect(slow).toEqual(await run([SID, "--ledger", "dir:."]));
    // The session's clock ticks a tenth of a second for each of its twenty events.
    expect(took).toBeGreaterThan(1500);
    expect(took).toBeLessThan(6000);
    const again = performance.now();
    await run([SID, "--ledger", "dir:.", "--play", "--speed", "1000"]);
    expect(performance.now() - again).toBeLessThan(1000);
  });

  it("ends cleanly at Ctrl-C while it plays", async () => {
    const child = spawn(process.execPath, [MAIN, "show", SID, "--ledger", "dir:.", "--play", "--speed", "0.1"], {
      cwd: folder,
    });
    let out = "";
    let err = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      const isNow = !out.includes("1/1  read");
      out += text;
      if (isNow && out.includes("1/1  read")) child.kill("SIGINT");
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text));
    const ended = await new Promise((resolve) => child.once("close", (code, signal) => resolve({ code, signal })));
    expect(ended).toEqual({ code: 130, signal: null });
    expect(err).toBe("");
    expect(out.endsWith("\n")).toBe(true);
    expect(out).not.toContain("exit code 0");
  });

  it("hands a terminal's pages to the pager that is named, and does without one that is not there", () => {
    const args = [MAIN, "show", SID, "--ledger", "dir:."];
    const through = (pager: string) =>
      spawnSync("script", ["-qec", [process.execPath, ...args].join(" "), "/dev/null"], {
        cwd: folder,
        env: { ...process.env, PAGER: pager, TERM: "xterm" },
        encoding: "utf8",
      });
    const paged = through("sed s/^/paged:/");
    expect(paged.stdout).toContain("paged:\u001b[1msession");
    const none = through("no-such-pager");
    expect(none.stdout).toContain(`session ${SID}`);
    expect(none.status).toBe(0);
    // A pager that is left early is no error.
    expect(through("head -1").status).toBe(0);
  });

  it.each([
    [[], "name one session"],
    [["a", "b"], "name one session"],
    [[SID, "--json", "--play"], "not both"],
    [[SID, "--speed", "2"], "goes with --play"],
    [[SID, "--play", "--speed", "fast"], "--speed takes"],
    [[SID, "--fast"], "--fast"],
    [["01ZZ", "--ledger", "dir:."], "there is no session 01ZZ"],
    [["\u001b[2J", "--ledger", "dir:."], "no session's id"],
    [["sessions"], "not the folder of a session"],
    [[SID], "no branch here"],
  ])("says what is wrong with %j", async (args, words) => {
    const { code, err } = await run(args);
    expect(code).toBe(2);
    expect(err).toContain(words);
    expect(err).not.toContain("\u001b");
  });

  it("says how it is used", async () => {
    expect(await run(["--help"])).toMatchObject({
      code: 0,
      out: expect.stringContaining("usage: countersign show") as string,
    });
  });
});
