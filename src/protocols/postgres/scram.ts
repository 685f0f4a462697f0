import { createHash, createHmac, pbkdf2Sync, timingSafeEqual } from "node:crypto";
import { ProtocolError } from "../../bytes/protocol-error.ts";
import { saslprep } from "./saslprep.ts";

// Proves a password without showing it, from both ends: we log in to the target with the real password, and let the
// client log in with the session's. No message is framed here; `login.ts` and the conversation do that.
//
// SCRAM-SHA-256 and SCRAM-SHA-256-PLUS: RFC 5802, RFC 7677; channel binding tls-server-end-point: RFC 5929 section 4.
//
//   client-first   n,,n=,r=<nonce>        or y,,...  or p=tls-server-end-point,,...
//   server-first   r=<nonce><nonce>,s=<base64 salt>,i=<iterations>
//   client-final   c=<base64 of gs2 header and binding>,r=<nonce><nonce>,p=<base64 proof>
//   server-final   v=<base64 signature>   or e=<error>

export const SCRAM = "SCRAM-SHA-256";
export const SCRAM_PLUS = "SCRAM-SHA-256-PLUS";
export type Mechanism = typeof SCRAM | typeof SCRAM_PLUS;

/** RFC 7677 section 4 asks for at least 4096; fewer would let a false server learn the password faster. */
const ITERATIONS_MIN = 4096;
/** About half a second here; a server that asks for more is stopping us rather than protecting a password. */
const ITERATIONS_MAX = 1_000_000;
/** Longest SCRAM message that is read; PostgreSQL's are below 200 characters, with nonces of 24. */
const MESSAGE_MAX = 1024;
/** 144 bits, as PostgreSQL uses (SCRAM_RAW_NONCE_LEN). */
export const NONCE_BYTES = 18;
/** PostgreSQL's own SCRAM_DEFAULT_SALT_LEN. */
export const SALT_BYTES = 16;

/** What the client says of channel binding: it binds, it could but was not offered to, or it cannot. */
export type Binding =
  | { readonly kind: "bound"; readonly certificateHash: Uint8Array }
  | { readonly kind: "not-offered" }
  | { readonly kind: "none" };

export interface ScramClientOptions {
  readonly password: string;
  /** At least 18 unguessable bytes. */
  readonly nonce: Uint8Array;
  readonly binding: Binding;
  /** PostgreSQL takes the user from the startup packet, so it is empty there. */
  readonly user?: string;
}

/**
 * The client's end of one exchange: `first`, then `final`, then `verify`.
 *
 * Law: the server is known to hold the password only once `verify` has returned without throwing.
 */
export class ScramClient {
  readonly #password: string;
  readonly #nonce: string;
  readonly #header: Buffer;
  readonly #binding: Buffer;
  readonly #bare: string;
  #signature: Buffer | undefined;

  constructor({ password, nonce, binding, user = "" }: ScramClientOptions) {
    this.#password = password;
    this.#nonce = Buffer.from(nonce).toString("base64");
    this.#header = Buffer.from(gs2Header(binding));
    this.#binding = binding.kind === "bound" ? Buffer.from(binding.certificateHash) : Buffer.alloc(0);
    this.#bare = `n=${user.replaceAll("=", "=3D").replaceAll(",", "=2C")},r=${this.#nonce}`;
  }

  /** client-first-message. */
  first(): string {
    return `${this.#header.toString()}${this.#bare}`;
  }

  /** client-final-message. Throws ProtocolError where the server's message is malformed or asks too much or too little. */
  final(serverFirst: string): string {
    const { nonce, salt, iterations } = readServerFirst(serverFirst);
    if (!nonce.startsWith(this.#nonce) || nonce.length === this.#nonce.length) {
      throw new ProtocolError("SCRAM: the server did not extend the client's nonce");
    }
    const keys = deriveKeys(this.#password, salt, iterations);
    const bound = Buffer.concat([this.#header, this.#binding]).toString("base64");
    const withoutProof = `c=${bound},r=${nonce}`;
    const authMessage = `${this.#bare},${serverFirst},${withoutProof}`;
    this.#signature = hmac(keys.serverKey, authMessage);
    const proof = xor(keys.clientKey, hmac(keys.storedKey, authMessage));
    return `${withoutProof},p=${proof.toString("base64")}`;
  }

  /** Throws ProtocolError unless the server proved that it knows the password too. */
  verify(serverFinal: string): void {
    const expected = this.#signature;
    if (expected === undefined) throw new ProtocolError("SCRAM: the server finished before the client had answered");
    if (serverFinal.length > MESSAGE_MAX) throw new ProtocolError("SCRAM: the server's message is too long");
    if (serverFinal.startsWith("e=")) throw new ProtocolError("SCRAM: the server refused the proof");
    const encoded = /^v=([^,]*)$/.exec(serverFinal)?.[1];
    const signature = encoded === undefined ? undefined : decodeBase64(encoded);
    if (signature === undefined) throw new ProtocolError("SCRAM: the server's final message is malformed");
    if (!isSame(signature, expected)) {
      throw new ProtocolError("SCRAM: the server does not know the password; it may not be the server it seems");
    }
  }
}

/** What a server keeps instead of a password. Deriving it costs milliseconds, so it is made once for a session. */
export interface ScramVerifier {
  readonly salt: Uint8Array;
  readonly iterations: number;
  readonly storedKey: Uint8Array;
  readonly serverKey: Uint8Array;
}

/** The verifier of a password under a salt of `SALT_BYTES` random bytes. */
export function scramVerifier(password: string, salt: Uint8Array, iterations: number = ITERATIONS_MIN): ScramVerifier {
  const { storedKey, serverKey } = deriveKeys(password, salt, iterations);
  return { salt, iterations, storedKey, serverKey };
}

/** A server's exchange between its first message and its last. */
export interface ScramExchange {
  readonly verifier: ScramVerifier;
  readonly bare: string;
  readonly serverFirst: string;
  readonly nonce: string;
  /** What the client must repeat in `c=`. */
  readonly bound: Uint8Array;
}

export interface ScramServerOptions {
  readonly mechanism: Mechanism;
  /** tls-server-end-point hash of the certificate shown to this client; empty where its side is not encrypted. */
  readonly certificateHash: Uint8Array;
  /** `NONCE_BYTES` unguessable bytes. */
  readonly nonce: Uint8Array;
}

/** The mechanisms to offer, best first. PLUS needs an encrypted client's side. */
export function scramMechanisms(certificateHash: Uint8Array): readonly Mechanism[] {
  return certificateHash.length > 0 ? [SCRAM_PLUS, SCRAM] : [SCRAM];
}

/**
 * Answers the client's first message. Throws ProtocolError where it is malformed, binds to something else than the
 * mechanism says, or claims that PLUS was not offered when it was (somebody between changed the offer).
 */
export function scramServerFirst(
  verifier: ScramVerifier,
  clientFirst: string,
  { mechanism, certificateHash, nonce }: ScramServerOptions,
): { readonly message: string; readonly exchange: ScramExchange } {
  if (clientFirst.length > MESSAGE_MAX) throw new ProtocolError("SCRAM: the client's message is too long");
  // Groups: gs2 flag, name of the binding, authorization identity, client-first-message-bare, nonce.
  const match = /^(?:([ny])|p=([A-Za-z0-9.-]+)),(a=[^,]*)?,(n=[^,]*,r=([\x21-\x2b\x2d-\x7e]+))$/u.exec(clientFirst);
  const bare = match?.[4];
  const clientNonce = match?.[5];
  if (bare === undefined || clientNonce === undefined) {
    throw new ProtocolError("SCRAM: the client's first message is malformed");
  }
  if (match?.[3] !== undefined) throw new ProtocolError("SCRAM: an authorization identity is not supported");
  const binding = readBinding({ flag: match?.[1], name: match?.[2], mechanism, certificateHash });
  const bothNonces = `${clientNonce}${Buffer.from(nonce).toString("base64")}`;
  const salt = Buffer.from(verifier.salt).toString("base64");
  const message = `r=${bothNonces},s=${salt},i=${verifier.iterations}`;
  const bound = Buffer.concat([
    Buffer.from(gs2Header(binding)),
    binding.kind === "bound" ? certificateHash : Buffer.of(),
  ]);
  return { message, exchange: { verifier, bare, serverFirst: message, nonce: bothNonces, bound } };
}

export type ScramResult =
  | { readonly kind: "proved"; readonly message: string }
  /** The proof is wrong: answer with SQLSTATE 28P01, as for any wrong password. */
  | { readonly kind: "wrong" };

/** Judges the client's proof. Throws ProtocolError where the message is malformed or another channel was bound. */
export function scramServerFinal(exchange: ScramExchange, clientFinal: string): ScramResult {
  if (clientFinal.length > MESSAGE_MAX) throw new ProtocolError("SCRAM: the client's message is too long");
  const match = /^(c=([^,]*),r=([^,]*)),p=([^,]*)$/.exec(clientFinal);
  const [, withoutProof, channel, nonce, encodedProof] = match ?? [];
  const bound = channel === undefined ? undefined : decodeBase64(channel);
  const proof = encodedProof === undefined ? undefined : decodeBase64(encodedProof);
  if (withoutProof === undefined || bound === undefined || proof?.length !== 32) {
    throw new ProtocolError("SCRAM: the client's final message is malformed");
  }
  if (!isSame(bound, exchange.bound)) throw new ProtocolError("SCRAM: the channel binding does not match");
  if (nonce !== exchange.nonce) throw new ProtocolError("SCRAM: the nonce does not match");

  const { storedKey, serverKey } = exchange.verifier;
  const authMessage = `${exchange.bare},${exchange.serverFirst},${withoutProof}`;
  const clientKey = xor(proof, hmac(storedKey, authMessage));
  if (!isSame(sha256(clientKey), storedKey)) return { kind: "wrong" };
  return { kind: "proved", message: `v=${hmac(serverKey, authMessage).toString("base64")}` };
}

interface ClaimedBinding {
  readonly flag: string | undefined;
  readonly name: string | undefined;
  readonly mechanism: Mechanism;
  readonly certificateHash: Uint8Array;
}

/** RFC 5802 section 6: which claims go with which mechanism. */
function readBinding({ flag, name, mechanism, certificateHash }: ClaimedBinding): Binding {
  const offered = certificateHash.length > 0;
  if (mechanism === SCRAM_PLUS) {
    if (!offered) throw new ProtocolError("SCRAM: channel binding was not offered");
    if (name !== "tls-server-end-point") throw new ProtocolError("SCRAM: PLUS needs the binding tls-server-end-point");
    return { kind: "bound", certificateHash };
  }
  if (name !== undefined) throw new ProtocolError("SCRAM: channel binding goes with the mechanism SCRAM-SHA-256-PLUS");
  if (flag === "n") return { kind: "none" };
  if (offered) throw new ProtocolError("SCRAM: the client did not see the offer of channel binding; it was taken out");
  return { kind: "not-offered" };
}

function gs2Header(binding: Binding): string {
  switch (binding.kind) {
    case "bound":
      return "p=tls-server-end-point,,";
    case "not-offered":
      return "y,,";
    case "none":
      return "n,,";
  }
}

function readServerFirst(message: string): { nonce: string; salt: Buffer; iterations: number } {
  if (message.length > MESSAGE_MAX) throw new ProtocolError("SCRAM: the server's message is too long");
  const match = /^r=([\x21-\x2b\x2d-\x7e]+),s=([^,]+),i=([1-9][0-9]{0,9})$/.exec(message);
  const [, nonce, encodedSalt, digits] = match ?? [];
  const salt = encodedSalt === undefined ? undefined : decodeBase64(encodedSalt);
  if (nonce === undefined || salt === undefined || salt.length === 0) {
    throw new ProtocolError("SCRAM: the server's first message is malformed");
  }
  const iterations = Number(digits);
  if (iterations < ITERATIONS_MIN || iterations > ITERATIONS_MAX) {
    throw new ProtocolError(
      `SCRAM: the server asks for ${iterations} iterations; only ${ITERATIONS_MIN} to ${ITERATIONS_MAX} are accepted`,
    );
  }
  return { nonce, salt, iterations };
}

interface Keys {
  readonly clientKey: Buffer;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

/** RFC 5802 section 3. */
function deriveKeys(password: string, salt: Uint8Array, iterations: number): Keys {
  const salted = pbkdf2Sync(saslprep(password), salt, iterations, 32, "sha256");
  const clientKey = hmac(salted, "Client Key");
  return { clientKey, storedKey: sha256(clientKey), serverKey: hmac(salted, "Server Key") };
}

/** Strict: undefined unless encoding the bytes again gives the same text. */
function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? bytes : undefined;
}

function hmac(key: Uint8Array, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash("sha256").update(bytes).digest();
}

function xor(left: Uint8Array, right: Uint8Array): Buffer {
  return Buffer.from(left.map((byte, index) => byte ^ (right[index] ?? 0)));
}

function isSame(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && timingSafeEqual(left, right);
}
