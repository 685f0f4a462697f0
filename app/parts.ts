/** The parts that the App is made of, and what they tell one another. */

import { isObject, isText, shaped } from "../src/evidence/shape.ts";
import type { MakePart } from "./app.ts";
import { createApprovals, withdrawAll } from "./approvals/approvals.ts";
import type { SignedAnswer } from "./custody/check-hand-in.ts";
import { callForCustody, custody } from "./custody/custody.ts";
import { credentialsFile, NO_CREDENTIALS } from "./sessions/credentials.ts";
import { sessions } from "./sessions/sessions.ts";
import { type Sql, StateError } from "./state/database.ts";

const approvals: MakePart = (context) => createApprovals(context);

const keeping: MakePart = (context) => {
  const kept = custody(context, { approvalsOf: signedAnswersOf, onEnded: withdrawAll });
  return { routes: kept.routes, doers: kept.doers, begin: async () => await kept.resume() };
};

const registering: MakePart = (context, { github, credentialsFile: file, sessionsPerHourMax }) =>
  sessions(context, {
    issuers: github.issuers,
    credentials: file === undefined ? NO_CREDENTIALS : credentialsFile(file, process.env),
    perHourMax: sessionsPerHourMax,
    onRegistered: callForCustody,
    onEnded: withdrawAll,
    onContested: callForCustody,
  });

export const PARTS: readonly MakePart[] = [registering, approvals, keeping];

const isAnswered = shaped({ id: isText, answered: isText });

/** The answers that the App signed for a session: what was withdrawn or expired by nobody's word has no signature. */
export async function signedAnswersOf(sql: Sql, sid: string): Promise<readonly SignedAnswer[]> {
  const rows = await sql.rows(
    "SELECT id, answered FROM request WHERE sid = $1 AND answered <> '' ORDER BY asked_at, id",
    [sid],
    isAnswered,
  );
  return rows.flatMap(({ id, answered }) => {
    const value: unknown = JSON.parse(answered);
    if (!isObject(value) || !isText(value["dsse"])) throw new StateError(`the answer to request ${id} cannot be read`);
    return value["dsse"] === "" ? [] : [{ request: id, dsse: value["dsse"] }];
  });
}
