import { execFileSync } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkServerIdentity, connect, createServer, type PeerCertificate, type TLSSocket } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { endPointHash, makeSessionCertificate, type SessionCertificate } from "../../src/gateway/certificate.ts";

const NAMES = ["localhost", "127.0.0.1", "::1"];
const NOW = new Date();
let made: SessionCertificate;

beforeAll(() => {
  made = makeSessionCertificate(NAMES, NOW);
});

describe("a session's certificate", () => {
  it("names what it was made for, is signed by its own authority, and ends after a day", () => {
    const certificate = new X509Certificate(made.certPem);
    const authority = new X509Certificate(made.caPem);
    expect(certificate.subjectAltName).toBe("DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1");
    expect(certificate.verify(authority.publicKey)).toBe(true);
    expect([certificate.ca, authority.ca]).toEqual([false, true]);
    const hours = (Date.parse(certificate.validTo) - NOW.getTime()) / 3_600_000;
    expect(hours).toBeGreaterThan(23.9);
    expect(hours).toBeLessThanOrEqual(24);
    expect(certificate.keyUsage).toEqual(["1.3.6.1.5.5.7.3.1"]);
  });

  it("is made anew each time, keys and all, quickly", () => {
    const started = performance.now();
    const other = makeSessionCertificate(NAMES, NOW);
    // 2 ms when nothing else runs.
    expect(performance.now() - started).toBeLessThan(500);
    expect(other.keyPem).not.toBe(made.keyPem);
    expect(other.caPem).not.toBe(made.caPem);
  });

  it("serves TLS to clients that trust its authority, under each name", async () => {
    const server = createServer({ cert: made.certPem, key: made.keyPem }, (socket) => socket.end());
    await new Promise<void>((resolve) => {
      server.listen(0, "127.0.0.1", resolve);
    });
    const address = server.address();
    const port = typeof address === "object" ? (address?.port ?? 0) : 0;
    for (const name of NAMES) {
      const socket = await new Promise<TLSSocket>((resolve, reject) => {
        const identity = (_: string, certificate: PeerCertificate) => checkServerIdentity(name, certificate);
        const how = { host: "127.0.0.1", port, ca: made.caPem, checkServerIdentity: identity };
        const client = connect(how, () => resolve(client));
        client.once("error", reject);
      });
      expect(socket.authorized).toBe(true);
      expect(Buffer.from(endPointHash(socket.getPeerX509Certificate()?.raw ?? Buffer.of()))).toEqual(
        Buffer.from(made.hash),
      );
      socket.destroy();
    }
    server.close();
  });

  it("satisfies OpenSSL's own strict check", () => {
    const folder = mkdtempSync(join(tmpdir(), "cs-cert-"));
    try {
      const [ca, cert] = [join(folder, "ca"), join(folder, "cert")];
      writeFileSync(ca, made.caPem);
      writeFileSync(cert, made.certPem);
      const check = ["verify", "-x509_strict", "-purpose", "sslserver", "-verify_ip", "::1", "-CAfile", ca, cert];
      expect(execFileSync("openssl", check, { encoding: "utf8" })).toContain("OK");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("endPointHash", () => {
  const folder = mkdtempSync(join(tmpdir(), "cs-cert-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  // RFC 5929 section 4.1; an Ed25519 signature has no hash of its own.
  it.each([
    ["rsa:2048", "sha1", "sha256"],
    ["rsa:2048", "sha256", "sha256"],
    ["rsa:2048", "sha512", "sha512"],
    ["rsa:2048 -sigopt rsa_padding_mode:pss", "sha384", "sha384"],
    ["rsa:2048 -sigopt rsa_padding_mode:pss", "sha1", "sha256"],
    ["ec", "sha384", "sha384"],
    ["ed25519", "", ""],
  ])("of a certificate for %s signed with %s is made with %j", (key, digest, expected) => {
    const [cert, out] = [join(folder, "cert.pem"), join(folder, "key.pem")];
    const curve = key === "ec" ? ["-pkeyopt", "ec_paramgen_curve:P-384"] : [];
    const how = digest === "" ? [] : [`-${digest}`];
    execFileSync(
      "openssl",
      [
        "req",
        "-x509",
        "-newkey",
        ...key.split(" "),
        ...curve,
        ...how,
        "-nodes",
        "-subj",
        "/CN=x",
        "-keyout",
        out,
        "-out",
        cert,
      ],
      { stdio: "ignore" },
    );
    const der = new X509Certificate(readFileSync(cert)).raw;
    const hash = Buffer.from(endPointHash(der)).toString("hex");
    expect(hash).toBe(expected === "" ? "" : createHash(expected).update(der).digest("hex"));
  });
});
