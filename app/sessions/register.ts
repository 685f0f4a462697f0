/** Registers sessions: binds a gateway's key to one attempt of one job, under the policy of the default branch. */

import { ConfigError } from "../../src/config/config-error.ts";
import { readPolicy } from "../../src/config/policy-file.ts";
import { verifyRequest } from "../../src/evidence/message-signature.ts";
import { logOriginOf } from "../../src/evidence/origin.ts";
import {
  faultOfRegistrationRequest,
  isRegistrationRequest,
  signRegistration,
} from "../../src/evidence/registration.ts";
import { isInteger, shaped } from "../../src/evidence/shape.ts";
import { timeOfId } from "../../src/evidence/where.ts";
import { askAgainAtMs, statusOf } from "../../src/github/failure.ts";
import { installationOf } from "../../src/github/installation.ts";
import { type PolicyFile, readPolicyFile } from "../../src/github/policy.ts";
import { type At, readRepository } from "../../src/github/repository.ts";
import { type RunOfSession, readJobOfRun, readRun } from "../../src/github/run.ts";
import { sessionOrigin } from "../../src/journal/session-log.ts";
import type { Registration, RegistrationRequest } from "../../src/model/registration.ts";
import { parseVkey, publicKeyFrom } from "../../src/tlog/note.ts";
import { rootHash } from "../../src/tlog/tree.ts";
import type { Context } from "../context.ts";
import { type Exchange, json, jsonObject, Problem, type Reply } from "../http/route.ts";
import { errorFields } from "../log.ts";
import type { Sql } from "../state/database.ts";
import { callFor } from "../state/errands.ts";
import { urlFrom } from "./credentials.ts";
import type { JobClaims, JobTokens } from "./job-token.ts";
import { findSession, findSessions, type SessionRow } from "./session.ts";
import type { SessionsNeeds } from "./sessions.ts";

/** Where a request's headers and target are, for its signature: it is signed with the key that it brings. */
const TARGET = "/v1/sessions";

export interface RegisterParts {
  readonly context: Context;
  readonly needs: SessionsNeeds;
  readonly tokens: JobTokens;
}

/** Answers `POST /v1/sessions`. Throws Problem. */
export async function register(parts: RegisterParts, exchange: Exchange): Promise<Reply> {
  const { context, tokens } = parts;
  const asked = readRegistration(exchange, context.clock());
  const claims = await tokens.verify(asked.token);
  const origin = sessionOrigin(logOriginOf(claims.repository), asked.sid);
  if (parseVkey(asked.vkey).name !== origin) {
    throw new Problem(422, "Another session's key", `The name of vkey must be the session's origin, ${origin}.`);
  }
  const before = await sameJob(context.database, claims);
  if (before !== undefined) return await again(parts, before, { asked, claims });
  const session = await politely(context, async () => await look(parts, { asked, claims, origin }));
  const added = await context.database.transaction(async (sql) => await add(parts, sql, session));
  if (!added) {
    // Somebody else registered this job while we looked.
    const other = await sameJob(context.database, claims);
    if (other === undefined) throw new Problem(409, "The id is taken", "Another session has this id: make a new one.");
    return await again(parts, other, { asked, claims });
  }
  context.metrics.count("countersign_sessions_registered_total");
  context.log.info({ sid: asked.sid, repository: session.repository, run: session.run_id }, "a session is registered");
  context.wake();
  return await answer(parts, session, 201);
}

interface Asking {
  readonly asked: RegistrationRequest;
  readonly claims: JobClaims;
}

function readRegistration({ body, headers }: Exchange, nowMs: number): RegistrationRequest {
  const asked = jsonObject(body);
  if (!isRegistrationRequest(asked)) {
    throw new Problem(400, "Not a registration", `${faultOfRegistrationRequest(asked) ?? "It cannot be read"}.`);
  }
  // The log files a session by the day in its id, so that day must be its own.
  if (!(Math.abs(Date.parse(timeOfId(asked.sid)) - nowMs) <= DAY_MS)) {
    const now = new Date(nowMs).toISOString();
    throw new Problem(
      400,
      "An id of another day",
      `The time in sid is more than a day off; the App's clock says ${now}.`,
    );
  }
  const key = publicKeyFrom(parseVkey(asked.vkey).publicKey);
  const fault = verifyRequest({ method: "POST", target: TARGET, body }, signatureOf(headers), {
    key,
    nowSeconds: Math.floor(nowMs / 1000),
  });
  if (fault !== undefined) throw new Problem(401, "Not signed by its key", `${fault}.`);
  return asked;
}

function signatureOf(headers: Exchange["headers"]) {
  const { signature = "" } = headers;
  return {
    "content-digest": headers["content-digest"] ?? "",
    "signature-input": headers["signature-input"] ?? "",
    signature,
  };
}

async function sameJob(sql: Sql, claims: JobClaims): Promise<SessionRow | undefined> {
  const { repositoryId, runId, runAttempt, checkRunId } = claims;
  const [found] = await findSessions(
    sql,
    "repository_id = $1 AND run_id = $2 AND run_attempt = $3 AND check_run_id = $4",
    [repositoryId, runId, runAttempt, checkRunId],
  );
  return found;
}

/** This job attempt has a session. The very same is answered again; another ends both. */
async function again(parts: RegisterParts, before: SessionRow, { asked }: Asking): Promise<Reply> {
  const isSame =
    before.sid === asked.sid &&
    before.vkey === asked.vkey &&
    before.encryption === asked.encryption &&
    JSON.stringify(before.facts.targets) === JSON.stringify(asked.targets) &&
    before.facts.tier === asked.tier;
  if (isSame && before.state !== "contested") return await answer(parts, before, 200);
  await contest(parts, before.sid, asked.sid);
  throw taken();
}

function taken(): Problem {
  return new Problem(
    409,
    "Contested",
    "This job attempt has a session under another key. Nobody can tell which of them is the job's gateway, so both are ended. Look at what else in this job asks for id-tokens, and run it again.",
  );
}

/** Ends a session because another key asked for its job. Recorded; the log enters it as lost. */
async function contest({ context, needs }: RegisterParts, sid: string, other: string): Promise<void> {
  const atMs = context.clock();
  const isNew = await context.database.transaction(async (sql) => {
    const session = await findSession(sql, sid, "lock");
    if (session?.state !== "open") return false;
    await sql.run("UPDATE session SET state = 'contested', ended_at = $2 WHERE sid = $1", [sid, atMs]);
    await needs.onEnded(sql, sid, atMs);
    await needs.onContested(sql, { sid, repositoryId: session.repository_id }, atMs);
    await callFor(sql, { kind: "attend", subject: sid }, atMs);
    return true;
  });
  if (!isNew) return;
  context.metrics.count("countersign_sessions_contested_total");
  context.log.error({ sid, other }, "a job registered a second session: both are ended");
  await context.database.notify(`session:${sid}`);
  context.wake();
}

/** Tells whoever registers when GitHub can be asked again, where it could not be asked now. Throws Problem (503). */
async function politely<T>({ clock, log }: Context, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Problem || statusOf(error) === 0) throw error;
    log.warn(errorFields(error), "GitHub could not be asked about a job");
    const atMs = askAgainAtMs(error, clock());
    throw new Problem(503, "GitHub cannot be asked", "GitHub did not tell about the job now; try again.", {
      retryAfter: atMs === undefined ? ASK_AGAIN_SECONDS : Math.max(1, Math.ceil((atMs - clock()) / 1000)),
      cause: error,
    });
  }
}

const ASK_AGAIN_SECONDS = 5;

/** Looks at everything that GitHub says of the job. Throws Problem for whatever must not have a session. */
async function look(
  { context, needs }: RegisterParts,
  { asked, claims, origin }: Asking & { readonly origin: string },
): Promise<SessionRow> {
  const [owner = "", repo = ""] = claims.repository.split("/");
  const named: At = { owner, repo };
  const installation = await installationOf(await context.github.app(), named);
  if (installation === undefined) {
    throw new Problem(403, "Not installed", `Install the App on ${claims.repository}, then run the job again.`);
  }
  await bound(context, needs, claims);
  const octokit = await context.github.installation(installation);
  const repository = await readRepository(octokit, { id: claims.repositoryId, fullName: claims.repository });
  if (repository === "gone") {
    throw new Problem(
      403,
      "Not installed",
      `The App is installed on ${claims.repository}, which is another repository now.`,
    );
  }
  const name = `${repository.at.owner}/${repository.at.repo}`;
  // The name stands in the session's log for good; the old one can be somebody else's by now.
  if (name.toLowerCase() !== claims.repository.toLowerCase()) {
    throw new Problem(
      403,
      "Another name",
      `The token names ${claims.repository}, which is ${name} now: run the job again.`,
    );
  }
  const run = await runOf(octokit, repository.at, claims);
  const [job, file] = await Promise.all([
    jobOf(octokit, repository.at, claims),
    readPolicyFile(octokit, repository.at),
  ]);
  const policy = policyOf(file, asked.targets);
  const atMs = context.clock();
  const facts: Registration = {
    sid: asked.sid,
    vkey: asked.vkey,
    encryption: asked.encryption,
    identity: {
      repository: claims.repository,
      workflowRef: claims.workflowRef,
      run: String(claims.runId),
      attempt: String(claims.runAttempt),
      job,
      actor: claims.actor,
      triggeringActor: run.triggeringActor,
      commit: claims.commit,
      ref: claims.ref,
      environment: claims.environment,
      event: claims.event,
    },
    repositoryId: claims.repositoryId,
    runId: claims.runId,
    runAttempt: claims.runAttempt,
    checkRunId: claims.checkRunId,
    policy: { digest: policy.digest, path: policy.file.path, commit: policy.file.commit },
    targets: asked.targets,
    tier: asked.tier,
    registeredAt: new Date(atMs).toISOString(),
  };
  return {
    sid: asked.sid,
    repository_id: claims.repositoryId,
    repository: claims.repository,
    installation_id: installation,
    run_id: claims.runId,
    run_attempt: claims.runAttempt,
    check_run_id: claims.checkRunId,
    origin,
    vkey: asked.vkey,
    encryption: asked.encryption,
    head_sha: run.headSha,
    registration: signRegistration(facts, context.signer),
    facts,
    policy_text: policy.file.text,
    state: "open",
    registered_at: atMs,
    seen_at: atMs,
    ended_at: 0,
    folder: "",
    landed_in: "",
  };
}

const isCounted = shaped({ count: isInteger });
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

async function bound({ database, clock }: Context, { perHourMax }: SessionsNeeds, claims: JobClaims): Promise<void> {
  const [row] = await database.rows(
    "SELECT count(*) AS count FROM session WHERE repository_id = $1 AND registered_at > $2",
    [claims.repositoryId, clock() - HOUR_MS],
    isCounted,
  );
  if ((row?.count ?? 0) < perHourMax) return;
  throw new Problem(429, "Too many sessions", `${claims.repository} had ${perHourMax} sessions within an hour; wait.`, {
    retryAfter: 60,
  });
}

async function runOf(octokit: Parameters<typeof readRun>[0], at: At, claims: JobClaims): Promise<RunOfSession> {
  const run = await readRun(octokit, at, claims.runId);
  if (run === "gone") {
    throw new Problem(403, "No such run", "GitHub shows the App no such run; it needs the permission to read actions.");
  }
  if (run.headRepository !== claims.repositoryId) {
    throw new Problem(
      403,
      "A fork's run",
      "Runs of a fork's pull request get no session: their code is not this repository's.",
    );
  }
  if (run.isEnded || run.attempt !== claims.runAttempt) {
    throw new Problem(403, "The run is over", "This attempt of the run has ended; a session is for a job that runs.");
  }
  return run;
}

/** The job's name; empty where GitHub does not tell. Throws Problem for a job that has ended, or is another run's. */
async function jobOf(octokit: Parameters<typeof readRun>[0], at: At, claims: JobClaims): Promise<string> {
  const job = await readJobOfRun(octokit, at, claims.checkRunId);
  if (job === "unknown") return "";
  if (job.run !== claims.runId) {
    throw new Problem(403, "Another run's job", "The token's job is not one of its run.");
  }
  if (job.isEnded) throw new Problem(403, "The job is over", "This job has ended; a session is for a job that runs.");
  return job.name;
}

function policyOf(file: PolicyFile | string, targets: readonly string[]) {
  if (typeof file === "string") {
    throw new Problem(
      422,
      "No policy",
      `${file}. Write one on the default branch: countersign policy check tells if it is good.`,
    );
  }
  try {
    const policy = readPolicy(file.text, file.path);
    const unknown = targets.filter((each) => !policy.targets.has(each));
    if (unknown.length === 0) return { file, digest: policy.digest };
    throw new Problem(
      422,
      "A target without policy",
      `${file.path} on the default branch has no target ${unknown.join(", ")}; it has ${[...policy.targets.keys()].join(", ")}.`,
    );
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new Problem(422, "The policy cannot be used", error.message.slice(0, 4000), { cause: error });
  }
}

/** Adds the session with its empty head. False where its job, its sid or its origin has one. */
async function add({ needs }: RegisterParts, sql: Sql, session: SessionRow): Promise<boolean> {
  const added = await sql.run(
    `INSERT INTO session (sid, repository_id, repository, installation_id, run_id, run_attempt, check_run_id, origin, vkey,
       encryption, head_sha, registration, facts, policy_text, state, registered_at, seen_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13::text::jsonb, $14, 'open', $15, $15)
     ON CONFLICT DO NOTHING`,
    [
      session.sid,
      session.repository_id,
      session.repository,
      session.installation_id,
      session.run_id,
      session.run_attempt,
      session.check_run_id,
      session.origin,
      session.vkey,
      session.encryption,
      session.head_sha,
      session.registration,
      JSON.stringify(session.facts),
      session.policy_text,
      session.registered_at,
    ],
  );
  if (added === 0) return false;
  await sql.run("INSERT INTO head (origin, size, root, at) VALUES ($1, 0, $2, $3)", [
    session.origin,
    rootHash([]),
    session.registered_at,
  ]);
  await needs.onRegistered(sql, { sid: session.sid, repositoryId: session.repository_id }, session.registered_at);
  return true;
}

async function answer({ context, needs }: RegisterParts, session: SessionRow, status: number): Promise<Reply> {
  const { repository, repository_id: repositoryId, facts } = session;
  const about = { repository, repositoryId, environment: facts.identity.environment };
  const credentials: string[] = [];
  for (const target of facts.targets) {
    if ((await urlFrom(context, needs.credentials, { ...about, target })) !== undefined) credentials.push(target);
  }
  const { path, commit } = facts.policy;
  return json(status, {
    registration: session.registration,
    policy: { path, commit, text: session.policy_text },
    vkey: context.vkey,
    credentials,
  });
}
