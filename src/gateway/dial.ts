import { randomBytes } from "node:crypto";
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { checkServerIdentity, connect as connectTls, type TLSSocket } from "node:tls";
import { type Host, isLocal, type LoginOptions, NO_TLS, openLogin, type Target } from "../protocols/postgres/index.ts";
import type { LoginStep } from "../protocols/protocol.ts";
import { endPointHash } from "./certificate.ts";
import { ClosedError, explain, LoginError, TimeoutError, TlsFileError, WrongSessionError } from "./dial-error.ts";
import { OwnConnection } from "./query.ts";
import { isWanted, readSession, type WantedSession, wantedSessions } from "./session-kind.ts";
import { readTlsFiles, type TlsFiles } from "./tls-files.ts";

// Connects to a target and logs in with the real credential, trying hosts and kinds of encryption as libpq does.
// Nothing is asked of the target here but, for target_session_attrs, what it is.

export interface Dialled {
  /** Paused. Listen to `data`, then resume it. */
  readonly socket: Socket | TLSSocket;
  /** The server's bytes behind AuthenticationOk that have been read already. */
  readonly rest: Uint8Array;
  readonly encrypted: boolean;
  /** Which of the target's hosts it is, for messages. */
  readonly host: string;
  /** The Unix socket that it was reached by; empty over TCP. */
  readonly path: string;
}

/** The target could not be reached, was not who it should be, or refused the log-in. The message is for people. */
export class DialError extends Error {
  override readonly name = "DialError";
  /** SQLSTATE; 08001 or 08006 where the failure was not the server's own word. */
  readonly code: string;

  constructor(message: string, code: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export interface DialOptions {
  /** Returns `count` unguessable bytes; node:crypto's own by default. */
  readonly random?: (count: number) => Uint8Array;
}

/**
 * Connects and logs in, with `startup` beside the target's own settings, which win. Throws DialError, whose message names
 * each host that was tried, what failed and what to do, and holds no secret.
 */
export async function dial(
  target: Target,
  startup: ReadonlyMap<string, string>,
  { random = randomBytes }: DialOptions = {},
): Promise<Dialled> {
  const call: Call = {
    target,
    startup: mergeSettings(startup, target.settings),
    files: await readFiles(target),
    random,
  };
  const failures: Failure[] = [];
  for (const wanted of wantedSessions(target)) {
    for (const host of target.hosts) {
      const outcome = await tryHost(call, host, wanted);
      if (outcome.kind === "dialled") return outcome.dialled;
      failures.push(outcome);
      if (!outcome.nextHost) throw toError(target, [outcome]);
    }
  }
  throw toError(target, failures);
}

async function readFiles(target: Target): Promise<TlsFiles> {
  try {
    return await readTlsFiles(target.tls);
  } catch (cause) {
    if (!(cause instanceof TlsFileError)) throw cause;
    throw new DialError(`target "${target.name}" cannot be used. ${cause.message}`, "08001", { cause });
  }
}

interface Call {
  readonly target: Target;
  readonly startup: ReadonlyMap<string, string>;
  readonly files: TlsFiles;
  readonly random: (count: number) => Uint8Array;
}

interface Failure {
  readonly kind: "failed";
  readonly host: string;
  readonly why: string;
  readonly code: string;
  /** Whether another host may still do: not where this one answered and said no. */
  readonly nextHost: boolean;
  /** What libpq looks at before it tries the other way of encryption. */
  readonly stage: "connect" | "tls" | "login" | "session";
  readonly encrypted: boolean;
}

type Outcome = Failure | { readonly kind: "dialled"; readonly dialled: Dialled };
type Encryption = LoginOptions["tls"];

function toError(target: Target, failures: readonly Failure[]): DialError {
  // Both passes of prefer-standby fail alike; each reason is said once.
  const reasons = [...new Set(failures.map(({ host, why }) => `${host}: ${why}`))];
  return new DialError(
    `target "${target.name}" cannot be used. ${reasons.join("; ")}`,
    failures.at(-1)?.code ?? "08001",
  );
}

/** The operator's settings win, whatever spelling the client used. */
function mergeSettings(startup: ReadonlyMap<string, string>, own: ReadonlyMap<string, string>): Map<string, string> {
  const fixed = new Set([...own.keys()].map((each) => each.toLowerCase()));
  return new Map([...[...startup].filter(([name]) => !fixed.has(name.toLowerCase())), ...own]);
}

/** One host, in each way of encryption that its sslmode has, within one connect_timeout. */
async function tryHost(call: Call, host: Host, wanted: WantedSession): Promise<Outcome> {
  const deadline = AbortSignal.timeout(call.target.connectTimeoutSeconds * 1000);
  const first = await attempt(call, host, { wanted, encryption: firstEncryption(call.target, host), deadline });
  if (first.kind === "dialled") return first;
  const other = otherEncryption(call.target, host, first);
  if (other === undefined || deadline.aborted) return first;
  const second = await attempt(call, host, { wanted, encryption: other, deadline });
  if (second.kind === "dialled" || second.why === first.why) return second;
  return { ...second, why: `${first.why}; and tried again ${other === "no" ? "without" : "with"} TLS: ${second.why}` };
}

/** A Unix socket is never encrypted, as in libpq. */
function firstEncryption({ tls }: Target, host: Host): Encryption {
  if (host.kind === "socket" || tls.mode === "disable" || tls.mode === "allow") return "no";
  if (tls.mode === "prefer") return "prefer";
  return tls.negotiation === "direct" ? "direct" : "require";
}

function otherEncryption({ tls }: Target, host: Host, failure: Failure): Encryption | undefined {
  // A wrong password is wrong either way, and need not be tried where others may listen.
  if (host.kind === "socket" || failure.code === "28P01") return undefined;
  if (tls.mode === "allow") return failure.stage === "login" ? "require" : undefined;
  if (tls.mode === "prefer" && (failure.stage === "tls" || (failure.stage === "login" && failure.encrypted)))
    return "no";
  return undefined;
}

interface Attempt {
  readonly wanted: WantedSession;
  readonly encryption: Encryption;
  readonly deadline: AbortSignal;
}

async function attempt(call: Call, host: Host, { wanted, encryption, deadline }: Attempt): Promise<Outcome> {
  const { target } = call;
  const line = new Line(call, host, deadline);
  try {
    const { rest } = await line.logIn(
      openLogin({
        user: target.user,
        password: target.password(),
        database: target.database,
        startup: call.startup,
        tls: encryption,
        local: isLocal(host),
        requireAuth: target.requireAuth,
        channelBinding: target.channelBinding,
        random: call.random,
      }),
    );
    const path = host.kind === "socket" ? host.path : "";
    const dialled = { socket: line.socket, rest, encrypted: line.encrypted, host: nameOf(host), path };
    if (wanted === "any") return { kind: "dialled", dialled };
    return { kind: "dialled", dialled: await line.checkSession(dialled, wanted) };
  } catch (error) {
    line.socket.destroy();
    return line.explain(error);
  }
}

/** One connection to one host, from the first byte to the log-in. */
class Line {
  socket: Socket;
  encrypted = false;
  readonly #call: Call;
  readonly #host: Host;
  readonly #deadline: AbortSignal;
  #stage: Failure["stage"] = "connect";

  constructor(call: Call, host: Host, deadline: AbortSignal) {
    this.#call = call;
    this.#host = host;
    this.#deadline = deadline;
    this.socket =
      host.kind === "socket" ? connectTcp({ path: host.path }) : connectTcp({ host: host.address, port: host.port });
    // Errors are read where they matter, through `once`; this keeps a late one from ending the process.
    this.socket.on("error", ignore);
    this.socket.setNoDelay(true);
    this.socket.setKeepAlive(true, 30_000);
  }

  /** Drives a log-in to its end. Throws LoginError, or what the socket or TLS said. */
  async logIn(login: ReturnType<typeof openLogin>): Promise<{ rest: Uint8Array }> {
    await this.#once("connect");
    this.#stage = "login";
    let steps: readonly LoginStep[] = login.begin();
    for (;;) {
      for (const step of steps) {
        switch (step.kind) {
          case "send":
            this.socket.write(step.bytes);
            break;
          case "failed":
            if (step.code === NO_TLS) this.#stage = "tls";
            throw new LoginError(step.why, step.code);
          case "ready":
            return { rest: step.rest };
          case "secure":
            break;
        }
      }
      // `secure` stands alone: nothing is sent between it and the handshake.
      steps = steps.some(({ kind }) => kind === "secure")
        ? login.secured(await this.#secure())
        : login.receive(await this.#read());
    }
  }

  /** Throws WrongSessionError where the server is not of the kind that the URL asks for. */
  async checkSession(dialled: Dialled, wanted: WantedSession): Promise<Dialled> {
    this.#stage = "session";
    // Within the same connect_timeout: `close` is what the deadline does to the socket.
    const onDeadline = (): unknown => dialled.socket.destroy();
    this.#deadline.addEventListener("abort", onDeadline);
    try {
      const timeoutMs = this.#call.target.connectTimeoutSeconds * 1000;
      const own = await OwnConnection.open(dialled, { timeoutMs });
      // We may have asked for read-only transactions ourselves, which says nothing of the server.
      const asked = this.#call.startup.has("default_transaction_read_only");
      const { standby, readOnly } = await readSession(own, timeoutMs);
      if (!isWanted(wanted, { standby, readOnly: standby || (readOnly && !asked) })) {
        own.close();
        throw new WrongSessionError(`it is ${standby ? "a standby" : "a primary"}, not ${wanted}`);
      }
      return { ...dialled, ...own.release() };
    } finally {
      this.#deadline.removeEventListener("abort", onDeadline);
    }
  }

  explain(error: unknown): Failure {
    const tls = this.#call.target.tls;
    const timedOut = this.#deadline.aborted;
    const { why, code } = explain(timedOut ? new TimeoutError() : error, {
      seconds: this.#call.target.connectTimeoutSeconds,
      stage: this.#stage,
      rootCertificate: tls.rootCertificate,
      negotiation: tls.negotiation,
    });
    return {
      kind: "failed",
      host: nameOf(this.#host),
      why,
      code,
      // 57P03: the server is starting up or shutting down.
      nextHost: timedOut || this.#stage === "connect" || error instanceof WrongSessionError || code === "57P03",
      stage: this.#stage,
      encrypted: this.encrypted,
    };
  }

  async #secure(): Promise<Uint8Array> {
    this.#stage = "tls";
    const { target, files } = this.#call;
    const { tls } = target;
    const name = this.#host.kind === "tcp" ? this.#host.name : "";
    const verifies = tls.mode === "verify-ca" || tls.mode === "verify-full" || tls.rootCertificate !== undefined;
    const secure = connectTls({
      socket: this.socket,
      minVersion: "TLSv1.2",
      ALPNProtocols: ["postgresql"],
      rejectUnauthorized: verifies,
      ...(files.authorities === undefined ? {} : { ca: [...files.authorities] }),
      ...(files.own === undefined ? {} : { cert: files.own.certificate, key: files.own.key }),
      ...(tls.sendsName && isIP(name) === 0 ? { servername: name } : {}),
      // The name that the operator wrote, even where hostaddr led elsewhere.
      checkServerIdentity: (_, certificate) =>
        tls.mode === "verify-full" ? checkServerIdentity(name, certificate) : undefined,
    });
    secure.on("error", ignore);
    this.socket = secure;
    await this.#once("secureConnect");
    if (tls.negotiation === "direct" && secure.alpnProtocol !== "postgresql") {
      throw new LoginError("the server does not speak PostgreSQL over direct TLS (ALPN)", "08P01");
    }
    this.encrypted = true;
    this.#stage = "login";
    const certificate = secure.getPeerX509Certificate();
    return certificate === undefined ? new Uint8Array(0) : endPointHash(certificate.raw);
  }

  /** The next chunk. The socket is paused before and after, so that whatever comes later stays in it. */
  async #read(): Promise<Uint8Array> {
    const socket = this.socket;
    const chunk = this.#once("data");
    socket.resume();
    try {
      return await chunk;
    } finally {
      socket.pause();
    }
  }

  /** Waits for an event, the deadline, or the end of the connection, whichever comes first. */
  async #once(event: "connect" | "secureConnect" | "data"): Promise<Uint8Array> {
    const socket = this.socket;
    const deadline = this.#deadline;
    return await new Promise<Uint8Array>((resolve, reject) => {
      const settle = (end: () => void): void => {
        socket.off(event, onEvent);
        socket.off("error", onError);
        socket.off("close", onClose);
        deadline.removeEventListener("abort", onDeadline);
        end();
      };
      const onEvent = (chunk?: Uint8Array): void => {
        socket.pause();
        settle(() => resolve(chunk ?? new Uint8Array(0)));
      };
      const onError = (error: Error): void => settle(() => reject(error));
      const onClose = (): void => settle(() => reject(new ClosedError()));
      const onDeadline = (): void => settle(() => reject(new TimeoutError()));
      socket.on(event, onEvent);
      socket.on("error", onError);
      socket.on("close", onClose);
      deadline.addEventListener("abort", onDeadline);
      if (deadline.aborted) onDeadline();
      else if (socket.destroyed) onClose();
    });
  }
}

function nameOf(host: Host): string {
  return host.kind === "socket" ? host.path : `${host.name}:${host.port}`;
}

function ignore(): void {
  // Deliberately nothing: see where it is used.
}
