import { generateKeyPairSync } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { Heads } from "../../src/gateway/heads.ts";
import { SessionLog } from "../../src/journal/session-log.ts";
import { cosigner, noteSigner } from "../../src/tlog/note.ts";
import { Witness } from "../../src/tlog/witness.ts";

// Heads are asked for over what was written, and for nothing else: what is only appended leaves with the turn's flush.

const SID = "01KANAV0Q8M3T4ZS5R6X7Y8Z9A";

/** A session's log with its heads, before a countersigner that answers within the turn in which it is asked. */
function rig() {
  const sink = { write: (): void => undefined };
  const app = cosigner("countersign.test", generateKeyPairSync("ed25519").privateKey);
  const log = new SessionLog({
    sid: SID,
    logOrigin: "localhost/test/countersign",
    events: sink,
    disclosures: sink,
    checkpoints: sink,
    now: () => "2026-11-23T05:00:00.000Z",
    countersigner: app.verifier,
  });
  const signer = noteSigner(log.origin, generateKeyPairSync("ed25519").privateKey);
  const kept = new Map<string, { size: number; root: Uint8Array }>();
  const witness = new Witness(
    { load: (origin) => kept.get(origin), save: (origin, size, root) => void kept.set(origin, { size, root }) },
    app,
    () => [signer.verifier],
  );
  const asked: number[] = [];
  const failures: unknown[] = [];
  const heads = new Heads({
    log,
    signer,
    countersigner: {
      vkey: app.verifier.vkey,
      addCheckpoint: async (body) => {
        asked.push(log.head().size);
        // Asking without an end would keep this turn from ending, and the test with it.
        if (asked.length > 20) throw new Error("asked again and again");
        return await Promise.resolve(witness.addCheckpoint(body, 1_764_000_000).body);
      },
    },
    failed: (error) => void failures.push(error),
  });
  const append = (): void => void log.append("gap", 1, { cmd: "1/1", what: "something" });
  return { log, heads, asked, failures, append };
}

describe("heads", () => {
  it("are asked for once each, while more is recorded that is not written yet", async () => {
    const { log, heads, asked, failures, append } = rig();
    const released: string[] = [];
    const waiter = { countersigned: (id: string): void => void released.push(id) };
    append();
    heads.wait(waiter, "1/1");
    log.flush();
    heads.flushed();
    append(); // a later turn's flush will write it
    heads.wait(waiter, "1/2");
    await nextTurn();
    expect({ asked, failures, released }).toEqual({ asked: [1], failures: [], released: ["1/1"] });
    log.flush();
    heads.flushed();
    await nextTurn();
    expect({ asked, failures, released }).toEqual({ asked: [1, 2], failures: [], released: ["1/1", "1/2"] });
    heads.stop();
  });
});
