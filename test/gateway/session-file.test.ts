import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { SessionFile } from "../../src/gateway/session-file.ts";
import { SessionLog } from "../../src/journal/session-log.ts";

let directory = "";

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "session-file-"));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

it("keeps lines whole and in order, whatever their length, and counts their bytes", () => {
  const file = new SessionFile(join(directory, "lines"));
  const lines = ["a", "é".repeat(10), "x".repeat(300_000), "", "y".repeat(1_200_000), "z"];
  for (const line of lines) file.add(line);
  file.flush();
  const written = readFileSync(join(directory, "lines"));
  expect(written.toString()).toBe(lines.map((line) => `${line}\n`).join(""));
  expect(file.bytes).toBe(written.length);
  file.close();
});

it("never makes a journal say that more bytes are written than lines, though a large turn is written early", () => {
  const events = new SessionFile(join(directory, "events.jsonl"));
  const disclosures = new SessionFile(join(directory, "disclosures.jsonl"));
  const now = (): string => "2026-11-23T05:00:00.000Z";
  const log = new SessionLog({ sid: "01KANAV0Q8M3T4ZS5R6X7Y8Z9A", events, disclosures, now });
  const whole = (): void => {
    const { size, bytes } = log.written;
    const text = readFileSync(join(directory, "events.jsonl")).subarray(0, bytes).toString();
    expect(text.split("\n").length - 1).toBe(size);
  };
  for (let at = 0; at < 3_000; at += 1) {
    log.append("gap", 1, { cmd: "1/1", what: "w".repeat(700) });
    if (at % 500 === 0) whole();
  }
  // More than a file keeps in memory was appended, so some of it is in the file already.
  expect(readFileSync(join(directory, "events.jsonl")).length).toBeGreaterThan(0);
  expect(log.written).toEqual({ size: 0, bytes: 0 });
  log.flush();
  expect(log.written.size).toBe(3_000);
  whole();
  events.close();
  disclosures.close();
});
