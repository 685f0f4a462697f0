/**
 * The App's HTTP interface as one session sees it: every request signed with the session's key, tried again where that
 * changes nothing, and given up within a bound. It knows nothing of what is asked. docs/app-api.md.
 */
import type { KeyObject } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { signRequest } from "../../evidence/message-signature.ts";
import { isObject } from "../../evidence/shape.ts";
import { visibleLine } from "../../evidence/visible.ts";
import { DeskError } from "../desk/call.ts";
import { closeAgents, exchange, type HttpReply, NoReply, openAgents } from "./http-call.ts";

/** Who signs: a session, with its own key. */
export interface Signing {
  readonly sid: string;
  readonly key: KeyObject;
}

export interface AppCall {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** With its query. */
  readonly path: string;
  readonly body?: string | Uint8Array;
  readonly contentType?: string;
  readonly signal?: AbortSignal;
  /** How long one try may take. */
  readonly tryMs?: number;
  /** How long all tries together may take. */
  readonly withinMs: number;
}

export interface AppDoor {
  /** The App's URL, without a slash at its end. */
  readonly url: string;
  /**
   * Asks, again after 429, 5xx and a lost connection: the App does once what is asked twice. Resolves to its answer,
   * whatever the status. Rejects with `DeskError` (0) when there was none in time; with the signal's reason when that aborts.
   */
  call(what: AppCall): Promise<HttpReply>;
  close(): void;
}

const TRY_MS = 10_000;
const BACKOFF_MS_MIN = 100;
const BACKOFF_MS_MAX = 5_000;
/** An App that asks for more patience than this is not there, as far as a held command is concerned. */
const RETRY_AFTER_MS_MAX = 60_000;
/** A policy is the longest that the App answers: a file that people read. */
const REPLY_BYTES_MAX = 4 * 1024 * 1024;

/** `signing`: undefined for what needs no signature, which are heads. */
export function openAppDoor(url: string, signing: Signing | undefined): AppDoor {
  const agents = openAgents();
  const once = async (what: AppCall, timeoutMs: number): Promise<HttpReply> => {
    const { method, path, body = "", contentType = "application/json" } = what;
    // Signed for each try: a signature is good for some minutes only.
    const createdSeconds = Math.floor(Date.now() / 1000);
    const signed =
      signing === undefined
        ? {}
        : signRequest({ method, target: path, body }, { key: signing.key, keyId: signing.sid, createdSeconds });
    return await exchange({
      url: new URL(`${url}${path}`),
      method,
      headers: { accept: "application/json", "content-type": contentType, ...signed },
      body,
      agents,
      timeoutMs,
      replyBytesMax: REPLY_BYTES_MAX,
      ...(what.signal === undefined ? {} : { signal: what.signal }),
    });
  };
  return {
    url,
    async call(what) {
      const endMs = performance.now() + what.withinMs;
      for (let tries = 0; ; tries += 1) {
        const leftMs = endMs - performance.now();
        const reply = await orNone(once(what, Math.max(1, Math.ceil(Math.min(what.tryMs ?? TRY_MS, leftMs)))));
        if (!(reply instanceof NoReply) && !isTransient(reply.status)) return reply;
        if (reply instanceof NoReply && !mayPass(reply)) throw unreachable(url, reply);
        const waitMs = Math.max(backoffMs(tries), retryAfterMs(reply));
        if (performance.now() + waitMs >= endMs) {
          if (!(reply instanceof NoReply)) return reply;
          throw unreachable(url, reply);
        }
        await sleep(Math.ceil(waitMs), undefined, what.signal === undefined ? {} : { signal: what.signal });
      }
    },
    close: () => closeAgents(agents),
  };
}

/** The answer, if it has one of these statuses; throws `DeskError` with the App's own words otherwise. */
export function expectStatus(reply: HttpReply, ...statuses: readonly number[]): HttpReply {
  if (statuses.includes(reply.status)) return reply;
  throw new DeskError(reply.status, `the App answered ${reply.status}: ${problemOf(reply.text)}`);
}

/** The answer as a JSON object. Throws `DeskError`. */
export function objectOf(reply: HttpReply): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(reply.text);
  } catch (cause) {
    throw new DeskError(reply.status, "the App's answer is no JSON; is that the App's URL?", { cause });
  }
  if (!isObject(value)) throw new DeskError(reply.status, "the App's answer is no JSON object");
  return value;
}

async function orNone(reply: Promise<HttpReply>): Promise<HttpReply | NoReply> {
  try {
    return await reply;
  } catch (error) {
    if (error instanceof NoReply) return error;
    throw error;
  }
}

function unreachable(url: string, cause: NoReply): DeskError {
  return new DeskError(0, `the App at ${url} cannot be reached: ${visibleLine(cause.message)}`, { cause });
}

/** A certificate that is not believed is not believed a second later. */
function mayPass({ message }: NoReply): boolean {
  return !/CERT|ERR_TLS|ERR_SSL|UNABLE_TO_/.test(message);
}

function isTransient(status: number): boolean {
  return status === 429 || (status >= 500 && status <= 599);
}

/** Half of it by chance, so that gateways that lost one App do not come back at one moment. */
function backoffMs(tries: number): number {
  const most = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** Math.min(tries, 10));
  return most / 2 + (Math.random() * most) / 2;
}

function retryAfterMs(reply: HttpReply | NoReply): number {
  if (reply instanceof NoReply) return 0;
  const seconds = /^[0-9]{1,6}$/.exec(reply.headers["retry-after"] ?? "")?.[0];
  return seconds === undefined ? 0 : Math.min(RETRY_AFTER_MS_MAX, Number(seconds) * 1000);
}

/** RFC 9457: what happened and what to do next; else the text, as far as a line goes. */
function problemOf(text: string): string {
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value)) {
      const said = [value["title"], value["detail"]].filter((each) => typeof each === "string" && each !== "");
      if (said.length > 0) return shortened(said.join(". "));
    }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  return shortened(text.trim());
}

const WORDS_MAX = 500;

function shortened(text: string): string {
  return visibleLine(text.slice(0, WORDS_MAX));
}
