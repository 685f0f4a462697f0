// Where the folder of published vectors is, for tests that read all of it when it is at hand.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** COUNTERSIGN_VECTORS, or a folder `vectors` beside or next to the repository; undefined where there is none. */
export function vectorsFolder(): string | undefined {
  const places = [process.env["COUNTERSIGN_VECTORS"], join("..", "shared", "vectors"), join("..", "vectors")];
  return places.find((place) => place !== undefined && existsSync(join(place, "formats.json")));
}

/** Every JSON file below a folder, with its path in it. */
export function jsonFilesBelow(folder: string): { readonly path: string; readonly json: string }[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".json"))
    .map((path) => ({ path, json: readFileSync(join(folder, path), "utf8") }));
}
