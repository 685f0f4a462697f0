/** The settings that the first run writes: variables in a file that only its owner reads, as `.env` files are. */

import { linkSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { parseEnv } from "node:util";
import type { Environment } from "../config.ts";
import type { Fault } from "../fault.ts";

const BYTES_MAX = 64 * 1024;
const OTHERS = 0o077;

/** The file's variables, none where it is not there; or what is wrong with it. */
export function readSettingsFile(path: string): Environment | Fault {
  try {
    const { mode, size } = statSync(path);
    if ((mode & OTHERS) !== 0) return fault(path, "can be read by others", `Run chmod 600 ${path}.`);
    if (size > BYTES_MAX) return fault(path, "is too large for settings", "Look at what is in it.");
    return parseEnv(readFileSync(path, "utf8"));
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR")) return {};
    return fault(path, "cannot be read", "Look at who may read it.");
  }
}

/** Writes the file whole, 0600. Throws the system's error where it is there already or cannot be written. */
export function writeSettingsFile(path: string, settings: Readonly<Record<string, string>>): void {
  const lines = Object.entries(settings).map(([name, value]) => `${name}="${value.replaceAll("\n", "\\n")}"`);
  const text = `# Written by countersign app when the App was created. Whoever reads it can act as the App.\n${lines.join("\n")}\n`;
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const fresh = `${path}.${process.pid}`;
  writeFileSync(fresh, text, { flag: "wx", mode: 0o600 });
  try {
    linkSync(fresh, path);
  } finally {
    rmSync(fresh, { force: true });
  }
}

function fault(path: string, what: string, todo: string): Fault {
  return { variable: "COUNTERSIGN_STATE_DIR", what: `holds ${path}, which ${what}`, todo };
}
