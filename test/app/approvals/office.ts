/** The App's approvals at work: a real state, the stand-in over HTTP, signed webhooks, errands, and a gateway that asks. */

import { generateKeyPairSync, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { verify } from "@octokit/webhooks-methods";
import { type Approvals, createApprovals } from "../../../app/approvals/approvals.ts";
import { type ApprovalsOptions, OPTIONS } from "../../../app/approvals/parts.ts";
import type { Context } from "../../../app/context.ts";
import { Problem, type Reply, type Route } from "../../../app/http/route.ts";
import { findSession, type SessionRow } from "../../../app/sessions/session.ts";
import type { Database } from "../../../app/state/database.ts";
import { type RunningErrands, runErrands } from "../../../app/state/errands.ts";
import type { ApprovalRequest, PlanRequest } from "../../../src/approval/ports.ts";
import { readPolicy } from "../../../src/config/policy-file.ts";
import { verifyApproval } from "../../../src/evidence/approval-statement.ts";
import { dsseSigner } from "../../../src/evidence/dsse.ts";
import { isObject } from "../../../src/evidence/shape.ts";
import type { Identity } from "../../../src/model/session.ts";
import { rawPublicKey } from "../../../src/tlog/note.ts";
import { sampleRequest } from "../../gateway/desk/sample.ts";
import type { PullIssue } from "../../standin/render/pull.ts";
import type { Town } from "../../standin/town.ts";
import type { CheckRun, Issue, Run } from "../../standin/world.ts";

const CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

export function crockford(length: number): string {
  return [...randomBytes(length)].map((byte) => CROCKFORD.charAt(byte % 32)).join("");
}

/** A policy with one rule that holds deletes; `approval` is its YAML on one line. */
export function policyWith(approval: string): string {
  return `version: 1
targets:
  appdb: { protocol: postgres }
rules:
  - name: destructive
    match: { effects: [delete] }
    decide: hold
    approval: ${approval}
  - name: rest
    match: { effects: [read] }
    decide: allow
`;
}

export interface Asking {
  readonly sid: string;
  readonly run: Run;
  readonly policy: string;
  readonly identity: Identity;
}

export interface Office {
  readonly context: Context;
  readonly approvals: Approvals;
  /** What failed in an errand, in words. */
  readonly failures: string[];
  /** Adds to the App's clock. */
  pass(milliseconds: number): void;
  /** A session of a job that runs on this commit. */
  session(of: SessionOf): Promise<Asking>;
  request(asking: Asking, changes?: Partial<PlanRequest>): ApprovalRequest;
  /** Sends it; gives the reply, or the problem's status. */
  send(asking: Asking, method: "GET" | "POST" | "DELETE", path: string, body?: object): Promise<Sent>;
  /** Asks and throws unless it was taken. */
  ask(asking: Asking, changes?: Partial<PlanRequest>): Promise<ApprovalRequest>;
  /** Waits for the answer and holds its signature against what was asked. */
  answer(asking: Asking, request: ApprovalRequest): Promise<Answer>;
  /** The session's check once it asks for something. */
  check(asking: Asking, until?: (check: CheckRun) => boolean): Promise<CheckRun>;
  codeOf(request: ApprovalRequest): Promise<string>;
  checksOf(asking: Asking): readonly CheckRun[];
  stop(): Promise<void>;
}

export interface SessionOf {
  readonly approval: string;
  readonly headSha?: string;
  readonly pull?: PullIssue;
  readonly event?: string;
}

export interface Sent {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface Answer {
  readonly answer: string;
  readonly by: unknown;
  readonly reason: string;
  readonly dsse: string;
}

/** Times of a test: nobody waits for a second. */
export const QUICK: ApprovalsOptions = { ...OPTIONS, writeGapMs: 5 };

export interface OfficeKeys {
  readonly key: ReturnType<typeof generateKeyPairSync>["privateKey"];
}

export function newKeys(): OfficeKeys {
  return { key: generateKeyPairSync("ed25519").privateKey };
}

/** Starts the App's part. `keys` are the App's own: a restart has the same. */
export async function openOffice(
  town: Town,
  database: Database,
  { keys = newKeys(), options = QUICK }: { readonly keys?: OfficeKeys; readonly options?: ApprovalsOptions } = {},
): Promise<Office> {
  const failures: string[] = [];
  const waiters = new Map<string, Set<() => void>>();
  let ahead = 0;
  let errands: RunningErrands | undefined;
  await database.listen((subject) => {
    for (const [name, all] of waiters) if (subject === undefined || subject === name) for (const wake of all) wake();
  });
  const context: Context = {
    database,
    key: keys.key,
    signer: dsseSigner(keys.key),
    vkey: "",
    url: "http://127.0.0.1",
    appId: town.app.id,
    github: {
      installation: async () => await Promise.resolve(town.octokit),
      app: async () => await Promise.resolve(town.client.octokit),
    },
    clock: () => Date.now() + ahead,
    random: (count) => randomBytes(count),
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    metrics: { count: () => undefined, took: () => undefined },
    wake: () => errands?.wake(),
    async heard(subject, waitMs, signal) {
      if (signal.aborted || waitMs <= 0) return;
      const all = waiters.get(subject) ?? new Set();
      waiters.set(subject, all);
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          clearTimeout(timer);
          all.delete(wake);
          resolve();
        };
        const timer = setTimeout(wake, waitMs);
        all.add(wake);
        signal.addEventListener("abort", wake, { once: true });
      });
    },
  };
  const approvals = createApprovals(context, options);
  const server = createServer((request, response) => void receive(town, approvals, request, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the receiver has no port");
  town.app.hook = { url: `http://127.0.0.1:${address.port}/`, secret: town.receiver.secret };
  errands = runErrands({
    database,
    doers: approvals.doers,
    clock: context.clock,
    random: Math.random,
    failed: (errand, fault) => failures.push(`${errand.kind}: ${String(fault)}`),
  });
  const running = errands;
  await approvals.begin();

  const send: Office["send"] = async (asking, method, path, body) => {
    const [pathname = "", query = ""] = path.split("?");
    const session = await findSession(database, asking.sid);
    const route = approvals.routes.find((each) => each.method === method && each.path.test(pathname));
    if (session === undefined || route === undefined) return { status: 404, body: {} };
    try {
      const reply = await handle(route, { pathname, query, body }, session);
      const value: unknown = JSON.parse(reply.body);
      return { status: reply.status, body: isObject(value) ? value : {} };
    } catch (error) {
      if (error instanceof Problem) return { status: error.status, body: { title: error.title, detail: error.detail } };
      throw error;
    }
  };
  const handle = async (
    route: Route,
    { pathname, query, body }: { readonly pathname: string; readonly query: string; readonly body: object | undefined },
    session: SessionRow,
  ): Promise<Reply> => {
    const caught = (route.path.exec(pathname) ?? []).slice(1);
    const exchange = {
      caught,
      query: new URLSearchParams(query),
      headers: {},
      body: Buffer.from(body === undefined ? "" : JSON.stringify(body)),
      signal: new AbortController().signal,
    };
    return route.who === "session" ? await route.handle(exchange, session) : await route.handle(exchange);
  };
  const request: Office["request"] = (asking, changes = {}) => {
    const policy = readPolicy(asking.policy, ".github/countersign.yml");
    const terms = policy.rules[0]?.approval;
    if (terms === undefined) throw new Error("the policy has no rule");
    const now = context.clock();
    return sampleRequest({
      id: crockford(10),
      sid: asking.sid,
      policy: policy.digest,
      identity: asking.identity,
      terms,
      requestedAt: new Date(now).toISOString(),
      expiresAt: new Date(now + terms.expiresMs).toISOString(),
      ...changes,
    });
  };
  const checksOf: Office["checksOf"] = ({ sid }) => town.shop.checkRuns.filter(({ externalId }) => externalId === sid);
  return {
    context,
    approvals,
    failures,
    pass(milliseconds) {
      ahead += milliseconds;
    },
    session: async (of) => await newSession(town, database, of),
    request,
    send,
    async ask(asking, changes) {
      const asked = request(asking, changes);
      const { status, body } = await send(asking, "POST", "/v1/requests", asked);
      if (status !== 201) throw new Error(`asking answered ${status}: ${JSON.stringify(body)}`);
      return asked;
    },
    async answer(asking, asked) {
      const until = Date.now() + 25_000;
      while (Date.now() < until) {
        const { body } = await send(asking, "GET", `/v1/requests/${asked.id}?wait=5`);
        const { answered } = body;
        if (!isObject(answered)) continue;
        const dsse = String(answered["dsse"]);
        const answer = String(answered["answer"]);
        if (answer !== "withdrawn") {
          const { cmd, target, digest, leaf, policy, rule, requestedAt, expiresAt, id, sid } = asked;
          const wanted = { request: id, sid, cmd, target, digest, leaf, policy, rule, requestedAt, expiresAt };
          const verdict = verifyApproval(dsse, rawPublicKey(keys.key), wanted);
          if (verdict.kind === "bad") throw new Error(`the answer is bad: ${verdict.reasons.join("; ")}`);
          if (verdict.facts.answer !== answer) throw new Error("the answer is not what was signed");
        }
        return { answer, by: answered["by"], reason: String(answered["reason"]), dsse };
      }
      throw new Error(`no answer came; errands said: ${failures.join("; ")}`);
    },
    async check(asking, until = ({ conclusion }) => conclusion === "action_required") {
      const end = Date.now() + 20_000;
      for (;;) {
        const [check] = checksOf(asking);
        if (check !== undefined && until(check)) return check;
        if (Date.now() > end) {
          throw new Error(
            `the check is ${check?.conclusion ?? "not there"}: ${check?.output.title ?? ""}; ${failures.join("; ")}`,
          );
        }
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    },
    async codeOf({ id }) {
      const [row] = await database.rows(
        "SELECT code FROM request WHERE id = $1",
        [id],
        (value): value is { code: string } => isObject(value) && typeof value["code"] === "string",
      );
      return row?.code ?? "";
    },
    checksOf,
    async stop() {
      await running.stop();
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

async function receive(
  town: Town,
  approvals: Approvals,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) if (Buffer.isBuffer(chunk)) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString("utf8");
  const header = (name: string): string => String(request.headers[name] ?? "");
  try {
    if (!(await verify(town.receiver.secret, text, header("x-hub-signature-256")))) throw new Error("a bad signature");
    await approvals.onWebhook({
      id: header("x-github-delivery"),
      name: header("x-github-event"),
      payload: JSON.parse(text),
    });
    response.writeHead(202).end();
  } catch {
    response.writeHead(500).end();
  }
}

async function newSession(town: Town, database: Database, of: SessionOf): Promise<Asking> {
  const { shop } = town;
  const sid = crockford(26);
  const headSha = of.headSha ?? town.head;
  const maria = town.standin.world.accounts.get("maria") ?? town.standin.user("maria");
  shop.roles.set("maria", "write");
  const run = town.standin.run({ repository: shop, headSha, actor: maria, event: of.event ?? "push" });
  const policy = policyWith(of.approval);
  const identity: Identity = {
    repository: "acme/shop",
    workflowRef: "acme/shop/.github/workflows/deploy.yml@refs/heads/main",
    run: String(run.id),
    attempt: "1",
    job: "migrate",
    actor: "maria",
    triggeringActor: "maria",
    commit: headSha,
    ref: of.pull === undefined ? "refs/heads/main" : `refs/pull/${of.pull.number}/merge`,
    environment: "",
    event: of.event ?? "push",
  };
  const origin = `github.com/acme/shop/countersign/s/${sid}`;
  const checkRun = town.standin.job(run).checkRun.id;
  const now = Date.now();
  const facts = {
    sid,
    vkey: "",
    encryption: "",
    identity,
    repositoryId: shop.id,
    runId: run.id,
    runAttempt: 1,
    checkRunId: checkRun,
    policy: { digest: readPolicy(policy, "countersign.yml").digest, path: ".github/countersign.yml", commit: headSha },
    targets: ["appdb"],
    tier: "cooperative",
    registeredAt: new Date(now).toISOString(),
  };
  await database.run(
    `INSERT INTO session (sid, repository_id, repository, installation_id, run_id, run_attempt, check_run_id, origin, vkey,
       encryption, head_sha, registration, facts, policy_text, state, registered_at, seen_at)
     VALUES ($1, $2, 'acme/shop', $3, $4, 1, $5, $6, '', '', $7, '', $8, $9, 'open', $10, $10)`,
    [sid, shop.id, town.installation.id, run.id, checkRun, origin, headSha, JSON.stringify(facts), policy, now],
  );
  return { sid, run, policy, identity };
}

/** The thread of a session that runs on no pull request: the issue that the App made. */
export function issueOf(town: Town): Issue | undefined {
  return town.shop.issues.findLast(({ author, pull }) => pull === undefined && author.kind === "Bot");
}
