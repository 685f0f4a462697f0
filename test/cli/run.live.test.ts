// What a job can learn of the real credential from its environment and from the list of processes: nothing.

import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
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
