import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Ledger } from "../../src/evidence/ledger.ts";
import { verifyLedger } from "../../src/evidence/verify.ts";
import { DeskError } from "../../src/gateway/desk/call.ts";
import { openCustody } from "../../src/gateway/desk/custody.ts";
import { thisProcess } from "../../src/gateway/ledger/process-id.ts";
import { type Recovered, recoverSessions } from "../../src/gateway/recover.ts";
import { localCustodian, type Sealer } from "../../src/gateway/seal.ts";
import { UnsealedSessions } from "../../src/gateway/unsealed.ts";
import { sessionOrigin } from "../../src/journal/session-log.ts";
import { noteSigner, parseCheckpoint, parseNote } from "../../src/tlog/note.ts";
import { Witness } from "../../src/tlog/witness.ts";
import { memoryLedger, memoryReader } from "../evidence/memory-ledger.ts";
import { makeSession, ORIGIN, type Party, party } from "../evidence/sealed.ts";

/** An hour after the session; a countersigner's clock does not go back. */
const RECOVERED_AT = Date.parse("2026-11-23T06:00:00.000Z") / 1000;
const SID = "01KANAV0Q8M3T4ZS5R6X7Y8Z9A";
const OWN = sessionOrigin(ORIGIN, SID);
const AT = "2026-11-23T06:00:00.000Z";
const SEPARATOR = "\n---\n";

/** The answer that `makeSession` keeps, where the journal was cut before it. */
const UNRECORDED = "an answer to request 7Q2M4N8X3K was signed and not recorded, so nothing followed from it";

let state = "";
let by: Party;
let files: Map<string, Uint8Array>;

beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), "recover-"));
  by = party();
  files = new Map();
});

afterEach(() => {
  rmSync(state, { recursive: true, force: true });
});

/** The countersigner as it runs, but in this process. */
function sealer(session: ReturnType<typeof makeSession>): Sealer {
  const own = noteSigner(OWN, session.gateway).verifier;
  const witness = new Witness(
    { load: (origin) => by.heads.get(origin), save: (origin, size, root) => void by.heads.set(origin, { size, root }) },
    by.app,
    (origin) => (origin === OWN ? [own] : []),
  );
  const custody = openCustody(by.key, { load: (origin) => by.heads.get(origin) }, by.app);
  return {
    vkey: by.app.verifier.vkey,
    async addCheckpoint(body) {
      const answer = witness.addCheckpoint(body, RECOVERED_AT);
      if (answer.status === 200) return answer.body;
      throw new DeskError(answer.status, `the countersigner answered ${answer.status}: ${answer.body.trim()}`);
    },
    signStatement: async (origin, statement) => custody.signStatement(origin, statement),
    logVkey: async (origin) => custody.logVkey(origin),
    signCheckpoint: async (origin, text) => custody.signCheckpoint(origin, text, RECOVERED_AT + 1),
  };
}

interface Leaving {
  readonly events?: Uint8Array;
  /** How many of its heads stand in `checkpoints.txt`, and how many the countersigner has signed. */
  readonly heads?: number;
  readonly signed?: number;
}

/** Leaves a session in the state directory as a gateway that was killed leaves it. */
function leave(session: ReturnType<typeof makeSession>, leaving: Leaving = {}): UnsealedSessions {
  const sessions = new UnsealedSessions(state);
  const claimed = sessions.claim(SID);
  if ("life" in claimed) throw new Error("it is claimed");
  claimed.keep({ ledger: "dir:evidence", directory: "/somewhere", key: session.gateway });
  mkdirSync(join(claimed.directory, "approvals"), { recursive: true });
  const heads = Buffer.from(session.checkpoints).toString().split(SEPARATOR);
  const put = (name: string, bytes: Uint8Array | string): void => writeFileSync(join(claimed.directory, name), bytes);
  put("events.jsonl", leaving.events ?? session.events);
  put("disclosures.jsonl", session.disclosures);
  put("checkpoints.txt", heads.slice(0, leaving.heads ?? heads.length).join(SEPARATOR));
  for (const { request, dsse } of session.approvals) put(`approvals/${request}.dsse.json`, dsse);
  const last = heads[(leaving.signed ?? leaving.heads ?? heads.length) - 1];
  if (last === undefined) by.heads.set(OWN, { size: 0, root: Buffer.alloc(32) });
  else by.heads.set(OWN, parseCheckpoint(parseNote(last).text));
  claimed.release();
  return sessions;
}

async function recover(
  session: ReturnType<typeof makeSession>,
  parts: { readonly desk?: Sealer; readonly ledger?: Ledger } = {},
): Promise<readonly Recovered[]> {
  return await recoverSessions({
    sessions: new UnsealedSessions(state),
    custodianOf: async () => localCustodian(parts.desk ?? sealer(session), parts.ledger ?? memoryLedger(files)),
    now: () => AT,
  });
}

async function verdict(): Promise<{
  readonly verdict: string;
  readonly bad: readonly string[];
  readonly sids: readonly string[];
}> {
  const report = await verifyLedger(memoryReader(files), { pinned: undefined });
  const checks = [...report.checks, ...report.sessions.flatMap((each) => each.checks)];
  return {
    verdict: report.verdict,
    bad: checks.filter(({ outcome }) => outcome !== "good").map(({ id, reasons }) => `${id}: ${reasons.join("; ")}`),
    sids: report.sessions.map(({ sid }) => sid),
  };
}

const linesOf = (events: Uint8Array): string[] => Buffer.from(events).toString().split("\n").slice(0, -1);

interface Told {
  readonly type: string;
  readonly body: { readonly cmd?: string; readonly what?: string };
}

function sealedEvents(): readonly Told[] {
  const [path = ""] = [...files.keys()].filter((each) => each.endsWith("/events.jsonl"));
  return linesOf(files.get(path) ?? Buffer.alloc(0)).map((line) => JSON.parse(line) as Told);
}

/** The session stayed; why. */
function whyKept([result]: readonly Recovered[]): string {
  return result?.outcome === "kept" ? result.why : `it did not stay: ${result?.outcome ?? "not found"}`;
}

describe("a session that ended and was never sealed", () => {
  it("is sealed as it is, and its files go", async () => {
    const session = makeSession(by);
    const sessions = leave(session);
    expect(await recover(session)).toEqual([
      { sid: SID, outcome: "sealed", ledger: "dir:evidence", folder: `sessions/2026/11/23/${SID}` },
    ]);
    expect(files.get(`sessions/2026/11/23/${SID}/events.jsonl`)).toEqual(session.events);
    expect(await verdict()).toEqual({ verdict: "good", bad: [], sids: [SID] });
    expect([sessions.list(), readdirSync(join(state, "unsealed"))]).toEqual([[], []]);
    expect(await recover(session)).toEqual([]);
  });

  it("is sealed once, also where only its files were not removed any more, wholly or in part", async () => {
    const session = makeSession(by);
    leave(session);
    cpSync(state, `${state}.before`, { recursive: true });
    await recover(session);
    const after = new Map(files);
    rmSync(state, { recursive: true });
    cpSync(`${state}.before`, state, { recursive: true });
    rmSync(`${state}.before`, { recursive: true });
    rmSync(join(state, "sessions", SID, "approvals"), { recursive: true });
    mkdirSync(join(state, "sessions", SID, "approvals"));
    expect((await recover(session))[0]?.outcome).toBe("sealed");
    expect(files).toEqual(after);

    mkdirSync(join(state, "sessions", `${SID}.sealed`));
    expect(await recover(session)).toEqual([]);
    expect(readdirSync(join(state, "sessions"))).toEqual([]);
  });
});

describe("a session whose gateway was killed", () => {
  it("is sealed as lost wherever its journal was cut, verifies as incomplete and as nothing worse", {
    timeout: 120_000,
  }, async () => {
    const session = makeSession(by);
    const whole = linesOf(session.events);
    const heads = Buffer.from(session.checkpoints).toString().split(SEPARATOR);
    const sizes = heads.map((note) => parseCheckpoint(parseNote(note).text).size);
    const answered = whole.findIndex((line) => line.includes('"approval.answered"'));
    let tried = 0;
    for (let lines = 1; lines < whole.length; lines += 1) {
      const events = `${whole.slice(0, lines).join("\n")}\n`;
      const signed = sizes.filter((size) => size <= lines).length;
      const tails = ["", whole[lines]?.slice(0, 40) ?? "", "\0".repeat(512), whole[lines] ?? ""];
      for (const [kind, tail] of tails.entries()) {
        for (const kept of new Set([signed, Math.max(0, signed - 1)])) {
          rmSync(state, { recursive: true, force: true });
          files.clear();
          leave(session, { events: Buffer.from(events + tail), heads: kept, signed });
          const [result] = await recover(session);
          expect(result, `${lines} lines, tail ${kind}`).toMatchObject({ outcome: "lost" });
          const { verdict: said, bad } = await verdict();
          expect([said, bad], `${lines} lines, tail ${kind}`).toEqual([
            "incomplete",
            ["ended: there is no session.ended: the session was cut off, or its gateway died"],
          ]);
          const notes = sealedEvents().filter(({ body }) => body.what?.includes("signed and not recorded"));
          expect(notes).toHaveLength(lines <= answered ? 1 : 0);
          const last = sealedEvents().at(-1);
          expect(last?.body.what).toBe(
            `the session has no end: its gateway died${tail === "" ? "" : `; ${Buffer.byteLength(tail)} bytes behind the last whole line were cut off`}`,
          );
          tried += 1;
        }
      }
    }
    expect(tried).toBeGreaterThan(120);
  });

  it("says of each command without an end how far it came", async () => {
    const session = makeSession(by);
    const all = linesOf(session.events);
    const firstReturn = all.findIndex((line) => line.includes('"command.returned"'));
    leave(session, { events: Buffer.from(`${all.slice(0, firstReturn).join("\n")}\n`), heads: 1 });
    await recover(session);
    expect(
      sealedEvents()
        .slice(firstReturn)
        .map(({ type, body }) => [type, body.cmd, body.what]),
    ).toEqual([
      ["gap", "1/1", "released; whether it was sent, and what came of it, is not known"],
      ["gap", "", UNRECORDED],
      ["gap", "", "the session has no end: its gateway died"],
    ]);

    rmSync(state, { recursive: true });
    files.clear();
    const held = all.findIndex((line) => line.includes('"approval.requested"'));
    leave(session, { events: Buffer.from(`${all.slice(0, held).join("\n")}\n`), heads: 1 });
    await recover(session);
    expect(
      sealedEvents()
        .slice(held)
        .map(({ body }) => [body.cmd, body.what]),
    ).toEqual([
      ["1/3", "not released"],
      ["", UNRECORDED],
      ["", "the session has no end: its gateway died"],
    ]);
  });

  it("is sealed once and with one note, though its recovery is killed again and again at every step", async () => {
    const session = makeSession(by);
    const all = linesOf(session.events);
    const events = Buffer.from(`${all.slice(0, 9).join("\n")}\n{"at":"2026`);
    const calls = ["addCheckpoint", "signStatement", "logVkey", "signCheckpoint"] as const;
    leave(session, { events, heads: 1 });
    const once = async (fault: {
      readonly call?: string;
      readonly when: "before" | "after" | "never";
    }): Promise<string> => {
      const real = sealer(session);
      const broken = { ...real };
      for (const call of calls) {
        const original: (...args: [string, string]) => Promise<never> = real[call] as never;
        Object.assign(broken, {
          [call]: async (...args: [string, string]) => {
            if (call === fault.call && fault.when === "before") throw new DeskError(0, "killed");
            const answer = await original(...args);
            if (call === fault.call && fault.when === "after") throw new DeskError(0, "killed");
            return answer;
          },
        });
      }
      const ledger = memoryLedger(files);
      const dying: Ledger = {
        async update(plan) {
          const outcome = await ledger.update(plan);
          if (fault.call === "update") throw new DeskError(0, "killed");
          return outcome;
        },
      };
      return (await recover(session, { desk: broken, ledger: dying }))[0]?.outcome ?? "none";
    };
    for (const call of calls) {
      for (const when of ["before", "after"] as const) expect(await once({ call, when })).toBe("kept");
    }
    expect(await once({ call: "update", when: "after" })).toBe("kept");
    expect(await once({ when: "never" })).toBe("lost");
    expect(await once({ when: "never" })).toBe("none");
    expect((await verdict()).sids).toEqual([SID]);
    expect((await verdict()).verdict).toBe("incomplete");
    const notes = sealedEvents().filter(({ type, body }) => type === "gap" && body.cmd === "");
    expect(notes.map(({ body }) => body.what)).toEqual([
      UNRECORDED,
      "the session has no end: its gateway died; 11 bytes behind the last whole line were cut off",
    ]);
  });

  it("is left alone while its gateway runs, and while one may run elsewhere", async () => {
    const session = makeSession(by);
    const sessions = leave(session);
    const running = sessions.claim(SID);
    expect(await recover(session)).toEqual([]);
    if ("release" in running) running.release();
    const elsewhere = thisProcess().replace(
      /(-[0-9a-f]+){3}$/,
      `-${"a".repeat(12)}-${"b".repeat(12)}-${"c".repeat(12)}`,
    );
    const claim = join(state, "unsealed", `${SID}.claim.${elsewhere}.000000000000`);
    writeFileSync(claim, "");
    expect(await recover(session)).toEqual([
      {
        sid: SID,
        outcome: "kept",
        why: `another machine or container may still run it; if none does, remove ${claim}`,
      },
    ]);
    rmSync(claim);
    const gone = execFileSync(process.execPath, ["-e", SAY_PROCESS], { encoding: "utf8" }).trim();
    writeFileSync(join(state, "unsealed", `${SID}.claim.${gone}.000000000000`), "");
    expect((await recover(session))[0]?.outcome).toBe("sealed");
    expect(readdirSync(join(state, "unsealed"))).toEqual([]);
  });

  it("stays as it is where the countersigner signed more than there is, or other events", async () => {
    const session = makeSession(by);
    const all = linesOf(session.events);
    const cut = Buffer.from(`${all.slice(0, 7).join("\n")}\n`);
    leave(session, { events: cut, heads: 3 });
    expect(whyKept(await recover(session))).toMatch(/signed \d+ events of it, and here are only 7/);
    expect(files.size).toBe(0);

    rmSync(state, { recursive: true });
    const other = all.with(3, (all[3] ?? "").replace("05:00:00.400", "05:00:00.401"));
    leave(session, { events: Buffer.from(`${other.slice(0, 12).join("\n")}\n`), heads: 1 });
    expect(whyKept(await recover(session))).toMatch(/422/);
    expect(files.size).toBe(0);
  });

  it("stays where its key was not kept, and is gone where it had recorded nothing", async () => {
    const session = makeSession(by);
    leave(session);
    rmSync(join(state, "unsealed", `${SID}.json`));
    expect(whyKept(await recover(session))).toMatch(/key was not kept/);
    expect(readFileSync(join(state, "sessions", SID, "events.jsonl"))).toEqual(session.events);

    rmSync(state, { recursive: true });
    leave(session, { events: Buffer.alloc(0), heads: 0 });
    expect(await recover(session)).toEqual([{ sid: SID, outcome: "empty" }]);
    expect(existsSync(join(state, "sessions", SID))).toBe(false);
  });
});

/** Prints the name of a process that has ended when it is read. */
const SAY_PROCESS = `import("${new URL("../../src/gateway/ledger/process-id.ts", import.meta.url).href}").then((it) => console.log(it.thisProcess()))`;
