/** One HTTP exchange within bounds: reads a body that is not too long, answers once, and knows nothing of routes. */

import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";

/** An answer to a request that is not carried out, as status and plain sentence. */
export class Refused extends Error {
  override readonly name = "Refused";
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** A command of 1 MiB is not read by a person any more; the gateway refuses it before it asks. */
const BODY_BYTES_MAX = 1024 * 1024;

/** Limits for `http.createServer`: a header fits in 8 KiB, comes within 5 s, and its body within 15 s. */
export const HTTP_LIMITS = { maxHeaderSize: 8192, headersTimeout: 5_000, requestTimeout: 15_000 } as const;

/** The whole body as text. Throws `Refused` (413 or 400) for one that is too long or no UTF-8. */
export async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    const piece = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
    bytes += piece.length;
    if (bytes > BODY_BYTES_MAX) {
      throw new Refused(413, `a body is at most ${BODY_BYTES_MAX} bytes`);
    }
    chunks.push(piece);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.concat(chunks, bytes));
  } catch {
    throw new Refused(400, "a body is UTF-8");
  }
}

/** The body as a JSON object. Throws `Refused` (400 or 413). */
export async function readJson(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  const text = await readText(request);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Refused(400, "the body is not JSON");
  }
  if (!isObject(value)) {
    throw new Refused(400, "the body is not a JSON object");
  }
  return value;
}

/** A field that must be text of at most `charactersMax` characters. Throws `Refused` (400). */
export function textField(body: Readonly<Record<string, unknown>>, name: string, charactersMax: number): string {
  const value = body[name];
  if (typeof value !== "string" || value.length > charactersMax || /\p{Cs}/u.test(value)) {
    throw new Refused(400, `${name} must be well-formed text of at most ${charactersMax} characters`);
  }
  return value;
}

export function answerJson(response: ServerResponse, status: number, value: object): void {
  answerText(response, status, JSON.stringify(value), "application/json; charset=utf-8");
}

/** Answers, unless the other side has gone or was answered already. */
export function answerText(
  response: ServerResponse,
  status: number,
  body: string,
  type = "text/plain; charset=utf-8",
): void {
  if (response.headersSent || response.destroyed) {
    return;
  }
  const bytes = Buffer.from(body);
  response.writeHead(status, { "content-type": type, "content-length": bytes.length });
  response.end(bytes);
}

/** Answers what `error` says. An error of our own is a 500 without its words, which `log` gets. */
export function answerError(response: ServerResponse, error: unknown, log: (line: string) => void): void {
  if (error instanceof Refused) {
    answerJson(response, error.status, { error: error.message });
    return;
  }
  log(`countersigner: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  answerJson(response, 500, { error: "the countersigner failed; nothing was answered or signed" });
}

/** Are the two the same, told in a time that does not depend on where they differ. */
export function isSameSecret(one: string, other: string): boolean {
  return timingSafeEqual(createHash("sha256").update(one).digest(), createHash("sha256").update(other).digest());
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
