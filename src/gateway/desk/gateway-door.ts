/**
 * What the gateway may ask of the countersigner, over the UNIX socket: heads to sign, requests to show, answers given
 * in the terminal. The socket's directory is private, and the secret keeps out the job, which runs as the same user.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { faultsOfPlan, faultsOfRequest, isApprovalRequest, isPlanRequest } from "../../approval/shape.ts";
import { NoteError } from "../../tlog/note.ts";
import type { Witness } from "../../tlog/witness.ts";
import type { RequestBook } from "./book.ts";
import { type Custody, CustodyError } from "./custody.ts";
import {
  answerError,
  answerJson,
  answerText,
  isSameSecret,
  Refused,
  readJson,
  readText,
  textField,
} from "./exchange.ts";
import { faultOfRegistration, type HeadFiles, type Registration } from "./heads.ts";

export interface GatewayDoor {
  readonly secret: string;
  readonly book: RequestBook;
  readonly heads: HeadFiles;
  readonly witness: Witness;
  readonly custody: Custody;
  /** Who answers in the terminal: the person whose machine this is. */
  readonly person: string;
  readonly vkey: string;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  readonly log: (line: string) => void;
}

/** Longest wait of one long poll; a client asks again. */
const WAIT_SECONDS_MAX = 30;
/** Longest reason that is signed: a paragraph, not a document. */
export const REASON_CHARACTERS_MAX = 1000;

/** A session's statement names its targets and counts; it does not grow with the session. */
const STATEMENT_MAX = 64 * 1024;

/** An erasure names each value that goes, in about a hundred characters; a body has a bound of its own. */
const ERASURE_MAX = 700 * 1024;

/** Answers the gateway's requests. Everything but a right secret is a 403. */
export function gatewayDoor(door: GatewayDoor): RequestListener {
  return (request, response) => {
    void route(door, request, response).catch((error: unknown) => answerError(response, error, door.log));
  };
}

async function route(door: GatewayDoor, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (!isSameSecret(request.headers.authorization ?? "", `Bearer ${door.secret}`)) {
    throw new Refused(403, "this socket belongs to the gateway that started the countersigner");
  }
  const [pathname = "", query = ""] = (request.url ?? "").split("?", 2);
  switch (`${request.method} ${pathname}`) {
    case "POST /add-checkpoint": {
      const answer = door.witness.addCheckpoint(await readText(request), Math.floor(door.clock() / 1000));
      answerText(response, answer.status, answer.body, answer.contentType);
      return;
    }
    case "POST /v1/sessions":
      register(door, await readJson(request), response);
      return;
    case "POST /v1/requests":
      submit(door, await readJson(request), response);
      return;
    case "POST /v1/custody":
      keep(door, await readJson(request), response);
      return;
    case "GET /v1/health":
      answerJson(response, 200, { ok: true, vkey: door.vkey, person: door.person });
      return;
  }
  const [, id = "", rest = ""] = /^\/v1\/requests\/([^/]+)(\/answer)?$/.exec(pathname) ?? [];
  if (id === "") {
    throw new Refused(404, "there is nothing here");
  }
  if (request.method === "GET" && rest === "") {
    await wait(door, { id, seconds: Number(new URLSearchParams(query).get("wait") ?? "0"), response });
  } else if (request.method === "DELETE" && rest === "") {
    door.book.withdraw(id);
    answerJson(response, 200, state(door.book, id));
  } else if (request.method === "POST" && rest === "/answer") {
    onAnswer(door, { id, body: await readJson(request), response });
  } else {
    throw new Refused(405, "this cannot be done here");
  }
}

function register(door: GatewayDoor, body: Readonly<Record<string, unknown>>, response: ServerResponse): void {
  const registration: Registration = {
    sid: textField(body, "sid", 26),
    origin: textField(body, "origin", 1024),
    vkey: textField(body, "vkey", 1024),
  };
  const fault = faultOfRegistration(registration);
  if (fault !== "") {
    throw new Refused(400, fault);
  }
  const outcome = door.heads.register(registration);
  if (outcome === "taken") {
    // the first registration stands. A second one is somebody else, or a mistake that must be seen.
    door.log(`countersigner: session ${registration.sid} was registered a second time with another key or origin`);
    throw new Refused(409, "this session is registered with another key or origin; the first one stands");
  }
  answerJson(response, outcome === "new" ? 201 : 200, { vkey: door.vkey });
}

/** Signs what ends a session: `{origin, statement}`, `{origin, erasure}`, `{origin, checkpoint}`, or tells a log's key for `{origin}`. */
function keep(door: GatewayDoor, body: Readonly<Record<string, unknown>>, response: ServerResponse): void {
  const origin = textField(body, "origin", 1024);
  try {
    if (body["statement"] !== undefined) {
      answerJson(response, 200, { ...door.custody.signStatement(origin, textField(body, "statement", STATEMENT_MAX)) });
    } else if (body["erasure"] !== undefined) {
      answerJson(response, 200, { ...door.custody.signErasure(origin, textField(body, "erasure", ERASURE_MAX)) });
    } else if (body["checkpoint"] !== undefined) {
      const text = textField(body, "checkpoint", 4096);
      answerJson(response, 200, { lines: door.custody.signCheckpoint(origin, text, Math.floor(door.clock() / 1000)) });
    } else answerJson(response, 200, { vkey: door.custody.logVkey(origin) });
  } catch (error) {
    if (error instanceof CustodyError || error instanceof NoteError) throw new Refused(409, error.message);
    throw error;
  }
}

function submit(door: GatewayDoor, body: Readonly<Record<string, unknown>>, response: ServerResponse): void {
  if (!isApprovalRequest(body) && !isPlanRequest(body)) {
    const faults = "statements" in body ? faultsOfPlan(body) : faultsOfRequest(body);
    throw new Refused(400, `not an approval request; look at: ${faults.join(", ").slice(0, 500)}`);
  }
  if (!door.heads.isRegistered(body.sid)) {
    throw new Refused(404, `session ${body.sid} is not registered here`);
  }
  door.book.submit(body);
  answerJson(response, 201, { id: body.id });
}

function onAnswer(
  door: GatewayDoor,
  {
    id,
    body,
    response,
  }: { readonly id: string; readonly body: Readonly<Record<string, unknown>>; readonly response: ServerResponse },
): void {
  const word = body["answer"];
  if (word !== "approve" && word !== "refuse") {
    throw new Refused(400, "answer must be approve or refuse");
  }
  const cast = door.book.answer({
    id,
    digest: textField(body, "digest", 64),
    word,
    // Never the body's own login: whoever speaks on this socket speaks for this machine's person and nobody else.
    login: door.person,
    via: "terminal",
    reason: textField(body, "reason", REASON_CHARACTERS_MAX),
  });
  if (!cast.counted) {
    door.log(`countersigner: an answer to request ${id} had no effect: ${cast.why}`);
  }
  answerJson(response, cast.counted ? 200 : 409, { ...state(door.book, id), ...cast });
}

async function wait(
  door: GatewayDoor,
  { id, seconds, response }: { readonly id: string; readonly seconds: number; readonly response: ServerResponse },
): Promise<void> {
  if (!(seconds >= 0 && seconds <= WAIT_SECONDS_MAX)) {
    throw new Refused(400, `wait is 0 to ${WAIT_SECONDS_MAX} seconds`);
  }
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  const until = performance.now() + seconds * 1000;
  while (door.book.entry(id).answered === undefined && !gone.signal.aborted) {
    const left = until - performance.now();
    if (left <= 0) {
      break;
    }
    await door.book.change(door.book.version, left, gone.signal);
  }
  answerJson(response, 200, state(door.book, id));
}

function state(book: RequestBook, id: string): object {
  const { answered, ballot } = book.entry(id);
  return answered === undefined
    ? { state: "pending", approvals: ballot.votes.length }
    : { state: "answered", answered };
}
