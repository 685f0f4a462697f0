import { generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { JournalError } from "../../src/journal/ports.ts";
import { SessionTree } from "../../src/journal/session-tree.ts";
import { cosigner, noteSigner, parseCheckpoint, parseNote, verifySignatures } from "../../src/tlog/note.ts";
import { leafHash, rootHash } from "../../src/tlog/tree.ts";
import { Witness } from "../../src/tlog/witness.ts";

const ORIGIN = "example.com/log/s/01KANAV0Q8M3T4ZS5R6X7Y8Z9A";

function rig() {
  const app = cosigner("app.example/witness", generateKeyPairSync("ed25519").privateKey);
  const tree = new SessionTree({ origin: ORIGIN, countersigner: app.verifier });
  const signer = noteSigner(ORIGIN, generateKeyPairSync("ed25519").privateKey);
  const heads = new Map<string, { size: number; root: Uint8Array }>();
  const witness = new Witness(
    { load: (origin) => heads.get(origin), save: (origin, size, root) => void heads.set(origin, { size, root }) },
    app,
    (origin) => (origin === ORIGIN ? [signer.verifier] : []),
  );
  let line = 0;
  const take = (count: number): void => {
    for (let at = 0; at < count; at += 1) tree.take(Buffer.from(`{"seq":${line++}}\n`));
  };
  return { app, tree, signer, witness, take };
}

it("has as its head the root over the lines it took, however they came", () => {
  // Long enough now and then for what a leaf is put together in.
  const entry = fc.oneof(
    fc.string({ maxLength: 40 }),
    fc.integer({ min: 4000, max: 4200 }).map((length) => "x".repeat(length)),
  );
  const lines = fc.array(
    fc.array(
      entry.map((text) => text.replaceAll("\n", "")),
      { maxLength: 5 },
    ),
    { maxLength: 5 },
  );
  fc.assert(
    fc.property(lines, (batches) => {
      const { tree } = rig();
      for (const batch of batches) tree.take(Buffer.from(batch.map((each) => `${each}\n`).join("")));
      const all = batches.flat();
      expect(tree.head()).toEqual({ size: all.length, root: rootHash(all.map((each) => leafHash(each))) });
    }),
    { numRuns: 50 },
  );
});

it("refuses a line without its end", () => {
  expect(() => rig().tree.take(Buffer.from("a\nb"))).toThrow(JournalError);
});

describe("heads", () => {
  it("are cosigned one after another, whatever is taken meanwhile, and given to be kept", () => {
    const { tree, signer, witness, app, take } = rig();
    let kept = "";
    for (let round = 1; round <= 20; round += 1) {
      take(round);
      const head = tree.checkpoint(signer);
      const answer = witness.addCheckpoint(head.body, 1000 + round);
      expect(answer.status).toBe(200);
      take(1);
      const { lines, atSeconds } = tree.cosigned(answer.body, head.size);
      expect(atSeconds).toBe(1000 + round);
      kept += lines;
    }
    const notes = kept.split("\n---\n").map((note) => parseNote(note));
    expect(notes).toHaveLength(20);
    for (const note of notes) expect(verifySignatures(note, [signer.verifier, app.verifier])).toHaveLength(2);
    const sizes = notes.map((note) => parseCheckpoint(note.text).size);
    expect(sizes).toEqual(sizes.toSorted((a, b) => a - b));
  });

  it("go on from a head whose answer was lost", () => {
    const { tree, signer, witness, take } = rig();
    const next = () => {
      take(5);
      return tree.checkpoint(signer);
    };
    const first = next();
    tree.cosigned(witness.addCheckpoint(first.body, 1).body, first.size);
    const lost = next();
    expect(witness.addCheckpoint(lost.body, 2).status).toBe(200);
    const refused = witness.addCheckpoint(next().body, 3);
    expect(refused).toMatchObject({ status: 409, body: `${lost.size}\n` });
    expect(tree.resume(7)).toBe(false);
    expect(tree.resume(Number(refused.body))).toBe(true);
    const again = tree.checkpoint(signer);
    const answer = witness.addCheckpoint(again.body, 4);
    expect(answer.status).toBe(200);
    expect(tree.cosigned(answer.body, again.size).lines).not.toBe("");
    expect(again.size).toBe(15);
  });

  it("are not taken from an answer that is not made with the pinned key", () => {
    const other = rig();
    const forger = cosigner("app.example/witness", generateKeyPairSync("ed25519").privateKey);
    for (const forge of [
      (text: string) => forger.cosign(text, 1),
      (text: string) => other.app.cosign(text.replace("\n1\n", "\n2\n"), 1),
      () => "",
      () => "— app.example/witness AAAA\n",
    ]) {
      const { tree, signer, app, take } = rig();
      take(1);
      const head = tree.checkpoint(signer);
      const text = parseNote(head.note).text;
      const answer = forge(text).replaceAll(other.app.verifier.keyId, app.verifier.keyId);
      expect(() => tree.cosigned(answer, head.size)).toThrow(JournalError);
    }
  });
});
