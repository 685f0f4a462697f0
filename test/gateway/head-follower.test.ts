import { generateKeyPairSync } from "node:crypto";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { followInThread } from "../../src/gateway/follow-in-thread.ts";
import { type Followed, HeadFollower, type HeadSource } from "../../src/gateway/head-follower.ts";
import { cosigner, parseCheckpoint, parseNote, parseVkey, verifySignatures } from "../../src/tlog/note.ts";
import { leafHash, rootHash } from "../../src/tlog/tree.ts";
import { ORIGIN, type Running, registered } from "./desk/running.ts";

// Both ways to follow a session, in this thread and in one of its own, against a real countersigner.

let directory = "";
let running: Running;
const lines: string[] = [];
const sources: HeadSource[] = [];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "follow-"));
  writeFileSync(join(directory, "events.jsonl"), "");
  lines.length = 0;
  running = await registered();
});

afterEach(async () => {
  for (const source of sources.splice(0)) await source.close();
  await running.stop();
  running.remove();
  rmSync(directory, { recursive: true, force: true });
});

const WAYS: Readonly<Record<string, (followed: Followed) => HeadSource>> = {
  "in this thread": (followed) => new HeadFollower(followed, async (body) => await running.client.addCheckpoint(body)),
  "in a thread": (followed) =>
    followInThread(followed, { kind: "socket", socketPath: running.socketPath, secret: running.desk.secret }),
};

function write(count: number): { readonly size: number; readonly bytes: number } {
  for (let at = 0; at < count; at += 1) lines.push(`{"n":${lines.length},"pad":"${"é".repeat(200)}"}`);
  appendFileSync(
    join(directory, "events.jsonl"),
    lines
      .slice(-count)
      .map((line) => `${line}\n`)
      .join(""),
  );
  return { size: lines.length, bytes: Buffer.byteLength(readFileSync(join(directory, "events.jsonl"))) };
}

describe.each(Object.keys(WAYS))("a session that is followed %s", (way) => {
  const follow = (over: Partial<Followed> = {}): HeadSource => {
    const followed = {
      origin: ORIGIN,
      key: running.sessionKey,
      directory,
      countersignerVkey: running.desk.vkey,
      ...over,
    };
    const source = WAYS[way]?.(followed);
    if (source === undefined) throw new Error(`there is no way "${way}"`);
    sources.push(source);
    return source;
  };

  it("has the head over all that was written countersigned and kept, each time", async () => {
    const source = follow();
    for (const count of [1, 7, 2000]) {
      const written = write(count);
      expect(await source.countersign(written)).toMatchObject({ size: written.size });
    }
    const notes = readFileSync(join(directory, "checkpoints.txt"), "utf8")
      .split("\n---\n")
      .map((each) => parseNote(each));
    expect(notes.map(({ text }) => parseCheckpoint(text).size)).toEqual([1, 8, 2008]);
    for (const note of notes) {
      const { size, root } = parseCheckpoint(note.text);
      expect(root).toEqual(rootHash(lines.slice(0, size).map((line) => leafHash(line))));
      const keys = [running.session.verifier, parseVkey(running.desk.vkey)];
      expect(verifySignatures(note, keys)).toHaveLength(2);
    }
  });

  it("fails when the journal is shorter than what was said to be written, or holds fewer events", async () => {
    const written = write(3);
    await expect(follow().countersign({ size: 3, bytes: written.bytes + 10 })).rejects.toThrow(/shorter/);
    rmSync(join(directory, "checkpoints.txt"));
    await expect(follow().countersign({ size: 4, bytes: written.bytes })).rejects.toThrow(/holds 3 events/);
  });

  it("fails when the answer is not made with the pinned key, and when the countersigner is gone", async () => {
    const stranger = cosigner("countersign.local", generateKeyPairSync("ed25519").privateKey).verifier.vkey;
    await expect(follow({ countersignerVkey: stranger }).countersign(write(1))).rejects.toThrow(/does not verify/);
    rmSync(join(directory, "checkpoints.txt"));
    await running.desk.close();
    await expect(follow().countersign(write(1))).rejects.toThrow(/countersigner/);
  });
});
