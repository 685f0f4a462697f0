// An App in memory over real HTTP, after docs/app-api.md: real signatures, a real witness, real encryption, and at the end a
// real ledger in a folder. GitHub is left out: tokens are believed by their signature, and people are what the test says.

import { createHash, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { setTimeout as sleep } from "node:timers/promises";
import { CompactEncrypt, importJWK, jwtVerify, SignJWT } from "jose";
import type { Answered, ApprovalRequest } from "../../src/approval/ports.ts";
import { faultsOfRequest, isApprovalRequest, isPlanRequest } from "../../src/approval/shape.ts";
import { signApproval } from "../../src/evidence/approval-statement.ts";
import { dsseSigner, encodeDsse, verifyDsse } from "../../src/evidence/dsse.ts";
import { sealedStatement, sealSession, statementOf } from "../../src/evidence/layout.ts";
import { readSignature, verifyRequest } from "../../src/evidence/message-signature.ts";
import {
  faultOfRegistrationRequest,
  isRegistrationRequest,
  signRegistration,
} from "../../src/evidence/registration.ts";
import { openCustody } from "../../src/gateway/desk/custody.ts";
import { asked } from "../../src/gateway/desk/signed-answer.ts";
import { dirLedger } from "../../src/gateway/ledger/dir.ts";
import type { RegistrationRequest, SessionState } from "../../src/model/registration.ts";
import type { Identity } from "../../src/model/session.ts";
import { cosigner, parseCheckpoint, parseNote, parseVkey, publicKeyFrom } from "../../src/tlog/note.ts";
import { Witness, type WitnessState } from "../../src/tlog/witness.ts";
import type { People } from "./desk.ts";

export const REPOSITORY = "octo/shop";
export const LOG_ORIGIN = `github.com/${REPOSITORY}/countersign`;
const POLICY_PATH = ".github/countersign.yml";
const COMMIT = "a".repeat(40);

/** What a test makes the App do with a request, before it looks at it or after it did what was asked. */
export type Fault =
  | { readonly kind: "answer"; readonly status: number; readonly retryAfter?: string }
  /** Nothing is done, and the connection is cut. */
  | { readonly kind: "drop" }
  /** It is done, and the connection is cut before the answer. */
  | { readonly kind: "lose" }
  | { readonly kind: "slow"; readonly ms: number };

export interface FakeAppParts {
  readonly policy: string;
  /** Where sealed sessions are entered. */
  readonly ledger: string;
  readonly people: People;
  readonly credentials?: ReadonlyMap<string, string>;
  /** Asked of every request; undefined where nothing goes wrong. */
  readonly fault?: (method: string, path: string) => Fault | undefined;
  /** Answered with each request, where people find it. */
  readonly answerUrl?: string;
  readonly port?: number;
  /** PEM texts; without them it speaks plain http. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

interface Held {
  readonly request: ApprovalRequest;
  readonly gone: AbortController;
  answered: Answered | undefined;
}

interface FakeSession {
  readonly asked: RegistrationRequest;
  readonly files: Map<string, Buffer>;
  state: SessionState;
  folder: string;
}

export interface FakeApp {
  readonly url: string;
  readonly vkey: string;
  readonly requests: readonly ApprovalRequest[];
  /** Requests that were withdrawn by the gateway. */
  readonly withdrawn: readonly string[];
  /** Method and path of all that came, in order. */
  readonly heard: readonly string[];
  readonly sessions: ReadonlyMap<string, FakeSession>;
  /** A token as GitHub makes it for a job. */
  token(repository?: string): Promise<string>;
  /** Says of every session that is open that it is this from now on. */
  end(state: SessionState): void;
  /** Stops answering, as a process that died. */
  close(): Promise<void>;
}

/** What a restart keeps. */
export interface FakeAppMemory {
  readonly key: KeyObject;
  readonly issuer: KeyObject;
  readonly heads: Map<string, { readonly size: number; readonly root: Uint8Array }>;
  readonly sessions: Map<string, FakeSession>;
  readonly held: Map<string, Held>;
}

export function fakeAppMemory(): FakeAppMemory {
  return {
    key: generateKeyPairSync("ed25519").privateKey,
    issuer: generateKeyPairSync("ed25519").privateKey,
    heads: new Map(),
    sessions: new Map(),
    held: new Map(),
  };
}

class Answer extends Error {
  readonly status: number;
  constructor(status: number, title: string) {
    super(title);
    this.status = status;
  }
}

/** Starts it on 127.0.0.1. */
export async function startFakeApp(parts: FakeAppParts, memory: FakeAppMemory = fakeAppMemory()): Promise<FakeApp> {
  const { key, heads, sessions, held } = memory;
  const own = cosigner("countersign.test/app", key);
  const signer = dsseSigner(key);
  const state: WitnessState = {
    load: (origin) => heads.get(origin),
    save: (origin, size, root) => void heads.set(origin, { size, root }),
  };
  const originOf = (sid: string): string => `${LOG_ORIGIN}/s/${sid}`;
  const witness = new Witness(state, own, (origin) => {
    const session = [...sessions.values()].find(({ asked: { sid } }) => originOf(sid) === origin);
    return session?.state === "open" || session?.state === "handed-in" ? [parseVkey(session.asked.vkey)] : [];
  });
  const custody = openCustody(key, state, own);
  const heard: string[] = [];
  const withdrawn: string[] = [];
  let url = "";

  const identityOf = (claims: Readonly<Record<string, unknown>>): Identity => ({
    repository: String(claims["repository"]),
    workflowRef: "octo/shop/.github/workflows/nightly.yml@refs/heads/main",
    run: "4711",
    attempt: "1",
    job: "nightly",
    actor: "ada",
    triggeringActor: "ada",
    commit: "b".repeat(40),
    ref: "refs/heads/main",
    environment: "",
    event: "workflow_dispatch",
  });

  const register = async (body: unknown): Promise<Reply> => {
    if (!isRegistrationRequest(body)) throw new Answer(400, faultOfRegistrationRequest(body) ?? "");
    const verified = await jwtVerify(body.token, createPublicKey(memory.issuer), { audience: url }).catch(
      (cause: unknown) => {
        throw new Answer(401, cause instanceof Error ? cause.message : "");
      },
    );
    for (const session of sessions.values()) {
      if (session.state === "open" && session.asked.vkey !== body.vkey) {
        session.state = "contested";
        throw new Answer(409, "This job attempt has a session under another key. Both are ended.");
      }
    }
    sessions.set(body.sid, { asked: body, files: new Map(), state: "open", folder: "" });
    const digest = `sha256:${createHash("sha256").update(parts.policy).digest("hex")}`;
    const registration = signRegistration(
      {
        checkRunId: 7,
        encryption: body.encryption,
        identity: identityOf(verified.payload),
        policy: { commit: COMMIT, digest, path: POLICY_PATH },
        registeredAt: new Date().toISOString(),
        repositoryId: 1,
        runAttempt: 1,
        runId: 4711,
        sid: body.sid,
        targets: body.targets,
        tier: body.tier,
        vkey: body.vkey,
      },
      signer,
    );
    return json(201, {
      registration,
      policy: { path: POLICY_PATH, commit: COMMIT, text: parts.policy },
      vkey: own.verifier.vkey,
      credentials: body.targets.filter((target) => parts.credentials?.has(target) === true),
    });
  };

  const credential = async ({ asked: { sid, encryption } }: FakeSession, body: unknown): Promise<Reply> => {
    if ((heads.get(originOf(sid))?.size ?? 0) < 1) throw new Answer(409, "No head is countersigned yet.");
    const secret = parts.credentials?.get(String(field(body, "target")));
    if (secret === undefined) throw new Answer(404, "There is no such credential.");
    const recipient = await importJWK({ kty: "OKP", crv: "X25519", x: encryption }, "ECDH-ES");
    const jwe = await new CompactEncrypt(Buffer.from(JSON.stringify({ url: secret })))
      .setProtectedHeader({ alg: "ECDH-ES", enc: "A256GCM" })
      .encrypt(recipient);
    return json(200, { jwe });
  };

  const submit = (session: FakeSession, body: unknown): Reply => {
    if (session.state !== "open") throw new Answer(403, "The session is over.");
    if (!isApprovalRequest(body) && !isPlanRequest(body)) throw new Answer(400, faultsOfRequest(body).join());
    const known = held.get(body.id);
    if (known === undefined) {
      const fresh: Held = { request: body, gone: new AbortController(), answered: undefined };
      held.set(body.id, fresh);
      void people(fresh);
    }
    const where = parts.answerUrl === undefined ? {} : { url: parts.answerUrl };
    return json(known === undefined ? 201 : 200, { id: body.id, ...where });
  };

  const people = async (each: Held): Promise<void> => {
    const answer = await parts.people(each.request, each.gone.signal);
    if (answer === "withdrawn") each.answered = { answer, by: [], reason: "", dsse: "", disclosure: "" };
    else {
      const by = answer === "expired" ? [] : [{ login: "rita", via: "check" }];
      const facts = { ...asked(each.request), answer, by, reason: [], decidedAt: new Date().toISOString() };
      each.answered = { answer, by, reason: "", dsse: signApproval(facts, signer), disclosure: "" };
    }
  };

  const seal = async (session: FakeSession, body: unknown): Promise<Reply> => {
    if (session.state === "handed-in" || session.state === "landed") return json(202, {});
    if (session.state !== "open") throw new Answer(403, `The session is ${session.state}.`);
    const { sid, vkey } = session.asked;
    const events = session.files.get("events.jsonl") ?? Buffer.alloc(0);
    const checkpoints = session.files.get("checkpoints.txt") ?? Buffer.alloc(0);
    const last = checkpoints.toString().split("\n---\n").at(-1) ?? "";
    const { size } = parseCheckpoint(parseNote(last.trimEnd() + "\n").text);
    const statement = statementOf(events, size);
    const signature = field(body, "signature");
    const given = { keyid: String(field(signature, "keyid")), sig: String(field(signature, "sig")) };
    const signed = verifyDsse(encodeDsse(statement, [given]), [parseVkey(vkey).publicKey]);
    if (signed.kind === "bad") throw new Answer(409, `The statement is not signed: ${signed.why}`);
    // Throws unless it is about the head that was countersigned last.
    const dsse = sealedStatement(statement, [given, custody.signStatement(originOf(sid), statement)]);
    session.state = "handed-in";
    const named = [...held.values()].flatMap(({ request, answered }) =>
      answered !== undefined && answered.dsse !== "" && request.sid === sid
        ? [{ request: request.id, dsse: answered.dsse }]
        : [],
    );
    const approvals = named.filter(({ dsse: file }) =>
      events.includes(`sha256:${createHash("sha256").update(file).digest("hex")}`),
    );
    const disclosures = session.files.get("disclosures.jsonl") ?? Buffer.alloc(0);
    const { folder } = await sealSession(
      { events, disclosures, checkpoints, dsse, approvals },
      dirLedger(parts.ledger),
      {
        logVkey: custody.logVkey(LOG_ORIGIN),
        countersignerVkey: own.verifier.vkey,
        sign: async (text) => custody.signCheckpoint(LOG_ORIGIN, text, Math.floor(Date.now() / 1000)),
      },
    );
    session.folder = folder;
    session.state = "landed";
    return json(202, {});
  };

  const route = async (request: IncomingMessage, body: Buffer): Promise<Reply> => {
    const target = request.url ?? "";
    const method = request.method ?? "";
    const [path = "", query = ""] = target.split("?", 2);
    if (`${method} ${path}` === "GET /v1/key") return json(200, { vkey: own.verifier.vkey });
    if (`${method} ${path}` === "POST /v1/sessions") return await register(parsed(body));
    if (`${method} ${path}` === "POST /add-checkpoint") {
      const answer = witness.addCheckpoint(body.toString(), Math.floor(Date.now() / 1000));
      return { status: answer.status, type: answer.contentType, body: answer.body };
    }
    const session = verified(request, target, body);
    const { sid } = session.asked;
    const waitMs = Number(new URLSearchParams(query).get("wait") ?? "0") * 1000;
    const [, , kind, id = "", what = "", name = ""] = path.split("/");
    if (kind === "sessions" && id !== sid) throw new Answer(403, "This is another session's.");
    switch (`${method} ${kind} ${what}`) {
      case "POST sessions alive":
        return json(200, { state: session.state });
      case "POST sessions credentials":
        return await credential(session, parsed(body));
      case "PUT sessions files":
        session.files.set(name, body);
        return json(200, {});
      case "POST sessions seal":
        return await seal(session, parsed(body));
      case "GET sessions ": {
        const { state: now, folder } = session;
        return json(200, { state: now, folder, commit: now === "landed" ? COMMIT : "" });
      }
      case "POST requests ":
        return submit(session, parsed(body));
    }
    const each = held.get(id);
    if (kind !== "requests" || each === undefined) throw new Answer(404, "There is no such request.");
    if (method === "DELETE") {
      withdrawn.push(id);
      each.gone.abort();
      return json(200, {});
    }
    for (const end = performance.now() + waitMs; each.answered === undefined && performance.now() < end; ) {
      if (session.state !== "open") throw new Answer(403, "The session is over.");
      await sleep(10);
    }
    return json(
      200,
      each.answered === undefined ? { state: "pending", approvals: 0 } : { state: "answered", answered: each.answered },
    );
  };

  const verified = (request: IncomingMessage, target: string, body: Buffer): FakeSession => {
    const one = (header: string): string => String(request.headers[header] ?? "");
    const signed = {
      "content-digest": one("content-digest"),
      "signature-input": one("signature-input"),
      signature: one("signature"),
    };
    const claim = readSignature(signed);
    const session = claim.kind === "claim" ? sessions.get(claim.keyId) : undefined;
    if (session === undefined) throw new Answer(401, "The request names no session.");
    const publicKey = publicKeyFrom(parseVkey(session.asked.vkey).publicKey);
    const why = verifyRequest({ method: request.method ?? "", target, body }, signed, {
      key: publicKey,
      nowSeconds: Math.floor(Date.now() / 1000),
    });
    if (why !== undefined) throw new Answer(401, why);
    return session;
  };

  const onRequest = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    await once(request, "end");
    const { method = "", url: path = "" } = request;
    heard.push(`${method} ${path}`);
    const fault = parts.fault?.(method, path);
    if (fault?.kind === "drop") return void request.socket.destroy();
    if (fault?.kind === "slow") await sleep(fault.ms);
    if (fault?.kind === "answer") {
      const headers = fault.retryAfter === undefined ? {} : { "retry-after": fault.retryAfter };
      response.writeHead(fault.status, { "content-type": "application/problem+json", ...headers });
      response.end(JSON.stringify({ title: "A fault", detail: "The test wanted it." }));
      return;
    }
    const reply = await route(request, Buffer.concat(chunks)).catch((error: unknown): Reply => {
      if (error instanceof Answer) return json(error.status, { title: error.message, detail: "" });
      return json(500, { title: error instanceof Error ? (error.stack ?? "") : "", detail: "" });
    });
    if (fault?.kind === "lose") return void request.socket.destroy();
    response.writeHead(reply.status, { "content-type": reply.type });
    response.end(reply.body);
  };

  const listener = (request: IncomingMessage, response: ServerResponse): void => void onRequest(request, response);
  const server = parts.tls === undefined ? createServer(listener) : createSecureServer(parts.tls, listener);
  await new Promise<void>((resolve) => server.listen(parts.port ?? 0, "127.0.0.1", resolve));
  const address = server.address();
  url = `${parts.tls === undefined ? "http" : "https"}://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
  return {
    url,
    vkey: own.verifier.vkey,
    get requests() {
      return [...held.values()].map(({ request }) => request);
    },
    withdrawn,
    heard,
    sessions,
    token: async (repository = REPOSITORY) =>
      await new SignJWT({ repository, run_id: "4711" })
        .setProtectedHeader({ alg: "EdDSA" })
        .setIssuedAt()
        .setExpirationTime("5m")
        .setAudience(url)
        .sign(memory.issuer),
    end: (to) => {
      for (const session of sessions.values()) if (session.state === "open") session.state = to;
    },
    async close() {
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}

interface Reply {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

function json(status: number, value: object): Reply {
  return { status, type: status < 400 ? "application/json" : "application/problem+json", body: JSON.stringify(value) };
}

function parsed(body: Buffer): unknown {
  return JSON.parse(body.toString());
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null
    ? new Map<string, unknown>(Object.entries(value)).get(name)
    : undefined;
}
