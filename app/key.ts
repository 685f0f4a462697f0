/** The App's own Ed25519 key where nobody gave one: made at first start, in a file that only its owner reads. */

import { createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { closeSync, fstatSync, linkSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { KeySettings } from "./config.ts";
import type { Fault } from "./fault.ts";

/** A PKCS#8 Ed25519 key in PEM has 119 bytes. */
const KEY_BYTES_MAX = 4096;
const OTHERS = 0o077;

/** The App's key, or why it cannot be used. `suffix` names the file that a new one is written to first. */
export function openKey(settings: KeySettings, suffix: string): KeyObject | Fault {
  if (settings.kind === "given") return settings.key;
  try {
    mkdirSync(dirname(settings.path), { recursive: true, mode: 0o700 });
    return readKey(settings.path) ?? makeKey(settings.path, suffix);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    return faultAt(settings.path, `cannot be made or read (${code})`);
  }
}

function readKey(path: string): KeyObject | Fault | undefined {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
  try {
    const { mode, size } = fstatSync(file);
    if ((mode & OTHERS) !== 0) return faultAt(path, "can be read by others");
    const key = size > KEY_BYTES_MAX ? undefined : decode(readFileSync(file, "utf8"));
    return key?.asymmetricKeyType === "ed25519" ? key : faultAt(path, "is not an Ed25519 key in PEM");
  } finally {
    closeSync(file);
  }
}

// Written whole beside its place and linked there, so that no half of a key is ever read.
function makeKey(path: string, suffix: string): KeyObject {
  const { privateKey } = generateKeyPairSync("ed25519");
  const fresh = `${path}.${suffix}`;
  writeFileSync(fresh, privateKey.export({ format: "pem", type: "pkcs8" }), { flag: "wx", mode: 0o600 });
  try {
    linkSync(fresh, path);
  } finally {
    rmSync(fresh, { force: true });
  }
  return privateKey;
}

function faultAt(path: string, what: string): Fault {
  return {
    variable: "COUNTERSIGN_STATE_DIR",
    what: `holds ${path}, which ${what}`,
    todo: "Restore the key from your backup with mode 0600. A new key is another countersigner: see docs/operate.md, Keys.",
  };
}

function decode(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    return undefined;
  }
}
