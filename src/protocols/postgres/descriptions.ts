import { decodeColumns, type RowDescription } from "./answer.ts";

/** Shapes of results that one connection sees; an application has some dozens. */
const SHAPES_MAX = 256;

/** A longer description is decoded each time: it would be dear to keep, and its result is longer still. */
const FRAME_BYTES_MAX = 4096;

/**
 * Row descriptions by their bytes. The same bytes give the same object, so that whoever asks what its columns mean can
 * remember the answer.
 */
export class Descriptions {
  readonly #known = new Map<string, RowDescription>();

  /** RowDescription ('T'), whole. Throws ProtocolError where it is malformed. */
  of(frame: Buffer): RowDescription {
    if (frame.length > FRAME_BYTES_MAX) return decodeColumns(frame);
    const key = frame.toString("latin1");
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const description = decodeColumns(frame);
    if (this.#known.size >= SHAPES_MAX) this.#known.clear();
    this.#known.set(key, description);
    return description;
  }
}
