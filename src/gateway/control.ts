/**
 * The door by which the job proposes a plan to its gateway: a UNIX socket for this user alone, and a token besides, so that
 * neither another user nor a process that merely found the path is let in. `countersign plan` knocks on it.
 *
 *   POST /v1/plans {"target","text","how"}      answers lines of JSON: {"say":"..."} as it goes, at last {"end":"good"|"bad","say":"..."}
 */
import { chmodSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { answerError, HTTP_LIMITS, isSameSecret, Refused, readJson, textField } from "./desk/exchange.ts";
import type { PlanEnd, Proposal } from "./propose.ts";

/** What a job is told of the door, in its environment. */
export interface ControlAddress {
  readonly socketPath: string;
  readonly token: string;
}

export interface ControlParts extends ControlAddress {
  readonly propose: (
    proposal: Proposal,
    about: { readonly signal: AbortSignal; readonly say: (words: string) => void },
  ) => Promise<PlanEnd>;
  readonly log: (line: string) => void;
}

/** A person reads a plan; a job that has more of them waiting than this is doing something else. */
const CONNECTIONS_MAX = 8;

/** The file's bound; `readJson` holds the whole body to one of its own. */
export const PLAN_CHARACTERS_MAX = 1024 * 1024;

/** Opens the door. Rejects where the socket cannot be had. */
export async function openControl(parts: ControlParts): Promise<{ readonly close: () => void }> {
  const server = createServer(HTTP_LIMITS, (request, response) => {
    void serve(parts, request, response).catch((error: unknown) => answerError(response, error, parts.log));
  });
  server.maxConnections = CONNECTIONS_MAX;
  rmSync(parts.socketPath, { force: true });
  await listening(server, parts.socketPath);
  chmodSync(parts.socketPath, 0o600);
  return {
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function serve(parts: ControlParts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (!isSameSecret(request.headers.authorization ?? "", `Bearer ${parts.token}`)) {
    throw new Refused(403, "this socket belongs to the job of another countersign run");
  }
  if (request.method !== "POST" || request.url !== "/v1/plans") throw new Refused(404, "there is nothing here");
  const body = await readJson(request);
  const how = body["how"];
  if (how !== "file" && how !== "whole") throw new Refused(400, "how must be file or whole");
  const proposal = {
    target: textField(body, "target", 64),
    text: textField(body, "text", PLAN_CHARACTERS_MAX),
    how,
  } as const;
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  response.writeHead(200, { "content-type": "application/x-ndjson" });
  const tell = (line: object): void => void response.write(`${JSON.stringify(line)}\n`);
  // Whatever goes wrong from here on is the session's, and nothing of the plan is in force.
  const end = await parts
    .propose(proposal, { signal: gone.signal, say: (say) => tell({ say }) })
    .catch((error: unknown) => {
      parts.log(`countersign: a plan failed: ${error instanceof Error ? error.message : String(error)}`);
      return { kind: "bad", words: "the gateway could not deal with the plan; see its output" } as const;
    });
  tell({ end: end.kind, say: end.words });
  response.end();
}

async function listening(server: Server, path: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, () => {
      server.off("error", reject);
      resolve();
    });
  });
}
