// What the App enters besides sealed sessions, lost ones and heartbeats, as it does it and as a forger would who has its keys.

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { signApproval } from "../../src/evidence/approval-statement.ts";
import { type DsseSigner, encodeDsse, signDsse } from "../../src/evidence/dsse.ts";
import { digestOfFile, encodeHeartbeatEntry, encodeLostEntry } from "../../src/evidence/entry.ts";
import { type HeartbeatSession, heartbeatOf, heartbeatStatement, signHeartbeat } from "../../src/evidence/heartbeat.ts";
import { type Batch, enter, type LostSession } from "../../src/evidence/layout.ts";
import { appendEntry, readEdge } from "../../src/evidence/log.ts";
import { type Lost, lostStatement, readLost, signLost } from "../../src/evidence/lost.ts";
import { indexWith, lostRow } from "../../src/evidence/pages.ts";
import { heartbeatPath, lostFolder, timeOfId } from "../../src/evidence/where.ts";
import { canonical, parseCanonical } from "../../src/journal/jcs.ts";
import { noteSigner, parseCheckpoint, parseNote, verifySignatures } from "../../src/tlog/note.ts";
import { encodeProof } from "../../src/tlog/proof.ts";
import { rootHash } from "../../src/tlog/tree.ts";
import { bytesOf, countersigner, gatewayKey, readFiles, renderAgain, writeFiles } from "./forge.ts";
import { memoryLedger, memoryReader } from "./memory-ledger.ts";
import { makeSession, POLICY, type Twist } from "./sealed.ts";

/** A session that the tests lose. Its id is of the moment of its first event. */
export const LOST = "01M85YSN40M3T4ZS5R6X7Y8Z8F";
/** Another, of the same moment. */
export const OTHER = "01M85YSN40M3T4ZS5R6X7Y8Z8G";
export const LOST_FOLDER = lostFolder(LOST);
const STARTED_AT = "2026-11-24T04:59:59.900Z";

/** All of the session, as it would have been handed in. */
export function wholeSession(twist: Twist = {}) {
  return makeSession(countersigner(), { sid: LOST, gateway: gatewayKey(LOST), startedAt: STARTED_AT, ...twist });
}

/** How a session is lost. */
export interface Losing {
  /** So many heads of it were countersigned: two, unless told otherwise; the second covers the request for an approval. */
  readonly heads?: number;
  readonly sid?: string;
  /** Changes what the statement says before it is signed. */
  readonly says?: (lost: Lost) => Lost;
  /** Changes the statement itself. */
  readonly states?: (statement: string) => string;
  readonly by?: DsseSigner;
  readonly answers?: LostSession["approvals"];
}

/** The session as the countersigner closes it. */
export function lostOf(session: ReturnType<typeof wholeSession>, losing: Losing = {}): LostSession {
  const { heads = 2, sid = LOST, by = countersigner().dsse, answers = [] } = losing;
  const checkpoint = heads === 0 ? "" : headsOf(session)[heads - 1];
  if (checkpoint === undefined) throw new Error(`there are not ${heads} heads`);
  const facts = losing.says?.(factsOf(sid, checkpoint)) ?? factsOf(sid, checkpoint);
  const stated = losing.states?.(lostStatement(facts));
  const dsse = stated === undefined ? signLost(facts, by) : encodeDsse(stated, [signDsse(stated, by)]);
  return { dsse, checkpoint, approvals: answers };
}

function headsOf({ checkpoints }: { readonly checkpoints: Uint8Array }): string[] {
  const all = Buffer.from(checkpoints).toString().split("\n---\n");
  return all.map((note) => (note.endsWith("\n") ? note : `${note}\n`));
}

function factsOf(sid: string, checkpoint: string): Lost {
  const { app, log } = countersigner();
  const note = checkpoint === "" ? undefined : parseNote(checkpoint);
  const head = note === undefined ? { size: 0, root: rootHash([]) } : parseCheckpoint(note.text);
  const [cosigned] = note === undefined ? [] : verifySignatures(note, [app.verifier]);
  return {
    sid,
    size: head.size,
    root: head.root,
    countersigner: app.verifier.vkey,
    gateway: { vkey: noteSigner(`${log.verifier.name}/s/${sid}`, gatewayKey(sid)).verifier.vkey },
    identity: {
      repository: "acme/shop",
      workflowRef: "acme/shop/.github/workflows/db.yml@refs/heads/main",
      run: "123",
      attempt: "1",
      job: "migrate",
      actor: "alice",
      triggeringActor: "",
      commit: "a".repeat(40),
      ref: "refs/heads/main",
      environment: "production",
      event: "push",
    },
    policy: { digest: POLICY },
    targets: ["appdb"],
    registeredAt: "2026-11-24T04:59:58.000Z",
    lastHeadAt: cosigned === undefined ? "" : new Date(cosigned.at * 1000 + 400).toISOString(),
    closedAt: "2026-11-24T05:10:00.000Z",
    reason: "silent",
  };
}

/** A signed answer to the command that the session holds. */
export function answerOf(facts: Partial<Parameters<typeof signApproval>[0]> = {}, by = countersigner().dsse) {
  const dsse = signApproval(
    {
      request: "7Q2M4N8X3K",
      sid: LOST,
      cmd: "1/3",
      target: "appdb",
      digest: "d".repeat(43),
      leaf: "A".repeat(43),
      policy: POLICY,
      rule: "destructive",
      requestedAt: "2026-11-24T05:00:01.000Z",
      expiresAt: "2026-11-24T05:30:00.000Z",
      answer: "approved",
      by: [{ login: "carol", via: "check" }],
      reason: [],
      decidedAt: "2026-11-24T05:01:00.000Z",
      ...facts,
    },
    by,
  );
  return { request: facts.request ?? "7Q2M4N8X3K", dsse };
}

/** Enters a batch in the ledger of a folder, as the App does. */
export async function entering(folder: string, batch: Batch) {
  const files = readFiles(folder);
  const entered = await enter(batch, memoryLedger(files), countersigner().signer);
  writeFiles(folder, files);
  return entered;
}

/** Closes the session in a folder's ledger, whatever the statement says, in its place or in another. */
export async function closeAnyhow(folder: string, session: LostSession, place = LOST_FOLDER): Promise<void> {
  const by = countersigner();
  const said = readLost(session.dsse);
  const files = readFiles(folder);
  const put = (path: string, text: string): void => void files.set(path, Buffer.from(text));
  const { sid, root, size } = said ?? { sid: LOST, root: rootHash([]), size: 0 };
  const entry = encodeLostEntry({ sid, root, size, dsse: digestOfFile(session.dsse) });
  const edge = await readEdge(memoryReader(files), [by.log.verifier], by.log.verifier.name);
  const appended = appendEntry(edge, Buffer.from(entry));
  for (const { path, bytes } of appended.files) files.set(path, bytes);
  for (const path of appended.removed) files.delete(path);
  const checkpoint = `${appended.checkpoint}\n${await by.signer.sign(appended.checkpoint)}`;
  put("log/checkpoint", checkpoint);
  put(`${place}/lost.dsse.json`, session.dsse);
  if (!files.has(`${place}/events.jsonl`)) {
    put(`${place}/session.tlog-proof`, encodeProof({ index: appended.index, path: appended.path, checkpoint }));
    if (session.checkpoint !== "") put(`${place}/checkpoints.txt`, session.checkpoint);
    for (const { request, dsse } of session.approvals) put(`${place}/approvals/${request}.dsse.json`, dsse);
    const before = Buffer.from(bytesOf(files, "sessions/2026/11/index.csv")).toString();
    if (said !== undefined) put("sessions/2026/11/index.csv", indexWith(before, [lostRow(said, timeOfId(sid))]));
  }
  writeFiles(folder, files);
  renderAgain(folder);
}

/** How a heartbeat is made. */
export interface Beating {
  readonly repository?: string;
  /** Changes the statement before it is signed. */
  readonly says?: (statement: string) => string;
  readonly by?: DsseSigner;
}

/** The text of a day's signed heartbeat. */
export function heartbeat(day: string, sessions: readonly HeartbeatSession[] = [], beating: Beating = {}): string {
  const { repository = "acme/shop", by = countersigner().dsse } = beating;
  const facts = heartbeatOf(day, repository, sessions);
  const said = beating.says?.(heartbeatStatement(facts));
  return said === undefined ? signHeartbeat(facts, by) : encodeDsse(said, [signDsse(said, by)]);
}

export const seen = (sid: string, state: HeartbeatSession["state"]): HeartbeatSession => ({
  sid,
  run: "123",
  attempt: "1",
  job: "migrate",
  state,
});

/** Puts a heartbeat's file into a folder, and nothing into the log. */
export function putHeartbeat(folder: string, day: string, dsse: string): void {
  mkdirSync(dirname(join(folder, heartbeatPath(day))), { recursive: true });
  writeFileSync(join(folder, heartbeatPath(day)), dsse);
}

/** The entry of a heartbeat of this day with these bytes. */
export const heartbeatEntry = (day: string, dsse: string): string =>
  encodeHeartbeatEntry({ day, dsse: digestOfFile(dsse) });

/** The text of an envelope with its payload changed, and the signatures left as they were. */
export function editedPayload(envelope: string, change: (payload: string) => string): string {
  const parts = JSON.parse(envelope) as { payload: string };
  const payload = change(Buffer.from(parts.payload, "base64").toString());
  return `${canonical({ ...parts, payload: Buffer.from(payload).toString("base64") })}\n`;
}

/** A statement with fields of its predicate changed, in canonical form. */
export const saying =
  (more: object) =>
  (statement: string): string => {
    const value = parseCanonical(statement) as { predicate: object };
    return canonical({ ...value, predicate: { ...value.predicate, ...more } });
  };
