import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bundle } from "../../src/cli/bundle.ts";
import { verify } from "../../src/cli/verify.ts";
import { sealSession } from "../../src/evidence/layout.ts";
import type { EvidenceFile } from "../../src/evidence/ledger.ts";
import { decodeTarGz } from "../../src/evidence/tar.ts";
import { bundleLedger, writeBundle } from "../../src/gateway/ledger/bundle.ts";
import { dirLedger } from "../../src/gateway/ledger/dir.ts";
import { makeSession, party } from "../evidence/sealed.ts";

const sidOf = (at: number): string => `01KANAV0Q8M3T4ZS5R6X7Y${String(at).padStart(4, "0")}`;
const by = party();
const SID = sidOf(1);

let cwd = "";

beforeAll(async () => {
  cwd = mkdtempSync(join(tmpdir(), "bundle-"));
  const ledger = dirLedger(join(cwd, "evidence"));
  for (const at of [0, 1, 2]) await sealSession(makeSession(by, { sid: sidOf(at) }), ledger, by.signer);
});

afterAll(() => rmSync(cwd, { recursive: true, force: true }));

async function run(
  command: typeof bundle | typeof verify,
  ...args: string[]
): Promise<{ readonly code: number; readonly said: string }> {
  const lines: string[] = [];
  const say = (line: string): void => void lines.push(line);
  return { code: await command(args, { cwd, out: say, err: say }), said: lines.join("\n") };
}

/** The bundle of the session, changed. */
async function changed(
  change: (files: EvidenceFile[]) => EvidenceFile[],
): Promise<{ readonly code: number; readonly said: string }> {
  await run(bundle, SID, "--ledger", "dir:evidence", "--out", "one.tar.gz");
  writeBundle(join(cwd, "changed.tar.gz"), change(decodeTarGz(readFileSync(join(cwd, "one.tar.gz")))));
  return await run(verify, "changed.tar.gz");
}

describe("countersign bundle", () => {
  it("writes a session that verifies without its ledger, by the log's newest checkpoint, the same each time", async () => {
    const made = await run(bundle, SID, "--ledger", "dir:evidence", "--out", "one.tar.gz");
    expect(made.code).toBe(0);
    const first = readFileSync(join(cwd, "one.tar.gz"));
    const files = decodeTarGz(first);
    expect(files.map(({ path }) => path)).toEqual(
      expect.arrayContaining(["log/checkpoint", "trust/policy", `sessions/2026/11/23/${SID}/session.tlog-proof`]),
    );
    expect(files.some(({ path }) => path.includes("tile"))).toBe(false);
    const checkpoint = files.find(({ path }) => path === "log/checkpoint")?.bytes;
    expect(Buffer.from(checkpoint ?? [])).toEqual(readFileSync(join(cwd, "evidence", "log", "checkpoint")));
    await run(bundle, SID, "--ledger", "dir:evidence", "--out", "two.tar.gz");
    expect(readFileSync(join(cwd, "two.tar.gz"))).toEqual(first);

    const { code, said } = await run(verify, "one.tar.gz");
    expect([code, said.split("\n").at(-1)]).toEqual([0, "verdict: good, 1 sessions"]);
    expect((await run(verify, "one.tar.gz", "--key", by.app.verifier.vkey)).code).toBe(0);
    expect((await run(verify, "one.tar.gz", "--key", party().app.verifier.vkey)).code).toBe(1);
  });

  it("takes a session out of a ledger that is a bundle itself, which verifies as a whole", async () => {
    const ledger = bundleLedger(join(cwd, "all.tar.gz"));
    for (const at of [0, 1]) await sealSession(makeSession(party(by.key), { sid: sidOf(at) }), ledger, by.signer);
    expect((await run(verify, "all.tar.gz")).said).toMatch(/verdict: good, 2 sessions$/);
    expect((await run(bundle, SID, "--ledger", "bundle:all.tar.gz", "--out", "one.tar.gz")).code).toBe(0);
    expect((await run(verify, "one.tar.gz")).said).toMatch(/verdict: good, 1 sessions$/);
  });

  it.each<readonly [string, RegExp, (files: EvidenceFile[]) => EvidenceFile[]]>([
    [
      "an event changed",
      /FAILED {5}entry/,
      (files) =>
        files.map((file) =>
          file.path.endsWith("events.jsonl")
            ? { ...file, bytes: Buffer.from(Buffer.from(file.bytes).toString().replace("appdb", "other")) }
            : file,
        ),
    ],
    [
      "another checkpoint",
      /log\/checkpoint is not the checkpoint of the proof/,
      (files) =>
        files.map((file) => (file.path === "log/checkpoint" ? { ...file, bytes: Buffer.from("x\n1\n") } : file)),
    ],
    [
      "no checkpoint",
      /log\/checkpoint is not the checkpoint of the proof/,
      (files) => files.filter(({ path }) => path !== "log/checkpoint"),
    ],
    ["no keys", /trust\/policy/, (files) => files.filter(({ path }) => path !== "trust/policy")],
    [
      "a stranger's file",
      /extra.txt is no file of a bundle/,
      (files) => [...files, { path: "extra.txt", bytes: Buffer.from("x") }],
    ],
    [
      "a second session",
      /holds one session, this one 2/,
      (files) => [...files, { path: `sessions/2026/11/23/${sidOf(7)}/events.jsonl`, bytes: Buffer.from("x") }],
    ],
    [
      "its session elsewhere",
      /does not belong into this folder/,
      (files) => files.map((file) => ({ ...file, path: file.path.replace(SID, sidOf(9)) })),
    ],
    [
      "no session",
      /holds one session, this one 0/,
      (files) => files.filter(({ path }) => !path.startsWith("sessions/")),
    ],
  ])("makes nothing that verifies with %s", async (_, reason, change) => {
    const { code, said } = await changed(change);
    expect(code).toBe(1);
    expect(said).toMatch(reason);
    expect(said).toMatch(/verdict: FAILED/);
  });

  it("is held to a repository and a policy like a ledger, and is told that age and growth are of the log", async () => {
    await run(bundle, SID, "--ledger", "dir:evidence", "--out", "one.tar.gz");
    const ledger = bundleLedger(join(cwd, "whole.tar.gz"));
    await sealSession(makeSession(party(by.key), { sid: SID }), ledger, by.signer);
    writeFileSync(join(cwd, "other.yml"), "version: 1\n");
    const kept = readFileSync(join(cwd, "evidence", "log", "checkpoint"), "utf8");
    const needsLog = /one.tar.gz is the bundle of one session; --since and --max-age need the whole log/;
    const asked: readonly (readonly [number, RegExp, string, ...string[]])[] = [
      [0, /ok +repository +acme\/shop/, "one.tar.gz", "--repository", "acme/shop"],
      [1, /FAILED +repository/, "one.tar.gz", "--repository", "acme/other"],
      [1, /FAILED +policy[^]*is no policy that you gave/, "one.tar.gz", "--policy", "other.yml"],
      [2, needsLog, "one.tar.gz", "--since", kept],
      [2, needsLog, "one.tar.gz", "--max-age", "36h"],
      [0, /ok +repository +acme\/shop/, "whole.tar.gz", "--repository", "acme/shop"],
      [1, /FAILED +repository/, "whole.tar.gz", "--repository", "acme/other"],
      [1, /FAILED +policy[^]*is no policy that you gave/, "whole.tar.gz", "--policy", "other.yml"],
      [1, /FAILED +since[^]*rolled back/, "whole.tar.gz", "--since", kept],
      [1, /FAILED +age/, "whole.tar.gz", "--max-age", "1s"],
    ];
    for (const [expected, words, ...args] of asked) {
      const { code, said } = await run(verify, ...args);
      expect({ args, code, otherwise: words.test(said) ? "" : said }).toEqual({ args, code: expected, otherwise: "" });
    }
  });

  it("says what is wrong", async () => {
    writeFileSync(join(cwd, "not.tar.gz"), "x");
    const wrong: readonly (readonly [number, RegExp, ReturnType<typeof run>])[] = [
      [2, /name one session by its id/, run(bundle)],
      [2, /name one session by its id/, run(bundle, "nonsense")],
      [1, /takes git:BRANCH/, run(bundle, SID, "--ledger", "s3:x")],
      [1, /does not hold session/, run(bundle, sidOf(8), "--ledger", "dir:evidence")],
      [1, /does not hold session/, run(bundle, SID, "--ledger", "dir:nowhere")],
      [1, /this is not a bundle/, run(verify, "not.tar.gz")],
    ];
    for (const [expected, words, running] of wrong) {
      const { code, said } = await running;
      expect(code, `says ${said}`).toBe(expected);
      expect(said).toMatch(words);
    }
  });
});
