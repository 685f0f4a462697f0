/**
 * The gateway's end of the socket to the local countersigner: heads to be signed, people to be asked.
 *
 * Connections are kept, so a head costs one round trip and no handshake. It believes nothing: whoever calls it checks
 * cosignatures and signed answers.
 */
import { Agent } from "node:http";
import type { Answered, ApprovalDesk, ApprovalRequest } from "../../approval/ports.ts";
import type { DsseSignature } from "../../evidence/dsse.ts";
import type { Countersigner } from "../../journal/ports.ts";
import { CALL_MS_MAX, type Call, call, DeskError, expect, isObject, type Reply } from "./call.ts";
import { type DeskAddress, openHeadDoor } from "./head-door.ts";
import type { Registration } from "./heads.ts";

/** A person's word, given where the gateway runs. */
interface TerminalAnswer {
  readonly id: string;
  /** The digest of the request that the person saw. */
  readonly digest: string;
  readonly answer: "approve" | "refuse";
  readonly reason: string;
}

/** How a request stands. `approvals` of `terms.count` people have approved while it is pending. */
type RequestStanding =
  | { readonly state: "pending"; readonly approvals: number }
  | { readonly state: "answered"; readonly answered: Answered };

export interface DeskClient extends ApprovalDesk, Countersigner {
  /** Where a thread of this process may ask for heads itself; undefined where only this client can. */
  readonly address: DeskAddress | undefined;
  /** Names the session's key once, before its first head. Rejects with `DeskError` (409) when another key holds it. */
  register(session: Registration): Promise<void>;
  /** Shows the request; `ask` does this and waits. */
  submit(request: ApprovalRequest): Promise<void>;
  /** How the request stands, after at most `waitSeconds` (0 to 30) of waiting for its end. */
  standing(id: string, waitSeconds: number, signal: AbortSignal): Promise<RequestStanding>;
  withdraw(id: string): Promise<void>;
  /** Hands in an answer given in the terminal; the sentence says what it did. Rejects with `DeskError` (409) if late. */
  answer(word: TerminalAnswer): Promise<string>;
  /** Signs the statement about the session that was registered under `origin`. Rejects with `DeskError` (409). */
  signStatement(origin: string, statement: string): Promise<DsseSignature>;
  /** Signs that values of a session in the log of this origin were erased. Rejects with `DeskError` (409). */
  signErasure(origin: string, statement: string): Promise<DsseSignature>;
  /** The vkey of the log of this origin, and its signature lines for a checkpoint of it. */
  logVkey(origin: string): Promise<string>;
  signCheckpoint(origin: string, checkpoint: string): Promise<string>;
  /** Who answers here: the person whose machine this is. */
  readonly person: string;
  close(): void;
}

const WAIT_SECONDS = 25;
// How long after its expiry a request may still bring the countersigner's own signed `expired`.
const EXPIRY_GRACE_MS = 2_000;
const NOBODY = { by: [], reason: "", dsse: "", disclosure: "" } as const;

export interface DeskDoor extends DeskAddress {
  /** Told of each request that `ask` has shown to people, so that the terminal can show it too. */
  readonly onShown?: (request: ApprovalRequest) => void;
}

/** Connects to the countersigner behind a socket. Rejects with `DeskError`. */
export async function openDeskClient(door: DeskDoor): Promise<DeskClient> {
  const desk = new Agent({ keepAlive: true, maxSockets: 64 });
  // Heads have connections of their own, so that no long poll stands before them.
  const heads = openHeadDoor(door);
  const ask = async (what: Call): Promise<Reply> => await call({ ...door, agent: desk }, what);
  const post = async (path: string, body: object): Promise<Reply> =>
    await ask({ method: "POST", path, body: JSON.stringify(body) });

  const health = object(expect(await ask({ method: "GET", path: "/v1/health" }), 200));
  const { vkey, person } = health;
  if (typeof vkey !== "string" || typeof person !== "string") {
    throw new DeskError(200, "whatever answers on the socket is no countersigner");
  }

  const client: DeskClient = {
    vkey,
    person,
    address: { socketPath: door.socketPath, secret: door.secret },
    addCheckpoint: heads.addCheckpoint,
    async register(session) {
      expect(await post("/v1/sessions", session), 200, 201);
    },
    async submit(request) {
      expect(await post("/v1/requests", request), 201);
    },
    async standing(id, waitSeconds, signal) {
      const path = `/v1/requests/${encodeURIComponent(id)}?wait=${waitSeconds}`;
      const timeoutMs = waitSeconds * 1000 + CALL_MS_MAX;
      return standingOf(object(expect(await ask({ method: "GET", path, signal, timeoutMs }), 200)));
    },
    async withdraw(id) {
      expect(await ask({ method: "DELETE", path: `/v1/requests/${encodeURIComponent(id)}` }), 200);
    },
    async answer({ id, digest, answer, reason }) {
      const reply = expect(
        await post(`/v1/requests/${encodeURIComponent(id)}/answer`, { digest, answer, reason }),
        200,
      );
      return String(object(reply)["why"]);
    },
    async signStatement(origin, statement) {
      const { keyid, sig } = object(expect(await post("/v1/custody", { origin, statement }), 200));
      return { keyid: String(keyid), sig: String(sig) };
    },
    async signErasure(origin, erasure) {
      const { keyid, sig } = object(expect(await post("/v1/custody", { origin, erasure }), 200));
      return { keyid: String(keyid), sig: String(sig) };
    },
    async logVkey(origin) {
      return String(object(expect(await post("/v1/custody", { origin }), 200))["vkey"]);
    },
    async signCheckpoint(origin, checkpoint) {
      return String(object(expect(await post("/v1/custody", { origin, checkpoint }), 200))["lines"]);
    },
    async ask(request, signal) {
      if (signal.aborted) {
        return { answer: "withdrawn", ...NOBODY };
      }
      await client.submit(request);
      door.onShown?.(request);
      return await follow(client, request, signal);
    },
    close() {
      desk.destroy();
      heads.close();
    },
  };
  return client;
}

// Waits for the end: an answer, the caller's abort (which withdraws), or the request's lifetime by this clock.
async function follow(client: DeskClient, request: ApprovalRequest, signal: AbortSignal): Promise<Answered> {
  const lifetimeMs = Math.max(0, Date.parse(request.expiresAt) - Date.parse(request.requestedAt));
  const late = AbortSignal.timeout(lifetimeMs + EXPIRY_GRACE_MS);
  const over = AbortSignal.any([signal, late]);
  try {
    for (;;) {
      const standing = await client.standing(request.id, WAIT_SECONDS, over);
      if (standing.state === "answered") {
        return standing.answered;
      }
    }
  } catch (error) {
    if (!over.aborted) {
      throw error;
    }
    await client.withdraw(request.id);
    // What was answered in the last moment counts for nothing: the caller has given up, or time was up.
    return { answer: signal.aborted ? "withdrawn" : "expired", ...NOBODY };
  }
}

function object(reply: Reply): Readonly<Record<string, unknown>> {
  const value: unknown = JSON.parse(reply.text);
  if (!isObject(value)) {
    throw new DeskError(reply.status, "the countersigner's answer is no JSON object");
  }
  return value;
}

function standingOf(value: Readonly<Record<string, unknown>>): RequestStanding {
  if (value["state"] === "pending") {
    return { state: "pending", approvals: Number(value["approvals"]) };
  }
  const { answered } = value;
  if (!isAnswered(answered)) {
    throw new DeskError(200, "the countersigner's answer cannot be read");
  }
  return { state: "answered", answered };
}

function isAnswered(value: unknown): value is Answered {
  return (
    isObject(value) &&
    ["approved", "refused", "expired", "withdrawn"].some((each) => each === value["answer"]) &&
    typeof value["reason"] === "string" &&
    typeof value["dsse"] === "string" &&
    typeof value["disclosure"] === "string" &&
    Array.isArray(value["by"]) &&
    value["by"].every((each) => isObject(each) && typeof each["login"] === "string" && typeof each["via"] === "string")
  );
}
