import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { fileHash } from "../../src/evidence/check-erasures.ts";
import { dsseSigner, signDsse } from "../../src/evidence/dsse.ts";
import { encodeErasureEntry } from "../../src/evidence/entry.ts";
import { type ErasureSigner, eraseValues } from "../../src/evidence/erase.ts";
import { type Erasure, encodeErasure, erasureStatement, erasuresOf } from "../../src/evidence/erasure.ts";
import { sealSession } from "../../src/evidence/layout.ts";
import { appendEntries, readEdge } from "../../src/evidence/log.ts";
import { frontPage } from "../../src/evidence/pages.ts";
import { readEvents } from "../../src/evidence/read-events.ts";
import type { Report } from "../../src/evidence/report.ts";
import { sessionPage } from "../../src/evidence/session-page.ts";
import { verifyLedger, verifySession } from "../../src/evidence/verify.ts";
import { readTrust } from "../../src/evidence/where.ts";
import type { Json } from "../../src/journal/disclosure.ts";
import { canonical } from "../../src/journal/jcs.ts";
import { parseVkey } from "../../src/tlog/note.ts";
import { memoryLedger, memoryReader } from "./memory-ledger.ts";
import { makeSession, ORIGIN, type Party, party } from "./sealed.ts";

const SID = "01KANAV0Q8M3T4ZS5R6X7Y8Z9A";
const FOLDER = `sessions/2026/11/23/${SID}`;

interface Line {
  readonly digest: string;
  readonly ptr: string;
}

async function sealed(by: Party): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  await sealSession(makeSession(by, { sid: SID }), memoryLedger(files), by.signer);
  return files;
}

function linesOf(files: ReadonlyMap<string, Uint8Array>): readonly Line[] {
  const text = Buffer.from(files.get(`${FOLDER}/disclosures.jsonl`) ?? "").toString();
  const lines = text.split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line) as Line).toSorted((one, other) => (one.digest < other.digest ? -1 : 1));
}

const signerOf = (by: Party): ErasureSigner => ({
  ...by.signer,
  signErasure: async (statement) => await Promise.resolve(signDsse(statement, by.dsse)),
});

const wish = (digests: readonly string[]) => ({
  folder: FOLDER,
  digests: new Set(digests),
  by: "ines",
  reason: "A customer asked for it.",
  at: "2026-11-25T09:00:00.000Z",
});

/** Ways to make an erasure that is wrong in one thing, and right, signed and entered in all others. */
interface Twist {
  readonly change?: (erasure: Erasure) => object;
  readonly root?: Uint8Array;
  readonly signer?: Party["dsse"];
  readonly keep?: boolean;
  readonly name?: string;
  readonly noEntry?: boolean;
  readonly noFile?: boolean;
  readonly twice?: boolean;
}

async function erasedBadly(twist: Twist): Promise<Map<string, Uint8Array>> {
  const by = party();
  const files = await sealed(by);
  const gone = linesOf(files).slice(0, 2);
  const events = files.get(`${FOLDER}/events.jsonl`) ?? new Uint8Array();
  const { root } = readEvents(events, () => undefined);
  const erasure: Erasure = {
    at: "2026-11-25T09:00:00.000Z",
    by: "ines",
    digests: gone.map(({ digest }) => digest),
    ptrs: gone.map(({ ptr }) => ptr),
    reason: "Asked for.",
    sid: SID,
  };
  const said = { ...erasure, ...twist.change?.(erasure) };
  const right = JSON.parse(erasureStatement(said, twist.root ?? root)) as Readonly<Record<string, Json>>;
  const statement = canonical({ ...right, predicate: said });
  const file = encodeErasure(statement, signDsse(statement, twist.signer ?? by.dsse));
  for (const n of twist.twice === true ? [1, 2] : [1]) {
    if (twist.noFile !== true) files.set(`${FOLDER}/erasures/${twist.name ?? `${n}.dsse.json`}`, Buffer.from(file));
    if (twist.noEntry === true) continue;
    const reader = memoryReader(files);
    const entry = encodeErasureEntry({ sid: SID, dsse: fileHash(file) });
    const edge = await readEdge(reader, (await readTrust(reader)).logs, ORIGIN);
    const appended = appendEntries(edge, [Buffer.from(entry)]);
    for (const { path, bytes } of appended.files) files.set(path, bytes);
    for (const path of appended.removed) files.delete(path);
    files.set("log/checkpoint", Buffer.from(`${appended.checkpoint}\n${await by.signer.sign(appended.checkpoint)}`));
  }
  const before = Buffer.from(files.get(`${FOLDER}/disclosures.jsonl`) ?? "").toString();
  const kept = before
    .split("\n")
    .filter((line) => twist.keep === true || !gone.some(({ digest }) => line.includes(digest)))
    .join("\n");
  files.set(`${FOLDER}/disclosures.jsonl`, Buffer.from(kept));
  const inFolder = [...files].filter(([path]) => path.startsWith(`${FOLDER}/erasures/`));
  const erasures = erasuresOf(new Map(inFolder.map(([path, bytes]) => [path.split("/").at(-1) ?? "", bytes])));
  files.set(`${FOLDER}/README.md`, Buffer.from(sessionPage(events, Buffer.from(kept), { index: 0, erasures })));
  const checkpoint = Buffer.from(files.get("log/checkpoint") ?? "").toString();
  files.set("README.md", Buffer.from(frontPage(checkpoint, ["2026-11"], undefined)));
  return files;
}

async function verify(files: ReadonlyMap<string, Uint8Array>): Promise<Report> {
  return await verifyLedger(memoryReader(files), { pinned: undefined });
}

/** The checks that are not good; `?` behind one that is incomplete. */
function broken({ checks, sessions }: Report): string[] {
  return [...checks, ...sessions.flatMap((each) => each.checks)]
    .filter(({ outcome }) => outcome !== "good")
    .map(({ id, outcome }) => (outcome === "failed" ? id : `${id}?`))
    .toSorted();
}

describe("an erasure", () => {
  it("leaves everything good, also of the session's folder alone, and with the countersigner's key pinned", async () => {
    const by = party();
    const files = await sealed(by);
    const [first, second] = linesOf(files);
    const digests = [first?.digest ?? "", second?.digest ?? ""];
    expect(await eraseValues(wish(digests), memoryLedger(files), signerOf(by))).toBe("done");
    expect(await eraseValues(wish(digests), memoryLedger(files), signerOf(by))).toBe("nothing");
    expect(linesOf(files)).toHaveLength(5);
    expect(broken(await verify(files))).toEqual([]);
    const pinned = parseVkey(by.app.verifier.vkey);
    expect(broken(await verifyLedger(memoryReader(files), { pinned }))).toEqual([]);
    expect(broken(await verifySession(memoryReader(files), FOLDER, { pinned: undefined, policy: undefined }))).toEqual(
      [],
    );
    const all = linesOf(files).map(({ digest }) => digest);
    await eraseValues(wish(all), memoryLedger(files), signerOf(by));
    expect(broken(await verify(files))).toEqual([]);
  });

  it("by another countersigner is good for whoever believes the evidence's own keys, and false for a pinned key", async () => {
    const by = party();
    const files = await sealed(by);
    const other = party();
    await eraseValues(wish([linesOf(files)[0]?.digest ?? ""]), memoryLedger(files), signerOf(other)).catch(
      (error: unknown) => error,
    );
    expect(broken(await verify(files))).toEqual([]);
    const pinned = parseVkey(by.app.verifier.vkey);
    expect(broken(await verifyLedger(memoryReader(files), { pinned }))).toContain("erasures");
  });

  it("is refused where the session is not the one in the log", async () => {
    const by = party();
    const files = await sealed(by);
    const digest = linesOf(files)[0]?.digest ?? "";
    const events = Buffer.from(files.get(`${FOLDER}/events.jsonl`) ?? "").toString();
    files.set(`${FOLDER}/events.jsonl`, Buffer.from(events.replace("alice", "mallory")));
    await expect(eraseValues(wish([digest]), memoryLedger(files), signerOf(by))).rejects.toThrow(
      "is not the one in the log",
    );
    await expect(
      eraseValues({ ...wish([digest]), folder: "sessions/2026/11/23/none" }, memoryLedger(files), signerOf(by)),
    ).rejects.toThrow("there is no session");
  });

  const digestOf = (letter: string): string => letter.repeat(43);

  it.each([
    ["signed by a stranger", { signer: dsseSigner(generateKeyPairSync("ed25519").privateKey) }, ["erasures"]],
    ["about another session", { change: () => ({ sid: "01KANAV0Q8M3T4ZS5R6X7Y8Z9B" }) }, ["erasures"]],
    ["about another root", { root: Buffer.alloc(32, 1) }, ["erasures"]],
    ["without a reason", { change: () => ({ reason: "" }) }, ["erasures"]],
    ["without a name", { change: () => ({ by: "" }) }, ["erasures"]],
    ["at no time", { change: () => ({ at: "yesterday" }) }, ["disclosures?", "erasures"]],
    ["with a field more", { change: () => ({ lawful: true }) }, ["disclosures?", "erasures"]],
    ["of nothing", { change: () => ({ digests: [], ptrs: [] }) }, ["disclosures?", "erasures"]],
    [
      "out of order",
      { change: ({ digests, ptrs }) => ({ digests: digests.toReversed(), ptrs: ptrs.toReversed() }) },
      ["erasures"],
    ],
    ["with a place too few", { change: ({ ptrs }) => ({ ptrs: ptrs.slice(1) }) }, ["erasures"]],
    ["with a place that is another's", { change: ({ ptrs }) => ({ ptrs: ptrs.toReversed() }) }, ["erasures"]],
    [
      "of a value that no event has",
      { change: ({ digests, ptrs }) => ({ digests: [...digests, digestOf("z")], ptrs: [...ptrs, "/1/body/text/0"] }) },
      ["erasures"],
    ],
    ["of values that are still there", { keep: true }, ["erasures"]],
    ["of the same values twice", { twice: true }, ["erasures"]],
    ["that is in no log", { noEntry: true }, ["erasures"]],
    ["whose file is gone", { noFile: true }, ["disclosures?", "erasures"]],
    ["out of the count", { name: "2.dsse.json" }, ["disclosures?", "erasures"]],
  ] satisfies [string, Twist, string[]][])("%s fails for just that reason", async (_name, twist, wanted) => {
    expect(broken(await verify(await erasedBadly(twist)))).toEqual(wanted);
  });

  it("made rightly by the same hands is good", async () => {
    expect(broken(await verify(await erasedBadly({})))).toEqual([]);
  });
});

describe("a value that is not there", () => {
  it("is withheld where no erasure names it: nothing is false, and something is missing", async () => {
    const files = await sealed(party());
    const path = `${FOLDER}/disclosures.jsonl`;
    const lines = Buffer.from(files.get(path) ?? "")
      .toString()
      .split("\n");
    const kept = Buffer.from(lines.slice(1).join("\n"));
    files.set(path, kept);
    const events = files.get(`${FOLDER}/events.jsonl`) ?? new Uint8Array();
    files.set(`${FOLDER}/README.md`, Buffer.from(sessionPage(events, kept, { index: 0, erasures: [] })));
    const report = await verify(files);
    expect(broken(report)).toEqual(["disclosures?"]);
    expect(report.verdict).toBe("incomplete");
    const check = report.sessions[0]?.checks.find(({ id }) => id === "disclosures");
    expect(check?.reasons).toEqual(["the value at /1/body/application/0 is withheld, and no erasure says so"]);
  });
});
