// A command sent inside COPY data is never answered by the server. A gateway that counted it would take the answers of
// later commands for its, and believe of names what is not so.

import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { bind, copyData, copyDone, copyFail, execute, openRaw, query, type RawConnection, sync } from "./raw-client.ts";
import { type LivePostgres, startPostgres } from "./server.ts";
import { type LiveSession, startSession } from "./session.ts";

let server: LivePostgres;
let session: LiveSession;

beforeAll(async () => {
  server = await startPostgres({ fixture: "test/corpus/postgres-fixture.sql" });
  session = await startSession({
    policy: readFileSync("test/corpus/policy.yml", "utf8"),
    target: "fixture",
    url: server.url,
    people: async ({ text }) => await Promise.resolve(text.startsWith("COPY") ? "approved" : "refused"),
  });
});

afterAll(async () => {
  await session.close();
  await server.close();
});

async function answersOf(client: RawConnection, count = 1): Promise<string> {
  try {
    const frames = await client.receive(count);
    return frames.map(({ type, body }) => (type === "C" ? `${type}(${body.toString("latin1")})` : type)).join(" ");
  } catch (error) {
    return String(error);
  }
}

it("ends a connection that sends a command inside COPY data", async () => {
  const client = await openRaw(session.endpoint);
  client.send(query("PREPARE s AS DELETE FROM customers"));
  await answersOf(client);
  client.send(query("COPY staging FROM STDIN"), query("DEALLOCATE s; PREPARE s AS SELECT 1"));
  await client.receive(1, ({ type }) => type === "G" || type === "E").catch(() => undefined);
  client.send(copyFail("enough"));
  expect(await answersOf(client)).toContain("a command inside COPY data");
  client.send(query("SELECT 1; SELECT 1"), bind({ statement: "s" }), execute(), sync);
  expect(await answersOf(client, 2)).not.toContain("DELETE");
  client.destroy();
});

it("lets a Sync and a Flush stand where the server reads them away, and a command behind the data", async () => {
  const client = await openRaw(session.endpoint);
  client.send(query("COPY staging FROM STDIN"), copyData("70\tseventy\n"), sync, copyDone, query("SELECT 1"));
  const answers = await answersOf(client, 2);
  expect(answers).toContain("COPY 1");
  expect(answers).toContain("SELECT 1");
  client.destroy();
});
