/**
 * The gateway's end of the socket to the local countersigner: heads to be signed, people to be asked.
 *
 * Connections are kept, so a head costs one round trip and no handshake. It believes nothing: whoever calls it checks
 * cosignatures and signed answers.
 */
import { Agent } from "node:http";
import type { ApprovalRequest, PlanRequest } from "../../approval/ports.ts";
import type { DsseSignature } from "../../evidence/dsse.ts";
import type { SessionDesk } from "../session-desk.ts";
import { CALL_MS_MAX, type Call, call, DeskError, expect, isObject, type Reply } from "./call.ts";
import { type DeskAddress, openHeadDoor } from "./head-door.ts";
import { followRequest, type Pending, standingOf, WITHDRAWN } from "./pending.ts";

/** A person's word, given where the gateway runs. */
interface TerminalAnswer {
  readonly id: string;
  /** The digest of the request that the person saw. */
  readonly digest: string;
  readonly answer: "approve" | "refuse";
  readonly reason: string;
}

/** The local countersigner: what a session needs of any, and what only this machine's own can do. */
export interface DeskClient extends SessionDesk, Pending {
  /** Shows the request; `ask` does this and waits. */
  submit(request: ApprovalRequest | PlanRequest): Promise<void>;
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

export interface DeskDoor extends DeskAddress {
  /** Told of each request that `ask` has shown to people, so that the terminal can show it too. */
  readonly onShown?: (request: ApprovalRequest | PlanRequest) => void;
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
    address: { kind: "socket", socketPath: door.socketPath, secret: door.secret },
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
      if (signal.aborted) return WITHDRAWN;
      await client.submit(request);
      door.onShown?.(request);
      return await followRequest(client, request, signal);
    },
    close() {
      desk.destroy();
      heads.close();
    },
  };
  return client;
}

function object(reply: Reply): Readonly<Record<string, unknown>> {
  const value: unknown = JSON.parse(reply.text);
  if (!isObject(value)) {
    throw new DeskError(reply.status, "the countersigner's answer is no JSON object");
  }
  return value;
}
