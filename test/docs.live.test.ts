import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningGateway, startGateway } from "./live/gateway.ts";
import { type LivePostgres, startPostgres } from "./live/server.ts";

// What the README says that a job gets, and what it admits that a hostile one could do, against a running gateway.

let server: LivePostgres;
let gateway: RunningGateway;

beforeAll(async () => {
  server = await startPostgres();
  const target = new URL(server.url);
  target.password = "";
  gateway = await startGateway({
    target: target.href,
    policy: readFileSync("examples/countersign.yml", "utf8"),
    program: resolve("src/cli/main.ts"),
    extraArgs: ["--password", "appdb=env:APPDB_PASSWORD"],
    env: { APPDB_PASSWORD: server.password, PGOPTIONS: "-c work_mem=1MB" },
  });
});

afterAll(async () => {
  await gateway.discard();
  await server.close();
});

describe("the README's list of what a job gets", () => {
  it("is what it gets", () => {
    const { jobEnv, url } = gateway;
    const { hostname, port } = new URL(url);
    expect(jobEnv).toMatchObject({ COUNTERSIGN_APPDB_URL: url, DATABASE_URL: url, PGHOST: hostname, PGPORT: port });
    expect(hostname).toBe("127.0.0.1");
    const names = Object.keys(jobEnv).filter((name) => name.startsWith("PG"));
    expect(names.toSorted()).toEqual(["PGDATABASE", "PGHOST", "PGPASSWORD", "PGPORT", "PGUSER"]);
    expect(jobEnv["COUNTERSIGN_CA_FILE"]).toMatch(/ca\.pem$/);
  });

  it("is right that the variable of --password is removed, and that a line says so", () => {
    expect(gateway.jobEnv["APPDB_PASSWORD"]).toBeUndefined();
    expect(gateway.log()).toContain("APPDB_PASSWORD holds a target's password and is kept from the job");
  });
});

describe("the limits that the README admits of the tier cooperative", () => {
  // When this fails because it is no longer so, README.md and SECURITY.md may promise more.
  it("are true: a process of the same user reads the gateway's environment", () => {
    const path = `/proc/${gateway.pid}/environ`;
    const wanted = `APPDB_PASSWORD=${server.password}`;
    // Elsewhere than on Linux there is no such file, and other ways to the same.
    expect(existsSync(path) ? readFileSync(path, "utf8").split("\0") : [wanted]).toContain(wanted);
  });

  it("are true: it reads the countersigner's key", () => {
    expect(readFileSync(`${gateway.stateDir}/countersigner.key`, "utf8")).toContain("PRIVATE KEY");
  });
});
