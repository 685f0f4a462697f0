/**
 * One call on the countersigner's socket: the request, its answer within bounds, and what is wrong with it as an error.
 * It knows nothing of what is asked.
 */
import { type Agent, request as httpRequest } from "node:http";

/** The countersigner answered with an error, or not at all. Whatever was asked is refused. */
export class DeskError extends Error {
  override readonly name = "DeskError";
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;

  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}

export interface Call {
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: string;
  readonly body?: string;
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}

export interface Reply {
  readonly status: number;
  readonly text: string;
}

// A countersigner on this machine answers in a millisecond; one that takes this long is stuck, and stuck refuses.
export const CALL_MS_MAX = 10_000;
// An answer carries a request's signed statement, which is far smaller than the request.
const REPLY_BYTES_MAX = 4 * 1024 * 1024;

/** Rejects with `DeskError` where nothing answers, or too slowly, or too much. */
export async function call(
  door: { readonly socketPath: string; readonly secret: string; readonly agent: Agent },
  { method, path, body, signal, timeoutMs = CALL_MS_MAX }: Call,
): Promise<Reply> {
  return await new Promise<Reply>((resolve, reject) => {
    const fail = (cause: unknown): void =>
      reject(new DeskError(0, "the countersigner does not answer; nothing more is released", { cause }));
    const bytes = Buffer.from(body ?? "");
    const sent = httpRequest(
      {
        socketPath: door.socketPath,
        agent: door.agent,
        method,
        path,
        timeout: timeoutMs,
        headers: { authorization: `Bearer ${door.secret}`, "content-length": bytes.length },
        ...(signal === undefined ? {} : { signal }),
      },
      (response) => {
        const chunks: Buffer[] = [];
        let size = 0;
        response.on("data", (chunk: Buffer) => {
          size += chunk.length;
          chunks.push(chunk);
          if (size > REPLY_BYTES_MAX) {
            response.destroy(new Error("the answer is too long"));
          }
        });
        response.once("error", fail);
        response.once("end", () =>
          resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks, size).toString("utf8") }),
        );
      },
    );
    sent.once("timeout", () => sent.destroy(new Error("the countersigner is silent")));
    sent.once("error", fail);
    sent.end(bytes);
  });
}

/** The reply, if it has one of these statuses; throws `DeskError` otherwise. */
export function expect(reply: Reply, ...statuses: readonly number[]): Reply {
  if (!statuses.includes(reply.status)) {
    throw new DeskError(reply.status, `the countersigner answered ${reply.status}: ${said(reply.text)}`);
  }
  return reply;
}

function said(text: string): string {
  try {
    const value: unknown = JSON.parse(text);
    const words = isObject(value) ? (value["error"] ?? value["why"]) : undefined;
    return typeof words === "string" ? words : text.trim();
  } catch {
    return text.trim().slice(0, 500);
  }
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
