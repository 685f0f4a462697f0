// oxlint-disable-next-line import/no-unassigned-import -- it completes Reflect, which @peculiar/x509 needs when it loads
import "reflect-metadata";
import { createHash, webcrypto } from "node:crypto";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";

// Makes the certificate that a session shows its clients, and hashes certificates for channel binding.
// The authority's key is dropped as soon as it has signed: nobody can make a second certificate that the job would trust.

/** No job of GitHub's runs longer than this on a hosted runner; a session's certificate is worth nothing the day after. */
const VALID_MS = 24 * 60 * 60 * 1000;
/** Clients whose clock is behind ours. */
const SKEW_MS = 5 * 60 * 1000;

const P256 = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

export interface SessionCertificate {
  /** For the job: what to trust, for this session alone. */
  readonly caPem: string;
  readonly certPem: string;
  readonly keyPem: string;
  /** RFC 5929 tls-server-end-point of the certificate. */
  readonly hash: Uint8Array;
}

/** A certificate for these DNS names and IP addresses, from an authority made for it. Valid for 24 hours. */
export async function makeSessionCertificate(names: readonly string[], now: Date): Promise<SessionCertificate> {
  const authorityKeys = await makeKeys();
  const keys = await makeKeys();
  const dates = { notBefore: new Date(now.getTime() - SKEW_MS), notAfter: new Date(now.getTime() + VALID_MS) };
  const authority = await X509CertificateGenerator.createSelfSigned({
    name: "CN=Countersign session authority",
    keys: authorityKeys,
    signingAlgorithm: P256,
    ...dates,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true),
      await SubjectKeyIdentifierExtension.create(authorityKeys.publicKey),
    ],
  });
  const certificate = await X509CertificateGenerator.create({
    subject: "CN=Countersign gateway",
    issuer: authority.subject,
    publicKey: keys.publicKey,
    signingKey: authorityKeys.privateKey,
    signingAlgorithm: P256,
    ...dates,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension(
        names.map((value) => ({ type: isAddress(value) ? ("ip" as const) : ("dns" as const), value })),
      ),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      await AuthorityKeyIdentifierExtension.create(authorityKeys.publicKey),
    ],
  });
  const key = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey)).toString("base64");
  return {
    caPem: `${authority.toString("pem")}\n`,
    certPem: `${certificate.toString("pem")}\n`,
    keyPem: `-----BEGIN PRIVATE KEY-----\n${key.replace(/.{64}/g, "$&\n").trim()}\n-----END PRIVATE KEY-----\n`,
    hash: endPointHash(Buffer.from(certificate.rawData)),
  };
}

/**
 * RFC 5929 section 4.1: a certificate (DER) by the hash of its own signature, SHA-256 in place of MD5 and SHA-1.
 * Empty where that signature has no hash (Ed25519), for which the RFC defines no binding.
 */
export function endPointHash(der: Uint8Array): Uint8Array {
  const { hash } = hashOf(new X509Certificate(Buffer.from(der)).signatureAlgorithm);
  if (hash === undefined) return new Uint8Array(0);
  const name = ["MD5", "SHA-1"].includes(hash) ? "SHA-256" : hash;
  return createHash(name.replace("-", "")).update(der).digest();
}

function hashOf(algorithm: object): { hash: string | undefined } {
  const hash = "hash" in algorithm ? algorithm.hash : undefined;
  if (typeof hash === "string") return { hash };
  if (typeof hash === "object" && hash !== null && "name" in hash && typeof hash.name === "string") {
    return { hash: hash.name };
  }
  return { hash: undefined };
}

async function makeKeys(): Promise<webcrypto.CryptoKeyPair> {
  return await webcrypto.subtle.generateKey(P256, true, ["sign", "verify"]);
}

function isAddress(name: string): boolean {
  return /^[0-9.]+$/.test(name) || name.includes(":");
}
