/**
 * The heads that this countersigner has signed, one small file a session, so that a restart forgets none of them.
 *
 * A head is written before it is cosigned, in place and within one page of the file, by write(2): killing the process
 * cannot tear it. A power cut may lose the last ones; the session dies with the machine then.
 *
 *   <size, 16 digits, blanks before it> SP <root, 44 characters of base 64> LF     62 bytes, written in place
 *   <origin> LF <session's vkey> LF                                               written once
 */
import {
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { isKeyName, parseCount, parseVkey, type Verifier } from "../../tlog/note.ts";
import type { WitnessState } from "../../tlog/witness.ts";

/** A session's file is damaged. Nothing is cosigned for it any more. */
class HeadError extends Error {
  override readonly name = "HeadError";
}

/** A session and the key that signs its heads. */
export interface Registration {
  readonly sid: string;
  /** The session log's name, which ends in `/` and the session's id. */
  readonly origin: string;
  /** C2SP vkey, type 0x01. */
  readonly vkey: string;
}

interface Open {
  readonly sid: string;
  readonly file: number;
  readonly verifier: Verifier;
}

const HEAD_BYTES = 62;
const SIZE_DIGITS = 16;
const SID = /^[0-9A-HJKMNP-TV-Z]{26}$/;
// Names are shorter; a longer one would be somebody filling the disk.
const NAME_CHARACTERS_MAX = 512;
// A countersigner serves one run, which has one session; beyond this the oldest file is closed, not forgotten.
const OPEN_FILES_MAX = 64;

/** Law: `load` gives what the last `save` for that origin wrote, in this process or an earlier one. */
export class HeadFiles implements WitnessState {
  readonly #directory: string;
  readonly #open = new Map<string, Open>();

  /** Keeps its files in `directory`, which is made (0700) when it is not there. */
  constructor(directory: string) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    this.#directory = directory;
  }

  /**
   * Takes down which key signs a session's heads. `known` when this very registration was made before, `taken` when
   * the session has another key or origin: the first one stands.
   */
  register({ sid, origin, vkey }: Registration): "new" | "known" | "taken" {
    const path = join(this.#directory, sid);
    const fresh = `${path}.new`;
    rmSync(fresh, { force: true });
    writeFileSync(fresh, `${headLine(0, Buffer.alloc(32))}${origin}\n${vkey}\n`, { flag: "wx", mode: 0o600 });
    try {
      linkSync(fresh, path);
      return "new";
    } catch (error) {
      if (!isCode(error, "EEXIST")) {
        throw error;
      }
      const open = this.#openSession(origin);
      return open?.sid === sid && open.verifier.vkey === vkey ? "known" : "taken";
    } finally {
      rmSync(fresh, { force: true });
    }
  }

  /** The keys trusted for an origin: the registered one, or none. */
  keysOf(origin: string): readonly Verifier[] {
    const open = this.#openSession(origin);
    return open === undefined ? [] : [open.verifier];
  }

  /** Is there a session of this id, registered now or by an earlier process. */
  isRegistered(sid: string): boolean {
    return SID.test(sid) && existsSync(join(this.#directory, sid));
  }

  load(origin: string): { readonly size: number; readonly root: Uint8Array } | undefined {
    const open = this.#openSession(origin);
    if (open === undefined) {
      return undefined;
    }
    // Read from the file each time: were another process to move the head, this one would see it.
    const bytes = Buffer.alloc(HEAD_BYTES);
    const count = readSync(open.file, bytes, 0, HEAD_BYTES, 0);
    const text = bytes.toString("latin1", 0, count);
    const size = parseCount(text.slice(0, SIZE_DIGITS).trimStart());
    const root = Buffer.from(text.slice(SIZE_DIGITS + 1), "base64");
    if (size === undefined || headLine(size, root) !== text) {
      throw new HeadError(`the head of session ${open.sid} cannot be read: nothing more is cosigned for it`);
    }
    return { size, root };
  }

  save(origin: string, size: number, root: Uint8Array): void {
    const open = this.#openSession(origin);
    if (open === undefined || writeSync(open.file, headLine(size, root), 0, "latin1") !== HEAD_BYTES) {
      throw new HeadError(`the head of ${origin} cannot be written: nothing more is cosigned for it`);
    }
  }

  close(): void {
    for (const { file } of this.#open.values()) {
      closeSync(file);
    }
    this.#open.clear();
  }

  #openSession(origin: string): Open | undefined {
    const known = this.#open.get(origin);
    if (known !== undefined) {
      return known;
    }
    const sid = origin.slice(origin.lastIndexOf("/") + 1);
    if (!SID.test(sid)) {
      return undefined;
    }
    const path = join(this.#directory, sid);
    let file: number;
    try {
      file = openSync(path, "r+");
    } catch (error) {
      if (isCode(error, "ENOENT")) {
        return undefined;
      }
      throw error;
    }
    const [, ownOrigin, vkey] = readFileSync(path, "utf8").split("\n");
    if (ownOrigin !== origin || vkey === undefined) {
      closeSync(file);
      return undefined;
    }
    const open = { sid, file, verifier: parseVkey(vkey) };
    this.#open.set(origin, open);
    const [oldest] = this.#open;
    if (this.#open.size > OPEN_FILES_MAX && oldest !== undefined) {
      closeSync(oldest[1].file);
      this.#open.delete(oldest[0]);
    }
    return open;
  }
}

/** What is wrong with a registration, as a sentence; empty when nothing is. */
export function faultOfRegistration({ sid, origin, vkey }: Registration): string {
  if (!SID.test(sid)) {
    return "sid must be a ULID: 26 characters of Crockford's base 32";
  }
  if (!isKeyName(origin) || origin.length > NAME_CHARACTERS_MAX || !origin.endsWith(`/${sid}`)) {
    return "origin must be a name without blanks that ends in / and the session's id";
  }
  try {
    return vkey.length <= NAME_CHARACTERS_MAX * 2 && parseVkey(vkey).kind === "log" ? "" : "vkey must be of type 0x01";
  } catch {
    return "vkey must be a C2SP verifier key of type 0x01";
  }
}

function headLine(size: number, root: Uint8Array): string {
  return `${String(size).padStart(SIZE_DIGITS)} ${Buffer.from(root).toString("base64")}\n`;
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
