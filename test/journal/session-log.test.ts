import { randomFillSync } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { redact, SaltPool } from "../../src/journal/disclosure.ts";
import { canonical, parseCanonical } from "../../src/journal/jcs.ts";
import { LINE_BYTES_MAX, LineEncoder } from "../../src/journal/line.ts";
import { JournalError } from "../../src/journal/ports.ts";
import { SessionLog } from "../../src/journal/session-log.ts";
import type { EventBodies, EventType } from "../../src/model/event.ts";
import { leafHash } from "../../src/tlog/tree.ts";

const SID = "01KANAV0Q8M3T4ZS5R6X7Y8Z9A";
const DIGEST = "NCjc23plJsmbRaPWtXo5W-GOF-AO52HzeJg6aNSqgP8";

class MemorySink {
  text = "";
  writes = 0;
  broken = false;
  write(lines: string): number {
    if (this.broken) throw new Error("ENOSPC: no space left on device");
    this.writes += 1;
    this.text += lines;
    return Buffer.byteLength(lines);
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
  const log = new SessionLog({ sid: SID, events, disclosures, now: () => "2026-11-23T05:00:00.000Z" });
  return { events, disclosures, log };
}

function entriesOf(bodies: Partial<EventBodies>): [EventType, never][] {
  return Object.entries(bodies) as [EventType, never][];
}

describe("lines", () => {
  it("are canonical for every type of event", () => {
    const words = fc.array(fc.string({ unit: "grapheme" }), { maxLength: 4 });
    const values = fc.array(fc.constant({ "...": DIGEST }), { maxLength: 3 });
    const encoder = new LineEncoder(SID);
    fc.assert(
      fc.property(words, words, values, fc.nat(), fc.boolean(), (why, more, held, seq, flag) => {
        const heading = { at: "2026-11-23T05:00:00.000Z", conn: 1, seq };
        const word = more.join(" ");
        const bodies: Partial<EventBodies> = {
          "command.seen": {
            ...seen(why),
            params: held,
            text: held,
            textOf: -1,
            bounded: flag,
            tx: flag,
            objects: more,
          },
          "command.decided": { cmd: "2/7", decision: "hold", matched: why, message: word, rule: word },
          "command.settled": { cause: word, cmd: "2/7", ruling: "refuse" },
          "command.returned": {
            bytes: seq,
            cmd: "2/7",
            code: word,
            copied: { bytes: seq, digest: "" },
            digest: DIGEST,
            execution: 1,
            masked: 0,
            outcome: "completed",
            response: held,
            rows: seq,
            tookUs: seq,
            truncated: flag,
          },
          masked: { counts: Object.fromEntries(why.map((each, at) => [each, at])), cmd: "1/1" },
        };
        // Twice: what is remembered of the first must be as canonical as what was written anew.
        for (const [type, body] of [...entriesOf(bodies), ...entriesOf(bodies)]) {
          expect(encoder.encode(type, heading, body)).toBe(canonical({ ...heading, sid: SID, body, type, v: 1 }));
        }
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

  it("that hold a number which JSON does not keep exactly are refused", () => {
    const { log } = rig();
    for (const bytes of [0.5, Number.NaN, 2 ** 53]) {
      expect(() => log.append("command.seen", 1, { ...seen(), bytes })).toThrow(JournalError);
    }
  });
});

describe("the session log", () => {
  it("writes everything appended, once, in order, in one write a flush, and says how far it is written", () => {
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
        expect(log.written).toEqual({ size: lines.length, bytes: Buffer.byteLength(events.text) });
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
    expect(log.written).toEqual({ size: 0, bytes: 0 });
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

  it("tells the leaf of a fact before its flush and right after it", () => {
    const { log, events } = rig();
    log.append("connection.closed", 1, { commands: 0, received: 0, sent: 0, why: "" });
    const seq = log.append("command.seen", 1, seen());
    const leaf = log.leafOf(seq);
    log.flush();
    expect(log.leafOf(seq)).toBe(leaf);
    expect(leafHash(events.text.split("\n")[seq] ?? "").toString("base64url")).toBe(leaf);
    log.append("command.seen", 1, seen());
    log.flush();
    expect(() => log.leafOf(seq)).toThrow(RangeError);
  });

  it("tells the leaf of a fact whose flush came by itself", () => {
    const { log } = rig();
    for (let at = 0; at < 4095; at += 1) log.append("command.settled", 1, { cause: "", cmd: "1/1", ruling: "release" });
    const seq = log.append("command.seen", 1, seen());
    const leaf = log.leafOf(seq);
    log.append("command.decided", 1, { cmd: "1/1", decision: "hold", matched: [], message: "", rule: "r" });
    expect(log.leafOf(seq)).toBe(leaf);
  });
});
