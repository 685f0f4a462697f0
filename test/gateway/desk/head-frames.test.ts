import { randomBytes } from "node:crypto";
import { statSync } from "node:fs";
import { connect } from "node:net";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { headSocketPath } from "../../../src/gateway/desk/head-door.ts";
import { encodeHeadFrame, FRAME_BYTES_MAX, FrameError, HeadFrames } from "../../../src/gateway/desk/head-frames.ts";
import { type Running, registered } from "./running.ts";

describe("frames of heads", () => {
  it("come out as they went in, however the stream is cut", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "grapheme" })), fc.array(fc.nat()), (texts, points) => {
        const stream = Buffer.concat(texts.map((each) => encodeHeadFrame(each)));
        const edges = [0, ...points.map((each) => each % (stream.length + 1)).toSorted((a, b) => a - b), stream.length];
        const frames = new HeadFrames();
        const out = edges.slice(1).flatMap((edge, at) => frames.take(stream.subarray(edges[at], edge)));
        expect(out).toEqual(texts);
      }),
    );
  });

  it("are bounded both ways", () => {
    expect(() => encodeHeadFrame("x".repeat(FRAME_BYTES_MAX + 1))).toThrow(FrameError);
    expect(() => new HeadFrames().take(Buffer.from([0, 1, 0, 1]))).toThrow(FrameError);
  });
});

describe("the countersigner's socket for heads", () => {
  let running: Running | undefined;

  afterEach(async () => {
    await running?.stop();
    running?.remove();
  });

  /** What it answers until it hangs up. */
  async function say(bytes: Uint8Array): Promise<Buffer> {
    running ??= await registered();
    const socket = connect(headSocketPath(running.socketPath));
    const chunks: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    socket.on("error", () => undefined);
    socket.end(bytes);
    await new Promise<void>((resolve) => socket.once("close", () => resolve()));
    return Buffer.concat(chunks);
  }

  it("hangs up on who does not know the secret, and on bytes without end", async () => {
    const frame = encodeHeadFrame("old 0\n");
    for (const secret of ["", "x", randomBytes(32).toString("base64url")]) {
      expect(await say(Buffer.concat([Buffer.from(`${secret}\n`), frame]))).toHaveLength(0);
    }
    expect(await say(Buffer.alloc(1000, 65))).toHaveLength(0);
  });

  it("answers what it is asked, and hangs up on a frame that is too long", async () => {
    running = await registered();
    const hello = Buffer.from(`${running.desk.secret}\n`);
    const answer = await say(Buffer.concat([hello, encodeHeadFrame("nonsense")]));
    expect(answer.toString("utf8", 4)).toMatch(/^400 /);
    expect(await say(Buffer.concat([hello, Buffer.from("ffffffff", "hex")]))).toHaveLength(0);
  });

  it("is this user's alone", async () => {
    running = await registered();
    expect(statSync(headSocketPath(running.socketPath)).mode & 0o777).toBe(0o600);
  });
});
