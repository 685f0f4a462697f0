// What a job can learn of the real credential from its environment and from the list of processes: nothing. And what a
// person is told where the target cannot be used.

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningGateway, startGateway } from "../live/gateway.ts";
import { type LivePostgres, startPostgres } from "../live/server.ts";

let server: LivePostgres;
let gateway: RunningGateway;

beforeAll(async () => {
  server = await startPostgres();
  gateway = await startGateway({
    target: server.url,
    policy: readFileSync("test/corpus/policy.yml", "utf8").replace("fixture:", "appdb:"),
    program: resolve("src/cli/main.ts"),
    env: {
      OLD_URL: server.url,
      PGPASSWORD: server.password,
      DSN: `host=127.0.0.1 password=${server.password} dbname=postgres`,
      HARMLESS: "kept",
    },
  });
});

afterAll(async () => {
  await gateway.discard();
  await server.close();
});

describe("a job", () => {
  it("gets no variable that holds the target's password, whatever its name, and all others", () => {
    const holding = Object.entries(gateway.jobEnv).filter(([, value]) => value.includes(server.password));
    expect(holding).toEqual([]);
    expect(gateway.jobEnv["HARMLESS"]).toBe("kept");
    expect(gateway.jobEnv["DATABASE_URL"]).toBe(gateway.url);
  });

  it("cannot read the password on the gateway's command line", () => {
    const path = `/proc/${gateway.pid}/cmdline`;
    const seen = existsSync(path) ? readFileSync(path, "utf8") : "countersign run";
    expect(seen).toContain("countersign run");
    expect(seen).not.toContain(server.password);
  });
});

describe("a target that cannot be used", () => {
  const folder = mkdtempSync(join(tmpdir(), "cs-run-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each([
    ["a wrong password", () => server.url.replace(server.password, "wrong"), "check the user and password"],
    ["no server", () => "postgres://postgres:x@127.0.0.1:1/postgres", "see that the server is running"],
    ["no TLS", () => `${server.url}?sslmode=verify-full`, "turn TLS on at the server"],
  ])("stops the start over %s with one line that says what to do, and ends", (_what, url, advice) => {
    const args = ["src/cli/main.ts", "run", "--policy", "examples/countersign.yml", "--target", `appdb=${url()}`];
    const where = ["--ledger", `dir:${join(folder, "ledger")}`, "--state", join(folder, "state")];
    const job = ["--", process.execPath, "-e", "console.log('the job ran')"];
    const done = spawnSync(process.execPath, [...args, ...where, ...job], { encoding: "utf8", timeout: 20_000 });
    expect(done.stderr).toMatch(/^countersign: target "appdb" cannot be used\. .*\n$/);
    expect(done.stderr).toContain(advice);
    expect(done.stdout).toBe("");
    expect(done.status).toBe(1);
  });
});
