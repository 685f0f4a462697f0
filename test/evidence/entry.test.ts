import { hash } from "node:crypto";
import { describe, expect, it } from "vitest";
import {
  encodeEntry,
  encodeErasureEntry,
  encodeHeartbeatEntry,
  encodeLostEntry,
  parseEntry,
} from "../../src/evidence/entry.ts";

const SID = "01KANAV0Q8M3T4ZS5R6X7Y8Z9A";
const session = { sid: SID, root: Buffer.alloc(32, 7), size: 19, dsse: `sha256:${"a".repeat(64)}` };
const erasure = { sid: SID, dsse: hash("sha256", "the file", "base64url") };

const heartbeat = { day: "2026-11-25", dsse: `sha256:${"b".repeat(64)}` };

describe("an entry of the log", () => {
  it("is read as what was written, of each kind", () => {
    expect(parseEntry(encodeEntry(session))).toEqual({ kind: "session", ...session });
    expect(parseEntry(encodeLostEntry(session))).toEqual({ kind: "lost", ...session });
    expect(parseEntry(encodeHeartbeatEntry(heartbeat))).toEqual({ kind: "heartbeat", ...heartbeat });
    expect(parseEntry(encodeErasureEntry(erasure))).toEqual({ kind: "erasure", ...erasure });
  });

  it("holds digests and no value, in canonical JSON", () => {
    expect(encodeErasureEntry(erasure)).toBe(`{"dsse":"${erasure.dsse}","kind":"erasure","sid":"${SID}","v":1}`);
  });

  it("of a lost session and of a heartbeat is of this form", () => {
    const root = session.root.toString("base64");
    expect(encodeLostEntry(session)).toBe(
      `{"dsse":"${session.dsse}","kind":"lost","root":"${root}","sid":"${SID}","size":19,"v":1}`,
    );
    expect(encodeHeartbeatEntry(heartbeat)).toBe(
      `{"day":"2026-11-25","dsse":"${heartbeat.dsse}","kind":"heartbeat","v":1}`,
    );
  });

  it.each(["2026-11-31", "2026-02-29", "2026-1-1", "26-11-25", "2026-11-25T00:00:00.000Z", ""])(
    "of a heartbeat of the day %j is none",
    (day) => {
      expect(parseEntry(encodeHeartbeatEntry({ ...heartbeat, day }))).toBeUndefined();
    },
  );

  it("of a heartbeat with another digest, or more, is none", () => {
    expect(parseEntry(encodeHeartbeatEntry({ ...heartbeat, dsse: "sha256:abc" }))).toBeUndefined();
    expect(parseEntry(encodeHeartbeatEntry(heartbeat).replace('"v":1', '"v":1,"w":1'))).toBeUndefined();
  });

  it.each([
    ["another kind", (text: string) => text.replace('"erasure"', '"pardon"')],
    ["another version", (text: string) => text.replace('"v":1', '"v":2')],
    ["a field more", (text: string) => text.replace('"v":1', '"v":1,"w":1')],
    ["a field less", (text: string) => text.replace(',"v":1', "")],
    ["a digest of 31 bytes", (text: string) => text.replace(/"dsse":"[^"]*"/, `"dsse":"${"A".repeat(42)}"`)],
    ["a digest in the other alphabet", (text: string) => text.replace(/"dsse":"./, '"dsse":"+')],
    ["a space", (text: string) => text.replace(":", ": ")],
    ["a newline behind", (text: string) => `${text}\n`],
    ["a byte order mark", (text: string) => `\ufeff${text}`],
    ["the fields of the other kind", (text: string) => text.replace('"erasure"', '"session"')],
  ])("with %s is none", (_name, change) => {
    expect(parseEntry(change(encodeErasureEntry(erasure)))).toBeUndefined();
  });

  it("of a session with a root or digest that is no hash is none", () => {
    expect(parseEntry(encodeEntry({ ...session, root: Buffer.alloc(31) }))).toBeUndefined();
    expect(parseEntry(encodeEntry({ ...session, dsse: "sha256:abc" }))).toBeUndefined();
    expect(parseEntry(encodeEntry(session).replace('"size":19', '"size":-1'))).toBeUndefined();
  });
});
