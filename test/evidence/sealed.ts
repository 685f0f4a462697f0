// Makes sessions as a gateway makes them: real keys, real witness, real signatures; only the database is missing.

import { createPrivateKey, generateKeyPairSync, hash, type KeyObject, randomFillSync } from "node:crypto";
import { signApproval } from "../../src/evidence/approval-statement.ts";
import { dsseSigner, signDsse } from "../../src/evidence/dsse.ts";
import { digestOfFile } from "../../src/evidence/entry.ts";
import { type SealedSession, sealedStatement, statementOf } from "../../src/evidence/layout.ts";
import type { LogSigner } from "../../src/evidence/ledger.ts";
import { planDigest } from "../../src/evidence/plans.ts";
import { redact, SaltPool } from "../../src/journal/disclosure.ts";
import { SessionLog, sessionOrigin } from "../../src/journal/session-log.ts";
import { SessionTree } from "../../src/journal/session-tree.ts";
import type { CommandId } from "../../src/model/command.ts";
import type { EventBodies, EventType } from "../../src/model/event.ts";
import { cosigner, noteSigner } from "../../src/tlog/note.ts";
import { Witness } from "../../src/tlog/witness.ts";

export const ORIGIN = "github.com/acme/shop/countersign";
export const POLICY = `sha256:${"b".repeat(64)}`;

/** When sessions start, and by the countersigner's clock, when their heads and the log's checkpoint are signed. */
const STARTED_AT = "2026-11-23T05:00:00.000Z";
const SEALED_AT_SECONDS = Date.parse(STARTED_AT) / 1000 + 100;

/** An Ed25519 key that is always the same for the same words, so that a forger finds it again. */
export function keyOf(words: string): KeyObject {
  const seed = hash("sha256", `a key of the tests: ${words}`, "buffer");
  const der = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed]);
  return createPrivateKey({ key: der, format: "der", type: "pkcs8" });
}

/** The countersigner: one Ed25519 key for heads, answers and the log, as in local mode. */
export function party(
  key: KeyObject = generateKeyPairSync("ed25519").privateKey,
  { origin = ORIGIN, sealedAtSeconds = SEALED_AT_SECONDS, witness = true } = {},
) {
  const app = cosigner("app.example/countersigner", key);
  const log = noteSigner(origin, key);
  const heads = new Map<string, { size: number; root: Uint8Array }>();
  const signer: LogSigner = {
    logVkey: log.verifier.vkey,
    countersignerVkey: app.verifier.vkey,
    sign: async (text) => log.sign(text) + (witness ? app.cosign(text, sealedAtSeconds) : ""),
  };
  return { key, app, log, heads, signer, dsse: dsseSigner(key) };
}

export type Party = ReturnType<typeof party>;

/** Ways in which a gateway might make a session, so that tests can make bad ones that are signed all the same. */
export interface Twist {
  readonly sid?: string;
  /** Just before the first event; it is of 2026-11-23 unless told otherwise. */
  readonly startedAt?: string;
  /** Changes or drops (undefined) an event before it is written. */
  readonly event?: (type: EventType, body: object) => object | undefined;
  readonly text?: string;
  readonly response?: string;
  readonly actor?: string;
  /** Why people approved. */
  readonly reason?: string;
  /** Rewrites the signed answer's facts before they are signed. */
  readonly answer?: (facts: Parameters<typeof signApproval>[0]) => Parameters<typeof signApproval>[0];
  readonly approvalKey?: KeyObject;
  /** Changes the signed answer before its digest is recorded. */
  readonly sign?: (dsse: string) => string;
  /** The targets whose credentials the App released, and on which connection that is said. */
  readonly issued?: readonly { readonly target: string; readonly conn?: number }[];
  /** Before the end, people are asked about a plan of two deletes, and then commands come. */
  readonly plan?: PlanTwist;
  readonly heldRuling?: "release" | "refuse";
  /** How the held command was answered, and by whom. */
  readonly answered?: "approved" | "refused" | "expired";
  readonly by?: readonly { readonly login: string; readonly via: string }[];
  /** How many people the request asks for. */
  readonly approvers?: number;
  readonly repository?: string;
  /** The policy's digest. */
  readonly policy?: string;
  readonly gateway?: KeyObject;
  /** The seconds of the head's time that the countersigner's clock is off, by the number of the head. */
  readonly clock?: readonly number[];
}

export interface PlanTwist {
  readonly answer?: "approved" | "refused";
  /** Which of its statements come as commands, in that order; both, in theirs, unless told otherwise. */
  readonly comes?: readonly number[];
  /** How the first of them ends; undefined: it never returns. */
  readonly outcome?: "completed" | "error" | undefined;
  /** By which rule they are held when they come. */
  readonly rule?: string;
  /** Rewrites the signed answer's facts before they are signed. */
  readonly facts?: (facts: Parameters<typeof signApproval>[0]) => Parameters<typeof signApproval>[0];
  /** The digests that people are said to have been asked about. */
  readonly digests?: (digests: readonly string[]) => readonly string[];
  /** Is one of its statements released on the plan's own connection. */
  readonly releasesStatement?: boolean;
  /** What stands in the answers of the commands that it covers. */
  readonly covered?: {
    readonly by?: readonly { readonly login: string; readonly via: string }[];
    readonly dsse?: string;
  };
}

const PLAN_REQUEST = "8R3N5P9Y4M";

/** One session: an allowed read, a denied drop, a delete that people approved, and its end. */
export function makeSession(
  by: Party,
  twist: Twist = {},
): SealedSession & { readonly sid: string; readonly gateway: KeyObject } {
  const sid = twist.sid ?? "01KANAV0Q8M3T4ZS5R6X7Y8Z9A";
  const gateway = twist.gateway ?? generateKeyPairSync("ed25519").privateKey;
  const out = { events: "", disclosures: "", checkpoints: "" };
  const logName = sessionOrigin(by.log.verifier.name, sid);
  const tree = new SessionTree({ origin: logName, countersigner: by.app.verifier });
  const sink = (name: "events" | "disclosures") => ({
    bytes: 0,
    add(line: string): void {
      out[name] += `${line}\n`;
      if (name === "events") tree.take(Buffer.from(`${line}\n`));
    },
    flush: () => undefined,
  });
  let millis = Date.parse(twist.startedAt ?? STARTED_AT);
  const now = (): string => new Date((millis += 100)).toISOString();
  const log = new SessionLog({
    sid,
    events: sink("events"),
    disclosures: sink("disclosures"),
    now,
  });
  const signer = noteSigner(logName, gateway);
  const witness = new Witness(
    { load: (name) => by.heads.get(name), save: (name, size, root) => void by.heads.set(name, { size, root }) },
    by.app,
    (origin) => (origin === logName ? [signer.verifier] : []),
  );
  const salts = new SaltPool((bytes) => void randomFillSync(bytes));
  const say = <T extends EventType>(type: T, conn: number, body: EventBodies[T]): number => {
    const twisted = twist.event === undefined ? body : twist.event(type, body);
    return twisted === undefined ? -1 : log.append(type, conn, twisted as EventBodies[T]);
  };
  let heads = 0;
  const head = (): void => {
    log.flush();
    const { body, size } = tree.checkpoint(signer);
    const seconds = Math.floor(millis / 1000) + (twist.clock?.[heads] ?? 0);
    heads += 1;
    const answer = witness.addCheckpoint(body, seconds);
    if (answer.status !== 200) throw new Error(answer.body);
    out.checkpoints += `${tree.cosigned(answer.body, size).lines}\n`;
  };
  const seen = (
    cmd: CommandId,
    effect: "read" | "delete" | "schema",
    text: string,
    planned?: { readonly seq: number; readonly digest: string },
  ): { seq: number; digest: string; leaf: string } => {
    const hidden = redact(text, salts);
    const digest = planned?.digest ?? digestOfFile(`${cmd}${text}`).slice(7, 50);
    const seq = say("command.seen", Number(cmd.split("/")[0]), {
      bounded: effect === "read",
      bytes: text.length + 6,
      cmd,
      digest,
      effects: [effect],
      objects: ["public.users"],
      params: [],
      target: "appdb",
      text: planned === undefined ? [hidden.redacted] : [],
      textOf: planned?.seq ?? -1,
      tx: false,
      why: [`a statement that would ${effect}`],
    });
    const leaf = log.leafOfLast();
    if (seq >= 0 && planned === undefined) log.disclose(hidden, `/${seq}/body/text/0`);
    return { seq, digest, leaf };
  };
  const returned = (cmd: CommandId, outcome: "completed" | "error" = "completed"): void => {
    const response = redact(twist.response ?? "id | email\n1 | b**@***", salts);
    const seq = say("command.returned", 1, {
      bytes: 80,
      cmd,
      code: "",
      copied: { bytes: 0, digest: "" },
      digest: "e".repeat(43),
      execution: 1,
      masked: 1,
      outcome,
      response: [response.redacted],
      rows: 1,
      tookUs: 1500,
      truncated: false,
    });
    if (seq >= 0) log.disclose(response, `/${seq}/body/response/0`);
    say("masked", 1, { cmd, counts: { email: 1 } });
  };
  const decided = (cmd: CommandId, decision: "allow" | "hold" | "deny", rule: string): void => {
    say("command.decided", Number(cmd.split("/")[0]), {
      cmd,
      decision,
      matched: [],
      message: `Rule ${rule} says so.`,
      rule,
    });
  };

  const plan = (what: PlanTwist): string => {
    say("connection.opened", 2, {
      application: [],
      database: "",
      purpose: "plan",
      searchPath: "",
      target: "appdb",
      tls: { client: false, target: false },
      user: "",
    });
    const texts = ["DELETE FROM users WHERE id = 1;", "DELETE FROM users WHERE id = 2;"];
    const stated = texts.map((text, at) => {
      const one = seen(`2/${at + 1}`, "delete", text);
      decided(`2/${at + 1}`, "hold", "destructive");
      return one;
    });
    if (what.releasesStatement === true) {
      say("command.settled", 2, { cause: "", cmd: "2/1", ruling: "release" });
    }
    const known = stated.map(({ digest }) => digest);
    const digests = what.digests?.(known) ?? known;
    const expiresAt = new Date(millis + 1_800_000).toISOString();
    const approvers = { count: 1, teams: ["dba"], users: [] };
    const rules = ["destructive"];
    say("plan.requested", 2, { approvers, digests, expiresAt, request: PLAN_REQUEST, rules, target: "appdb" });
    const leaf = log.leafOfLast();
    const requestedAt = now();
    head();
    const answer = what.answer ?? "approved";
    const carol = [{ login: "carol", via: "check" }];
    const facts = {
      request: PLAN_REQUEST,
      sid,
      cmd: "2/1",
      target: "appdb",
      digest: planDigest(digests),
      leaf,
      policy: twist.policy ?? POLICY,
      rule: "destructive",
      requestedAt,
      expiresAt,
      answer,
      by: carol,
      reason: [],
      decidedAt: now(),
    } as const;
    const dsse = signApproval(what.facts?.(facts) ?? facts, dsseSigner(by.key));
    say("plan.answered", 2, { answer, by: carol, dsse: digestOfFile(dsse), reason: [], request: PLAN_REQUEST });
    say("connection.closed", 2, { commands: 0, received: 0, sent: 0, why: "" });
    for (const [nth, at] of (what.comes ?? [0, 1]).entries()) {
      const cmd = `1/${nth + 4}` as const;
      const statement = stated[at];
      if (statement === undefined) throw new Error("a plan of two has no third statement");
      seen(cmd, "delete", texts[at] ?? "", statement);
      decided(cmd, "hold", what.rule ?? "destructive");
      const own = { by: what.covered?.by ?? carol, dsse: what.covered?.dsse ?? digestOfFile(dsse) };
      say("approval.answered", 1, { answer: "approved", ...own, cmd, reason: [], request: PLAN_REQUEST });
      say("command.settled", 1, { cause: "", cmd, ruling: "release" });
      head();
      if (nth > 0) returned(cmd);
      else if (!("outcome" in what)) returned(cmd);
      else if (what.outcome !== undefined) returned(cmd, what.outcome);
    }
    return dsse;
  };

  say("session.started", 0, {
    countersigner: by.app.verifier.vkey,
    gateway: { version: "0.1.0", vkey: signer.verifier.vkey },
    identity: {
      repository: twist.repository ?? "acme/shop",
      workflowRef: "acme/shop/.github/workflows/db.yml@refs/heads/main",
      run: "123",
      attempt: "1",
      job: "migrate",
      actor: twist.actor ?? "alice",
      triggeringActor: twist.actor ?? "alice",
      commit: "a".repeat(40),
      ref: "refs/heads/main",
      environment: "production",
      event: "push",
    },
    policy: { digest: twist.policy ?? POLICY },
    targets: [{ name: "appdb", protocol: "postgres" }],
    tier: "cooperative",
  });
  for (const { target, conn = 0 } of twist.issued ?? []) say("credential.issued", conn, { source: "app", target });
  const application = redact("psql", salts);
  const opened = say("connection.opened", 1, {
    application: [application.redacted],
    database: "shop",
    purpose: "client",
    searchPath: "public",
    target: "appdb",
    tls: { client: false, target: false },
    user: "job",
  });
  if (opened >= 0) log.disclose(application, `/${opened}/body/application/0`);

  seen("1/1", "read", twist.text ?? "SELECT id, email FROM users");
  decided("1/1", "allow", "rest");
  say("command.settled", 1, { cause: "", cmd: "1/1", ruling: "release" });
  head();
  returned("1/1");

  seen("1/2", "schema", "DROP TABLE users");
  decided("1/2", "deny", "no-drops");
  say("command.settled", 1, { cause: "denied", cmd: "1/2", ruling: "refuse" });

  const held = seen("1/3", "delete", "DELETE FROM users");
  decided("1/3", "hold", "destructive");
  const request = "7Q2M4N8X3K";
  const leaf = held.seq < 0 ? "A".repeat(43) : held.leaf;
  const expiresAt = new Date(millis + 1_800_000).toISOString();
  say("approval.requested", 1, {
    approvers: { count: twist.approvers ?? 1, teams: ["dba"], users: [] },
    cmd: "1/3",
    expiresAt,
    impact: { counted: 2, estimated: 2 },
    leaf,
    request,
  });
  const requestedAt = now();
  head();
  const reason = redact(twist.reason ?? "ticket 7", salts);
  const answer = twist.answered ?? "approved";
  const people = twist.by ?? (answer === "expired" ? [] : [{ login: "carol", via: "check" }]);
  const facts = {
    request,
    sid,
    cmd: "1/3",
    target: "appdb",
    digest: held.digest,
    leaf,
    policy: twist.policy ?? POLICY,
    rule: "destructive",
    requestedAt,
    expiresAt,
    answer,
    by: people,
    reason: [reason.redacted],
    decidedAt: now(),
  } as const;
  const own = signApproval(twist.answer?.(facts) ?? facts, dsseSigner(twist.approvalKey ?? by.key));
  const dsse = twist.sign?.(own) ?? own;
  const answered = say("approval.answered", 1, {
    answer,
    by: people,
    cmd: "1/3",
    dsse: digestOfFile(dsse),
    reason: [reason.redacted],
    request,
  });
  if (answered >= 0) log.disclose(reason, `/${answered}/body/reason/0`);
  const ruling = twist.heldRuling ?? (answer === "approved" ? "release" : "refuse");
  const cause = ruling === "release" ? "" : answer === "expired" ? "expired" : "denied";
  say("command.settled", 1, { cause, cmd: "1/3", ruling });
  head();
  if (ruling === "release") returned("1/3");
  const planDsse = twist.plan === undefined ? undefined : plan(twist.plan);
  say("connection.closed", 1, { commands: 3, received: 400, sent: 600, why: "" });
  say("session.ended", 0, { commands: 3, denied: 1, exit: 0, held: 1, outcome: "completed" });
  head();
  const events = Buffer.from(out.events);
  const statement = statementOf(events, tree.size);
  return {
    sid,
    gateway,
    events,
    disclosures: Buffer.from(out.disclosures),
    checkpoints: Buffer.from(out.checkpoints),
    dsse: sealedStatement(statement, [signDsse(statement, dsseSigner(gateway)), signDsse(statement, by.dsse)]),
    approvals: [{ request, dsse }, ...(planDsse === undefined ? [] : [{ request: PLAN_REQUEST, dsse: planDsse }])],
  };
}
