/** What a route of the App's HTTP interface is: the parts give routes, `server.ts` reads, verifies, bounds and answers. */

import type { SessionRow } from "../sessions/session.ts";
import type { Rate } from "./rate.ts";

/** A request whose body is whole and within its bound. */
export interface Exchange {
  /** What the route's pattern caught. */
  readonly caught: readonly string[];
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
  /** Aborts when the client hangs up or the App stops. */
  readonly signal: AbortSignal;
}

export interface Reply {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

interface Common {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Matches the whole path. */
  readonly path: RegExp;
  readonly bodyBytesMax: number;
  /**
   * How often one session, or one address where the route is open, may ask. Said where it differs from the server's own bound
   * (app/http/server.ts).
   */
  readonly rate?: Rate;
}

/**
 * `open`: anybody may ask, and the route itself finds out who it is. `session`: the request is signed by the key of a
 * session (docs/app-api.md); where the path names a session it is this one, or the request is refused.
 */
export type Route =
  | (Common & { readonly who: "open"; readonly handle: (exchange: Exchange) => Promise<Reply> })
  | (Common & {
      readonly who: "session";
      readonly handle: (exchange: Exchange, session: SessionRow) => Promise<Reply>;
    });

/** Whoever asked is told so: RFC 9457. `title` says what, `detail` what to do next; neither repeats a secret. */
export class Problem extends Error {
  override readonly name = "Problem";
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  /** Seconds until it may be tried again; 0 where that is not known. */
  readonly retryAfter: number;
  constructor(
    status: number,
    title: string,
    detail: string,
    more: { readonly retryAfter?: number } & ErrorOptions = {},
  ) {
    super(`${title}: ${detail}`, more);
    this.status = status;
    this.title = title;
    this.detail = detail;
    this.retryAfter = more.retryAfter ?? 0;
  }
}

/** An answer in JSON. */
export function json(status: number, value: object): Reply {
  return { status, contentType: "application/json", body: JSON.stringify(value) };
}

/** The body as a JSON object. Throws Problem (400). */
export function jsonObject(body: Buffer): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch (cause) {
    throw new Problem(400, "Not JSON", "The body must be one JSON object in UTF-8.", { cause });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Problem(400, "Not an object", "The body must be one JSON object in UTF-8.");
  }
  return Object.fromEntries(Object.entries(value));
}
