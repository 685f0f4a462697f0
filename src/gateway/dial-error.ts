import { NO_TLS } from "../protocols/postgres/index.ts";
import { QueryError } from "./query.ts";

// Says in words for people why a target could not be used, and what to do. Holds no secret: the log-in took the password
// out of the server's words, and nothing here has it.

/** The target's log-in failed; `why` and `code` are the log-in's own. */
export class LoginError extends Error {
  override readonly name = "LoginError";
  readonly code: string;

  constructor(message: string, code: string) {
    super(message);
    this.code = code;
  }
}

/** connect_timeout passed. */
export class TimeoutError extends Error {
  override readonly name = "TimeoutError";
}

/** The other side closed before the log-in was done. */
export class ClosedError extends Error {
  override readonly name = "ClosedError";
}

/** It is a server, but not of the kind that target_session_attrs asks for. */
export class WrongSessionError extends Error {
  override readonly name = "WrongSessionError";
}

/** A file that the URL names is of no use. */
export class TlsFileError extends Error {
  override readonly name = "TlsFileError";
}

export interface Circumstances {
  /** connect_timeout. */
  readonly seconds: number;
  readonly stage: "connect" | "tls" | "login" | "session";
  readonly rootCertificate: string | undefined;
  readonly negotiation: "postgres" | "direct";
}

export interface Explained {
  readonly why: string;
  /** SQLSTATE. 08001: could not connect; 08006: the connection failed. */
  readonly code: string;
}

/** The reason and the advice. An error of ours, which is none of these, is thrown again. */
export function explain(error: unknown, at: Circumstances): Explained {
  if (error instanceof TimeoutError) {
    const advice =
      "see that it is running and that no firewall is between, or raise connect_timeout in the target's URL";
    return { why: `no answer within ${at.seconds} s; ${advice}`, code: "08001" };
  }
  if (error instanceof ClosedError) return { why: explainClosing(at), code: "08006" };
  if (error instanceof LoginError || error instanceof QueryError) return explainAnswer(error.message, error.code);
  if (error instanceof WrongSessionError) return { why: error.message, code: "08001" };
  if (error instanceof Error && "code" in error && typeof error.code === "string") {
    return { why: explainSystem(error, error.code, at), code: "08001" };
  }
  throw error;
}

const CLOSED = {
  connect: "it closed the connection at once",
  tls: "it closed the connection during the TLS handshake; is this a PostgreSQL server with TLS?",
  login: "it closed the connection during the log-in; is this a PostgreSQL server?",
  session: "it closed the connection right after the log-in",
} as const;

function explainClosing({ stage, negotiation }: Circumstances): string {
  if (stage === "tls" && negotiation === "direct") {
    return "it closed the connection during the TLS handshake; sslnegotiation=direct needs PostgreSQL 17 or later";
  }
  return CLOSED[stage];
}

const ANSWERS = new Map([
  ["28P01", "check the user and password in the target's URL"],
  ["3D000", "check the database in the target's URL"],
  ["53300", "free connections, or raise the role's limit"],
  [NO_TLS, "turn TLS on at the server; write sslmode=disable only where nobody is on the network between"],
]);

function explainAnswer(message: string, code: string): Explained {
  const hba = "have pg_hba.conf let this host and user in, with this kind of encryption";
  const advice = ANSWERS.get(code) ?? (code === "28000" && message.includes("pg_hba.conf") ? hba : undefined);
  return {
    why: advice === undefined ? message : `${message}; ${advice}`,
    code: /^[0-9A-Z]{5}$/.test(code) ? code : "08001",
  };
}

const SYSTEM = new Map([
  ["ENOTFOUND", "its name does not resolve; check the host in the target's URL"],
  ["EAI_AGAIN", "its name does not resolve just now; check the runner's DNS"],
  ["ECONNREFUSED", "nothing listens there; see that the server is running and the port is right"],
  ["ENOENT", "there is no socket there; check the directory and the port in the target's URL"],
  ["EACCES", "this user may not open the socket"],
  ["EHOSTUNREACH", "there is no way to that address from here"],
  ["ENETUNREACH", "there is no way to that network from here"],
  ["CERT_HAS_EXPIRED", "its certificate has expired; renew it at the server"],
  ["CERT_NOT_YET_VALID", "its certificate is not valid yet; check the clocks"],
]);

const UNKNOWN_AUTHORITY = new Set([
  "SELF_SIGNED_CERT_IN_CHAIN",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "CERT_SIGNATURE_FAILURE",
  "INVALID_CA",
  "CERT_UNTRUSTED",
]);

function explainSystem(error: Error, code: string, at: Circumstances): string {
  const { rootCertificate } = at;
  if (code === "ECONNRESET" || code === "EPIPE") return explainClosing(at);
  if (UNKNOWN_AUTHORITY.has(code)) {
    const known = rootCertificate === undefined ? "by an authority that is known here" : "by the one in sslrootcert";
    return `its certificate is not signed ${known}; write sslrootcert=PATH of the authority's certificate, or sslrootcert=system`;
  }
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") {
    // Node's own words name the names: "Host: x. is not in the cert's altnames: DNS:y".
    return `its certificate is for another name (${error.message}); connect by a name that it has, or write sslmode=verify-ca`;
  }
  const known = SYSTEM.get(code);
  if (known !== undefined) return known;
  if (code.startsWith("ERR_SSL") || code.startsWith("ERR_OSSL")) {
    return `TLS failed (${code}); see that it takes TLS 1.2 or later, and our certificate where it wants one`;
  }
  return `the connection failed (${code})`;
}
