/**
 * The local countersigner's own key: made on first use, kept in the user's state directory, and refused when anybody
 * else could have read it.
 */
import { createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import {
  closeSync,
  constants,
  fstatSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

/** The key or its directory is not what it must be. The message says what to do. */
export class KeyError extends Error {
  override readonly name = "KeyError";
}

const KEY_FILE = "countersigner.key";
// A PKCS#8 Ed25519 key in PEM is 119 bytes.
const KEY_FILE_BYTES_MAX = 4096;
const OTHERS = 0o077;

/**
 * The Ed25519 key in `stateDir`, made there when there is none: file 0600 (PKCS#8 PEM), directory 0700.
 * `random` names the file it is written to first. Throws `KeyError` when others can read either, or it is no such key.
 */
export function openCountersignerKey(stateDir: string, random: (count: number) => Uint8Array): KeyObject {
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const directory = lstatSync(stateDir);
  if (!directory.isDirectory() || isForeign(directory.uid) || (directory.mode & OTHERS) !== 0) {
    throw new KeyError(`${stateDir} must be a directory of yours that nobody else can enter: chmod 700 ${stateDir}`);
  }
  const path = join(stateDir, KEY_FILE);
  return readKey(path) ?? makeKey(path, Buffer.from(random(8)).toString("hex"));
}

function readKey(path: string): KeyObject | undefined {
  let file: number;
  try {
    // A link could point at a key that somebody else chose.
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    if (isMissing(error)) {
      return undefined;
    }
    throw new KeyError(`${path} cannot be opened as a file of its own`, { cause: error });
  }
  try {
    const found = fstatSync(file);
    if (!found.isFile() || isForeign(found.uid) || (found.mode & OTHERS) !== 0) {
      throw new KeyError(`${path} can be read by others, so it proves nothing: remove it and a new key is made`);
    }
    if (found.size > KEY_FILE_BYTES_MAX) {
      throw new KeyError(`${path} is no key: move it away and a new key is made`);
    }
    return decodeKey(path, readFileSync(file, "utf8"));
  } finally {
    closeSync(file);
  }
}

function decodeKey(path: string, pem: string): KeyObject {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch (error) {
    throw new KeyError(`${path} is no key: move it away and a new key is made`, { cause: error });
  }
  if (key.asymmetricKeyType !== "ed25519") {
    throw new KeyError(`${path} is not an Ed25519 key: move it away and a new key is made`);
  }
  return key;
}

// Written whole beside its place, then linked there: two that start at once end up with one key.
function makeKey(path: string, suffix: string): KeyObject {
  const { privateKey } = generateKeyPairSync("ed25519");
  const fresh = `${path}.${suffix}`;
  writeFileSync(fresh, privateKey.export({ format: "pem", type: "pkcs8" }), { flag: "wx", mode: 0o600 });
  try {
    linkSync(fresh, path);
    return privateKey;
  } catch (error) {
    const other = readKey(path);
    if (other === undefined) {
      throw new KeyError(`${path} cannot be written`, { cause: error });
    }
    return other;
  } finally {
    rmSync(fresh, { force: true });
  }
}

function isForeign(uid: number): boolean {
  return process.getuid !== undefined && uid !== process.getuid();
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
