// Where an installed package's files are, also those that its `exports` do not name: the published descriptions are such files.

import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The path of a file in a package, as `@octokit/openapi/generated/api.github.com.json`. Throws where it is not installed. */
export function publishedFile(file: string): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const candidate = join(folder, "node_modules", file);
    if (existsSync(candidate)) return candidate;
    if (folder === dirname(folder)) throw new Error(`${file} is not installed: run npm ci`);
  }
}
