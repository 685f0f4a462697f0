/**
 * The page on which this machine's person reads held commands and answers them.
 *
 * Only 127.0.0.1 can reach it, only who has the link can open it, and no other site can: every path begins with the
 * link's secret, the Host must be our own (a name that was rebound to 127.0.0.1 is another), and an answer must come from
 * this very page. Nothing is cached, framed, or fetched from elsewhere.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { viewAsked } from "../../approval/plan-view.ts";
import type { Entry, RequestBook } from "./book.ts";
import { answerError, answerJson, answerText, isSameSecret, Refused, readJson, textField } from "./exchange.ts";
import { REASON_CHARACTERS_MAX } from "./gateway-door.ts";
import { renderPage } from "./page.ts";

export interface PageDoor {
  /** The link's secret, base64url of 32 bytes. */
  readonly token: string;
  readonly book: RequestBook;
  readonly person: string;
  readonly vkey: string;
  readonly clock: () => number;
  readonly random: (count: number) => Uint8Array;
  readonly log: (line: string) => void;
}

/** A page polls again after this; shorter than what any proxy or browser would cut. */
const WAIT_MS = 25_000;
/** One person has a few tabs open, not more. Beyond this a poll is answered at once. */
const WAITING_PAGES_MAX = 16;
const ANSWERED_SHOWN_MAX = 100;

const NO_LINK =
  "This page needs the link that countersign printed when it started. Copy the whole link from that terminal and open it again.\n";

/** Answers the browser. */
export function pageDoor(door: PageDoor): RequestListener {
  const waiting = new Set<ServerResponse>();
  return (request, response) => {
    setGuards(response);
    void route(door, { request, response, waiting }).catch((error: unknown) => answerError(response, error, door.log));
  };
}

interface Visit {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly waiting: Set<ServerResponse>;
}

async function route(door: PageDoor, visit: Visit): Promise<void> {
  const { request, response } = visit;
  const host = request.headers.host ?? "";
  const port = request.socket.localPort;
  if (host !== `127.0.0.1:${port}` && host !== `localhost:${port}`) {
    answerText(response, 403, NO_LINK);
    return;
  }
  // Taken apart by hand: a path such as `//` is no path to `URL`, and nothing here is ever decoded.
  const [pathname = "", query = ""] = (request.url ?? "").split("?", 2);
  const [, token = "", path = ""] = /^\/([^/]*)\/(.*)$/.exec(pathname) ?? [];
  if (!isSameSecret(token, door.token)) {
    answerText(response, 403, NO_LINK);
    return;
  }
  if (request.method === "POST" && path === "answer") {
    onAnswer(door, visit, await readAnswer(request, `http://${host}`));
  } else if (request.method !== "GET") {
    throw new Refused(405, "this cannot be done here");
  } else if (path === "") {
    showPage(door, response);
  } else if (path === "state") {
    await showState(door, visit, Number(new URLSearchParams(query).get("since") ?? "-1"));
  } else if (path.startsWith("requests/")) {
    showRequest(door, response, path.slice("requests/".length));
  } else {
    throw new Refused(404, "there is nothing here");
  }
}

function setGuards(response: ServerResponse): void {
  response.setHeader("cache-control", "no-store");
  response.setHeader("content-security-policy", "default-src 'none'; frame-ancestors 'none'");
  response.setHeader("cross-origin-opener-policy", "same-origin");
  response.setHeader("cross-origin-resource-policy", "same-origin");
  response.setHeader("referrer-policy", "no-referrer");
  response.setHeader("x-content-type-options", "nosniff");
  response.setHeader("x-frame-options", "DENY");
}

function showPage(door: PageDoor, response: ServerResponse): void {
  const nonce = Buffer.from(door.random(18)).toString("base64");
  response.setHeader(
    "content-security-policy",
    [
      "default-src 'none'",
      `script-src 'nonce-${nonce}'`,
      `style-src 'nonce-${nonce}'`,
      "connect-src 'self'",
      "img-src data:",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
      "require-trusted-types-for 'script'",
      "trusted-types 'none'",
    ].join("; "),
  );
  answerText(response, 200, renderPage({ nonce, person: door.person, vkey: door.vkey }), "text/html; charset=utf-8");
}

async function showState(door: PageDoor, { response, waiting }: Visit, since: number): Promise<void> {
  if (Number.isFinite(since) && waiting.size < WAITING_PAGES_MAX) {
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    waiting.add(response);
    try {
      await door.book.change(since, WAIT_MS, gone.signal);
    } finally {
      waiting.delete(response);
    }
  }
  const entries = door.book.entries();
  answerJson(response, 200, {
    version: door.book.version,
    now: door.clock(),
    waiting: entries
      .filter((each) => each.answered === undefined)
      .map((each) => ({ id: each.request.id, approvals: each.ballot.votes.map(({ login }) => login) })),
    answered: entries
      .filter((each) => each.answered !== undefined)
      .toSorted((one, other) => other.ballot.endedAtMs - one.ballot.endedAtMs)
      .slice(0, ANSWERED_SHOWN_MAX)
      .map(endedView),
  });
}

function endedView({ request, ballot, answered }: Entry): object {
  const { headline, target, digestHead } = viewAsked(request);
  return {
    id: request.id,
    headline,
    target,
    digestHead,
    answer: answered?.answer,
    by: answered?.by,
    reason: answered?.reason,
    at: ballot.endedAtMs,
  };
}

function showRequest(door: PageDoor, response: ServerResponse, id: string): void {
  const entry = door.book.entry(id);
  answerJson(response, 200, {
    ...viewAsked(entry.request),
    repeats: entry.repeats,
    deadlineAt: entry.ballot.deadlineMs,
    askedAt: Date.parse(entry.request.requestedAt),
  });
}

interface PageAnswer {
  readonly id: string;
  readonly digest: string;
  readonly word: "approve" | "refuse";
  readonly reason: string;
}

async function readAnswer(request: IncomingMessage, origin: string): Promise<PageAnswer> {
  const site = request.headers["sec-fetch-site"] ?? "same-origin";
  if (request.headers.origin !== origin || site !== "same-origin") {
    throw new Refused(403, "An answer is taken from this page only. Nothing was answered.");
  }
  if (request.headers["content-type"] !== "application/json") {
    throw new Refused(415, "an answer is JSON");
  }
  const body = await readJson(request);
  const word = body["word"];
  if (word !== "approve" && word !== "refuse") {
    throw new Refused(400, "word must be approve or refuse");
  }
  return {
    id: textField(body, "id", 10),
    digest: textField(body, "digest", 64),
    word,
    reason: textField(body, "reason", REASON_CHARACTERS_MAX),
  };
}

function onAnswer(door: PageDoor, { response }: Visit, answer: PageAnswer): void {
  const cast = door.book.answer({ ...answer, login: door.person, via: "page" });
  if (!cast.counted) {
    door.log(`countersigner: an answer to request ${answer.id} had no effect: ${cast.why}`);
  }
  answerJson(response, cast.counted ? 200 : 409, cast.counted ? { why: cast.why } : { error: cast.why });
}
