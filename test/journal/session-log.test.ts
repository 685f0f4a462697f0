import { generateKeyPairSync, randomFillSync } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { redact, SaltPool } from "../../src/journal/disclosure.ts";
import { canonical, parseCanonical } from "../../src/journal/jcs.ts";
import { encodeEvent, LINE_BYTES_MAX } from "../../src/journal/line.ts";
import { JournalError } from "../../src/journal/ports.ts";
import { SessionLog } from "../../src/journal/session-log.ts";
import type { EventBodies } from "../../src/model/event.ts";
import { cosigner, noteSigner, parseCheckpoint, parseNote, verifySignatures } from "../../src/tlog/note.ts";
import { leafHash, rootHash } from "../../src/tlog/tree.ts";
import { Witness } from "../../src/tlog/witness.ts";

const SID = "01KANAV0Q8M3T4ZS5R6X7Y8Z9A";
const DIGEST = "NCjc23plJsmbRaPWtXo5W-GOF-AO52HzeJg6aNSqgP8";

class MemorySink {
  text = "";
  writes = 0;
  broken = false;
  write(lines: string): void {
    if (this.broken) throw new Error("ENOSPC: no space left on device");
    this.writes += 1;
    this.text += lines;
  }
}

function seen(why: readonly string[] = []): EventBodies["command.seen"] {
  return {
    bounded: true,
    bytes: 40,
    cmd: "1/1",
    digest: DIGEST,
    effects: ["read"],
    objects: ["public.users"],
    params: [],
    target: "appdb",
    text: [{ "...": DIGEST }],
    textOf: 0,
    tx: false,
    why,
  };
}

function rig() {
  const events = new MemorySink();
  const disclosures = new MemorySink();
  const checkpoints = new MemorySink();
  const app = cosigner("app.example/witness", generateKeyPairSync("ed25519").privateKey);
  const log = new SessionLog({
    sid: SID,
    logOrigin: "example.com/log",
    events,
    disclosures,
    checkpoints,
    now: () => "2026-11-23T05:00:00.000Z",
    countersigner: app.verifier,
  });
  const signer = noteSigner(log.origin, generateKeyPairSync("ed25519").privateKey);
  const heads = new Map<string, { size: number; root: Uint8Array }>();
  const witness = new Witness(
    { load: (origin) => heads.get(origin), save: (origin, size, root) => void heads.set(origin, { size, root }) },
    app,
    (origin) => (origin === log.origin ? [signer.verifier] : []),
  );
  return { events, disclosures, checkpoints, app, log, signer, witness };
}

describe("lines", () => {
  it("are canonical for every type of event", () => {
    const why = fc.array(fc.string({ unit: "grapheme" }), { maxLength: 4 });
    fc.assert(
      fc.property(why, fc.nat(), (words, seq) => {
        const heading = { at: "2026-11-23T05:00:00.000Z", conn: 1, seq, sid: SID };
        const body = seen(words);
        const line = encodeEvent("command.seen", heading, body);
        expect(line).toBe(canonical({ ...heading, body, type: "command.seen", v: 1 }));
        const counts = Object.fromEntries(words.map((word, at) => [word, at]));
        const masked = encodeEvent("masked", heading, { counts, cmd: "1/1" });
        expect(parseCanonical(masked)).toEqual({ ...heading, body: { counts, cmd: "1/1" }, type: "masked", v: 1 });
      }),
    );
  });

  it("that no canonical form or 32 KiB can hold are refused, and the log goes on", () => {
    const { log, events } = rig();
    log.append("command.seen", 1, seen());
    expect(() => log.append("command.seen", 1, seen(["half \ud800"]))).toThrow(JournalError);
    expect(() => log.append("command.seen", 1, seen(["x".repeat(LINE_BYTES_MAX)]))).toThrow(JournalError);
    expect(() => log.append("command.seen", 1, seen(["é".repeat(LINE_BYTES_MAX / 2)]))).toThrow(JournalError);
    expect(log.append("command.seen", 1, seen(["a text with \\ud800 written out"]))).toBe(1);
    log.flush();
    expect(events.text.split("\n")).toHaveLength(3);
  });

  it("of a maker that does not sort its keys are refused the first time", () => {
    const { log } = rig();
    expect(() => log.append("command.settled", 1, { ruling: "release", cause: "", cmd: "1/1" })).toThrow(JournalError);
  });
});

describe("the session log", () => {
  it("writes everything appended, once, in order, in one write a flush, and its head is the root over those lines", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 12 }), (batches) => {
        const { log, events } = rig();
        for (const count of batches) {
          const before = events.writes;
          for (let at = 0; at < count; at += 1) expect(log.append("command.seen", 1, seen())).toBe(log.size - 1);
          log.flush();
          expect(events.writes - before).toBe(count === 0 ? 0 : 1);
        }
        const lines = events.text.split("\n").slice(0, -1);
        expect(lines.map((line) => (parseCanonical(line) as { seq: number }).seq)).toEqual([...lines.keys()]);
        expect(log.head()).toEqual({ size: lines.length, root: rootHash(lines.map((line) => leafHash(line))) });
      }),
      { numRuns: 50 },
    );
  });

  it("takes nothing more after a write failed", () => {
    const { log, events } = rig();
    log.append("command.seen", 1, seen());
    events.broken = true;
    expect(() => log.flush()).toThrow(JournalError);
    events.broken = false;
    expect(() => log.flush()).toThrow(JournalError);
    expect(() => log.append("command.seen", 1, seen())).toThrow(JournalError);
    expect(log.head().size).toBe(0);
  });

  it("flushes by itself before waiting lines fill memory", () => {
    const { log, events } = rig();
    for (let at = 0; at < 5000; at += 1) log.append("command.settled", 1, { cause: "", cmd: "1/1", ruling: "release" });
    expect(events.writes).toBe(1);
  });

  it("writes disclosures behind their events", () => {
    const { log, events, disclosures } = rig();
    const salts = new SaltPool((bytes) => void randomFillSync(bytes));
    const text = redact("DELETE FROM users", salts);
    const seq = log.append("command.seen", 1, { ...seen(), text: [text.redacted] });
    log.disclose(text, `/${seq}/body/text/0`);
    expect(disclosures.text).toBe("");
    log.flush();
    expect(events.text).toContain(text.redacted["..."]);
    expect(parseCanonical(disclosures.text.trimEnd())).toEqual({
      digest: text.redacted["..."],
      disclosure: text.disclosure,
      ptr: "/0/body/text/0",
    });
  });

  it("tells the leaf of a fact before and after its flush, until it is cosigned", () => {
    const { log, events, signer, witness } = rig();
    log.append("connection.closed", 1, { commands: 0, received: 0, sent: 0, why: "" });
    const seq = log.append("command.seen", 1, seen());
    const leaf = log.leafOf(seq);
    log.flush();
    expect(log.leafOf(seq)).toBe(leaf);
    expect(leafHash(events.text.split("\n")[seq] ?? "").toString("base64url")).toBe(leaf);
    const head = log.checkpoint(signer);
    log.cosigned(witness.addCheckpoint(head.body, 1).body, head.size);
    expect(() => log.leafOf(seq)).toThrow(RangeError);
  });
});

describe("heads", () => {
  it("are cosigned one after another, whatever is appended meanwhile, and kept", () => {
    const { log, checkpoints, signer, witness, app } = rig();
    for (let round = 1; round <= 20; round += 1) {
      for (let at = 0; at < round; at += 1) log.append("command.seen", 1, seen());
      log.flush();
      const head = log.checkpoint(signer);
      const answer = witness.addCheckpoint(head.body, 1000 + round);
      expect(answer.status).toBe(200);
      log.append("command.seen", 1, seen());
      log.flush();
      log.cosigned(answer.body, head.size);
      expect(log.countersigned).toBe(head.size);
      expect(log.countersignedAtSeconds).toBe(1000 + round);
    }
    const notes = checkpoints.text.split("\n---\n").map((note) => parseNote(note));
    expect(notes).toHaveLength(20);
    for (const note of notes) expect(verifySignatures(note, [signer.verifier, app.verifier])).toHaveLength(2);
    const sizes = notes.map((note) => parseCheckpoint(note.text).size);
    expect(sizes).toEqual(sizes.toSorted((a, b) => a - b));
  });

  it("go on from a head whose answer was lost", () => {
    const { log, signer, witness } = rig();
    const next = () => {
      for (let at = 0; at < 5; at += 1) log.append("command.seen", 1, seen());
      log.flush();
      return log.checkpoint(signer);
    };
    const first = next();
    log.cosigned(witness.addCheckpoint(first.body, 1).body, first.size);
    const lost = next();
    expect(witness.addCheckpoint(lost.body, 2).status).toBe(200);
    const refused = witness.addCheckpoint(next().body, 3);
    expect(refused).toMatchObject({ status: 409, body: `${lost.size}\n` });
    expect(log.resume(7)).toBe(false);
    expect(log.resume(Number(refused.body))).toBe(true);
    const again = log.checkpoint(signer);
    const answer = witness.addCheckpoint(again.body, 4);
    expect(answer.status).toBe(200);
    log.cosigned(answer.body, again.size);
    expect(log.countersigned).toBe(15);
  });

  it("end the log when the answer is not made with the pinned key", () => {
    const other = rig();
    const forger = cosigner("app.example/witness", generateKeyPairSync("ed25519").privateKey);
    for (const forge of [
      (text: string) => forger.cosign(text, 1),
      (text: string) => other.app.cosign(text.replace("\n1\n", "\n2\n"), 1),
      () => "",
      () => "— app.example/witness AAAA\n",
    ]) {
      const { log, signer, app } = rig();
      log.append("command.seen", 1, seen());
      log.flush();
      const head = log.checkpoint(signer);
      const text = parseNote(head.note).text;
      const answer = forge(text).replaceAll(other.app.verifier.keyId, app.verifier.keyId);
      expect(() => log.cosigned(answer, head.size)).toThrow(JournalError);
      expect(log.countersigned).toBe(0);
      expect(() => log.append("command.seen", 1, seen())).toThrow(JournalError);
    }
  });
});
