// What a new user does first, with the policy that they start from: psql's descriptions and a dump of the schema pass
// without anybody being asked.

import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type LivePostgres, startPostgres } from "./server.ts";
import { type LiveSession, startSession } from "./session.ts";

const run = promisify(execFile);

let server: LivePostgres;
let session: LiveSession;

beforeAll(async () => {
  server = await startPostgres({ fixture: "test/corpus/postgres-fixture.sql" });
  session = await startSession({
    policy: readFileSync("examples/countersign.yml", "utf8"),
    target: "appdb",
    url: server.url,
    people: async () => await Promise.resolve("refused"),
  });
});

afterAll(async () => {
  await session.close();
  await server.close();
});

function environment(): NodeJS.ProcessEnv {
  const { host, port, user, password, database } = session.endpoint;
  return {
    ...process.env,
    PGHOST: host,
    PGPORT: String(port),
    PGUSER: user,
    PGPASSWORD: password,
    PGDATABASE: database,
  };
}

const DESCRIPTIONS = String.raw`\d \d+ \dt+ \dv+ \dm \di+ \ds \df \dfS \da \dT+ \dD \do \dO \dy \dx \dx+ \dn+ \du+ \dg \dp \ddp \db+ \l+ \dF+ \dFd \dFp \dFt \dL \dc \dC \dE \des \deu \dew \dRp+ \dRs \dX \dAc \dAf \dAo \dAp \dP+ \dl \conninfo \encoding`;

describe("the starter policy in use", () => {
  it("lets psql describe everything", async () => {
    const commands = [
      ...DESCRIPTIONS.split(" "),
      String.raw`\d customers`,
      String.raw`\d+ v_customers`,
      String.raw`\sf purge_row`,
    ];
    const { stdout, stderr } = await run("psql", ["-X", ...commands.flatMap((each) => ["-c", each])], {
      env: environment(),
      maxBuffer: 64 * 1024 * 1024,
    });
    expect(stderr).not.toContain("ERROR");
    expect(stdout).toContain("customers");
  });

  it("lets pg_dump dump the schema, as superuser, as it is", async () => {
    const { stdout } = await run("pg_dump", ["--schema-only"], { env: environment(), maxBuffer: 64 * 1024 * 1024 });
    const direct = await run("pg_dump", ["--schema-only", server.url], { maxBuffer: 64 * 1024 * 1024 });
    const plain = (dump: string): string => dump.replaceAll(/^\\(?:un)?restrict .*$/gm, "");
    expect(plain(stdout)).toBe(plain(direct.stdout));
  });

  it("asked nobody, and refused nothing", () => {
    const decisions = session.events().filter(({ type }) => type === "command.decided");
    expect(decisions.length).toBeGreaterThan(100);
    expect(decisions.filter(({ body }) => body["decision"] !== "allow").map(({ body }) => body["matched"])).toEqual([]);
    expect(session.desk.requests).toEqual([]);
  });
});
