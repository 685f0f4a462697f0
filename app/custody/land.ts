/**
 * Enters what waits in the log of a repository, in both branches of evidence, one writer at a time. It looks at what the
 * branches hold and makes it what it should be, so it may be stopped anywhere and done again.
 */

import { ConflictError } from "../../src/evidence/fresh.ts";
import { enter } from "../../src/evidence/layout.ts";
import type { LogSigner } from "../../src/evidence/ledger.ts";
import { LogError } from "../../src/evidence/log.ts";
import { isInteger, isText, shaped } from "../../src/evidence/shape.ts";
import { RepositoryError } from "../../src/github/evidence-branch.ts";
import { githubLedger, StrangeBranchError } from "../../src/github/evidence-ledger.ts";
import type { ObjectCache } from "../../src/github/evidence-objects.ts";
import { findRepository } from "../../src/github/evidence-repository.ts";
import { sessionOrigin } from "../../src/journal/session-log.ts";
import { cosigner, noteSigner, parseCheckpoint, parseVkey } from "../../src/tlog/note.ts";
import type { Context } from "../context.ts";
import type { Database, RowClaim } from "../state/database.ts";
import type { Doer } from "../state/errands.ts";
import { markLanded, nextBatch, refuse, type Waiting } from "./batch.ts";
import { landingStore, signedHead } from "./landing-store.ts";
import { loadAfter, nextLandingMs } from "./pace.ts";

/** What landings of all repositories share. */
export interface Shared {
  readonly cache: ObjectCache;
  readonly graphql: { refusedUntilMs: number };
  /** Between two landings of one repository. */
  readonly paceMs: number;
}

/** The doer of `land`, whose subject is the number of a repository. */
export function landDoer(context: Context, shared: Shared): Doer {
  return async (subject, signal) => {
    const repositoryId = Number(subject);
    return await context.database.alone(
      `log:${repositoryId}`,
      async () => await land(context, shared, { repositoryId, signal }),
    );
  };
}

async function land(
  context: Context,
  shared: Shared,
  { repositoryId, signal }: { readonly repositoryId: number; readonly signal: AbortSignal },
): Promise<number | "done"> {
  const { database, clock } = context;
  const pace = await loadOf(database, repositoryId);
  const next = nextLandingMs(pace, shared.paceMs);
  if (next > clock()) return next;
  const place = await placeOf(database, repositoryId);
  if (place === undefined) return "done";
  const origin = (await signedHead(database, repositoryId))?.origin ?? place.origin.replace(/\/s\/[^/]+$/, "");
  const waiting = await nextBatch(database, repositoryId);
  const store = landingStore(database, repositoryId, clock);
  const count = waiting.sids.length + waiting.lost.length + waiting.days.length;
  if (count === 0 && (await store.pending()) === undefined) return "done";
  const stranger = await strangerIn(database, waiting, origin);
  if (stranger !== undefined) {
    await putAside(
      context,
      waiting,
      stranger,
      `its key was made for another log than ${origin}: was the repository renamed?`,
    );
    return clock();
  }
  const began = clock();
  const octokit = await context.github.installation(place.installation_id);
  const ledger = githubLedger({
    octokit,
    at: await findRepository(octokit, repositoryId, place.repository),
    cache: shared.cache,
    graphql: shared.graphql,
    store,
    countersigner: parseVkey(context.vkey),
    clock,
    signal,
  });
  try {
    const entered = await enter(waiting.batch, ledger, logSigner(context, origin));
    const sids = await markLanded(database, repositoryId, { waiting, entered, commit: ledger.commit });
    for (const sid of sids) await database.notify(`session:${sid}`);
    context.metrics.count("countersign_entries_landed_total", {}, count);
    context.metrics.took("countersign_landing_seconds", (clock() - began) / 1000);
    context.log.info({ repository: repositoryId, entries: count, commit: ledger.commit }, "entered in the log");
  } catch (error) {
    if (error instanceof ConflictError) {
      await putAside(context, waiting, error.sid, error.message);
      return clock();
    }
    if (error instanceof StrangeBranchError || error instanceof LogError || error instanceof RepositoryError) {
      context.metrics.count("countersign_log_stopped_total");
      context.log.error({ repository: repositoryId }, `nothing is entered in the log: ${error.message}`);
    }
    throw error;
  } finally {
    if (ledger.requests > 0) await keepLoad(database, repositoryId, loadAfter(pace, ledger.requests, clock()));
  }
  return waiting.more ? nextLandingMs(await loadOf(database, repositoryId), shared.paceMs) : "done";
}

async function putAside(context: Context, waiting: Waiting, sid: string, why: string): Promise<void> {
  await refuse(context.database, waiting, sid, why);
  context.metrics.count("countersign_entries_refused_total");
  context.log.error({ sid }, `a session cannot be entered in the log and is put aside: ${why}`);
}

async function strangerIn(database: Database, { sids, lost }: Waiting, origin: string): Promise<string | undefined> {
  const rows = await database.rows(
    "SELECT sid, origin FROM session WHERE sid = ANY($1)",
    [[...sids, ...lost]],
    shaped({ sid: isText, origin: isText }),
  );
  return rows.find((row) => row.origin !== sessionOrigin(origin, row.sid))?.sid;
}

/** Signs checkpoints of this one log: as the log, and as its countersigner. */
function logSigner({ key, vkey, clock }: Context, origin: string): LogSigner {
  const log = noteSigner(origin, key);
  const own = cosigner(parseVkey(vkey).name, key);
  return {
    logVkey: log.verifier.vkey,
    countersignerVkey: vkey,
    async sign(text) {
      const head = parseCheckpoint(text);
      if (head.origin !== origin) throw new LogError(`the log in the evidence is ${head.origin}, and not ${origin}`);
      return await Promise.resolve(`${log.sign(text)}${own.cosign(text, Math.floor(clock() / 1000))}`);
    },
  };
}

interface Place {
  readonly installation_id: number;
  readonly repository: string;
  /** Of the newest session's own heads. */
  readonly origin: string;
}
const isPlace: RowClaim<Place> = shaped({ installation_id: isInteger, repository: isText, origin: isText });

/** Where the newest session of the repository said that it is. */
export async function placeOf(database: Database, repositoryId: number): Promise<Place | undefined> {
  const [place] = await database.rows(
    "SELECT installation_id, repository, origin FROM session WHERE repository_id = $1 ORDER BY registered_at DESC, sid DESC LIMIT 1",
    [repositoryId],
    isPlace,
  );
  return place;
}

const isLoad = shaped({
  load: (value: unknown): value is number => typeof value === "number",
  atMs: isInteger,
});

async function loadOf(database: Database, repositoryId: number) {
  const [row] = await database.rows(
    'SELECT load, paced_at AS "atMs" FROM ledger WHERE repository_id = $1',
    [repositoryId],
    isLoad,
  );
  return row ?? { load: 0, atMs: 0 };
}

async function keepLoad(database: Database, repositoryId: number, { load, atMs }: { load: number; atMs: number }) {
  await database.run("UPDATE ledger SET load = $2, paced_at = $3 WHERE repository_id = $1", [repositoryId, load, atMs]);
}
