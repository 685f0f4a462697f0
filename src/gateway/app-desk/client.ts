/**
 * The App as a registered session speaks to it: heads, questions to people, credentials, signs of life, and at the end the
 * evidence. docs/app-api.md. It believes nothing: whoever calls it checks cosignatures and signed answers.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ApprovalRequest } from "../../approval/ports.ts";
import { dsseSigner, signDsse } from "../../evidence/dsse.ts";
import { statementOf } from "../../evidence/layout.ts";
import { fieldsOf, isObject, isText, oneOf } from "../../evidence/shape.ts";
import type { SessionState } from "../../model/registration.ts";
import { DeskError } from "../desk/call.ts";
import { followRequest, type Pending, standingOf, WITHDRAWN } from "../desk/pending.ts";
import type { Ended } from "../seal.ts";
import type { SessionDesk } from "../session-desk.ts";
import { expectStatus, objectOf, openAppDoor, type Signing } from "./door.ts";
import { addCheckpoint } from "./heads.ts";

/** How far the App has come with a session. */
export interface Landing {
  readonly state: SessionState;
  /** Its folder in the evidence branch, and the commit that it came with; empty before it landed. */
  readonly folder: string;
  readonly commit: string;
}

export interface AppClient extends SessionDesk, Pending {
  readonly url: string;
  /** Says that the session lives, and hears how it stands. */
  alive(signal: AbortSignal): Promise<SessionState>;
  /** The credential of a target, encrypted to the session: compact JWE. */
  credential(target: string): Promise<string>;
  /**
   * Hands the session's files in and seals it, each step tried for `withinMs`. Rejects with `DeskError`; then the App has
   * taken no custody of it, as far as is known here.
   */
  handIn(ended: Ended, withinMs?: number): Promise<void>;
  /** How far it is, after at most `waitSeconds` (0 to 30) of waiting for its landing. */
  landing(waitSeconds: number): Promise<Landing>;
  close(): void;
}

export interface AppClientParts extends Signing {
  readonly url: string;
  readonly vkey: string;
  /** Told of each request that people are asked, with the address where they answer; empty where the App gave none. */
  readonly onShown?: (request: ApprovalRequest, where: string) => void;
}

const WITHIN_MS = 30_000;
/** A request is shown within this, or refused. */
const SUBMIT_WITHIN_MS = 20_000;
/** Withdrawing is a courtesy to people: the App does it by itself when the session ends. */
const WITHDRAW_WITHIN_MS = 3_000;
const HAND_IN_WITHIN_MS = 120_000;
const HAND_IN_TRY_MS = 60_000;
/** An App that is restarted is back well before this; a request itself has its own end. */
const STANDING_WITHIN_MS = 24 * 60 * 60 * 1000;
const POLL_MS = 10_000;

/** The bound of docs/app-api.md for one file. */
export const FILE_BYTES_MAX = 64 * 1024 * 1024;

const FILES = ["events.jsonl", "disclosures.jsonl", "checkpoints.txt"] as const;

const isState = oneOf("open", "contested", "handed-in", "landed", "lost");

/** Opens the App for a session that was registered with this key. */
export function openAppClient({ url, vkey, sid, key, onShown }: AppClientParts): AppClient {
  const door = openAppDoor(url, { sid, key });
  // Heads have connections of their own, so that no long poll stands before them.
  const heads = openAppDoor(url, undefined);
  const session = `/v1/sessions/${sid}`;
  const requestPath = (id: string): string => `/v1/requests/${encodeURIComponent(id)}`;
  const client: AppClient = {
    url,
    vkey,
    address: { kind: "app", url },
    addCheckpoint: async (body) => await addCheckpoint(heads, body),
    async register(named) {
      // The session was registered before it opened; another one has no business with this client.
      if (named.sid !== sid) throw new DeskError(409, `session ${named.sid} is not the one that was registered`);
      return await Promise.resolve();
    },
    async alive(signal) {
      const path = `${session}/alive`;
      const reply = await door.call({ method: "POST", path, body: "{}", signal, withinMs: WITHIN_MS });
      return stateOf(objectOf(expectStatus(reply, 200)));
    },
    async credential(target) {
      const path = `${session}/credentials`;
      const body = JSON.stringify({ target });
      const reply = expectStatus(await door.call({ method: "POST", path, body, withinMs: WITHIN_MS }), 200);
      const answer = fieldsOf(objectOf(reply), { jwe: isText });
      if (answer === undefined) throw new DeskError(200, "the App's answer holds no credential");
      return answer.jwe;
    },
    async standing(id, waitSeconds, signal) {
      const path = `${requestPath(id)}?wait=${waitSeconds}`;
      const tryMs = waitSeconds * 1000 + POLL_MS;
      const reply = await door.call({ method: "GET", path, signal, tryMs, withinMs: STANDING_WITHIN_MS });
      return standingOf(objectOf(expectStatus(reply, 200)));
    },
    async withdraw(id) {
      const path = requestPath(id);
      expectStatus(await door.call({ method: "DELETE", path, withinMs: WITHDRAW_WITHIN_MS }), 200, 204);
    },
    async ask(request, signal, shown) {
      if (signal.aborted) return WITHDRAWN;
      const body = JSON.stringify(request);
      const call = { method: "POST", path: "/v1/requests", body, signal, withinMs: SUBMIT_WITHIN_MS } as const;
      const where = whereOf(objectOf(expectStatus(await door.call(call), 200, 201)));
      onShown?.(request, where);
      shown?.(where);
      return await followRequest(client, request, signal);
    },
    async handIn({ directory, key: own, countersigned }, withinMs = HAND_IN_WITHIN_MS) {
      const files = FILES.map((name) => ({ name, bytes: readFileSync(join(directory, name)) }));
      const long = files.find(({ bytes }) => bytes.length > FILE_BYTES_MAX);
      if (long !== undefined) {
        throw new DeskError(413, `${long.name} has ${long.bytes.length} bytes, and the App takes ${FILE_BYTES_MAX}`);
      }
      const [events] = files;
      const statement = statementOf(events?.bytes ?? Buffer.alloc(0), countersigned);
      const bounds = { tryMs: HAND_IN_TRY_MS, withinMs };
      for (const { name, bytes } of files) {
        const file = { path: `${session}/files/${name}`, body: bytes, contentType: "application/octet-stream" };
        // oxlint-disable-next-line no-await-in-loop -- one after the other, so that memory and network see one at a time
        expectStatus(await door.call({ method: "PUT", ...file, ...bounds }), 200, 201, 204);
      }
      const body = JSON.stringify({ signature: signDsse(statement, dsseSigner(own)) });
      expectStatus(await door.call({ method: "POST", path: `${session}/seal`, body, ...bounds }), 200, 202);
    },
    async landing(waitSeconds) {
      const path = `${session}?wait=${waitSeconds}`;
      const tryMs = waitSeconds * 1000 + POLL_MS;
      const answer = objectOf(expectStatus(await door.call({ method: "GET", path, tryMs, withinMs: WITHIN_MS }), 200));
      const { folder, commit } = answer;
      return { state: stateOf(answer), folder: isText(folder) ? folder : "", commit: isText(commit) ? commit : "" };
    },
    close() {
      door.close();
      heads.close();
    },
  };
  return client;
}

function stateOf(answer: Readonly<Record<string, unknown>>): SessionState {
  const { state } = answer;
  if (!isState(state)) throw new DeskError(200, "the App's answer says no state of the session that is known here");
  return state;
}

/** The address where people answer, if it is one that can be shown to them. */
function whereOf(answer: unknown): string {
  const url = isObject(answer) ? answer["url"] : undefined;
  return isText(url) && url.length <= 2_000 && /^https?:\/\/[\w!#$%&'()*+,./:;=?@~-]+$/.test(url) ? url : "";
}
