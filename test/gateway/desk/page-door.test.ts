import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Exchange, exchange, type Reply, type Running, registered } from "./running.ts";
import { masked, sampleRequest } from "./sample.ts";

let running: Running;
let port: number;
let link: string;

beforeEach(async () => {
  running = await registered();
  const url = new URL(running.desk.pageUrl);
  port = Number(url.port);
  link = url.pathname;
});

afterEach(async () => {
  await running.stop();
  running.remove();
});

describe("the page", () => {
  it("opens by its link, with a policy that lets nothing in but itself", async () => {
    const page = await visit({ path: link });
    expect(page.status).toBe(200);
    const policy = String(page.headers["content-security-policy"]);
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain("unsafe");
    expect(page.headers).toMatchObject({
      "cache-control": "no-store",
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
      "x-frame-options": "DENY",
    });
    expect(page.headers["access-control-allow-origin"]).toBeUndefined();
    const nonce = /script-src 'nonce-([^']+)'/.exec(policy)?.[1] ?? "";
    expect(page.body.split(`nonce="${nonce}"`)).toHaveLength(3);
    expect(page.body).not.toMatch(/https?:\/\//);
    expect((await visit({ path: link })).body).not.toContain(nonce);
  });

  it("has a link of 32 random bytes on 127.0.0.1", () => {
    expect(running.desk.pageUrl).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/[A-Za-z0-9_-]{43}\/$/);
  });

  it("tells who comes without the link what to do, and nothing else", async () => {
    for (const path of [
      "/",
      "/state",
      "//",
      link.slice(0, -2),
      // Any other last character; one in sixteen links ends in A by itself.
      `${link.slice(0, -2)}${link.at(-2) === "A" ? "E" : "A"}/`,
      "/%00/",
      "/x/state?since=0",
    ]) {
      const reply = await visit({ path });
      expect(reply.status).toBe(403);
      expect(reply.body).toContain("needs the link");
    }
    expect((await visit({ method: "POST", path: "/answer", body: "{}" })).status).toBe(403);
  });

  it("is closed to a name that was rebound to 127.0.0.1", async () => {
    for (const host of [
      "evil.example",
      `evil.example:${port}`,
      "127.0.0.1",
      `127.0.0.1:${port + 1}`,
      `[::1]:${port}`,
    ]) {
      expect((await visit({ path: link, headers: { host } })).status).toBe(403);
      expect((await visit({ path: `${link}state`, headers: { host } })).status).toBe(403);
    }
    expect((await visit({ path: link, headers: { host: `localhost:${port}` } })).status).toBe(200);
  });

  it("shows what waits as soon as it waits", async () => {
    const first = await visit({ path: `${link}state?since=-1` });
    const { version } = JSON.parse(first.body) as { version: number };
    const poll = visit({ path: `${link}state?since=${version}` });
    await running.client.submit(sampleRequest());
    const state = JSON.parse((await poll).body) as { waiting: { id: string }[] };
    expect(state.waiting.map((each) => each.id)).toEqual([sampleRequest().id]);
    const view = await visit({ path: `${link}requests/${sampleRequest().id}` });
    expect(JSON.parse(view.body)).toMatchObject({ headline: "Delete from public.orders", repeats: 0 });
  });

  it("gives a request as data, so that no text of a job is markup", async () => {
    await running.client.submit(sampleRequest({ text: masked("<img src=x onerror=alert(1)></script>\u202E") }));
    const view = await visit({ path: `${link}requests/${sampleRequest().id}` });
    expect(view.headers["content-type"]).toBe("application/json; charset=utf-8");
    expect(view.headers["x-content-type-options"]).toBe("nosniff");
    expect(view.body).not.toContain("\u202E");
    expect((await visit({ path: link })).body).not.toContain("onerror");
  });

  it("takes an answer from itself and ends the gateway's wait", async () => {
    const request = sampleRequest();
    const wait = running.client.ask(request, new AbortController().signal);
    await untilShown(request.id);
    expect((await answer({ body: wordOn(request.id) })).status).toBe(200);
    expect(await wait).toMatchObject({ answer: "approved", by: [{ login: "ines", via: "page" }], reason: "fine" });
    const again = await answer({ body: wordOn(request.id) });
    expect(again.status).toBe(409);
    expect(again.body).toContain("no effect");
    expect(running.log.join()).toContain("had no effect");
    const state = JSON.parse((await visit({ path: `${link}state?since=-1` })).body) as { answered: object[] };
    expect(state.answered).toMatchObject([{ id: request.id, answer: "approved", reason: "fine" }]);
  });

  it("takes no answer from another page, whatever it pretends", async () => {
    const request = sampleRequest();
    await running.client.submit(request);
    const own = `http://127.0.0.1:${port}`;
    const foreign: readonly Readonly<Record<string, string>>[] = [
      { origin: "https://evil.example" },
      { origin: "null" },
      { origin: `http://127.0.0.1:${port + 1}` },
      { origin: `http://localhost:${port}` },
      { origin: `${own}.evil.example` },
      { origin: own, "sec-fetch-site": "cross-site" },
      { origin: own, "sec-fetch-site": "same-site" },
    ];
    for (const headers of foreign) {
      expect((await answer({ headers, body: wordOn(request.id) })).status).toBe(403);
    }
    const noOrigin = { "content-type": "application/json" };
    expect(
      (await visit({ method: "POST", path: `${link}answer`, headers: noOrigin, body: wordOn(request.id) })).status,
    ).toBe(403);
    expect((await answer({ headers: { "content-type": "text/plain" }, body: wordOn(request.id) })).status).toBe(415);
    expect((await visit({ method: "OPTIONS", path: `${link}answer` })).status).toBe(405);
    expect(await standing(request.id)).toBe("pending");
  });

  it("takes no answer to a command that was not the one shown", async () => {
    const request = sampleRequest();
    await running.client.submit(request);
    const body = JSON.parse(wordOn(request.id)) as object;
    const other = JSON.stringify({ ...body, digest: sampleRequest({ id: "0000000001" }).digest });
    expect((await answer({ body: other })).status).toBe(409);
    expect((await answer({ body: JSON.stringify({ ...body, word: "yes" }) })).status).toBe(400);
    expect((await answer({ body: JSON.stringify({ ...body, reason: "x".repeat(1001) }) })).status).toBe(400);
    expect((await answer({ body: JSON.stringify({ ...body, id: "0000000009" }) })).status).toBe(404);
    expect(await standing(request.id)).toBe("pending");
  });
});

function wordOn(id: string): string {
  return JSON.stringify({ id, digest: sampleRequest({ id }).digest, word: "approve", reason: "fine" });
}

async function visit({ headers = {}, ...rest }: Exchange): Promise<Reply> {
  return await exchange({ port }, { ...rest, headers: { host: `127.0.0.1:${port}`, ...headers } });
}

async function answer({ headers = {}, body }: Pick<Exchange, "headers" | "body">): Promise<Reply> {
  const own = { origin: `http://127.0.0.1:${port}`, "content-type": "application/json", ...headers };
  return await visit({ method: "POST", path: `${link}answer`, headers: own, ...(body === undefined ? {} : { body }) });
}

async function standing(id: string): Promise<string> {
  return (await running.client.standing(id, 0, new AbortController().signal)).state;
}

async function untilShown(id: string): Promise<void> {
  while ((await visit({ path: `${link}requests/${id}` })).status !== 200) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
