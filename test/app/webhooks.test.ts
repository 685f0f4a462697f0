import { createHmac, hash } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { WebhookEvent } from "../../app/part.ts";
import { migrate } from "../../app/state/migrations.ts";
import { openPglite } from "../../app/state/pglite.ts";
import { startTown, type Town } from "../standin/town.ts";
import { type AppUnderTest, runApp, secretsIn } from "./running.ts";

const CONTENT = "DROP TABLE customers -- in a comment of somebody";

describe("webhooks", () => {
  let town: Town;
  let running: AppUnderTest;
  const heard: WebhookEvent[] = [];
  let fails: Error | undefined;

  beforeAll(async () => {
    const database = await openPglite("memory");
    await migrate(database);
    town = await startTown();
    const part = () => ({
      routes: [],
      doers: new Map(),
      onWebhook: async (event: WebhookEvent) => {
        heard.push(event);
        await Promise.resolve();
        if (fails !== undefined) throw fails;
      },
    });
    running = await runApp({ town, database, parts: [part] });
  });
  afterAll(async () => {
    await running.app.stop();
    await town.close();
  });
  beforeEach(() => {
    heard.length = 0;
    fails = undefined;
  });

  const payload = JSON.stringify({ action: "created", comment: { body: CONTENT }, installation: { id: 1 } });
  const sign = (text: string, secret: string) => `sha256=${createHmac("sha256", secret).update(text).digest("hex")}`;
  const send = async (body: string, headers: Readonly<Record<string, string>>) =>
    await fetch(`${running.origin}/api/github/webhooks`, {
      method: "POST",
      body,
      headers: {
        "content-type": "application/json",
        "x-github-event": "issue_comment",
        "x-github-delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        ...headers,
      },
    });

  it("reach every part when GitHub signed them", async () => {
    const issue = await town.octokit.request("POST /repos/{owner}/{repo}/issues", { ...town.at, title: "held" });
    await town.octokit.request("POST /repos/{owner}/{repo}/issues/{issue_number}/comments", {
      ...town.at,
      issue_number: issue.data.number,
      body: "/countersign approve 7F3KQ2MX",
    });
    await expect.poll(() => heard.map(({ name }) => name)).toEqual(["issue_comment"]);
    expect(heard[0]?.payload).toMatchObject({ action: "created", comment: { body: "/countersign approve 7F3KQ2MX" } });
  });

  it.each([
    ["without a signature", {}, 400],
    ["signed with another secret", { "x-hub-signature-256": sign(payload, "guessed") }, 400],
    ["signed with the default secret of Probot", { "x-hub-signature-256": sign(payload, "development") }, 400],
    ["signed over another body", { "x-hub-signature-256": sign(`${payload} `, "a secret of the tests") }, 400],
    ["signed by the old header alone", { "x-hub-signature": `sha1=${hash("sha1", payload)}` }, 400],
    [
      "of no JSON type",
      { "x-hub-signature-256": sign(payload, "a secret of the tests"), "content-type": "text/plain" },
      415,
    ],
  ])("reach nobody %s", async (_how, headers: Record<string, string>, status) => {
    expect((await send(payload, headers)).status).toBe(status);
    expect(heard).toEqual([]);
  });

  it("that are signed and are no JSON are refused, and the App goes on", async () => {
    const text = "not json";
    const answered = await send(text, { "x-hub-signature-256": sign(text, town.receiver.secret) });
    expect(answered.status).toBeGreaterThanOrEqual(400);
    expect((await send(payload, { "x-hub-signature-256": sign(payload, town.receiver.secret) })).status).toBe(200);
    expect(heard).toHaveLength(1);
  });

  it("above 25 megabytes are refused before they are read", async () => {
    const { hostname, port } = new URL(running.origin);
    const socket = connect(Number(port), hostname);
    socket.write("POST /api/github/webhooks HTTP/1.1\r\nhost: a\r\ncontent-length: 26214401\r\n\r\n");
    const [answered] = (await once(socket, "data")) as [Buffer];
    socket.destroy();
    expect(answered.toString()).toMatch(/^HTTP\/1\.1 413 /);
  });

  it("that a part fails at are answered with 500, and neither answer nor log says what was in them", async () => {
    fails = new Error(`cannot take ${CONTENT}`);
    const answered = await send(payload, { "x-hub-signature-256": sign(payload, town.receiver.secret) });
    expect(answered.status).toBe(500);
    expect(await answered.text()).not.toContain("DROP");
    const lines = running.logged.join("");
    expect(lines).toContain("a delivery was not handled");
    expect(lines).not.toContain("DROP TABLE");
    expect(lines).not.toContain(sign(payload, town.receiver.secret).slice(8));
  });

  it("are counted by event and outcome", async () => {
    const text = await (await fetch(`${running.origin}/metrics`)).text();
    expect(text).toMatch(/^countersign_webhooks_total\{event="issue_comment",outcome="taken"\} [2-9]/m);
    expect(text).toMatch(/^countersign_webhooks_total\{event="issue_comment",outcome="failed"\} \d/m);
    expect(text).toMatch(/^countersign_webhooks_total\{event="unknown",outcome="refused"\} \d/m);
  });

  it("logs no secret, in all of this", () => {
    expect(running.logged.length).toBeGreaterThan(2);
    expect(secretsIn(running.logged, town)).toEqual([]);
  });
});
