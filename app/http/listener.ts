/** The App's socket: bounds on time and size that hold for every request, whoever answers it, and its graceful end. */

import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

export interface Listener {
  /** As `http://127.0.0.1:3000`. */
  readonly origin: string;
  /** Who answers from now on. */
  answerBy(handler: Handler): void;
  /** Takes no more connections, and resolves when all are closed: by themselves, or after `graceMs` by force. */
  stop(graceMs: number): Promise<void>;
}

const HEADERS_MS_MAX = 10_000;
/** A session's file has 64 MiB at most. */
const REQUEST_MS_MAX = 120_000;
/** Longer than load balancers keep theirs (60 s), so that they close first. */
const KEEP_ALIVE_MS = 65_000;
const HEADER_BYTES_MAX = 16 * 1024;
/** Each open session holds one or two. */
const CONNECTIONS_MAX = 8192;

/** Listens. Rejects with the system's error, as EADDRINUSE. Port 0 takes a free one. */
export async function openListener(host: string, port: number): Promise<Listener> {
  let handler: Handler = (_request, response) => void response.writeHead(503).end();
  const server = createServer({
    headersTimeout: HEADERS_MS_MAX,
    requestTimeout: REQUEST_MS_MAX,
    keepAliveTimeout: KEEP_ALIVE_MS,
    maxHeaderSize: HEADER_BYTES_MAX,
    connectionsCheckingInterval: 1_000,
  });
  server.maxConnections = CONNECTIONS_MAX;
  const answer: Handler = (request, response) => handler(request, response);
  server.on("request", answer);
  // Without a listener of its own Node would ask for the body at once.
  server.on("checkContinue", answer);
  server.listen(port, host);
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new TypeError("a server on a port has an address");
  const name = address.family === "IPv6" ? `[${address.address}]` : address.address;
  return {
    origin: `http://${name}:${address.port}`,
    answerBy(next) {
      handler = next;
    },
    async stop(graceMs) {
      const closed = once(server, "close");
      server.close();
      server.closeIdleConnections();
      const late = new AbortController();
      void sleep(graceMs, undefined, { signal: late.signal }).then(
        () => server.closeAllConnections(),
        () => undefined,
      );
      await closed;
      late.abort();
    },
  };
}
