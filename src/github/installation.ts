// Where the App is installed, by a repository's name and number.

import type { Octokit } from "@octokit/core";
import { told } from "./refusal.ts";
import type { At } from "./repository.ts";

/** The installation that has this repository; undefined where the App is not installed on it. `app` speaks as the App. */
export async function installationOf(app: Octokit, at: At): Promise<number | undefined> {
  const found = await told(async () => await app.request("GET /repos/{owner}/{repo}/installation", { ...at }));
  return typeof found === "string" || typeof found.data.suspended_at === "string" ? undefined : found.data.id;
}
