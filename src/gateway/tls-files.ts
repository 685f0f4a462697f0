import { readFile } from "node:fs/promises";
import { getCACertificates } from "node:tls";
import type { Tls } from "../protocols/postgres/index.ts";
import { TlsFileError } from "./dial-error.ts";

// Reads the certificates that a target's URL names. Keeps none of them.

export interface TlsFiles {
  /** PEM texts; undefined for the authorities that Node.js comes with. */
  readonly authorities: readonly string[] | undefined;
  readonly own: { readonly certificate: string; readonly key: string } | undefined;
}

/** Throws TlsFileError where a file cannot be read or holds no PEM of its kind. */
export async function readTlsFiles(tls: Tls): Promise<TlsFiles> {
  if (tls.mode === "disable") return { authorities: undefined, own: undefined };
  return {
    authorities: await readAuthorities(tls.rootCertificate),
    own:
      tls.own === undefined
        ? undefined
        : {
            certificate: await readPem("sslcert", tls.own.certificate, "CERTIFICATE"),
            key: await readPem("sslkey", tls.own.key, "PRIVATE KEY"),
          },
  };
}

async function readAuthorities(path: string | undefined): Promise<readonly string[] | undefined> {
  if (path === undefined) return undefined;
  if (path !== "system") return [await readPem("sslrootcert", path, "CERTIFICATE")];
  const found = getCACertificates("system");
  if (found.length > 0) return found;
  throw new TlsFileError("sslrootcert=system, but this system has no certificate store; install ca-certificates");
}

async function readPem(parameter: string, path: string, kind: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unreadable";
    throw new TlsFileError(`${parameter} cannot be read (${code}); check its path in the target's URL`, { cause });
  }
  if (!text.includes(`${kind}-----`))
    throw new TlsFileError(`${parameter} is no PEM file with a ${kind.toLowerCase()}`);
  if (text.includes("ENCRYPTED")) throw new TlsFileError(`${parameter} needs a passphrase, which is not supported`);
  return text;
}
