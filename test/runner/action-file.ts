// Reads an action's action.yml. Only actions that run on Node are played; this runner has Node 24, as the newest have.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { NotUnderstood } from "./expression/tree.ts";
import { mapping, maybeMapping, maybeScalar, onlyKeys, readYaml } from "./reading.ts";

export interface ActionFile {
  readonly folder: string;
  readonly inputs: Readonly<Record<string, ActionInput>>;
  readonly main: string;
  readonly pre: string | undefined;
  readonly preIf: string;
  readonly post: string | undefined;
  readonly postIf: string;
}

export interface ActionInput {
  readonly default: string;
  readonly deprecation: string | undefined;
}

/** The action in a folder. Throws `NotUnderstood`, naming what is wrong. */
export function readActionFile(folder: string): ActionFile {
  const path = ["action.yml", "action.yaml"].map((name) => join(folder, name)).find((each) => existsSync(each));
  // Not a fault of the workflow's words: a real job fails so too, as where `uses: ./` comes before the checkout.
  if (path === undefined) throw new Error(`Can't find 'action.yml' or 'action.yaml' under '${folder}'.`);
  const file = readYaml(readFileSync(path, "utf8"), path);
  onlyKeys(file, ["name", "author", "description", "inputs", "outputs", "runs", "branding"], path);
  const runs = mapping(file["runs"], `${path}: runs`);
  const using = maybeScalar(runs["using"], `${path}: runs.using`);
  if (using !== "node24") {
    throw new NotUnderstood(`${path}: runs.using is "${using}", and this runner plays node24 alone`);
  }
  onlyKeys(runs, ["using", "main", "pre", "pre-if", "post", "post-if"], `${path}: runs`);
  const main = maybeScalar(runs["main"], `${path}: runs.main`);
  if (main === undefined) throw new NotUnderstood(`${path}: runs.main is needed`);
  const inputs = Object.entries(maybeMapping(file["inputs"], `${path}: inputs`)).map(([name, value]) => {
    const where = `${path}: inputs.${name}`;
    const input = maybeMapping(value, where);
    onlyKeys(input, ["description", "required", "default", "deprecationMessage", "type"], where);
    const deprecation = maybeScalar(input["deprecationMessage"], where);
    return [name, { default: maybeScalar(input["default"], where) ?? "", deprecation }] as const;
  });
  return {
    folder,
    inputs: Object.fromEntries(inputs),
    main,
    pre: maybeScalar(runs["pre"], `${path}: runs.pre`),
    preIf: maybeScalar(runs["pre-if"], `${path}: runs.pre-if`) ?? "always()",
    post: maybeScalar(runs["post"], `${path}: runs.post`),
    postIf: maybeScalar(runs["post-if"], `${path}: runs.post-if`) ?? "always()",
  };
}
