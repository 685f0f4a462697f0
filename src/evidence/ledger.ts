// Where evidence is kept: a git branch, a folder, later other places. One version at a time is read and replaced whole.

/** A file of the evidence, its path relative to the ledger's root with `/` between names. */
export interface EvidenceFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** Something lies where evidence belongs that must not be read: a link, a device, a file beyond all bounds. */
export class EvidenceError extends Error {
  override readonly name: string = "EvidenceError";
}

/** Reads one version of the evidence; what it gives does not change while others write. */
export interface EvidenceReader {
  /**
   * The bytes of a file, or undefined where there is none. Never follows a link, never leaves the root. Rejects with
   * EvidenceError for what must not be read.
   */
  read(path: string): Promise<Uint8Array | undefined>;
  /** Names in a folder, files and folders, in no order that means anything. Empty where there is none. */
  list(folder: string): Promise<readonly string[]>;
}

/** What one step changes. */
export interface Change {
  readonly files: readonly EvidenceFile[];
  /** Paths that are no longer needed: partial tiles that a wider one replaced. */
  readonly removed: readonly string[];
  /** One line for whoever reads the ledger's own history. */
  readonly message: string;
  /**
   * `forgotten`: no version before this one may stay reachable in the ledger, for something was erased. That holds for
   * the evidence; the log in a branch of its own is append-only for everybody. Otherwise the past stays.
   */
  readonly past?: "forgotten";
}

/** Keeps evidence. Any number of processes may update one ledger at once. */
export interface Ledger {
  /**
   * Applies the change that `plan` makes of the newest version, as one step: wholly or not at all. When somebody else
   * was faster, `plan` is called again with their version. `plan` says "nothing" when there is nothing to do.
   */
  update(plan: (now: EvidenceReader) => Promise<Change | "nothing">): Promise<"done" | "nothing">;
}

/** Signs checkpoints of the repository's log. The countersigner does; in local mode with its one key. */
export interface LogSigner {
  /** The log's own key, type 0x01, whose name is the log's origin. */
  readonly logVkey: string;
  /** The countersigner's key, type 0x04; undefined where nobody cosigns. */
  readonly countersignerVkey: string | undefined;
  /** The signature lines for this checkpoint text: the log's own, and the countersigner's where there is one. */
  sign(checkpointText: string): Promise<string>;
}
