/**
 * Follows a session's journal where it was written, and has its heads countersigned: reads the new lines from the file,
 * grows the tree, signs, asks, verifies the answer, keeps it in `checkpoints.txt`. What a head covers is therefore what
 * left the process, and nothing of this is work for the thread that carries commands.
 */
import type { KeyObject } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { type Countersigner, JournalError } from "../journal/ports.ts";
import type { Written } from "../journal/session-log.ts";
import { SessionTree } from "../journal/session-tree.ts";
import { type NoteSigner, noteSigner, parseVkey } from "../tlog/note.ts";
import { SessionFile } from "./session-file.ts";

/** What of a session its heads are made from. All of it can be handed to a thread. */
export interface Followed {
  /** The session's log, whose name its key signs under. */
  readonly origin: string;
  readonly key: KeyObject;
  /** Where `events.jsonl` is and `checkpoints.txt` will be. */
  readonly directory: string;
  /** The countersigner's key, pinned: C2SP vkey, type 0x04. */
  readonly countersignerVkey: string;
}

/** A head that was countersigned. */
export interface Countersigned {
  /** How many events it covers. */
  readonly size: number;
  /** POSIX seconds by the countersigner's own clock. */
  readonly atSeconds: number;
}

/** Has heads countersigned, one at a time. */
export interface HeadSource {
  /** Resolves when the head over everything written so far is countersigned and kept. Rejects when that cannot be. */
  countersign(written: Written): Promise<Countersigned>;
  /** Lets its files go. Resolves when they are closed. */
  close(): Promise<void>;
}

/** New lines are read in pieces of at most this, so that a session far behind costs no more memory. */
const PIECE_BYTES_MAX = 256 * 1024;

const NEWLINE = 10;

/** Follows in this thread. `ask` is the countersigner's add-checkpoint. */
export class HeadFollower implements HeadSource {
  readonly #events: number;
  readonly #checkpoints: SessionFile;
  readonly #tree: SessionTree;
  readonly #signer: NoteSigner;
  readonly #ask: Countersigner["addCheckpoint"];
  readonly #piece = Buffer.alloc(PIECE_BYTES_MAX);
  #read = 0;

  constructor(followed: Followed, ask: Countersigner["addCheckpoint"]) {
    this.#events = openSync(join(followed.directory, "events.jsonl"), "r");
    this.#checkpoints = new SessionFile(join(followed.directory, "checkpoints.txt"));
    this.#tree = new SessionTree({
      origin: followed.origin,
      countersigner: parseVkey(followed.countersignerVkey),
    });
    this.#signer = noteSigner(followed.origin, followed.key);
    this.#ask = ask;
  }

  async countersign({ size, bytes }: Written): Promise<Countersigned> {
    this.#catchUp(bytes);
    if (this.#tree.size !== size) {
      throw new JournalError(`the journal holds ${this.#tree.size} events where ${size} were written`);
    }
    const { body } = this.#tree.checkpoint(this.#signer);
    const { lines, atSeconds } = this.#tree.cosigned(await this.#ask(body), size);
    if (lines !== "") this.#checkpoints.write(lines);
    return { size, atSeconds };
  }

  async close(): Promise<void> {
    closeSync(this.#events);
    this.#checkpoints.close();
    return await Promise.resolve();
  }

  /** Reads up to that byte, whole lines at a time: a line is far shorter than a piece. */
  #catchUp(until: number): void {
    while (this.#read < until) {
      const wanted = Math.min(this.#piece.length, until - this.#read);
      const count = readSync(this.#events, this.#piece, 0, wanted, this.#read);
      const whole = this.#piece.subarray(0, count).lastIndexOf(NEWLINE) + 1;
      if (whole === 0) throw new JournalError("the journal is shorter than what was written to it");
      this.#tree.take(this.#piece.subarray(0, whole));
      this.#read += whole;
    }
  }
}
