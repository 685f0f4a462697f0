// A message that is too large to be judged: the client is told so, although it is still sending.

import { afterAll, beforeAll, expect, it } from "vitest";
import { errorFields, frame, openRaw, type ServerFrame } from "./raw-client.ts";
import { type LivePostgres, startPostgres } from "./server.ts";
import { type LiveSession, startSession } from "./session.ts";

const POLICY = `
version: 1
targets: { shop: { protocol: postgres } }
rules: [ { name: all, match: { effects: [read, session] }, decide: allow } ]
`;

let server: LivePostgres;
let session: LiveSession;

beforeAll(async () => {
  server = await startPostgres();
  session = await startSession({
    policy: POLICY,
    target: "shop",
    url: server.url,
    people: async () => await Promise.resolve("refused"),
  });
});

afterAll(async () => {
  await session.close();
  await server.close();
});

it.each([17, 64])("of %d MiB ends the connection with 54000, and the client reads it", async (mebibytes) => {
  const client = await openRaw(session.endpoint);
  const isError = ({ type }: ServerFrame): boolean => type === "E";
  client.send(frame("Q", [Buffer.alloc(mebibytes * 1024 * 1024, 0x20), Buffer.from("\0")]));
  const last = (await client.receive(1, isError)).at(-1);
  expect(errorFields(last?.body ?? Buffer.alloc(0)).get("C")).toBe("54000");
  client.destroy();
  await client.closed;
});
