/** Reads the App's environment. Everything that is wrong with it is told at once; docs/operate.md describes each variable. */

import { createPrivateKey, type KeyObject } from "node:crypto";
import { join } from "node:path";
import type { Fault } from "./fault.ts";
import { CredentialsError, credentialsFile } from "./sessions/credentials.ts";
import { weaknessOf } from "./webhook-secret.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

export type LogLevel = (typeof LOG_LEVELS)[number];

/** Who this App is to GitHub. */
export interface AppIdentity {
  readonly id: number;
  /** RSA, as PEM in PKCS#8. */
  readonly privateKey: string;
  readonly webhookSecret: string;
}

export type StateSettings =
  | { readonly kind: "postgres"; readonly url: string }
  | { readonly kind: "folder"; readonly folder: string };

/** Where the App's own Ed25519 key is; `made` is made at first start. */
export type KeySettings =
  | { readonly kind: "given"; readonly key: KeyObject }
  | { readonly kind: "made"; readonly path: string };

export interface GithubSettings {
  /** The REST API, without a slash at its end. */
  readonly api: string;
  /** What a browser opens, without a slash at its end. */
  readonly web: string;
  /** Whose tokens of jobs are believed, word for word as `iss`. */
  readonly issuers: readonly string[];
}

export interface Config {
  /** The App's public URL without a slash at its end; empty in a first run that was given none. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** Absent when none of its variables is set: then the App is to be created first. */
  readonly identity: AppIdentity | undefined;
  /** The folder of this App on this machine. */
  readonly folder: string;
  readonly state: StateSettings;
  readonly key: KeySettings;
  readonly github: GithubSettings;
  /** The file with targets' credentials. */
  readonly credentialsFile: string | undefined;
  /** Sessions of one repository within an hour. */
  readonly sessionsPerHourMax: number;
  /** A channel that webhooks are fetched from: for development. */
  readonly webhookProxy: string | undefined;
  readonly logLevel: LogLevel;
  /** Proxies in front, each of which adds to `X-Forwarded-For`. */
  readonly proxies: number;
}

/** What the environment says. `state` is there whenever it can be tried, faults or not. */
export interface ConfigResult {
  readonly faults: readonly Fault[];
  readonly state: StateSettings | undefined;
  /** Absent where there are faults. */
  readonly config: Config | undefined;
}

/** The variables that say which App it is. Where none is set, it has not been created yet. */
const IDENTITY = ["APP_ID", "PRIVATE_KEY", "PRIVATE_KEY_PATH", "WEBHOOK_SECRET"] as const;
const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
const ISSUER = "https://token.actions.githubusercontent.com";
/** GitHub makes keys of 2,048 bits. */
const RSA_BITS_MIN = 2048;
const PROXIES_MAX = 8;

/** Reads every variable. `readFile` gives a file's text or throws. Opens nothing else. */
export function readConfig(env: Environment, readFile: (path: string) => string): ConfigResult {
  const reading = new Reading(env, readFile);
  const isUnset = IDENTITY.every((name) => reading.text(name) === undefined);
  const identity = isUnset ? undefined : readIdentity(reading);
  const folder = stateFolder(env);
  const state = readState(reading, folder);
  const key = readKey(reading, state, folder);
  const config = {
    url: readUrl(reading, isUnset),
    host: reading.text("HOST") ?? "127.0.0.1",
    port: reading.count("PORT", { unset: 3000, max: 65_535 }),
    identity,
    folder,
    github: readGithub(reading),
    credentialsFile: readCredentials(reading, env),
    sessionsPerHourMax: reading.count("COUNTERSIGN_SESSIONS_PER_HOUR", { unset: 500, max: 1_000_000 }),
    webhookProxy: reading.address("WEBHOOK_PROXY_URL", "Give the channel's URL, as https://smee.io/abc, or unset it."),
    logLevel: readLogLevel(reading),
    proxies: reading.count("COUNTERSIGN_PROXIES", { unset: 0, max: PROXIES_MAX }),
  };
  const { faults } = reading;
  return faults.length > 0 || state === undefined || key === undefined
    ? { faults, state, config: undefined }
    : { faults, state, config: { ...config, state, key } };
}

/** The folder of the App on this machine: settings, key and, without DATABASE_URL, the state. */
export function stateFolder(env: Environment): string {
  const base = filled(env["XDG_STATE_HOME"]) ?? join(filled(env["HOME"]) ?? ".", ".local", "state");
  return filled(env["COUNTERSIGN_STATE_DIR"]) ?? join(base, "countersign", "app");
}

/** Reads variables and keeps what is wrong with them. An empty variable is an unset one. */
class Reading {
  readonly faults: Fault[] = [];
  readonly #env: Environment;
  readonly readFile: (path: string) => string;

  constructor(env: Environment, readFile: (path: string) => string) {
    this.#env = env;
    this.readFile = readFile;
  }

  text(name: string): string | undefined {
    return filled(this.#env[name]);
  }

  fault(variable: string, what: string, todo: string): undefined {
    this.faults.push({ variable, what, todo });
    return undefined;
  }

  count(name: string, { unset, max }: { readonly unset: number; readonly max: number }): number {
    const text = this.text(name);
    if (text === undefined) return unset;
    const value = Number(text);
    if (/^\d{1,9}$/.test(text) && value <= max) return value;
    this.fault(name, "is not a number that can be used", `Give a whole number from 0 to ${max}, or unset it.`);
    return unset;
  }

  /** An address without a slash at its end: https, or http on this machine alone. */
  address(name: string, todo: string): string | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const url = URL.canParse(text) ? new URL(text) : undefined;
    const isSafe = url?.protocol === "https:" || (url?.protocol === "http:" && isLoopback(url.hostname));
    if (url === undefined || !isSafe || url.username !== "" || url.password !== "") {
      return this.fault(name, "is not an https URL (http is for this machine alone)", todo);
    }
    return text.replace(/\/+$/, "");
  }

  /** What a variable holds, or the file that its sister names. Both at once are one too many. */
  pem(name: string, missing: string): string | undefined {
    const value = this.text(name);
    const path = this.text(`${name}_PATH`);
    if (value !== undefined && path !== undefined) {
      return this.fault(name, `and ${name}_PATH are both set`, "Unset one of them, so that it is clear which counts.");
    }
    if (value !== undefined) return unfolded(value);
    if (path === undefined) return this.fault(name, "is not set", missing);
    try {
      return this.readFile(path);
    } catch {
      return this.fault(`${name}_PATH`, "names a file that cannot be read", `Look at ${path} and at who may read it.`);
    }
  }
}

function readIdentity(reading: Reading): AppIdentity | undefined {
  const id = Number(reading.text("APP_ID"));
  if (!Number.isSafeInteger(id) || id < 1) {
    const what = reading.text("APP_ID") === undefined ? "is not set" : "is not a number";
    reading.fault("APP_ID", what, "Copy the App ID from the App's page on GitHub (Settings, Developer settings).");
  }
  const pem = reading.pem("PRIVATE_KEY", "Give the App's private key as PEM, or its file in PRIVATE_KEY_PATH.");
  const privateKey = pem === undefined ? undefined : readAppKey(reading, pem);
  const webhookSecret = reading.text("WEBHOOK_SECRET");
  const weakness = weaknessOf(webhookSecret);
  if (weakness !== undefined) {
    const todo = "Make one with `openssl rand -hex 32`, and give GitHub the same on the App's page.";
    reading.fault("WEBHOOK_SECRET", weakness, todo);
  }
  return privateKey === undefined || webhookSecret === undefined ? undefined : { id, privateKey, webhookSecret };
}

function readAppKey(reading: Reading, pem: string): string | undefined {
  const todo = "Generate a private key on the App's page on GitHub, and give that file as it is.";
  const key = parsed(pem);
  if (key === undefined) return reading.fault("PRIVATE_KEY", "is not a private key in PEM", todo);
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (key.asymmetricKeyType !== "rsa" || bits < RSA_BITS_MIN) {
    return reading.fault("PRIVATE_KEY", `is not an RSA key of ${RSA_BITS_MIN} bits or more`, todo);
  }
  return key.export({ type: "pkcs8", format: "pem" }).toString();
}

function readState(reading: Reading, folder: string): StateSettings | undefined {
  const url = reading.text("DATABASE_URL");
  if (url === undefined) return { kind: "folder", folder: join(folder, "state") };
  if (URL.canParse(url) && /^postgres(?:ql)?:$/.test(new URL(url).protocol)) return { kind: "postgres", url };
  const todo = "Give postgres://user:password@host/database, or unset it to keep the state in a folder.";
  return reading.fault("DATABASE_URL", "is not the URL of a PostgreSQL database", todo);
}

function readKey(reading: Reading, state: StateSettings | undefined, folder: string): KeySettings | undefined {
  const isGiven = reading.text("COUNTERSIGN_KEY") !== undefined || reading.text("COUNTERSIGN_KEY_PATH") !== undefined;
  if (!isGiven && state?.kind === "folder") return { kind: "made", path: join(folder, "countersign.key") };
  const make = "openssl genpkey -algorithm ed25519 -out countersign.key";
  const pem = reading.pem(
    "COUNTERSIGN_KEY",
    `With DATABASE_URL all instances share one key: make it once with \`${make}\`, and give every instance its file in COUNTERSIGN_KEY_PATH.`,
  );
  if (pem === undefined) return undefined;
  const key = parsed(pem);
  if (key?.asymmetricKeyType === "ed25519") return { kind: "given", key };
  return reading.fault(
    "COUNTERSIGN_KEY",
    "is not an Ed25519 private key in PEM (PKCS#8)",
    `Make one with \`${make}\`.`,
  );
}

function readUrl(reading: Reading, isUnset: boolean): string {
  const todo = "Give the URL by which gateways and GitHub reach this App, as https://countersign.example.com.";
  const url = reading.address("COUNTERSIGN_URL", todo);
  if (url === undefined) {
    const isMissing = reading.text("COUNTERSIGN_URL") === undefined;
    if (isMissing && !isUnset) reading.fault("COUNTERSIGN_URL", "is not set", todo);
    return "";
  }
  if (new URL(url).origin === url.toLowerCase()) return url.toLowerCase();
  reading.fault("COUNTERSIGN_URL", "has a path", `${todo} The App answers at the root of its host.`);
  return "";
}

function readGithub(reading: Reading): GithubSettings {
  const ghe = reading.text("GHE_HOST");
  if (ghe !== undefined && !/^[a-zA-Z0-9.-]+(?::\d+)?$/.test(ghe)) {
    reading.fault("GHE_HOST", "is not a host's name", "Give the name alone, as github.example.com, or unset it.");
  }
  const known = placesOf(ghe);
  const todo = "Give the API's URL, as https://github.example.com/api/v3, or unset it.";
  const issuers = (reading.text("COUNTERSIGN_OIDC_ISSUERS") ?? known.issuer).split(",").map((each) => each.trim());
  if (!issuers.every((each) => URL.canParse(each) && !each.endsWith("/"))) {
    const what = "is not a list of issuers";
    reading.fault("COUNTERSIGN_OIDC_ISSUERS", what, "Give URLs with commas between, without a slash at their end.");
  }
  return {
    api: reading.address("GITHUB_API_URL", todo) ?? known.api,
    web: reading.address("GITHUB_SERVER_URL", "Give the URL that a browser opens, or unset it.") ?? known.web,
    issuers,
  };
}

/** Where GitHub is: github.com, a tenant of ghe.com, or an Enterprise Server. */
function placesOf(ghe: string | undefined): { readonly api: string; readonly web: string; readonly issuer: string } {
  if (ghe === undefined) return { api: "https://api.github.com", web: "https://github.com", issuer: ISSUER };
  const web = `https://${ghe}`;
  if (ghe.endsWith(".ghe.com")) return { api: `https://api.${ghe}`, web, issuer: `https://token.actions.${ghe}` };
  return { api: `${web}/api/v3`, web, issuer: `${web}/_services/token` };
}

function readCredentials(reading: Reading, env: Environment): string | undefined {
  const path = reading.text("COUNTERSIGN_CREDENTIALS_FILE");
  if (path === undefined) return undefined;
  try {
    credentialsFile(path, env);
    return path;
  } catch (error) {
    if (!(error instanceof CredentialsError)) throw error;
    const todo = "docs/operate.md shows the file: repositories, each with its targets, for its owner's eyes alone.";
    return reading.fault("COUNTERSIGN_CREDENTIALS_FILE", `names a file that cannot be used (${error.message})`, todo);
  }
}

function readLogLevel(reading: Reading): LogLevel {
  const text = reading.text("LOG_LEVEL") ?? "info";
  const level = LOG_LEVELS.find((each) => each === text);
  if (level === undefined) reading.fault("LOG_LEVEL", "is not a level", `Give one of ${LOG_LEVELS.join(", ")}.`);
  return level ?? "info";
}

function parsed(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    return undefined;
  }
}

// A variable often cannot hold line ends: they come as \n, or the whole PEM in base 64.
function unfolded(value: string): string {
  const text = value.includes("-----BEGIN") ? value : Buffer.from(value, "base64").toString("latin1");
  return text.replaceAll("\\n", "\n");
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(host);
}

function filled(value: string | undefined): string | undefined {
  return value === undefined || value.trim() === "" ? undefined : value.trim();
}
