import { generateKeyPairSync, randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { parse } from "parse5";
import pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { runApp } from "../../../app/main.ts";
import { type LivePostgres, startPostgres } from "../../live/server.ts";
import { startTown, type Town } from "../../standin/town.ts";

const KEY = generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString();
const BLUEPRINT = readFileSync("app.yml", "utf8");

interface First {
  /** The link that the terminal shows. */
  readonly link: URL;
  readonly told: readonly string[];
  readonly logged: readonly string[];
  readonly ended: Promise<number>;
  readonly env: Readonly<Record<string, string>>;
  stop(): void;
}

describe("the first run", () => {
  let town: Town;
  let folder: string;
  let first: First;
  let server: LivePostgres;
  let databases = 0;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(async () => {
    await server.close();
  });
  beforeEach(async () => {
    town = await startTown();
    folder = mkdtempSync(join(tmpdir(), "countersign-set-up-"));
    first = await begin();
  });
  afterEach(async () => {
    first.stop();
    await first.ended;
    rmSync(folder, { recursive: true, force: true });
    await town.close();
  });

  async function begin(): Promise<First> {
    databases += 1;
    return await start({ DATABASE_URL: await databaseOf(databases) });
  }

  async function databaseOf(number: number): Promise<string> {
    const client = new pg.Client(server.url);
    await client.connect();
    await client.query(`CREATE DATABASE set_up${number}`);
    await client.end();
    return server.url.replace(/\/[^/]*$/, `/set_up${number}`);
  }

  async function start(env: Readonly<Record<string, string>>): Promise<First> {
    const told: string[] = [];
    const logged: string[] = [];
    const stop = new AbortController();
    const ended = runApp([], {
      env: {
        COUNTERSIGN_STATE_DIR: folder,
        COUNTERSIGN_KEY: KEY,
        GITHUB_API_URL: town.standin.origin,
        GITHUB_SERVER_URL: town.standin.origin,
        PORT: "0",
        ...env,
      },
      parts: [],
      out: (line) => void told.push(line),
      err: (line) => void told.push(line),
      readFile: (path) => readFileSync(path, "utf8"),
      blueprint: BLUEPRINT,
      clock: Date.now,
      random: randomBytes,
      version: "0.0.0-test",
      logTo: { write: (line) => void logged.push(line) },
      stop: stop.signal,
    });
    await expect
      .poll(() => told.join("\n") + logged.join(""), { timeout: 30_000 })
      .toMatch(/\/set-up\?token=|the App runs/);
    const link = new URL(/http:\S+/.exec(told.join("\n"))?.[0] ?? "http://localhost");
    return { link, told, logged, ended, stop: () => stop.abort(), env };
  }

  const submit = async (fields: Readonly<Record<string, string>>, headers: Readonly<Record<string, string>> = {}) =>
    await fetch(first.link, { method: "POST", body: new URLSearchParams(fields), headers, redirect: "manual" });
  const CHOICE = { name: "Countersign of Acme", organization: "acme", url: "https://countersign.example.com" };

  /** What GitHub does when a person agrees there: creates the App of the manifest, and sends the browser back. */
  function agree(manifest: Manifest): string {
    return town.standin.registerManifest({
      slug: "countersign-of-acme",
      owner: town.acme,
      permissions: manifest.default_permissions,
      events: manifest.default_events,
      hookUrl: manifest.hook_attributes.url,
    });
  }

  it("creates the App in a browser, keeps it for its owner alone, and goes on as the App", async () => {
    const page = await fetch(first.link);
    expect(page.status).toBe(200);
    expect(await page.text()).toContain("Create the GitHub App");
    const { action, manifest } = formIn(await (await submit(CHOICE)).text());
    expect(action.origin + action.pathname).toBe(`${town.standin.origin}/organizations/acme/settings/apps/new`);
    expect(manifest).toMatchObject({
      name: CHOICE.name,
      public: false,
      hook_attributes: { url: "https://countersign.example.com/api/github/webhooks", active: true },
      redirect_url: `${first.link.origin}/set-up/created`,
      default_permissions: { checks: "write", members: "read", metadata: "read" },
      default_events: expect.arrayContaining(["check_run", "issue_comment", "pull_request_review"]) as unknown,
    });
    const back = new URL(manifest.redirect_url);
    back.searchParams.set("code", agree(manifest));
    back.searchParams.set("state", action.searchParams.get("state") ?? "");
    const done = await fetch(back);
    const html = await done.text();
    expect([done.status, html]).toEqual([200, expect.stringContaining("/apps/countersign-of-acme/installations/new")]);

    const path = join(folder, "app.env");
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const kept = parseEnv(readFileSync(path, "utf8"));
    expect(Object.keys(kept).toSorted()).toEqual(["APP_ID", "COUNTERSIGN_URL", "PRIVATE_KEY", "WEBHOOK_SECRET"]);
    await expect.poll(() => first.logged.join(""), { timeout: 10_000 }).toContain("the App runs");
    const key = (await (await fetch(`${first.link.origin}/v1/key`)).json()) as { vkey: string };
    expect(key.vkey).toMatch(/^countersign\.example\.com\+/);
    expect((await fetch(`${first.link.origin}/readyz`)).status).toBe(200);
    expect((await fetch(back)).status).toBe(404);
    const conversions = town.standin.seen.filter(({ operation }) => operation.includes("app-manifests"));
    expect(conversions).toHaveLength(1);
    const everything = [...first.told, ...first.logged].join("\n");
    expect(everything).not.toContain(String(kept["WEBHOOK_SECRET"]));
    expect(everything).not.toContain(back.searchParams.get("code"));
    expect(everything).not.toContain("BEGIN RSA");

    // The next start needs nothing more.
    first.stop();
    expect(await first.ended).toBe(0);
    first = await start(first.env);
    expect(first.logged.join("")).toContain("the App runs");
  });

  it("exchanges no code that comes back with another state, and each state once", async () => {
    const { action, manifest } = formIn(await (await submit(CHOICE)).text());
    const state = action.searchParams.get("state") ?? "";
    const come = async (query: Readonly<Record<string, string>>) =>
      (await fetch(`${manifest.redirect_url}?${new URLSearchParams(query).toString()}`)).status;
    const code = agree(manifest);
    expect(await come({ code })).toBe(403);
    expect(await come({ code, state: `${state}x` })).toBe(403);
    expect(town.standin.seen.some(({ operation }) => operation.includes("app-manifests"))).toBe(false);
    expect(await come({ code: "0".repeat(40), state })).toBe(502);
    expect(await come({ code, state })).toBe(403);
    expect(existsSync(join(folder, "app.env"))).toBe(false);
  });

  it("begins again after GitHub failed", async () => {
    town.standin.faults.next({ kind: "bad-gateway" });
    const failed = formIn(await (await submit(CHOICE)).text());
    const code = agree(failed.manifest);
    const back = (form: Form) =>
      `${form.manifest.redirect_url}?code=${code}&state=${form.action.searchParams.get("state") ?? ""}`;
    expect((await fetch(back(failed))).status).toBe(502);
    const again = formIn(await (await submit(CHOICE)).text());
    expect((await fetch(back(again))).status).toBe(200);
  });

  it("shows nothing to whoever has not the link", async () => {
    const { origin } = first.link;
    for (const path of ["/set-up", "/set-up?token=guess"]) {
      expect((await fetch(`${origin}${path}`)).status).toBe(403);
      expect((await fetch(`${origin}${path}`, { method: "POST", body: "name=a" })).status).toBe(403);
    }
    expect((await fetch(`${origin}/v1/key`)).status).toBe(404);
    expect((await submit(CHOICE, { origin: "https://evil.example" })).status).toBe(403);
  });

  it.each([
    ["name", { ...CHOICE, name: "" }],
    ["name", { ...CHOICE, name: "x".repeat(35) }],
    ["organization", { ...CHOICE, organization: "../admin" }],
    ["url", { ...CHOICE, url: "http://countersign.example.com" }],
    ["url", { ...CHOICE, url: "https://countersign.example.com/path" }],
    ["url", { ...CHOICE, url: "javascript:alert(1)" }],
  ])("says beside %s what is wrong with it: %j", async (name, choice) => {
    const answered = await submit(choice);
    const html = await answered.text();
    expect(answered.status).toBe(422);
    expect(html).toContain(`id="${name}-wrong"`);
    expect(html.match(/class="wrong"/g)).toHaveLength(1);
  });

  it("shows what was typed as text, and lets no script run", async () => {
    const hostile = `"><script>alert(1)</script>`;
    const answered = await submit({ ...CHOICE, name: hostile, url: "none" });
    expect(answered.headers.get("content-security-policy")).toContain("default-src 'none'");
    const html = await answered.text();
    expect(html).not.toContain("<script");
    expect(inputsIn(html)["name"]).toBe(hostile);
  });

  it("asks a user's own account for no organisation's permission", async () => {
    const { action, manifest } = formIn(await (await submit({ ...CHOICE, organization: "" })).text());
    expect(action.pathname).toBe("/settings/apps/new");
    expect(manifest.default_permissions).not.toHaveProperty("members");
  });
});

interface Manifest {
  readonly redirect_url: string;
  readonly hook_attributes: { readonly url: string };
  readonly default_permissions: Readonly<Record<string, "read" | "write">>;
  readonly default_events: readonly string[];
}

interface Form {
  readonly action: URL;
  readonly manifest: Manifest;
}

function formIn(html: string): Form {
  const [form] = elements(html, "form");
  return {
    action: new URL(form?.["action"] ?? ""),
    manifest: JSON.parse(inputsIn(html)["manifest"] ?? "") as Manifest,
  };
}

function inputsIn(html: string): Readonly<Record<string, string>> {
  return Object.fromEntries(elements(html, "input").map((input) => [input["name"] ?? "", input["value"] ?? ""]));
}

interface Node {
  readonly nodeName: string;
  readonly attrs?: readonly { readonly name: string; readonly value: string }[];
  readonly childNodes?: readonly Node[];
}

function elements(html: string, name: string): readonly Readonly<Record<string, string>>[] {
  const walk = (node: Node): readonly Node[] => [node, ...(node.childNodes ?? []).flatMap(walk)];
  return walk(parse(html) as Node)
    .filter(({ nodeName }) => nodeName === name)
    .map(({ attrs = [] }) => Object.fromEntries(attrs.map((attr) => [attr.name, attr.value])));
}
