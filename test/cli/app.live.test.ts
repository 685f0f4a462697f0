import { type ChildProcess, spawn } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type LivePostgres, startPostgres } from "../live/server.ts";

describe.each([
  ["as it is written", "src/cli/main.ts"],
  ["as it is built", "dist/countersign.cjs"],
])("countersign app, %s", (_how, program) => {
  let server: LivePostgres;
  let folder: string;
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
  const own = generateKeyPairSync("ed25519").privateKey;
  beforeAll(async () => {
    server = await startPostgres();
    folder = mkdtempSync(join(tmpdir(), "countersign-app-process-"));
  });
  afterAll(async () => {
    rmSync(folder, { recursive: true, force: true });
    await server.close();
  });

  async function begin(): Promise<{
    readonly child: ChildProcess;
    readonly origin: string;
    readonly ended: Promise<unknown>;
  }> {
    const { PATH } = process.env;
    const child = spawn(process.execPath, [program, "app"], {
      stdio: ["ignore", "pipe", "inherit"],
      env: {
        PATH,
        APP_ID: "1",
        PRIVATE_KEY: rsa.export({ type: "pkcs8", format: "pem" }).toString(),
        WEBHOOK_SECRET: "f3b1c0de94a7e8d26b5f01c3a9d47e82",
        COUNTERSIGN_URL: "https://countersign.example.com",
        COUNTERSIGN_KEY: own.export({ type: "pkcs8", format: "pem" }).toString(),
        COUNTERSIGN_STATE_DIR: folder,
        DATABASE_URL: server.url,
        GITHUB_API_URL: "http://127.0.0.1:1",
        PORT: "0",
      },
    });
    const ended = once(child, "exit");
    const lines: string[] = [];
    child.stdout.on("data", (chunk: Buffer) => lines.push(chunk.toString()));
    await expect.poll(() => lines.join(""), { timeout: 20_000 }).toContain("the App runs");
    const origin = /"listening":"([^"]+)"/.exec(lines.join(""))?.[1] ?? "";
    return { child, origin, ended };
  }

  /** A delivery whose body does not come. */
  async function hang(origin: string): Promise<Socket> {
    const { hostname, port } = new URL(origin);
    const socket = connect(Number(port), hostname);
    socket.on("error", () => undefined);
    socket.write("POST /api/github/webhooks HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n{");
    await once(socket, "connect");
    // What is asked after it is answered after it was taken.
    await fetch(`${origin}/healthz`);
    return socket;
  }

  it("says that it lives though GitHub is away, and stops at SIGTERM with 0", async () => {
    const { child, origin, ended } = await begin();
    expect((await fetch(`${origin}/healthz`)).status).toBe(200);
    const ready = await fetch(`${origin}/readyz`);
    expect([ready.status, await ready.json()]).toEqual([503, { database: "ok", github: "away" }]);
    child.kill("SIGTERM");
    expect(await ended).toEqual([0, null]);
  });

  it("waits for what is still being sent, and at a second signal for nothing", async () => {
    const { child, origin, ended } = await begin();
    const socket = await hang(origin);
    child.kill("SIGTERM");
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(child.exitCode).toBeNull();
    child.kill("SIGTERM");
    expect(await ended).toEqual([1, null]);
    socket.destroy();
  });
});
