/** A gateway asks: what it may ask for, and what of it is the App's to say. */

import { requestCode } from "../../src/approval/code.ts";
import type { ApprovalRequest, PlanRequest } from "../../src/approval/ports.ts";
import { ID_RANDOM_BYTES, lifetimeMs } from "../../src/approval/request.ts";
import { faultsOfPlan, faultsOfRequest, isApprovalRequest, isPlanRequest } from "../../src/approval/shape.ts";
import { ConfigError } from "../../src/config/config-error.ts";
import { readPolicy } from "../../src/config/policy-file.ts";
import { isCount, isText, shaped } from "../../src/evidence/shape.ts";
import { canonical } from "../../src/journal/jcs.ts";
import { type Exchange, json, jsonObject, Problem, type Reply } from "../http/route.ts";
import { findSession, type SessionRow } from "../sessions/session.ts";
import type { Sql } from "../state/database.ts";
import { callFor } from "../state/errands.ts";
import type { Parts } from "./parts.ts";
import { findRequest } from "./requests.ts";

/** More do not wait: nobody is worn into approving. A-120 of the corpus. */
const WAITING_MAX = { session: 20, repository: 100, installation: 500 } as const;
/** A gateway's clock that is further ahead signs answers that came before they were asked for. */
const AHEAD_MS_MAX = 60_000;

export async function ask({ context, options }: Parts, { body }: Exchange, session: SessionRow): Promise<Reply> {
  const request = read(body);
  const asked = canonical({ ...request });
  const { database, clock } = context;
  const before = await findRequest(database, request.id);
  if (before !== undefined) return await known(database, before, asked);
  const lifetime = check(request, session, clock());
  const reply = await database.transaction(async (sql) => {
    // Holding the session's row, so that twenty are twenty whoever counts.
    const now = await findSession(sql, session.sid, "lock");
    if (now?.state !== "open") {
      throw new Problem(403, "The session is over", "Nothing can be asked in it any more; register a new one.");
    }
    const meanwhile = await findRequest(sql, request.id);
    if (meanwhile !== undefined) return await known(sql, meanwhile, asked);
    await refuseTooMany(sql, session);
    const atMs = clock();
    const deadline = Math.min(Date.parse(request.expiresAt), atMs + lifetime);
    await sql.run(
      `INSERT INTO request (id, sid, asked, code, state, head_sha, asked_at, deadline)
       VALUES ($1, $2, $3, $4, 'pending', $5, $6, $7)`,
      [request.id, session.sid, asked, requestCode(context.random(ID_RANDOM_BYTES)), session.head_sha, atMs, deadline],
    );
    await callFor(sql, { kind: "attend", subject: session.sid }, atMs);
    await callFor(sql, { kind: "expire", subject: session.sid }, deadline);
    await callFor(sql, { kind: "sweep", subject: "deliveries" }, atMs + options.sweepMs);
    return json(201, await named(sql, request.id, session.sid));
  });
  context.metrics.count("countersign_requests_asked_total");
  context.wake();
  return reply;
}

function read(body: Buffer): ApprovalRequest | PlanRequest {
  const value: unknown = jsonObject(body);
  if (isApprovalRequest(value) || isPlanRequest(value)) return value;
  const isPlan = typeof value === "object" && value !== null && "statements" in value;
  const faults = isPlan ? faultsOfPlan(value) : faultsOfRequest(value);
  throw new Problem(
    400,
    "Not an approval request",
    `These fields are not as they should be: ${faults.slice(0, 20).join(", ").slice(0, 500)}.`,
  );
}

async function known(
  sql: Sql,
  before: { readonly id: string; readonly sid: string; readonly asked: string },
  asked: string,
): Promise<Reply> {
  // Canonical JSON, so the same request is the same text; the session is in it.
  if (before.asked === asked) return json(200, await named(sql, before.id, before.sid));
  throw new Problem(409, "This id was used for another request", "Ask again under a new id.");
}

const isPlace = shaped({ check_url: isText });

/** What a request is known by, and where people answer it once that is known. */
async function named(sql: Sql, id: string, sid: string): Promise<object> {
  const [surface] = await sql.rows("SELECT check_url FROM surface WHERE sid = $1", [sid], isPlace);
  return surface === undefined || surface.check_url === "" ? { id } : { id, url: surface.check_url };
}

/** Throws Problem unless the request is one that this session's policy makes. Gives how long it may wait, in milliseconds. */
function check(request: ApprovalRequest, session: SessionRow, nowMs: number): number {
  const { facts } = session;
  if (request.sid !== session.sid) {
    throw new Problem(403, "Another session's request", "A session asks for its own commands only.");
  }
  const differs = (what: string): Problem =>
    new Problem(
      409,
      `Not this session's ${what}`,
      `The ${what} of the request is another than the one that was registered.`,
    );
  if (request.policy !== facts.policy.digest) throw differs("policy");
  if (!facts.targets.includes(request.target)) throw differs("target");
  if (canonical({ ...request.identity }) !== canonical({ ...facts.identity })) throw differs("identity");
  if (Date.parse(request.requestedAt) > nowMs + AHEAD_MS_MAX) {
    throw new Problem(422, "The clocks differ", "The gateway's clock is ahead by more than a minute. Set it.");
  }
  // Who may answer is the policy's word, and never that of whoever asks.
  const policy = policyOf(session);
  const rule = policy.rules.find(({ name, decide }) => name === request.rule && decide === "hold");
  if (rule === undefined) throw differs("rule");
  if (canonical({ ...rule.approval }) !== canonical({ ...request.terms })) throw differs("terms");
  return lifetimeMs(rule.approval, {
    inTransaction: request.inTransaction,
    transactionMsMax: policy.limits.holdInTransactionMs,
  });
}

function policyOf({ policy_text, facts }: SessionRow): ReturnType<typeof readPolicy> {
  try {
    const policy = readPolicy(policy_text, facts.policy.path);
    if (policy.digest === facts.policy.digest) return policy;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
  }
  throw new Problem(
    409,
    "The policy cannot be read",
    "Have the policy of the default branch repaired, and start again.",
  );
}

const isWaiting = shaped({ session: isCount, repository: isCount, installation: isCount });

async function refuseTooMany(sql: Sql, { sid, repository_id, installation_id }: SessionRow): Promise<void> {
  const [row] = await sql.rows(
    `SELECT count(*) FILTER (WHERE r.sid = $1) AS session,
            count(*) FILTER (WHERE s.repository_id = $2) AS repository,
            count(*) AS installation
     FROM request r JOIN session s ON s.sid = r.sid
     WHERE r.state = 'pending' AND s.installation_id = $3`,
    [sid, repository_id, installation_id],
    isWaiting,
  );
  for (const scope of ["session", "repository", "installation"] as const) {
    const most = WAITING_MAX[scope];
    if (row !== undefined && row[scope] < most) continue;
    throw new Problem(
      429,
      "Too many wait",
      `${most} requests of this ${scope} wait already. Wait for answers to them.`,
      {
        retryAfter: 10,
      },
    );
  }
}
