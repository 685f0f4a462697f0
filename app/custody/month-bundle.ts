/**
 * Hangs the sessions of a closed month on a release, in one file that `countersign verify` verifies: what an auditor is
 * given. Whoever erases from a month deletes its file; it is made anew from what the evidence then holds.
 */

import { monthBundleOf } from "../../src/evidence/bundle.ts";
import { isInteger, isText, shaped } from "../../src/evidence/shape.ts";
import { encodeTarGz } from "../../src/evidence/tar.ts";
import { readBranch } from "../../src/github/evidence-branch.ts";
import { withFolder } from "../../src/github/evidence-folder.ts";
import { EVIDENCE_BRANCH } from "../../src/github/evidence-ledger.ts";
import { githubObjects } from "../../src/github/evidence-objects.ts";
import { treeReader } from "../../src/github/evidence-reader.ts";
import { openRelease, putAsset, type ReleaseFile } from "../../src/github/evidence-release.ts";
import { findRepository } from "../../src/github/evidence-repository.ts";
import type { Context } from "../context.ts";
import type { Database } from "../state/database.ts";
import type { Doer } from "../state/errands.ts";
import { placeOf, type Shared } from "./land.ts";

/** While sessions of the repository still wait to be entered. */
const LATER_MS = 3_600_000;

/** The doer of `bundle`, whose subject is `<number of the repository>/<month>`. */
export function bundleDoer(context: Context, shared: Shared): Doer {
  return async (subject) => {
    const [repository = "", month = ""] = subject.split("/");
    // Alone, for it may take longer than an errand is lent for.
    return await context.database.alone(
      `bundle:${subject}`,
      async () => await bundle(context, shared, { repositoryId: Number(repository), month }),
    );
  };
}

async function bundle(
  context: Context,
  shared: Shared,
  { repositoryId, month }: { readonly repositoryId: number; readonly month: string },
): Promise<number | "done"> {
  const { database, clock } = context;
  const place = await placeOf(database, repositoryId);
  if (place === undefined) return "done";
  if (await isWaiting(database, repositoryId)) return clock() + LATER_MS;
  const octokit = await context.github.installation(place.installation_id);
  const at = await findRepository(octokit, repositoryId, place.repository);
  const head = await readBranch(octokit, at, EVIDENCE_BRANCH);
  const objects = githubObjects(octokit, at, shared.cache);
  const reader = treeReader(objects, head?.tree);
  const folder = `sessions/${month.replace("-", "/")}`;
  const index = await reader.oidOf(`${folder}/index.csv`);
  if (index === undefined) return "done";
  const file = fileFor(month);
  const found = await openRelease(octokit, at, file);
  // A session that came late changes the month's list.
  if (found.asset?.isWhole === true && (await madeOf(database, repositoryId, month)) === index) return "done";
  const files = await monthBundleOf(await withFolder(octokit, at, { objects, reader, folder }), month);
  await putAsset(octokit, at, { found, name: file.asset, bytes: encodeTarGz(files) });
  await database.run(
    `INSERT INTO month_bundle (repository_id, month, asset, made_of, at) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (repository_id, month) DO UPDATE SET made_of = excluded.made_of, at = excluded.at`,
    [repositoryId, month, file.asset, index, clock()],
  );
  context.metrics.count("countersign_bundles_released_total");
  context.log.info({ repository: repositoryId, month }, "the month's sessions hang on a release");
  return "done";
}

function fileFor(month: string): ReleaseFile {
  const tag = `countersign-evidence-${month}`;
  const asset = `${tag}.tar.gz`;
  return {
    tag,
    asset,
    title: `Countersign evidence ${month}`,
    text: [
      `The sessions of ${month} with all that proves them, from the branch ${EVIDENCE_BRANCH}.`,
      `Verify them with \`countersign verify ${asset}\`.`,
    ].join("\n\n"),
  };
}

const isCounted = shaped({ count: isInteger });

async function isWaiting(database: Database, repositoryId: number): Promise<boolean> {
  const [row] = await database.rows(
    `SELECT (SELECT count(*) FROM hand_in WHERE repository_id = $1 AND NOT landed AND refused = '')
          + (SELECT count(*) FROM lost_session WHERE repository_id = $1 AND NOT landed AND refused = '') AS count`,
    [repositoryId],
    isCounted,
  );
  return (row?.count ?? 0) > 0;
}

async function madeOf(database: Database, repositoryId: number, month: string): Promise<string | undefined> {
  const [row] = await database.rows(
    "SELECT made_of FROM month_bundle WHERE repository_id = $1 AND month = $2",
    [repositoryId, month],
    shaped({ made_of: isText }),
  );
  return row?.made_of;
}
