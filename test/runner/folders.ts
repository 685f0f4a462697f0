// The folders of a hosted runner, below one of the tests' own.

import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Folders } from "./order.ts";

export interface MadeFolders {
  readonly folders: Folders;
  readonly remove: () => void;
}

/** Makes them. The workspace is empty, as before a checkout, unless what is in it is said. */
export function makeFolders(repository: string, workspaceFrom: string | undefined): MadeFolders {
  // Short, because the path of a socket below it has at most 107 bytes.
  const home = mkdtempSync(join(tmpdir(), "runner-"));
  const work = join(home, "work");
  const name = repository.split("/")[1] ?? repository;
  const folders = {
    home,
    work,
    workspace: join(work, name, name),
    temp: join(work, "_temp"),
    tools: join(work, "_tool"),
    pipes: join(home, ".pipes"),
  };
  for (const folder of Object.values(folders)) mkdirSync(folder, { recursive: true });
  mkdirSync(join(folders.temp, "_github_workflow"));
  if (workspaceFrom !== undefined) cpSync(workspaceFrom, folders.workspace, { recursive: true });
  return { folders, remove: () => rmSync(home, { recursive: true, force: true }) };
}
