import { generateKeyPairSync, randomBytes } from "node:crypto";
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { openKey } from "../../app/key.ts";
import { runApp } from "../../app/main.ts";
import { beOnlyInstance } from "../../app/state/only-instance.ts";
import { type LivePostgres, startPostgres } from "../live/server.ts";
import { startTown, type Town } from "../standin/town.ts";

const BLUEPRINT = readFileSync("app.yml", "utf8");
const PASSWORD = "pw-of-the-database";

describe("countersign app", () => {
  let folder: string;
  let town: Town;
  let server: LivePostgres;
  let databases = 0;
  beforeAll(async () => {
    server = await startPostgres();
    town = await startTown();
  });
  afterAll(async () => {
    await server.close();
    await town.close();
  });
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "countersign-app-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  type Variables = Readonly<Record<string, string | undefined>>;

  /** With its state in a folder. */
  const good = (): Variables => ({
    APP_ID: String(town.app.id),
    PRIVATE_KEY: town.privateKey,
    WEBHOOK_SECRET: "f3b1c0de94a7e8d26b5f01c3a9d47e82",
    COUNTERSIGN_URL: "https://countersign.example.com",
    COUNTERSIGN_STATE_DIR: folder,
    GITHUB_API_URL: town.standin.origin,
    PORT: "0",
  });

  /** With its state in a database of its own, which is there in a moment. */
  async function onServer(): Promise<Variables> {
    databases += 1;
    const client = new pg.Client(server.url);
    await client.connect();
    await client.query(`CREATE DATABASE start${databases}`);
    await client.end();
    const url = server.url.replace(/\/[^/]*$/, `/start${databases}`);
    return { ...good(), DATABASE_URL: url, COUNTERSIGN_KEY: freshKey() };
  }

  /** Runs until it listens, then stops it, unless it is to `stay`; gives what it told and logged. */
  async function run(env: Variables, args: readonly string[] = [], stay?: AbortSignal) {
    const told: string[] = [];
    const logged: string[] = [];
    const stop = new AbortController();
    stay?.addEventListener("abort", () => stop.abort());
    const code = await runApp(args, {
      env,
      parts: [],
      out: (line) => void told.push(line),
      err: (line) => void told.push(line),
      readFile: (path) => readFileSync(path, "utf8"),
      blueprint: BLUEPRINT,
      clock: Date.now,
      random: randomBytes,
      version: "0.0.0-test",
      logTo: {
        write(line) {
          logged.push(line);
          if (line.includes("the App runs") && stay === undefined) stop.abort();
        },
      },
      stop: stop.signal,
    });
    return { code, told: told.join("\n"), logged: logged.join("") };
  }

  it("starts with a folder, makes its key there, and keeps it", { timeout: 120_000 }, async () => {
    const { code, told, logged } = await run(good());
    expect([code, told]).toEqual([0, ""]);
    expect(logged).toMatch(/the App runs[\s\S]*the App has stopped/);
    expect(statSync(join(folder, "countersign.key")).mode & 0o777).toBe(0o600);
    // As left by an instance that was killed.
    writeFileSync(join(folder, "app.sock"), "");
    const second = await run(good());
    expect([second.code, second.told]).toEqual([0, ""]);
    expect(vkeyIn(second.logged)).toBe(vkeyIn(logged));
  });

  it("does not share a folder with another instance", async () => {
    const other = await beOnlyInstance(folder);
    const { code, told } = await run(good());
    expect([code, told]).toEqual([1, expect.stringContaining("another instance uses")]);
    await other.release();
  });

  it("tells everything at once that keeps it from starting, a database that is away with the rest", async () => {
    const { code, told } = await run({
      ...good(),
      WEBHOOK_SECRET: "development",
      PRIVATE_KEY: "none",
      DATABASE_URL: `postgres://app:${PASSWORD}@127.0.0.1:1/app`,
    });
    expect(code).toBe(1);
    const variables = [...told.matchAll(/^ {2}([A-Z_]+) /gm)].map(([, name]) => name);
    expect(variables).toEqual(["PRIVATE_KEY", "WEBHOOK_SECRET", "COUNTERSIGN_KEY", "DATABASE_URL"]);
    expect(told).toContain("ECONNREFUSED");
    expect(told).not.toContain(PASSWORD);
  });

  it("says so when somebody else listens on its port", async () => {
    const { port } = new URL(town.standin.origin);
    const { code, told } = await run({ ...(await onServer()), PORT: port });
    expect([code, told]).toEqual([1, expect.stringMatching(/PORT \d+ on 127\.0\.0\.1 cannot be listened on/)]);
  });

  it("refuses a key that others can read, and one that is none", () => {
    const path = join(folder, "countersign.key");
    const made = openKey({ kind: "made", path }, "a");
    expect(made).toHaveProperty("asymmetricKeyType", "ed25519");
    chmodSync(path, 0o644);
    expect(openKey({ kind: "made", path }, "b")).toMatchObject({ what: `holds ${path}, which can be read by others` });
    writeFileSync(path, "no key");
    chmodSync(path, 0o600);
    const what = `holds ${path}, which is not an Ed25519 key in PEM`;
    expect(openKey({ kind: "made", path }, "c")).toMatchObject({ what });
  });

  it("refuses another key than its state was made with, until the operator names it", async () => {
    const env = await onServer();
    expect((await run(env)).code).toBe(0);
    const next = { ...env, COUNTERSIGN_KEY: freshKey() };
    const refused = await run(next);
    expect(refused.code).toBe(1);
    const [, id = ""] = /--accept-key ([0-9a-f]{8})/.exec(refused.told) ?? [];
    expect(refused.told).toContain(`COUNTERSIGN_KEY is another key (${id})`);
    expect((await run(next, ["--accept-key", "00000000"])).code).toBe(1);
    expect((await run(next, ["--accept-key", id])).code).toBe(0);
    expect((await run(next)).code).toBe(0);
    expect((await run(env)).code).toBe(1);
  });

  it("refuses another host than its state's countersigner is named after", async () => {
    const env = await onServer();
    await run(env);
    const { code, told } = await run({ ...env, COUNTERSIGN_URL: "https://other.example.com" });
    expect([code, told]).toEqual([
      1,
      expect.stringContaining("COUNTERSIGN_URL names another host (other.example.com)"),
    ]);
  });

  it("runs two instances of one key on one database", async () => {
    const env = await onServer();
    const stop = new AbortController();
    const first = run(env, [], stop.signal);
    expect((await run(env)).code).toBe(0);
    stop.abort();
    expect((await first).code).toBe(0);
  });

  it("refuses settings of the first run that others can read", async () => {
    writeFileSync(join(folder, "app.env"), 'APP_ID="1"\n', { mode: 0o644 });
    const { code, told } = await run(await onServer());
    expect([code, told]).toEqual([1, expect.stringContaining("app.env, which can be read by others")]);
  });

  it("takes the settings of the first run, and what the operator says before them", async () => {
    const { APP_ID: _id, WEBHOOK_SECRET: _secret, ...env } = await onServer();
    const text = `APP_ID="${town.app.id}"\nWEBHOOK_SECRET="f3b1c0de94a7e8d26b5f01c3a9d47e82"\nCOUNTERSIGN_URL="http://x"\n`;
    writeFileSync(join(folder, "app.env"), text, { mode: 0o600 });
    expect(await run(env)).toMatchObject({ code: 0, told: "" });
  });

  it.each([
    [["--help"], 0, "usage: countersign app"],
    [["--fast"], 2, "--fast"],
    [["serve"], 2, "usage: countersign app"],
  ])("with %j ends with %i", async (args, code, words) => {
    const ran = await run(good(), args);
    expect([ran.code, ran.told]).toEqual([code, expect.stringContaining(words)]);
  });
});

function freshKey(): string {
  return generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

function vkeyIn(logged: string): string {
  return /"vkey":"([^"]+)"/.exec(logged)?.[1] ?? "";
}
