import { afterEach, describe, expect, it } from "vitest";
import { type ApprovalFacts, verifyApproval } from "../../../src/evidence/approval-statement.ts";
import { DeskError } from "../../../src/gateway/desk/call.ts";
import { asked } from "../../../src/gateway/desk/signed-answer.ts";
import { digestOf, openDisclosure } from "../../../src/journal/disclosure.ts";
import { parseVkey, rawPublicKey } from "../../../src/tlog/note.ts";
import { exchange, newPlace, ORIGIN, type Place, type Running, registered, runIn } from "./running.ts";
import { masked, SID, sampleRequest } from "./sample.ts";

const open: Running[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) {
    await each.stop();
    each.remove();
  }
});

async function start(place?: Place): Promise<Running> {
  const running = await registered(place);
  open.push(running);
  return running;
}

describe("the socket", () => {
  it("answers nobody who does not know the secret", async () => {
    const { socketPath } = await start();
    for (const headers of [{}, { authorization: "Bearer " }, { authorization: "Bearer wrong" }]) {
      for (const path of ["/v1/health", "/add-checkpoint", "/v1/requests", "/nothing"]) {
        const reply = await exchange({ socketPath }, { method: "POST", path, headers, body: "{}" });
        expect(reply.status).toBe(403);
      }
    }
  });

  it("refuses a body beyond its bound, one that is no JSON, and one that is no request", async () => {
    const { socketPath, desk } = await start();
    const post = async (body: string): Promise<number> => {
      const headers = { authorization: `Bearer ${desk.secret}` };
      return (await exchange({ socketPath }, { method: "POST", path: "/v1/requests", headers, body })).status;
    };
    expect(await post(`"${"x".repeat(1024 * 1024)}"`)).toBe(413);
    expect(await post("{")).toBe(400);
    expect(await post("[]")).toBe(400);
    expect(await post(JSON.stringify({ ...sampleRequest(), effects: [] }))).toBe(400);
  });
});

describe("a request at the desk", () => {
  it("is answered once, with a signed statement that names exactly this command", async () => {
    const { client, key } = await start();
    const request = sampleRequest();
    const wait = client.ask(request, new AbortController().signal);
    await shown(client, request.id);
    await client.answer({ id: request.id, digest: request.digest, answer: "approve", reason: "as agreed" });
    const answered = await wait;
    expect(answered).toMatchObject({
      answer: "approved",
      by: [{ login: "ines", via: "terminal" }],
      reason: "as agreed",
    });

    const raw = rawPublicKey(key);
    expect(parseVkey(client.vkey).publicKey).toEqual(raw);
    const verified = verifyApproval(answered.dsse, raw, asked(request));
    expect(verified).toMatchObject({
      kind: "good",
      facts: { answer: "approved", reason: [{ "...": digestOf(answered.disclosure) }] },
    });
    expect(openDisclosure(answered.disclosure)?.value).toBe("as agreed");
    expect(payloadOf(answered.dsse)).not.toContain("as agreed");
    for (const change of [
      { digest: sampleRequest({ id: "0000000000" }).digest },
      { leaf: "x" },
      { target: "other" },
      { cmd: "2/5" },
    ]) {
      expect(verifyApproval(answered.dsse, raw, { ...asked(request), ...change }).kind).toBe("bad");
    }

    const late = client.answer({ id: request.id, digest: request.digest, answer: "refuse", reason: "" });
    await expect(late).rejects.toThrow(/already approved: your answer had no effect/);
    expect(await client.standing(request.id, 0, new AbortController().signal)).toEqual({ state: "answered", answered });
  });

  it("is refused by one refusal, signed as well", async () => {
    const { client, key } = await start();
    const request = sampleRequest();
    await client.submit(request);
    await client.answer({ id: request.id, digest: request.digest, answer: "refuse", reason: "no" });
    const standing = await client.standing(request.id, 0, new AbortController().signal);
    const dsse = standing.state === "answered" ? standing.answered.dsse : "";
    expect(factsOf(dsse, rawPublicKey(key))).toMatchObject({
      answer: "refused",
      reason: [{ "...": digestOf(standing.state === "answered" ? standing.answered.disclosure : "") }],
      request: request.id,
    });
  });

  it("takes no answer for a digest that the person was not shown", async () => {
    const { client } = await start();
    const request = sampleRequest();
    await client.submit(request);
    const wrong = client.answer({
      id: request.id,
      digest: sampleRequest({ id: "0000000000" }).digest,
      answer: "approve",
      reason: "",
    });
    expect(await statusOf(wrong)).toBe(409);
    expect(await client.standing(request.id, 0, new AbortController().signal)).toMatchObject({ state: "pending" });
  });

  it("expires by itself, wakes whoever waits, and can then not be approved", async () => {
    const { client, key } = await start();
    const now = Date.now();
    const request = sampleRequest({
      requestedAt: new Date(now).toISOString(),
      expiresAt: new Date(now + 300).toISOString(),
    });
    const answered = await client.ask(request, new AbortController().signal);
    expect(Date.now() - now).toBeLessThan(2000);
    expect(answered).toMatchObject({ answer: "expired", by: [] });
    expect(factsOf(answered.dsse, rawPublicKey(key))).toMatchObject({ answer: "expired" });
    const late = client.answer({ id: request.id, digest: request.digest, answer: "approve", reason: "" });
    expect(await statusOf(late)).toBe(409);
  });

  it("expires by the timer when the clock is set back, and by the clock when it is set on", async () => {
    const place = newPlace();
    let shift = 0;
    const running = await runIn(place, () => Date.now() + shift);
    open.push(running);
    const { client } = running;
    await client.register({ sid: SID, origin: ORIGIN, vkey: place.session.verifier.vkey });
    const now = Date.now();
    const back = sampleRequest({ requestedAt: iso(now), expiresAt: iso(now + 300) });
    await client.submit(back);
    shift = -3_600_000;
    const ended = await client.standing(back.id, 3, new AbortController().signal);
    expect(ended).toMatchObject({ state: "answered", answered: { answer: "expired" } });

    shift = 0;
    const on = sampleRequest({ id: "0000000001" });
    await client.submit(on);
    shift = 3_600_000;
    const late = client.answer({ id: on.id, digest: on.digest, answer: "approve", reason: "" });
    await expect(late).rejects.toThrow(/expired before your answer/);
  });

  it("is withdrawn when the client leaves, and stays withdrawn", async () => {
    const { client } = await start();
    const request = sampleRequest();
    const leave = new AbortController();
    const wait = client.ask(request, leave.signal);
    await shown(client, request.id);
    leave.abort();
    expect(await wait).toEqual({ answer: "withdrawn", by: [], reason: "", dsse: "", disclosure: "" });
    const late = client.answer({ id: request.id, digest: request.digest, answer: "approve", reason: "" });
    await expect(late).rejects.toThrow(/already withdrawn/);
  });

  it("is not made twice under one id, nor for a session that nobody registered", async () => {
    const { client } = await start();
    await client.submit(sampleRequest());
    expect(await statusOf(client.submit(sampleRequest()))).toBe(409);
    const other = sampleRequest({ id: "0000000001", sid: "01KAR3Q8ZJ4X7V2M9T5C6B0WNF" });
    expect(await statusOf(client.submit(other))).toBe(404);
  });

  it("keeps two requests with one text apart: one answer answers one", async () => {
    const { client } = await start();
    const [one, two] = [sampleRequest(), sampleRequest({ id: "0000000001" })];
    await client.submit(one);
    await client.submit(two);
    await client.answer({ id: one.id, digest: one.digest, answer: "approve", reason: "" });
    expect(await client.standing(two.id, 0, new AbortController().signal)).toEqual({ state: "pending", approvals: 0 });
  });

  it("is refused as the twenty-first that waits, and welcome when one was answered", async () => {
    const { client } = await start();
    const all = Array.from({ length: 21 }, (_, at) =>
      sampleRequest({ id: `00000000${String(at).padStart(2, "0")}`, text: masked(`DELETE FROM t${at}`) }),
    );
    for (const each of all.slice(0, 20)) {
      await client.submit(each);
    }
    const [first] = all;
    const last = all[20] ?? sampleRequest();
    expect(await statusOf(client.submit(last))).toBe(429);
    await client.answer({ id: first?.id ?? "", digest: first?.digest ?? "", answer: "refuse", reason: "" });
    await client.submit(last);
  });

  it("waits for as many different people as the terms say, and this machine has one", async () => {
    const { client } = await start();
    const request = sampleRequest();
    const two = { ...request, terms: { ...request.terms, count: 2 } };
    await client.submit(two);
    const answer = { id: two.id, digest: two.digest, answer: "approve", reason: "" } as const;
    expect(await client.answer(answer)).toBe("Approved by 1 of 2.");
    await expect(client.answer(answer)).rejects.toThrow(/each person counts once/);
    const standing = await client.standing(two.id, 0, new AbortController().signal);
    expect(standing).toEqual({ state: "pending", approvals: 1 });
  });

  it("is refused, not released, when the countersigner ends", async () => {
    const { client, desk } = await start();
    const request = sampleRequest();
    const wait = client.ask(request, new AbortController().signal);
    await shown(client, request.id);
    const ended = statusOf(wait);
    await desk.close();
    expect(await ended).toBe(0);
    expect(await statusOf(client.addCheckpoint("old 0\n"))).toBe(0);
  });
});

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

function payloadOf(dsse: string): string {
  const { payload } = JSON.parse(dsse) as { payload: string };
  return Buffer.from(payload, "base64").toString();
}

function factsOf(dsse: string, key: Uint8Array): ApprovalFacts | undefined {
  const result = verifyApproval(dsse, key, {});
  return result.kind === "good" ? result.facts : undefined;
}

async function statusOf(call: Promise<unknown>): Promise<number> {
  try {
    await call;
    return 200;
  } catch (error) {
    return error instanceof DeskError ? error.status : -1;
  }
}

async function shown(client: Running["client"], id: string): Promise<void> {
  while ((await statusOf(client.standing(id, 0, new AbortController().signal))) !== 200) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
