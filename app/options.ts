/** The arguments of `countersign app`. Everything else is in the environment. */

import { parseArgs } from "node:util";

export interface Options {
  /** A channel that webhooks are fetched from. */
  readonly smee: string | undefined;
  /** The id of a new key that becomes the countersigner's. */
  readonly acceptKey: string | undefined;
}

export const HELP = `usage: countersign app [--smee URL] [--accept-key ID]

Runs the GitHub App: registers sessions, countersigns their heads, asks people, keeps the evidence. Without APP_ID, PRIVATE_KEY
and WEBHOOK_SECRET, it leads through creating the App in a browser first, and keeps them in its state folder.

  --smee URL        fetch GitHub's webhooks from this channel of smee.io, where GitHub cannot reach you (development)
  --accept-key ID   make this key the countersigner's, in place of the one that the state was made with

  COUNTERSIGN_URL   the URL by which gateways and GitHub reach this App
  DATABASE_URL      a PostgreSQL database; without it the state is in a folder, and there is one instance

docs/operate.md describes these and all other variables.

Exit codes: 0 stopped, 1 it could not start, 2 wrong use.`;

/** The options, the word `help`, or what is wrong with the arguments. */
export function readOptions(args: readonly string[]): Options | "help" | { readonly wrong: string } {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { smee: { type: "string" }, "accept-key": { type: "string" }, help: { type: "boolean", short: "h" } },
    });
    if (values.help === true) return "help";
    return { smee: values.smee, acceptKey: values["accept-key"] };
  } catch (error) {
    return { wrong: error instanceof Error ? error.message : String(error) };
  }
}
