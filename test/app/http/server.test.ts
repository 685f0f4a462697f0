import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { MakePart } from "../../../app/app.ts";
import { json, Problem } from "../../../app/http/route.ts";
import type { Database } from "../../../app/state/database.ts";
import { migrate } from "../../../app/state/migrations.ts";
import { openPglite } from "../../../app/state/pglite.ts";
import { codeIn, rowsUnder } from "../../documents.ts";
import { startTown, type Town } from "../../standin/town.ts";
import { type AppUnderTest, runApp, secretsIn } from "../running.ts";
import { addSession, type KnownSession, type SignedInit } from "../sessions-in.ts";

const SECRET = "SELECT secret FROM vault";

/** Routes of every kind, each of which says what it was given. */
const part: MakePart = () => ({
  doers: new Map(),
  routes: [
    {
      method: "POST",
      path: /^\/v1\/echo$/,
      bodyBytesMax: 1000,
      who: "open",
      handle: async ({ body }) => await Promise.resolve(json(200, { bytes: body.length })),
    },
    {
      method: "GET",
      path: /^\/v1\/seldom$/,
      bodyBytesMax: 0,
      who: "open",
      rate: { perSecond: 1, burst: 3 },
      handle: async () => await Promise.resolve(json(200, {})),
    },
    {
      method: "GET",
      path: /^\/v1\/fails$/,
      bodyBytesMax: 0,
      who: "open",
      handle: async () => await Promise.reject(new Error(SECRET)),
    },
    {
      method: "GET",
      path: /^\/v1\/refuses$/,
      bodyBytesMax: 0,
      who: "open",
      handle: async () => await Promise.reject(new Problem(429, "Too many", "Wait.", { retryAfter: 7 })),
    },
    {
      method: "POST",
      path: /^\/v1\/sessions\/([^/]+)\/alive$/,
      bodyBytesMax: 100,
      who: "session",
      handle: async ({ caught, query }, { sid }) =>
        await Promise.resolve(json(200, { sid, caught, wait: query.get("wait") })),
    },
    {
      method: "PUT",
      path: /^\/v1\/sessions\/([^/]+)\/files\/events.jsonl$/,
      bodyBytesMax: 64 * 1024 * 1024,
      who: "session",
      handle: async ({ body }) => await Promise.resolve(json(200, { bytes: body.length })),
    },
    {
      method: "DELETE",
      path: /^\/v1\/requests\/([^/]+)$/,
      bodyBytesMax: 0,
      who: "session",
      rate: { perSecond: 1, burst: 2 },
      handle: async () => await Promise.resolve(json(200, {})),
    },
  ],
});

describe("the App's server", () => {
  let town: Town;
  let database: Database;
  let running: AppUnderTest;
  let session: KnownSession;
  const at = (target: string, init?: RequestInit) => fetch(`${running.origin}${target}`, init);

  beforeAll(async () => {
    town = await startTown();
    database = await openPglite("memory");
    await migrate(database);
    running = await runApp({ town, database, parts: [part] });
    session = await addSession(database);
  });
  afterAll(async () => {
    await running.app.stop();
    await town.close();
  });

  it.each([
    ["GET", "/", 404, "Not found"],
    ["GET", "/v1/echo/", 404, "Not found"],
    ["GET", "/v1/echo", 405, "Not allowed"],
    ["OPTIONS", "/v1/echo", 405, "Not allowed"],
    ["PATCH", "/healthz", 405, "Not allowed"],
    ["GET", "/api/github/webhooks", 405, "Not allowed"],
    ["GET", "/v1/%65cho", 400, "Bad target"],
    ["GET", "/v1/echo?a=<", 400, "Bad target"],
    ["GET", `/${"a".repeat(3000)}`, 400, "Bad target"],
    ["POST", `/v1/sessions/x/alive`, 401, "Not signed"],
  ])("answers %s %s with %i by RFC 9457", async (method, target, status, title) => {
    const { status: got, headers, body } = await raw(running.origin, { method, target });
    expect([got, headers["content-type"]]).toEqual([status, "application/problem+json"]);
    expect(JSON.parse(body)).toMatchObject({ status, title, type: "about:blank" });
    expect(headers["allow"] ?? "").toMatch(status === 405 ? /^(?:POST|GET, HEAD)$/ : /^$/);
  });

  it("answers HEAD as GET without a body", async () => {
    const head = await at("/healthz", { method: "HEAD" });
    expect([head.status, head.headers.get("content-length"), await head.text()]).toEqual([200, "15", ""]);
  });

  it("gives every answer an id and headers that keep browsers away from it", async () => {
    const { headers } = await at("/v1/key");
    expect(headers.get("x-request-id")).toMatch(/^[0-9a-f]{16}$/);
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(headers.get("cache-control")).toBe("no-store");
  });

  it("answers with its own key", async () => {
    expect(await (await at("/v1/key")).json()).toEqual({ vkey: running.app.vkey });
    expect(running.app.vkey).toMatch(/^127\.0\.0\.1:\d+\+[0-9a-f]{8}\+/);
  });

  it("takes a body up to the route's bound, and refuses one byte more before it is sent", async () => {
    expect(await (await at("/v1/echo", { method: "POST", body: "x".repeat(1000) })).json()).toEqual({ bytes: 1000 });
    const refused = await announced(running.origin, "/v1/echo", 1001);
    expect(refused).toMatch(/^HTTP\/1\.1 413 /);
    expect(refused).toContain("connection: close");
  });

  it("refuses a body that says no length at the first byte too many", async () => {
    const chunk = `3e8\r\n${"x".repeat(1000)}\r\n`;
    const answered = await spoken(
      running.origin,
      `POST /v1/echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n${chunk}1\r\nx\r\n`,
    );
    expect(answered).toMatch(/^HTTP\/1\.1 413 /);
  });

  it("asks for a body that waits for 100 only when it will be taken", async () => {
    const small = "POST /v1/echo HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\nconnection: close\r\n";
    expect(await spoken(running.origin, `${small}content-length: 5000\r\n\r\n`)).toMatch(/^HTTP\/1\.1 413 /);
    expect(await spoken(running.origin, `${small}content-length: 2\r\n\r\nok`)).toMatch(/^HTTP\/1\.1 100 .*200 OK/s);
  });

  it("believes a request that a session signed, and gives the route the session", async () => {
    const target = `/v1/sessions/${session.sid}/alive?wait=5`;
    const answered = await session.ask(running.origin, { method: "POST", target, body: "{}" });
    expect(await answered.json()).toEqual({ sid: session.sid, caught: [session.sid], wait: "5" });
  });

  const damages: [string, (init: SignedInit) => SignedInit][] = [
    ["another query", (init) => ({ ...init, target: init.target.replace("wait=5", "wait=6") })],
    ["another body", (init) => ({ ...init, body: "[]" })],
    ["a digest that is not the body's", (init) => ({ ...init, headers: { ...init.headers, "content-digest": "x" } })],
    ["no signature", (init) => ({ ...init, headers: without(init.headers, "signature") })],
    [
      "another session's id",
      (init) => ({
        ...init,
        headers: {
          ...init.headers,
          "signature-input": String(init.headers["signature-input"]).replace(/"01.{4}/, '"01AAAA'),
        },
      }),
    ],
    [
      "a time of an hour ago",
      (init) => ({
        ...init,
        headers: {
          ...init.headers,
          "signature-input": String(init.headers["signature-input"]).replace(
            /created=\d+/,
            `created=${Math.floor(Date.now() / 1000) - 3600}`,
          ),
        },
      }),
    ],
  ];

  it.each(damages)("does not believe one with %s", async (_what, change) => {
    const target = `/v1/sessions/${session.sid}/alive?wait=5`;
    const answered = await session.ask(running.origin, { method: "POST", target, body: "{}" }, change);
    expect(answered.status).toBe(401);
    expect(answered.headers.get("www-authenticate")).toBe("Signature");
  });

  it("says the same of a session that is not there and of a signature that is not good", async () => {
    const target = `/v1/sessions/${session.sid}/alive`;
    const told = async (change: (init: SignedInit) => SignedInit) => {
      const answered = (await (await session.ask(running.origin, { method: "POST", target }, change)).json()) as object;
      return { ...answered, instance: "" };
    };
    const bad = await told((init) => ({ ...init, target: `${target}?wait=1` }));
    const nobody = await told((init) => ({
      ...init,
      headers: {
        ...init.headers,
        "signature-input": String(init.headers["signature-input"]).replace(session.sid, "0".repeat(26)),
      },
    }));
    expect(bad).toEqual(nobody);
  });

  it("opens no other session's path with a session's key", async () => {
    const other = await addSession(database);
    const target = `/v1/sessions/${other.sid}/alive`;
    expect((await session.ask(running.origin, { method: "POST", target })).status).toBe(403);
  });

  it("takes a file of many megabytes, and does not read one that no session signed", async () => {
    const target = `/v1/sessions/${session.sid}/files/events.jsonl`;
    const body = new Uint8Array(8 * 1024 * 1024);
    expect(await (await session.ask(running.origin, { method: "PUT", target, body })).json()).toEqual({
      bytes: body.length,
    });
    const refused = await announced(running.origin, target, 60_000_000, "PUT");
    expect(refused).toMatch(/^HTTP\/1\.1 401 /);
  });

  it("lets one asker ask only so often, and says when again", async () => {
    const statuses: number[] = [];
    for (let count = 0; count < 4; count += 1) statuses.push((await at("/v1/seldom")).status);
    expect(statuses).toEqual([200, 200, 200, 429]);
    const refused = await at("/v1/seldom");
    expect(refused.headers.get("retry-after")).toBe("1");
    expect((await at("/v1/key")).status).toBe(200);
  });

  it("counts each session by itself, and nobody can use up another's", async () => {
    const [one, two] = [await addSession(database), await addSession(database)];
    const ask = async (by: KnownSession, change?: (init: SignedInit) => SignedInit) =>
      (await by.ask(running.origin, { method: "DELETE", target: "/v1/requests/a" }, change)).status;
    const forged = (init: SignedInit) => ({ ...init, target: "/v1/requests/b" });
    expect([await ask(one, forged), await ask(one, forged), await ask(one, forged)]).toEqual([401, 401, 401]);
    expect([await ask(one), await ask(one), await ask(one)]).toEqual([200, 200, 429]);
    expect(await ask(two)).toBe(200);
  });

  it("tells of its own failures by the request's id alone, and logs none of their words", async () => {
    const failed = await at("/v1/fails");
    const text = await failed.text();
    expect(failed.status).toBe(500);
    expect(text).not.toContain("vault");
    const id = failed.headers.get("x-request-id") ?? "";
    expect(text).toContain(id);
    const line = running.logged.find((each) => each.includes(id)) ?? "";
    expect(JSON.parse(line)).toMatchObject({ level: "error", error: "Error", request: id });
    expect(line).not.toContain("vault");
    expect(line).toMatch(/"at":"server\.test\.ts:\d+/);
  });

  it("hands on when a refusal may be tried again", async () => {
    const refused = await at("/v1/refuses");
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "7"]);
  });

  it("is ready while database and GitHub answer", async () => {
    const ready = await at("/readyz");
    expect([ready.status, await ready.json()]).toEqual([200, { database: "ok", github: "ok" }]);
  });

  it("counts what it answered, by route and not by path", async () => {
    const metrics = await at("/metrics");
    expect(metrics.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    const text = await metrics.text();
    expect(text).toContain('countersign_http_requests_total{route="/v1/seldom",method="GET",status="429"} ');
    expect(text).toContain('{route="/v1/sessions/*/alive",method="POST",status="200"} ');
    expect(text).not.toContain(session.sid);
    expect(text).toMatch(/^countersign_sessions\{state="open"\} [1-9]/m);
    expect(text).toMatch(/^process_resident_memory_bytes \d+$/m);
    for (const line of text.trimEnd().split("\n")) {
      expect(line).toMatch(
        /^(?:# (?:HELP [a-z_]+ .+|TYPE [a-z_]+ (?:counter|gauge|histogram))|[a-z_]+(?:\{[^\n]*\})? [\d.e+-]+)$/,
      );
    }
  });

  it("has the metrics that docs/operate.md describes, and no others", async () => {
    const text = await (await at("/metrics")).text();
    const there = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, kind]) => `${name} ${kind}`);
    const told = rowsUnder("docs/operate.md", "metric", "type").map(([name = "", kind]) => `${codeIn(name)} ${kind}`);
    expect(there.toSorted()).toEqual(told.toSorted());
  });

  it("has logged no secret", () => {
    expect(running.logged.length).toBeGreaterThan(2);
    expect(secretsIn(running.logged, town)).toEqual([]);
  });
});

function without(headers: Readonly<Record<string, string>>, name: string): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).filter(([each]) => each !== name));
}

/** Asks with a target just as it is: `fetch` would tidy it. */
async function raw(origin: string, { method, target }: { readonly method: string; readonly target: string }) {
  const { hostname, port } = new URL(origin);
  const request = httpRequest({ hostname, port, method, path: target, agent: false });
  request.end();
  const [response] = (await once(request, "response")) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return { status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks).toString("utf8") };
}

/** Sends the head alone, which says how long the body will be, and gives what is answered to that. */
async function announced(origin: string, target: string, bytes: number, method = "POST"): Promise<string> {
  return await spoken(origin, `${method} ${target} HTTP/1.1\r\nhost: a\r\ncontent-length: ${bytes}\r\n\r\n`);
}

/** Speaks on a bare connection until the other side closes it. */
async function spoken(origin: string, text: string): Promise<string> {
  const { hostname, port } = new URL(origin);
  const socket = connect(Number(port), hostname);
  socket.write(text);
  const chunks: Buffer[] = [];
  socket.on("data", (chunk) => chunks.push(chunk));
  await once(socket, "close");
  return Buffer.concat(chunks).toString("utf8");
}
