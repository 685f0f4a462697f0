import { generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { type ApprovalFacts, signApproval } from "../../src/evidence/approval-statement.ts";
import { dsseSigner, signDsse } from "../../src/evidence/dsse.ts";
import { type SealedSession, sealedStatement, sealSession, statementOf } from "../../src/evidence/layout.ts";
import { EvidenceError } from "../../src/evidence/ledger.ts";
import type { Report } from "../../src/evidence/report.ts";
import { verifyLedger, verifySession } from "../../src/evidence/verify.ts";
import { canonical, parseCanonical } from "../../src/journal/jcs.ts";
import { checkpointText, cosigner } from "../../src/tlog/note.ts";
import { encodeProof } from "../../src/tlog/proof.ts";
import { leafHash, nodeHash } from "../../src/tlog/tree.ts";
import { memoryLedger, memoryReader } from "./memory-ledger.ts";
import { makeSession, type Party, party, type Twist } from "./sealed.ts";

const SIDS = ["01KANAV0Q8M3T4ZS5R6X7Y8Z8A", "01KANAV0Q8M3T4ZS5R6X7Y8Z8B", "01KANAV0Q8M3T4ZS5R6X7Y8Z8C"] as const;
const folderOf = (sid: string): string => `sessions/2026/11/23/${sid}`;
const [FIRST, SECOND] = SIDS;

let by: Party;
let whole: ReadonlyMap<string, Uint8Array>;

beforeAll(async () => {
  by = party();
  const files = new Map<string, Uint8Array>();
  for (const sid of SIDS) await sealSession(makeSession(by, { sid }), memoryLedger(files), by.signer);
  whole = files;
});

/** Every check that is not good, as `id` or `sid-less id`, with its outcome. */
function broken(report: Report): string[] {
  const all = [...report.checks, ...report.sessions.flatMap(({ checks }) => checks)];
  return [
    ...new Set(
      all.filter(({ outcome }) => outcome !== "good").map(({ id, outcome }) => (outcome === "failed" ? id : `${id}?`)),
    ),
  ].toSorted();
}

async function verify(files: ReadonlyMap<string, Uint8Array>): Promise<Report> {
  return await verifyLedger(memoryReader(files), { pinned: undefined });
}

function changed(path: string, change: (text: string) => string | undefined): Map<string, Uint8Array> {
  const files = new Map(whole);
  const text = change(Buffer.from(files.get(path) ?? new Uint8Array()).toString());
  if (text === undefined) files.delete(path);
  else files.set(path, Buffer.from(text));
  return files;
}

/** A session sealed as any other, by a gateway that made it badly. */
async function sealedBadly(session: SealedSession): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  await sealSession(session, memoryLedger(files), by.signer);
  return files;
}

async function twisted(twist: Twist): Promise<string[]> {
  by = party();
  return broken(await verify(await sealedBadly(makeSession(by, twist))));
}

describe("evidence", () => {
  it("as it was sealed is good, check by check", async () => {
    const report = await verify(whole);
    expect(broken(report)).toEqual([]);
    expect(report.verdict).toBe("good");
    expect(report.sessions.map(({ sid }) => sid)).toEqual(SIDS);
    for (const { checks } of report.sessions) expect(checks).toHaveLength(15);
    expect(report.checks.map(({ id }) => id)).toEqual(["keys", "checkpoint", "tiles", "population", "pages", "files"]);
  });

  it("of one session is good by itself, with or without a policy beside it", async () => {
    const own = new Map(
      [...whole].flatMap(([path, bytes]) => {
        const inside = `${folderOf(SECOND)}/`;
        return path.startsWith(inside) ? [[path.slice(inside.length), bytes] as const] : [];
      }),
    );
    const policy = Buffer.from(whole.get("trust/policy") ?? new Uint8Array()).toString();
    for (const each of [policy, undefined]) {
      const report = await verifySession(memoryReader(own), "", { pinned: undefined, policy: each });
      expect(report).toMatchObject({ verdict: "good", trust: "evidence" });
    }
    const pinned = await verifySession(memoryReader(own), "", { pinned: by.app.verifier, policy: undefined });
    expect(pinned).toMatchObject({ verdict: "good", trust: "pinned" });
  });

  it("is good for the pinned key and for no other", async () => {
    const reader = memoryReader(whole);
    expect((await verifyLedger(reader, { pinned: by.app.verifier })).verdict).toBe("good");
    const stranger = cosigner("app.example/countersigner", generateKeyPairSync("ed25519").privateKey);
    const report = await verifyLedger(reader, { pinned: stranger.verifier });
    expect(report.verdict).toBe("failed");
    expect(broken(report)).toContain("keys");
  });

  it("with values withheld says how many", async () => {
    const path = `${folderOf(FIRST)}/disclosures.jsonl`;
    const files = changed(path, (text) => text.split("\n").slice(1).join("\n"));
    const report = await verify(files);
    // The page still shows the value, and no erasure says that it is gone.
    expect(broken(report)).toEqual(["disclosures?", "pages"]);
    expect(report.sessions[0]?.checks.find(({ id }) => id === "disclosures")?.detail).toBe(
      "6 opened, 1 redacted, 1 of them withheld",
    );
  });
});

describe("what cannot be read", () => {
  it("is named and fails, and all else is checked", async () => {
    const path = `${folderOf(FIRST)}/README.md`;
    const reader = memoryReader(whole);
    const failing = (error: Error) => ({
      ...reader,
      async read(each: string) {
        if (each === path) throw error;
        return await reader.read(each);
      },
    });
    for (const error of [
      new EvidenceError("README.md is a link"),
      Object.assign(new Error("no"), { code: "EACCES" }),
    ]) {
      const report = await verifyLedger(failing(error), { pinned: undefined });
      expect(broken(report)).toEqual(["files", "pages"]);
    }
    await expect(verifyLedger(failing(new TypeError("a fault of ours")), { pinned: undefined })).rejects.toThrow(
      "ours",
    );
  });
});

describe("any change of one byte", () => {
  it("of any file fails, with a reason", async () => {
    const paths = [...whole.keys()];
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...paths),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        async (path, where, bits) => {
          const files = new Map(whole);
          const bytes = Uint8Array.from(files.get(path) ?? new Uint8Array());
          bytes[where % bytes.length] = (bytes[where % bytes.length] ?? 0) ^ bits;
          files.set(path, bytes);
          const report = await verify(files);
          expect(report.verdict).toBe("failed");
          const reasons = [...report.checks, ...report.sessions.flatMap(({ checks }) => checks)].flatMap(
            (each) => each.reasons,
          );
          expect(reasons.length).toBeGreaterThan(0);
        },
      ),
      { numRuns: 250 },
    );
  });

  it("of length fails too: cut by one, or one more newline", async () => {
    for (const [path, bytes] of whole) {
      for (const bent of [bytes.subarray(0, -1), Buffer.concat([bytes, Buffer.from("\n")])]) {
        expect((await verify(new Map([...whole, [path, bent]]))).verdict).toBe("failed");
      }
    }
  });

  it("and every file that is missing fails, but for disclosures, which may all be erased", async () => {
    for (const path of whole.keys()) {
      const files = new Map(whole);
      files.delete(path);
      expect((await verify(files)).verdict).toBe("failed");
    }
  });
});

describe("each thing broken by itself fails for just that reason", () => {
  const session = (name: string): string => `${folderOf(FIRST)}/${name}`;

  it.each([
    [
      "a session page that lies",
      () => changed(session("README.md"), (text) => text.replace("alice", "mallory")),
      ["pages"],
    ],
    [
      "a front page that lies",
      () => changed("README.md", (text) => text.replace("countersign/evidence", "countersign/copy")),
      ["pages"],
    ],
    [
      "a month's index that lies",
      () => changed("sessions/2026/11/index.csv", (text) => text.replace("alice", "bob")),
      ["pages"],
    ],
    ["a forged value", () => changed(session("disclosures.jsonl"), forge), ["disclosures", "pages"]],
    [
      "a value twice",
      () => changed(session("disclosures.jsonl"), (text) => text + (text.split("\n")[0] ?? "") + "\n"),
      ["disclosures"],
    ],
    [
      "a value of another session",
      () => changed(session("disclosures.jsonl"), (text) => text + other("disclosures.jsonl")),
      ["disclosures"],
    ],
    [
      "a value at another place",
      () => changed(session("disclosures.jsonl"), (text) => text.replace("/1/body", "/2/body")),
      ["disclosures"],
    ],
    [
      "no signature of people",
      () => changed(session("approvals/7Q2M4N8X3K.dsse.json"), () => undefined),
      ["approvals"],
    ],
    [
      "another session's signature of people",
      () => changed(session("approvals/7Q2M4N8X3K.dsse.json"), () => other("approvals/7Q2M4N8X3K.dsse.json")),
      ["approvals"],
    ],
    [
      "an answer that nobody asked for",
      () => new Map([...whole, [session("approvals/AAAAAAAAAA.dsse.json"), Buffer.from("{}")]]),
      ["approvals"],
    ],
    [
      "a file that nothing speaks of",
      () => new Map([...whole, [session("notes.txt"), Buffer.from("hello")]]),
      ["files"],
    ],
    [
      "another session's statement",
      () => changed(session("session.dsse.json"), () => other("session.dsse.json")),
      ["entry", "statement"],
    ],
    [
      "another session's proof",
      () => changed(session("session.tlog-proof"), () => other("session.tlog-proof")),
      ["entry", "pages"],
    ],
    [
      "a head left out",
      () => changed(session("checkpoints.txt"), (text) => text.split("\n---\n").toSpliced(1, 1).join("\n---\n")),
      [],
    ],
    [
      "the last head left out",
      () => changed(session("checkpoints.txt"), (text) => text.split("\n---\n").slice(0, -1).join("\n---\n")),
      ["heads", "statement"],
    ],
    [
      "heads swapped",
      () => changed(session("checkpoints.txt"), (text) => text.split("\n---\n").toReversed().join("\n---\n")),
      ["heads", "statement", "times"],
    ],
    [
      "a head twice",
      () => changed(session("checkpoints.txt"), (text) => `${text.split("\n---\n")[0]}\n---\n${text}`),
      ["heads"],
    ],
    [
      "another session's heads",
      () => changed(session("checkpoints.txt"), () => other("checkpoints.txt")),
      ["heads", "statement"],
    ],
    [
      "a log rolled back",
      () =>
        changed("log/checkpoint", () =>
          Buffer.from(whole.get(session("session.tlog-proof")) ?? "")
            .toString()
            .split("\n\n")
            .slice(1)
            .join("\n\n"),
        ),
      ["entry", "pages", "population", "tiles"],
    ],
  ])("%s", async (_name, files, wanted) => {
    expect(broken(await verify(files()))).toEqual(wanted);
  });

  it("a whole session removed", async () => {
    const files = new Map([...whole].filter(([path]) => !path.startsWith(`${folderOf(SECOND)}/`)));
    const report = await verify(files);
    expect(broken(report)).toEqual(["pages", "population"]);
    expect(report.checks.find(({ id }) => id === "population")?.reasons).toEqual([
      `entry 1: session ${SECOND} is not among the evidence`,
    ]);
  });

  it("a proof from a fork of the log", async () => {
    const entry = Buffer.from(whole.get("log/tile/entries/000.p/3") ?? "");
    const leaf = leafHash(entry.subarray(2, 2 + entry.readUInt16BE(0)));
    const fork = leafHash("another session");
    const text = checkpointText({ origin: by.log.verifier.name, size: 2, root: nodeHash(leaf, fork) });
    const proof = encodeProof({ index: 0, path: [fork], checkpoint: `${text}\n${await by.signer.sign(text)}` });
    const report = await verify(changed(session("session.tlog-proof"), () => proof));
    expect(broken(report)).toEqual(["entry"]);
    expect(report.sessions[0]?.checks.find(({ id }) => id === "entry")?.reasons).toEqual([
      "two checkpoints of size 2 differ: the log was forked, or rewritten since",
    ]);
  });

  it("a session in a folder of another day", async () => {
    const files = new Map([...whole].map(([path, bytes]) => [path.replace(`23/${SECOND}`, `24/${SECOND}`), bytes]));
    expect(broken(await verify(files))).toEqual(["files"]);
  });

  it("events cut off behind a countersigned head", async () => {
    const files = changed(session("events.jsonl"), (text) => `${text.split("\n").slice(0, -3).join("\n")}\n`);
    const report = await verify(files);
    const heads = report.sessions[0]?.checks.find(({ id }) => id === "heads");
    expect(heads?.reasons).toEqual(["events were cut off: there are 17, a countersigned head says 19"]);
    expect(report.sessions[0]?.checks.find(({ id }) => id === "ended")?.outcome).toBe("incomplete");
    expect(report.verdict).toBe("failed");
  });

  it.each([
    ["an event removed", (lines: string[]) => lines.toSpliced(4, 1)],
    ["two events swapped", (lines: string[]) => lines.with(4, lines[5] ?? "").with(5, lines[4] ?? "")],
    ["an event doubled", (lines: string[]) => lines.toSpliced(4, 0, lines[4] ?? "")],
    ["a carriage return", (lines: string[]) => lines.with(4, `${lines[4]}\r`)],
    ["a byte order mark", (lines: string[]) => lines.with(0, `\ufeff${lines[0]}`)],
    ["a key twice", (lines: string[]) => lines.with(4, (lines[4] ?? "").replace('{"at"', '{"at":"","at"'))],
    ["an event of another session", (lines: string[]) => lines.with(4, (lines[4] ?? "").replace(FIRST, SECOND))],
    ["a line beyond 32 KiB", (lines: string[]) => lines.map((line) => line.replace("Rule", "R".repeat(33_000)))],
    ["an unknown type", (lines: string[]) => lines.with(4, (lines[4] ?? "").replace("command.", "commando."))],
  ])("%s", async (_name, change) => {
    const files = changed(session("events.jsonl"), (text) => `${change(text.split("\n").slice(0, -1)).join("\n")}\n`);
    const failed = broken(await verify(files));
    for (const id of ["events", "heads", "statement", "entry"]) expect(failed).toContain(id);
  });
});

describe("a session that was made badly, though all of it is signed", () => {
  const drop = (what: string) => ({ event: (type: string, body: object) => (type === what ? undefined : body) });

  it.each([
    [
      "released though denied",
      { event: (type, body) => (type === "command.settled" ? { ...body, ruling: "release" } : body) },
      ["order"],
    ],
    ["never decided", drop("command.decided"), ["approvals", "order"]],
    [
      "returned though refused",
      {
        event: (type, body) =>
          type === "command.settled" && "cmd" in body && body.cmd === "1/1"
            ? { ...body, cause: "denied", ruling: "refuse" }
            : body,
      },
      ["order"],
    ],
    ["released without an answer", drop("approval.answered"), ["approvals", "order"]],
    [
      "answered without a signature",
      { event: (type, body) => (type === "approval.answered" ? { ...body, dsse: "" } : body) },
      ["approvals"],
    ],
    ["never ended", drop("session.ended"), ["ended?"]],
    ["never asked", drop("approval.requested"), ["approvals", "order"]],
    [
      "asked about another leaf",
      { event: (type, body) => (type === "approval.requested" ? { ...body, leaf: "A".repeat(43) } : body) },
      ["approvals", "order"],
    ],
    ["approved by another key", { approvalKey: generateKeyPairSync("ed25519").privateKey }, ["approvals"]],
    [
      "approved for another leaf",
      { answer: (facts) => ({ ...facts, leaf: Buffer.alloc(32, 1).toString("base64url") }) },
      ["approvals"],
    ],
    ["approved for another text", { answer: (facts) => ({ ...facts, digest: "A".repeat(43) }) }, ["approvals"]],
    [
      "approved after it expired",
      { answer: (facts) => ({ ...facts, decidedAt: "2026-11-23T06:00:00.000Z" }) },
      ["approvals"],
    ],
    ["refused and recorded as approved", { answer: (facts) => ({ ...facts, answer: "refused" }) }, ["approvals"]],
    [
      "approved by others than recorded",
      { answer: (facts) => ({ ...facts, by: [{ login: "dave", via: "check" }] }) },
      ["approvals"],
    ],
    ["approved by who ran the job", { actor: "Carol" }, ["approvals"]],
    [
      "approved for another reason than was recorded",
      { answer: (facts) => ({ ...facts, reason: [{ "...": "A".repeat(43) }] }) },
      ["approvals"],
    ],
    ["held, approved, and refused all the same", { heldRuling: "refuse" }, []],
  ] satisfies [string, Twist, string[]][])("%s", async (_name, twist, wanted) => {
    expect(await twisted(twist)).toEqual(wanted);
  });

  it("with a signed answer that is not the one that was recorded, though it says the same", async () => {
    by = party();
    const made = makeSession(by);
    const [approval] = made.approvals;
    const { payload } = JSON.parse(approval?.dsse ?? "") as { payload: string };
    const { predicate } = JSON.parse(Buffer.from(payload, "base64").toString()) as { predicate: ApprovalFacts };
    const dsse = signApproval({ ...predicate, reason: [] }, by.dsse);
    const approvals = [{ request: predicate.request, dsse }];
    expect(broken(await verify(await sealedBadly({ ...made, approvals })))).toEqual(["approvals"]);
  });

  it("with a statement that says something else", async () => {
    by = party();
    const made = makeSession(by);
    const statement = parseCanonical(statementOf(made.events, 19)) as { predicate: { counts: object } };
    const lie = canonical({ ...statement, predicate: { ...statement.predicate, outcome: "failed" } });
    const dsse = sealedStatement(lie, [signDsse(lie, dsseSigner(made.gateway)), signDsse(lie, by.dsse)]);
    expect(broken(await verify(await sealedBadly({ ...made, dsse })))).toEqual(["statement"]);
  });

  it("with a statement that the countersigner did not sign", async () => {
    by = party();
    const made = makeSession(by);
    const statement = statementOf(made.events, 19);
    const dsse = sealedStatement(statement, [signDsse(statement, dsseSigner(made.gateway))]);
    expect(broken(await verify(await sealedBadly({ ...made, dsse })))).toEqual(["statement"]);
  });

  it("entered a second time under another log", async () => {
    by = party();
    const made = makeSession(by);
    const stranger = party();
    const files = new Map<string, Uint8Array>();
    await sealSession(made, memoryLedger(files), stranger.signer);
    expect(broken(await verify(files))).toEqual(["keys"]);
  });
});

describe("sealing", () => {
  it("again changes nothing, and another session of the same name is refused", async () => {
    by = party();
    const files = new Map<string, Uint8Array>();
    const made = makeSession(by);
    expect((await sealSession(made, memoryLedger(files), by.signer)).outcome).toBe("done");
    const before = new Map(files);
    expect((await sealSession(made, memoryLedger(files), by.signer)).outcome).toBe("nothing");
    expect(files).toEqual(before);
    by.heads.clear();
    await expect(sealSession(makeSession(by), memoryLedger(files), by.signer)).rejects.toThrow("another session");
    expect(files).toEqual(before);
  });

  it("finishes what a writer that died left behind", async () => {
    by = party();
    const files = new Map<string, Uint8Array>();
    const made = makeSession(by);
    await sealSession(made, memoryLedger(files), by.signer);
    files.delete("log/checkpoint");
    expect((await sealSession(made, memoryLedger(files), by.signer)).outcome).toBe("done");
    expect((await verify(files)).verdict).toBe("good");
  });

  it("across the edges of tiles leaves a log that verifies and holds every tile", async () => {
    by = party();
    const files = new Map<string, Uint8Array>();
    const made = makeSession(by);
    const { appendEntry, readEdge } = await import("../../src/evidence/log.ts");
    const keys = [by.log.verifier];
    for (let at = 0; at < 515; at += 1) {
      const edge = await readEdge(memoryReader(files), keys, by.log.verifier.name);
      const { files: more, removed, checkpoint } = appendEntry(edge, Buffer.from(`entry ${at}`));
      for (const { path, bytes } of more) files.set(path, bytes);
      for (const path of removed) files.delete(path);
      files.set("log/checkpoint", Buffer.from(`${checkpoint}\n${await by.signer.sign(checkpoint)}`));
    }
    await sealSession(made, memoryLedger(files), by.signer);
    expect([...files.keys()].filter((path) => path.startsWith("log/")).toSorted()).toEqual([
      "log/checkpoint",
      "log/tile/0/000",
      "log/tile/0/001",
      "log/tile/0/002.p/4",
      "log/tile/1/000.p/2",
      "log/tile/entries/000",
      "log/tile/entries/001",
      "log/tile/entries/002.p/4",
    ]);
    const report = await verify(files);
    expect(report.checks.filter(({ outcome }) => outcome === "good").map(({ id }) => id)).toEqual([
      "keys",
      "checkpoint",
      "tiles",
      "pages",
      "files",
    ]);
    expect(report.sessions[0]?.checks.every(({ outcome }) => outcome === "good")).toBe(true);
  });
});

function forge(text: string): string {
  const [first = "", ...rest] = text.split("\n");
  const line = JSON.parse(first) as { digest: string; ptr: string };
  const disclosure = Buffer.from('["0123456789abcdefghijkl","another value"]').toString("base64url");
  return [`{"digest":"${line.digest}","disclosure":"${disclosure}","ptr":"${line.ptr}"}`, ...rest].join("\n");
}

function other(name: string): string {
  return Buffer.from(whole.get(`${folderOf(SECOND)}/${name}`) ?? "").toString();
}
