import { describe, expect, it } from "vitest";
import { linesOfRecovery, salvage, salvageDisclosures, salvageHeads } from "../../src/gateway/torn.ts";
import { makeSession, party } from "../evidence/sealed.ts";

const session = makeSession(party());
const lines = Buffer.from(session.events).toString().split("\n").slice(0, -1);
const cut = Buffer.from(`${lines.slice(0, 8).join("\n")}\n`);
const about = { at: "2026-11-23T06:00:00.000Z", unrecorded: [] };

describe("the files of a session whose gateway died", () => {
  it("get a note of recovery once, and another one only where more was cut off", () => {
    const note = linesOfRecovery(salvage(cut), about);
    expect(note).not.toBe("");
    const once = Buffer.concat([cut, Buffer.from(note)]);
    expect(linesOfRecovery(salvage(once), about)).toBe("");
    expect(linesOfRecovery(salvage(Buffer.concat([once, Buffer.from("{")])), about)).toContain("; 1 bytes behind");
    expect(linesOfRecovery(salvage(Buffer.from(session.events)), about)).toBe("");
  });

  it("get no note about a plan's statements, which were shown and not run", () => {
    const planned = Buffer.from(makeSession(party(), { plan: {} }).events)
      .toString()
      .split("\n");
    const at = planned.findIndex((line) => line.includes('"type":"plan.answered"'));
    const whole = `${planned.slice(0, at + 1).join("\n")}\n`;
    expect(whole).toContain('"cmd":"2/1"');
    expect(linesOfRecovery(salvage(Buffer.from(whole)), about)).not.toContain('"cmd":"2/');
  });

  it("are believed up to the first line that is no event of this session in its order", () => {
    const swapped = lines.with(5, lines[6] ?? "").with(6, lines[5] ?? "");
    const foreign = lines.with(5, (lines[5] ?? "").replace(session.sid, session.sid.replace(/.$/, "0")));
    const invalid = Buffer.from(session.events);
    invalid[Buffer.from(lines.slice(0, 5).join("\n")).length + 30] = 0xff;
    const texts = [swapped.join("\n"), foreign.join("\n"), lines.with(5, "").join("\n")];
    for (const file of [...texts.map((text) => Buffer.from(`${text}\n`)), invalid]) {
      const { size, cutBytes } = salvage(file);
      expect([size, cutBytes > 0]).toEqual([5, true]);
    }
  });

  it("keep the values of the events that are kept, and whole lines of them", () => {
    const all = Buffer.from(session.disclosures);
    const seqs = (bytes: Buffer): number[] =>
      Array.from(bytes.toString().matchAll(/"ptr":"\/([0-9]+)\//g), ([, seq]) => Number(seq));
    expect(salvageDisclosures(all, 1000)).toEqual(all);
    expect(seqs(salvageDisclosures(all, 8))).toEqual(seqs(all).filter((seq) => seq < 8));
    expect(salvageDisclosures(all.subarray(0, -1), 1000).toString()).toBe(
      all.toString().split("\n").slice(0, -2).join("\n").concat("\n"),
    );
  });

  it("keep the heads of the events that are kept, up to the first that is torn", () => {
    const text = Buffer.from(session.checkpoints).toString();
    const whole = salvageHeads(text, lines.length);
    expect(whole).toEqual({ text, size: lines.length });
    expect(salvageHeads(text, lines.length - 1).size).toBeLessThan(lines.length);
    expect(salvageHeads(text.slice(0, -10), lines.length).text).toBe(
      text.split("\n---\n").slice(0, -1).join("\n---\n"),
    );
    expect(salvageHeads("", 5)).toEqual({ text: "", size: 0 });
  });
});
