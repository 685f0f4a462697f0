// The files through which a step speaks to the runner: GITHUB_ENV, _OUTPUT, _STATE, _PATH and _STEP_SUMMARY.

import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Above this a summary is refused as a whole. */
const SUMMARY_BYTES_MAX = 1024 * 1024;

export interface CommandFiles {
  /** As variables: GITHUB_ENV and so on. */
  readonly environment: Readonly<Record<string, string>>;
  readonly env: string;
  readonly output: string;
  readonly state: string;
  readonly path: string;
  readonly summary: string;
  remove(): void;
}

/** Makes the five empty files for one phase of one step. */
export function createCommandFiles(temp: string, suffix: string): CommandFiles {
  const folder = join(temp, "_runner_file_commands");
  mkdirSync(folder, { recursive: true });
  const make = (prefix: string): string => {
    const path = join(folder, `${prefix}_${suffix}`);
    writeFileSync(path, "");
    return path;
  };
  const files = {
    env: make("set_env"),
    output: make("set_output"),
    state: make("save_state"),
    path: make("add_path"),
    summary: make("step_summary"),
  };
  return {
    ...files,
    environment: {
      GITHUB_ENV: files.env,
      GITHUB_OUTPUT: files.output,
      GITHUB_STATE: files.state,
      GITHUB_PATH: files.path,
      GITHUB_STEP_SUMMARY: files.summary,
    },
    remove() {
      for (const path of Object.values(files)) rmSync(path, { force: true });
    },
  };
}

/** The pairs in a file of `NAME=value` and `NAME<<END … END`. Throws what the runner says of a file that is neither. */
export function readPairs(path: string): readonly (readonly [string, string])[] {
  const text = readIfThere(path);
  const pairs: (readonly [string, string])[] = [];
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? "";
    if (line === "") continue;
    const equals = line.indexOf("=");
    const arrows = line.indexOf("<<");
    if (equals >= 0 && (arrows < 0 || equals < arrows)) {
      if (equals === 0) throw new Error(`Invalid format '${line}'. Name must not be empty`);
      pairs.push([line.slice(0, equals), line.slice(equals + 1)]);
      continue;
    }
    if (arrows < 0) throw new Error(`Invalid format '${line}'`);
    const delimiter = line.slice(arrows + 2);
    if (arrows === 0 || delimiter === "") {
      throw new Error(`Invalid format '${line}'. Name must not be empty and delimiter must not be empty`);
    }
    const end = lines.indexOf(delimiter, at + 1);
    if (end < 0) throw new Error(`Invalid value. Matching delimiter not found '${delimiter}'`);
    pairs.push([line.slice(0, arrows), lines.slice(at + 1, end).join("\n")]);
    at = end;
  }
  return pairs;
}

export function readPaths(path: string): readonly string[] {
  return readIfThere(path)
    .split(/\r\n|\n|\r/)
    .filter((line) => line !== "");
}

/** The summary, nothing for an empty one. Throws what the runner says of one that is too large. */
export function readSummary(path: string): string | undefined {
  const text = readIfThere(path);
  if (text === "") return undefined;
  const { size } = statSync(path);
  if (size <= SUMMARY_BYTES_MAX) return text;
  const [most, found] = [SUMMARY_BYTES_MAX / 1024, Math.floor(size / 1024)];
  throw new Error(`$GITHUB_STEP_SUMMARY upload aborted, supports content up to a size of ${most}k, got ${found}k.`);
}

// A step may have taken the file away; the runner does not mind.
function readIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
