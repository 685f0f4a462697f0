import { createHash, generateKeyPairSync, hash, type KeyObject, randomBytes, sign } from "node:crypto";
import { isIPv4, isIPv6 } from "node:net";
import { bitString, encode, integer, objectId, octetString, sequence, TRUE, take, utcTime, utf8String } from "./der.ts";

// Makes the certificate that a session shows its clients, and hashes certificates for channel binding.
// The authority's key is dropped as soon as it has signed: nobody can make a second certificate that the job would trust.
//
// Written out by hand, because every job waits for it: a library for all of X.509 takes longer to load than the rest of us.

/** No job of GitHub's runs longer than this on a hosted runner; a session's certificate is worth nothing the day after. */
const VALID_MS = 24 * 60 * 60 * 1000;
/** Clients whose clock is behind ours. */
const SKEW_MS = 5 * 60 * 1000;

/** RFC 5280 section 4.1.2.2: at most 20 bytes, and positive. */
const SERIAL_BYTES = 16;

/** An uncompressed point of P-256, which ends a SubjectPublicKeyInfo. */
const POINT_BYTES = 65;

const ECDSA_SHA256 = sequence(objectId("1.2.840.10045.4.3.2"));
const COMMON_NAME = objectId("2.5.4.3");
const SERVER_AUTH = objectId("1.3.6.1.5.5.7.3.1");

/** BIT STRINGs of RFC 5280 section 4.2.1.3: bit 5, and bit 0. */
const CERTIFICATE_SIGN = bitString(Buffer.from([0x04]), 2);
const DIGITAL_SIGNATURE = bitString(Buffer.from([0x80]), 7);

export interface SessionCertificate {
  /** For the job: what to trust, for this session alone. */
  readonly caPem: string;
  readonly certPem: string;
  readonly keyPem: string;
  /** RFC 5929 tls-server-end-point of the certificate. */
  readonly hash: Uint8Array;
}

/** A certificate for these DNS names and IP addresses, from an authority made for it. Valid for 24 hours. */
export function makeSessionCertificate(names: readonly string[], now: Date): SessionCertificate {
  const authorityKeys = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const keys = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const issuer = { name: "Countersign session authority", privateKey: authorityKeys.privateKey };
  const authority = certificate(
    { ...issuer, publicKey: authorityKeys.publicKey, now },
    issuer,
    // A certificate authority whose certificates are none themselves.
    extension("2.5.29.19", sequence(TRUE, integer(Buffer.alloc(1))), "critical"),
    extension("2.5.29.15", CERTIFICATE_SIGN, "critical"),
    extension("2.5.29.14", octetString(keyIdentifier(authorityKeys.publicKey))),
  );
  const own = certificate(
    { name: "Countersign gateway", publicKey: keys.publicKey, now },
    issuer,
    extension("2.5.29.19", sequence(), "critical"),
    extension("2.5.29.15", DIGITAL_SIGNATURE, "critical"),
    extension("2.5.29.37", sequence(SERVER_AUTH)),
    extension("2.5.29.17", sequence(...names.map(generalName))),
    extension("2.5.29.14", octetString(keyIdentifier(keys.publicKey))),
    extension("2.5.29.35", sequence(encode(0x80, keyIdentifier(authorityKeys.publicKey)))),
  );
  return {
    caPem: pem(authority),
    certPem: pem(own),
    keyPem: keys.privateKey.export({ format: "pem", type: "pkcs8" }).toString(),
    hash: endPointHash(own),
  };
}

/** RFC 5280 section 4.1, signed with ECDSA over SHA-256. */
function certificate(
  subject: { readonly name: string; readonly publicKey: KeyObject; readonly now: Date },
  issuer: { readonly name: string; readonly privateKey: KeyObject },
  ...extensions: readonly Uint8Array[]
): Buffer {
  const serial = randomBytes(SERIAL_BYTES);
  // The top bit off and the next one on: positive, and of one length.
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  const at = subject.now.getTime();
  const signed = sequence(
    encode(0xa0, integer(Buffer.from([2]))), // version 3
    integer(serial),
    ECDSA_SHA256,
    nameOf(issuer.name),
    sequence(utcTime(new Date(at - SKEW_MS)), utcTime(new Date(at + VALID_MS))),
    nameOf(subject.name),
    subject.publicKey.export({ format: "der", type: "spki" }),
    encode(0xa3, sequence(...extensions)),
  );
  return sequence(signed, ECDSA_SHA256, bitString(sign("sha256", signed, issuer.privateKey)));
}

function extension(id: string, value: Uint8Array, critical?: "critical"): Buffer {
  return sequence(objectId(id), ...(critical === undefined ? [] : [TRUE]), octetString(value));
}

function nameOf(commonName: string): Buffer {
  return sequence(encode(0x31, sequence(COMMON_NAME, utf8String(commonName))));
}

/** RFC 5280 section 4.2.1.2, method 1: SHA-1 of the key's bits, a name for the key and no more. */
function keyIdentifier(publicKey: KeyObject): Buffer {
  return hash("sha1", publicKey.export({ format: "der", type: "spki" }).subarray(-POINT_BYTES), "buffer");
}

/** RFC 5280 section 4.2.1.6. */
function generalName(name: string): Buffer {
  if (isIPv4(name)) return encode(0x87, Buffer.from(name.split(".").map(Number)));
  return isIPv6(name) ? encode(0x87, ipv6Bytes(name)) : encode(0x82, Buffer.from(name, "latin1"));
}

function ipv6Bytes(address: string): Buffer {
  const [before = "", after = ""] = address.split("::");
  const groups = (text: string): string[] => (text === "" ? [] : text.split(":"));
  const zeros = Array.from({ length: 8 - groups(before).length - groups(after).length }, () => "0");
  const all = [...groups(before), ...zeros, ...groups(after)];
  return Buffer.from(all.map((group) => group.padStart(4, "0")).join(""), "hex");
}

function pem(der: Buffer): string {
  const lines = der.toString("base64").replaceAll(/.{64}/g, "$&\n").trimEnd();
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}

/** Signature algorithms by their object identifier in DER, as hex, and the hash of each. RFC 4055, 5758, 8017, 3279. */
const HASHES: ReadonlyMap<string, string> = new Map(
  [
    ["1.2.840.113549.1.1.4", "md5"],
    ["1.2.840.113549.1.1.5", "sha1"],
    ["1.2.840.113549.1.1.14", "sha224"],
    ["1.2.840.113549.1.1.11", "sha256"],
    ["1.2.840.113549.1.1.12", "sha384"],
    ["1.2.840.113549.1.1.13", "sha512"],
    ["1.2.840.10045.4.1", "sha1"],
    ["1.2.840.10045.4.3.1", "sha224"],
    ["1.2.840.10045.4.3.2", "sha256"],
    ["1.2.840.10045.4.3.3", "sha384"],
    ["1.2.840.10045.4.3.4", "sha512"],
    ["1.2.840.10040.4.3", "sha1"],
    ["2.16.840.1.101.3.4.3.2", "sha256"],
    // Hashes by themselves, as the parameters of RSASSA-PSS name them.
    ["1.3.14.3.2.26", "sha1"],
    ["2.16.840.1.101.3.4.2.4", "sha224"],
    ["2.16.840.1.101.3.4.2.1", "sha256"],
    ["2.16.840.1.101.3.4.2.2", "sha384"],
    ["2.16.840.1.101.3.4.2.3", "sha512"],
  ].map(([id = "", name = ""]) => [objectId(id).toString("hex"), name]),
);

const RSASSA_PSS = objectId("1.2.840.113549.1.1.10").toString("hex");

/**
 * RFC 5929 section 4.1: a certificate (DER) by the hash of its own signature, SHA-256 in place of MD5 and SHA-1.
 * Empty where that signature has no hash that we know (Ed25519), for which the RFC defines no binding. Throws RangeError
 * for what is no certificate.
 */
export function endPointHash(der: Uint8Array): Uint8Array {
  // Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signature }
  const { content } = take(Buffer.from(der.buffer, der.byteOffset, der.byteLength));
  const name = hashOf(take(take(content).rest).content);
  if (name === undefined) return new Uint8Array(0);
  return createHash(name === "md5" || name === "sha1" ? "sha256" : name)
    .update(der)
    .digest();
}

/** AlgorithmIdentifier ::= SEQUENCE { algorithm OBJECT IDENTIFIER, parameters ANY OPTIONAL } */
function hashOf(algorithm: Buffer): string | undefined {
  const { id, rest } = identified(algorithm);
  if (id !== RSASSA_PSS) return HASHES.get(id);
  // RSASSA-PSS-params ::= SEQUENCE { hashAlgorithm [0] AlgorithmIdentifier DEFAULT sha1, ... }, RFC 4055 section 3.1.
  const { content } = take(rest);
  if (content[0] !== 0xa0) return "sha1";
  return HASHES.get(identified(take(take(content).content).content).id);
}

/** The object identifier that an AlgorithmIdentifier's content begins with, in DER as hex, and its parameters. */
function identified(algorithm: Buffer): { readonly id: string; readonly rest: Buffer } {
  const { rest } = take(algorithm);
  return { id: algorithm.toString("hex", 0, algorithm.length - rest.length), rest };
}
