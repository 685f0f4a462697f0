import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { describe, expect, it } from "vitest";
import { type Environment, readConfig } from "../../app/config.ts";
import { tellFaults } from "../../app/fault.ts";

const RSA = pem(generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey);
const SHORT_RSA = pem(generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey);
const ED25519 = pem(generateKeyPairSync("ed25519").privateKey);
const SECRET = "f3b1c0de94a7e8d26b5f01c3a9d47e82";
const DATABASE = "postgres://app:hunter2@db.example.com/app";

const GOOD: Environment = {
  APP_ID: "123456",
  PRIVATE_KEY: RSA,
  WEBHOOK_SECRET: SECRET,
  COUNTERSIGN_URL: "https://countersign.example.com",
  COUNTERSIGN_STATE_DIR: "/srv/countersign",
};

const files: Readonly<Record<string, string>> = {
  "/keys/app.pem": RSA,
  "/keys/own.pem": ED25519,
  "/keys/text": "no key",
};
const read = (env: Environment) =>
  readConfig(env, (path) => {
    const text = files[path];
    if (text === undefined) throw new Error(`ENOENT ${path}`);
    return text;
  });

describe("the environment of the App", () => {
  it("is good with what an App needs, and keeps its state and key in a folder", () => {
    const { faults, config } = read(GOOD);
    expect(faults).toEqual([]);
    expect(config).toMatchObject({
      url: "https://countersign.example.com",
      host: "127.0.0.1",
      port: 3000,
      identity: { id: 123456, webhookSecret: SECRET },
      state: { kind: "folder", folder: "/srv/countersign/state" },
      key: { kind: "made", path: "/srv/countersign/countersign.key" },
      github: {
        api: "https://api.github.com",
        web: "https://github.com",
        issuers: ["https://token.actions.githubusercontent.com"],
      },
      logLevel: "info",
      proxies: 0,
    });
    expect(config?.identity?.privateKey).toMatch(/^-----BEGIN PRIVATE KEY-----/);
  });

  it.each([
    ["in one line", { PRIVATE_KEY: RSA.replaceAll("\n", "\\n") }],
    ["in base 64", { PRIVATE_KEY: Buffer.from(RSA).toString("base64") }],
    ["in a file", { PRIVATE_KEY: "", PRIVATE_KEY_PATH: "/keys/app.pem" }],
  ])("takes a key %s", (_how, env) => {
    const { faults, config } = read({ ...GOOD, ...env });
    expect(faults).toEqual([]);
    expect(config?.identity?.privateKey).toBe(read(GOOD).config?.identity?.privateKey);
  });

  it("asks for the App to be created where nothing says which one it is", () => {
    const { faults, config } = read({ COUNTERSIGN_STATE_DIR: "/srv/countersign" });
    expect(faults).toEqual([]);
    expect(config).toMatchObject({ identity: undefined, url: "" });
  });

  it.each([
    ["APP_ID", "is not set", { APP_ID: undefined }],
    ["APP_ID", "is not a number", { APP_ID: "Iv1.abc" }],
    ["APP_ID", "is not a number", { APP_ID: "-1" }],
    ["PRIVATE_KEY", "is not set", { PRIVATE_KEY: undefined }],
    ["PRIVATE_KEY", "is not a private key", { PRIVATE_KEY: "-----BEGIN nonsense" }],
    ["PRIVATE_KEY", "is not an RSA key", { PRIVATE_KEY: ED25519 }],
    ["PRIVATE_KEY", "is not an RSA key of 2048 bits", { PRIVATE_KEY: SHORT_RSA }],
    ["PRIVATE_KEY", "both set", { PRIVATE_KEY_PATH: "/keys/app.pem" }],
    ["PRIVATE_KEY_PATH", "cannot be read", { PRIVATE_KEY: "", PRIVATE_KEY_PATH: "/keys/none.pem" }],
    ["WEBHOOK_SECRET", "is not set", { WEBHOOK_SECRET: undefined }],
    ["WEBHOOK_SECRET", "is not set", { WEBHOOK_SECRET: "" }],
    ["WEBHOOK_SECRET", "is the default of Probot", { WEBHOOK_SECRET: "development" }],
    ["WEBHOOK_SECRET", "is shorter than 32", { WEBHOOK_SECRET: SECRET.slice(1) }],
    ["WEBHOOK_SECRET", "repeats itself", { WEBHOOK_SECRET: "a".repeat(64) }],
    ["WEBHOOK_SECRET", "repeats itself", { WEBHOOK_SECRET: "password123".repeat(4) }],
    ["WEBHOOK_SECRET", "repeats itself", { WEBHOOK_SECRET: "development".repeat(3) }],
    ["COUNTERSIGN_URL", "is not set", { COUNTERSIGN_URL: undefined }],
    ["COUNTERSIGN_URL", "is not an https URL", { COUNTERSIGN_URL: "countersign.example.com" }],
    ["COUNTERSIGN_URL", "is not an https URL", { COUNTERSIGN_URL: "http://countersign.example.com" }],
    ["COUNTERSIGN_URL", "is not an https URL", { COUNTERSIGN_URL: "https://user:pw@countersign.example.com" }],
    ["COUNTERSIGN_URL", "has a path", { COUNTERSIGN_URL: "https://countersign.example.com/app" }],
    ["PORT", "is not a number", { PORT: "http" }],
    ["PORT", "is not a number", { PORT: "70000" }],
    [
      "DATABASE_URL",
      "is not the URL of a PostgreSQL database",
      { DATABASE_URL: "mysql://db/app", COUNTERSIGN_KEY: ED25519 },
    ],
    ["COUNTERSIGN_KEY", "is not set", { DATABASE_URL: DATABASE }],
    ["COUNTERSIGN_KEY", "is not an Ed25519", { COUNTERSIGN_KEY: RSA }],
    ["COUNTERSIGN_KEY", "is not an Ed25519", { COUNTERSIGN_KEY_PATH: "/keys/text" }],
    ["COUNTERSIGN_KEY_PATH", "cannot be read", { COUNTERSIGN_KEY_PATH: "/keys/none" }],
    ["GHE_HOST", "is not a host", { GHE_HOST: "https://github.example.com" }],
    ["GITHUB_API_URL", "is not an https URL", { GITHUB_API_URL: "http://github.example.com" }],
    ["COUNTERSIGN_OIDC_ISSUERS", "is not a list of issuers", { COUNTERSIGN_OIDC_ISSUERS: "github" }],
    ["WEBHOOK_PROXY_URL", "is not an https URL", { WEBHOOK_PROXY_URL: "smee" }],
    ["LOG_LEVEL", "is not a level", { LOG_LEVEL: "loud" }],
    ["COUNTERSIGN_PROXIES", "is not a number", { COUNTERSIGN_PROXIES: "100" }],
  ])("stops the start where %s %s", (variable, what, change: Environment) => {
    const { faults, config } = read({ ...GOOD, ...change });
    expect(config).toBeUndefined();
    expect(faults.map((fault) => fault.variable)).toEqual([variable]);
    expect(faults[0]?.what).toContain(what);
    expect(faults[0]?.todo).toMatch(/^[A-Z].*\.$/);
  });

  it("tells all that is wrong at once, and nothing of a secret", () => {
    const env = { APP_ID: "x", WEBHOOK_SECRET: "tooshortsecret", PRIVATE_KEY: SHORT_RSA, DATABASE_URL: "db:hunter2" };
    const { faults } = read(env);
    expect(faults.map(({ variable }) => variable)).toEqual([
      "APP_ID",
      "PRIVATE_KEY",
      "WEBHOOK_SECRET",
      "DATABASE_URL",
      "COUNTERSIGN_KEY",
      "COUNTERSIGN_URL",
    ]);
    const told = tellFaults(faults);
    expect(told).not.toMatch(/tooshortsecret|hunter2|MII/);
  });

  it.each([
    [
      "an Enterprise Server",
      { GHE_HOST: "ghe.example.com" },
      "https://ghe.example.com/api/v3",
      "https://ghe.example.com/_services/token",
    ],
    [
      "a tenant of ghe.com",
      { GHE_HOST: "acme.ghe.com" },
      "https://api.acme.ghe.com",
      "https://token.actions.acme.ghe.com",
    ],
    [
      "a GitHub of one's own",
      { GITHUB_API_URL: "http://127.0.0.1:4000/", COUNTERSIGN_OIDC_ISSUERS: "http://127.0.0.1:4000" },
      "http://127.0.0.1:4000",
      "http://127.0.0.1:4000",
    ],
  ])("finds %s and its issuer", (_what, env: Environment, api, issuer) => {
    expect(read({ ...GOOD, ...env }).config?.github).toMatchObject({ api, issuers: [issuer] });
  });

  it("takes one key for several instances", () => {
    const { config } = read({ ...GOOD, DATABASE_URL: DATABASE, COUNTERSIGN_KEY_PATH: "/keys/own.pem" });
    expect(config).toMatchObject({ state: { kind: "postgres", url: DATABASE }, key: { kind: "given" } });
  });
});

function pem(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" }).toString();
}
