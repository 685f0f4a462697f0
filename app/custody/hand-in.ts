/** Takes sealed sessions into custody: their files, and then the word of the session's key that this is all. docs/app-api.md, Custody. */

import { hash } from "node:crypto";
import type { DsseSignature } from "../../src/evidence/dsse.ts";
import { fieldsOf, isInteger, isText, shaped } from "../../src/evidence/shape.ts";
import type { Context } from "../context.ts";
import { type Exchange, json, jsonObject, Problem, type Reply, type Route } from "../http/route.ts";
import { findSession, type SessionRow } from "../sessions/session.ts";
import type { Sql } from "../state/database.ts";
import { callFor } from "../state/errands.ts";
import { checkHandIn, type SignedAnswer } from "./check-hand-in.ts";
import {
  digestOfHandIn,
  HANDED_BYTES_MAX,
  HANDED_NAMES,
  type HandedName,
  listFiles,
  putFile,
  readFile,
} from "./handed-files.ts";

/** What custody needs of the other parts. */
export interface CustodyNeeds {
  /** The answers that the App signed for this session. */
  readonly approvalsOf: (sql: Sql, sid: string) => Promise<readonly SignedAnswer[]>;
  /** Told, in the same transaction, that a session is not open any more. */
  readonly onEnded: (sql: Sql, sid: string, atMs: number) => Promise<void>;
}

/** A signature in JSON has about 170 bytes. */
const SEAL_BYTES_MAX = 4096;

export function handInRoutes(context: Context, needs: CustodyNeeds): Route[] {
  return [
    {
      who: "session",
      method: "PUT",
      path: /^\/v1\/sessions\/([0-7][0-9A-HJKMNP-TV-Z]{25})\/files\/([a-z.]{1,32})$/,
      bodyBytesMax: HANDED_BYTES_MAX,
      handle: async (exchange, session) => await putOne(context, exchange, session),
    },
    {
      who: "session",
      method: "POST",
      path: /^\/v1\/sessions\/([0-7][0-9A-HJKMNP-TV-Z]{25})\/seal$/,
      bodyBytesMax: SEAL_BYTES_MAX,
      handle: async (exchange, session) => await sealOne(context, needs, exchange, session),
    },
  ];
}

function isTaken({ state }: SessionRow): boolean {
  return state === "handed-in" || state === "landed";
}

async function putOne({ database }: Context, { caught, body }: Exchange, { sid }: SessionRow): Promise<Reply> {
  const name = nameOf(caught);
  if (caught[0] !== sid) throw new Problem(403, "Another session", "A session hands in its own files alone.");
  const sha256 = hash("sha256", body, "hex");
  await database.transaction(async (sql) => {
    const session = await locked(sql, sid);
    if (isTaken(session)) {
      if ((await listFiles(sql, sid)).get(name)?.sha256 !== sha256) throw other(name);
      return;
    }
    await putFile(sql, sid, name, body);
  });
  return json(200, { name, sha256, size: body.length });
}

function nameOf(caught: readonly string[]): HandedName {
  const name = HANDED_NAMES.find((each) => each === caught[1]);
  if (name === undefined) {
    throw new Problem(404, "No such file", `The files of a session are ${HANDED_NAMES.join(", ")}.`);
  }
  return name;
}

function other(name: string): Problem {
  return new Problem(409, "Handed in already", `${name} was handed in with other bytes, and stays as it was.`);
}

async function locked(sql: Sql, sid: string): Promise<SessionRow> {
  const session = await findSession(sql, sid, "lock");
  if (session === undefined) throw new Problem(404, "No such session", "Register the session first.");
  return session;
}

const isHead = shaped({ size: isInteger, root: (value: unknown): value is Uint8Array => value instanceof Uint8Array });
const isTakenRow = shaped({ digest: isText });

async function sealOne(context: Context, needs: CustodyNeeds, exchange: Exchange, asked: SessionRow): Promise<Reply> {
  const { database, clock } = context;
  const { sid, facts } = asked;
  const signature = signatureIn(exchange);
  const files = await listFiles(database, sid);
  const given = digestOfHandIn(files, signature.sig);
  if (isTaken(asked)) return await again(database, asked, given);
  const missing = HANDED_NAMES.find((name) => !files.has(name));
  if (missing !== undefined)
    throw new Problem(409, "Not all is here", `Hand in ${missing} first, even where it is empty.`);

  // Long work, so no lock is held; that nothing changed meanwhile is looked at below.
  const [head] = await database.rows("SELECT size, root FROM head WHERE origin = $1", [asked.origin], isHead);
  const checked = checkHandIn(
    {
      events: await readFile(database, sid, "events.jsonl"),
      checkpoints: await readFile(database, sid, "checkpoints.txt"),
      signature,
    },
    { facts, head, answers: await needs.approvalsOf(database, sid), vkey: context.vkey, signer: context.signer },
  );
  if (checked.kind === "bad") throw new Problem(409, "Not what was countersigned", `${checked.why}.`);

  const reply = await database.transaction(async (sql) => {
    const session = await locked(sql, sid);
    const now = await listFiles(sql, sid);
    if (isTaken(session)) return await again(sql, session, digestOfHandIn(now, signature.sig));
    const [headNow] = await sql.rows(
      "SELECT size, root FROM head WHERE origin = $1 FOR UPDATE",
      [session.origin],
      isHead,
    );
    if (digestOfHandIn(now, signature.sig) !== given || headNow?.size !== head?.size) {
      throw new Problem(409, "Changed meanwhile", "A file or the head changed while it was checked; seal it again.");
    }
    const atMs = clock();
    const size = [...now.values()].reduce((sum, each) => sum + each.size, 0);
    await sql.run(
      `INSERT INTO hand_in (sid, repository_id, dsse, approvals, digest, size, at)
       VALUES ($1, $2, $3, $4::text::jsonb, $5, $6, $7)`,
      [sid, session.repository_id, checked.dsse, JSON.stringify(checked.approvals), given, size, atMs],
    );
    await sql.run(
      "UPDATE session SET state = 'handed-in', ended_at = CASE WHEN ended_at = 0 THEN $2 ELSE ended_at END WHERE sid = $1",
      [sid, atMs],
    );
    if (session.state === "open") {
      await needs.onEnded(sql, sid, atMs);
      await callFor(sql, { kind: "attend", subject: sid }, atMs);
    }
    await callFor(sql, { kind: "land", subject: String(session.repository_id) }, atMs);
    return json(202, { state: "handed-in" });
  });
  context.metrics.count("countersign_sessions_handed_in_total");
  await database.notify(`session:${sid}`);
  context.wake();
  return reply;
}

function signatureIn({ body }: Exchange): DsseSignature {
  const { signature, ...rest } = jsonObject(body);
  const fields = fieldsOf(signature, { keyid: isText, sig: isText });
  if (fields === undefined || Object.keys(rest).length > 0) {
    throw new Problem(400, "Not a seal", 'The body is {"signature":{"keyid","sig"}}, and nothing else.');
  }
  return fields;
}

/** What was handed in is the App's and stays. Who asks again with the same is told the same. */
async function again(sql: Sql, { sid, state }: SessionRow, given: string): Promise<Reply> {
  const [taken] = await sql.rows("SELECT digest FROM hand_in WHERE sid = $1", [sid], isTakenRow);
  if (taken?.digest !== given) throw other("The session");
  return json(202, { state });
}
