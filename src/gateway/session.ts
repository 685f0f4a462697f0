import { type KeyObject, randomFillSync } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SaltPool } from "../journal/disclosure.ts";
import { JournalError } from "../journal/ports.ts";
import { SessionLog, sessionOrigin } from "../journal/session-log.ts";
import type { Masker } from "../masking/mask.ts";
import type { SessionId } from "../model/session.ts";
import { noteSigner } from "../tlog/note.ts";
import type { Followed, HeadSource } from "./head-follower.ts";
import { Heads } from "./heads.ts";
import { Recorder } from "./recorder.ts";
import { SessionFile } from "./session-file.ts";
import { Turn } from "./turn.ts";

// One session's own things: its key, its files in the state directory, its journal, its heads. What goes wrong with any
// of them ends the session: everything pending is refused, and nothing is released any more.

export interface Stats {
  commands: number;
  denied: number;
  held: number;
}

export interface SessionParts {
  readonly sid: SessionId;
  /** Its own Ed25519 key, which never leaves this process but to be kept for a recovery. */
  readonly key: KeyObject;
  /** Where the session's write-ahead files are kept: `<directory>/events.jsonl` and its neighbours. */
  readonly directory: string;
  readonly logOrigin: string;
  /** The countersigner's key, and how its heads are had from it; undefined where there is no countersigner. */
  readonly countersigner: { readonly vkey: string; readonly follow: (followed: Followed) => HeadSource } | undefined;
  readonly masker: Masker;
  /** True adds fdatasync to every write before bytes move. */
  readonly sync: boolean;
  /** Told once, when the session cannot go on. */
  readonly failed: (why: string) => void;
}

export class Session {
  readonly sid: SessionId;
  readonly directory: string;
  readonly origin: string;
  readonly log: SessionLog;
  readonly turn: Turn;
  readonly heads: Heads;
  readonly recorder: Recorder;
  readonly stats: Stats = { commands: 0, denied: 0, held: 0 };
  /** C2SP vkey of the session's key. */
  readonly vkey: string;
  readonly #key: KeyObject;
  readonly #files: SessionFile[];
  readonly #failed: (why: string) => void;
  #failure = "";

  constructor(parts: SessionParts) {
    this.sid = parts.sid;
    this.directory = parts.directory;
    this.origin = sessionOrigin(parts.logOrigin, parts.sid);
    this.#failed = parts.failed;
    mkdirSync(join(parts.directory, "approvals"), { recursive: true, mode: 0o700 });
    this.#key = parts.key;
    this.vkey = noteSigner(this.origin, this.#key).verifier.vkey;
    const events = new SessionFile(join(parts.directory, "events.jsonl"), parts);
    const disclosures = new SessionFile(join(parts.directory, "disclosures.jsonl"), parts);
    this.#files = [events, disclosures];
    const clock = new Clock();
    this.log = new SessionLog({
      sid: parts.sid,
      events,
      disclosures,
      now: () => clock.now(),
    });
    this.heads = new Heads({
      log: this.log,
      source: parts.countersigner?.follow({
        origin: this.origin,
        key: this.#key,
        directory: parts.directory,
        countersignerVkey: parts.countersigner.vkey,
      }),
      failed: (error) => this.fail(error),
    });
    this.turn = new Turn(() => this.#flush());
    this.recorder = new Recorder({
      log: this.log,
      salts: new SaltPool((bytes) => randomFillSync(bytes)),
      masker: parts.masker,
    });
  }

  /** The session's private key, for the statement that seals it. */
  get key(): KeyObject {
    return this.#key;
  }

  /** Why the session failed; empty while it goes on. */
  get failure(): string {
    return this.#failure;
  }

  /** Nothing can be recorded or countersigned any more: everything refuses from here on. */
  fail(error: unknown): void {
    if (this.#failure !== "") return;
    this.#failure = error instanceof Error ? error.message : "the session failed";
    this.heads.stop();
    this.#failed(this.#failure);
  }

  /** Keeps a signed answer beside the events. Throws JournalError. */
  keepApproval(request: string, dsse: string): void {
    try {
      writeFileSync(join(this.directory, "approvals", `${request}.dsse.json`), dsse, { mode: 0o600, flag: "wx" });
    } catch (cause) {
      throw new JournalError("a signed answer could not be kept; check the disk", { cause });
    }
  }

  /** Resolves when everything recorded so far is written and countersigned. Rejects when that cannot be. */
  async settled(): Promise<void> {
    if (!this.#flush()) throw new JournalError(this.#failure);
    await this.heads.settle();
  }

  /** The session never began: no job's command ran on it. Its files stay, and its threads end. */
  async abandon(): Promise<void> {
    this.#failure = "the session did not begin";
    await this.heads.close();
    for (const file of this.#files) file.close();
  }

  /** Writes what is left, has it countersigned and closes the files. Throws when that cannot be done. */
  async end(): Promise<void> {
    try {
      if (this.#flush()) await this.heads.settle();
    } finally {
      await this.heads.close();
    }
    for (const file of this.#files) file.close();
  }

  #flush(): boolean {
    if (this.#failure !== "") return false;
    try {
      this.log.flush();
    } catch (error) {
      this.fail(error);
      return false;
    }
    this.heads.flushed();
    return true;
  }
}

/** The wall clock as RFC 3339, written out once per millisecond. */
class Clock {
  #ms = 0;
  #text = "";

  now(): string {
    const ms = Date.now();
    if (ms !== this.#ms) {
      this.#ms = ms;
      this.#text = new Date(ms).toISOString();
    }
    return this.#text;
  }
}
