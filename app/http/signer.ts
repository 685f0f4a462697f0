/** Whose request it is: the session whose key signed it. Found out before its body is read. docs/app-api.md, Who speaks. */

import {
  contentDigest,
  isSignedNow,
  readSignature,
  type SignatureHeaders,
  verifyHead,
} from "../../src/evidence/message-signature.ts";
import { parseVkey, publicKeyFrom } from "../../src/tlog/note.ts";
import { findSession, type SessionRow } from "../sessions/session.ts";
import type { Sql } from "../state/database.ts";
import { Problem } from "./route.ts";

export interface Head {
  readonly method: string;
  /** Path and query as they were sent. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
}

/** The session that signed this head. Throws Problem (401, 403), which does not say whether there is such a session. */
export async function signerOf(head: Head, sql: Sql, nowMs: number): Promise<SessionRow> {
  const headers = signatureHeaders(head.headers);
  const nowSeconds = Math.floor(nowMs / 1000);
  const claim = readSignature(headers);
  if (claim.kind === "bad") throw new Problem(401, "Not signed", `${claim.why}.`);
  if (!isSignedNow(claim.createdSeconds, nowSeconds)) {
    const detail = `Sign it when it is sent; the App's clock says ${new Date(nowSeconds * 1000).toISOString()}.`;
    throw new Problem(401, "Signed at another time", detail);
  }
  const session = await findSession(sql, claim.keyId);
  if (session === undefined) throw notBelieved();
  const key = publicKeyFrom(parseVkey(session.vkey).publicKey);
  if (verifyHead(head, headers, { key, nowSeconds }) !== undefined) throw notBelieved();
  const named = /^\/v1\/sessions\/([^/?]+)/.exec(head.target)?.[1];
  if (named !== undefined && named !== session.sid) {
    throw new Problem(403, "Another session's", "A session's key opens that session alone.");
  }
  return session;
}

/** Holds the body to what was signed. Throws Problem (401). */
export function holdToDigest(head: Head, body: Uint8Array): void {
  if (head.headers["content-digest"] !== contentDigest(body)) throw notBelieved();
}

function notBelieved(): Problem {
  return new Problem(401, "Not believed", "Sign the request with the key that the session was registered with.");
}

function signatureHeaders(headers: Head["headers"]): Partial<SignatureHeaders> {
  const { signature } = headers;
  const digest = headers["content-digest"];
  const input = headers["signature-input"];
  return {
    ...(digest === undefined ? {} : { "content-digest": digest }),
    ...(input === undefined ? {} : { "signature-input": input }),
    ...(signature === undefined ? {} : { signature }),
  };
}
