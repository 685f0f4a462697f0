/**
 * One HTTP exchange within bounds, over a connection that is kept: nothing is followed, retried or believed here.
 *
 * TLS is verified with the system's authorities and those of NODE_EXTRA_CA_CERTS, as Node does by itself.
 */
import { Agent as HttpAgent, type IncomingHttpHeaders, request as requestPlain } from "node:http";
import { Agent as HttpsAgent, request as requestSecure } from "node:https";

/** Connections that are kept, for both schemes. */
export interface Agents {
  readonly http: HttpAgent;
  readonly https: HttpsAgent;
}

export interface Exchange {
  readonly url: URL;
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
  readonly agents: Agents;
  /** From the first byte sent to the last received. */
  readonly timeoutMs: number;
  readonly replyBytesMax: number;
  readonly signal?: AbortSignal;
}

export interface HttpReply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** Nobody answered, or too slowly, or too much. It says nothing of what was sent. */
export class NoReply extends Error {
  override readonly name = "NoReply";
}

/** Connections to one host; more at once is a leak. */
const SOCKETS_MAX = 64;

export function openAgents(): Agents {
  const options = { keepAlive: true, maxSockets: SOCKETS_MAX };
  return { http: new HttpAgent(options), https: new HttpsAgent(options) };
}

export function closeAgents({ http, https }: Agents): void {
  http.destroy();
  https.destroy();
}

/** Rejects with `NoReply`; with the signal's reason when that aborts. */
export async function exchange(what: Exchange): Promise<HttpReply> {
  const { url, method, headers, agents, replyBytesMax } = what;
  what.signal?.throwIfAborted();
  const body = typeof what.body === "string" ? Buffer.from(what.body) : what.body;
  const late = AbortSignal.timeout(what.timeoutMs);
  const signal = what.signal === undefined ? late : AbortSignal.any([what.signal, late]);
  const options = { method, signal, headers: { ...headers, "content-length": String(body.length) } };
  return await new Promise<HttpReply>((resolve, reject) => {
    const fail = (cause: Error): void => {
      if (what.signal?.aborted === true) reject(cause);
      else if (late.aborted) reject(new NoReply(`no answer within ${what.timeoutMs} ms`, { cause }));
      else reject(new NoReply(reasonOf(cause), { cause }));
    };
    const sent =
      url.protocol === "https:"
        ? requestSecure(url, { ...options, agent: agents.https })
        : requestPlain(url, { ...options, agent: agents.http });
    sent.once("error", fail);
    sent.once("response", (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on("data", (chunk: Buffer) => {
        size += chunk.length;
        if (size > replyBytesMax) response.destroy(new Error(`the answer is longer than ${replyBytesMax} bytes`));
        else chunks.push(chunk);
      });
      response.once("error", fail);
      response.once("end", () => {
        const { statusCode: status = 0, headers: received } = response;
        resolve({ status, headers: received, text: Buffer.concat(chunks).toString("utf8") });
      });
    });
    sent.end(body);
  });
}

/** Node's codes say most: `ECONNREFUSED`, `ENOTFOUND`, `SELF_SIGNED_CERT_IN_CHAIN`. */
function reasonOf(error: Error): string {
  return "code" in error && typeof error.code === "string" ? error.code : error.message;
}
