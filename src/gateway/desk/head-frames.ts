/**
 * How heads travel to a countersigner on the same machine: one connection, requests and answers in order. HTTP would cost
 * more than all the signing, a hundred times a second.
 *
 *   client:  <secret> LF, then for each request   uint32 length, the body of a C2SP add-checkpoint
 *   server:  for each answer                      uint32 length, <HTTP status, 3 digits> SP <body>
 */

/** No checkpoint, proof and signatures are longer. */
export const FRAME_BYTES_MAX = 64 * 1024;

const LENGTH_BYTES = 4;

/** The other side sent what no frame begins with. */
export class FrameError extends Error {
  override readonly name = "FrameError";
}

/** One frame. Throws FrameError for a text that is longer than any should be. */
export function encodeHeadFrame(text: string): Buffer {
  const length = Buffer.byteLength(text);
  if (length > FRAME_BYTES_MAX) throw new FrameError(`a frame of ${length} bytes`);
  const frame = Buffer.allocUnsafe(LENGTH_BYTES + length);
  frame.writeUInt32BE(length);
  frame.write(text, LENGTH_BYTES, "utf8");
  return frame;
}

/** Puts frames together from a stream. Law: holds at most one frame and the chunk that completed it. */
export class HeadFrames {
  #rest: Buffer = Buffer.alloc(0);

  /** The texts that are whole now. Throws FrameError for a length beyond the bound; nothing of the stream counts then. */
  take(chunk: Buffer): string[] {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const texts: string[] = [];
    while (bytes.length >= LENGTH_BYTES) {
      const length = bytes.readUInt32BE();
      if (length > FRAME_BYTES_MAX) throw new FrameError(`a frame of ${length} bytes`);
      if (bytes.length < LENGTH_BYTES + length) break;
      texts.push(bytes.toString("utf8", LENGTH_BYTES, LENGTH_BYTES + length));
      bytes = bytes.subarray(LENGTH_BYTES + length);
    }
    this.#rest = bytes;
    return texts;
  }
}
