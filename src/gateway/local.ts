import { generateKeyPairSync, type KeyObject, randomBytes } from "node:crypto";
import { join } from "node:path";
import { openSqlReader } from "../languages/sql/reader.ts";
import { openMasker } from "../masking/mask.ts";
import type { Identity, SessionId, Tier } from "../model/session.ts";
import { compile } from "../policy/decide.ts";
import type { Facts } from "../policy/facts.ts";
import type { Policy } from "../policy/policy.ts";
import { openProtocols } from "../protocols/index.ts";
import type { Target } from "../protocols/postgres/index.ts";
import { makeSessionCertificate, type SessionCertificate } from "./certificate.ts";
import { followInThread } from "./follow-in-thread.ts";
import { type Endpoint, Gateway } from "./gateway.ts";
import { type Followed, HeadFollower, type HeadSource } from "./head-follower.ts";
import { askPeople, type HoldParts } from "./hold.ts";
import { branchOf } from "./identity.ts";
import { Judge } from "./judge.ts";
import { Plans } from "./plans.ts";
import { type PlanEnd, type Proposal, type ProposeParts, propose } from "./propose.ts";
import { Proposing } from "./proposing.ts";
import { RandomPool } from "./random-pool.ts";
import { Session } from "./session.ts";
import type { SessionDesk } from "./session-desk.ts";
import { makeUlid } from "./ulid.ts";
import type { ClaimedSession, Destination, UnsealedSessions } from "./unsealed.ts";

// Puts a session together: journal, heads, masking, policy, people and the ports that the job connects to.

/** A session's name and key, made before it opens: an App registers them first. */
export interface SessionOwn {
  readonly sid: SessionId;
  readonly key: KeyObject;
}

/** A target whose credential somebody else keeps, and gives once the session's first head is countersigned. */
export interface AwaitedTarget {
  readonly name: string;
  /** Rejects where there is none; then the session does not begin. */
  fetch(): Promise<Target>;
}

export interface OpenParts {
  /** Made here where it is not given. */
  readonly own?: SessionOwn;
  readonly policy: Policy;
  readonly targets: readonly (Target | AwaitedTarget)[];
  readonly identity: Identity;
  readonly tier: Tier;
  readonly logOrigin: string;
  /** Where sessions keep their write-ahead files, one folder each. */
  readonly sessionsDirectory: string;
  /** Keeps there what another process needs to seal the session should this one die. Undefined: then nobody can. */
  readonly unsealed?: { readonly sessions: UnsealedSessions; readonly destination: Destination };
  /** The countersigner and its desk; undefined where there is none, and then a hold cannot be answered. */
  readonly desk: SessionDesk | undefined;
  readonly version: string;
  /** Told once, when the session cannot go on. */
  readonly failed: (why: string) => void;
}

export interface OpenSession {
  readonly session: Session;
  readonly endpoints: readonly Endpoint[];
  readonly certificate: SessionCertificate;
  /** The session as this process holds it against others; undefined where nothing is kept for them. */
  readonly claimed: ClaimedSession | undefined;
  /** Asks people about a plan of the job's. */
  propose(
    proposal: Proposal,
    about: { readonly signal: AbortSignal; readonly say: (words: string) => void },
  ): Promise<PlanEnd>;
  /** Ends all connections and records the end; what is left is to seal it. */
  end(exit: number): Promise<void>;
}

/** A name and a key for a session that begins now. */
export function makeSessionOwn(): SessionOwn {
  return { sid: makeUlid(Date.now(), randomBytes(10)), key: generateKeyPairSync("ed25519").privateKey };
}

/** Starts a session and listens for its clients. Rejects when anything it promises cannot be had. */
export async function openSession(parts: OpenParts): Promise<OpenSession> {
  const { policy, identity, desk } = parts;
  const { sid, key } = parts.own ?? makeSessionOwn();
  const masker = openMasker(
    policy.masking.flatMap((rule) => (rule.kind === "columns" ? [rule] : [])),
    randomBytes(32),
  );
  let gateway: Gateway | undefined;
  // Before its folder is there, so that nobody who looks for sessions left by others takes it for one.
  const claimed = parts.unsealed?.sessions.claim(sid);
  if (claimed !== undefined && "life" in claimed) throw new Error(`session ${sid} is another's`);
  const session = new Session({
    sid,
    key,
    directory: join(parts.sessionsDirectory, sid),
    logOrigin: parts.logOrigin,
    countersigner: desk === undefined ? undefined : { vkey: desk.vkey, follow: (followed) => follow(followed, desk) },
    masker,
    sync: parts.targets.some(({ name }) => policy.targets.get(name)?.sync === true),
    failed: (why) => {
      gateway?.abort(`the session cannot be recorded any more: ${why}`);
      parts.failed(why);
    },
  });
  if (parts.unsealed !== undefined) claimed?.keep({ ...parts.unsealed.destination, key: session.key });
  await desk?.register({ sid, origin: session.origin, vkey: session.vkey });
  session.log.append("session.started", 0, {
    countersigner: desk?.vkey ?? "none",
    gateway: { version: parts.version, vkey: session.vkey },
    identity,
    policy: { digest: policy.digest },
    targets: parts.targets.map(({ name }) => ({ name, protocol: policy.targets.get(name)?.protocol ?? "" })),
    tier: parts.tier,
  });
  session.turn.wake();

  const facts = new Map<string, Facts>(
    parts.targets.map(({ name }) => [name, factsOf(name, policy.targets.get(name)?.protocol ?? "", identity)]),
  );
  const plans = new Plans();
  const proposing = new Proposing();
  const hold: HoldParts | undefined =
    desk === undefined
      ? undefined
      : {
          session,
          desk,
          vkey: desk.vkey,
          identity,
          policyDigest: policy.digest,
          transactionMsMax: policy.limits.holdInTransactionMs,
          impactOf: async (target, command) =>
            (await gateway?.impactOf(target, command)) ?? { estimated: -1, counted: -1, note: "" },
        };
  const judge = new Judge({
    session,
    policy: compile(policy),
    factsOf: (target) => facts.get(target) ?? factsOf(target, "", identity),
    plans,
    askPeople:
      hold === undefined
        ? async () => await Promise.resolve({ answer: "expired", words: "There is nobody to ask: no countersigner." })
        : askPeople(hold),
  });
  const [protocols, reader, certificate] = await Promise.all([
    openProtocols(),
    openSqlReader(),
    makeSessionCertificate(["localhost", "127.0.0.1", "::1"], new Date()),
  ]);
  const pool = new RandomPool();
  let endpoints: readonly Endpoint[];
  let listening: Gateway;
  try {
    const targets = (await arrived(parts.targets, session)).map((target) => {
      const rules = policy.targets.get(target.name);
      const protocol = protocols.get(rules?.protocol ?? "");
      if (rules === undefined || protocol === undefined) throw new Error(`target "${target.name}" has no protocol`);
      return { target, protocol, recordBytesMax: rules.recordBytesMax };
    });
    listening = new Gateway({
      session,
      judge,
      certificate,
      password: randomBytes(24).toString("base64url"),
      random: (count) => pool.take(count),
      reader,
      targets,
    });
    gateway = listening;
    if (masker.columns.patterns.length > 0) {
      await Promise.all(targets.map(async (target) => await listening.learn(target)));
    }
    endpoints = await listening.listen();
  } catch (error) {
    gateway?.abort("the session did not begin");
    await session.abandon();
    // It began, and nothing more: there is nothing to seal. What was asked of a target stays, and is sealed as lost.
    if (session.log.size <= 1) claimed?.remove();
    claimed?.release();
    throw error;
  }
  return {
    session,
    endpoints,
    certificate,
    claimed,
    async propose(proposal, about) {
      if (hold === undefined) return { kind: "bad", words: "there is nobody to ask" };
      const asking: ProposeParts = {
        ...hold,
        plans,
        number: () => listening.number(),
        decide: (target, command) => judge.decide(target, command),
        foresee: (target, text, how) => listening.foresee(target, text, how),
      };
      try {
        return await proposing.during(
          about.signal,
          async (signal) => await propose(asking, proposal, { ...about, signal }),
        );
      } catch (error) {
        session.fail(error);
        throw error;
      }
    },
    async end(exit) {
      await proposing.end();
      await listening.close("the session ended");
      await judge.idle();
      if (session.failure === "") {
        const { commands, denied, held } = session.stats;
        const outcome = exit === 0 ? "completed" : "failed";
        session.log.append("session.ended", 0, { commands, denied, exit, held, outcome });
      }
      await session.end();
    },
  };
}

/** The targets, those with the credentials that somebody else kept. Each is recorded before it is used. */
async function arrived(targets: OpenParts["targets"], session: Session): Promise<readonly Target[]> {
  const given = targets.flatMap((target) => ("fetch" in target ? [] : [target]));
  if (given.length === targets.length) return given;
  // Whoever has them gives them to a session whose beginning is countersigned, and to no other.
  await session.settled();
  const known: Target[] = [];
  for (const target of targets) {
    if ("fetch" in target) {
      // oxlint-disable-next-line no-await-in-loop -- a handful, and errors name the one at fault
      known.push(await target.fetch());
      session.log.append("credential.issued", 0, { source: "app", target: target.name });
    } else known.push(target);
  }
  await session.settled();
  return known;
}

/** In a thread of its own, where the countersigner can be reached from one. */
function follow(followed: Followed, desk: SessionDesk): HeadSource {
  return desk.address === undefined
    ? new HeadFollower(followed, async (body) => await desk.addCheckpoint(body))
    : followInThread(followed, desk.address);
}

function factsOf(target: string, protocol: string, identity: Identity): Facts {
  const { environment, event, actor } = identity;
  return { target, protocol, branch: branchOf(identity), environment, event, actor };
}
