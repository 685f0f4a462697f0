// Sessions in the state directory that are not sealed: which of them run, and what is needed to seal one whose gateway died.
//
//   sessions/<sid>/         what the gateway wrote: events, disclosures, heads, answers
//   unsealed/<sid>.json     where it is to be sealed, and its key; for this user alone, like the countersigner's key beside it
//   unsealed/<sid>.claim.*  the process that runs it, or is sealing it

import { createPrivateKey, type KeyObject } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { codeOf, type Holder, tryClaim } from "./ledger/lock.ts";

/** Where a session belongs when it ends. */
export interface Destination {
  /** As `--ledger` names it. */
  readonly ledger: string;
  /** The folder that a branch or a relative path is meant in. */
  readonly directory: string;
}

/** What a session leaves for whoever seals it. */
export interface Estate extends Destination {
  /** The session's private key. */
  readonly key: KeyObject;
}

/** A session that this process alone runs, or seals. */
export interface ClaimedSession {
  readonly directory: string;
  /** Keeps what another process would need to seal it. */
  keep(estate: Estate): void;
  /** What was kept; undefined where nothing was, or it cannot be read. */
  estate(): Estate | undefined;
  /** Removes its files: it is sealed, or nothing happened in it. Killed in between, the next look at them removes it. */
  remove(): void;
  /** Lets others have it. Does nothing after `remove`. */
  release(): void;
}

/** Longer than any key and any path by far. */
const NOTE_BYTES_MAX = 64 * 1024;

const SESSION = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;
const SEALED = ".sealed";

/** The sessions of one state directory. */
export class UnsealedSessions {
  readonly sessionsDirectory: string;
  readonly #notes: string;

  /** Makes its folders, for this user alone, where they are not there. */
  constructor(stateDirectory: string) {
    this.sessionsDirectory = join(stateDirectory, "sessions");
    this.#notes = join(stateDirectory, "unsealed");
    for (const folder of [this.sessionsDirectory, this.#notes]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  }

  /** Sessions with files, in order of time. Removes what is left of those that were sealed. */
  list(): readonly string[] {
    const names = readdirSync(this.sessionsDirectory);
    for (const name of names) if (name.endsWith(SEALED)) remove(join(this.sessionsDirectory, name));
    return names.filter((name) => SESSION.test(name)).toSorted();
  }

  /** Takes a session, new or left by a process that is gone, or says who has it. */
  claim(sid: string): ClaimedSession | Holder {
    const claim = tryClaim(join(this.#notes, `${sid}.claim`));
    if (!("release" in claim)) return claim;
    const directory = join(this.sessionsDirectory, sid);
    const note = join(this.#notes, `${sid}.json`);
    return {
      directory,
      keep: ({ ledger, directory: home, key }) => {
        const pem = key.export({ format: "pem", type: "pkcs8" });
        writeFileSync(note, JSON.stringify({ directory: home, key: pem, ledger }), { flag: "wx", mode: 0o600 });
      },
      estate: () => readNote(note),
      remove: () => {
        // Renamed first: half a session's folder must never be taken for a session.
        if (existsSync(directory)) renameSync(directory, `${directory}${SEALED}`);
        remove(note);
        remove(`${directory}${SEALED}`);
      },
      release: () => claim.release(),
    };
  }
}

function remove(path: string): void {
  rmSync(path, { recursive: true, force: true });
}

function readNote(path: string): Estate | undefined {
  try {
    const text = readFileSync(path, "utf8");
    if (text.length > NOTE_BYTES_MAX) return undefined;
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null) return undefined;
    const fields = new Map<string, unknown>(Object.entries(value));
    const [ledger, directory, pem] = ["ledger", "directory", "key"].map((name) => fields.get(name));
    if (typeof ledger !== "string" || typeof directory !== "string" || typeof pem !== "string") return undefined;
    return { ledger, directory, key: createPrivateKey(pem) };
  } catch (error) {
    // Killed while it was written, or never written: then there is no key to sign with.
    if (error instanceof SyntaxError || codeOf(error) === "ENOENT" || codeOf(error)?.startsWith("ERR_OSSL") === true) {
      return undefined;
    }
    throw error;
  }
}
