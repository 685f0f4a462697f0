import { generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkpointText, cosigner, noteSigner, parseSignatures, verifySignatures } from "../../src/tlog/note.ts";
import { Frontier, leafHash } from "../../src/tlog/tree.ts";
import { addCheckpointBody, Witness } from "../../src/tlog/witness.ts";

const ORIGIN = "example.com/log";
const key = noteSigner(ORIGIN, generateKeyPairSync("ed25519").privateKey);
const own = cosigner("witness.example/w", generateKeyPairSync("ed25519").privateKey);

function rig() {
  const heads = new Map<string, { size: number; root: Uint8Array }>();
  const full = { disk: false };
  const witness = new Witness(
    {
      load: (origin) => heads.get(origin),
      save(origin, size, root) {
        if (full.disk) throw new Error("ENOSPC");
        heads.set(origin, { size, root });
      },
    },
    own,
    (origin) => (origin === ORIGIN ? [key.verifier] : []),
  );
  return { witness, heads, full };
}

function grown(frontier: Frontier, count: number, name = "leaf"): string {
  for (let at = 0; at < count; at += 1) frontier.append(leafHash(`${name} ${frontier.size}`));
  const text = checkpointText({ origin: ORIGIN, size: frontier.size, root: frontier.root() });
  return `${text}\n${key.sign(text)}`;
}

describe("the witness", () => {
  it("cosigns every honest step, in any steps, and what it signs verifies", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20), { maxLength: 6 }), (steps) => {
        const { witness } = rig();
        const frontier = new Frontier();
        for (const [at, count] of steps.entries()) {
          const old = frontier.baseSize;
          const note = grown(frontier, count);
          const answer = witness.addCheckpoint(addCheckpointBody(old, frontier.consistencyProof(), note), 1000 + at);
          expect(answer.status).toBe(200);
          const text = note.slice(0, note.indexOf("\n\n") + 1);
          const signed = verifySignatures({ text, signatures: parseSignatures(answer.body) }, [own.verifier]);
          expect(signed.map((each) => each.at)).toEqual([1000 + at]);
          frontier.rebase(frontier.peaks());
        }
      }),
      { numRuns: 30 },
    );
  });

  it("never cosigns a fork, whatever proof comes with it", () => {
    const { witness, heads } = rig();
    const honest = new Frontier();
    expect(witness.addCheckpoint(addCheckpointBody(0, [], grown(honest, 6)), 1).status).toBe(200);
    honest.rebase(honest.peaks());
    const fork = new Frontier();
    grown(fork, 3, "other");
    fork.rebase(fork.peaks());
    const same = grown(fork, 3);
    expect(witness.addCheckpoint(addCheckpointBody(6, [], same), 2).status).toBe(422);
    const longer = grown(fork, 4);
    for (const proof of [[], fork.consistencyProof(), honest.consistencyProof()]) {
      expect(witness.addCheckpoint(addCheckpointBody(6, proof, longer), 2).status).toBe(422);
    }
    expect(heads.get(ORIGIN)?.size).toBe(6);
  });

  it("cosigns the same head again, and refuses an old size larger than the checkpoint", () => {
    const { witness } = rig();
    const note = grown(new Frontier(), 4);
    expect(witness.addCheckpoint(addCheckpointBody(0, [], note), 1).status).toBe(200);
    expect(witness.addCheckpoint(addCheckpointBody(4, [], note), 2).status).toBe(200);
    expect(witness.addCheckpoint(addCheckpointBody(5, [], note), 2).status).toBe(400);
    expect(witness.addCheckpoint(addCheckpointBody(4, [leafHash("")], note), 2).status).toBe(422);
  });

  it("refuses a proof from nothing that is not empty", () => {
    const { witness } = rig();
    expect(witness.addCheckpoint(addCheckpointBody(0, [leafHash("")], grown(new Frontier(), 4)), 1).status).toBe(422);
  });

  it("takes an empty tree with the root of the empty tree and no other, and any tree after it", () => {
    const { witness } = rig();
    const bogus = checkpointText({ origin: ORIGIN, size: 0, root: Buffer.alloc(32, 1) });
    const refused = witness.addCheckpoint(addCheckpointBody(0, [], `${bogus}\n${key.sign(bogus)}`), 1);
    expect(refused.status).toBe(422);
    const frontier = new Frontier();
    for (const count of [0, 0, 3]) {
      expect(witness.addCheckpoint(addCheckpointBody(0, [], grown(frontier, count)), 1).status).toBe(200);
    }
    expect(witness.addCheckpoint(addCheckpointBody(0, [], grown(new Frontier(), 0)), 1)).toMatchObject({
      status: 409,
      contentType: "text/x.tlog.size",
      body: "3\n",
    });
  });

  it("says 409 with its size before it looks at a proof, and 403 before it says anything of its state", () => {
    const { witness } = rig();
    const frontier = new Frontier();
    expect(witness.addCheckpoint(addCheckpointBody(0, [], grown(frontier, 5)), 1).status).toBe(200);
    const longer = grown(frontier, 2);
    for (const old of [0, 4, 6]) {
      expect(witness.addCheckpoint(addCheckpointBody(old, [leafHash("")], longer), 1)).toMatchObject({
        status: 409,
        body: "5\n",
      });
    }
    const unsigned = longer.replace(/— .*\n$/, `— ${ORIGIN} ${Buffer.alloc(68).toString("base64")}\n`);
    expect(witness.addCheckpoint(addCheckpointBody(4, [], unsigned), 1).status).toBe(403);
    expect(witness.addCheckpoint(addCheckpointBody(9, [], unsigned), 1).status).toBe(403);
    expect(witness.addCheckpoint(addCheckpointBody(8, [], longer), 1).status).toBe(400);
  });

  it("ignores signatures of unknown keys beside the log's, and refuses one of the log's that fails", () => {
    const note = grown(new Frontier(), 4);
    const stranger = noteSigner(ORIGIN, generateKeyPairSync("ed25519").privateKey);
    const text = `${note.split("\n\n")[0]}\n`;
    const others = Array.from({ length: 15 }, () => stranger.sign(text)).join("");
    expect(rig().witness.addCheckpoint(addCheckpointBody(0, [], note + others), 1).status).toBe(200);
    expect(rig().witness.addCheckpoint(addCheckpointBody(0, [], note + key.sign("else\n")), 1).status).toBe(403);
    expect(rig().witness.addCheckpoint(addCheckpointBody(0, [], `${text}\n${others}`), 1).status).toBe(403);
    expect(rig().witness.addCheckpoint(addCheckpointBody(0, [], `${text}\n`), 1).status).toBe(403);
  });

  it("signs nothing that it could not save", () => {
    const { witness, full, heads } = rig();
    full.disk = true;
    expect(() => witness.addCheckpoint(addCheckpointBody(0, [], grown(new Frontier(), 4)), 1)).toThrow("ENOSPC");
    expect(heads.size).toBe(0);
  });

  it("never signs a time before the last", () => {
    const { witness } = rig();
    const note = grown(new Frontier(), 1);
    const time = (body: string): string => body.split(" ")[2] ?? "";
    const first = witness.addCheckpoint(addCheckpointBody(0, [], note), 2000);
    const second = witness.addCheckpoint(addCheckpointBody(1, [], note), 1000);
    expect(time(second.body)).toBe(time(first.body));
  });

  it.each([
    ["nothing", ""],
    ["no proof part", "old 0\n"],
    ["no old line", "\n\nexample.com/log\n"],
    ["a leading zero", "old 01\n\n"],
    ["a minus", "old -1\n\n"],
    ["a proof line of 31 bytes", `old 1\n${Buffer.alloc(31).toString("base64")}\n\n`],
    ["a proof line in the URL-safe alphabet", `old 1\n${"-".repeat(43)}=\n\n`],
    ["a proof line with a carriage return", `old 1\n${Buffer.alloc(32).toString("base64")}\r\n\n`],
    ["a size of 2^53", "old 9007199254740992\n\n"],
    ["a line before the old size", "\nold 0\n\n"],
    ["two old sizes", "old 0\nold 0\n\n"],
    ["64 proof lines", `old 1\n${`${Buffer.alloc(32).toString("base64")}\n`.repeat(64)}\n`],
  ])("answers 400 to %s", (_name, head) => {
    expect(rig().witness.addCheckpoint(head + grown(new Frontier(), 1), 1).status).toBe(400);
  });

  it("answers 4xx to any byte changed, and keeps its head", () => {
    const note = grown(new Frontier(), 5);
    const body = addCheckpointBody(0, [], note);
    fc.assert(
      fc.property(fc.nat(body.length - 1), fc.integer({ min: 33, max: 126 }), (at, code) => {
        const changed = `${body.slice(0, at)}${String.fromCharCode(code)}${body.slice(at + 1)}`;
        const { witness, heads } = rig();
        const { status } = witness.addCheckpoint(changed, 1);
        expect(status === 200).toBe(changed === body);
        expect(heads.size).toBe(changed === body ? 1 : 0);
      }),
    );
  });
});
