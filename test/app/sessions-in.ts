// A session in the App's state, as its registration would have put it there, with the key that signs its requests.

import { generateKeyPairSync, type KeyObject, randomBytes } from "node:crypto";
import type { Database } from "../../app/state/database.ts";
import { signRequest } from "../../src/evidence/message-signature.ts";
import { noteSigner } from "../../src/tlog/note.ts";

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

export interface KnownSession {
  readonly sid: string;
  readonly key: KeyObject;
  /** Asks as this session would. `change` alters the request after it was signed. */
  ask(origin: string, asked: Asked, change?: (init: SignedInit) => SignedInit): Promise<Response>;
}

export interface Asked {
  readonly method: string;
  readonly target: string;
  readonly body?: string | Uint8Array<ArrayBuffer>;
  readonly signal?: AbortSignal;
}

export interface SignedInit {
  readonly target: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array<ArrayBuffer>;
}

/** Adds an open session to the state. */
export async function addSession(database: Database): Promise<KnownSession> {
  const sid = `01${[...randomBytes(24)].map((byte) => ALPHABET[byte % 32]).join("")}`;
  const { privateKey: key } = generateKeyPairSync("ed25519");
  const origin = `github.com/acme/shop/countersign/s/${sid}`;
  const { vkey } = noteSigner(origin, key).verifier;
  const run = randomBytes(4).readUInt32BE();
  await database.run(
    `INSERT INTO session (sid, repository_id, repository, installation_id, run_id, run_attempt, check_run_id, origin, vkey,
       encryption, head_sha, registration, facts, policy_text, state, registered_at, seen_at)
     VALUES ($1, 1, 'acme/shop', 1, $2, 1, 1, $3, $4, '', '', '', $5, '', 'open', 0, 0)`,
    [sid, run, origin, vkey, JSON.stringify({ sid })],
  );
  return {
    sid,
    key,
    async ask(at, { method, target, body = "", signal }, change = (init) => init) {
      const createdSeconds = Math.floor(Date.now() / 1000);
      const headers = { ...signRequest({ method, target, body }, { key, keyId: sid, createdSeconds }) };
      const sent = change({ target, method, headers, body });
      const hasBody = sent.method !== "GET" && sent.method !== "HEAD";
      return await fetch(`${at}${sent.target}`, {
        method: sent.method,
        headers: sent.headers,
        ...(hasBody ? { body: sent.body } : {}),
        ...(signal === undefined ? {} : { signal }),
      });
    },
  };
}
