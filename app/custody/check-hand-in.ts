/**
 * Holds what a gateway hands in against what the App signed: the head, the registration, the answers. What passes is what
 * was countersigned, to the last event; nothing is said of whether it was right.
 */

import { readHeads } from "../../src/evidence/check-heads.ts";
import { type DsseSignature, type DsseSigner, encodeDsse, signDsse, verifyDsse } from "../../src/evidence/dsse.ts";
import { digestOfFile } from "../../src/evidence/entry.ts";
import type { KnownEvent } from "../../src/evidence/event-shapes.ts";
import { readEvents } from "../../src/evidence/read-events.ts";
import { Finding } from "../../src/evidence/report.ts";
import { sessionStatement } from "../../src/evidence/statement.ts";
import { Summariser } from "../../src/evidence/summary.ts";
import { CanonicalError, canonical } from "../../src/journal/jcs.ts";
import type { Registration } from "../../src/model/registration.ts";
import { parseVkey } from "../../src/tlog/note.ts";

/** An answer of people that the App signed: the id of the request, and the file, whole. */
export interface SignedAnswer {
  readonly request: string;
  readonly dsse: string;
}

export interface HandIn {
  readonly events: Uint8Array;
  readonly checkpoints: Uint8Array;
  /** The session key's signature over the statement that follows from the events. */
  readonly signature: DsseSignature;
}

/** What the App knows. */
export interface Signed {
  readonly facts: Registration;
  /** The head that was countersigned last; undefined where none was. */
  readonly head: { readonly size: number; readonly root: Uint8Array } | undefined;
  readonly answers: readonly SignedAnswer[];
  /** The App's own cosigning key, type 0x04. */
  readonly vkey: string;
  readonly signer: DsseSigner;
}

export type Checked =
  | { readonly kind: "good"; readonly dsse: string; readonly approvals: readonly SignedAnswer[] }
  | { readonly kind: "bad"; readonly why: string };

/** Checks, and signs the statement with the App's key when everything holds. */
export function checkHandIn({ events, checkpoints, signature }: HandIn, signed: Signed): Checked {
  const { head, facts, answers, vkey, signer } = signed;
  if (head === undefined || head.size === 0) return bad("no head of this session was ever countersigned");
  const summariser = new Summariser();
  const named: Named[] = [];
  const other: { sid: string | undefined } = { sid: undefined };
  const read = readEvents(events, (event) => {
    summariser.add(event);
    if (event.sid !== facts.sid) other.sid = event.sid;
    if (event.type !== "approval.answered" && event.type !== "plan.answered") return;
    const { request, dsse } = event.body;
    // Every command that a plan covers names the plan's one answer.
    if (dsse !== "" && !named.some((each) => each.request === request && each.dsse === dsse))
      named.push({ request, dsse });
  });
  if (read.torn) return bad("the last line of events.jsonl has no newline; hand it in whole");
  if (read.faults.length > 0) return bad(`events.jsonl: ${read.faults[0] ?? ""}`);
  if (other.sid !== undefined) return bad(`events.jsonl holds an event of session ${other.sid}`);
  if (read.size !== head.size || Buffer.compare(read.root, head.root) !== 0) {
    const counts = `events.jsonl has ${read.size} events, ${head.size} were countersigned`;
    return bad(
      read.size === head.size ? `${counts}, and not these` : `${counts}; have its last head countersigned first`,
    );
  }
  const summary = summariser.summary();
  const strange = strangeIn(summary.started, facts, vkey);
  if (strange !== undefined) return bad(`session.started has another ${strange} than was registered`);
  const wrong = faultOfCheckpoints(checkpoints, { facts, vkey, head });
  if (wrong !== undefined) return bad(`checkpoints.txt: ${wrong}`);
  const approvals = named.map(({ request, dsse }) =>
    answers.find((each) => each.request === request && digestOfFile(each.dsse) === dsse),
  );
  const unknown = named.find((_, at) => approvals[at] === undefined);
  if (unknown !== undefined) return bad(`the answer to request ${unknown.request} is not one that this App signed`);
  let statement: string;
  try {
    statement = sessionStatement({ events: read, summary, countersigned: head.size });
  } catch (error) {
    if (!(error instanceof CanonicalError)) throw error;
    return bad(`no statement can be made of events.jsonl: ${error.message}`);
  }
  const own = verifyDsse(encodeDsse(statement, [signature]), [parseVkey(facts.vkey).publicKey]);
  if (own.kind === "bad") return bad(`the signature is not the session key's over the statement: ${own.why}`);
  return {
    kind: "good",
    dsse: encodeDsse(statement, [signature, signDsse(statement, signer)]),
    approvals: approvals.flatMap((each) => each ?? []),
  };
}

interface Named {
  readonly request: string;
  readonly dsse: string;
}

function bad(why: string): Checked {
  return { kind: "bad", why };
}

/** The first thing in which the events began otherwise than was registered. */
function strangeIn(
  started: Extract<KnownEvent, { type: "session.started" }>["body"] | undefined,
  facts: Registration,
  vkey: string,
): string | undefined {
  if (started === undefined) return "beginning";
  if (canonical(started.identity) !== canonical(facts.identity)) return "identity";
  if (started.policy.digest !== facts.policy.digest) return "policy";
  if (started.tier !== facts.tier) return "tier";
  if (started.gateway.vkey !== facts.vkey) return "key";
  if (started.countersigner !== vkey) return "countersigner";
  const targets = started.targets.map(({ name }) => name).toSorted();
  return canonical(targets) === canonical(facts.targets.toSorted()) ? undefined : "list of targets";
}

function faultOfCheckpoints(
  checkpoints: Uint8Array,
  {
    facts,
    vkey,
    head,
  }: {
    readonly facts: Registration;
    readonly vkey: string;
    readonly head: { readonly size: number; readonly root: Uint8Array };
  },
): string | undefined {
  const heads = new Finding("heads");
  const times = new Finding("times");
  const keys = { gateway: parseVkey(facts.vkey), countersigner: parseVkey(vkey) };
  const last = readHeads(checkpoints, keys, { heads, times }).at(-1);
  const [reason] = [...heads.check().reasons, ...times.check().reasons];
  if (reason !== undefined) return reason;
  return last?.size === head.size && Buffer.compare(last.root, head.root) === 0
    ? undefined
    : "it does not end with the head that was countersigned last";
}
