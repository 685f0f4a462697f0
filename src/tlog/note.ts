// Signed notes, verifier keys, checkpoints and cosignatures: the four texts that a log and its witnesses exchange.
// https://c2sp.org/signed-note  https://c2sp.org/tlog-checkpoint  https://c2sp.org/tlog-cosignature
//
//   <origin>\n<size>\n<base64 root>\n          the text, final newline included
//   \n                                         the last blank line separates
//   — <name> base64(key id[4] || signature)\n  U+2014, SP, name, SP, base 64; one line a signature
//
// Parsing is strict: one spelling of everything, because what is signed is compared by people and by other programs.

import { createPublicKey, hash, type KeyObject, sign, verify } from "node:crypto";
import { fromBase64 } from "./base64.ts";
import { HASH_BYTES } from "./tree.ts";

/** Signature types of the specification: a log's own Ed25519, and a witness's timestamped one. */
const ED25519 = 0x01;
const COSIGNATURE = 0x04;

/** Bytes of an Ed25519 public key and signature, RFC 8032. */
const PUBLIC_KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;

/** The specification asks for 16 at least; nobody here signs with more than a handful. */
const SIGNATURES_MAX = 64;

/** A checkpoint with 64 post-quantum signatures of 5 kB would be 430 kB; with ours it is under 1 kB. */
const NOTE_CHARS_MAX = 512 * 1024;

/** A note, vkey or checkpoint that breaks its format, or a signature that does not verify. */
export class NoteError extends Error {
  override readonly name = "NoteError";
  /** `signature` when the text itself was well formed and one of its signature lines was not, or does not verify. */
  readonly part: "text" | "signature";

  constructor(part: "text" | "signature", message: string) {
    super(message);
    this.part = part;
  }
}

/** One signature line. */
export interface Signature {
  readonly name: string;
  readonly keyId: string;
  /** What follows the key id: 64 bytes for a log, 8 bytes of time and 64 bytes for a witness. */
  readonly bytes: Uint8Array;
}

export interface Note {
  /** What was signed, with its final newline. */
  readonly text: string;
  readonly signatures: readonly Signature[];
}

/** A key that can check one kind of signature. */
export interface Verifier {
  readonly name: string;
  /** First four bytes of SHA-256(name || LF || type || key), in hex. A hint, not an identity. */
  readonly keyId: string;
  readonly kind: "log" | "witness";
  /** The raw Ed25519 key, 32 bytes. */
  readonly publicKey: Buffer;
  /** `name+keyid+base64(type || key)` */
  readonly vkey: string;
  /** The time of a cosignature in POSIX seconds, 0 for a log's signature; undefined when it does not verify. */
  verify(text: string, signature: Uint8Array): number | undefined;
}

/** Signs texts as a log. */
export interface NoteSigner {
  readonly verifier: Verifier;
  /** The signature line for this text, newline included. */
  sign(text: string): string;
}

/** Cosigns checkpoints as a witness. */
export interface Cosigner {
  readonly verifier: Verifier;
  /** The cosignature line for this checkpoint text at this time (POSIX seconds), newline included. */
  cosign(text: string, atSeconds: number): string;
}

/** A log's signer, type 0x01, over an Ed25519 private key. */
export function noteSigner(name: string, privateKey: KeyObject): NoteSigner {
  const verifier = verifierFor(name, "log", rawPublicKey(privateKey));
  return {
    verifier,
    sign: (text) => signatureLine(verifier, sign(null, Buffer.from(text), privateKey)),
  };
}

/** A witness's cosigner, type 0x04, over an Ed25519 private key. */
export function cosigner(name: string, privateKey: KeyObject): Cosigner {
  const verifier = verifierFor(name, "witness", rawPublicKey(privateKey));
  return {
    verifier,
    cosign(text, atSeconds) {
      const stamped = Buffer.alloc(8 + SIGNATURE_BYTES);
      stamped.writeBigUInt64BE(BigInt(atSeconds));
      stamped.set(sign(null, cosignedMessage(text, String(atSeconds)), privateKey), 8);
      return signatureLine(verifier, stamped);
    },
  };
}

/** Reads a verifier key. Throws NoteError for an unknown type, a wrong id, or any second spelling. */
export function parseVkey(vkey: string): Verifier {
  const [name, keyId, encoded, ...rest] = vkey.split("+");
  // Standard base 64 may hold "+", so everything behind the second one belongs to the key.
  const key = fromBase64([encoded, ...rest].join("+"));
  const kind = key?.[0] === ED25519 ? "log" : key?.[0] === COSIGNATURE ? "witness" : undefined;
  if (name === undefined || key === undefined || kind === undefined || key.length !== 1 + PUBLIC_KEY_BYTES) {
    throw new NoteError("text", "not a verifier key of type 0x01 or 0x04");
  }
  if (!isKeyName(name)) throw new NoteError("text", "a key's name is not empty and holds no space and no plus");
  const verifier = verifierFor(name, kind, key.subarray(1));
  if (verifier.keyId !== keyId) throw new NoteError("text", "the key's id does not belong to its name and key");
  return verifier;
}

/** The raw 32 bytes of an Ed25519 key, public or private. Throws NoteError for a key of another kind. */
export function rawPublicKey(key: KeyObject): Buffer {
  const publicKey = key.type === "private" ? createPublicKey(key) : key;
  const { x } = publicKey.export({ format: "jwk" });
  if (publicKey.asymmetricKeyType !== "ed25519" || x === undefined) throw new NoteError("text", "not an Ed25519 key");
  return Buffer.from(x, "base64url");
}

/** A raw Ed25519 public key as node:crypto takes it. */
export function publicKeyFrom(raw: Uint8Array): KeyObject {
  const x = Buffer.from(raw).toString("base64url");
  return createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
}

/** May this name a key: not empty, no Unicode space, no plus, no control character. */
export function isKeyName(name: string): boolean {
  return name !== "" && !/[\p{White_Space}\p{Cc}\p{Surrogate}+]/u.test(name);
}

/** Takes a note apart. Throws NoteError, saying whether the text or a signature line is malformed. */
export function parseNote(note: string): Note {
  if (note.length > NOTE_CHARS_MAX) throw new NoteError("text", `a note is at most ${NOTE_CHARS_MAX} characters`);
  // Control characters below U+0020, but for the newline.
  if (/(?!\n)[^\P{Cc}\x7f-\x9f]|\p{Surrogate}/u.test(note))
    throw new NoteError("text", "a note holds no control characters");
  const separator = note.lastIndexOf("\n\n");
  if (separator === -1 || !note.endsWith("\n"))
    throw new NoteError("text", "a note ends with a blank line and signatures");
  const text = note.slice(0, separator + 1);
  const lines = note.slice(separator + 2, -1).split("\n");
  if (lines.length > SIGNATURES_MAX) throw new NoteError("signature", `more than ${SIGNATURES_MAX} signatures`);
  return { text, signatures: lines.map(parseSignature) };
}

/** Reads signature lines that came without their text, as a witness answers them. Throws NoteError. */
export function parseSignatures(lines: string): Signature[] {
  if (!lines.endsWith("\n")) throw new NoteError("signature", "a signature line ends with a newline");
  const each = lines.slice(0, -1).split("\n");
  if (each.length > SIGNATURES_MAX) throw new NoteError("signature", `more than ${SIGNATURES_MAX} signatures`);
  return each.map(parseSignature);
}

export interface Verified {
  readonly verifier: Verifier;
  /** POSIX seconds for a cosignature, 0 for a log's own signature. */
  readonly at: number;
}

/**
 * Which of these keys signed the note, each named once, in the order of the keys. Signatures of unknown keys count for
 * nothing. Throws NoteError when a signature that names a known key does not verify.
 */
export function verifySignatures(note: Note, verifiers: readonly Verifier[]): Verified[] {
  return verifiers.flatMap((verifier) => {
    const own = note.signatures.filter((each) => each.name === verifier.name && each.keyId === verifier.keyId);
    const times = own.map((each) => {
      const at = verifier.verify(note.text, each.bytes);
      if (at === undefined) throw new NoteError("signature", `invalid signature of ${verifier.name}`);
      return at;
    });
    const [at] = times;
    return at === undefined ? [] : [{ verifier, at }];
  });
}

/** The head of a log: how many leaves, and the root over them. https://c2sp.org/tlog-checkpoint */
export interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
  /** Lines behind the third. We write none and our verifier refuses them in our own logs. */
  readonly extensions: readonly string[];
}

/** The text of a checkpoint, ready to be signed. */
export function checkpointText(head: {
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
}): string {
  return `${head.origin}\n${head.size}\n${Buffer.from(head.root).toString("base64")}\n`;
}

/** Reads a checkpoint's text. Throws NoteError. */
export function parseCheckpoint(text: string): Checkpoint {
  const [origin, digits, encoded, ...more] = text.split("\n");
  if (origin === undefined || origin === "" || digits === undefined || encoded === undefined || more.at(-1) !== "") {
    throw new NoteError("text", "a checkpoint has three lines or more, each ended by a newline");
  }
  const extensions = more.slice(0, -1);
  if (extensions.includes("")) throw new NoteError("text", "a checkpoint holds no empty line");
  const size = parseCount(digits);
  if (size === undefined) throw new NoteError("text", "the second line of a checkpoint is its size in decimal");
  const root = fromBase64(encoded);
  if (root?.length !== HASH_BYTES) throw new NoteError("text", "the third line of a checkpoint is 32 bytes in base 64");
  return { origin, size, root, extensions };
}

/** A decimal count without sign or leading zeroes, up to 2^53 - 1; undefined for anything else. */
export function parseCount(digits: string): number | undefined {
  if (!/^(?:0|[1-9][0-9]{0,15})$/.test(digits)) return undefined;
  const count = Number(digits);
  return Number.isSafeInteger(count) ? count : undefined;
}

function parseSignature(line: string): Signature {
  const [dash, name, encoded, ...rest] = line.split(" ");
  if (dash !== "—" || name === undefined || encoded === undefined || rest.length > 0 || !isKeyName(name)) {
    throw new NoteError("signature", "a signature line is an em dash, a name and base 64");
  }
  const bytes = fromBase64(encoded);
  if (bytes === undefined || bytes.length < 5)
    throw new NoteError("signature", `invalid signature of ${name}: not base 64`);
  return { name, keyId: bytes.toString("hex", 0, 4), bytes: bytes.subarray(4) };
}

/** The verifier of a raw Ed25519 key under a name. Throws NoteError for a name that no key may have. */
export function verifierFor(name: string, kind: "log" | "witness", publicKey: Buffer): Verifier {
  if (!isKeyName(name)) throw new NoteError("text", "a key's name is not empty and holds no space and no plus");
  const typed = Buffer.concat([Buffer.from([kind === "log" ? ED25519 : COSIGNATURE]), publicKey]);
  const keyId = hash("sha256", Buffer.concat([Buffer.from(`${name}\n`), typed]), "hex").slice(0, 8);
  const key = publicKeyFrom(publicKey);
  return {
    name,
    keyId,
    kind,
    publicKey: Buffer.from(publicKey),
    vkey: `${name}+${keyId}+${typed.toString("base64")}`,
    verify(text, signature) {
      const bytes = Buffer.from(signature);
      if (kind === "log") return verify(null, Buffer.from(text), key, bytes) ? 0 : undefined;
      if (bytes.length !== 8 + SIGNATURE_BYTES) return undefined;
      const at = bytes.readBigUInt64BE();
      // Beyond this no JavaScript date exists, and no honest clock either.
      if (at > BigInt(Number.MAX_SAFE_INTEGER)) return undefined;
      return verify(null, cosignedMessage(text, String(at)), key, bytes.subarray(8)) ? Number(at) : undefined;
    },
  };
}

/** https://c2sp.org/tlog-cosignature: two header lines, then the whole text of the note. */
function cosignedMessage(text: string, at: string): Buffer {
  return Buffer.from(`cosignature/v1\ntime ${at}\n${text}`);
}

function signatureLine(verifier: Verifier, signature: Uint8Array): string {
  const bytes = Buffer.concat([Buffer.from(verifier.keyId, "hex"), signature]);
  return `— ${verifier.name} ${bytes.toString("base64")}\n`;
}
